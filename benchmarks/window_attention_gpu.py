"""Time and memory of the window attention on a GPU, against the bytes that it must move.

Run by ``benchmarks/window_attention.py --device cuda``. Whatever computes it has to read queries,
keys and values and to write the result: 4 inputs. The backward pass reads those three and the
result's gradient, and writes three gradients: 7 more. At the bandwidth that a plain copy reaches in
the same run, that takes the least time there can be; the share of bandwidth is that time's share of
the measured one. Times are medians between events on the device, after calls to warm up, with what
it takes to launch the kernels; memory is PyTorch's peak above that with the inputs made, in units
of one input.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from arseg_lightning.provenance import machine

__all__ = ["FORMATS", "Case", "Measurement", "compare"]

FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
WARM_UP = 3
COPIED_BYTES = 2**29
"""Far more than a GPU's cache holds, so that memory is measured."""

Attention = Callable[[Tensor, Tensor, Tensor, int], Tensor]


@dataclass(frozen=True, slots=True)
class Case:
    """What is measured: ``implementation`` on inputs of (1, C, H, W)."""

    implementation: str
    size: tuple[int, int, int]
    window: int
    backward: bool
    dtype: str
    memory_format: str
    repeats: int

    @property
    def input_bytes(self) -> int:
        """Size of one input."""
        channels, height, width = self.size
        return channels * height * width * getattr(torch, self.dtype).itemsize

    @property
    def least_bytes(self) -> int:
        """What has to be read and written, whatever computes it."""
        return (11 if self.backward else 4) * self.input_bytes

    @property
    def unfold_bytes(self) -> int:
        """What ``unfold`` needs at its peak, see the CPU's benchmark."""
        return (4 if self.backward else 2) * self.window**2 * self.input_bytes


@dataclass(frozen=True, slots=True)
class Measurement:
    """What came out of a case."""

    case: Case
    seconds: float
    peak_inputs: float
    share_of_bandwidth: float


def compare(
    cases: Iterable[Case], implementations: dict[str, Attention], memory_share: float
) -> tuple[dict[str, object], str]:
    """Measure every case whose implementation fits, and give a record and a table."""
    bandwidth = _bandwidth()
    results = []
    for case in cases:
        room = memory_share * torch.cuda.mem_get_info()[0]
        if case.implementation != "unfold" or case.unfold_bytes < room:
            results.append(_measure(case, implementations[case.implementation], bandwidth))
            torch.cuda.empty_cache()
    record = _machine(bandwidth) | {"measurements": [asdict(result) for result in results]}
    return record, _table(results, bandwidth)


def _measure(case: Case, attention: Attention, bandwidth: float) -> Measurement:
    def make() -> Tensor:
        made = torch.randn(1, *case.size, device="cuda", dtype=getattr(torch, case.dtype))
        return made.mul_(0.1).to(memory_format=FORMATS[case.memory_format])

    inputs = [make().requires_grad_(case.backward) for _ in range(3)]
    grad = make() if case.backward else None

    def call() -> None:
        with torch.set_grad_enabled(case.backward):
            output = attention(inputs[0], inputs[1], inputs[2], case.window)
        if case.backward:
            torch.autograd.grad(output, inputs, grad)

    call()  # compiled and loaded here, so that none of it counts
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    seconds = _seconds(call, case.repeats)
    peak = (torch.cuda.max_memory_allocated() - before) / case.input_bytes
    return Measurement(case, seconds, peak, case.least_bytes / seconds / bandwidth)


def _seconds(call: Callable[[], object], repeats: int) -> float:
    """Median time of a call on the device."""
    for _ in range(WARM_UP):
        call()
    times = []
    for _ in range(repeats):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        call()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end) / 1000)
    return statistics.median(times)


def _bandwidth() -> float:
    """Bytes that a plain copy reads and writes in a second."""
    source = torch.zeros(COPIED_BYTES, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    return 2 * COPIED_BYTES / _seconds(lambda: target.copy_(source), 20)


def _table(results: Iterable[Measurement], bandwidth: float) -> str:
    """Markdown, one row for each size and pass."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for result in results:
        case = result.case
        key = "x".join(map(str, case.size)), "forward + backward" if case.backward else "forward"
        rows.setdefault(key, {})[case.implementation] = (
            f"{result.seconds * 1000:.3f} ms, {result.share_of_bandwidth:.0%}, "
            f"{result.peak_inputs:.1f} inputs"
        )
    lines = [
        f"Time, share of the {bandwidth / 1e9:.0f} GB/s of a plain copy, memory:",
        "",
        "| C x H x W | pass | window_attention | unfold |",
        "| --- | --- | --- | --- |",
    ]
    for (size, direction), row in rows.items():
        cells = [row.get(name, "does not fit") for name in ("window_attention", "unfold")]
        lines.append(f"| {' | '.join([size, direction, *cells])} |")
    return "\n".join(lines)


def _machine(bandwidth: float) -> dict[str, object]:
    """Where and when the figures were taken."""
    return machine() | {
        "gpu": torch.cuda.get_device_name(),
        "cuda": torch.version.cuda,
        "torch": torch.__version__,
        "copy_bytes_per_second": bandwidth,
        "memory": "peak allocated memory above that with the inputs, in units of one input",
    }
