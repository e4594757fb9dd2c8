"""The synthetic street: plan it, paint it, put it together, show it.

``plan`` makes the choices that hold for a whole street, ``paint`` makes textures, ``scenery`` and
``cards`` build what stands still and what stands in between, ``world`` says what a street is, and
``render`` shows it to a camera. :class:`arseg_lightning.video.synthetic.StreetScene` is the door.
"""
