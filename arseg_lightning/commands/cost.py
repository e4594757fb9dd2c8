"""The command ``cost``: multiply-accumulates of an experiment's methods."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from arseg_lightning.cost import MethodCost, method_cost
from arseg_lightning.files import write_atomic
from arseg_lightning.inference import Optimisations
from arseg_lightning.tasks.experiment import Experiment
from arseg_lightning.types import parse_size

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["cost"]


def cost(
    configs: list[Path],
    size: str | None = None,
    optimised: bool = False,
    out: Path | None = None,
) -> pd.DataFrame:
    """Print what the methods of an experiment cost in each of their roles and on average.

    Costs are 1e9 multiply-accumulates (GMACs) a frame; every layer is counted once, heads that
    only training needs are not.

    Args:
        configs: The experiment, and overlays: --config A.yaml --config B.yaml.
        size: Size of the video, such as 720x960 (height x width); read from the test data by
            default.
        optimised: Also count the methods as `predict` and `bench` run them, adding one optimisation
            that saves multiply-accumulates after the other.
        out: CSV file to write, too.
    """
    # pandas is slow to import: only commands that write tables wait for it
    from arseg_lightning.report.table_files import markdown

    frame = parse_size(size) if size is not None else None
    experiment = Experiment(configs)
    frame = frame or experiment.size()
    steps = {"algebra": Optimisations(kernels=False), "+ kernels": Optimisations()}
    costs: dict[str, MethodCost] = {}
    for name, method in experiment.methods().items():
        costs[name] = method_cost(method, frame)
        for step, optimisations in steps.items() if optimised else ():
            costs[f"{name}, {step}"] = method_cost(method.for_inference(optimisations), frame)
    table = _cost_table(costs)
    print(markdown(table, 3))
    if out is not None:
        write_atomic(out, table.to_csv(index=False))
        print(f"written to {out}")
    return table


def _cost_table(costs: Mapping[str, MethodCost]) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for name, each in costs.items():
        share = each.mean_macs / costs["1x"].mean_macs if "1x" in costs else None
        rows.append(
            {
                "method": name,
                "roles (GMACs)": ", ".join(f"{k}={v:.4g}" for k, v in each.role_gmacs.items()),
                "mean over": f"{each.frames} frame{'s' * (each.frames > 1)}"
                + " (nominal: it depends on what frames show)" * (not each.repeats),
                "mean": f"{each.mean_gmacs:.4g}",
                "of 1x": "-" if share is None else f"{share:.1%}",
                "saved": "-" if share is None else f"{1 - share:.1%}",
            }
        )
    return pd.DataFrame(rows)
