"""Sweeps: many runs of one experiment, from W&B's sweep files, as trials of an Optuna study."""

from arseg_lightning.sweep.process import Slot, make_slots
from arseg_lightning.sweep.runner import LOG_NAME, run_sweep
from arseg_lightning.sweep.sweep_file import SweepFile, read_sweep

__all__ = ["LOG_NAME", "Slot", "SweepFile", "make_slots", "read_sweep", "run_sweep"]
