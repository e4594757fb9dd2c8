"""One content, whether it is spelled as YAML, JSON or CSV."""

import dataclasses
import json

import pytest
import yaml

from arseg_lightning.datasets.class_files import write_class_file
from arseg_lightning.datasets.classes import CITYSCAPES19, class_set

VALUES = """name,value,colour,evaluated
water,0,0 0 200,yes
boat,5,#ff0000,yes
buoy,7,"0,255,0",1
boat,6,,1
foam,9,,no
"""
VALUES_CONTENT = {
    "names": {0: "water", 5: "boat", 7: "buoy"},
    "palette": [[0, 0, 200], [255, 0, 0], [0, 255, 0]],
    "merged_values": {"boat": [6]},
    "void_values": [9],
}
COLOURS = "Class, r, g, b, Evaluated\nwater,0,0,200,\nboat,255,0,0,\nboat,9,9,9,\nfoam,1,1,1,no\n"
COLOURS_CONTENT = {
    "names": ["water", "boat"],
    "palette": [[0, 0, 200], [255, 0, 0]],
    "colour_coded": True,
    "merged_colours": {"boat": [[9, 9, 9]]},
    "void_colours": [[1, 1, 1]],
}


@pytest.mark.parametrize(
    ("table", "content"),
    [
        (VALUES, VALUES_CONTENT),
        (COLOURS, COLOURS_CONTENT),
        ("name\nwater\nboat\n", {"names": ["water", "boat"]}),
    ],
    ids=["values", "colours", "names"],
)
def test_three_spellings_are_one_class_set(tmp_path, table, content):
    texts = {"csv": table, "json": json.dumps(content), "yaml": yaml.safe_dump(content)}
    for kind, text in texts.items():
        (tmp_path / f"sea.{kind}").write_text(text)
    found = [class_set(str(tmp_path / f"sea.{kind}")) for kind in texts]
    assert found[0] == found[1] == found[2]
    assert found[0].name == "sea"


WRONG = {
    "a.csv": {
        "nam\nboat\n": r"columns are name, value, colour .*; its first line has nam",
        "name,valeu\nboat,1\n": r"columns are name, value, .*; its first line has name, valeu",
        "name,value\nboat\n": r"line 2 has 1 cells, and the first has 2",
        "name,value\nboat,-1\n": r"line 2: value is '-1', and has to be a whole number from 0",
        "name,colour\nboat,red\n": r"line 2: colour is 'red', and has to be like 128 64 0, or #80",
        "name,evaluated\nboat,maybe\n": r"line 2: evaluated is 'maybe', and has to be yes or no",
        "name,value\nboat,1\nsea,\n": r"sea has no value, and other classes have one",
        "name,colour\nboat,1 2 3\nsea,\n": r"sea has no colour, and other classes have one",
        "name,value\nboat,1\nsea,1\n": r"two classes have one value",
        "name\n": r"should hold a list of class names under the key 'names'",
        # of the content, as in a YAML file
        "name,value\nboat,70000\n": r"names is \{70000: 'boat'\}, and has to be by whole numbers",
        "name,colour\nboat,1 2 300\n": r"palette is \[\[1, 2, 300\]\], and has to be a list of col",
        "name,value,evaluated\nboat,1,\nsea,1,no\n": r"void_values is \[1\], .*, of no class",
    },
    "a.json": {
        "{": r"is no JSON file: ",
        '{"names": {"x": "boat"}}': r"names is \{'x': 'boat'\}, and has to be by whole numbers",
        '{"names": ["boat"], "palete": 1}': r"palete is 1, and has to be left out: the keys are",
    },
}


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, texts in WRONG.items() for text in texts]
)
def test_whatever_is_wrong_in_a_file_is_named_with_its_rule(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=rf"{name}\b.*{WRONG[name][text]}"):
        class_set(str(tmp_path / name))


def test_a_written_file_is_read_as_its_classes(tmp_path):
    indices = dataclasses.replace(CITYSCAPES19, name="c", file_values={}, void_values=())
    write_class_file(tmp_path / "c.yaml", indices)
    assert class_set(str(tmp_path / "c.yaml")) == indices
