"""Label Studio's own JSON: brush strokes in its run lengths, and polygons in per cent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.datasets.data_files import IMAGE_SUFFIXES
from arseg_lightning.datasets.label_sources.masks import polygon_mask
from arseg_lightning.datasets.label_sources.source import (
    Canvas,
    Category,
    LabelSource,
    SourceLabel,
    check_categories,
    field,
    label_names,
)

__all__ = ["LabelStudio", "brush_values"]

_KINDS = ("brushlabels", "polygonlabels")


class _Region(NamedTuple):
    """A result that has a mask."""

    size: tuple[int, int]
    label: str
    value: dict[str, Any]


class LabelStudio(LabelSource):
    """Tasks of Label Studio's export "JSON", with BrushLabels and PolygonLabels.

    Its export "COCO" keeps the outlines of strokes and loses their holes; this one has all.
    Regions are painted in the order of the file: where they overlap, the later one counts. Other
    results (rectangles, choices) are left out. Categories are sorted by name, as the file has no
    list of them. A task is named after the image that its data name.

    Args:
        content: The JSON file's content.
        name: What messages call it.

    Raises:
        ValueError: If it is another export, a task has no image or several annotations, or a
            region is wrong.

    Source: labelstud.io/tags/brushlabels and /polygonlabels; the README of @thi.ng/rle-pack.
    """

    def __init__(self, content: list[Any], name: str) -> None:
        super().__init__(name)
        annotated = [task for task in content if self._results(task)]
        names = label_names([_image(task, name) for task in annotated], name)
        self._regions = {
            image: [*self._regions_of(self._results(task), f"{name}, {image}")]
            for image, task in zip(names, annotated, strict=True)
        }
        found = {region.label for regions in self._regions.values() for region in regions}
        self.categories = check_categories([Category(each) for each in sorted(found)], name)

    def __len__(self) -> int:
        """Number of annotated tasks."""
        return len(self._regions)

    def labels(self) -> Iterator[SourceLabel]:
        """Yield the labels of the tasks that have a region."""
        index = {category.name: number for number, category in enumerate(self.categories)}
        for name, regions in self._regions.items():
            if not regions:
                continue
            canvas = Canvas(regions[0].size)
            for region in regions:
                where = f"{self.name}, {name}"
                if region.size != regions[0].size:
                    raise ValueError(f"{where}: its regions are of images of different sizes")
                try:
                    canvas.paint(_mask(region), index[region.label])
                except ValueError as error:
                    raise ValueError(f"{where}: {error}") from None
            yield canvas.label(name)

    def _results(self, task: Any) -> list[Any]:
        """Results of a task's annotation; of several annotations, the one that is ground truth."""
        if not isinstance(task, dict) or "annotations" not in task:
            raise ValueError(
                f"{self.name} is no export of Label Studio that has all: export the project as "
                f'"JSON" (not "JSON-MIN"), or as "COCO" where nothing was brushed'
            )
        where = f"{self.name}, task {task.get('id', '?')}"
        done = [each for each in task["annotations"] if not each.get("was_cancelled")]
        if len(done) > 1:
            done = [each for each in done if each.get("ground_truth")] or done
        if len(done) > 1:
            raise ValueError(
                f"{where} has {len(done)} annotations, and which of them counts is not said; mark "
                f"one as ground truth, or delete the others"
            )
        return list(field(done[0], "result", list, where)) if done else []

    def _regions_of(self, results: list[Any], where: str) -> Iterator[_Region]:
        for each in results:
            kind = each.get("type")
            if kind not in _KINDS:
                self.left_out[f"results of the kind {kind}"] += 1
                continue
            if each.get("image_rotation"):
                raise ValueError(f"{where} was turned while it was labelled; turn the image itself")
            size = field(each, "original_height", int, where)
            value = field(each, "value", dict, where)
            labels = field(value, kind, list, where)
            if len(labels) != 1:
                raise ValueError(f"{where}: a region has the labels {labels}, and a pixel has one")
            yield _Region((size, field(each, "original_width", int, where)), labels[0], value)


def brush_values(data: bytes) -> NDArray[np.uint8]:
    """Unpack the bytes of a brush stroke: R, G, B and A of each pixel, row by row.

    A row of bits, the highest of each byte first: 32 bits with the number of values, 5 with the
    bits of a value less one, and four times 4 with the bits of a length less one. Then blocks: a
    bit that says whether one value repeats, 2 bits that choose one of those four, a length less
    one in so many bits, and the value once, or as many values as the length says.

    Raises:
        ValueError: If it ends too early, or values are of more than 8 bits.

    Source: the README of @thi.ng/rle-pack, "Encoding format".
    """
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    at = 0

    def read(width: int, number: int = 1) -> NDArray[np.int64]:
        nonlocal at
        taken = bits[at : at + width * number]
        if len(taken) < width * number:
            raise ValueError(f"a brush stroke of {len(data)} bytes ends too early")
        at += width * number
        return taken.reshape(number, width) @ (1 << np.arange(width - 1, -1, -1))

    total, width = int(read(32)[0]), int(read(5)[0]) + 1
    lengths = [int(read(4)[0]) + 1 for _ in range(4)]
    if width > 8:
        raise ValueError(f"values of a brush stroke have up to 8 bits, got {width}")
    blocks, done = [np.empty(0, np.int64)], 0
    while done < total:
        repeats, choice = divmod(int(read(3)[0]), 4)
        number = int(read(lengths[choice])[0]) + 1
        blocks.append(np.repeat(read(width), number) if repeats else read(width, number))
        done += number
    return np.concatenate(blocks)[:total].astype(np.uint8)


def _mask(region: _Region) -> NDArray[np.bool_]:
    height, width = region.size
    if "points" in region.value:
        points = np.asarray(region.value["points"], np.float64).reshape(-1, 2)
        return polygon_mask([(points * (width / 100, height / 100)).ravel().tolist()], region.size)
    rle = field(region.value, "rle", list, "a brush stroke")
    values = brush_values(bytes(rle))
    if values.size != 4 * height * width:
        raise ValueError(
            f"a brush stroke has {values.size} values, and an image of {height}x{width} (height x "
            f"width) has {4 * height * width}"
        )
    return values[3::4].reshape(region.size) > 0  # opacity


def _image(task: dict[str, Any], where: str) -> str:
    """File of a task's image: of its data, the text with the ending of one."""
    data = field(task, "data", dict, f"{where}, task {task.get('id', '?')}")
    for text in (value for value in data.values() if isinstance(value, str)):
        parts = urlsplit(text)
        # Files of the server's own disk are named behind "?d=".
        path: str = parse_qs(parts.query).get("d", [unquote(parts.path)])[0]
        if path.lower().endswith(IMAGE_SUFFIXES):
            return path
    raise ValueError(
        f"{where}, task {task.get('id', '?')}: its data name no image ({', '.join(IMAGE_SUFFIXES)})"
    )
