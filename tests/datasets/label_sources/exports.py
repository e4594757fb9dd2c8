"""Small exports of COCO, CVAT and Label Studio, written by hand."""

import json
from itertools import pairwise

import numpy as np
from PIL import Image

CATEGORIES = [{"id": 7, "name": "boat"}, {"id": 3, "name": "water", "supercategory": "stuff"}]
"""Listed in another order than that of their ids."""


def square(x, y, side):
    return [x, y, x + side, y, x + side, y + side, x, y + side]


def annotation(image, category, segmentation, number=1, **more):
    return (
        {"id": number, "image_id": image, "category_id": category}
        | {"segmentation": segmentation}
        | more
    )


def coco(annotations, names=("a.jpg",), size=(4, 6), categories=CATEGORIES):
    images = [
        {"id": number, "file_name": name, "height": size[0], "width": size[1]}
        for number, name in enumerate(names, start=1)
    ]
    return {"images": images, "annotations": annotations, "categories": categories}


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def write_panoptic(folder, ids, segments, categories=CATEGORIES, **more):
    """One image, whose pixels have such ids of segments."""
    ids = np.asarray(ids)
    (folder / "panoptic").mkdir(parents=True)
    rgb = np.stack([ids % 256, ids // 256 % 256, ids // 65536], axis=-1).astype(np.uint8)
    Image.fromarray(rgb).save(folder / "panoptic" / "a.png")
    one = {"image_id": 1, "file_name": "a.png", "segments_info": segments} | more
    return write_json(folder / "panoptic.json", coco([one], size=ids.shape, categories=categories))


def write_cvat(folder, pixels, label_map):
    """One image of such colours."""
    (folder / "SegmentationClass").mkdir(parents=True)
    Image.fromarray(np.asarray(pixels, np.uint8)).save(folder / "SegmentationClass" / "a.png")
    (folder / "labelmap.txt").write_text(label_map)
    return folder


def packed(values, lengths=(3, 4, 8, 16)):
    """A brush stroke's bytes: every run as a block that repeats, but single values as they are."""
    bits = f"{len(values):032b}{7:05b}" + "".join(f"{each - 1:04b}" for each in lengths)
    cuts = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    for start, stop in pairwise(cuts):
        choice = next(n for n, each in enumerate(lengths) if stop - start <= 1 << each)
        repeats = stop - start > 1
        bits += f"{repeats:b}{choice:02b}{stop - start - 1:0{lengths[choice]}b}{values[start]:08b}"
    bits += "0" * (-len(bits) % 8)
    return [int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)]


def brush(mask, label):
    """A result of Label Studio for a mask."""
    values = np.repeat(np.where(mask, 255, 0).ravel(), 4)
    value = {"format": "rle", "rle": packed(values), "brushlabels": [label]}
    return {"type": "brushlabels", "value": value} | sized(mask.shape)


def sized(size):
    return {"original_height": size[0], "original_width": size[1], "image_rotation": 0}


def task(results, image="/data/upload/1/a.jpg", number=1, **more):
    annotation = {"id": 1, "was_cancelled": False, "result": results} | more
    return {"id": number, "data": {"image": image, "who": "me"}, "annotations": [annotation]}
