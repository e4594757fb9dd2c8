"""Run the study: every row of study.yaml that has no result yet.

    python experiments/study/run.py bise18 [--only ar no_motion] [--seeds 0] [--dry_run]

A row is one run folder, runs/study/NETWORK/ROW-seedN, made by the commands that are printed; its
result is copied to results/NETWORK/ROW-seedN.json beside this file. Stop it when you like: the next
call goes on with the row that was being computed, from its last whole epoch.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

STUDY = Path(os.path.relpath(Path(__file__).parent))
EXPERIMENTS = STUDY.parent
RUNS = Path("runs/study")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the study with one seed.

    Args:
        network: As in the experiments' file names.
        name: As in study.yaml.
        seed: Seed of the run.
        experiment: ``ar``, ``high`` or ``half``.
        configs: Overlays, in order.
        settings: Options behind them.
        checkpoint: Row whose weights are tested; None trains.
    """

    network: str
    name: str
    seed: int
    experiment: str
    configs: tuple[Path, ...]
    settings: tuple[str, ...]
    checkpoint: str | None

    @property
    def run_dir(self) -> Path:
        """Folder of the run."""
        return RUNS / self.network / f"{self.name}-seed{self.seed}"

    @property
    def result(self) -> Path:
        """Where its result is kept."""
        return STUDY / "results" / self.network / f"{self.name}-seed{self.seed}.json"

    def command(self) -> list[str]:
        """The command that makes the run."""
        whole = EXPERIMENTS / "camvid" / f"{self.network}_{self.experiment}.yaml"
        words = [sys.executable, "-m", "arseg_lightning", "test" if self.checkpoint else "fit"]
        for config in (whole, *self.configs):
            words += ["--config", str(config)]
        words += ["--run_dir", str(self.run_dir), "--resume", "or_restart", "--after_fit", "test"]
        words += ["--seed_everything", str(self.seed), "--data.seed", str(self.seed)]
        if self.experiment == "ar":
            high = RUNS / self.network / "high-seed0" / "last.ckpt"
            words += [f"--model.weights.{which}={high}" for which in ("high_res", "low_res")]
        if self.checkpoint:
            weights = RUNS / self.network / f"{self.checkpoint}-seed{self.seed}" / "last.ckpt"
            words += ["--ckpt_path", str(weights)]
        return [*words, *self.settings]

    def run(self) -> None:
        """Make the run and keep its result; what it printed stays in the run's folder."""
        self.run_dir.mkdir(parents=True, exist_ok=True)
        with (self.run_dir / "log.txt").open("w") as log:
            subprocess.run(self.command(), stdout=log, stderr=subprocess.STDOUT, check=True)
        self.result.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.run_dir / "result.json", self.result)


def rows(network: str) -> list[Row]:
    """All rows of a network, the first seed of every row before the second of any."""
    study = yaml.safe_load((STUDY / "study.yaml").read_text())
    shared = tuple(
        Path(os.path.normpath(STUDY / overlay)) for overlay in study["overlays"][network]
    )
    found = []
    for name, row in study["rows"].items():
        experiment = row.get("experiment", "ar")
        own = tuple(EXPERIMENTS / "ablations" / f"{o}.yaml" for o in row.get("overlays", []))
        phase2 = (STUDY / "phase2.yaml",) if experiment == "ar" else ()
        settings = tuple(f"--{key}={value}" for key, value in row.get("settings", {}).items())
        configs = shared + phase2 + own
        found += [
            Row(network, name, seed, experiment, configs, settings, row.get("checkpoint"))
            for seed in row["seeds"]
        ]
    return sorted(found, key=lambda row: row.seed)


def main() -> None:
    """Run what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", choices=["bise18", "efflite0"])
    parser.add_argument("--only", nargs="*", help="names of rows")
    parser.add_argument("--seeds", nargs="*", type=int, help="seeds")
    parser.add_argument("--dry_run", action="store_true", help="print the commands, run nothing")
    arguments = parser.parse_args()
    wanted = [
        row
        for row in rows(arguments.network)
        if (not arguments.only or row.name in arguments.only)
        and (not arguments.seeds or row.seed in arguments.seeds)
    ]
    failed = []
    for i, row in enumerate(wanted, 1):
        if row.result.is_file():
            continue
        print(f"row {i} of {len(wanted)}: {row.name}, seed {row.seed}", flush=True)
        print("  " + " ".join(row.command()[1:]), flush=True)
        if arguments.dry_run:
            continue
        try:
            row.run()
        except subprocess.CalledProcessError:
            failed.append(row)
            print(f"  failed; see {row.run_dir / 'log.txt'}", flush=True)
    if failed:
        sys.exit(
            f"{len(failed)} rows failed: {', '.join(f'{r.name}-seed{r.seed}' for r in failed)}"
        )


if __name__ == "__main__":
    main()
