"""What could this machine do with a frame at best, and what stands between?

    python benchmarks/roofline.py BiSeNet18@720x960 --output benchmarks/results/roofline_bise18.json

Every operation of a role of AR-Seg, as ``predict`` runs it, has its multiply-accumulates, and the
bytes that it reads and writes at least: its tensors, once each. It cannot be faster than the larger
of two times: its products at the rate of the best convolution or product of matrices, its bytes at
the rate of the best copy of as many bytes (what stays in a cache is moved at the cache's rate).
Both rates are measured in turns with the frames, in one thread; times are the process's on the
processor, medians over the rounds. Random weights: speed does not depend on them. The table also
goes to a CSV file beside the JSON file.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import pandas as pd
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from arseg_lightning.bench.case import BenchCase, BenchSettings
from arseg_lightning.bench.measure import made_clip
from arseg_lightning.cost import method_cost
from arseg_lightning.inference import Optimisations
from arseg_lightning.inference.folded_creff import FusedCReFF
from arseg_lightning.inference.upsample_conv import FactoredUpsampleConv
from arseg_lightning.methods import Stream
from arseg_lightning.methods.stream_frame import Stopwatch
from arseg_lightning.provenance import machine
from arseg_lightning.report.table_files import markdown

KERNELS = {FactoredUpsampleConv: "upsampling and convolution", FusedCReFF: "warp and fusion"}
"""Modules whose products are in C, where PyTorch sees no operations."""
KINDS = {
    "convolution": "convolutions",
    "addmm": "convolutions",
    "mm": "convolutions",
    "bmm": "convolutions",
    "_upsample_bilinear2d_aa": "scaling the image",
    "upsample_bilinear2d": "interpolation",
    "max_pool2d_with_indices": "pooling",
    "mean": "pooling",
    "clone": "copies",
    "copy_": "copies",
    "_to_copy": "copies",
}
SIZES = tuple(1 << power for power in range(18, 29, 2))
"""Bytes of a copy, both sides together: 256 KiB to 256 MiB."""


@dataclass
class Machine:
    """Rates that were measured so far, the best of all rounds.

    Convolutions of many channels may run faster than products of matrices: other libraries.
    """

    macs_per_ms: float = 0.0
    bytes_per_ms: dict[int, float] = field(default_factory=lambda: dict.fromkeys(SIZES, 0.0))

    def measure(self) -> None:
        """Multiply matrices and copy bytes once more."""
        left, right, out = (torch.ones(1024, 1024) for _ in range(3))
        image = torch.ones(1, 256, 46, 60).to(memory_format=torch.channels_last)
        weight = torch.ones(256, 256, 3, 3).to(memory_format=torch.channels_last)
        ms = _milliseconds(lambda: torch.mm(left, right, out=out))
        self.macs_per_ms = max(self.macs_per_ms, 1024**3 / ms)
        with torch.no_grad():
            ms = _milliseconds(lambda: nn.functional.conv2d(image, weight, padding=1))
        self.macs_per_ms = max(self.macs_per_ms, weight.numel() * 46 * 60 / ms)
        for size in SIZES:
            source, target = (torch.ones(size // 8) for _ in range(2))
            ms = _milliseconds(lambda target=target, source=source: target.copy_(source))
            self.bytes_per_ms[size] = max(self.bytes_per_ms[size], size / ms)

    def bound_ms(self, macs: float, moved: float) -> float:
        """The least time for so many products and bytes."""
        nearest = min(SIZES, key=lambda size: abs(size - moved))
        return max(macs / self.macs_per_ms, moved / self.bytes_per_ms[nearest])


@dataclass
class Work:
    """An operation's time and work, or a stage's rest."""

    ms: float
    macs: float = 0.0
    moved: float = 0.0


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Times every operation of PyTorch, and every kernel of ours as one."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.stages: dict[str, list[tuple[str, Work]]] = {}
        self._operations: list[tuple[str, Work]] = []
        self._inside_kernel = False
        self._last = 0.0

    def start(self) -> None:
        """Begin a frame."""
        self.stages, self._operations, self._last = {}, [], time.process_time()

    def lap(self, stage: str) -> None:
        """End a stage: what no operation took is its rest."""
        now = time.process_time()
        ms = 1e3 * (now - self._last)
        rest = ms - sum(work.ms for _, work in self._operations)
        self.stages.setdefault(stage, []).extend([*self._operations, ("rest", Work(rest))])
        self._operations, self._last = [], now

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Run an operation and note it."""
        if self._inside_kernel or operation.is_view:
            return operation(*args, **(kwargs or {}))
        start = time.process_time()
        result = operation(*args, **(kwargs or {}))
        ms = 1e3 * (time.process_time() - start)
        name = operation.overloadpacket.__name__
        macs = 0.0
        if KINDS.get(name) == "convolutions":  # each output is a product with a row of weights
            weight = args[1]
            macs = result.numel() * (weight[0].numel() if name == "convolution" else len(weight))
        kind = KINDS.get(name, "elementwise")
        self._operations.append((kind, Work(ms, macs, _bytes([args, kwargs, result]))))
        return result

    def watch(self, module: nn.Module) -> None:
        """Time the kernels inside a module; their products are what they say of themselves."""
        for part in module.modules():
            kind = next((kind for of, kind in KERNELS.items() if isinstance(part, of)), None)
            if kind is not None:
                part.forward = self._timed(part, kind)  # type: ignore[method-assign]

    def _timed(self, part: nn.Module, kind: str) -> Callable[..., Any]:
        forward = part.forward

        def timed(*args: Any, **kwargs: Any) -> Any:
            self._inside_kernel, start = True, time.process_time()
            result = forward(*args, **kwargs)
            ms = 1e3 * (time.process_time() - start)
            self._inside_kernel = False
            macs = part.macs(args[0], result) if isinstance(part, FactoredUpsampleConv) else 0.0
            moved = _bytes([args, kwargs, result, list(part.parameters())])
            self._operations.append((kind, Work(ms, macs, moved)))
            return result

        return timed


def _bytes(values: Any) -> float:
    """Bytes of all tensors in nested values, each once."""
    found: dict[int, int] = {}

    def walk(value: Any) -> None:
        if isinstance(value, Tensor):
            found[value.data_ptr()] = max(found.get(value.data_ptr(), 0), value.nbytes)
        elif isinstance(value, dict):
            walk(list(value.values()))
        elif isinstance(value, list | tuple):
            for each in value:
                walk(each)

    walk(values)
    return float(sum(found.values()))


def _milliseconds(call: Callable[[], Any], repeats: int = 5) -> float:
    """The least time of a call on the processor, of some."""
    least = float("inf")
    for _ in range(repeats):
        start, calls = time.process_time(), 0
        while (spent := time.process_time() - start) < 0.01:
            call()
            calls += 1
        least = min(least, 1e3 * spent / calls)
    return least


@contextmanager
def _laps(recorder: Recorder) -> Iterator[None]:
    """The recorder hears when a stage of a frame ends."""
    lap = Stopwatch.lap

    def both(watch: Stopwatch, name: str) -> None:
        lap(watch, name)
        recorder.lap(name)

    with patch.object(Stopwatch, "lap", both):
        yield


def main() -> None:
    """Measure, print a table, write the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("case", type=BenchCase.parse, help="NETWORK@HEIGHTxWIDTH")
    parser.add_argument("--role", default="nonkeyframe")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    compared = arguments.case.build(BenchSettings())
    method = next(iter(compared.own.values())).for_inference(Optimisations())
    recorder, rates = Recorder(), Machine()
    recorder.watch(method)
    frames, _ = made_clip(arguments.case.size, 12)
    rounds: list[dict[str, list[tuple[str, Work]]]] = []
    with _laps(recorder):
        for number in range(arguments.rounds):
            rates.measure()
            stream = Stream(method, compared.normalise, compared.chaining)
            for frame in frames[:4]:
                with recorder:
                    recorder.start()
                    (result,) = stream.add(frame)
                if number and result.role == arguments.role:  # the first round warms up
                    # What a kernel in C reads, which no operation shows.
                    recorder.stages["labels"][-1][1].moved += result.output.scores.nbytes
                    rounds.append(recorder.stages)
    total = method_cost(method, arguments.case.size).roles[arguments.role]
    table = tabulate(rounds, total, rates)
    text = _text(table.copy())
    print(markdown(text))
    text.to_csv(arguments.output.with_suffix(".csv"), index=False)
    about = {
        "machine": machine(),
        "case": f"{arguments.case.name} at {arguments.case.size}",
        "macs_per_ms": rates.macs_per_ms,
        "bytes_per_ms": rates.bytes_per_ms,
        "rows": table.to_dict("records"),
    }
    arguments.output.write_text(json.dumps(about, indent=1) + "\n")


def tabulate(
    rounds: Sequence[dict[str, list[tuple[str, Work]]]], macs: float, rates: Machine
) -> pd.DataFrame:
    """Add up what is of one kind; the fusion has the products that no other operation has."""
    kinds: dict[str, list[Work]] = defaultdict(list)
    for stage, operations in rounds[0].items():
        # Operations come in the same order in every round, so that each has its median.
        for index, (kind, work) in enumerate(operations):
            ms = median(each[stage][index][1].ms for each in rounds)
            name = {"network": kind, "queue": "rest"}.get(stage, stage)
            kinds[name].append(Work(ms, work.macs, work.moved))
    others = sum(work.macs for works in kinds.values() for work in works)
    for work in kinds.get("warp and fusion", [])[:1]:
        work.macs = macs - others
    rows = [_row(name, works, rates) for name, works in kinds.items()]
    rows = sorted((row for row in rows if row["ms"]), key=lambda row: -row["ms"])
    summed = {name: sum(row[name] for row in rows) for name in ("ms", "GMACs", "MB", "least ms")}
    table = pd.DataFrame([*rows, {"stage": "all", **summed}])
    table.insert(2, "share", table["ms"] / summed["ms"])
    table["reached"] = table["least ms"] / table["ms"]
    return table


def _text(table: pd.DataFrame) -> pd.DataFrame:
    """Figures as they are shown; a stage without counted work has no least time."""
    shown = {"ms": "{:.1f}", "GMACs": "{:.2f}", "MB": "{:.1f}", "least ms": "{:.1f}"}
    shown |= {"share": "{:.1%}", "reached": "{:.0%}"}
    counted = table["least ms"] > 0
    for name, form in shown.items():
        has_value = counted | (name in ("ms", "share"))
        table[name] = [
            form.format(value) if given else "-"
            for value, given in zip(table[name], has_value, strict=True)
        ]
    return table


def _row(name: str, works: Sequence[Work], rates: Machine) -> dict[str, Any]:
    return {
        "stage": name,
        "ms": sum(work.ms for work in works),
        "GMACs": sum(work.macs for work in works) / 1e9,
        "MB": sum(work.moved for work in works) / 1e6,
        "least ms": sum(rates.bound_ms(work.macs, work.moved) for work in works),
    }


if __name__ == "__main__":
    main()
