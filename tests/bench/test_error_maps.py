"""The worst frames: few, worst first, one of neighbours."""

import numpy as np
import pytest
from PIL import Image

from arseg_lightning.bench.error_maps import WorstFrames
from arseg_lightning.datasets.classes import CAMVID11
from arseg_lightning.datasets.evaluation import EvaluationFrame
from arseg_lightning.types import Frame
from arseg_lightning.video.live import SourceFrame

SIZE = (8, 10)


def frame(index):
    image = Frame(index, 0.0, "P", np.zeros((*SIZE, 3), np.uint8))
    return EvaluationFrame(SourceFrame(image, None), np.zeros(SIZE, np.uint8), 0, f"a/{index:06d}")


def labels(wrong):
    """Predictions of which so many pixels are wrong."""
    values = np.zeros(SIZE, np.uint8)
    values.reshape(-1)[:wrong] = 1
    return values


def test_the_worst_are_written_worst_first_and_older_ones_removed(tmp_path):
    worst = WorstFrames(CAMVID11, 2)
    for index, wrong in {0: 3, 1: 5, 20: 1, 40: 9, 41: 8, 60: 2}.items():
        worst.add("AR 0.5x", frame(index), labels(wrong), 4)
    folder = tmp_path / "AR_0.5x"
    folder.mkdir()
    (folder / "009_old.png").write_bytes(b"")
    (sheet,) = worst.write(tmp_path)
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["001_a_000040.png", "002_a_000001.png", "contact_sheet.png"]
    with Image.open(sheet) as image:
        assert image.size == (2 * 964, image.size[1])


def test_a_frame_is_kept_at_its_worst_distance_and_equals_stay_in_order(tmp_path):
    worst = WorstFrames(CAMVID11, 1)
    for distance, wrong in enumerate((2, 6, 4)):
        worst.add("x", frame(7), labels(wrong), distance)
    worst.add("x", frame(30), labels(6), 0)
    (sheet,) = worst.write(tmp_path)
    assert (sheet.parent / "001_a_000007.png").exists()


def test_nothing_asked_for_is_nothing_kept(tmp_path):
    worst = WorstFrames(CAMVID11, 0)
    worst.add("x", frame(7), labels(4), 0)
    assert worst.write(tmp_path) == []
    with pytest.raises(ValueError, match=r"error_maps lies in \[0, 200\], got 201"):
        WorstFrames(CAMVID11, 201)
