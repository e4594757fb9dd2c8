"""Video consistency: where labels stay for some frames, whether predictions do."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torchmetrics import Metric

from arseg_lightning.ranges import check_range, check_words

__all__ = ["VCRule", "VideoConsistency"]

VCRule = Literal["strict", "vspw"]


class VideoConsistency(Metric):
    """VC_n: of the pixels whose label stays for n frames, the share whose prediction does.

    It is the mean over all windows of n frames of all videos; those in which no label stays do not
    count. Videos are shown frame by frame, and :meth:`restart` begins the next one.

    Args:
        frames: Frames n of a window; 8 and 16 are usual.
        rule: ``strict``: the prediction has to be right in all frames, pixels without a label do
            not count, and all windows do. ``vspw``: as in the published script, the prediction has
            to stay, right or wrong, pixels without a label count (their value stays too), and the
            last window of each video is left out.
        ignore_index: Label value without a class.

    Source: Miao et al., VSPW, CVPR 2021, section 5.1, and its script.
    """

    full_state_update = False
    higher_is_better = True
    total: Tensor
    windows: Tensor

    def __init__(self, frames: int = 8, rule: VCRule = "strict", ignore_index: int = 255) -> None:
        super().__init__()
        check_range(2, frames=frames)
        check_words(rule=(rule, VCRule))
        self.frames, self.rule, self.ignore_index = frames, rule, ignore_index
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("windows", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
        self.restart()

    def restart(self) -> None:
        """Begin another video."""
        self._before: tuple[Tensor, Tensor] | None = None
        # Frames for which label and prediction have been what they are, (H, W) each
        self._stays: tuple[Tensor, Tensor] | None = None
        self._pending: tuple[Tensor, Tensor] | None = None

    def reset(self) -> None:
        """Forget all windows."""
        super().reset()
        self.restart()

    def update(self, prediction: Tensor, label: Tensor) -> None:
        """Count the next frame of a video, (H, W)."""
        if self._before is not None and self._before[0].shape != label.shape:
            self.restart()
        is_strict = self.rule == "strict"
        counts = (
            label != self.ignore_index if is_strict else torch.ones_like(label, dtype=torch.bool)
        )
        fits = prediction == label if is_strict else counts
        if self._before is None or self._stays is None:
            stays = counts.int(), fits.int()
        else:
            same = label == self._before[0]
            goes_on = fits if is_strict else prediction == self._before[1]
            stays = (
                torch.where(counts, torch.where(same, self._stays[0], 0) + 1, 0),
                torch.where(goes_on, self._stays[1], 0) + fits.int(),
            )
        if self._pending is not None:  # of the published rule: a frame follows this window
            self._add(*self._pending)
        self._before, self._stays = (label, prediction), stays
        window = tuple(stay >= self.frames for stay in stays)
        self._pending = None if is_strict else (window[0], window[1])
        if is_strict:
            self._add(window[0], window[1])

    def _add(self, label_stays: Tensor, prediction_stays: Tensor) -> None:
        """Count a window."""
        pixels = int(label_stays.sum())
        if pixels:
            self.total += int((label_stays & prediction_stays).sum()) / pixels
            self.windows += 1

    def compute(self) -> Tensor:
        """The mean over all windows of all processes; NaN if there is none."""
        return self.total / self.windows
