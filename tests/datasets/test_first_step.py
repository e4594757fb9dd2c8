"""Work before the first step on stills: no more of it for many than for few."""

from types import SimpleNamespace

from PIL import Image

from arseg_lightning.datasets import (
    ClipAugment,
    ClipDataModule,
    EvaluationNeeds,
    Needs,
    StillFolder,
    SyntheticDriving,
)
from arseg_lightning.datasets.trainer_state import finished_epochs, processes
from tests.datasets.trees import images_and_labels

PER_FRAME = SimpleNamespace(
    needs=Needs(), evaluation_needs=lambda _: EvaluationNeeds(False, single=True)
)
PAIRS = SimpleNamespace(
    needs=Needs(motion="keyframe", frames=2), evaluation_needs=lambda _: EvaluationNeeds()
)


def module(folder, task, **changes):
    """A data module beside a task, as fit uses it."""
    stills = StillFolder(folder / "stills", "camvid11")
    arguments = {
        "train": stills,
        "val": stills,
        "store": folder / "store",
        "augment": ClipAugment((32, 48), (1.0,)),
        "batch_size": 2,
        "num_workers": 0,
    }
    data = ClipDataModule(**(arguments | changes))
    data.trainer = SimpleNamespace(
        lightning_module=task,
        state=SimpleNamespace(fn=SimpleNamespace(value="fit")),
        global_rank=0,
        world_size=1,
        fit_loop=SimpleNamespace(
            epoch_progress=SimpleNamespace(state_dict=lambda: {"current": {"processed": 0}})
        ),
    )
    return data


def opened_before_the_first_step(folder, num_stills, monkeypatch):
    """How many image files of how many are opened until there are batches to go on with."""
    images_and_labels(folder / "stills", [f"still_{i:03d}x" for i in range(num_stills)])
    opened = []
    open_file = Image.open
    monkeypatch.setattr(Image, "open", lambda path: opened.append(path) or open_file(path))
    data = module(folder, PER_FRAME)
    data.prepare_data()
    data.setup("fit")
    assert data.example_size("val") == (48, 96)
    next(iter(data.val_dataloader()[0]))
    next(iter(data.train_dataloader()))
    monkeypatch.undo()
    return len(opened)


def test_what_is_opened_before_the_first_step_does_not_grow_with_the_stills(tmp_path, monkeypatch):
    few, many = (
        opened_before_the_first_step(tmp_path / str(count), count, monkeypatch) for count in (4, 40)
    )
    assert few == many == 1 + 2 + 2 * 2
    assert not list(tmp_path.rglob("*.mp4"))


def test_single_frames_validate_on_the_stills_themselves(tmp_path):
    images_and_labels(tmp_path / "stills", ("a", "b"))
    data = module(tmp_path, PER_FRAME)
    clips = list(data.val_dataloader()[0])
    assert [[frame.name for frame in clip.frames] for clip in clips] == [["a/000011"], ["b/000011"]]
    still = data.videos("val")[1]
    assert (clips[1].frames[0].streamed.frame.image == still.image(11)).all()
    assert clips[1].frames[0].distance == 11


def test_every_test_sees_what_a_decoder_gives(tmp_path):
    """Figures of a network by itself stand beside those of methods that need motion."""
    driving = SyntheticDriving(1, num_frames=4, height=48, width=64)
    data = module(tmp_path, PER_FRAME, train=None, val=None, test=driving)
    assert data.splits_on_video() == ["test"]


def test_who_needs_motion_validates_on_video(tmp_path):
    images_and_labels(tmp_path / "stills", ("a", "b"))
    assert module(tmp_path, PAIRS).splits_on_video() == ["train", "val"]


def test_without_a_trainer_one_process_starts_with_the_first_epoch():
    assert (finished_epochs(None), processes(None)) == (0, (0, 1))


def test_who_trains_on_clips_or_predicts_has_its_validation_data_on_video(tmp_path):
    images_and_labels(tmp_path / "stills", ("a", "b"))
    clips = module(tmp_path, PER_FRAME, train_on="clips")
    assert clips.splits_on_video() == ["train", "val"]
    driving = SyntheticDriving(1, num_frames=4, height=48, width=64)
    data = module(tmp_path, PER_FRAME, train=None, val=driving)
    data.trainer.state.fn.value = "predict"
    assert data.splits_on_video() == ["val"]
