"""The command ``compare``: several methods on the same frames, of a video or of labelled data."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from tqdm import tqdm

from arseg_lightning.accelerator import choose_device
from arseg_lightning.bench import LabelledStreams, MethodSet, compare_methods
from arseg_lightning.bench.error_maps import MOST_ERROR_MAPS, WorstFrames
from arseg_lightning.datasets import ClipDataModule
from arseg_lightning.datasets.evaluation import EvaluationFrame
from arseg_lightning.files import write_atomic
from arseg_lightning.methods import TRAINING_FREE, NetworkMethodFactory
from arseg_lightning.provenance import Provenance
from arseg_lightning.ranges import check_range
from arseg_lightning.streaming.load import load_experiment
from arseg_lightning.streaming.pretrained import load_pretrained
from arseg_lightning.tasks.evaluation import counted_distances
from arseg_lightning.video.live import LiveMotion, open_live

__all__ = ["compare"]


def compare(
    configs: list[Path] | None = None,
    *,
    video: str | None = None,
    network: str | None = None,
    methods: list[NetworkMethodFactory] = [],  # noqa: B006
    checkpoint: str | None = None,
    motion: LiveMotion = "auto",
    device: str = "auto",
    limit: int | None = None,
    detail: bool = False,
    out: Path | None = None,
    error_maps: int = 0,
    overrides: tuple[str, ...] = (),
) -> list[dict[str, Any]]:
    """Run several methods side by side on the same frames, and show how good and fast they are.

    The others agree with the first, every frame by itself, more or less. Temporal consistency (TC)
    is the mean IoU with the labels of the frame before, led along motion; flicker is the share of
    other labels than those. Times run from the decoded frame to its labels, in plain PyTorch. On
    test data, mIoU is the mean over distances, and its change has the interval of 95 % of draws.

    Args:
        configs: The folder of a run, hf:USER/REPO, or files of configuration; its method, its
            baselines and what it is compared with (model.compare) are run.
        video: A video file or a folder of images instead of the test data.
        network: A pretrained network instead of a run: hf:REPOSITORY of the Hugging Face hub,
            or hf:FOLDER. Methods that need no training run around it.
        methods: Which of them, by class; by default, those that need no training.
        checkpoint: best or last of the run's folder, or a run's checkpoint; the best by default.
        motion: See `predict`; test data have data.motion.
        device: auto, cpu, cuda, cuda:N or mps.
        limit: Most frames.
        detail: Whether tables over the distance to the keyframe, and of the classes, follow.
        out: JSON file to write, with all of that; plots of the same name go beside it.
        error_maps: How many of the frames on which a method is most wrong are drawn (labelled data
            only): frame, label, prediction and errors, in a folder of the JSON file's name.
        overrides: What wins over the configuration.
    """
    check_range(1, limit=limit)
    if network is not None and (configs or video is None):
        raise ValueError(f"--network {network} takes a run's place: give --video FILE, and no run")
    _check_error_maps(error_maps, video, out)
    on = choose_device(device)
    if network is None:
        compared, data = _of_run(configs, methods, checkpoint, overrides)
    else:
        compared, data = _around(network, methods), None
    worst = WorstFrames(compared.classes, error_maps)
    with _frames(video, motion, compared, data) as (frames, distances), _bar(frames) as bar:
        shown = islice(frames, limit)
        records = compare_methods(shown, compared, distances, on, bar.update, worst.add)
    about = _about(data if video is None else None, motion)
    if about.pop("other_labels"):
        records = [each | {"labels_of": about["data"]} for each in records]
    _show(records, detail)
    if out is not None:
        of = {"configs": configs, "network": network, "video": video, "overrides": overrides}
        _write(out, records, about | {"provenance": asdict(Provenance.collect(None, of))}, worst)
    return records


def _bar(frames: Iterable[EvaluationFrame]) -> tqdm[None]:
    """A bar of as many frames as there are, if that is known."""
    total = len(frames) if isinstance(frames, LabelledStreams) else None
    return tqdm(total=total, unit=" frames", disable=not sys.stderr.isatty(), leave=False)


def _check_error_maps(number: int, video: str | None, out: Path | None) -> None:
    """Refuse error maps without labels, or without a place, before anything is computed."""
    check_range(0, MOST_ERROR_MAPS, error_maps=number)
    if number and (video is not None or out is None):
        raise ValueError(
            f"--error_maps {number} are drawn on labelled test data, into a folder beside --out: "
            f"give --out FILE.json, and no --video"
        )


def _about(data: ClipDataModule | None, motion: str) -> dict[str, Any]:
    """Say what was compared on, and along which motion TC and flicker are: it decides too."""
    layout = None if data is None else data.layouts["test"]
    if data is None or layout is None:
        return {"data": None, "motion": motion, "other_labels": False}
    motion = data.store.motion_source
    return {"data": layout.protocol, "motion": motion, "other_labels": layout.has_other_labels}


def _write(
    out: Path, records: list[dict[str, Any]], about: dict[str, Any], worst: WorstFrames
) -> None:
    """Write the figures, with what they are about, plots of them, and error maps."""
    from arseg_lightning.report.comparison_plots import plot_comparison

    write_atomic(out, json.dumps({"methods": records, **about}, indent=1, default=str) + "\n")
    plots = plot_comparison(records, out.with_suffix(".png"))
    sheets = worst.write(out.with_name(f"{out.stem}_errors"))
    print(f"written to {', '.join(map(str, [out, *plots, *sheets]))}")


def _show(records: list[dict[str, Any]], detail: bool) -> None:
    """Print the table; with ``detail``, also figures over the distance, and the IoU of classes."""
    # pandas is slow to import: only commands that write tables wait for it
    from arseg_lightning.report.comparison_table import (
        classes_table,
        comparison_table,
        distances_table,
    )
    from arseg_lightning.report.table_files import markdown

    print(markdown(comparison_table(records)))
    known = {name: None for each in records for name in each["at_distances"]}  # in their order
    of_classes = [name for name in known if name.startswith("iou of ")]
    for name in [*known] if detail else []:
        if name not in of_classes and name != "frames":
            print(f"\n{name.replace('_', ' ')} (%) at each distance to the keyframe\n")
            print(markdown(distances_table(records, name, 2 if name == "flicker" else 1)))
    if detail and of_classes:
        print("\nIoU (%) of each class, mean over the distances\n")
        print(markdown(classes_table(records)))


def _around(network: str, wanted: list[NetworkMethodFactory]) -> MethodSet:
    """Build methods around a pretrained network, every frame by itself first."""
    known = load_pretrained(network)
    own = known.methods(wanted or TRAINING_FREE)
    return MethodSet({}, own, known.classes, known.normalise)


def _of_run(
    configs: list[Path] | None,
    wanted: list[NetworkMethodFactory],
    checkpoint: str | None,
    overrides: tuple[str, ...],
) -> tuple[MethodSet, ClipDataModule]:
    """Build the methods and the data of an experiment."""
    if not configs:
        raise ValueError(
            "give the folder of a run (or files of configuration), or a pretrained network: "
            "--network hf:REPOSITORY"
        )
    if wanted:
        raise ValueError("a run has its methods: add others as model.compare, not --method")
    experiment = load_experiment(configs, checkpoint, overrides, "compare", compared=True)
    data = experiment.data
    chaining = data.store.chaining
    return MethodSet({}, experiment.methods(), data.classes, data.normalise, chaining), data


@contextmanager
def _frames(
    video: str | None, motion: LiveMotion, compared: MethodSet, data: ClipDataModule | None
) -> Iterator[tuple[Iterable[EvaluationFrame], int]]:
    """The frames of a video, or of the test data; the distances of methods without a clock."""
    methods = compared.methods.values()
    if video is not None:
        unused = motion == "auto" and not any(each.uses_motion for each in methods)
        with open_live(video, motion=None if unused else motion) as live:
            yield (EvaluationFrame(frame, None, 0, video) for frame in live), 1
        return
    assert data is not None
    if motion != "auto":
        raise ValueError(f"--motion {motion} is for --video; test data have --data.motion")
    every = data.test_pairs == "every_distance"
    frames = LabelledStreams(data, max(each.lookahead for each in methods))
    yield frames, counted_distances(methods, data.keyframe_interval, every)
