"""Made result files of a small study."""

from __future__ import annotations

from dataclasses import replace

from arseg_lightning.metrics import Accuracy
from arseg_lightning.provenance import Provenance
from arseg_lightning.report import MethodResult, RoleResult, RunResult

CAMVID_TEST = {
    "class_path": "arseg_lightning.datasets.CamVid",
    "init_args": {"root": "camvid", "split": "test", "frames": "video"},
}


def method(name, miou, gmacs, interval=12, roles=("frame",)):
    """A method whose accuracy falls by two points from the first distance to the last."""
    values = tuple(miou + 0.01 - 0.02 * d / (interval - 1) for d in range(interval))
    accuracy = Accuracy(values, miou, (miou, miou), (3,) * interval)
    costs = {role: RoleResult(gmacs, 6, 6.0) for role in roles}
    return MethodResult(name, "Made", "own", accuracy, costs, gmacs)


def pooled_method(name, miou, gmacs):
    """A method without distances: one value for all frames."""
    costs = {"shallow": RoleResult(gmacs / 2, 6, 6.0), "deep": RoleResult(gmacs, 3, 3.0)}
    return MethodResult(
        name, "Made", "own", Accuracy((miou,), miou, (miou,) * 2, (6,)), costs, gmacs
    )


def config(
    task="LowResTask",
    network="BiSeNet18",
    ratio=0.5,
    fusion=None,
    interval=12,
    seed=0,
    run_dir="runs/x",
    test=None,
    **arguments,
):
    """The parts of a resolved configuration that reports look at."""
    model = {
        "network": {"class_path": f"arseg_lightning.models.{network}", "init_args": {}},
        "resolution_ratio": ratio,
        "weights": {"high_res": "runs/high-seed0/last.ckpt"},
        **arguments,
    }
    if task == "LowResTask":
        model["fusion"] = fusion or {"class_path": "arseg_lightning.propagation.CReFF"}
    return {
        "seed_everything": seed,
        "run_dir": run_dir,
        "trainer": {"max_epochs": 4, "default_root_dir": run_dir},
        "model": {"class_path": f"arseg_lightning.tasks.{task}", "init_args": model},
        "data": {
            "keyframe_interval": interval,
            "test_pairs": "every_distance",
            "seed": seed,
            "test": test or CAMVID_TEST,
        },
    }


def result(methods, settings, classes=2, size=(48, 64), data="camvid11", interval=12):
    return RunResult(
        data=data,
        class_names=tuple(f"class {i}" for i in range(classes)),
        keyframe_interval=interval,
        size=size,
        methods=(
            *(replace(each, kind="baseline") for each in methods[:-1]),
            *methods[-1:],
        ),
        num_samples=6,
        provenance=Provenance("abc", settings.get("seed_everything"), {}, "CPU", settings),
    )


def study(folder):
    """Write a study of five rows, two of them with two seeds; returns the folder."""
    full, low = method("1x", 0.60, 10.0), method("0.5x", 0.50, 2.5)
    rows = {
        "high-seed0": ([full], config("PerFrameTask", ratio=1.0)),
        "half-seed0": ([low], config("PerFrameTask", ratio=0.5)),
    }
    for seed, own, conv in ((0, 0.56, 0.53), (1, 0.58, 0.53)):
        conv_fusion = {"class_path": "arseg_lightning.propagation.ConvFusion"}
        rows |= {
            f"ar-seed{seed}": ([full, method("AR 0.5x", own, 3.0)], config(seed=seed)),
            f"conv-seed{seed}": (
                [full, method("AR 0.5x", conv, 4.0)],
                config(seed=seed, fusion=conv_fusion),
            ),
        }
    window = {"class_path": "CReFF", "init_args": {"window": 3}}
    rows["window_3-seed0"] = ([full, method("AR 0.5x", 0.55, 2.9)], config(fusion=window))
    for name, (methods, settings) in rows.items():
        result(methods, settings).write(folder / f"{name}.json")
    return folder
