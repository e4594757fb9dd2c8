r"""Time and memory of the window attention, against the usual way: F.unfold.

    python benchmarks/window_attention.py --output benchmarks/results/window_attention.json

On a GPU (what is measured there: window_attention_gpu.py):

    python benchmarks/window_attention.py --device cuda --repeats 20 \
        --output benchmarks/results/window_attention_gpu_float32.json
    python benchmarks/window_attention.py --device cuda --repeats 20 --dtype bfloat16 \
        --output benchmarks/results/window_attention_gpu_bfloat16.json
    python benchmarks/window_attention.py --device cuda --repeats 20 --dtype bfloat16 \
        --memory_format channels_last \
        --output benchmarks/results/window_attention_gpu_bfloat16_channels_last.json

On the CPU, every figure comes from a process of its own, which makes the inputs, calls once to warm
up (memory is measured there) and then several times (the median counts). CPU time is that of all
threads, and says more than time where other programs run. Memory is how far the resident memory
rises at its peak above what it was with the inputs made (Linux only), in units of one input. Where
the estimate for ``unfold`` exceeds the share of the free memory that is allowed, it is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from arseg_lightning.propagation import window_attention
from arseg_lightning.provenance import machine

SIZES = ("64x720x960", "64x540x720", "64x360x480", "256x90x120")
WINDOW = 7

Attention = Callable[[Tensor, Tensor, Tensor, int], Tensor]


@dataclass(frozen=True, slots=True)
class Case:
    """What is measured: ``implementation`` on inputs of (1, C, H, W), k = 7."""

    implementation: str
    size: tuple[int, int, int]
    backward: bool
    repeats: int
    threads: int

    @property
    def input_bytes(self) -> int:
        """Size of one input in float32."""
        channels, height, width = self.size
        return 4 * channels * height * width

    @property
    def unfold_bytes(self) -> int:
        """What ``unfold`` needs at its peak: so many tensors of k * k inputs.

        Forward: the windows and their product. With the backward pass: both windows, and a
        gradient with the product that it comes from.
        """
        return (4 if self.backward else 2) * WINDOW**2 * self.input_bytes


@dataclass(frozen=True, slots=True)
class Measurement:
    """What came out of a case; CPU seconds are those of all threads together."""

    case: Case
    seconds: float
    cpu_seconds: float
    peak_inputs: float | None


def unfold_attention(
    query: Tensor, key: Tensor, value: Tensor, window: int, zero_padding: bool = True
) -> Tensor:
    """Window attention as it is usually written, every window copied out; the baseline."""
    batch, _, height, width = query.shape

    def windows(picture: Tensor) -> Tensor:
        return F.unfold(picture, window, padding=window // 2).view(
            batch, picture.shape[1], window**2, height * width
        )

    logits = (query.flatten(2)[:, :, None] * windows(key)).sum(1)  # (B, k * k, H * W)
    if not zero_padding:
        inside = windows(torch.ones_like(query[:, :1])).squeeze(1)
        logits = logits.masked_fill(inside == 0, float("-inf"))
    return (logits.softmax(1)[:, None] * windows(value)).sum(2).view_as(value)


IMPLEMENTATIONS: dict[str, Attention] = {
    "window_attention": window_attention,
    "unfold": unfold_attention,
}


def main() -> None:
    """Measure every case that fits, print a table and write the result file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", nargs="+", default=SIZES, help="CxHxW")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--memory_share", type=float, default=0.5, help="of what is free")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument(
        "--dtype", choices=("float32", "bfloat16", "float16"), default="float32", help="on a GPU"
    )
    parser.add_argument(
        "--memory_format",
        choices=("contiguous", "channels_last"),
        default="contiguous",
        help="on a GPU",
    )
    parser.add_argument("--output", type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    if arguments.device == "cuda":
        _measure_on_gpu(arguments)
        return
    if (arguments.dtype, arguments.memory_format) != ("float32", "contiguous"):
        parser.error("types and memory formats are compared on a GPU; add --device cuda")
    sizes = [_size(text) for text in arguments.sizes]
    results = []
    for size in sizes:
        for backward in (False, True):
            for name in IMPLEMENTATIONS:
                case = Case(name, size, backward, arguments.repeats, arguments.threads)
                if name != "unfold" or case.unfold_bytes < arguments.memory_share * _free_bytes():
                    results += _in_own_process(case)
    print(_table(results))
    if arguments.output:
        record = _machine(arguments.threads) | {"measurements": [asdict(r) for r in results]}
        arguments.output.write_text(json.dumps(record, indent=2) + "\n")


def _measure_on_gpu(arguments: argparse.Namespace) -> None:
    """Measure the same sizes on a GPU, print a table and write the result file."""
    if not torch.cuda.is_available():
        sys.exit("--device cuda: PyTorch finds no CUDA device here; see torch.cuda.is_available()")
    import window_attention_gpu as gpu  # from the folder of this script

    common = (arguments.dtype, arguments.memory_format, arguments.repeats)
    cases = [
        gpu.Case(implementation, _size(text), WINDOW, backward, *common)
        for text in arguments.sizes
        for backward in (False, True)
        for implementation in IMPLEMENTATIONS
    ]
    record, table = gpu.compare(cases, IMPLEMENTATIONS, arguments.memory_share)
    print(table)
    if arguments.output:
        arguments.output.write_text(json.dumps(record, indent=2) + "\n")


def measure(case: Case) -> Measurement:
    """Run one case in this process."""
    torch.set_num_threads(case.threads)
    attention = IMPLEMENTATIONS[case.implementation]
    # Thread pools and libraries come up here, so that their memory is not counted.
    _call(attention, [torch.randn(1, 8, 32, 32).requires_grad_() for _ in range(3)], case.backward)
    # In place, so that no freed memory stands ready which the peak would then not show.
    inputs = [torch.randn(1, *case.size).mul_(0.1) for _ in range(3)]
    for part in inputs:
        part.requires_grad_(case.backward)
    before = _forget_peak()
    _call(attention, inputs, case.backward)
    after = _memory("VmHWM")
    wall, cpu = [], []
    for _ in range(case.repeats):
        start = time.perf_counter(), time.process_time()
        _call(attention, inputs, case.backward)
        wall.append(time.perf_counter() - start[0])
        cpu.append(time.process_time() - start[1])
    peak = None if before is None or after is None else (after - before) / case.input_bytes
    return Measurement(case, statistics.median(wall), statistics.median(cpu), peak)


def _call(attention: Attention, inputs: list[Tensor], backward: bool) -> None:
    with torch.set_grad_enabled(backward):
        output = attention(inputs[0], inputs[1], inputs[2], WINDOW)
    if backward:
        # The output stands in for its gradient: no further tensor, and nothing to guess from it.
        torch.autograd.grad(output, inputs, output.detach())


def _in_own_process(case: Case) -> list[Measurement]:
    """The measurement, or nothing if the process was killed, as for want of memory."""
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        try:
            result = pool.submit(measure, case).result()
        except BrokenProcessPool:
            print(f"{case}: the process was killed; left out", file=sys.stderr)
            return []
    print(result, file=sys.stderr)
    return [result]


def _table(results: Iterable[Measurement]) -> str:
    """Markdown, one row a size and pass, with the ratio where both were measured."""
    rows: dict[tuple[tuple[int, int, int], bool], dict[str, Measurement]] = {}
    for result in results:
        key = result.case.size, result.case.backward
        rows.setdefault(key, {})[result.case.implementation] = result
    lines = [
        "| C x H x W | pass | ours: time, CPU time, memory | unfold | faster by time, CPU time |",
        "| --- | --- | --- | --- | --- |",
    ]
    for (size, backward), row in rows.items():
        ours, usual = row["window_attention"], row.get("unfold")
        cells = [
            "x".join(map(str, size)),
            "forward + backward" if backward else "forward",
            _figures(ours),
            _figures(usual) if usual else "does not fit",
            _speedup(ours, usual) if usual else "-",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _figures(result: Measurement) -> str:
    memory = "unknown" if result.peak_inputs is None else f"{result.peak_inputs:.1f} inputs"
    return f"{result.seconds:.3f} s, {result.cpu_seconds:.3f} s, {memory}"


def _speedup(ours: Measurement, usual: Measurement) -> str:
    by_time, by_cpu = usual.seconds / ours.seconds, usual.cpu_seconds / ours.cpu_seconds
    return f"{by_time:.1f} x, {by_cpu:.1f} x"


def _machine(threads: int) -> dict[str, object]:
    """Where, when and how the figures were taken."""
    return machine() | {
        "threads": threads,
        "torch": torch.__version__,
        "window": WINDOW,
        "dtype": "float32",
        "memory": "peak resident memory above that with the inputs, in units of one input",
    }


def _size(text: str) -> tuple[int, int, int]:
    channels, height, width = map(int, text.split("x"))
    return channels, height, width


def _forget_peak() -> int | None:
    """Reset the record of peak memory and return the memory in use."""
    clear = Path("/proc/self/clear_refs")
    if not clear.exists():
        return None
    clear.write_text("5")
    return _memory("VmRSS")


def _memory(field: str) -> int | None:
    return _bytes(Path("/proc/self/status"), field)


def _free_bytes() -> float:
    free = _bytes(Path("/proc/meminfo"), "MemAvailable")
    return float("inf") if free is None else free


def _bytes(file: Path, field: str) -> int | None:
    """A field of one of Linux's files of memory figures, which are in KiB."""
    found = re.search(rf"^{field}:\s+(\d+) kB", file.read_text(), re.M) if file.exists() else None
    return int(found.group(1)) * 1024 if found else None


if __name__ == "__main__":
    main()
