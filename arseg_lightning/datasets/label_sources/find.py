"""Finds out what a file, folder or ZIP file of annotations is."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any, cast

from arseg_lightning.datasets.label_sources.coco import CocoInstances
from arseg_lightning.datasets.label_sources.coco_panoptic import CocoPanoptic
from arseg_lightning.datasets.label_sources.cvat_masks import LABEL_MAP, CvatMasks
from arseg_lightning.datasets.label_sources.label_studio import LabelStudio
from arseg_lightning.datasets.label_sources.source import File, LabelSource, in_folder

__all__ = ["open_source"]

_KNOWN = (
    "a JSON file of COCO (instances, stuff, panoptic) or of Label Studio; or a folder or ZIP file "
    f"with one, or with CVAT's {LABEL_MAP}"
)


def open_source(path: Path, masks: Path | None = None) -> LabelSource:
    """Open annotations, whichever of the known formats they have.

    Args:
        path: A JSON file; or a folder or ZIP file, with one JSON file (in it or in its
            ``annotations``) or with CVAT's ``labelmap.txt``.
        masks: Folder of the PNG files of panoptic labels; the one beside the JSON file that has
            its name by default.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is none of these, or wrong.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing; give {_KNOWN}")
    if path.is_file() and path.suffix.lower() == ".json":
        return _from_json(path, masks)
    if path.is_file() and not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is neither a JSON nor a ZIP file; give {_KNOWN}")
    folder: File = zipfile.Path(path) if path.is_file() else path
    if (folder / LABEL_MAP).is_file():
        return CvatMasks(folder)
    return _from_json(_json_file(folder), masks)


def _json_file(folder: File) -> File:
    """The one JSON file of a folder or of its annotations."""
    folders = [each for each in (folder, folder / "annotations") if each.is_dir()]
    found = [path for each in folders for path in in_folder(each) if path.suffix.lower() == ".json"]
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(
            f"{folder} holds several JSON files: {', '.join(each.name for each in found[:4])}; "
            f"give one of them (of a ZIP file, unpacked)"
        )
    if (folder / "annotations.xml").is_file():
        raise ValueError(
            f'{folder} is what CVAT exports as "CVAT for images" or "for video", which this does '
            f'not read; export the task as "Segmentation mask 1.1" or "COCO 1.0"'
        )
    raise ValueError(f"{folder} holds no annotations; give {_KNOWN}")


def _from_json(path: File, masks: Path | None) -> LabelSource:
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON file: {error}") from None
    if isinstance(content, list):
        return LabelStudio(content, str(path))
    if not isinstance(content, dict) or "annotations" not in content:
        raise ValueError(f"{path} holds no annotations; give {_KNOWN}")
    annotations = content["annotations"]
    if isinstance(annotations, list) and any("segments_info" in each for each in annotations):
        folder = cast(File, path.parent)
        return CocoPanoptic(content, str(path), masks or folder / path.stem)
    return CocoInstances(content, str(path))
