"""Labels as the evaluation server of Cityscapes takes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Self

import numpy as np
from PIL import Image

from arseg_lightning.datasets.cityscapes import LONGEST_FUTURE, LONGEST_PAST
from arseg_lightning.datasets.classes import CITYSCAPES19
from arseg_lightning.datasets.labels import class_values
from arseg_lightning.files import replacing
from arseg_lightning.methods import StreamResult
from arseg_lightning.streaming.outputs import Output
from arseg_lightning.types import ClassSet
from arseg_lightning.video.images import image_files
from arseg_lightning.video.live.address import find_address

__all__ = ["ENDING", "CityscapesLabels", "submitted_frames"]

ENDING = "_pred_labelIds.png"
_NAME = re.compile(r"([^_]+)_(\d{6})_(\d{6})_leftImg8bit")
_SNIPPET = LONGEST_PAST + 1 + LONGEST_FUTURE


class CityscapesLabels(Output):
    """A PNG a frame: its label ids, called ``CITY_SEQUENCE_FRAME_pred_labelIds.png``.

    The server takes one file for each image of the test set, whose name begins with the image's
    city, sequence and frame, and whose pixels are label ids (7 is road), not training ids.

    Args:
        folder: Their folder; each image is complete when it appears.
        classes: The classes; all are called like ones of Cityscapes.
        source: A folder of images of Cityscapes.

    Raises:
        ValueError: If a class is none of Cityscapes, or the source is no folder of its images.

    Source: cityscapesScripts, evaluation/evalPixelLevelSemanticLabeling.py: how files are found,
        and which ids count.
    """

    def __init__(self, folder: Path, classes: ClassSet, source: str | Path) -> None:
        unknown = [name for name in classes.names if name not in CITYSCAPES19.names]
        if unknown:
            raise ValueError(
                f"{classes.name} has classes that are none of Cityscapes ({', '.join(unknown[:4])}"
                f"), whose server knows no others; leave cityscapes out of --outputs"
            )
        address = find_address(source)
        if address.kind != "images":
            raise ValueError(
                f"files for the server of Cityscapes are called after its images, and "
                f"{address.name} is no folder of them; give leftImg8bit/test/berlin, for instance"
            )
        self.folder, self.num_frames = Path(folder), 0
        self._names = submitted_frames([each.stem for each in image_files(Path(address.target))])
        values, _ = class_values(CITYSCAPES19)
        ids = dict(zip(CITYSCAPES19.names, values, strict=True))
        self._ids = np.zeros(256, np.uint8)  # 0: unlabelled
        self._ids[: classes.num_classes] = [ids[name] for name in classes.names]

    def __enter__(self) -> Self:
        """Make the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def write(self, result: StreamResult) -> None:
        """Write the image of a frame, if it is one that is submitted."""
        name = self._names.get(result.frame.index)
        if name is None:
            return
        with replacing(self.folder / f"{name}{ENDING}", durable=False) as partial:
            Image.fromarray(self._ids[result.labels]).save(partial, compress_level=1)
        self.num_frames += 1

    @property
    def summary(self) -> str:
        """The folder and its frames."""
        return f"{self.folder} ({self.num_frames} frames)"


def submitted_frames(names: Sequence[str]) -> dict[int, str]:
    """City, sequence and number of the images that are submitted, by their position.

    Of whole snippets, 30 frames in a row, these are the 20th; of all others, every image.

    Raises:
        ValueError: If an image is not called as those of Cityscapes are.
    """
    found = [_NAME.fullmatch(name) for name in names]
    for name, match in zip(names, found, strict=True):
        if match is None:
            raise ValueError(
                f"{name} is no image of Cityscapes: these are called "
                f"CITY_SEQUENCE_FRAME_leftImg8bit, such as berlin_000000_000019_leftImg8bit"
            )
    parts = [match.groups() for match in found if match]
    # Frames in a row have one difference of number and position.
    runs = groupby(range(len(parts)), lambda at: (*parts[at][:2], int(parts[at][2]) - at))
    chosen: list[int] = []
    for _, run in runs:
        positions = [*run]
        is_video = len(positions) % _SNIPPET == 0
        chosen += positions[LONGEST_PAST::_SNIPPET] if is_video else positions
    return {at: "_".join(parts[at]) for at in chosen}
