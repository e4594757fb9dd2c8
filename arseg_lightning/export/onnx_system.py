"""Exported graphs on ONNX Runtime in the place of the system that they were made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from arseg_lightning.export.contract import read_contract
from arseg_lightning.export.onnx_file import CPU, OnnxGraph
from arseg_lightning.systems.system import (
    Prediction,
    Role,
    StreamFrame,
    VideoSystem,
    keyframe_state,
)

__all__ = ["OnnxSystem"]


class OnnxSystem(VideoSystem):
    """A system whose steps are computed by ONNX Runtime.

    It takes the normalised frames that all systems take. The graphs want pixels, so those are
    computed back first, which is exact as long as the frames were made of whole pixels.

    Args:
        folder: What ``python -m arseg_lightning export`` has written.
        providers: ONNX Runtime's execution providers, the preferred first.
        threads: Threads of an operator; by default as many as torch uses.

    Raises:
        FileNotFoundError: If the folder holds no contract, or not its graphs.
        ValueError: If it holds no ONNX files, or a package or provider is missing.
    """

    def __init__(
        self,
        folder: Path | str,
        providers: Sequence[str] = CPU,
        threads: int | None = None,
    ) -> None:
        super().__init__()
        self.contract = read_contract(Path(folder))
        if self.contract.format != "onnx":
            raise ValueError(
                f"{folder} holds files of format {self.contract.format}; ONNX Runtime runs those "
                "of `python -m arseg_lightning export --format onnx`"
            )
        self.graphs: dict[Role, OnnxGraph] = {
            role: OnnxGraph(Path(folder) / graph.file, providers, threads)
            for role, graph in self.contract.graphs.items()
        }

    def step(self, frame: StreamFrame, state: Tensor | None) -> tuple[Prediction, Tensor | None]:
        """Segment the next frame; the state is what the keyframe carries.

        Raises:
            ValueError: If the frame is of another size than the graphs, or a stream starts with
                a frame that is not a keyframe.
        """
        self._check_size(frame.image)
        image = self.contract.normalisation.undo(frame.image).permute(0, 2, 3, 1)
        if frame.distance == 0 or "nonkeyframe" not in self.graphs:
            labels, scores, *carried = self.graphs["keyframe"](image)
            return self._prediction("keyframe", frame, labels, scores), next(iter(carried), None)
        state = keyframe_state(state, frame.distance)
        labels, scores = self.graphs["nonkeyframe"](image, state, frame.motion)
        return self._prediction("nonkeyframe", frame, labels, scores), state

    def _prediction(
        self, graph: Role, frame: StreamFrame, labels: Tensor, scores: Tensor
    ) -> Prediction:
        return _Labelled(
            scores,
            self.contract.size,
            self.contract.align_corners,
            "keyframe" if frame.distance == 0 else "nonkeyframe",
            self.contract.graphs[graph].resolution_ratio,
            frame.distance,
            labels,
        )

    def _check_size(self, image: Tensor) -> None:
        height, width = self.contract.size
        if tuple(image.shape[1:]) != (3, height, width):
            raise ValueError(
                f"these graphs are for frames of {height}x{width}, got images of shape "
                f"{tuple(image.shape)}; export for this size (--size {image.shape[-2]}x"
                f"{image.shape[-1]}) or scale the video"
            )
        batch = self.contract.graphs["keyframe"].inputs[0].shape[0]
        if batch == 1 and image.shape[0] != 1:
            raise ValueError(
                f"these graphs take one frame at a time, got {image.shape[0]}; "
                "export with --any_batch true"
            )


@dataclass(frozen=True, slots=True)
class _Labelled(Prediction):
    """A prediction whose labels are known already: the graph has computed them."""

    found: Tensor

    @property
    def labels(self) -> Tensor:
        """Best class of every pixel, (B, H, W)."""
        return self.found
