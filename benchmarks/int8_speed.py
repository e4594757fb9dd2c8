"""How much faster are the graphs of an export in int8, and where does the time go?

    python -m arseg_lightning export RUN --output exported --size 720x960
    python -m arseg_lightning export RUN --output exported_int8 --size 720x960 --int8 true \
        --calibrate drive.mp4
    python benchmarks/int8_speed.py exported exported_int8 --video drive.mp4 \
        --output benchmarks/results/int8_speed.json

Both run the same frames of the video in turns, in one thread, so that what else the machine does
hits both alike. What counts is the ratio of medians of the process's time on the processor; the
share of each type of operator is from ONNX Runtime's own profile. The table also goes to a CSV file
beside the JSON file.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import torch

from arseg_lightning.export import OnnxMethod, read_contract
from arseg_lightning.export.quantisation import Recorder
from arseg_lightning.provenance import machine
from arseg_lightning.report.table_files import markdown
from arseg_lightning.streaming import Segmenter
from arseg_lightning.types import ClassSet

FLAGS = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "amx_int8")
SHOWN = 0.02
"""Operators with a smaller share of the time of float are added up."""


def main() -> None:
    """Measure, print a table, write the figures."""
    arguments = _arguments()
    torch.set_num_threads(1)
    exact = read_contract(arguments.float)
    frequency = Counter(role for roles in exact.schedule.cycle for role in roles)
    folders = {"float32": arguments.float, "int8": arguments.int8}
    with tempfile.TemporaryDirectory() as folder:
        samples = record(arguments.float, arguments.video, arguments.frames, Path(folder))
        roles = {}
        for role, graph in exact.graphs.items():
            paths = {form: root / graph.file for form, root in folders.items()}
            roles[role] = measure(paths, samples[role], arguments.repeats)
    total = {
        form: sum(frequency[role] * each["milliseconds"][form] for role, each in roles.items())
        for form in folders
    }
    found = json.loads((arguments.int8 / "contract.json").read_text())["quantisation"]
    figures = machine() | {
        "flags": [flag for flag in FLAGS if flag in _flags()],
        "onnxruntime": onnxruntime.__version__,
        "threads": 1,
        "frames": arguments.frames,
        "repeats": arguments.repeats,
        "name": exact.name,
        "size": exact.size,
        "times_as_fast": total["float32"] / total["int8"],
        "roles": roles,
        "quantisation": found,
    }
    shares = table(roles, total)
    print(markdown(shares))
    if arguments.output:
        shares.to_csv(arguments.output.with_suffix(".csv"), index=False)
        arguments.output.write_text(json.dumps(figures, indent=1) + "\n")


def record(folder: Path, video: Path, frames: int, target: Path) -> dict[str, list[Path]]:
    """What goes into the graphs on the first frames of a video, by role."""
    method = OnnxMethod(folder)
    contract = method.contract
    recorders = {
        role: Recorder(folder / graph.file, target / role)
        for role, graph in contract.graphs.items()
    }
    method.graphs.update(recorders)
    classes = ClassSet(contract.name, contract.class_names, contract.palette)
    segmenter = Segmenter(method, classes, contract.normalisation, contract.chaining, device="cpu")
    for _ in segmenter.stream(video, limit=frames):
        pass
    return {role: recorder.samples for role, recorder in recorders.items()}


def measure(paths: Mapping[str, Path], samples: Sequence[Path], repeats: int) -> dict[str, Any]:
    """Medians of both forms of a graph over the same inputs, and their operators."""
    sessions = {form: _session(path) for form, path in paths.items()}
    times = defaultdict[str, list[float]](list)
    for turn in range(repeats + 1):
        with np.load(samples[turn % len(samples)]) as file:
            feeds = dict(file)
        for form, session in sessions.items():
            start = time.process_time()
            session.run(None, feeds)
            if turn:  # the first one warms up
                times[form].append(1e3 * (time.process_time() - start))
    medians = {form: statistics.median(each) for form, each in times.items()}
    with np.load(samples[-1]) as file:
        operators = {form: profile(path, dict(file)) for form, path in paths.items()}
    return {
        "milliseconds": medians,
        "times_as_fast": medians["float32"] / medians["int8"],
        "operators": operators,
    }


def profile(path: Path, feeds: Mapping[str, Any], runs: int = 7) -> dict[str, float]:
    """Milliseconds by type of operator, for each node the least of some runs.

    ONNX Runtime takes the time on the clock, to which whatever else runs only adds.
    """
    with tempfile.TemporaryDirectory() as folder:
        session = _session(path, str(Path(folder) / "profile"))
        for _ in range(runs):
            session.run(None, feeds)
        events = json.loads(Path(session.end_profiling()).read_text())
    nodes = defaultdict[tuple[str, str], list[float]](list)
    for event in events:
        if event["cat"] == "Node" and event["name"].endswith("_kernel_time"):
            nodes[event["args"]["op_name"], event["name"]].append(event["dur"] / 1e3)
    found = Counter[str]()
    for (kind, _), durations in nodes.items():
        found[kind] += min(durations)
    return {kind: round(each, 2) for kind, each in found.most_common() if each >= 0.05}


def table(roles: Mapping[str, Any], total: Mapping[str, float]) -> pd.DataFrame:
    """A row a role and operator: its share of the role's time in float, in both forms."""
    rows = [_row("mean of the schedule", "all", 1, total["int8"] / total["float32"])]
    for role, each in roles.items():
        rows.append(_row(role, "all", 1, 1 / each["times_as_fast"]))
        operators, small = each["operators"], np.zeros(2)
        whole = sum(operators["float32"].values())
        for kind in {**operators["float32"], **operators["int8"]}:
            pair = [operators[form].get(kind, 0) / whole for form in ("float32", "int8")]
            if max(pair) < SHOWN:
                small += pair
            else:
                rows.append(_row(role, kind, *pair))
        rows.append(_row(role, "others", *small))
    return pd.DataFrame(rows)


def _row(role: str, operator: str, in_float: float, in_int8: float) -> dict[str, str]:
    shares = {"float32": f"{in_float:.1%}", "int8": f"{in_int8:.1%}"}
    return {"role": role, "operator": operator} | shares


def _session(path: Path, profile_to: str | None = None) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    if profile_to is not None:
        options.enable_profiling, options.profile_file_prefix = True, profile_to
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _flags() -> list[str]:
    """What the processor can, as Linux says."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    return next((line.split() for line in lines if line.startswith("flags")), [])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("float", type=Path, help="folder of an export in float32")
    parser.add_argument("int8", type=Path, help="folder of the same in int8")
    parser.add_argument("--video", type=Path, required=True, help="frames of the graphs' size")
    parser.add_argument("--frames", type=int, default=26, help="of its start")
    parser.add_argument("--repeats", type=int, default=21, help="runs of each graph that count")
    parser.add_argument("--output", type=Path, help="JSON file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
