"""The command ``cost``: the paper's costs next to ours, or the cost of one's own experiment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

from arseg_lightning.commands.size import parse_size
from arseg_lightning.cost import Counting, GopCost, system_cost
from arseg_lightning.inference import Optimisations, optimise
from arseg_lightning.report.cost_table import cost_table, slip_notes, system_cost_table
from arseg_lightning.report.grid import Table, check_format
from arseg_lightning.report.paper import PaperRow, paper_rows
from arseg_lightning.report.paper_cost import row_cost
from arseg_lightning.systems import VideoSystem
from arseg_lightning.tasks.experiment import Experiment

__all__ = ["cost"]

_WAYS: tuple[Counting, ...] = ("exact", "paper")


def cost(
    configs: list[Path] | None = None,
    counting: Literal["exact", "paper", "both"] = "both",
    size: str | None = None,
    rows: str = "",
    optimised: bool = False,
    out: Path | None = None,
) -> Table:
    """Print what every row of the paper's tables costs: the paper's figure and ours.

    Costs are 1e9 multiply-accumulates (GMACs) a frame, on average over the keyframe interval;
    the paper calls them GFLOPs. Where its figure is a slip, the slip is explained, with the
    difference that it leaves.

    Args:
        configs: Experiment whose systems are counted instead of the paper's rows, and overlays:
            --config A.yaml --config B.yaml.
        counting: exact counts every layer once, without heads that only training needs; paper
            counts as the published figures do; both shows both.
        size: Size of the video of an experiment, such as 720x960 (height x width); read from its
            test data by default.
        rows: Only the paper's rows in whose table, data, network or name this text occurs.
        optimised: Also count an experiment's systems as `predict` and `bench` run them, adding one
            optimisation that saves multiply-accumulates after the other.
        out: Also write the table to this file, as its ending says: .md, .csv or .json.

    Returns:
        The table.

    Raises:
        ValueError: If an option or the experiment is not valid, or the paper's counting is asked
            for a network that the paper does not have.
    """
    if out is not None:
        check_format(out)
    if configs and rows:
        raise ValueError(f"--rows {rows} chooses rows of the paper; leave out it or --config")
    if optimised and not configs:
        raise ValueError("--optimised counts an experiment: add --config FILE")
    if configs:
        table, notes = _own(configs, counting, size, optimised), ""
    else:
        costs = [row_cost(row, counting) for row in _chosen(rows)]
        table = cost_table(costs, counting)
        notes = slip_notes(costs) if counting != "exact" else ""
    print(f"{table.markdown()}\n\n{notes}".rstrip())
    if out is not None:
        table.write(out, notes)
        print(f"written to {out}")
    return table


def _chosen(text: str) -> list[PaperRow]:
    """The paper's rows with a printed cost that a text names."""
    printed = [row for row in paper_rows() if row.gflops is not None]
    chosen = [
        row
        for row in printed
        if text.lower() in f"{row.table} {row.data} {row.recipe.network} {row.name}".lower()
    ]
    if not chosen:
        tables = ", ".join(dict.fromkeys(row.table for row in printed))
        raise ValueError(f"no row of the paper has {text!r} in its name; the tables are: {tables}")
    return chosen


def _own(configs: list[Path], counting: str, size: str | None, optimised: bool) -> Table:
    """Count the systems of an experiment."""
    frame = parse_size(size) if size is not None else None
    experiment = Experiment(configs)
    frame = frame or experiment.size()
    interval = experiment.task.keyframe_interval
    costs = {}
    for name, system in experiment.systems().items():
        costs[name] = _counted(system, frame, interval, counting)
        if optimised:
            for steps, wanted in _steps().items():
                fast = optimise(system, wanted)
                costs[f"{name}, {steps}"] = {"exact": system_cost(fast, frame, interval)}
    return system_cost_table(costs)


def _steps() -> dict[str, Optimisations]:
    """The optimisations that save multiply-accumulates, each with those before it."""
    early = replace(Optimisations.none(), early_context=True)
    folded = replace(early, fold_classifier=True)
    factored = replace(folded, factored_enlargement=True)
    return {
        "early_context": early,
        "+ fold_classifier": folded,
        "+ factored_enlargement": factored,
    }


def _counted(
    system: VideoSystem, size: tuple[int, int], interval: int, counting: str
) -> dict[str, GopCost]:
    """Count one system; of both ways, the paper's is left out for networks it does not have."""
    costs: dict[str, GopCost] = {}
    for way in _WAYS:
        try:
            if counting in (way, "both"):
                costs[way] = system_cost(system, size, interval, way)
        except ValueError:
            if counting == "paper":
                raise
    return costs
