"""The commands beside Lightning's own: one typed function each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from arseg_lightning.commands.bench import bench
from arseg_lightning.commands.check_data import check_data
from arseg_lightning.commands.clicks import clicks
from arseg_lightning.commands.compare import compare
from arseg_lightning.commands.cost import cost
from arseg_lightning.commands.demo import demo
from arseg_lightning.commands.encode import encode
from arseg_lightning.commands.examples import examples
from arseg_lightning.commands.export import export
from arseg_lightning.commands.labels import labels
from arseg_lightning.commands.motion import motion
from arseg_lightning.commands.predict import predict
from arseg_lightning.commands.prepare import prepare
from arseg_lightning.commands.push import push
from arseg_lightning.commands.report import report
from arseg_lightning.commands.show_motion import show_motion
from arseg_lightning.commands.sweep import sweep
from arseg_lightning.commands.vectors import vectors

__all__ = ["COMMANDS"]

COMMANDS: dict[str, Callable[..., Any]] = {
    function.__name__.replace("_", "-"): function
    for function in (
        *(bench, check_data, clicks, compare, cost, demo, encode, examples),
        *(export, labels, motion, predict, prepare, push, report, show_motion, sweep),
        *(vectors,),
    )
}
"""By the word that follows ``python -m arseg_lightning``."""
