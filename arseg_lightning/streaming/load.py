"""Segmenters with the trained networks of a run."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from arseg_lightning.accelerator import choose_device
from arseg_lightning.datasets import ClipDataModule
from arseg_lightning.export import CONTRACT_NAME, DEFAULT_RUNTIME, OnnxMethod, Runtime
from arseg_lightning.inference import Optimisations
from arseg_lightning.methods import Clock
from arseg_lightning.streaming.run_files import find_run
from arseg_lightning.streaming.segmenter import Segmenter
from arseg_lightning.tasks import VideoTask
from arseg_lightning.tasks.experiment import Experiment
from arseg_lightning.types import ClassSet

__all__ = ["load_experiment", "load_run", "segmenter_of"]


def load_run(
    run: Path | str | Sequence[Path | str],
    checkpoint: Path | str | Literal["best", "last"] | None = None,
    overrides: Sequence[str] = (),
    clock: Clock | None = None,
    device: str = "auto",
    optimisations: Optimisations = Optimisations(),  # noqa: B008
    runtime: Runtime | None = None,
) -> Segmenter:
    """Load trained networks, ready to segment a stream.

    Args:
        run: The folder of a run, or what ``push`` wrote: ``hf:USER/REPO``, ``hf:USER/REPO@REV`` or
            a folder; or files of configuration, stacked in their order, of which a run may be the
            first. A folder of ONNX files that ``export`` wrote is run by ``runtime``, on the CPU.
        checkpoint: ``best`` or ``last`` of the run, or a run's checkpoint. By default the best of
            a folder (the last if nothing was validated), and for files the weights that they name.
        overrides: Options that override the files: ``--model.resolution_ratio 0.7``.
        clock: When a frame becomes a keyframe; the configuration's by default.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        optimisations: Optimisations of the networks.
        runtime: Who runs a folder that ``export`` wrote; ONNX Runtime by default.

    Raises:
        ConnectionError: If the run is on the hub, which cannot be reached.
        FileNotFoundError: If the run or its checkpoint is not there.
        ValueError: If they do not fit together, networks have no weights, or see
            :class:`Segmenter`.
    """
    choose_device(device)  # a mistake is named before anything is built
    paths = [Path(run)] if isinstance(run, Path | str) else [Path(path) for path in run]
    if not paths:
        raise ValueError("name the folder of a run, or files of configuration; got neither")
    if (paths[0] / CONTRACT_NAME).is_file():
        method = OnnxMethod(paths[0], runtime=runtime or DEFAULT_RUNTIME)
        made = method.contract
        classes = ClassSet(made.name, made.class_names, made.palette)
        return Segmenter(
            *(method, classes, made.normalisation, made.chaining), clock=clock, device="cpu"
        )
    if runtime is not None:
        raise ValueError(
            f"--runtime {runtime} is for a folder that `python -m arseg_lightning export` has "
            f"written, and {paths[0]} is none; export it, or leave out --runtime"
        )
    experiment = load_experiment(paths, checkpoint, overrides, "predict")
    return segmenter_of(experiment.task, experiment.data, clock, device, optimisations)


def load_experiment(
    paths: Sequence[Path],
    checkpoint: Path | str | Literal["best", "last"] | None,
    overrides: Sequence[str],
    command: str,
    compared: bool = False,
) -> Experiment:
    """Build the experiment of a run, with its weights; for its arguments see :func:`load_run`.

    ``command`` is named in the message if networks have no weights; ``compared`` also builds the
    methods with files of their own that it is compared with.
    """
    runs = [find_run(path) for path in paths]
    found = runs[0].best if checkpoint is None else runs[0].checkpoint(checkpoint)
    if found is None and runs[0].folder is not None:
        raise FileNotFoundError(
            f"{runs[0].folder} holds no checkpoint (best.ckpt or last.ckpt): was its training "
            f"finished? Give one with --checkpoint FILE"
        )
    files = [run.record for run in runs]
    overrides = [option for run in runs for option in run.overrides] + [*overrides]
    experiment = Experiment(files, overrides, weights=True, checkpoint=found, compared=compared)
    experiment.task.refuse_random_weights(command, "--checkpoint")
    return experiment


def segmenter_of(
    task: VideoTask,
    data: ClipDataModule,
    clock: Clock | None = None,
    device: str = "auto",
    optimisations: Optimisations = Optimisations(),  # noqa: B008
) -> Segmenter:
    """Make a segmenter of a copy of a task's method, with the classes and input of its data.

    For the other arguments see :func:`load_run`.
    """
    return Segmenter(
        copy.deepcopy(task.method),  # the task keeps its own, where it is
        *(data.classes, data.normalise, data.store.chaining),
        clock=clock,
        device=device,
        optimisations=optimisations,
    )
