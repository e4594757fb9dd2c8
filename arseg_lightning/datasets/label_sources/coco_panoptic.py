"""COCO's panoptic labels: a JSON file, and PNG files whose colours are ids of segments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from arseg_lightning.datasets.label_sources.coco import CocoContent
from arseg_lightning.datasets.label_sources.source import (
    CROWD,
    UNLABELLED,
    File,
    LabelSource,
    SourceLabel,
    field,
)
from arseg_lightning.datasets.lookup import colour_codes, look_up
from arseg_lightning.types import size_text

__all__ = ["CocoPanoptic"]


class CocoPanoptic(LabelSource):
    """Panoptic labels: each pixel belongs to one segment, and each segment to a category.

    A pixel's colour is its segment's id, ``R + 256 G + 65536 B``; 0 is no segment. Nothing
    overlaps. A crowd is of its category. Images without an annotation get no label.

    Args:
        content: The JSON file's content.
        name: What messages call it.
        masks: Folder of the PNG files.

    Raises:
        ValueError: See :class:`CocoContent`.

    Source: the data format of COCO (cocodataset.org/#format-data), "Panoptic Segmentation".
    """

    def __init__(self, content: dict[str, Any], name: str, masks: File) -> None:
        super().__init__(name)
        self.coco = CocoContent(content, name)
        self.categories, self.masks = self.coco.categories, masks

    def __len__(self) -> int:
        """Number of images with an annotation."""
        return len(self.coco.annotations)

    def labels(self) -> Iterator[SourceLabel]:
        """Yield the labels of the annotated images."""
        for number, found in self.coco.annotations.items():
            image = self.coco.images[number]
            if len(found) > 1:
                raise ValueError(
                    f"{self.name}: {image.name} has {len(found)} annotations, and panoptic "
                    f"files have one an image"
                )
            yield SourceLabel(image.name, self._pixels(found[0], image.size))

    def _pixels(self, annotation: dict[str, Any], size: tuple[int, int]) -> Any:
        path = self.masks / field(annotation, "file_name", str, self.name)
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} is missing, and {self.name} names it; name the folder of the PNG files "
                f"with --masks"
            )
        with path.open("rb") as file, Image.open(file) as png:
            codes = colour_codes(np.asarray(png.convert("RGB"))[..., ::-1])
        if codes.shape != size:
            raise ValueError(
                f"{path} is {size_text(codes.shape)} (height x width), and {self.name} says that "
                f"its image is {size_text(size)}"
            )
        table = {0: UNLABELLED}
        for segment in field(annotation, "segments_info", list, str(path)):
            category = self.coco.category(segment, str(path))
            is_crowd = bool(segment.get("iscrowd"))
            table[field(segment, "id", int, str(path))] = category + CROWD * is_crowd
        pixels, is_known = look_up(codes, table)
        if not is_known.all():
            unknown = np.unique(codes[~is_known])[:4].tolist()
            raise ValueError(
                f"{path} has pixels of the segments {unknown}, which {self.name} does not list; "
                f"are they of one data set?"
            )
        return pixels
