"""What the parts of a training sample cost, for ``loader.py``: made anew, and from the store."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from arseg_lightning.datasets import ClipDataModule
from arseg_lightning.datasets.augment import RawClip, to_pixels
from arseg_lightning.datasets.loader import Loader
from arseg_lightning.datasets.synthetic.scene import DrivingScene
from arseg_lightning.datasets.training_clips import TrainingClips, collate
from arseg_lightning.types import Clip
from arseg_lightning.video.chain import MotionChain
from arseg_lightning.video.decode import decode_motion
from arseg_lightning.video.encode import EncodeSettings, encode_frames
from arseg_lightning.video.frame_reader import read_frames

HEIGHT, WIDTH, LABEL_EVERY = 720, 960, 4


def make_videos(folder: Path, num_videos: int, num_frames: int) -> None:
    """Encode driving scenes, and write some of their labels."""
    settings = EncodeSettings(keyframe_interval=None)
    for seed in range(num_videos):
        scene = DrivingScene(height=HEIGHT, width=WIDTH, num_frames=num_frames, seed=seed)
        path = folder / "videos" / f"driving_{seed}.mp4"
        path.parent.mkdir(exist_ok=True)
        encode_frames(scene.images(), path, settings)
        labels = folder / "labels" / path.stem
        labels.mkdir(parents=True)
        for index in range(LABEL_EVERY - 1, num_frames, LABEL_EVERY):
            Image.fromarray(scene.label(index)).save(labels / f"{index:06d}.png")


@dataclass(frozen=True)
class Pair:
    """A training pair, of which each part is made by itself."""

    dataset: TrainingClips
    index: int
    distance: int

    @property
    def _frames(self) -> tuple[int, int]:
        _, frame, past, _ = self.dataset.targets[self.index]
        return frame - min(past, self.distance), frame

    @property
    def _sequence(self) -> int:
        return self.dataset.targets[self.index][0]

    @property
    def _video(self) -> Path:
        return self.dataset.reader.file_of(self._sequence)

    def frames_decoded(self) -> Any:
        """Both frames, from the video."""
        return read_frames(self._video, self._frames)

    def frames_read(self) -> Any:
        """Both frames, from the cache, where they are by now."""
        found = self.dataset.reader.store.frames.read(self._video, self._frames)
        if found is None:
            raise RuntimeError("the frames are not in the cache")
        return found

    def motion_extracted(self) -> Any:
        """The motion between them, from the video: decode up to the frame, compose."""
        key, frame = self._frames
        chain = MotionChain((HEIGHT, WIDTH), start=key)
        for index, (_, step) in enumerate(islice(decode_motion(self._video), frame + 1)):
            if index > key:
                chain.push(step)
        return chain.motion()

    def motion_read(self) -> Any:
        """The same, from the cache."""
        frames = self._frames
        return self.dataset.reader.motion(self._sequence, frames, "keyframe", frames[-1])

    def labels_read(self) -> Any:
        """The label, from its PNG."""
        return self.dataset.reader.labels(self._sequence, self._frames, (HEIGHT, WIDTH))

    def augmented(self) -> Any:
        """Colours, flip, scale, crop and normalisation."""
        images = np.zeros((2, HEIGHT, WIDTH, 3), np.uint8)
        labels = torch.zeros(2, HEIGHT, WIDTH, dtype=torch.uint8)
        motion, valid = torch.zeros(2, 2, HEIGHT, WIDTH), torch.ones(2, HEIGHT, WIDTH).bool()
        generator = np.random.default_rng(self.index)
        images = self.dataset.augment.colours(images, generator)
        raw = RawClip(to_pixels(images), labels, motion, valid)
        raw = self.dataset.augment.geometry(raw, generator)
        return self.dataset.normalise(raw.images), raw.labels.long()

    @cached_property
    def _clip(self) -> Clip:
        return self.dataset[0, self.index]

    def batched(self) -> Any:
        """Its place in a batch of one: all its parts are copied there; more wait for new memory."""
        return collate([self._clip])


def measure_parts(data: ClipDataModule, num_samples: int) -> dict[str, float]:
    """CPU milliseconds of the parts of a sample on one thread, mean over samples."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    dataset = training_set(data)
    generator, shortest = np.random.default_rng(0), dataset.spans.least
    pairs = [
        Pair(dataset, int(index), int(generator.integers(shortest, data.keyframe_interval)))
        for index in generator.integers(len(dataset), size=num_samples)
    ]
    for index in range(len(dataset)):  # whatever can be in the cache is
        dataset[0, index]
    names = [name for name, part in vars(Pair).items() if callable(part) and name[0] != "_"]
    found = {}
    for name in names:
        for pair in pairs[:1] if name != "batched" else pairs:
            getattr(pair, name)()
        start = time.process_time()
        for pair in pairs:
            getattr(pair, name)()
        found[f"{name}_ms"] = 1e3 * (time.process_time() - start) / num_samples
    torch.set_num_threads(threads)
    found["motion_read_times_as_fast"] = found["motion_extracted_ms"] / found["motion_read_ms"]
    found["frames_read_times_as_fast"] = found["frames_decoded_ms"] / found["frames_read_ms"]
    return rounded(found)


def parts_rows(parts: dict[str, float]) -> list[dict[str, str]]:
    """Parts of a sample: made anew, and from the store."""
    names = {
        "its two frames": ("frames_decoded_ms", "frames_read_ms"),
        "the motion between them": ("motion_extracted_ms", "motion_read_ms"),
        "its label": (None, "labels_read_ms"),
        "augmentation": (None, "augmented_ms"),
        "its place in a batch of one": (None, "batched_ms"),
    }
    rows = []
    for name, (made, read) in names.items():
        times = f"{parts[made] / parts[read]:.1f}" if made else "-"
        anew = f"{parts[made]:.1f}" if made else "-"
        rows.append(
            {
                "part of a sample": name,
                "from the video, ms": anew,
                "ms": f"{parts[read]:.1f}",
                "times as fast": times,
            }
        )
    return rows


def training_set(data: ClipDataModule) -> TrainingClips:
    """The training pairs of the data."""
    loader = data.train_dataloader()
    dataset = loader.dataset if isinstance(loader, Loader) else None
    if not isinstance(dataset, TrainingClips):
        raise TypeError("the data are no pairs")
    return dataset


def rounded(values: dict[str, Any]) -> dict[str, Any]:
    """Values as they are worth keeping."""
    shorter = {name: round(v, 3) if isinstance(v, float) else v for name, v in values.items()}
    lists = {
        name: [v and round(v) for v in vs] for name, vs in values.items() if isinstance(vs, list)
    }
    return shorter | lists
