"""Class sets by name and from a file."""

import pytest

from arseg_lightning.datasets.classes import CAMVID11, CAMVID12, CITYSCAPES19, class_set


def test_known_sets_have_names():
    assert class_set("camvid11") is CAMVID11
    assert (CAMVID11.num_classes, CAMVID12.num_classes) == (11, 12)
    assert CAMVID12.names[11] == "void"


def test_the_published_colours_of_camvid_are_all_known():
    """11 own colours, 21 that merge; animal and the like stay void."""
    assert len(CAMVID11.file_colours) == 11 + 20
    assert len(CAMVID12.file_colours) == 12


def test_every_label_id_of_cityscapes_is_a_class_or_void():
    trained, void = set(CITYSCAPES19.file_values), set(CITYSCAPES19.void_values)
    assert trained | void == set(range(34))
    assert not trained & void
    assert sorted(CITYSCAPES19.file_values.values()) == list(range(19))
    assert len(set(CITYSCAPES19.palette)) == CITYSCAPES19.num_classes == 19
    assert CITYSCAPES19.names[CITYSCAPES19.file_values[33]] == "bicycle"


def test_ones_own_set_is_a_yaml_file(tmp_path):
    path = tmp_path / "boats.yaml"
    path.write_text("names: [water, boat]\nvoid_values: [9]\n")
    boats = class_set(str(path))
    assert (boats.name, boats.names, boats.void_values) == ("boats", ("water", "boat"), (9,))
    assert len(set(boats.palette)) == 2


def test_own_colours_can_be_those_of_the_files(tmp_path):
    path = tmp_path / "boats.yaml"
    path.write_text("names: [water, boat]\npalette: [[0, 0, 9], [9, 0, 0]]\ncolour_coded: true\n")
    assert class_set(str(path)).file_colours == {(0, 0, 9): 0, (9, 0, 0): 1}


def test_an_unknown_set_names_the_known_ones():
    with pytest.raises(ValueError, match=r"no class set 'city'.*camvid11.*path of a YAML file"):
        class_set("city")


def test_a_file_without_names_is_refused(tmp_path):
    path = tmp_path / "empty.yaml"
    path.write_text("palette: []\n")
    with pytest.raises(ValueError, match="a list of class names under the key 'names'"):
        class_set(str(path))
