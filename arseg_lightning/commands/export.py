"""The command ``export``: a trained method as graphs for other runtimes."""

from __future__ import annotations

from pathlib import Path

from arseg_lightning.export import (
    CONTRACT_NAME,
    Contract,
    ExportFormat,
    ExportSettings,
    export_method,
)
from arseg_lightning.streaming.load import load_experiment
from arseg_lightning.types import parse_size

__all__ = ["export"]


def export(
    configs: list[Path],
    output: Path,
    checkpoint: str | None = None,
    size: str | None = None,
    format: ExportFormat = "onnx",
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
        overwrite: Replace a folder that is there already.
        overrides: Settings that win over the configuration.

    Returns:
        The contract.
    """
    frame = parse_size(size) if size is not None else None
    experiment = load_experiment(configs, checkpoint, overrides, "export")
    settings = ExportSettings(
        size=frame or experiment.size(),
        classes=experiment.data.classes,
        normalise=experiment.data.normalise,
        chaining=experiment.data.store.chaining,
        format=format,
    )
    contract = export_method(experiment.task.method, output, settings, overwrite)
    for role, graph in contract.graphs.items():
        path = output / graph.file
        print(f"{role}: {path} ({path.stat().st_size / 1e6:.1f} MB)")
        if (check := graph.agreement) is not None:
            print(
                f"  {check.equal_labels:.4%} of the labels equal, scores within "
                f"{check.scores_difference:.1e} (greatest {check.scores_scale:.2g})"
            )
    print(f"inputs, outputs and the schedule of the graphs: {output / CONTRACT_NAME}")
    return contract
