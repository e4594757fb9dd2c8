"""Every experiment and every overlay is valid, and trains a step on made data."""

from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from arseg_lightning.cli import main
from arseg_lightning.sweep import read_sweep
from arseg_lightning.sweep.points import choose_points, point_arguments, point_name
from arseg_lightning.tasks.experiment import Experiment

EXPERIMENTS = Path(__file__).resolve().parents[1] / "experiments"
WHOLE = sorted(
    path
    for path in EXPERIMENTS.rglob("*.yaml")
    if any(line.startswith("run_dir:") for line in path.read_text().splitlines())
)
AS_FOR_CAMVID = [EXPERIMENTS / "cityscapes" / f"bise18_{kind}.yaml" for kind in ("half", "ar")]
"""On made data, these train as CamVid's do: the same tasks and networks."""
ABLATIONS = sorted((EXPERIMENTS / "ablations").glob("*.yaml"))
BEHIND_PHASE_1 = {"motion_only"}
MODES = {
    EXPERIMENTS / "camvid" / "clockwork_modes.yaml": [1, 1, 1, None, None, None],
    EXPERIMENTS / "camvid" / "taplab_modes.yaml": [1, 12, 12, 12],
    EXPERIMENTS / "camvid" / "interbmv_modes.yaml": [1, 12, 12, 12, 12],
    EXPERIMENTS / "camvid" / "blockcopy_modes.yaml": [1, None, None, None, None],
    EXPERIMENTS / "camvid" / "mpvss_modes.yaml": [1, 5, 5],
}
"""Overlays that compare modes of a method, and the cycles of what is compared."""
OVERLAYS = {
    **dict.fromkeys(ABLATIONS, "camvid/psp18"),
    EXPERIMENTS / "camvid" / "short_360x480.yaml": "camvid/bise18",
    EXPERIMENTS / "camvid" / "paper.yaml": "camvid/psp18",
    EXPERIMENTS / "camvid" / "paper_settings.yaml": "camvid/psp18",
    EXPERIMENTS / "camvid" / "paper_creff.yaml": "camvid/psp18",
    EXPERIMENTS / "camvid" / "published.yaml": "camvid/psp18",
    EXPERIMENTS / "camvid" / "consecutive.yaml": "camvid/bise18",
    EXPERIMENTS / "cityscapes" / "paper.yaml": "cityscapes/psp18",
    EXPERIMENTS / "cityscapes" / "pseudo.yaml": "cityscapes/bise18",
    EXPERIMENTS / "cityscapes" / "published_psp18.yaml": "cityscapes/psp18",
    EXPERIMENTS / "cityscapes" / "published_bise18.yaml": "cityscapes/bise18",
    EXPERIMENTS / "study" / "phase2.yaml": "camvid/bise18",
    EXPERIMENTS / "study" / "efflite0.yaml": "camvid/efflite0",
    EXPERIMENTS / "study" / "fusion_rate_1.yaml": "camvid/bise18",
    EXPERIMENTS / "study" / "similarity_10.yaml": "camvid/bise18",
}
OF_TRANSFORMERS = ("mask2former", "eomt")
"""Starts of the names of experiments with networks of that package."""
EOMT = EXPERIMENTS / "study" / "eomt.yaml"
TRAINING = [EXPERIMENTS / "study" / f"{name}.yaml" for name in ("tdnet_stills", "adaptation")]
"""Comparisons of ways of training."""
FIELD = EXPERIMENTS / "study" / "field"
FIELD_SWEEPS = [FIELD / f"{name}.yaml" for name in ("networks", "methods", "levers")]
FIELD_TABLES = [
    FIELD / f"{name}.yaml"
    for name in ("compare", "levers_compare", "seeds_compare", "recipe_compare")
]
FIELD_OVERLAYS = sorted(
    {*FIELD.glob("*.yaml")} - {*FIELD_SWEEPS, *FIELD_TABLES, FIELD / "base.yaml"}
)

_QUICK = ("conv_fusion", "fst_kl", "motion_integer", "window_3", "short_360x480", "phase2")
"""Overlays that are trained in the quick tests: one of each kind."""

TRAINED = [
    pytest.param(path, marks=[] if path.stem in _QUICK else pytest.mark.slow) for path in OVERLAYS
]


_NETWORKS = ("network", "teacher")
"""Ends of the names of a method's networks."""

STUDY = [EXPERIMENTS / "study" / f"{name}.yaml" for name in ("networks", "parts", "tests")]


def driving(folder, experiment):
    """An overlay: a synthetic driving scene and narrow networks, for one step of an experiment."""
    narrow = {"init_args": {"width": 0.125, "pretrained": None}}
    if experiment.stem.startswith(OF_TRANSFORMERS):
        tiny = EXPERIMENTS / "camvid" / f"{experiment.stem.split('_')[0]}_tiny"
        narrow = {"init_args": {"name": str(tiny), "pretrained": False}}
    method = yaml.safe_load(experiment.read_text())["model"]["init_args"].get("method")
    names = [n for n in method["init_args"] if n.endswith(_NETWORKS)] if method else ["network"]
    networks = dict.fromkeys(names, narrow)
    videos = {"num_videos": 1, "num_frames": 36, "height": 64, "width": 96}
    content = {
        "run_dir": str(folder / "run"),
        "after_fit": "nothing",
        "trainer": {"max_epochs": 1, "limit_train_batches": 1, "accelerator": "cpu"}
        | {"devices": 1, "logger": False, "precision": "32-true"},
        "data": {
            "train": {"class_path": "SyntheticDriving", "init_args": videos},
            "target": {"class_path": "SyntheticDriving", "init_args": videos},
            "val": None,
            "test": None,
            "store": str(folder.parent / "store"),
            "augment": {"crop_size": [64, 96], "scales": [1.0]},
            "batch_size": 2,
            "num_workers": 0,
        },
        "model": {"init_args": {"method": {"init_args": networks}} if method else networks},
    }
    path = folder / "driving.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture
def no_files(monkeypatch):
    """Where experiments look for files, there are none."""
    monkeypatch.setenv("RESNET18_INIT", "never-read")
    monkeypatch.setenv("CAMVID_ROOT", "nowhere")


@pytest.fixture
def fit(tmp_path_factory, no_files):
    """Fit experiments and overlays for one step; returns the folder of the run."""

    def run(*files, **settings):
        folder = tmp_path_factory.mktemp("experiment")
        overlay = driving(folder, files[0])
        flags = [flag for file in (*files, overlay) for flag in ("--config", str(file))]
        flags += [f"--{name}={value}" for name, value in settings.items()]
        main(["fit", *flags])
        return folder / "run"

    return run


@pytest.mark.parametrize("path", WHOLE, ids=str)
def test_a_logger_that_takes_the_place_of_the_experiments_inherits_no_name(path):
    """``--trainer.logger WandbLogger`` keeps what both loggers know; a W&B run is named anew."""
    logger = yaml.safe_load(path.read_text())["trainer"]["logger"]
    assert logger["init_args"] == {"save_dir": "${run_dir}/logs", "name": None}


@pytest.fixture
def phase_1(fit, request):
    """The high-res checkpoint of a network, made once in all tests: a step of its experiment."""

    def checkpoint(network):
        made = request.config.stash.setdefault(_MADE, {})
        if network not in made:
            made[network] = fit(EXPERIMENTS / f"{network}_high.yaml") / "last.ckpt"
        return made[network]

    return checkpoint


_MADE = pytest.StashKey[dict[str, Path]]()


def test_there_are_experiments():
    assert len(WHOLE) >= 16
    assert len(ABLATIONS) >= 28
    known = {*WHOLE, *OVERLAYS}
    parts = {path for path in EXPERIMENTS.rglob("*.yaml") if path.parent.name == "parts"}
    others = {path for path in EXPERIMENTS.rglob("*.yaml") if path.parent.name == "sweeps"}
    others |= {
        *STUDY,
        *MODES,
        *TRAINING,
        EOMT,
        *FIELD.glob("*.yaml"),
        *EXPERIMENTS.glob("reproduction/arseg/*.yaml"),
    }
    assert {*EXPERIMENTS.rglob("*.yaml")} == known | parts | others


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_an_experiment_says_how_it_is_run(path):
    command = path.read_text().splitlines()[0]
    assert command.startswith("# python -m arseg_lightning fit --config experiments/")
    assert f"{path.relative_to(EXPERIMENTS.parent)}" in command


def needs_extras(path):
    if path.stem.startswith(OF_TRANSFORMERS):
        pytest.importorskip("transformers", reason="the extra hf is not installed")
    if path.stem.endswith("_proposals"):
        pytest.importorskip("maxflow", reason="the extra graphical is not installed")
        pytest.importorskip("skimage", reason="the extra graphical is not installed")


@pytest.mark.parametrize("path", AS_FOR_CAMVID, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_an_experiment_is_valid(path, no_files, capsys):
    """The others are trained, below."""
    needs_extras(path)
    with pytest.raises(SystemExit) as stop:
        main(["fit", "--config", str(path), "--print_config"])
    assert stop.value.code == 0
    assert "class_path: arseg_lightning.tasks" in capsys.readouterr().out


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=pytest.mark.slow) if path in AS_FOR_CAMVID else path
        for path in WHOLE
    ],
    ids=lambda path: f"{path.parent.name}/{path.stem}",
)
def test_an_experiment_trains(path, fit, phase_1):
    needs_extras(path)
    if path.stem.endswith("_high"):
        phase_1(_network(path))
    elif path.stem.endswith("_ar"):
        checkpoint = phase_1(_network(path))
        fit(path, **{"model.weights.high_res": checkpoint, "model.epochs_without_fusion": 0})
    elif path.stem.endswith(("_blockcopy", "_mpvss", "_proposals", "_videomt", "_tokens")):
        fit(path, **{"model.weights.network": phase_1(_network(path))})
    elif path.stem.endswith(("_weclick", "self_training")):
        fit(path, **{"model.weights.teacher": phase_1("camvid/bise18")})
    else:
        fit(path)


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_an_overlay_fits_its_experiment(overlay, tmp_path, monkeypatch):
    """Built, without weights; that each trains is for the slow tests."""
    monkeypatch.setenv("RESNET18_INIT", "never-read")
    monkeypatch.setenv("CAMVID_ROOT", "nowhere")
    experiment, *settings = _before(overlay)
    files = [experiment, *settings, overlay, driving(tmp_path, experiment)]
    assert Experiment(files).methods()


@pytest.mark.parametrize("overlay", TRAINED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_an_overlay_trains(overlay, fit, phase_1):
    flags = {}
    if overlay.stem not in BEHIND_PHASE_1:
        checkpoint = phase_1(OVERLAYS[overlay])
        flags = {"model.weights.high_res": checkpoint, "model.epochs_without_fusion": 0}
    assert (fit(*_before(overlay), overlay, **flags) / "last.ckpt").is_file()


def _before(overlay):
    """What an overlay goes behind: CamVid's AR-Seg has the paper's settings then."""
    kind = "high" if overlay.stem in BEHIND_PHASE_1 else "ar"
    experiment = EXPERIMENTS / f"{OVERLAYS[overlay]}_{kind}.yaml"
    paper = experiment.with_name("paper_settings.yaml")
    return [experiment, paper] if kind == "ar" and paper.is_file() else [experiment]


@pytest.mark.parametrize(
    "path", [*STUDY, *FIELD_SWEEPS], ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_the_study_is_sweeps_over_files_that_are_there(path, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CAMVID_ROOT", "nowhere")
    monkeypatch.setenv("NETWORK", "bise18")
    monkeypatch.setenv("RESNET18_INIT", "never-read")
    monkeypatch.chdir(EXPERIMENTS.parent)
    sweep = read_sweep(path)
    file = path.relative_to(EXPERIMENTS.parent)
    head = "# python" if path in FIELD_SWEEPS else "# NETWORK=bise18 python"
    folder = "runs/field" if path in FIELD_SWEEPS else "runs/study/bise18"
    run = f"{head} -m arseg_lightning sweep {file} --run_dir {folder}/{path.stem}"
    assert path.read_text().startswith(f"{run}\n")
    for drawn in choose_points(sweep, sweep.count):
        words = point_arguments(sweep.command, sweep.values(drawn), tmp_path)
        configs = [after for word, after in pairwise(words) if word == "--config"]
        assert all(Path(config).is_file() for config in configs)
    with pytest.raises(SystemExit) as stop:
        main([*words, "--print_config"])
    assert stop.value.code == 0
    assert f"run_dir: {tmp_path}" in capsys.readouterr().out


def test_the_study_takes_up_what_it_trained():
    networks, parts, tests = map(read_sweep, STUDY)
    trained = [
        f"{folder}/{point_name(sweep, sweep.values(choose_points(sweep)[0]))}/last.ckpt"
        for folder, sweep in (("networks", networks), ("parts", parts))
    ]
    assert trained[0] in " ".join(parts.command)
    assert trained[1] in " ".join(tests.command)


def test_an_ablation_changes_one_thing():
    for path in ABLATIONS:
        head, content = path.read_text().splitlines()[0], yaml.safe_load(path.read_text())
        assert head.startswith("# ")
        assert len(content) == 1, path.name


def _network(path):
    return f"{path.parent.name}/{path.stem.rsplit('_', 1)[0]}"


@pytest.mark.parametrize("modes", MODES, ids=lambda path: path.stem)
def test_modes_of_one_method_share_its_weights(modes):
    [single] = modes.parent.glob(f"[bm]*_{modes.stem.removesuffix('_modes')}.yaml")
    if single.stem.startswith("mask2former"):
        pytest.importorskip("transformers", reason="the extra hf is not installed")
    *others, own = Experiment([single, modes]).methods().values()
    assert [method.cycle for method in others] == MODES[modes]
    assert all(method.network is own.network for method in others)
    if hasattr(own, "heads"):
        assert all(method.heads is own.heads for method in others)


def files_of(value):
    """The files of a value of a sweep's ``config``, which is one or several."""
    return value if isinstance(value, list) else [value]


_QUICK_FIELD = ("accel", "ar_0.5+gate", "network_clicks", "etc+weight_10")


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(files, id=name, marks=[] if name in _QUICK_FIELD else pytest.mark.slow)
        for sweep in FIELD_SWEEPS
        for files in map(
            files_of, yaml.safe_load(sweep.read_text())["parameters"]["config"]["values"]
        )
        for name in ["+".join(Path(file).stem for file in files)]
    ],
)
def test_what_the_field_trains_fits_its_base(files, monkeypatch):
    monkeypatch.setenv("RESNET18_INIT", "never-read")
    monkeypatch.setenv("CAMVID_ROOT", "nowhere")
    base = [FIELD / "base.yaml", EXPERIMENTS / "camvid" / "short_360x480.yaml"]
    assert Experiment([*base, *(EXPERIMENTS.parent / file for file in files)]).methods()


def test_the_field_compares_what_its_sweeps_train(monkeypatch):
    monkeypatch.setenv("CAMVID_ROOT", "nowhere")
    compared = Experiment([FIELD / "compare.yaml"]).methods()
    assert next(iter(compared)) == "1x"
    cycles = {method.cycle for name, method in compared.items() if "L = " not in name}
    assert cycles == {1, 2, 12, None}  # None: TapLab BL3 looks at residuals, BlockCopy at frames
    sweeps = {path.stem: read_sweep(path) for path in FIELD_SWEEPS}
    trained = {
        f"runs/field/{folder}/{point_name(sweep, sweep.values(drawn))}/last.ckpt"
        for folder, sweep in sweeps.items()
        for drawn in choose_points(sweep, sweep.count)
    }
    used = set()
    for path in (*FIELD_TABLES, EXPERIMENTS / "study" / "tdnet_stills.yaml"):
        model = yaml.safe_load(path.read_text())["model"]["init_args"]
        used |= {*model["weights"].values(), *model["compare_weights"].values()}
    for overlay in FIELD_OVERLAYS:
        model = yaml.safe_load(overlay.read_text()).get("model", {}).get("init_args", {})
        used |= {
            file.replace("${seed_everything}", "0") for file in model.get("weights", {}).values()
        }
    assert used <= trained


@pytest.mark.parametrize("file", TRAINING, ids=lambda path: path.stem)
def test_ways_of_training_are_compared_frame_by_frame(file, monkeypatch):
    monkeypatch.setenv("CAMVID_ROOT", "nowhere")
    compared = Experiment([file]).methods()
    assert next(iter(compared)) in ("1x", "source only")
    assert {method.lookahead for method in compared.values()} == {0}
    assert not any(method.uses_motion for method in compared.values())


def test_methods_around_an_eomt_share_it_and_run_it_in_their_ways(monkeypatch):
    pytest.importorskip("transformers", reason="the extra hf is not installed")
    monkeypatch.setenv("CAMVID_ROOT", "nowhere")
    monkeypatch.chdir(EXPERIMENTS.parent)
    compared = Experiment([EOMT]).methods()
    assert next(iter(compared)) == "1x"
    own, windows = compared["1x"].network, compared["in windows"].network
    assert (own.window, windows.window) == (None, 320)
    assert windows.model is own.model
    assert compared["tokens 0.5"].network is own
    shares = [method.share for name, method in compared.items() if name.startswith("tokens")]
    assert sorted(set(shares)) == [0.0, 0.1, 0.25, 0.5, 1.0]
    model = yaml.safe_load(EOMT.read_text())["model"]["init_args"]
    used = {*model["weights"].values(), *model["compare_weights"].values()}
    commands = (EXPERIMENTS / "README.md").read_text()
    assert all(f"--run_dir $RUNS/{Path(file).parent.name}" in commands for file in used)
