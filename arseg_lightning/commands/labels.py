"""The command ``labels``: annotations of other tools as label files that every layout reads."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from arseg_lightning.datasets.class_files import write_class_file
from arseg_lightning.datasets.classes import class_set
from arseg_lightning.datasets.data_files import LABEL_SUFFIX
from arseg_lightning.datasets.label_sources import LabelSource, LabelValues, classes_of, open_source
from arseg_lightning.datasets.label_sources.conversion import Crowd, Others
from arseg_lightning.files import new_folder
from arseg_lightning.ranges import check_words
from arseg_lightning.types import ClassSet

__all__ = ["labels"]


def labels(
    source: Path,
    *,
    out: Path,
    classes: str | None = None,
    background: str | None = None,
    crowd: Crowd = "class",
    others: Others = "refuse",
    masks: Path | None = None,
) -> Path:
    """Convert annotations of COCO, CVAT or Label Studio, once, to label files for any layout.

    A label is a PNG with a class a pixel, called like its image; folders that not all images share
    stay. Where annotations overlap, the later one counts. Without --classes every category becomes
    a class, and OUT.yaml, beside the folder, is their class set. docs/labels.md has the formats.

    Args:
        source: A JSON file; or a folder or ZIP file with one, or with CVAT's labelmap.txt.
        out: The folder to make.
        classes: Class set of the labels, by name or file; categories are matched by their names.
        background: Class of pixels that no annotation covers. By default the class of that name;
            if there is none, they are left out, and images without annotations get no label.
        crowd: Annotations of crowds are of their class (class) or left out (void).
        others: Categories that are no class are refused (refuse) or left out (void).
        masks: Folder of the PNG files of panoptic labels; by default the JSON's name without .json.

    Returns:
        The folder.

    Raises:
        FileExistsError: If the folder or its class set is there already.
        FileNotFoundError: If a file is missing.
        ValueError: If an annotation is wrong, or a category is no class.
    """
    check_words(crowd=(crowd, Crowd), others=(others, Others))
    written = out.with_name(f"{out.name}.yaml")
    for path in (out, written) if classes is None else (out,):
        if path.exists():
            raise FileExistsError(f"{path} exists; name another folder, or take it away")
    opened = open_source(source, masks)
    if classes is None:
        known = classes_of(opened.categories, background, out.name)
    else:
        known = class_set(classes)
    values = LabelValues(opened, known, background, crowd, others)
    with new_folder(out) as folder:
        counts = _write(folder, opened, values, known)
    if classes is None:
        write_class_file(written, known)
    which = f"{known.num_classes} classes ({written if classes is None else known.name})"
    print("\n  ".join([f"{out}: {counts['labels']} labels, {which}", *_notes(counts, opened)]))
    return out


def _write(
    folder: Path, source: LabelSource, values: LabelValues, classes: ClassSet
) -> Counter[str]:
    """Write a file a label; count them and their pixels."""
    counts: Counter[str] = Counter()
    # A class set whose files are coloured would read colours of a palette as classes.
    palette = None if classes.file_colours else _palette(classes, values)
    for label in tqdm(source.labels(), "labels", len(source), unit=" labels", disable=None):
        if not values.counts_all and (label.pixels < 0).all():
            counts["blank"] += 1
            continue
        found = values.of(label.pixels)
        image = Image.fromarray(found)
        if palette is not None and found.dtype == np.uint8:
            image.putpalette(palette.ravel().tolist())
        path = folder / f"{label.name}{LABEL_SUFFIX}"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)
        void = int((found == values.void).sum())
        counts += Counter(labels=1, pixels=found.size, void=void, covered=label.covered)
    if not counts["labels"]:
        raise ValueError(f"{source.name} holds no annotation that makes a label")
    return counts


def _palette(classes: ClassSet, values: LabelValues) -> NDArray[np.uint8]:
    """Colour of each value of up to 8 bits, (256, 3), so that viewers show the classes'."""
    table = np.zeros((256, 3), np.uint8)
    for value, colour in zip(values.numbers, classes.palette, strict=True):
        if value < len(table):
            table[value] = colour
    return table


def _notes(counts: Counter[str], source: LabelSource) -> list[str]:
    """What a reader should know of the conversion."""
    pixels = max(counts["pixels"], 1)
    notes = [f"{counts['void'] / pixels:.1%} of the pixels are left out"]
    if counts["covered"]:
        share = counts["covered"] / pixels
        notes.append(f"{share:.1%} had annotations of two classes; the later one counts")
    if counts["blank"]:
        notes.append(f"{counts['blank']} images without annotations got no label (--background)")
    return [*notes, *(f"{number} {what} left out" for what, number in source.left_out.items())]
