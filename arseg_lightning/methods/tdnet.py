"""TDNet: sub-networks that take turns, whose features an attention gathers over time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from arseg_lightning.losses import CrossEntropy, SegmentationLoss
from arseg_lightning.losses.similarity import class_divergence
from arseg_lightning.methods.clock import FrameInfo
from arseg_lightning.methods.method import Needs, VideoMethod
from arseg_lightning.methods.plan import FrameInput, Plan, State
from arseg_lightning.models.multigrid_pspnet import grouped_scores
from arseg_lightning.models.segmentor import Output, SegmentorFactory
from arseg_lightning.propagation.temporal_path import PositionNorm, TemporalPath, published_weights
from arseg_lightning.ranges import check_range, check_words
from arseg_lightning.types import ClipBatch

__all__ = ["TDNet"]

Norm = Literal["instance", "position"]


class TDNet(VideoMethod):
    """Sub-networks (paths) that take turns; each frame runs one, and reads what the others left.

    Path p keeps one slice of its network's channels, encodes it as queries, keys and values, and
    leaves these, thinned out, for the frames after. The values travel from the oldest frame to
    the current one, from query to query, and are added to the current ones before its head. All
    frames cost the same, and there are no keyframes. The first frames of a stream, which have too
    few before them, are segmented by their path alone.

    Args:
        num_classes: Number of classes.
        network: Builds the network of a path. Of a ``MultigridPSPNet`` or ``FANet18``, the stage
            ``pyramid`` is read, of others the feature; with a ``FANet18``, heads are FANet's.
        paths: Number of sub-networks; 4 and 2 in the paper.
        slices: Parts of the channels; path p keeps part p mod ``slices``.
        value_channels: Channels of the values, which the head reads.
        head_channels: Channels of the head's 3x3 convolution.
        thinning: Every how many rows and columns of a frame are left for later ones; 4 in the
            published code for inference, 3 in that for training.
        norm: Before the head: ``instance`` works at any size; ``position`` is the published one,
            whose weights are maps of one size.
        norm_size: Height and width of those maps: an eighth of the image, rounded up.
        teacher: Builds a frozen network whose scores all paths learn, and whose grouped scores
            (:func:`grouped_scores`) each path learns by itself if it is a ``MultigridPSPNet``; its
            weights are ``weights.teacher``. None: no distillation.
        loss: Segmentation loss, on the scores and, at half weight, on those of the path alone.
        alone: Segment every frame by its path alone, to see what the frames before are worth.

    Raises:
        ValueError: If the channels do not split into the slices.

    Source: Hu et al., Temporally Distributed Networks for Fast Video Semantic Segmentation, CVPR
        2020; details of the published code.
    Differs: distances between the frames of a training clip are equal; queries and keys that
        are left are computed once; a stream that starts again forgets what was before.
    """

    training_only = ("teacher",)
    iteration: Tensor

    def __init__(
        self,
        num_classes: int,
        network: SegmentorFactory,
        paths: int = 4,
        slices: int = 2,
        value_channels: int = 512,
        head_channels: int = 128,
        thinning: int = 4,
        norm: Norm = "instance",
        norm_size: tuple[int, int] | None = None,
        teacher: SegmentorFactory | None = None,
        loss: SegmentationLoss | None = None,
        alone: bool = False,
    ) -> None:
        super().__init__()
        check_range(2, paths=paths)
        check_range(1, slices=slices, thinning=thinning)
        check_words(norm=(norm, Norm))
        if norm == "position" and norm_size is None:
            raise ValueError(
                "norm: position has one weight for each position; give norm_size, the height and "
                "width of an eighth of the image, or norm: instance, which has none"
            )
        self.thinning = thinning
        self.needs = Needs(frames=paths, spacing=(1, 2))
        self.period = paths
        self.alone = alone
        # A path that has the frames before it, and those of a stream's first frames.
        self.roles = (
            *(f"path_{index}" for index in range(0 if alone else paths)),
            *(f"first_{index}" for index in range(paths if alone else paths - 1)),
        )
        self.paths = nn.ModuleList(
            TemporalPath(
                network(num_classes),
                (index % slices, slices),
                hops=paths - 1,
                channels=(value_channels, head_channels, num_classes),
                norm_size=norm_size if norm == "position" else None,
            )
            for index in range(paths)
        )
        self.teacher = None if teacher is None else teacher(num_classes)
        if teacher is not None:
            self.freeze("teacher")
        self.loss = loss or CrossEntropy()
        self.register_buffer("iteration", torch.zeros((), dtype=torch.long))

    def plan(self, info: FrameInfo, state: State, memory: Any) -> Plan:
        """Paths take turns from the start of the stream."""
        turn, first = info.index % len(self.paths), info.index < len(self.paths) - 1 or self.alone
        return Plan(f"first_{turn}" if first else f"path_{turn}", reason=info.start)

    def step(
        self, role: str, frame: FrameInput, state: State, **inputs: Tensor
    ) -> tuple[Output, State]:
        """Run the path of a role, and leave its queries, keys and values."""
        output, state, _ = self.run_path(role, frame.image, state)
        return output, state

    def run_path(
        self, role: str, image: Tensor, state: State
    ) -> tuple[Output, dict[str, Tensor], Tensor]:
        """Run a path: its scores, what is left for later frames, and its own values."""
        kind, number = role.split("_")
        turn = int(number)
        path = self._path(turn)
        encoded, side = path.encode(image, self.training)  # (B, C', h, w)
        value = path.value(encoded)  # (B, C, h, w)
        total = value
        if kind == "path":
            total = value + self._gathered(turn, path.query(encoded), state)
        scores = path.score(total)
        left = {**state, **self._left(turn, encoded)}
        return Output(scores, True, side=side), left, value

    def losses(self, clip: ClipBatch) -> dict[str, Tensor]:
        """Train the path whose turn it is on the last frame of each clip, through all paths."""
        paths = len(self.paths)
        turn = (int(self.iteration) + 1) % paths
        state: dict[str, Tensor] = {}
        for index in range(paths - 1):
            before = (turn + 1 + index) % paths
            encoded, _ = self._path(before).encode(clip.images[:, index], False)
            state |= self._left(before, encoded)
        image, label = clip.images[:, -1], clip.labels[:, -1]
        output, _, value = self.run_path(f"path_{turn}", image, state)
        own = Output(self._path(turn).score(value), True)
        losses = {
            "segmentation": self.loss(output, label),
            "own_segmentation": 0.5 * self.loss(own, label),
        }
        if self.teacher is not None:
            with torch.no_grad():
                full, groups = grouped_scores(self.teacher, image, paths)
            losses["distillation"] = class_divergence(output.scores, full)
            if groups:
                # Paths that keep the same slice learn the groups within it, one after the other.
                slices = self._path(0).slices
                group = groups[turn % slices * (paths // slices) + turn // slices]
                losses["own_distillation"] = 0.5 * class_divergence(own.scores, group)
        return losses

    def after_step(self) -> None:
        """The next path learns."""
        self.iteration.add_(1)

    def translate(self, state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Give the weights of TDNet's authors our names; a network alone starts all paths.

        Raises:
            ValueError: If the file's norms are maps of another size.
        """
        ours = published_weights(state)
        if not ours:
            return self._started_from(state)
        size = tuple(ours["paths.0.norm.weight"].shape)
        norm = self._path(0).norm
        if not isinstance(norm, PositionNorm) or norm.weight.shape != size:
            raise ValueError(
                f"the norms of this published TDNet are maps of {size[0]}x{size[1]} positions, an "
                f"eighth of its images; set norm to position and norm_size to {list(size)}"
            )
        # The files for inference have no auxiliary heads.
        own = self.paths.state_dict(prefix="paths.")
        return {key: own[key] for key in own if ".auxiliary." in key} | ours

    def _path(self, turn: int) -> TemporalPath:
        path = self.paths[turn]
        assert isinstance(path, TemporalPath)
        return path

    def _started_from(self, state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Weights whose paths all start from the network in a file, if there is one alone."""
        own = self._path(0).network.state_dict()
        first = next(iter(own))
        for prefix in (key.removesuffix(first) for key in state if key.endswith(first)):
            found = {key: state.get(prefix + key) for key in own}
            if "paths." in prefix or any(
                tensor is None or tensor.shape != own[key].shape for key, tensor in found.items()
            ):
                continue
            started = {
                f"paths.{index}.network.{key}": tensor
                for index in range(len(self.paths))
                for key, tensor in found.items()
                if tensor is not None
            }
            # What a network alone has not, the paths keep; the teacher may be loaded from it too.
            return {**state, **self.paths.state_dict(prefix="paths."), **started}
        return state

    def _left(self, turn: int, encoded: Tensor) -> dict[str, Tensor]:
        """What a path leaves for later frames, on a thinned grid."""
        path = self._path(turn)
        thin = encoded[..., :: self.thinning, :: self.thinning]  # (B, C', h', w')
        parts = {"query": path.query(thin), "key": path.key(thin), "value": path.value(thin)}
        return {f"{name}_{turn}": x for name, x in parts.items()}

    def _gathered(self, turn: int, query: Tensor, state: Mapping[str, Tensor]) -> Tensor:
        """Values of the frames before, from the oldest to the current one: (B, C, h, w)."""
        paths = len(self.paths)
        sources = [(turn + 1 + index) % paths for index in range(paths - 1)]  # oldest first
        queries = [*(state[f"query_{source}"] for source in sources[1:]), query]
        carried: Tensor | None = None
        for attend, source, towards in zip(
            self._path(turn).attention, sources, queries, strict=True
        ):
            value = state[f"value_{source}"]
            value = value if carried is None else carried + value
            carried = attend(towards, state[f"key_{source}"], value)
        assert carried is not None
        return carried
