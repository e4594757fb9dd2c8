"""Sweeps: many runs of one experiment, by the files of W&B's sweeps but without its server."""

from arseg_lightning.sweep.plan import choose_points
from arseg_lightning.sweep.runner import run_sweep
from arseg_lightning.sweep.sweep_file import SweepFile, read_sweep

__all__ = ["SweepFile", "choose_points", "read_sweep", "run_sweep"]
