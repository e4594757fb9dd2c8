"""Sweeps: many runs of one experiment, from W&B's sweep files, as trials of an Optuna study."""

from arseg_lightning.sweep.places import Place, places
from arseg_lightning.sweep.runner import LOG_NAME, run_sweep
from arseg_lightning.sweep.sweep_file import SweepFile, read_sweep

__all__ = ["LOG_NAME", "Place", "SweepFile", "places", "read_sweep", "run_sweep"]
