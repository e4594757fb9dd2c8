"""Sweep files for tests."""

import yaml

COMMAND = [
    *("${env}", "${interpreter}", "-m", "arseg_lightning", "test", "--config", "experiment.yaml"),
    *("--config", "${args_json_file}"),
]
PARAMETERS = {
    "data.keyframe_interval": {"values": [6, 12]},
    "model.init_args.resolution_ratio": {"values": [0.3, 0.5, 0.7]},
}


def sweep_file(folder, **changes):
    """Write a sweep file; a change to None takes a key away."""
    content = {"method": "grid", "parameters": PARAMETERS, "command": COMMAND} | changes
    content = {key: value for key, value in content.items() if value is not None}
    path = folder / "sweep.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path
