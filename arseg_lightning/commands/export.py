"""The command ``export``: a trained method as graphs for other runtimes."""

from __future__ import annotations

from pathlib import Path

from arseg_lightning.export import (
    CONTRACT_NAME,
    Contract,
    ExportFormat,
    ExportSettings,
    Int8Settings,
    Runtime,
    export_method,
)
from arseg_lightning.export.contract import Quantisation
from arseg_lightning.streaming.load import load_experiment
from arseg_lightning.types import parse_size

__all__ = ["export"]


def export(
    configs: list[Path],
    output: Path,
    checkpoint: str | None = None,
    size: str | None = None,
    format: ExportFormat = "onnx",
    runtime: Runtime = "onnxruntime",
    int8: bool = False,
    calibrate: Path | None = None,
    calibrate_frames: int = 64,
    most_changed: float = 0.01,
    labels: Path | None = None,
    most_lost: float = 0.01,
    overwrite: bool = False,
    overrides: tuple[str, ...] = (),
) -> Contract:
    """Write a trained method as graphs from pixels to labels, and prove them equal.

    The folder holds one graph per role of the method, and contract.json, which says their inputs
    and outputs, and which graph runs when: see docs/export.md. `predict` takes the folder for a
    run.

    Args:
        configs: The folder of a run, or hf:USER/REPO; or files of configuration (--config A
            --config B), whose values are overridden as in `test`: --model.weights.high_res FILE.
        output: The folder to write; it appears when it is complete.
        checkpoint: best or last of the run's folder, or a run's checkpoint; the best by default.
        size: Size of the video that the graphs are for, such as 720x960 (height x width); read
            from the test data by default.
        format: onnx, or torch for programs of torch.export.
        runtime: On which ONNX graphs are proven equal: onnxruntime, or openvino.
        int8: Make the networks' convolutions int8; fusion, scores and the rest stay in float.
        calibrate: A video of that size, or a folder of its frames, such as the graphs will see.
        calibrate_frames: Of so many frames, ranges are taken; as many after them are checked.
        most_changed: Greatest share of the labels on the checked frames that int8 may change.
        labels: Folder of label images of some checked frames; then mean IoU is what counts.
        most_lost: Greatest loss of mean IoU; with labels.
        overwrite: Replace a folder that is there already.
        overrides: Settings that win over the configuration.

    Returns:
        The contract.
    """
    frame = parse_size(size) if size is not None else None
    quantised = _int8(int8, calibrate, calibrate_frames, most_changed, labels, most_lost)
    experiment = load_experiment(configs, checkpoint, overrides, "export")
    settings = ExportSettings(
        size=frame or experiment.size(),
        classes=experiment.data.classes,
        normalise=experiment.data.normalise,
        chaining=experiment.data.store.chaining,
        format=format,
        runtime=runtime,
        int8=quantised,
    )
    contract = export_method(experiment.task.method, output, settings, overwrite)
    _show(contract, output)
    return contract


def _show(contract: Contract, output: Path) -> None:
    """Print files and agreement."""
    for role, graph in contract.graphs.items():
        path = output / graph.file
        print(f"{role}: {path} ({path.stat().st_size / 1e6:.1f} MB)")
        if (check := graph.agreement) is not None:
            print(
                f"  {check.equal_labels:.4%} of the labels equal, scores within "
                f"{check.scores_difference:.1e} (greatest {check.scores_scale:.2g})"
            )
    if (found := contract.quantisation) is not None:
        print(_int8_line(found))
    print(f"inputs, outputs and the schedule of the graphs: {output / CONTRACT_NAME}")


def _int8(
    wanted: bool,
    calibrate: Path | None,
    frames: int,
    changed: float,
    labels: Path | None,
    lost: float,
) -> Int8Settings | None:
    if wanted != (calibrate is not None):
        raise ValueError(
            "int8 needs a video to calibrate on, and nothing else does; give both --int8 true and "
            "--calibrate VIDEO, or neither"
        )
    if calibrate is None:
        return None
    return Int8Settings(calibrate, frames, changed, labels, lost)


def _int8_line(found: Quantisation) -> str:
    """What int8 changed, in a line."""
    line = (
        f"int8: {found.equal_labels:.2%} of the labels equal float's on {found.checked_frames} "
        f"frames that did not calibrate ({found.equal_labels_worst:.2%} on the worst)"
    )
    if found.miou is None:
        return line
    before, after = found.miou
    return f"{line}; mean IoU {before:.2%} in float, {after:.2%} in int8"
