"""A program that hides what Windows lacks, then works from the command line: EXPERIMENT VIDEO."""

import importlib
import multiprocessing
import os
import pkgutil
import platform
import signal
import sys
import warnings
from pathlib import Path

# Of other packages, which ask by themselves where they are.
import albumentations  # noqa: F401
import av  # noqa: F401
import matplotlib.pyplot as plt  # noqa: F401
import torch.utils.data  # noqa: F401
import wandb  # noqa: F401
from lightning.pytorch.trainer.connectors import signal_connector

MODULES = ("fcntl", "grp", "pwd", "resource", "termios", "tty")
SYSTEM = (
    *("fchown", "fork", "forkpty", "getloadavg", "geteuid", "getgid", "getpgid", "getuid"),
    *("killpg", "mkfifo", "nice", "register_at_fork", "sched_getaffinity", "sched_setaffinity"),
    *("setsid", "sysconf", "uname", "wait"),
)
SIGNALS = (
    *("SIGALRM", "SIGHUP", "SIGKILL", "SIGQUIT", "SIGUSR1", "SIGUSR2"),
    *("alarm", "pause", "setitimer", "sigwait", "sigwaitinfo"),
)


def hide():
    for name in MODULES:
        sys.modules[name] = None
    for place, names in ((os, SYSTEM), (signal, SIGNALS)):
        for name in names:
            if hasattr(place, name):
                delattr(place, name)
    # Lightning knows its own way there.
    signal_connector._IS_WINDOWS = True
    known = signal.valid_signals() - {9, 19}
    signal.valid_signals = lambda: known
    multiprocessing.get_all_start_methods = lambda: ["spawn"]
    multiprocessing.set_start_method("spawn", force=True)
    platform.system = lambda: "Windows"
    warnings.filterwarnings("error", category=EncodingWarning, module="arseg_lightning")


def import_all():
    import arseg_lightning

    for module in pkgutil.walk_packages(arseg_lightning.__path__, "arseg_lightning."):
        if not module.name.endswith(".__main__"):
            importlib.import_module(module.name)


def work(experiment, video, workers):
    from arseg_lightning.cli import main

    main(["check-data", experiment])
    main(["fit", "--config", experiment, "--data.num_workers", workers])
    run = Path(experiment).parent / "run"
    main(["predict", str(run), "--video", video, "--output", str(run.parent / "out")])


if __name__ in ("__main__", "__mp_main__"):  # of workers, too
    hide()

if __name__ == "__main__":
    import_all()
    work(*sys.argv[1:])
