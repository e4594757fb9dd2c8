"""The command ``clicks``: labels of single pixels, for training with clicks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from arseg_lightning.datasets.classes import class_set
from arseg_lightning.datasets.clicks import (
    Click,
    Placement,
    click_label,
    draw_clicks,
    read_clicks,
    write_clicks,
)
from arseg_lightning.datasets.data_files import IMAGE_SUFFIXES, LABEL_SUFFIX, files
from arseg_lightning.datasets.labels import read_label
from arseg_lightning.files import new_folder
from arseg_lightning.ranges import check_range, check_words
from arseg_lightning.types import ClassSet
from arseg_lightning.video.images import image_size

__all__ = ["clicks"]

Clicks = dict[str, list[Click]]
Sizes = dict[str, tuple[int, int]]


def clicks(
    out: Path,
    classes: str,
    labels: Path | None = None,
    csv: Path | None = None,
    images: Path | None = None,
    placement: Placement = "random",
    seed: int = 0,
    least_pixels: int = 1,
) -> Path:
    """Make a folder of labels in which single pixels count: clicks, drawn or custom.

    They are drawn from full labels, one for each connected component of a class, and listed in
    OUT.csv beside the folder; or read from such a file. A layout takes the folder instead of its
    full labels (``data.train.labels``), and so the clicks never change.

    Args:
        out: The folder to make.
        classes: Class set of the labels: a name, or the path of a YAML file.
        labels: Folder of full labels to draw from.
        csv: A file of custom clicks instead, with the columns image, x, y, class.
        images: Folder of the images that the file names.
        placement: ``random`` pixels of the components, or ``central`` ones.
        seed: Draws the random ones, for each label by itself.
        least_pixels: Smaller components get no click: borders of labels have many.

    Returns:
        The folder.

    Raises:
        FileExistsError: If the folder is there already.
        FileNotFoundError: If a folder or an image is missing.
        ValueError: If neither labels nor a file with images is named, or a click is wrong.
    """
    check_words(placement=(placement, Placement))
    check_range(0, seed=seed)
    check_range(1, least_pixels=least_pixels)
    if out.exists():
        raise FileExistsError(
            f"{out} exists, and clicks never change; name another folder, or take it away"
        )
    known = class_set(classes)
    if labels is not None and csv is None:
        found, sizes = Clicks(), Sizes()
        paths = files(labels, (LABEL_SUFFIX,), "labels")
        for number, path in enumerate(tqdm(paths, desc="clicks", unit=" labels", disable=None)):
            label = read_label(path, known)
            sizes[path.stem] = label.shape[0], label.shape[1]
            generator = np.random.default_rng([seed, number])
            found[path.stem] = draw_clicks(label, known, placement, generator, least_pixels)
    elif csv is not None and images is not None and labels is None:
        found, sizes = _custom(read_clicks(csv, known), images, csv)
    else:
        raise ValueError("name --labels to draw from, or --csv of custom clicks and their --images")
    _write(out, found, sizes, known)
    if csv is None:
        write_clicks(out.with_name(f"{out.name}.csv"), found, known)
    total = sum(map(len, found.values()))
    print(f"{out}: {total} clicks in {len(found)} labels, {total / max(1, len(found)):.1f} each")
    return out


def _write(out: Path, found: Clicks, sizes: Sizes, classes: ClassSet) -> None:
    """Write a label a name; the folder appears when it is complete."""
    with new_folder(out) as folder:
        for name, each in found.items():
            try:
                values = click_label(each, sizes[name], classes)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
            Image.fromarray(values).save(folder / f"{name}{LABEL_SUFFIX}")


def _custom(found: Clicks, images: Path, csv: Path) -> tuple[Clicks, Sizes]:
    """Clicks and sizes of all images of a folder; those without a click have none."""
    paths = {path.stem: path for path in files(images, IMAGE_SUFFIXES, "images")}
    unknown = [name for name in found if name not in paths]
    if unknown:
        raise FileNotFoundError(
            f"{csv} names images that are not in {images}: {', '.join(unknown[:4])}; give the "
            f"folder that holds them all"
        )
    sizes = {name: image_size(path) for name, path in paths.items()}
    return {name: found.get(name, []) for name in paths}, sizes
