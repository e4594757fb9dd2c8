"""The contract of exported graphs: their inputs and outputs, and the schedule."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.files import from_json, write_atomic
from arseg_lightning.methods import RoleCycle
from arseg_lightning.types import RGB
from arseg_lightning.video.chain import Chaining

__all__ = ["CONTRACT_NAME", "Agreement", "Contract", "ExportFormat", "GraphContract"]
__all__ += ["Quantisation", "read_contract"]

CONTRACT_NAME = "contract.json"

_VERSION = 3

ExportFormat = Literal["onnx", "torch"]
"""``onnx`` for ONNX Runtime and others; ``torch`` for programs of ``torch.export``."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far a graph agreed with the method that it was made from, at its worst frame."""

    equal_labels: float  # share of the pixels with the same class
    scores_difference: float  # greatest difference of a score
    scores_scale: float  # greatest absolute score


@dataclass(frozen=True, slots=True)
class Quantisation:
    """How graphs became int8, and what that changed on frames that did not calibrate them."""

    video: str  # name of the file or folder
    calibration_frames: int  # of its start, on which ranges were taken
    checked_frames: int  # those after them
    convolutions: dict[str, tuple[int, int]]  # by role: how many are int8, and of how many
    equal_labels: float  # share of the pixels with the same class as in float
    equal_labels_worst: float  # that of the worst frame
    labelled_frames: int  # of those checked
    miou: tuple[float, float] | None  # in float and in int8; None without labels


@dataclass(frozen=True, slots=True)
class GraphContract:
    """The graph of a role."""

    file: str  # in the folder
    align_corners: bool | None  # how scores get the size of the image; None without scores
    inputs: tuple[str, ...]  # names, in order
    outputs: tuple[str, ...]  # names, in order
    # of the graph in float, when it was exported; None without scores
    agreement: Agreement | None


@dataclass(frozen=True, slots=True)
class Contract:
    """All graphs of a method, and the settings that they were made for."""

    method: str  # its class
    name: str  # in tables
    format: ExportFormat
    size: tuple[int, int]  # height and width of the frames
    class_names: tuple[str, ...]  # the index is the label
    palette: tuple[RGB, ...]  # colour in which each class is shown
    normalisation: Normalisation  # of pixels, a part of the graphs
    # where motion leads: to the last frame of a key role, or to the frame before; None if no graph
    # reads any
    motion: Literal["keyframe", "previous"] | None
    chaining: Chaining  # how motion is composed over frames
    key_roles: tuple[str, ...]  # roles of keyframes
    independent: bool  # whether frames of other roles depend on nothing but their keyframe
    schedule: RoleCycle  # roles of each frame: of those at the start, and of those that repeat
    graphs: dict[str, GraphContract]  # by role
    # whether frames between keyframes wait for the later one, which is run before them, and whose
    # motion leads to them
    lookahead: bool
    versions: dict[str, str]  # of the packages that made the files
    quantisation: Quantisation | None = None  # None for graphs in float

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
        facts = json.loads(path.read_text(encoding="utf-8"))
        if facts["version"] != _VERSION:
            raise ValueError(f"another version than {_VERSION}")
        facts["schedule"]["repeats"] = True
        contract: Contract = from_json(Contract, facts)
        return contract
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is not a contract that this version understands ({error!r}); export again"
        ) from error
