"""How fast are a run's frames in PyTorch, on ONNX Runtime and on OpenVINO, in fewer bits too?

    python -m arseg_lightning export RUN --output exported --size 720x960
    python -m arseg_lightning export RUN --output exported_int8 --size 720x960 --int8 true \
        --calibrate drive.mp4 --calibrate_frames 24
    python benchmarks/runtimes_speed.py RUN exported exported_int8 --video drive.mp4 \
        --output benchmarks/results/runtimes_speed.json

Each frame runs in all forms, one after the other, in one thread, so that what else the machine does
hits all alike. What counts is the ratio of medians of the process's time on the processor, from the
decoded frame to its labels. Labels are compared with PyTorch's on the frames after those that
calibrated. The table also goes to a CSV file beside the JSON file.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter, defaultdict
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from arseg_lightning.export import read_contract
from arseg_lightning.inference import Optimisations, Precision
from arseg_lightning.provenance import machine, package_versions
from arseg_lightning.report.table_files import markdown
from arseg_lightning.streaming import Segmenter, load_run

TORCH, REFERENCE = "PyTorch, float32", "ONNX Runtime, float32"
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")
RUNTIMES = {"ONNX Runtime": "onnxruntime", "OpenVINO": "openvino"}


def main() -> None:
    """Measure, print a table, write the figures."""
    arguments = _arguments()
    torch.set_num_threads(1)
    contract = read_contract(arguments.float)
    folders = {"float32": arguments.float, "int8": arguments.int8}
    forms = {
        f"PyTorch, {precision}": load_run(
            arguments.run, device="cpu", optimisations=Optimisations(precision=precision)
        )
        for precision in PRECISIONS
    } | {
        f"{title}, {form}": load_run(folder, runtime=runtime)
        for title, runtime in RUNTIMES.items()
        for form, folder in folders.items()
    }
    calibrated = read_contract(arguments.int8).quantisation.calibration_frames
    if arguments.frames <= calibrated:
        raise SystemExit(f"--frames: at least {calibrated + 1}, as {calibrated} calibrated")
    times, equal = measure(forms, arguments.video, arguments.frames, calibrated)
    frequency = Counter(role for roles in contract.schedule.cycle for role in roles)
    shown = table(times, equal, frequency)
    print(markdown(shown))
    if arguments.output:
        figures = machine() | package_versions("onnxruntime", "openvino")
        figures |= {"threads": 1, "name": contract.name, "size": contract.size}
        figures |= {"frames": arguments.frames, "compared_from": calibrated}
        figures |= {"milliseconds": times, "equal_labels": equal}
        shown.to_csv(arguments.output.with_suffix(".csv"), index=False)
        arguments.output.write_text(json.dumps(figures, indent=1) + "\n")


def measure(
    forms: dict[str, Segmenter], video: Path, frames: int, compared_from: int
) -> tuple[dict[str, dict[str, list[float]]], dict[str, list[float]]]:
    """Milliseconds of every frame by form and role, and shares of labels that equal PyTorch's."""
    streams = {name: segmenter.session() for name, segmenter in forms.items()}
    times = {name: defaultdict[str, list[float]](list) for name in forms}
    equal = defaultdict[str, list[float]](list)
    with forms[TORCH].open(video) as live:
        for index, frame in enumerate(islice(live, frames)):
            labels, roles = {}, set()
            names = [*forms]
            for name in (*names[index % len(names) :], *names[: index % len(names)]):
                start = time.process_time()
                result = streams[name].push(frame)
                labels[name] = result.labels
                taken = round(1e3 * (time.process_time() - start), 2)
                times[name][result.role].append(taken)
                roles.add(result.role)
            if len(roles) > 1:
                raise ValueError(f"frame {index} has several roles: {roles}; export this run again")
            for name in names if index >= compared_from else ():
                equal[name].append(round(float((labels[name] == labels[TORCH]).mean()), 6))
    # the first of each role warms up
    return {
        name: {role: found[1:] for role, found in each.items()} for name, each in times.items()
    }, equal


def table(
    times: dict[str, dict[str, list[float]]],
    equal: dict[str, list[float]],
    frequency: Counter[str],
) -> pd.DataFrame:
    """A row a form: its time by role as a share of the reference's, and how many labels agree."""
    medians = {
        name: {role: float(np.median(found)) for role, found in each.items()}
        for name, each in times.items()
    }
    means = {
        name: sum(frequency[role] * each for role, each in found.items())
        for name, found in medians.items()
    }
    rows: list[dict[str, Any]] = []
    for name, found in medians.items():
        row = {"form": name, "mean of the schedule": f"{means[name] / means[REFERENCE]:.1%}"}
        row |= {role: f"{each / medians[REFERENCE][role]:.1%}" for role, each in found.items()}
        row |= {"equal labels": f"{np.mean(equal[name]):.2%}"}
        rows.append(row | {"worst frame": f"{np.min(equal[name]):.2%}"})
    return pd.DataFrame(rows)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path, help="folder of the run that was exported")
    parser.add_argument("float", type=Path, help="folder of an export in float32")
    parser.add_argument("int8", type=Path, help="folder of the same in int8")
    parser.add_argument("--video", type=Path, required=True, help="frames of the graphs' size")
    parser.add_argument("--frames", type=int, default=60, help="of its start")
    parser.add_argument("--output", type=Path, help="JSON file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
