"""Exported graphs in int8: calibrated on a video, and refused if they change too much on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from arseg_lightning.datasets.data_files import LABEL_SUFFIX, by_frame, files
from arseg_lightning.datasets.folder import labelled_frames
from arseg_lightning.datasets.labels import read_label
from arseg_lightning.export.contract import Contract, Quantisation
from arseg_lightning.export.graphs import RoleGraph
from arseg_lightning.export.onnx_method import OnnxMethod
from arseg_lightning.export.quantisation import Recorder, network_weights, quantise
from arseg_lightning.export.runtime import DEFAULT_RUNTIME, Runtime
from arseg_lightning.methods import Stream
from arseg_lightning.metrics import confusion_matrix, mean_iou
from arseg_lightning.ranges import check_range
from arseg_lightning.types import ClassSet, size_text
from arseg_lightning.video.live import LiveMotion, LiveSource, SourceFrame, open_live

__all__ = ["Int8Settings", "quantised"]


@dataclass(frozen=True, slots=True)
class Int8Settings:
    """How graphs are calibrated and checked.

    Args:
        video: A video file or a folder of images, of the size of the graphs.
        frames: Of so many frames from its start, ranges are taken; as many after them are checked.
        most_changed: The greatest share of their labels that may change.
        labels: Folder of label images of some frames; what counts then is the mean IoU.
        most_lost: The greatest loss of mean IoU.
    """

    video: Path
    frames: int = 64
    most_changed: float = 0.01
    labels: Path | None = None
    most_lost: float = 0.01

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_range(1, calibrate_frames=self.frames)
        check_range(0, 1, most_changed=self.most_changed, most_lost=self.most_lost)
        if self.labels is not None and not self.labels.is_dir():
            raise FileNotFoundError(f"{self.labels} is no folder; --labels is one of label images")

    def check_video(self, size: tuple[int, int]) -> None:
        """Raise a ValueError if the video does not fit the graphs: before any are made."""
        with open_live(self.video, motion=None) as live:
            if live.size != size:
                raise ValueError(
                    f"{self.video} is {size_text(live.size)} (height x width) and the graphs are "
                    f"for {size_text(size)}; calibrate on a video of that size, or export for "
                    f"--size {size_text(live.size)}"
                )
            if live.num_frames is not None:
                self.require_more(live.num_frames)

    def require_more(self, num_frames: int) -> None:
        """Raise a ValueError if a video of so many frames leaves none to check."""
        if num_frames <= self.frames:
            raise ValueError(
                f"{self.video} has {num_frames} frames, and the check needs some after the "
                f"{self.frames} that calibrate; take a longer video, or fewer "
                f"(--calibrate_frames {max(num_frames // 2, 1)})"
            )


def quantised(
    contract: Contract,
    graphs: Mapping[str, RoleGraph],
    source: Path,
    target: Path,
    settings: Int8Settings,
    classes: ClassSet,
    runtime: Runtime = DEFAULT_RUNTIME,
) -> Contract:
    """Write the graphs of a folder in int8 to another, if they agree with those in float.

    Args:
        contract: The contract of the graphs in float.
        graphs: The graphs before they were written, by role.
        source: Their folder.
        target: The folder to write; it is made.
        settings: How they are calibrated and checked.
        classes: Classes of the labels.
        runtime: Who runs both where they are compared; ONNX Runtime calibrates.

    Raises:
        ValueError: If nothing can be quantised or checked, or too much changes.
    """
    contract.write(source)
    target.mkdir()
    exact = OnnxMethod(source)
    motion: LiveMotion | None = "auto" if exact.uses_motion else None
    with open_live(settings.video, motion=motion) as live:
        samples = _record(exact, live, source, settings)
        counts = {
            role: quantise(
                *(source / graph.file, target / graph.file),
                *(network_weights(graphs[role]), samples[role]),
            )
            for role, graph in contract.graphs.items()
        }
        if not any(chosen for chosen, _ in counts.values()):
            raise ValueError(
                f"{contract.name} has no segmentation network made of convolutions, which is what "
                f"becomes int8; export without --int8"
            )
        contract.write(target)
        frames = list(islice(live, settings.frames))
    if not frames:
        settings.require_more(settings.frames)
    before, after = (OnnxMethod(folder, runtime=runtime) for folder in (source, target))
    found = _compare(before, after, frames, settings, classes)
    _require_alike(found, settings)
    return replace(contract, quantisation=replace(found, convolutions=counts))


def _stream(method: OnnxMethod) -> Stream:
    return Stream(method, method.contract.normalisation, method.contract.chaining)


def _record(
    method: OnnxMethod, live: LiveSource, folder: Path, settings: Int8Settings
) -> dict[str, Sequence[Path]]:
    """Run the frames that calibrate; what went into each graph, by role."""
    recorders = {
        role: Recorder(folder / graph.file, folder / "samples" / role)
        for role, graph in method.contract.graphs.items()
    }
    method.graphs.update(recorders)
    for _ in _stream(method).run(islice(live, settings.frames)):
        pass
    if missing := [role for role, each in recorders.items() if not each.samples]:
        raise ValueError(
            f"the first {settings.frames} frames of {settings.video} never reach the role "
            f"{', '.join(missing)}, whose ranges stay unknown; take more (--calibrate_frames)"
        )
    return {role: recorder.samples for role, recorder in recorders.items()}


def _compare(
    exact: OnnxMethod,
    quick: OnnxMethod,
    frames: Sequence[SourceFrame],
    settings: Int8Settings,
    classes: ClassSet,
) -> Quantisation:
    """Run the frames after those that calibrated through both, each with its own state."""
    runs = (_stream(method).run(frames) for method in (exact, quick))
    equal, truth = [], _Labels(settings, classes)
    for in_float, in_int8 in zip(*runs, strict=True):
        equal.append(float((in_float.labels == in_int8.labels).mean()))
        truth.add(in_float.frame.index, in_float.labels, in_int8.labels)
    return Quantisation(
        video=settings.video.name,
        calibration_frames=settings.frames,
        checked_frames=len(frames),
        convolutions={},
        equal_labels=float(np.mean(equal)),
        equal_labels_worst=float(np.min(equal)),
        labelled_frames=truth.num_frames,
        miou=truth.miou(),
    )


class _Labels:
    """Confusion of both with the labels that there are.

    A label has the name of its image, as in data sets, or, of a video, the number of its frame
    (``000012.png``), as ``predict`` writes them.
    """

    def __init__(self, settings: Int8Settings, classes: ClassSet) -> None:
        self.classes, self.paths = classes, dict[int, Path]()
        if settings.labels is not None and settings.video.is_dir():
            _, self.paths = labelled_frames(settings.video, settings.labels)
        elif settings.labels is not None:
            self.paths = by_frame(files(settings.labels, (LABEL_SUFFIX,), "labels"))
        count = classes.num_classes
        self.confusions = torch.zeros(2, count, count, dtype=torch.long)
        self.num_frames = 0

    def add(self, index: int, *found: NDArray[np.uint8]) -> None:
        """Count a frame, if it has a label."""
        if index not in self.paths:
            return
        size = (found[0].shape[0], found[0].shape[1])
        label = torch.from_numpy(read_label(self.paths[index], self.classes, size))
        known = self.classes.num_classes, self.classes.ignore_index
        for confusion, labels in zip(self.confusions, found, strict=True):
            confusion += confusion_matrix(torch.from_numpy(labels), label, *known)
        self.num_frames += 1

    def miou(self) -> tuple[float, float] | None:
        """Mean IoU in float and in int8; None without labels."""
        if not self.num_frames:
            return None
        in_float, in_int8 = mean_iou(self.confusions).tolist()
        return in_float, in_int8


def _require_alike(found: Quantisation, settings: Int8Settings) -> None:
    """Raise a ValueError if too much changes; with labels, their mean IoU decides."""
    where = f"the {found.checked_frames} frames of {settings.video} after the first"
    where += f" {found.calibration_frames}"
    remedy = (
        "nothing was written; calibrate on more frames (--calibrate_frames), on a video more like "
        "those that the graphs are for (--calibrate), or export without --int8"
    )
    if settings.labels is None:
        changed = 1 - found.equal_labels
        if not changed <= settings.most_changed:
            raise ValueError(
                f"in int8, {changed:.2%} of the labels change on {where}, and "
                f"{settings.most_changed:.2%} may (--most_changed {settings.most_changed:g}); "
                f"{remedy}"
            )
        return
    if found.miou is None:
        raise ValueError(
            f"{settings.labels} holds no label of {where}; a label is a PNG with the name of its "
            f"image or, of a video, the number of its frame (000064.png)"
        )
    before, after = found.miou
    if not before - after <= settings.most_lost:
        raise ValueError(
            f"in int8, the mean IoU falls from {before:.2%} to {after:.2%} on {where} "
            f"({found.labelled_frames} labelled), and {settings.most_lost:.2%} may be lost "
            f"(--most_lost {settings.most_lost:g}); {remedy}"
        )
