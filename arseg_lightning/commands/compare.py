"""The command ``compare``: several methods on one video without labels."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from tqdm import tqdm

from arseg_lightning.accelerator import choose_device
from arseg_lightning.bench import compare_methods
from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.files import write_atomic
from arseg_lightning.methods import TRAINING_FREE, NetworkMethodFactory, VideoMethod
from arseg_lightning.provenance import Provenance
from arseg_lightning.ranges import check_range
from arseg_lightning.streaming.interrupt import Interrupt
from arseg_lightning.streaming.load import load_experiment
from arseg_lightning.streaming.pretrained import load_pretrained
from arseg_lightning.types import ClassSet
from arseg_lightning.video.chain import Chaining
from arseg_lightning.video.live import LiveMotion, open_live

__all__ = ["compare"]


def compare(
    configs: list[Path] | None = None,
    *,
    video: str,
    network: str | None = None,
    methods: list[NetworkMethodFactory] = [],  # noqa: B006
    checkpoint: str | None = None,
    motion: LiveMotion = "auto",
    device: str = "auto",
    limit: int | None = None,
    out: Path | None = None,
    overrides: tuple[str, ...] = (),
) -> list[dict[str, Any]]:
    """Run several methods side by side on a video, and show how they agree, flicker and keep up.

    All see the same frames. The first segments every frame by itself, and is what the others agree
    with more or less: their mean IoU and share of pixels against its labels. Flicker is the share
    of pixels whose label is not that of where motion says they were in the frame before. Times run
    from the decoded frame to its labels.

    Args:
        configs: The folder of a run, or files of configuration; its method, its baselines and what
            it is compared with (model.compare) are run.
        video: A video file or a folder of images.
        network: A pretrained network instead of a run: hf:REPOSITORY of the Hugging Face hub,
            or hf:FOLDER. Methods that need no training run around it.
        methods: Which of them, by class; by default, those that need no training.
        checkpoint: best or last of the run's folder, or a run's checkpoint; the best by default.
        motion: See `predict`.
        device: auto, cpu, cuda, cuda:N or mps.
        limit: Most frames.
        out: JSON file to write; a plot of the same name goes beside it.
        overrides: What wins over the configuration.

    Returns:
        The figures of each method.

    Raises:
        OSError: If something is not there, or cannot be written.
        ValueError: If an option or the video cannot be used, or there are no weights.
    """
    check_range(1, limit=limit)
    on = choose_device(device)
    found, classes, normalise, chaining = _methods(configs, network, methods, checkpoint, overrides)
    for method in found.values():
        method.to(on).eval()
    unused = motion == "auto" and not any(method.uses_motion for method in found.values())
    with (
        open_live(video, motion=None if unused else motion) as live,
        tqdm(unit=" frames", disable=not sys.stderr.isatty(), leave=False) as bar,
        Interrupt() as interrupt,  # after Ctrl-C, what was compared so far counts
    ):
        frames = interrupt.until_wanted(islice(live, limit))
        compared = compare_methods(
            *(frames, found, classes.num_classes, normalise, chaining),
            show=lambda done: bar.update(done - bar.n),
        )
    records = [each.record() for each in compared]
    _show(records, out, {"network": network or [*map(str, configs or [])], "video": video})
    return records


def _show(records: list[dict[str, Any]], out: Path | None, of: dict[str, Any]) -> None:
    """Print the table, and write the figures and their plot."""
    # pandas: only those who write tables wait for it
    import pandas as pd

    from arseg_lightning.report.comparison_table import comparison_table, plot_comparison
    from arseg_lightning.report.table_files import markdown

    figures = pd.DataFrame(records)
    print(markdown(comparison_table(figures)))
    if out is not None:
        content = {"methods": records, "provenance": asdict(Provenance.collect(None, of))}
        write_atomic(out, json.dumps(content, indent=1) + "\n")
        plot_comparison(figures, out.with_suffix(".png"))
        print(f"written to {out} and {out.with_suffix('.png')}")


def _methods(
    configs: list[Path] | None,
    network: str | None,
    wanted: list[NetworkMethodFactory],
    checkpoint: str | None,
    overrides: tuple[str, ...],
) -> tuple[dict[str, VideoMethod], ClassSet, Normalisation, Chaining]:
    """Build what is compared, by name, the reference first."""
    if (network is None) == (not configs):
        raise ValueError(
            "give the folder of a run (or files of configuration), or a pretrained network: "
            "--network hf:REPOSITORY"
        )
    if network is not None:
        pretrained = load_pretrained(network)
        built = [pretrained.method(build) for build in (wanted or TRAINING_FREE)]
        reference = pretrained.method()
        methods = {each.name: each for each in (reference, *built)}
        return methods, pretrained.classes, pretrained.normalise, "subpixel"
    if wanted:
        raise ValueError("a run has its methods: add others as model.compare, and leave --method")
    experiment = load_experiment(configs or [], checkpoint, overrides, "compare")
    data = experiment.data
    return experiment.methods(), data.classes, data.normalise, data.store.chaining
