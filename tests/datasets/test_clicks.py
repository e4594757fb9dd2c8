"""Clicks: one for each component, in its middle or anywhere in it, and kept as label files."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from arseg_lightning.commands.clicks import clicks
from arseg_lightning.datasets import StillFolder
from arseg_lightning.datasets.classes import CAMVID11, CITYSCAPES19, DRIVING9
from arseg_lightning.datasets.clicks import (
    Click,
    click_label,
    draw_clicks,
    read_clicks,
    write_clicks,
)
from arseg_lightning.datasets.labels import read_label


@pytest.fixture
def label():
    """Two squares of class 1 that touch at a corner, one of class 2, the rest void."""
    label = np.full((12, 20), 255, np.uint8)
    label[0:5, 0:5] = 1
    label[5:8, 5:8] = 1
    label[6:11, 12:19] = 2
    return label


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("placement", ["random", "central"])
def test_each_component_is_clicked_once(label, placement):
    found = draw_clicks(label, CAMVID11, placement, rng())
    assert [each.label for each in found] == [1, 1, 2]
    components, _ = ndimage.label(label == 1)
    assert {components[each.y, each.x] for each in found[:2]} == {1, 2}
    assert label[found[2].y, found[2].x] == 2


def test_a_central_click_is_in_the_middle(label):
    found = draw_clicks(label, CAMVID11, "central", rng())
    assert [(each.x, each.y) for each in found[:2]] == [(2, 2), (6, 6)]
    assert found[2].y == 8  # the middle row of a square of five by seven
    assert 14 <= found[2].x <= 16


def test_small_components_may_be_left_out(label):
    found = draw_clicks(label, CAMVID11, "random", rng(), least_pixels=25)
    assert [each.label for each in found] == [1, 2]
    assert draw_clicks(label, CAMVID11, "random", rng(), least_pixels=36) == []


def test_random_clicks_are_drawn_by_the_seed_and_reach_every_pixel(label):
    assert draw_clicks(label, CAMVID11, "random", rng(1)) == draw_clicks(
        label, CAMVID11, "random", rng(1)
    )
    found = {draw_clicks(label, CAMVID11, "random", rng(seed))[1][:2] for seed in range(200)}
    assert found == {(x, y) for x in range(5, 8) for y in range(5, 8)}


@pytest.mark.parametrize("classes", [CAMVID11, CITYSCAPES19], ids=lambda classes: classes.name)
def test_a_label_of_clicks_is_read_as_what_was_clicked(classes, tmp_path):
    clicked = [Click(3, 1, 0), Click(4, 0, 7)]
    path = tmp_path / "clicks.png"
    Image.fromarray(click_label(clicked, (4, 6), classes)).save(path)
    expected = np.full((4, 6), classes.ignore_index, np.uint8)
    expected[1, 3], expected[0, 4] = 0, 7
    np.testing.assert_array_equal(read_label(path, classes), expected)


def test_the_file_gives_back_what_was_written(tmp_path):
    found = {"a": [Click(1, 2, 3), Click(0, 0, 0)], "b,c": [Click(9, 9, 10)]}
    write_clicks(tmp_path / "clicks.csv", found, CAMVID11)
    assert read_clicks(tmp_path / "clicks.csv", CAMVID11) == found


def test_classes_go_by_name_or_number_and_images_by_name(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("x,y,class,image,who\n1,2,road,folder/a.jpg,me\n3, 4, 0,a.png,you\n")
    road = DRIVING9.names.index("road")
    assert read_clicks(path, DRIVING9) == {"a": [Click(1, 2, road), Click(3, 4, 0)]}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("image,x,y\na,1,2\n", "has no column class"),
        ("image,x,y,class\na,1,2,roda\n", "line 2: .* no class 'roda'"),
        ("image,x,y,class\na,1,2,road\na,1.5,2,road\n", "line 3: x='1.5'"),
        ("image,x,y,class\na,1\n", "line 2: .* no class ''"),
    ],
)
def test_a_wrong_file_is_refused_by_line(text, says, tmp_path):
    path = tmp_path / "own.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=says):
        read_clicks(path, DRIVING9)


@pytest.fixture
def stills(tmp_path, label):
    for kind, content in (("images", np.zeros((12, 20, 3), np.uint8)), ("labels", label)):
        (tmp_path / kind).mkdir()
        for name in ("a", "b"):
            Image.fromarray(content).save(tmp_path / kind / f"{name}.png")
    return tmp_path


def test_the_command_makes_labels_that_a_layout_reads(stills, capsys):
    clicks(stills / "clicks", "camvid11", labels=stills / "labels", placement="central")
    assert "6 clicks in 2 labels, 3.0 each" in capsys.readouterr().out
    [a, b] = StillFolder(stills, "camvid11", labels="clicks").videos()
    for still in (a, b):
        found = still.label(still.labelled[0], (12, 20))
        assert sorted(found[found != 255].tolist()) == [1, 1, 2]
        assert found[2, 2] == 1
    own = stills / "clicks.csv"
    clicks(stills / "again", "camvid11", csv=own, images=stills / "images")
    for name in ("a.png", "b.png"):
        assert (stills / "again" / name).read_bytes() == (stills / "clicks" / name).read_bytes()


def test_images_without_a_click_count_nowhere(stills):
    (stills / "own.csv").write_text("image,x,y,class\na,0,0,1\n")
    clicks(stills / "own", "camvid11", csv=stills / "own.csv", images=stills / "images")
    assert (read_label(stills / "own" / "b.png", CAMVID11) == 255).all()


def test_clicks_never_change(stills):
    clicks(stills / "clicks", "camvid11", labels=stills / "labels")
    with pytest.raises(FileExistsError, match="clicks never change"):
        clicks(stills / "clicks", "camvid11", labels=stills / "labels", seed=1)


@pytest.mark.parametrize(
    ("row", "error", "says"),
    [
        ("a,20,0,1", ValueError, "a: the click at x=20, y=0 is outside of an image of 12x20"),
        ("c,0,0,1", FileNotFoundError, r"names images that are not in .*: c;"),
    ],
)
def test_a_wrong_click_leaves_nothing(stills, row, error, says):
    (stills / "own.csv").write_text(f"image,x,y,class\n{row}\n")
    before = sorted(stills.rglob("*"))
    with pytest.raises(error, match=says):
        clicks(stills / "out", "camvid11", csv=stills / "own.csv", images=stills / "images")
    assert sorted(stills.rglob("*")) == before


def test_either_labels_or_a_file_is_named(stills):
    with pytest.raises(ValueError, match="--labels to draw from, or --csv"):
        clicks(stills / "out", "camvid11", csv=stills / "own.csv")
