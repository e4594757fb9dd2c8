"""A segmenter's streams give what the method gives by hand, one frame or several at once."""

from functools import partial

import numpy as np
import pytest
import torch

from arseg_lightning.datasets.augment import to_tensor
from arseg_lightning.datasets.clips import keyframes
from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.inference import Optimisations
from arseg_lightning.methods import EveryL, FrameInput, PerFrame
from arseg_lightning.models import BiSeNet18
from arseg_lightning.video.cache import MotionCache
from arseg_lightning.video.decode import decode
from arseg_lightning.video.errors import NoMotionVectors
from tests.streaming.made import segmenter, streamed, tiny_method
from tests.tiny import TinyNet
from tests.video.small_videos import moving_frames, write_stream, write_video


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """An I-frame at 0 and at 14."""
    folder = tmp_path_factory.mktemp("video")
    return write_video(folder / "clip.mp4", 20, keyframe_interval=14)


@torch.no_grad()
def by_hand(method, video, folder, chaining="subpixel"):
    """Labels of whole keyframe periods, with cached motion to the keyframe."""
    cache = MotionCache(folder)
    cache.ensure(video)
    motion = cache.read(video, chaining)
    frames = list(decode(video))
    images = Normalisation()(to_tensor(np.stack([frame.image for frame in frames])))
    keys = keyframes(motion.intra_frames, len(frames), method.clock.keyframe_interval)
    labels, state, key = [], {}, 0
    for index, image in enumerate(images):
        role, key = ("keyframe", index) if index in keys else ("nonkeyframe", key)
        field = torch.from_numpy(motion.motion(index, key).xy)
        output, state = method.step(role, FrameInput(image[None], field[None]), state)
        labels.append(output.labels(image.shape[1:])[0].numpy())
    return labels


def labels_of(results):
    return [result.labels for result in results]


def same(left, right):
    return all(np.array_equal(a, b) for a, b in zip(left, right, strict=True))


@pytest.mark.parametrize("chaining", ["subpixel", "integer", "none"])
def test_a_stream_gives_the_labels_of_the_steps_by_hand(video, tmp_path, chaining):
    method = tiny_method(EveryL(5))
    session = segmenter(method, chaining=chaining).session()
    results = [session.push(frame) for frame in streamed(video)]
    assert same(labels_of(results), by_hand(method, video, tmp_path, chaining))
    keys = [result.frame.index for result in results if result.is_keyframe]
    assert keys == [0, 5, 10, 14, 19]
    distances = [result.distance for result in results]
    assert distances == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 0, 1, 2, 3, 4, 0]


def test_optimised_networks_give_the_same_labels(video, tmp_path):
    method = tiny_method(EveryL(5), partial(BiSeNet18, width=0.125))
    session = segmenter(method.for_inference(Optimisations())).session()
    streams = labels_of(session.push(frame) for frame in streamed(video))
    plain = by_hand(method, video, tmp_path)
    assert (np.stack(list(streams)) == np.stack(plain)).mean() > 0.9999


def test_a_file_is_streamed_as_its_frames_are(video):
    own = segmenter(clock=EveryL(5))
    session = own.session()
    pushed = labels_of(session.push(frame) for frame in streamed(video))
    results = list(own.stream(video))
    assert same(labels_of(results), pushed)
    assert [result.reason for result in results][:6] == ["start", *[None] * 4, "interval"]
    assert len(list(own.stream(video, limit=3))) == 3


def test_a_method_without_motion_looks_for_none_unless_told_where(tmp_path):
    path = write_stream(
        tmp_path / "clip.mp4", "libx265", {"x265-params": "log-level=none"}, moving_frames(8)
    )
    per_frame = segmenter(PerFrame(11, TinyNet))
    steps = {}
    for name, own in ("arseg", segmenter()), ("per frame", per_frame):
        with own.open(path) as live:
            steps[name] = [f.step for f in live if f.step is not None]
    assert any(step.quarter_pixels.any() for step in steps["arseg"])
    assert not any(step.quarter_pixels.any() for step in steps["per frame"])
    found = labels_of(per_frame.stream(path, motion="reencode"))
    assert same(labels_of(per_frame.stream(path)), found)
    with pytest.raises(NoMotionVectors):
        per_frame.open(path, "codec")
