"""The command ``cost``: the paper's costs next to ours, or the cost of one's own experiment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

from arseg_lightning.commands.size import parse_size
from arseg_lightning.cost import MethodCost, method_cost
from arseg_lightning.inference import Optimisations
from arseg_lightning.report.cost_table import cost_table, erratum_notes, method_cost_table
from arseg_lightning.report.grid import Table, check_format
from arseg_lightning.report.paper import PaperRow, paper_rows
from arseg_lightning.report.paper_cost import row_cost
from arseg_lightning.tasks.experiment import Experiment

__all__ = ["cost"]


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
    the paper calls them GFLOPs. Where its figure is an erratum, the erratum is explained, with the
    difference that it leaves. Of an experiment, each method's roles are counted exactly.

    Args:
        configs: Experiment whose methods are counted instead of the paper's rows, and overlays:
            --config A.yaml --config B.yaml.
        counting: exact counts every layer once, without heads that only training needs; paper
            counts as the published figures do, and is for the paper's rows only; both shows both.
        size: Size of the video of an experiment, such as 720x960 (height x width); read from its
            test data by default.
        rows: Only the paper's rows in whose table, data, network or name this text occurs.
        optimised: Also count an experiment's methods as `predict` and `bench` run them, adding one
            optimisation that saves multiply-accumulates after the other.
        out: Also write the table to this file, as its ending says: .md, .csv or .json.

    Returns:
        The table.

    Raises:
        ValueError: If an option or the experiment is not valid.
    """
    if out is not None:
        check_format(out)
    if configs and rows:
        raise ValueError(f"--rows {rows} chooses rows of the paper; leave out it or --config")
    if optimised and not configs:
        raise ValueError("--optimised counts an experiment: add --config FILE")
    if configs and counting == "paper":
        raise ValueError(
            "--counting paper reproduces the published figures, for the paper's rows only; an "
            "experiment is counted exactly: leave out it or --config"
        )
    if configs:
        table, notes = _own(configs, size, optimised), ""
    else:
        costs = [row_cost(row, counting) for row in _chosen(rows)]
        table = cost_table(costs, counting)
        notes = erratum_notes(costs) if counting != "exact" else ""
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


def _own(configs: list[Path], size: str | None, optimised: bool) -> Table:
    """Count the methods of an experiment."""
    frame = parse_size(size) if size is not None else None
    experiment = Experiment(configs)
    frame = frame or experiment.size()
    costs: dict[str, MethodCost] = {}
    for name, method in experiment.methods().items():
        costs[name] = method_cost(method, frame)
        for steps, wanted in _steps().items() if optimised else ():
            costs[f"{name}, {steps}"] = method_cost(method.for_inference(wanted), frame)
    return method_cost_table(costs)


def _steps() -> dict[str, Optimisations]:
    """The optimisations that save multiply-accumulates, each with those before it."""
    early = replace(Optimisations.none(), early_context=True)
    folded = replace(early, fold_classifier=True)
    factored = replace(folded, factored_upsampling=True)
    return {
        "early_context": early,
        "+ fold_classifier": folded,
        "+ factored_upsampling": factored,
    }
