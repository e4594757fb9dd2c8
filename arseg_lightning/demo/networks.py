"""Networks that the page offers, and the methods around each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

from arseg_lightning.bench import MethodSet
from arseg_lightning.hub import HUB_PREFIX
from arseg_lightning.methods import VideoMethod
from arseg_lightning.models import Segmentor
from arseg_lightning.streaming.load import load_experiment
from arseg_lightning.streaming.pretrained import PretrainedNetwork, load_pretrained
from arseg_lightning.streaming.run_files import find_run
from arseg_lightning.tasks.weights import own_checkpoint

__all__ = ["NetworkChoice", "OfferedNetwork", "find_choices", "load_choice", "runs_in"]

_OFFERED = f"{HUB_PREFIX}nvidia/segformer-b0-finetuned-cityscapes-1024-1024"
"""Offered where there is nothing else: a network of 15 MB that knows streets."""


@dataclass(frozen=True, slots=True)
class NetworkChoice:
    """A network that the page offers.

    Args:
        source: A run (its folder, or hf:USER/REPO), or a pretrained network (hf:REPOSITORY).
        is_run: Which of the two it is.
    """

    source: str
    is_run: bool


@dataclass(frozen=True, slots=True)
class OfferedNetwork:
    """A loaded network in its methods."""

    compared: MethodSet  # every frame by itself first: what the others are compared with
    usual: str  # name of the method that is shown beside it at first


def find_choices(
    runs: Sequence[Path | str], networks: Sequence[str], under: Path = Path("runs")
) -> list[NetworkChoice]:
    """List what was named, or else the runs in a folder, or else a network of the hub.

    Args:
        runs: Folders of runs, or hf:USER/REPO.
        networks: Pretrained networks, hf:REPOSITORY.
        under: Where runs are looked for if nothing is named.

    Returns:
        The choices, by default the first; none if nothing is named or found, and transformers is
        not installed.

    Raises:
        FileNotFoundError: If a run is not there.
        ValueError: If a pretrained network is not named as one.
    """
    for run in runs:
        if not str(run).startswith(HUB_PREFIX):
            find_run(run)  # a mistake is named before the page is there
    for network in networks:
        if not network.startswith(HUB_PREFIX):
            raise ValueError(
                f"--network is hf:REPOSITORY of Hugging Face, got {network!r}; a run is named "
                f"without it: demo {network}"
            )
    named = [NetworkChoice(str(run), True) for run in runs]
    named += [NetworkChoice(network, False) for network in networks]
    found = named or [NetworkChoice(str(run), True) for run in runs_in(under)]
    if not found and find_spec("transformers") is not None:
        return [NetworkChoice(_OFFERED, False)]
    return found


def runs_in(folder: Path) -> list[Path]:
    """Folders in a folder that hold a run with weights, the latest first."""
    found = {path.parent: own_checkpoint(path.parent) for path in folder.glob("*/fit.yaml")}
    times = {run: file.stat().st_mtime for run, file in found.items() if file is not None}
    return sorted(times, key=lambda run: -times[run])


@lru_cache(1)
def load_choice(choice: NetworkChoice) -> OfferedNetwork:
    """Load a network, and put methods around it; the last one stays in memory.

    A run has its own methods, and those around its network that need no training.

    Raises:
        ConnectionError: If it is on the hub, which cannot be reached.
        FileNotFoundError: If it is not there.
        ValueError: If it cannot be used.
    """
    if not choice.is_run:
        known = load_pretrained(choice.source)
        methods = known.methods()
        compared = MethodSet({}, methods, known.classes, known.normalise)
        return OfferedNetwork(compared, _usual(methods, None))
    experiment = load_experiment([Path(choice.source)], None, (), "demo")
    data, own = experiment.data, experiment.methods()
    around: dict[str, VideoMethod] = {}
    network = getattr(next(iter(own.values())), "network", None)
    if isinstance(network, Segmentor):
        around = PretrainedNetwork(network, data.classes, data.normalise).methods()
    # Every frame by itself first, then the run's, which win over others of their name
    methods = dict(islice(around.items(), 1)) | own | around | own
    compared = MethodSet({}, methods, data.classes, data.normalise, data.store.chaining)
    return OfferedNetwork(compared, _usual(methods, experiment.task.method.name))


def _usual(methods: dict[str, VideoMethod], own: str | None) -> str:
    """The run's own method; or the first that uses motion, where that is the reference."""
    reference, *others = methods
    if own not in (None, reference):
        return str(own)
    return next((name for name in others if methods[name].uses_motion), reference)
