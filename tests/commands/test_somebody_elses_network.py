"""A SegFormer of transformers from the command line: trained, segmented with, exported, counted."""

from __future__ import annotations

import json

import pytest
import yaml

from arseg_lightning.cli import main
from tests.models.test_hugging_face import make
from tests.video.small_videos import write_video

pytest.importorskip("transformers", reason="the extra hf is not installed")


@pytest.fixture(scope="module")
def segformer(tmp_path_factory):
    """A folder as ``save_pretrained`` leaves it, with random weights."""
    return make("segformer", tmp_path_factory.mktemp("hub") / "segformer")


@pytest.mark.parametrize("method", ["PerFrame", "FeaturePropagation", "TapLab", "Smoothed"])
def test_it_segments_a_video_in_methods_that_need_no_training(segformer, method, tmp_path):
    video = write_video(tmp_path / "clip.mp4", 4)
    flags = ["--output", str(tmp_path / "out"), "--outputs", "labels", "--method", method]
    main(["predict", "--network", f"hf:{segformer}", "--video", str(video), *flags])
    record = json.loads((tmp_path / "out" / "predict.json").read_text())
    assert (record["frames"], record["keyframes"]) == (
        4,
        None if method in ("PerFrame", "Smoothed") else 1,
    )
    assert len([*(tmp_path / "out" / "labels").glob("*.png")]) == 4


def test_arseg_around_it_is_counted_trained_segments_and_is_exported(segformer, tmp_path, capsys):
    network = {"class_path": "HuggingFaceSegmentor", "init_args": {"name": str(segformer)}}
    run = tmp_path / "run"
    content = {
        "run_dir": str(run),
        "trainer": {"max_steps": 1, "accelerator": "cpu"},
        "data": {
            "train": {
                "class_path": "SyntheticDriving",
                "init_args": {"num_videos": 1, "num_frames": 6, "height": 64, "width": 96},
            },
            "store": str(tmp_path / "store"),
            "keyframe_interval": 4,
            "augment": {"crop_size": None, "scales": [1.0]},
            "batch_size": 2,
            "num_workers": 0,
        },
        "model": {"class_path": "JointTask", "init_args": {"network": network}},
    }
    file = tmp_path / "arseg.yaml"
    file.write_text(yaml.safe_dump(content))
    (full, *_, own) = main(["cost", "--config", str(file), "--size", "96x128"]).to_dict("records")
    assert (full["method"], own["method"]) == ("1x", "AR 0.5x")
    assert 0 < float(own["mean"]) < float(full["mean"])
    assert own["roles (GMACs)"] in capsys.readouterr().out
    main(["fit", "--config", str(file)])
    video = write_video(tmp_path / "clip.mp4", 5)
    words = ["--video", str(video), "--outputs", "labels", "--output", str(tmp_path / "out")]
    record = main(["predict", str(run), *words])
    assert (record.frames, record.keyframes) == (5, 2)
    main(["export", str(run), "--output", str(tmp_path / "onnx"), "--size", "64x96"])
    assert {path.name for path in (tmp_path / "onnx").glob("*.onnx")} == {
        "keyframe.onnx",
        "nonkeyframe.onnx",
    }
