"""A video method whose steps are exported ONNX graphs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from arseg_lightning.export.contract import read_contract
from arseg_lightning.export.onnx_file import CPU
from arseg_lightning.export.runtime import DEFAULT_RUNTIME, Runtime, open_graph
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
    """A method whose steps are computed by ONNX Runtime, or OpenVINO.

    Its schedule is the exported one. Where that only tells keyframes from other frames, it is a
    clock, and may be replaced: ``method.clock = Adaptive()``.

    It takes normalised frames, as all methods do. The graphs take pixels, so the normalisation is
    undone first, which is exact as long as the frames were made of whole pixels.

    Args:
        folder: A folder that ``python -m arseg_lightning export`` has written.
        providers: ONNX Runtime's execution providers, the preferred first; OpenVINO has none.
        runtime: Who runs the graphs.

    Raises:
        FileNotFoundError: If the folder holds no contract, or not its graphs.
        ValueError: If it holds no ONNX files, a package or provider is missing, or the runtime
            does not run a graph.
    """

    def __init__(
        self,
        folder: Path | str,
        providers: Sequence[str] = CPU,
        runtime: Runtime = DEFAULT_RUNTIME,
    ) -> None:
        super().__init__()
        self.contract = contract = read_contract(Path(folder))
        if contract.format != "onnx":
            raise ValueError(
                f"{folder} holds files of format {contract.format}; ONNX Runtime and "
                "OpenVINO run those of `python -m arseg_lightning export --format onnx`"
            )
        self.roles, self.key_roles = tuple(contract.graphs), frozenset(contract.key_roles)
        self.needs = Needs(
            contract.motion, lookahead=contract.lookahead, independent=contract.independent
        )
        schedule = contract.schedule
        self.period, self.has_own_clock = len(schedule.cycle), True
        # A schedule of one keyframe and then other frames is what a clock decides.
        others = tuple(role for role in self.roles if role not in self.key_roles)
        keyframe_cycle = (contract.key_roles, *[others] * (self.period - 1))
        if len(self.roles) == 2 and (schedule.start, schedule.cycle) == ((), keyframe_cycle):
            self.clock = EveryL(self.period)
        self.graphs = {
            role: open_graph(Path(folder) / graph.file, runtime, providers)
            for role, graph in contract.graphs.items()
        }

    @property
    def name(self) -> str:
        """The name of the method that was exported."""
        return self.contract.name

    def begin(self) -> list[str]:
        """The roles of the current frame that have not run yet."""
        return []

    def plan(self, info: FrameInfo, state: State, memory: list[str]) -> Plan:
        """Choose the next role of the exported schedule, or the clock's."""
        if self.clock is not None:
            return super().plan(info, state, memory)
        if info.is_last and not memory:  # what waits for a keyframe gets this one
            later = (role for roles in self.contract.schedule.cycle for role in roles)
            return Plan(next(role for role in later if role in self.key_roles), reason="end")
        if not memory:
            start, cycle = self.contract.schedule.start, self.contract.schedule.cycle
            late = info.index - len(start)
            memory += start[info.index] if late < 0 else cycle[late % len(cycle)]
        role = memory.pop(0)
        return Plan(role, final=not memory)

    def step(
        self, role: str, frame: FrameInput, state: State, **inputs: Tensor
    ) -> tuple[Output | None, State]:
        """Run the graph of a role, on frames of its size."""
        image, size = frame.image, self.contract.size
        if tuple(image.shape) != (1, 3, *size):
            raise ValueError(
                f"these graphs take one frame of {size_text(size)} (height x width), got images "
                f"of shape {tuple(image.shape)}; export for this size "
                f"(--size {size_text(image.shape[-2:])}) or scale the video"
            )
        run, graph = self.graphs[role], self.contract.graphs[role]
        known = {**state, **inputs}
        parts = {name: getattr(frame, name) for name in FRAME[1:]}
        known |= {name: part for name, part in parts.items() if part is not None}
        if "image" in graph.inputs:
            # (1, 3, H, W) -> (1, H, W, 3); the graph reads whole pixels
            known["image"] = self.contract.normalisation.undo(image).permute(0, 2, 3, 1)
        if missing := [name for name in graph.inputs if name not in known]:
            raise ValueError(
                f"the graph {role} reads {', '.join(missing)}, and there is none: motion comes "
                f"with the frame, state from graphs before, and what a method's plan makes has to "
                f"be made by the plan of a subclass of OnnxMethod"
            )
        results = run(*(known[name] for name in graph.inputs))
        named = dict(zip(graph.outputs, results, strict=True))
        output = None
        if graph.align_corners is not None:
            output = Output(named["scores"], graph.align_corners, found_labels=named["labels"])
        return output, {**state, **next_state(named)}

    def losses(self, clip: ClipBatch) -> dict[str, Tensor]:
        """Raise, always: graphs do not learn."""
        raise ValueError(
            f"exported graphs of {self.contract.method} do not learn; train the method, and export "
            f"it again"
        )

    def for_inference(self, optimisations: Optimisations) -> VideoMethod:
        """Itself: it was optimised when it was exported."""
        return self
