"""Sweeps: many runs of one experiment, from W&B's sweep files, as trials of an Optuna study."""

from arseg_lightning.sweep.runner import LOG_NAME, Point, run_sweep
from arseg_lightning.sweep.sweep_file import SweepFile, read_sweep

__all__ = ["LOG_NAME", "Point", "SweepFile", "read_sweep", "run_sweep"]
