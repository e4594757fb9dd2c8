"""Cityscapes' published layout, on a made tree and on real snippets where they are."""

from pathlib import Path

import numpy as np
import pytest

from arseg_lightning.datasets import ClipAugment, ClipDataModule
from arseg_lightning.datasets.cityscapes import Cityscapes
from arseg_lightning.datasets.preparation import prepare_missing
from arseg_lightning.datasets.synthetic.still_clips import CameraPath
from tests.datasets.trees import (
    CAR,
    SIZE,
    cityscapes_image,
    cityscapes_label,
    cityscapes_snippet,
    frame,
    save,
)

REAL = Path(__file__).resolve().parents[3] / "shared" / "cityscapes"


@pytest.fixture
def root(tmp_path):
    cityscapes_snippet(tmp_path, "aachen_000000_000019")
    cityscapes_snippet(tmp_path, "bochum_000000_000313", ending=".jpg")
    return tmp_path


def test_a_snippet_ends_at_its_labelled_frame(root):
    first, second = Cityscapes(root, "train").videos()
    assert (first.name, second.name) == ("aachen_000000_000019", "bochum_000000_000313")
    assert len(list(first.images())) == 20
    assert first.labelled == (19,)
    assert first.fps == 17
    assert np.array_equal(first.image(19), frame(19))
    ends = [path.stem.split("_")[2] for path in (second.paths[0], second.paths[-1])]
    assert ends == ["000294", "000313"]


def test_label_ids_become_the_19_classes(root):
    layout = Cityscapes(root, "train")
    pixels = layout.videos()[0].label(19, SIZE)
    assert layout.classes.num_classes == 19
    assert [layout.classes.names[pixels[row, 0]] for row in (0, 20)] == ["car", "road"]
    assert (pixels[40:] == 255).all()


def test_a_shorter_past_needs_fewer_frames(root):
    cityscapes_image(root, "aachen_000000_000007").unlink()
    sequence = Cityscapes(root, "train", past=11).videos()[0]
    assert sequence.labelled == (11,)
    assert sequence.paths[0].name.startswith("aachen_000000_000008")


def test_a_clip_cannot_reach_beyond_its_snippet(root):
    with pytest.raises(ValueError, match=r"past lies in \[0, 19\], got 20"):
        Cityscapes(root, "train", past=20)


def test_missing_neighbours_are_named_with_the_remedy(root):
    for number in (4, 6):
        cityscapes_image(root, f"aachen_000000_{number:06d}").unlink()
    message = (
        r"^missing in .*aachen: 2 of the 20 images of aachen_000000_000019, the first "
        r"aachen_000000_000004_leftImg8bit; unpack leftImg8bit_sequence_trainvaltest\.zip, or use"
    )
    with pytest.raises(FileNotFoundError, match=message):
        Cityscapes(root, "train").videos()


def test_missing_packages_are_named(root, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gtFine/val is missing; unpack gtFine_trainval"):
        Cityscapes(root, "val").videos()
    (tmp_path / "gtFine" / "val" / "ulm").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match=r"bit_sequence/val is missing; .*frames: stills"):
        Cityscapes(root, "val").videos()
    (tmp_path / "leftImg8bit_sequence" / "val").mkdir()
    with pytest.raises(FileNotFoundError, match=r"gtFine/val holds no CITY/\*_gtFine_labelIds"):
        Cityscapes(root, "val").videos()


def test_a_label_of_another_naming_is_refused(root):
    save(root / "gtFine" / "train" / "aachen" / "mine_gtFine_labelIds.png", cityscapes_label())
    with pytest.raises(ValueError, match=r"mine_.* should be named CITY_SEQUENCE_FRAME_gtFine"):
        Cityscapes(root, "train").videos()


def test_stills_come_from_either_package(root):
    layout = Cityscapes(root, "train", frames="stills", camera=CameraPath(num_frames=3))
    assert layout.videos()[0].path.parts[-4] == "leftImg8bit_sequence"
    for name in ("aachen_000000_000019", "bochum_000000_000313"):
        save(cityscapes_image(root, name, "leftImg8bit"), frame(0))
    sequence = layout.videos()[0]
    assert sequence.path.parts[-4] == "leftImg8bit"
    assert sequence.labelled == (2,)
    assert np.array_equal(sequence.image(2), frame(0))


def test_stills_without_any_images_ask_for_the_small_package(tmp_path):
    save(
        tmp_path / "gtFine" / "train" / "ulm" / "ulm_000000_000019_gtFine_labelIds.png",
        cityscapes_label(),
    )
    with pytest.raises(FileNotFoundError, match=r"leftImg8bit/train is missing; .*leftImg8bit_tr"):
        Cityscapes(tmp_path, "train", frames="stills").videos()


def test_other_labels_may_belong_to_any_frame(root):
    for number in (0, 5, 25):
        name = f"aachen_000000_{number:06d}"
        save(cityscapes_image(root, name, "pseudo"), np.full(SIZE, CAR))
    save(cityscapes_image(root, "bochum_000000_000313", "pseudo"), np.full(SIZE, CAR))
    layout = Cityscapes(root, "train", future=10, labels=Path("pseudo"))
    first, second = layout.videos()
    assert (first.labelled, second.labelled) == ((0, 5, 25), (19,))
    assert (first.label(25, SIZE) == layout.classes.names.index("car")).all()


def test_a_city_without_any_other_label_is_named(root):
    save(cityscapes_image(root, "aachen_000000_000000", "pseudo"), cityscapes_label())
    with pytest.raises(FileNotFoundError, match=r"pseudo/train/bochum/boch.* are missing; add one"):
        Cityscapes(root, "train", labels=Path("pseudo")).videos()


def module(root, store, **changes):
    arguments = {
        "train": Cityscapes(root, "train"),
        "test": Cityscapes(root, "train"),
        "store": store,
        "augment": ClipAugment((32, 48), (1.0,)),
        "batch_size": 2,
        "num_workers": 0,
    }
    data = ClipDataModule(**(arguments | changes))
    prepare_missing(data.store, data.videos("test"))
    return data


def pairs(data):
    last = [clip.frames[-1] for clip in data.test_dataloader()]
    return [(frame.distance, frame.name) for frame in last]


def test_every_distance_is_measured_at_the_labelled_frame(root, tmp_path):
    data = module(root, tmp_path / "store", test_pairs="every_distance")
    names = ("aachen_000000_000019/000019", "bochum_000000_000313/000019")
    assert sorted(pairs(data)) == [(d, name) for d in range(12) for name in names]


def test_phase_1_phase_2_and_streams_are_served(root, tmp_path):
    data = module(root, tmp_path / "store")
    assert [distance for distance, _ in pairs(data)] == [7, 7]  # keyframes are 0 and 12
    assert next(iter(data.train_dataloader())).images.shape == (2, 2, 3, 32, 48)
    stills = module(root, tmp_path / "store", train_on="stills")
    assert next(iter(stills.train_dataloader())).images.shape == (2, 1, 3, 32, 48)


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real snippets in {REAL}")
def test_real_snippets_give_every_distance(tmp_path):
    arguments = {"train": Cityscapes(REAL, "train"), "test": Cityscapes(REAL, "train")}
    data = module(REAL, tmp_path, test_pairs="every_distance", **arguments)
    distances = []
    for clip in data.test_dataloader():
        last = clip.frames[-1]
        assert last.streamed.frame.size == (1024, 2048)
        assert set(np.unique(last.label).tolist()) <= {*range(19), 255}
        assert (last.label != 255).mean() > 0.8
        distances.append(last.distance)
    assert sorted(distances) == sorted([*range(12), *range(12)])
