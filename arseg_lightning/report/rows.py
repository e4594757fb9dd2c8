"""Measurements of runs as a data frame, and its rows: runs that differ only in the seed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from arseg_lightning.report.collect import Run, without_seed
from arseg_lightning.report.result import RunResult

__all__ = ["DISTANCE", "OF_TRAINER", "look_up", "measurements", "own_rows", "result_rows"]
__all__ += ["rows_with_baselines"]

DISTANCE = r"^at \d+$"
"""Columns of mIoU at a distance to the keyframe, such as ``at 3``."""

OF_TRAINER = (
    *("max_epochs", "max_steps", "precision", "accumulate_grad_batches", "gradient_clip_val"),
    *("limit_train_batches", "limit_val_batches", "limit_test_batches", "overfit_batches"),
)
"""What of the trainer's configuration can change a result; the rest is where and how it ran."""

_WITHOUT_EFFECT = ("seed", "store", "num_workers")


def measurements(runs: Sequence[Run]) -> pd.DataFrame:
    """List the methods of all runs, one line a run and method.

    Runs of one ``group`` differ only in the seed. ``row`` is what a report calls the group;
    accuracies are in [0, 1].
    """
    lines = []
    for run in runs:
        group = settings(run)
        for method in run.result.methods:
            line = {
                "group": group,
                "name": run.name,
                "run": run,
                "seed": run.result.provenance.seed,
                "data": run.result.tested_on,
                "network": _network(run.config),
                "method": method.name,
                "is_own": method is run.own,
                "miou": method.accuracy.miou_mean,
                "pooled": method.accuracy.miou_pooled,
                "worst": method.worst,
                "gmacs": method.mean_gmacs,
                # Equal to the last digit only for the same weights, whatever the keyframe interval.
                "weights": f"{method.mean_gmacs:.6f} {method.accuracy.miou_pooled:.6f}",
            }
            lines.append(line | {f"at {d}": miou for d, miou in enumerate(method.at_distance)})
    found = pd.DataFrame(lines).astype({"seed": float})
    names = found.groupby("group").name.unique().map(list)
    titles = names.map(lambda each: each[0] + (f" and {len(each) - 1} more" if each[1:] else ""))
    return found.assign(row=found.group.map(titles))


def own_rows(measured: pd.DataFrame) -> pd.DataFrame:
    """Make rows of what the runs are about, by group.

    Figures are means over seeds; ``miou_std`` and so on are their sample standard deviations, NaN
    for one run alone.
    """
    return _rows(measured[measured.is_own], ["group"])


def rows_with_baselines(measured: pd.DataFrame) -> pd.DataFrame:
    """Put the baselines that runs were compared with before what the runs are about.

    What several runs have from the same weights is listed once, and not as a baseline if a run is
    about it. ``seeds`` of a baseline counts its weights.
    """
    others = measured[~measured.is_own]
    # Those of the most seeds first: there, the weights are averaged, and elsewhere left out.
    seeds = others.groupby(["group", "method"]).weights.transform("nunique")
    others = others.loc[seeds.sort_values(ascending=False, kind="stable").index]
    known = pd.concat([measured[measured.is_own], others])
    once = known.drop_duplicates(["data", "network", "method", "weights"])
    baselines = _rows(once[~once.is_own], ["group", "method"])
    baselines = baselines.assign(seeds=baselines.measured)
    costly_first = baselines.sort_values("gmacs", ascending=False, kind="stable")
    return pd.concat([costly_first, own_rows(measured)], ignore_index=True)


def result_rows(result: RunResult) -> pd.DataFrame:
    """Make a row of each method of one result."""
    return _rows(measurements([Run("", Path(), result)]), ["method"])


def _rows(measured: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    groups = measured.groupby(by, sort=False)
    rows = groups.agg(
        row=("row", "first"),
        method=("method", "first"),
        data=("data", "first"),
        network=("network", "first"),
        is_own=("is_own", "first"),
        runs=("run", list),
        measured=("run", "size"),
        # A run without a seed is like no other.
        seeds=("seed", lambda seeds: seeds.nunique() + seeds.isna().sum()),
    )
    figures = ["miou", "pooled", "worst", "gmacs", *measured.filter(regex=DISTANCE)]
    rows = rows.join(groups[figures].mean()).join(groups[figures].std().add_suffix("_std"))
    rows["label"] = rows.row.where(rows.is_own, rows.method)
    return rows


def _network(config: Mapping[str, Any]) -> str:
    """Class of the network; empty if the configuration does not tell."""
    found = look_up(config, "model.network") or look_up(config, "model.method.network") or ""
    path = found if isinstance(found, str) else found.get("class_path", "")
    return str(path).rpartition(".")[2]


def look_up(config: Mapping[str, Any], key: str) -> Any:
    """Find a value in a configuration by its dotted key; None if it is not there."""
    value: Any = config
    for part in key.split("."):
        if not isinstance(value, Mapping):
            return None
        # A key need not say which parts are classes.
        if part not in value and isinstance(value.get("init_args"), Mapping):
            value = value["init_args"]
        value = value.get(part)
    return value


def settings(run: Run) -> str:
    """All that can make a run's result differ from another's, without the seed, as text."""
    config, result = run.config, run.result

    def pruned(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: pruned(value[key]) for key in value if key not in _WITHOUT_EFFECT}
        if isinstance(value, list | tuple):
            return [pruned(entry) for entry in value]
        return without_seed(value) if isinstance(value, str) else value

    trainer = config.get("trainer") or {}
    found = {
        "model": config.get("model"),
        "data": config.get("data"),
        "trainer": {key: trainer.get(key) for key in OF_TRAINER},
        "ckpt_path": config.get("ckpt_path"),
        "tested": [result.data, result.size],
        "keyframe_interval": result.keyframe_interval,
        "own": run.own.name,
        "name": None if config else run.name,  # all that is known of it
    }
    return json.dumps(pruned(found), sort_keys=True, default=str)
