"""The command ``prepare``: encodes clips and caches their motion before a training."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from arseg_lightning.datasets.preparation import clip_jobs, video_jobs
from arseg_lightning.datasets.preparation import prepare as prepare_jobs
from arseg_lightning.datasets.store import ClipStore
from arseg_lightning.parallel_jobs import Outcome, run_jobs, run_on_ray
from arseg_lightning.ranges import check_range
from arseg_lightning.tasks.experiment import Experiment
from arseg_lightning.video.cache import MotionSource
from arseg_lightning.video.encode import EncodeSettings

__all__ = ["prepare"]

Split = Literal["train", "val", "test"]


def prepare(
    configs: list[Path] | None = None,
    split: Split | None = None,
    video: Path | None = None,
    store: Path | None = None,
    motion: MotionSource | None = None,
    workers: int | None = None,
    ray: str | None = None,
    overrides: list[str] | None = None,
) -> list[Outcome]:
    """Encode the clips of experiments and cache their motion, in parallel.

    What is ready is left alone, so an interrupted command is given again and continues. One video
    that fails is reported at the end and stops no other.

    Args:
        configs: The experiment and its overlays, stacked as in `fit`.
        split: train, val or test; by default all that the experiment has.
        video: A video, or a folder of videos, instead of an experiment.
        store: Folder for a video's motion; data/cache by default. An experiment names its own.
        motion: For videos: codec takes their own vectors; reencode makes an H.264 copy of those
            that have none that can be used. An experiment says it itself.
        workers: Processes at once; one for each processor core by default, a cluster knows its own.
        ray: A cluster of Ray that does it instead (the extra `ray`): auto, HOST:PORT, or local,
            which starts Ray on this machine.
        overrides: Settings of the experiment that win over its files: --data.store DIR.
    """
    check_range(1, workers=workers)
    if (configs is None) == (video is None):
        raise ValueError("give either an experiment, `prepare FILE.yaml`, or --video FOLDER")
    if (video and split) or (configs and (store or motion)):
        raise ValueError(
            "--split is for experiments, --store and --motion are for --video (an experiment has "
            "--data.store and --data.motion)"
        )
    if video is not None:
        clips = ClipStore(store or Path("data/cache"), EncodeSettings(), motion or "codec")
        jobs = video_jobs(clips, video)
    else:
        data = Experiment(configs or [], overrides or []).data
        clips = data.store
        splits = data.splits_on_video() if split is None else [split]
        jobs = [job for name in splits for job in clip_jobs(clips, data.videos(name))]
    outcomes = run_on_ray(jobs, ray) if ray else run_jobs(jobs, workers)
    done = prepare_jobs(outcomes, len(jobs))
    for note in (note for each in done for note in each.notes):
        print(f"damaged: {note}")
    made = sum(each.made for each in done)
    print(f"{len(done)} are ready in {clips.root}: {made} made now, {len(done) - made} found")
    return done
