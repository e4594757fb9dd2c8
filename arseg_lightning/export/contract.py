"""The contract of exported graphs: their inputs and outputs, and the schedule."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.files import write_atomic
from arseg_lightning.methods import RoleCycle
from arseg_lightning.types import RGB
from arseg_lightning.video.chain import Chaining

__all__ = [
    "CONTRACT_NAME",
    "Agreement",
    "Contract",
    "ExportFormat",
    "GraphContract",
    "read_contract",
]

CONTRACT_NAME = "contract.json"

_VERSION = 3

ExportFormat = Literal["onnx", "torch"]
"""``onnx`` for ONNX Runtime and others; ``torch`` for programs of ``torch.export``."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far a graph agreed with the method that it was made from, at its worst frame.

    Args:
        equal_labels: Share of the pixels with the same class.
        scores_difference: Greatest difference of a score.
        scores_scale: Greatest absolute score.
    """

    equal_labels: float
    scores_difference: float
    scores_scale: float


@dataclass(frozen=True, slots=True)
class GraphContract:
    """The graph of a role.

    Args:
        file: Its file in the folder.
        align_corners: How its scores are brought to the size of the image; None without scores.
        inputs: Names of its inputs, in order.
        outputs: Names of its outputs, in order.
        agreement: How far it agreed with the method when it was exported; None without scores.
    """

    file: str
    align_corners: bool | None
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    agreement: Agreement | None


@dataclass(frozen=True, slots=True)
class Contract:
    """All graphs of a method, and the settings that they were made for.

    Args:
        method: The method's class.
        name: The method's name in tables.
        format: Kind of files.
        size: Height and width of the frames.
        class_names: Names of the classes; the index is the label.
        palette: Colour in which each class is shown.
        normalisation: Normalisation of pixels, which is a part of the graphs.
        motion: Where motion leads: to the last frame of a key role (``keyframe``), or to the frame
            before (``previous``); None if no graph reads any.
        chaining: How motion is composed over frames.
        key_roles: Roles of keyframes.
        independent: Whether frames of other roles depend on nothing but their keyframe.
        schedule: Roles of each frame: of those at the start, and of those that repeat.
        graphs: The graphs, by role.
        lookahead: Whether frames between keyframes wait for the later one, which is run before
            them, and whose motion leads to them.
        versions: Versions of the packages that made the files.
    """

    method: str
    name: str
    format: ExportFormat
    size: tuple[int, int]
    class_names: tuple[str, ...]
    palette: tuple[RGB, ...]
    normalisation: Normalisation
    motion: Literal["keyframe", "previous"] | None
    chaining: Chaining
    key_roles: tuple[str, ...]
    independent: bool
    schedule: RoleCycle
    graphs: dict[str, GraphContract]
    lookahead: bool
    versions: dict[str, str]

    def write(self, folder: Path) -> None:
        """Write the contract into a folder."""
        content = {"version": _VERSION, **asdict(self)}
        del content["schedule"]["repeats"]  # it always does
        text = json.dumps(content, indent=2, ensure_ascii=False)
        # A list without others in it, a shape or a colour, is better read on one line.
        text = re.sub(r"\[[^\[\]{}]{,100}\]", lambda found: " ".join(found[0].split()), text)
        write_atomic(folder / CONTRACT_NAME, f"{text}\n")


def read_contract(folder: Path) -> Contract:
    """Read the contract of an exported folder.

    Raises:
        FileNotFoundError: If the folder has none.
        ValueError: If the file is not understood.
    """
    path = folder / CONTRACT_NAME
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder} holds no {CONTRACT_NAME}; give a folder that "
            "`python -m arseg_lightning export` has written"
        )
    try:
        facts = _tuples(json.loads(path.read_text(encoding="utf-8")))
        if facts.pop("version") != _VERSION:
            raise ValueError(f"another version than {_VERSION}")
        facts["normalisation"] = Normalisation(**facts["normalisation"])
        facts["schedule"] = RoleCycle(**facts["schedule"], repeats=True)
        for role, graph in facts["graphs"].items():
            agreement = graph.pop("agreement")
            graph["agreement"] = None if agreement is None else Agreement(**agreement)
            facts["graphs"][role] = GraphContract(**graph)
        return Contract(**facts)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is not a contract that this version understands ({error!r}); export again"
        ) from error


def _tuples(value: Any) -> Any:
    """JSON's lists as tuples, at any depth."""
    if isinstance(value, dict):
        return {key: _tuples(each) for key, each in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
