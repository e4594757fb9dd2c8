"""What does each method gain from what inference does to networks, whatever the method?

    python benchmarks/every_method.py --output benchmarks/results/every_method.csv

Each method around its network, in plain PyTorch and as ``predict`` runs it, in turns over the same
frames (as the command ``bench`` does, whose figures these are). No method has code for it: layers
are rewritten, norms folded and kernels put in place by what a network consists of. Random weights:
speed does not depend on them, but shares of methods that look at scores do, so that their
multiply-accumulates are those of what ran.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

import pandas as pd
import torch

from arseg_lightning.bench import BenchCase, BenchSettings, bench
from arseg_lightning.methods import (
    DFF,
    ETC,
    Accel,
    ARSeg,
    BlockCopy,
    Clockwork,
    InterBMV,
    NetworkMethodFactory,
    PerFrame,
    Smoothed,
    TapLab,
    TDNet,
)
from arseg_lightning.models import EfficientNetLite0
from arseg_lightning.report.result import MethodResult
from arseg_lightning.report.table_files import markdown

METHODS: dict[str, NetworkMethodFactory] = {
    "1x": PerFrame,
    "AR-Seg 0.5x": partial(ARSeg, resolution_ratio=0.5),
    "motion only": partial(TapLab, correction="none"),
    "TapLab": TapLab,
    "Inter-BMV": InterBMV,
    "DFF": DFF,
    "Accel": partial(Accel, update_network=EfficientNetLite0),
    "Clockwork": Clockwork,
    "BlockCopy": BlockCopy,
    "ETC": ETC,
    "TDNet": TDNet,
    "Smoothed": Smoothed,
}


def main() -> None:
    """Measure, print a table, write it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("case", nargs="?", default="BiSeNet18@360x480", type=BenchCase.parse)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows = []
    for name, method in METHODS.items():
        settings = BenchSettings(repeats=arguments.repeats)
        (result,) = bench(
            [arguments.case], settings, lambda text: print(text, file=sys.stderr), method
        )
        own = {
            each.speed.form: each for each in result.methods if each.kind == "own" and each.speed
        }
        rows.append({"method": name, **_row(own["plain"], own["float32"])})
    table = pd.DataFrame(rows)
    print(markdown(table))
    table.to_csv(arguments.output, index=False)


def _row(plain: MethodResult, fast: MethodResult) -> dict[str, str]:
    assert plain.speed is not None
    assert fast.speed is not None
    before, after = plain.speed.mean_ms, fast.speed.mean_ms
    return {
        "plain ms": f"{before:.1f}",
        "as predict runs it": f"{after:.1f}",
        "times as fast": f"{before / after:.2f}",
        "plain GMACs": f"{plain.mean_gmacs:.3g}",
        "then": f"{fast.mean_gmacs:.3g}",
    }


if __name__ == "__main__":
    main()
