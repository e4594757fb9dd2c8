"""TapLab: scores follow the codec's motion, and are corrected where the residual is large."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from arseg_lightning.losses import SegmentationLoss
from arseg_lightning.methods.clock import Clock, FrameInfo
from arseg_lightning.methods.method import Needs
from arseg_lightning.methods.per_frame import PerFrame
from arseg_lightning.methods.plan import FrameInput, Plan, State
from arseg_lightning.models.segmentor import Output, SegmentorFactory, resize_scores
from arseg_lightning.propagation import warp_to
from arseg_lightning.ranges import check_above, check_range, check_words

__all__ = ["TapLab", "residual_windows"]

Correction = Literal["none", "window", "window_and_frame"]
Sampling = Literal["exact", "taplab", "taplab-1.2"]


@dataclass
class Residuals:
    """Sums of residuals since the last full segmentation of a stream.

    Args:
        windows: Sum of residuals in each window, (columns, rows); None before the first.
        total: Sum over frames of the mean residual of a pixel, in grey levels.
    """

    windows: NDArray[np.float64] | None = None
    total: float = 0.0


class TapLab(PerFrame):
    """Scores of a keyframe, warped from frame to frame; training-free.

    Where a frame differs from its motion-compensated predecessor (the residual), the network
    segments the window with the most residual, or the whole frame.

    Args:
        num_classes: Number of classes.
        network: Builds the segmentation network, trained on single images.
        correction: ``none``: the warp alone (FFW). ``window``: on every frame, the network segments
            the window whose residuals since it was last segmented are greatest (RGC).
            ``window_and_frame``: and the whole frame where the residual is above a threshold
            (RGFS); the keyframe interval is not affected by it.
        window: Side of the square windows in pixels; half the shorter side of the image, in steps
            of 32, by default. Published: 512 at 1024x2048. Windows overlap by half.
        frame_threshold: Residual of a frame, in grey levels summed over colours, per pixel.
        total_threshold: The same, summed over frames since the last full segmentation.
        blend: Share of the new scores in a window; the warped ones have the rest.
        sampling: ``exact``: scores are warped on their own grid, and residuals are exact.
            ``taplab`` and ``taplab-1.2``: full-size maps are warped as the published code does on
            PyTorch 1.3 and later, or on 1.2: displaced by half a pixel or less per frame, with
            residuals in steps of two.
        loss: Segmentation loss; cross entropy by default.
        clock: Decides when a frame becomes a keyframe; every L-th by default.

    Source: Feng et al., TapLab: A Fast Framework for Semantic Video Segmentation Tapping Into
        Compressed-Domain Knowledge, TPAMI 2020.
    Differs: thresholds are per pixel, windows follow the image's size.
    """

    needs = Needs(motion="previous")
    key_roles = frozenset({"keyframe"})

    def __init__(
        self,
        num_classes: int,
        network: SegmentorFactory,
        correction: Correction = "window_and_frame",
        window: int | None = None,
        frame_threshold: float = 36e6 / (1024 * 2048),
        total_threshold: float = 1e8 / (1024 * 2048),
        blend: float = 0.6,
        sampling: Sampling = "exact",
        loss: SegmentationLoss | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(num_classes, network, loss=loss)
        check_words(correction=(correction, Correction), sampling=(sampling, Sampling))
        check_range(1, window=window)
        check_range(0, 1, blend=blend)
        check_above(0, frame_threshold=frame_threshold, total_threshold=total_threshold)
        self.correction, self.sampling = correction, sampling
        self.window, self.blend = window, blend
        self.frame_threshold, self.total_threshold = frame_threshold, total_threshold
        self.roles = {
            "none": ("keyframe", "warp"),
            "window": ("keyframe", "window"),
            "window_and_frame": ("keyframe", "window", "frame"),
        }[correction]
        self.use_clock(clock)

    @property
    def name(self) -> str:
        """TapLab, and the paper's name of the correction: BL1 to BL3."""
        return f"TapLab BL{1 + get_args(Correction).index(self.correction)}"

    @property
    def cycle(self) -> int | None:
        """That of the clock, unless residuals decide too."""
        return None if self.correction == "window_and_frame" else super().cycle

    def begin(self) -> Residuals:
        """Start without residuals."""
        return Residuals()

    def plan(self, info: FrameInfo, state: State, memory: Residuals) -> Plan:
        """Choose between keyframe, window and frame by the clock and the residual."""
        reason = self.keyframe_reason(info)
        if reason is not None:
            memory.windows, memory.total = None, 0.0
            return Plan("keyframe", reason=reason)
        if self.correction == "none":
            return Plan("warp")
        if info.is_nominal:
            if self.correction == "window_and_frame" and info.index == 1:
                return Plan("frame")
            return Plan("window", {"corner": torch.zeros(2, dtype=torch.int64)})
        differences = info.residual.astype(np.float64)  # (H, W, 3)
        if self.sampling != "exact":  # the published files hold half of it, rounded, above 128
            differences = 2 * np.round((differences + 256) / 2) - 255
        residual = np.abs(differences).sum(-1)  # (H, W)
        memory.total += float(residual.mean())
        large = residual.mean() > self.frame_threshold or memory.total > self.total_threshold
        if large and self.correction == "window_and_frame":
            memory.windows, memory.total = None, 0.0
            return Plan("frame", reason="residual")
        corners, sums = residual_windows(residual, self._side(info.size))
        memory.windows = sums if memory.windows is None else memory.windows + sums
        chosen = np.unravel_index(memory.windows.argmax(), sums.shape)
        memory.windows[chosen] = 0
        return Plan("window", {"corner": torch.from_numpy(corners[chosen])})

    def step(
        self, role: str, frame: FrameInput, state: State, **inputs: Tensor
    ) -> tuple[Output, State]:
        """Segment the frame or a window of it; the state is the map of log probabilities."""
        align_corners = self.network.align_corners
        if role in ("keyframe", "frame"):
            output = self.network.output(frame.image)
            scores = self._log_probabilities(output, frame.size)
            return Output(scores, align_corners, side=output.side), {"map": scores}
        scores = self._warp(state["map"], frame)  # (B, K, h, w)
        if role == "window":
            scores = self._correct(scores, frame.image, inputs["corner"])
        return Output(scores, align_corners), {"map": scores}

    def _side(self, size: tuple[int, int]) -> int:
        """Side of a window in an image of some size."""
        return min(self.window or max(32, min(size) // 64 * 32), *size)

    def _log_probabilities(self, output: Output, size: tuple[int, int]) -> Tensor:
        scores = output.scores if self.sampling == "exact" else output.logits(size)
        return scores.log_softmax(1)

    def _warp(self, scores: Tensor, frame: FrameInput) -> Tensor:
        """Bring a map to the current frame."""
        if self.sampling == "exact":
            return warp_to(scores, frame.field())
        assert frame.valid is not None
        motion = torch.where(frame.valid, frame.field(), 0).round()
        height, width = frame.size
        x = torch.arange(width, device=motion.device) + motion[:, 0]  # (B, H, W)
        y = torch.arange(height, device=motion.device)[:, None] + motion[:, 1]
        grid = torch.stack((2 * x / width - 1, 2 * y / height - 1), dim=-1)
        return F.grid_sample(
            scores, grid.to(scores.dtype), align_corners=self.sampling == "taplab-1.2"
        )

    def _correct(self, scores: Tensor, image: Tensor, corner: Tensor) -> Tensor:
        """Segment a window of the image, and blend it into the map.

        Shapes:
            scores: (B, K, h, w)   image: (B, 3, H, W)   corner: (2,), top and left in pixels
        """
        size, grid = image.shape[-2:], scores.shape[-2:]
        side = self._side((size[0], size[1]))
        corner = corner.to(image.device)
        rows, columns = (corner[axis] + torch.arange(side, device=image.device) for axis in (0, 1))
        output = self.network.output(image[:, :, rows[:, None], columns], with_side=False)
        there = []  # positions of the window in the map
        for axis in (0, 1):
            length = max(1, side * grid[axis] // size[axis])
            first = corner[axis] * grid[axis] // size[axis]
            there.append(first + torch.arange(length, device=image.device))
        new = self._log_probabilities(output, (side, side))
        new = resize_scores(new, (len(there[0]), len(there[1])), output.align_corners)
        scores = scores.clone()
        old = scores[:, :, there[0][:, None], there[1]]
        scores[:, :, there[0][:, None], there[1]] = self.blend * new + (1 - self.blend) * old
        return scores


def residual_windows(
    residual: NDArray[np.float64], side: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Sum up a residual in square windows that overlap by half.

    Args:
        residual: (H, W).
        side: Side of a window, at most that of the image.

    Returns:
        The windows' top left corners, y and x, (columns, rows, 2), and the sums, (columns, rows).
    """
    stride = max(1, side // 2)
    ys, xs = (
        np.unique([*range(0, length - side + 1, stride), length - side])
        for length in residual.shape
    )
    total = np.pad(residual, ((1, 0), (1, 0))).cumsum(0).cumsum(1)  # of all above and to the left
    x, y = np.meshgrid(xs, ys, indexing="ij")
    sums = total[y + side, x + side] - total[y, x + side] - total[y + side, x] + total[y, x]
    return np.stack((y, x), axis=-1), sums
