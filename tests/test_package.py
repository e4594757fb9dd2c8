"""What is built: its contents, and that nothing else comes along."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_its_configurations_only(tmp_path):
    source = tmp_path / "source"
    ours = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, ours.stdout.split("\0")):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((ROOT / name).read_bytes())
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "--wheel-dir", tmp_path]
    subprocess.run([*pip, "--no-build-isolation", source], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = {Path(name) for name in ZipFile(wheel).namelist()}
    package = {name for name in names if name.parts[0] == "arseg_lightning"}
    about = {name.parts[0] for name in names - package}
    assert [name.endswith(".dist-info") for name in about] == [True]
    scripts = ZipFile(wheel).read(f"{about.pop()}/entry_points.txt").decode()
    assert "arseg-lightning = arseg_lightning.__main__:run" in scripts
    tracked = {Path(name) for name in ours.stdout.split("\0") if name}
    in_checkout = {
        Path("experiments", *name.parts[2:]) if name.parts[1] == "experiments" else name
        for name in package
    }
    assert in_checkout <= tracked
    assert {name for name in tracked if name.parts[0] == "arseg_lightning"} <= package
    assert not any("study" in name.parts or "reproduction" in name.parts for name in package)
    assert Path("arseg_lightning/experiments/quickstart.yaml") in package
