"""COCO's instances and stuff: polygons and run lengths in one JSON file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.datasets.label_sources.masks import (
    polygon_mask,
    run_length_mask,
    text_counts,
)
from arseg_lightning.datasets.label_sources.source import (
    Canvas,
    Category,
    LabelSource,
    SourceLabel,
    check_categories,
    field,
    label_names,
)
from arseg_lightning.types import RGB, size_text

__all__ = ["CocoContent", "CocoImage", "CocoInstances"]


class CocoImage(NamedTuple):
    """An image that annotations refer to."""

    name: str  # of its label
    size: tuple[int, int]  # height and width


class CocoContent:
    """What all files of COCO share: categories, images, and the annotations of each.

    Args:
        content: The JSON file's content.
        name: What messages call it.

    Raises:
        ValueError: If a part is missing or wrong, or an annotation is of an image or a category
            that the file does not list.
    """

    def __init__(self, content: dict[str, Any], name: str) -> None:
        self.name = name
        listed = sorted(
            field(content, "categories", list, name),
            key=lambda each: field(each, "id", int, f"{name}, categories"),
        )
        self.categories = check_categories(
            [
                Category(field(each, "name", str, f"{name}, categories"), _colour(each))
                for each in listed
            ],
            name,
        )
        self.index = {each["id"]: index for index, each in enumerate(listed)}
        self.images = self._images(field(content, "images", list, name))
        self.annotations: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for number, each in enumerate(field(content, "annotations", list, name)):
            where = f"{name}, annotation {number}"
            image = field(each, "image_id", int, where)
            if image not in self.images:
                raise ValueError(
                    f"{where} is of image {image}, which the file does not list under 'images'; "
                    f"add it there, or take the annotation away"
                )
            self.annotations[image].append(each)

    def category(self, item: dict[str, Any], where: str) -> int:
        """Index of an annotation's category.

        Raises:
            ValueError: If the file lists no such category.
        """
        number = field(item, "category_id", int, where)
        if number not in self.index:
            raise ValueError(
                f"{where}: there is no category {number}; the file lists {sorted(self.index)[:12]}"
            )
        return self.index[number]

    def _images(self, listed: list[Any]) -> dict[int, CocoImage]:
        where = f"{self.name}, images"
        names = label_names([field(each, "file_name", str, where) for each in listed], self.name)
        images: dict[int, CocoImage] = {}
        for each, name in zip(listed, names, strict=True):
            size = field(each, "height", int, where), field(each, "width", int, where)
            if images.setdefault(field(each, "id", int, where), CocoImage(name, size)).name != name:
                raise ValueError(
                    f"{where}: two images have the id {each['id']}; each needs its own"
                )
        return images


class CocoInstances(LabelSource):
    """Objects and stuff as polygons or run lengths, of COCO, CVAT or Label Studio.

    Annotations are painted in the order of the file: where they overlap, the later one counts, as
    annotation tools write them from the lowest to the topmost. A crowd is of its category.
    Annotations without a segmentation (boxes, key points) are left out.

    Args:
        content: The JSON file's content.
        name: What messages call it.

    Raises:
        ValueError: See :class:`CocoContent`.

    Source: the data format of COCO (cocodataset.org/#format-data).
    """

    def __init__(self, content: dict[str, Any], name: str) -> None:
        super().__init__(name)
        self.coco = CocoContent(content, name)
        self.categories = self.coco.categories

    def __len__(self) -> int:
        """Number of images."""
        return len(self.coco.images)

    def labels(self) -> Iterator[SourceLabel]:
        """Yield the labels of all images; those of images without annotations are blank."""
        for number, image in self.coco.images.items():
            canvas = Canvas(image.size)
            for each in self.coco.annotations[number]:
                where = f"{self.name}, annotation {each.get('id', '?')} of {image.name}"
                if not each.get("segmentation"):
                    self.left_out["annotations without a segmentation"] += 1
                    continue
                category = self.coco.category(each, where)
                mask = _mask(each["segmentation"], image.size, where)
                canvas.paint(mask, category, bool(each.get("iscrowd")))
            yield canvas.label(image.name)


def _mask(segmentation: Any, size: tuple[int, int], where: str) -> NDArray[np.bool_]:
    """Decode an annotation's segmentation, whichever of its three forms it has."""
    try:
        if isinstance(segmentation, list):
            flat = not isinstance(segmentation[0], list)
            return polygon_mask([segmentation] if flat else segmentation, size)
        counts = field(segmentation, "counts", (list, str), "segmentation")
        spelled = field(segmentation, "size", list, "segmentation")
        if [*size] != spelled:
            raise ValueError(
                f"the mask's size is {spelled}, and the image's is {size_text(size)} (height x "
                f"width)"
            )
        return run_length_mask(text_counts(counts) if isinstance(counts, str) else counts, size)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _colour(category: Any) -> RGB | None:
    """The colour of a category, if it has one: files of panoptic labels do."""
    colour = category.get("color")
    if isinstance(colour, list) and len(colour) == 3 and all(type(each) is int for each in colour):
        return colour[0], colour[1], colour[2]
    return None
