"""Counts what is decoded."""

from arseg_lightning.video import frame_reader


def decoded_places(monkeypatch):
    """The places of all pictures that readers decode from here on, in a list that grows."""
    places = []
    original = frame_reader.numbered_pictures

    def counting(*arguments):
        for numbered in original(*arguments):
            places.append(numbered.place)
            yield numbered

    monkeypatch.setattr(frame_reader, "numbered_pictures", counting)
    return places
