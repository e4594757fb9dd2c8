"""What a folder of exported graphs promises to whoever runs them."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.systems.system import Role
from arseg_lightning.types import RGB
from arseg_lightning.video.chain import Chaining

__all__ = [
    "CONTRACT_NAME",
    "Agreement",
    "Contract",
    "ExportFormat",
    "GraphContract",
    "TensorContract",
    "read_contract",
]

CONTRACT_NAME = "contract.json"

_VERSION = 1

ExportFormat = Literal["onnx", "torch"]
"""``onnx`` for ONNX Runtime and others; ``torch`` for programs of ``torch.export``."""


@dataclass(frozen=True, slots=True)
class TensorContract:
    """An input or output of a graph.

    Args:
        name: Its name in the graph.
        dtype: Type of its elements, in NumPy's words.
        shape: Its shape; an axis with a name instead of a number may have any length.
        meaning: What it is, with its unit.
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...]
    meaning: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far a graph agreed with the system that it was made from.

    Args:
        example: What both were given.
        equal_labels: Share of the pixels with the same class.
        scores_difference: Greatest difference of a score.
        scores_scale: Greatest absolute score.
    """

    example: str
    equal_labels: float
    scores_difference: float
    scores_scale: float


@dataclass(frozen=True, slots=True)
class GraphContract:
    """One graph.

    Args:
        file: Its file in the folder.
        resolution_ratio: Scale at which the network inside sees the frame.
        inputs: Its inputs, in order.
        outputs: Its outputs, in order.
        checks: How far it agreed with the system when it was exported.
    """

    file: str
    resolution_ratio: float
    inputs: tuple[TensorContract, ...]
    outputs: tuple[TensorContract, ...]
    checks: tuple[Agreement, ...]


@dataclass(frozen=True, slots=True)
class Contract:
    """All graphs of a system, and what they were made for.

    Args:
        system: Kind of system.
        format: Kind of files.
        size: Height and width of the frames.
        keyframe_interval: Frames from one keyframe to the next; 1 if every frame is one.
        class_names: Names of the classes; the position is the label.
        palette: Colour in which each class is shown.
        chaining: How motion was composed over the frames since the keyframe.
        normalisation: What the graphs do with pixels; no one has to do it before.
        align_corners: How scores are brought to the size of the image.
        graphs: The graphs, by the frames that they are for.
        versions: Versions of what made the files.
    """

    system: str
    format: ExportFormat
    size: tuple[int, int]
    keyframe_interval: int
    class_names: tuple[str, ...]
    palette: tuple[RGB, ...]
    chaining: Chaining
    normalisation: Normalisation
    align_corners: bool
    graphs: dict[Role, GraphContract]
    versions: dict[str, str]

    def write(self, folder: Path) -> None:
        """Write the contract into a folder."""
        content = {"version": _VERSION, **asdict(self), "motion": _MOTION}
        text = json.dumps(content, indent=2, ensure_ascii=False)
        text = _SHORT_LIST.sub(lambda found: " ".join(found[0].split()), text)
        (folder / CONTRACT_NAME).write_text(f"{text}\n", encoding="utf-8")


_MOTION = {
    "law": "current(p) = key(p + motion(p))",
    "unit": "pixels of the image",
    "channels": ["x, positive to the right", "y, positive down"],
}


_SHORT_LIST = re.compile(r"\[[^\[\]{}]{,100}\]")
"""A list in a JSON text that is better read on one line: a shape, a colour."""


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
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["version"] != _VERSION:
            raise ValueError(f"version {content['version']} instead of {_VERSION}")
        return _contract(content)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is not a contract that this version understands ({error!r}); export again"
        ) from error


def _contract(content: dict[str, Any]) -> Contract:
    """Build the contract from what JSON made of it."""
    height, width = content["size"]
    normalisation = content["normalisation"]
    return Contract(
        system=content["system"],
        format=content["format"],
        size=(int(height), int(width)),
        keyframe_interval=content["keyframe_interval"],
        class_names=tuple(content["class_names"]),
        palette=tuple((r, g, b) for r, g, b in content["palette"]),
        chaining=content["chaining"],
        normalisation=Normalisation(tuple(normalisation["mean"]), tuple(normalisation["std"])),
        align_corners=content["align_corners"],
        graphs={role: _graph(graph) for role, graph in content["graphs"].items()},
        versions=content["versions"],
    )


def _graph(content: dict[str, Any]) -> GraphContract:
    """Build one graph's part."""
    return GraphContract(
        file=content["file"],
        resolution_ratio=content["resolution_ratio"],
        inputs=tuple(_tensor(each) for each in content["inputs"]),
        outputs=tuple(_tensor(each) for each in content["outputs"]),
        checks=tuple(Agreement(**each) for each in content["checks"]),
    )


def _tensor(content: dict[str, Any]) -> TensorContract:
    return TensorContract(**{**content, "shape": tuple(content["shape"])})
