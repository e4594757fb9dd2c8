"""Exported graphs on ONNX Runtime in the place of the method that they were made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from arseg_lightning.export.contract import read_contract
from arseg_lightning.export.onnx_file import CPU, OnnxGraph
from arseg_lightning.export.signature import FRAME, next_state
from arseg_lightning.inference import Optimisations
from arseg_lightning.methods import (
    EveryL,
    FrameInfo,
    FrameInput,
    Needs,
    Output,
    Plan,
    State,
    VideoMethod,
)
from arseg_lightning.types import ClipBatch, size_text

__all__ = ["OnnxMethod"]


class OnnxMethod(VideoMethod):
    """A method whose steps are computed by ONNX Runtime.

    Its schedule is the exported one. Of a method that only tells keyframes from other frames, it
    is a clock, and another one may take its place: ``method.clock = Adaptive()``.

    It takes the normalised frames that all methods take. The graphs want pixels, so those are
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
        self.contract = contract = read_contract(Path(folder))
        if contract.format != "onnx":
            raise ValueError(
                f"{folder} holds files of format {contract.format}; ONNX Runtime runs those "
                "of `python -m arseg_lightning export --format onnx`"
            )
        self.roles, self.key_roles = tuple(contract.graphs), frozenset(contract.key_roles)
        needs = Needs(motion=contract.motion, independent=contract.independent)
        self.needs = needs  # type: ignore[misc]
        self.period = len(contract.schedule.cycle)
        self.clock, self.has_own_clock = self._clock(), True
        self.graphs = {
            role: OnnxGraph(Path(folder) / graph.file, providers, threads)
            for role, graph in contract.graphs.items()
        }

    @property
    def name(self) -> str:
        """The name of the method that was exported."""
        return self.contract.name

    def begin(self) -> _Position:
        """Where a stream is in its schedule."""
        return _Position()

    def plan(self, info: FrameInfo, state: State, memory: Any) -> Plan:
        """Choose the next role of the exported schedule, or the clock's."""
        if self.clock is not None:
            return super().plan(info, state, memory)
        memory.part = memory.part + 1 if memory.info is info else 0
        memory.info = info
        start, cycle = self.contract.schedule.start, self.contract.schedule.cycle
        late = info.index - len(start)
        roles = start[info.index] if late < 0 else cycle[late % len(cycle)]
        return Plan(roles[memory.part], final=memory.part + 1 == len(roles))

    def step(
        self, role: str, frame: FrameInput, state: State, **inputs: Tensor
    ) -> tuple[Output | None, State]:
        """Run the graph of a role.

        Raises:
            ValueError: If the frame is of another size than the graphs, or there is no tensor for
                one of the graph's inputs.
        """
        self._check_size(frame.image)
        known: dict[str, Tensor | None] = {**state, **inputs}
        known |= {name: getattr(frame, name) for name in FRAME}
        graph, contract = self.graphs[role], self.contract.graphs[role]
        if "image" in graph.inputs:
            pixels = self.contract.normalisation.undo(frame.image)
            known["image"] = pixels.permute(0, 2, 3, 1)
        results = graph(*(self._known(role, name, known) for name in graph.inputs))
        named = dict(zip(graph.outputs, results, strict=True))
        output = None
        if contract.align_corners is not None:
            output = Output(named["scores"], contract.align_corners, found_labels=named["labels"])
        return output, {**state, **next_state(named)}

    def losses(self, clip: ClipBatch) -> dict[str, Tensor]:
        """Refuse: graphs do not learn.

        Raises:
            ValueError: Always.
        """
        raise ValueError(
            f"exported graphs of {self.contract.method} do not learn; train the method, and export "
            f"it again"
        )

    def for_inference(self, optimisations: Optimisations) -> VideoMethod:
        """Itself: it was optimised when it was exported."""
        return self

    def _clock(self) -> EveryL | None:
        """The clock of a method that does nothing but tell keyframes from other frames."""
        schedule = self.contract.schedule
        others = tuple(role for role in self.roles if role not in self.key_roles)
        cycle = (tuple(self.key_roles), *[others] * (len(schedule.cycle) - 1))
        if len(self.roles) == 2 and (schedule.start, schedule.cycle) == ((), cycle):
            return EveryL(len(cycle))
        return None

    def _known(self, role: str, name: str, known: Mapping[str, Tensor | None]) -> Tensor:
        """The tensor for an input of a graph."""
        tensor = known.get(name)
        if tensor is not None:
            return tensor
        first = (*self.contract.schedule.start, *self.contract.schedule.cycle)[0]
        raise ValueError(
            f"the graph {role} reads {name}, and there is none: motion comes with the frame, state "
            f"from graphs before (a stream starts with {', '.join(first)}), and what a method's "
            f"plan makes has to be made by the plan of a subclass of OnnxMethod"
        )

    def _check_size(self, image: Tensor) -> None:
        """Raise if images do not fit the graphs."""
        height, width = self.contract.size
        if tuple(image.shape[1:]) != (3, height, width):
            raise ValueError(
                f"these graphs are for frames of {height}x{width}, got images of shape "
                f"{tuple(image.shape)}; export for this size (--size {size_text(image.shape[-2:])})"
                f" or scale the video"
            )
        shapes = (each.shape for g in self.contract.graphs.values() for each in g.inputs)
        if image.shape[0] != 1 and not any(shape[:1] == ("batch",) for shape in shapes):
            raise ValueError(
                f"these graphs take one frame at a time, got {image.shape[0]}; "
                "export with --any_batch true"
            )


@dataclass(slots=True)
class _Position:
    """The frame that was planned last, and which of its roles."""

    info: FrameInfo | None = None
    part: int = 0
