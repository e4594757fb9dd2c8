"""Every Trainer option, callback and logger of the installed Lightning works, or says why not."""

import inspect
import re
import shlex
from dataclasses import replace
from importlib.util import find_spec

import lightning.pytorch.callbacks
import lightning.pytorch.loggers
import pytest
import yaml
from lightning import Trainer

from arseg_lightning.cli import main
from arseg_lightning.messages import plain_message
from tests.lightning.table import CALLBACKS, LOGGERS, PACKAGES, REFUSED, WORKS, Line
from tests.test_cli import HIGH_RES, configuration, driving


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("table")
    return configuration(folder, HIGH_RES, train_on="stills", val=driving(50), val_losses=False)


def run(line, config, folder, *more):
    """Fit with one batch, or check that it is refused in a few lines."""
    small = [f"--trainer.limit_{split}_batches=1" for split in ("train", "val")]
    small = [word for word in small if word.partition("=")[0] not in line.words]
    words = shlex.split(line.words.replace("DIR", str(folder)))
    command = ["fit", "--config", config, "--run_dir", str(folder / "run"), *small, *words, *more]
    if not line.refusal:
        return main(command)
    with pytest.raises(Exception) as error:  # noqa: PT011 (its message is looked at below)
        main(command)
    # What others raise is shown with its traceback, which ends with its type and text.
    message = plain_message(error.value) or f"{error.typename}: {error.value}"
    assert re.search(line.refusal, message), message
    assert len(message.splitlines()) <= 5
    assert not (folder / "run" / "last.ckpt").exists()
    return None


def cases(lines):
    slow = [pytest.mark.slow]
    return [pytest.param(each, marks=slow if each.slow else [], id=each.words) for each in lines]


def test_every_option_is_judged():
    text = " ".join(line.words for line in [*WORKS, *REFUSED])
    judged = set(re.findall(r"--trainer\.(\w+)", text))
    options = set(inspect.signature(Trainer.__init__).parameters) - {"self", "callbacks"}
    assert judged == options


def test_every_callback_and_logger_is_judged():
    assert set(CALLBACKS) == set(lightning.pytorch.callbacks.__all__)
    assert set(LOGGERS) == set(lightning.pytorch.loggers.__all__)


@pytest.mark.parametrize("line", cases(WORKS))
def test_an_option_works(line, config, tmp_path):
    run(line, config, tmp_path)


@pytest.mark.parametrize("line", cases(REFUSED))
def test_an_option_is_refused(line, config, tmp_path):
    run(line, config, tmp_path)


def as_installed(name, line):
    """What a line is where the package is there that it is refused for."""
    is_there = name in PACKAGES and find_spec(PACKAGES[name])
    if is_there and name == "CometLogger":
        pytest.skip("it needs an account")
    return replace(line, refusal="") if is_there else line


def with_arguments(option, lines, folder):
    """A configuration on top, as a user writes it."""
    values = []
    for name, line in lines.items():
        pairs = re.findall(r"(\w+)=(\{.*\}|\S+)", line.words.replace("DIR", str(folder)))
        arguments = {key: yaml.safe_load(value) for key, value in pairs}
        values.append({"class_path": name, "init_args": arguments})
    file = folder / "more.yaml"
    file.write_text(yaml.safe_dump({"trainer": {option: values}}))
    return str(file)


def fit_with(lines, config, folder):
    more = with_arguments("callbacks", lines, folder)
    logger = ["--trainer.logger", "CSVLogger", "--trainer.logger.save_dir", str(folder)]
    (refusal,) = {line.refusal for line in lines.values()}
    run(Line("", refusal), config, folder, "--config", more, *logger)


GO_TOGETHER = {
    name: line
    for name, line in CALLBACKS.items()
    if not line.refusal and "Finder" not in name and "Averaging" not in name
    # There is one bar; and where a run has failed, Lightning lets the next one resume by itself.
    if name not in ("ProgressBar", "OnExceptionCheckpoint")
}


def test_callbacks_work_together_and_their_record_reads_back(config, tmp_path):
    fit_with(GO_TOGETHER, config, tmp_path)
    record = tmp_path / "run" / "fit.yaml"
    main(["fit", "--config", str(record), "--trainer.fast_dev_run", "1"])
    callbacks = yaml.safe_load(record.read_text())["trainer"]["callbacks"]
    timer = next(each for each in callbacks if each["class_path"].endswith(".Timer"))
    assert timer["init_args"]["interval"] == "step"


SLOW = [pytest.param(n, marks=[pytest.mark.slow] * (not CALLBACKS[n].refusal)) for n in CALLBACKS]


@pytest.mark.parametrize("name", SLOW)
def test_a_callback_works_or_says_why_not(name, config, tmp_path):
    line = as_installed(name, CALLBACKS[name])
    fit_with({name: line}, config, tmp_path)
    if not line.refusal:
        record = str(tmp_path / "run" / "fit.yaml")
        main(["fit", "--config", record, "--trainer.fast_dev_run", "1"])


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.slow] * each.slow) for n, each in LOGGERS.items()],
)
def test_a_logger_works(name, config, tmp_path):
    line = as_installed(name, LOGGERS[name])
    more = with_arguments("logger", {name: line}, tmp_path)
    run(Line("", line.refusal), config, tmp_path, "--config", more)
