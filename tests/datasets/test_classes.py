"""Class sets by name and from a file."""

import pytest

from arseg_lightning.datasets.classes import CAMVID11, CAMVID12, CITYSCAPES19, class_set


def test_known_sets_have_names():
    assert class_set("camvid11") == CAMVID11
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


def test_a_custom_set_is_a_yaml_file(tmp_path):
    path = tmp_path / "boats.yaml"
    path.write_text("names: [water, boat]\nvoid_values: [9]\n")
    boats = class_set(str(path))
    assert (boats.name, boats.names, boats.void_values) == ("boats", ("water", "boat"), (9,))
    assert len(set(boats.palette)) == 2


def test_own_colours_can_be_those_of_the_files(tmp_path):
    path = tmp_path / "boats.yaml"
    path.write_text("names: [water, boat]\npalette: [[0, 0, 9], [9, 0, 0]]\ncolour_coded: true\n")
    assert class_set(str(path)).file_colours == {(0, 0, 9): 0, (9, 0, 0): 1}


def test_a_class_may_have_several_values(tmp_path):
    path = tmp_path / "boats.yaml"
    path.write_text("names: [water, boat]\nmerged_values: {boat: [5, 6]}\n")
    assert class_set(str(path)).file_values == {0: 0, 1: 1, 5: 1, 6: 1}


def test_an_unknown_set_names_the_known_ones():
    with pytest.raises(ValueError, match=r"no class set 'city'.*camvid11.*path of a YAML file"):
        class_set("city")


WRONG = {
    "names: boat": r"names is 'boat', and has to be a list of texts, one a class",
    "names: [yes, no]": r'names is \[True, False\], .*; in YAML, quote "yes", "no" and "1"',
    "names: [boat, boat]": r"names is \['boat', 'boat'\], and has to be each name once",
    "names: [a, b]\npalete: [[1, 2, 3]]": r"palete is .*, and has to be left out: the keys are na",
    "names: [a, b]\nignore_index: 0": r"ignore_index is 0, and has to be left out: the keys are n",
    "names: [a, b]\npalette: [[1, 2, 3]]": r"palette is \[\[1, 2, 3\]\], .*, and 2 for as many cl",
    "names: [a]\npalette: [[300, -1, 0]]": r"palette is .*, and has to be a list of colours \[R",
    "names: [a]\npalette: ['#ff0000']": r"palette is \['#ff0000'\], and has to be a list of colo",
    "names: [a, b]\npalette: [[1, 1, 1], [1, 1, 1]]": r"palette is .*, .* and none twice",
    "names: [a]\ncolour_coded: 'false'": r"colour_coded is 'false', and has to be true or false",
    "names: [a]\ncolour_coded: true": r"colour_coded is True, .* and false without a palette",
    "names: [a, b]\nvoid_values: 0": r"void_values is 0, and has to be a list of whole numbers fro",
    "names: [a, b]\nvoid_values: [-1, 70000]": r"void_values is \[-1, 70000\], .* from 0 to 65535",
    "names: [a, b]\nvoid_values: [0]": r"void_values is \[0\], and has to be .*, of no class",
    "names: {0: a, 5: b}\nvoid_values: [5]": r"void_values is \[5\], and has to be .*, of no class",
    "names: {x: a}": r"names is \{'x': 'a'\}, and has to be by whole numbers up to 65535",
    "names: [a]\npalette: [[1, 1, 1]]\nvoid_colours: [[1, 1, 1]]": r"void_colours is \[\[1, 1",
    "names: [a]\nmerged_colours: {b: [[1, 1, 1]]}": r"merged_colours is .*, and has to be by cla",
    "names: [a]\nmerged_values: {b: [1]}": r"merged_values is .*, and has to be by class",
    "names: [a, b]\nmerged_values: {a: [1]}": r"merged_values is .*, and has to be values of no",
    "names: {4: a}\nmerged_values: {a: [7]}\nvoid_values: [7]": r"void_values is .*, of no class",
    f"names: [{','.join(f'c{i}' for i in range(300))}]": r"names is .*, and at most 255",
    "names: [a, b": r"is no YAML file: ",
    "names:\n\t- a": r"is no YAML file: ",
    "palette: []": r"should hold a list of class names under the key 'names'",
    "- a\n- b": r"should hold a list of class names under the key 'names'",
}


@pytest.mark.parametrize("text", WRONG, ids=range(len(WRONG)))
def test_whatever_is_wrong_in_a_file_is_named_with_its_rule(text, tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"(?s)c\.yaml:? " + WRONG[text]):
        class_set(str(path))


def test_values_of_the_files_need_not_count_from_zero(tmp_path):
    path = tmp_path / "boats.yaml"
    path.write_text("names: {0: water, 5: boat, 7: buoy}\nvoid_values: [1]\n")
    boats = class_set(str(path))
    assert boats.names == ("water", "boat", "buoy")
    assert boats.file_values == {0: 0, 5: 1, 7: 2}
