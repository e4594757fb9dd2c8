"""Callbacks of a run: its folder, records, checkpoints and figures."""

from arseg_lightning.callbacks.checkpoints import GeneratorStates, RunCheckpoint, WholeCheckpoints
from arseg_lightning.callbacks.progress import Throughput
from arseg_lightning.callbacks.run_callbacks import run_callbacks
from arseg_lightning.callbacks.run_folder import RunFolder, RunRecord
from arseg_lightning.callbacks.stop_signal import StopSignal
from arseg_lightning.callbacks.test_record import TestRecord

__all__ = [
    "GeneratorStates",
    "RunCheckpoint",
    "RunFolder",
    "RunRecord",
    "StopSignal",
    "TestRecord",
    "Throughput",
    "WholeCheckpoints",
    "run_callbacks",
]
