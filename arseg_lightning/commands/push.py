"""The command ``push``: a trained run for others, on the Hugging Face hub or in a folder."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from arseg_lightning.hub import Repository, is_on_hub, upload
from arseg_lightning.hub.layout import RESULT_NAME, refuse_other_files
from arseg_lightning.streaming.load import load_experiment
from arseg_lightning.streaming.run_files import RunFiles, find_run

if TYPE_CHECKING:
    from arseg_lightning.report.result import RunResult
    from arseg_lightning.tasks.experiment import Experiment

__all__ = ["push"]


def push(
    run: Path,
    to: str,
    private: bool = False,
    licence: str | None = None,
    checkpoint: str | None = None,
    message: str | None = None,
) -> str:
    """Share a trained run: its weights, configuration, result and a model card.

    `predict`, `compare`, `export`, `bench` and load_run take what it wrote in a run's place. An
    earlier push to the same place is replaced (on the hub, by a further commit); a place that has
    something else in it is refused. See docs/sharing.md.

    Args:
        run: The folder of a run.
        to: hf:USER/REPO on the Hugging Face hub (log in with `hf auth login`, or set HF_TOKEN), or
            a local folder.
        private: Create the repository private; one that is public already is refused.
        licence: Licence of the weights, as the hub names it: apache-2.0, mit, cc-by-nc-4.0, other.
        checkpoint: best or last of the run's folder, or a run's checkpoint; the best by default.
        message: Message of the commit on the hub.

    Returns:
        The address of the repository, or the folder.
    """
    from arseg_lightning.hub.bundle import Bundle  # lays out tables by pandas, slow to import
    from arseg_lightning.hub.configuration import SharedConfiguration

    _check(to, private, licence, message)
    files = find_run(run)
    experiment = load_experiment([run], checkpoint, (), "push")
    weights = files.best if checkpoint is None else files.checkpoint(checkpoint)
    assert weights is not None  # load_experiment refuses a run without any
    result = _result(files, weights, experiment)
    configuration = SharedConfiguration.read(files.record)
    bundle = Bundle(experiment, configuration, result, weights.name, licence)
    if not is_on_hub(to):
        bundle.write_new(Path(to).resolve())
        print(
            f"written to {to}; use it with: python -m arseg_lightning predict {to} --video FILE …"
        )
        return to
    with tempfile.TemporaryDirectory() as temporary:
        bundle.write(Path(temporary), to)
        address = upload(Path(temporary), Repository.parse(to), private, message)
    print(f"{address}; use it with: python -m arseg_lightning predict {to} --video FILE …")
    return address


def _check(to: str, private: bool, licence: str | None, message: str | None) -> None:
    """Refuse what cannot be, before anything is loaded."""
    if licence is not None and not re.fullmatch(r"[a-z0-9][a-z0-9.+-]*", licence):
        raise ValueError(
            f"licence is one of the hub's short names, such as apache-2.0, mit or other; got "
            f"{licence!r}"
        )
    if is_on_hub(to):
        if Repository.parse(to).revision is not None:
            raise ValueError(f"a push goes to the main branch; leave out what follows @ in {to}")
        return
    if private or message is not None:
        raise ValueError(f"--private and --message are for the hub, and {to} is a folder")
    if (folder := Path(to)).is_dir():
        refuse_other_files((path.name for path in folder.iterdir()), to)
    elif folder.exists():
        raise FileExistsError(f"{to} is a file; give a folder, or hf:USER/REPO")


def _result(files: RunFiles, weights: Path, experiment: Experiment) -> RunResult | None:
    """The run's result, if it is one of these weights in this configuration."""
    from arseg_lightning.report.result import RunResult

    path = (files.folder or Path()) / RESULT_NAME
    if files.folder is None or not path.is_file():
        print("the run has no result.json (`test` writes one): the card says so")
        return None
    result = RunResult.read(path)
    # A test after a fit names no checkpoint: it is one of the best weights, or of the last.
    tested = Path(result.provenance.config.get("ckpt_path") or files.best or "")
    same_weights = weights.parent == files.folder and weights.stem == tested.stem
    task, data = experiment.task, experiment.data
    found = result.methods[-1].name, result.keyframe_interval, result.class_names
    if same_weights and found == (task.method.name, data.keyframe_interval, data.classes.names):
        return result
    print(f"{path} is not of these weights and this configuration, and is left out")
    return None
