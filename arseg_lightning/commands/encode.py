"""The command ``encode``: clips with usable motion from frames or any video."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from arseg_lightning.video.decode import decode
from arseg_lightning.video.encode import EncodeSettings, encode_frames
from arseg_lightning.video.errors import NotAVideo
from arseg_lightning.video.images import image_files, read_images
from arseg_lightning.video.probe import probe

__all__ = ["encode"]

_VIDEO_ENDINGS = frozenset(
    {".avi", ".flv", ".h264", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mxf", ".ts"}
    | {".webm", ".wmv", ".264", ".265", ".hevc"}
)


def encode(
    source: Path,
    output: Path,
    keyframe_interval: int | None = 12,
    codec: str = "libx264",
    crf: int = 23,
    bitrate_bps: int | None = None,
    preset: str = "medium",
    b_frames: int = 0,
    references: int = 1,
    fps: float | None = None,
    size: tuple[int, int] | None = None,
    threads: int = 1,
    overwrite: bool = False,
) -> list[Path]:
    """Encode frames or any video as a clip with keyframes where they are asked for.

    Every P-frame refers to the frame before it and there are no B-frames, unless asked for.
    Frames are turned upright, and a video of changing frame rate gets its average one; all
    frames are kept. A file appears when it is complete; the same input gives the same bytes.

    Args:
        source: A video file, a folder of images (in the order of their names), or a folder of
            such videos and folders.
        output: The video to write; a folder for several sources.
        keyframe_interval: Frames from one keyframe to the next; null for one long GOP.
        codec: libx264 or mpeg4.
        crf: Constant quality in the scale of x264, lower is better.
        bitrate_bps: Bits per second to aim at on average instead.
        preset: Effort of libx264, ultrafast to veryslow.
        b_frames: Most B-frames in a row.
        references: Most frames that a frame may refer to.
        fps: Frames per second; by default those of the video, and 25 for images.
        size: Height and width to scale to; by default the size of the first frame.
        threads: Threads of the encoder; another number gives other bytes.
        overwrite: Replace files that are there already.

    Returns:
        The files written.

    Raises:
        FileExistsError: If a file is there already.
        ValueError: If a source cannot be used, or is shorter than the keyframe interval.
    """
    settings = EncodeSettings(
        codec=codec,
        keyframe_interval=keyframe_interval,
        bitrate_bps=bitrate_bps,
        crf=crf,
        preset=preset,
        b_frames=b_frames,
        references=references,
        threads=threads,
    )
    targets = _targets(source, output, overwrite)
    for path, target in targets.items():
        _encode_one(path, target, settings, fps, size)
    return list(targets.values())


def _targets(source: Path, output: Path, overwrite: bool) -> dict[Path, Path]:
    if source.is_dir() and not image_files(source):
        sources = sorted(
            path
            for path in source.iterdir()
            if not path.name.startswith(".")
            and (image_files(path) if path.is_dir() else path.suffix.lower() in _VIDEO_ENDINGS)
        )
        targets = {path: output / f"{path.stem}.mp4" for path in sources}
        if not targets:
            raise NotAVideo(f"{source} holds no images and no videos; give a folder that does")
        if output.suffix:
            raise ValueError(
                f"{source} holds videos, but {output} is one file; give a folder for them"
            )
        if len(set(targets.values())) < len(targets):
            raise ValueError(f"two sources in {source} have the same name; rename one of them")
    else:
        targets = {source: output / f"{source.stem}.mp4" if output.is_dir() else output}
    for target in targets.values():
        if target.exists() and not overwrite:
            raise FileExistsError(f"{target} exists; add --overwrite true to replace it")
    return targets


def _encode_one(
    path: Path,
    target: Path,
    settings: EncodeSettings,
    fps: float | None,
    size: tuple[int, int] | None,
) -> None:
    num_frames: int | None
    info = None if path.is_dir() else probe(path)
    if info is None:
        files = image_files(path)
        images, num_frames = read_images(files, size), len(files)
    else:
        images = (frame.image for frame in decode(path, size=size or info.size))
        num_frames, fps = info.num_frames, fps or info.fps
    settings = replace(settings, fps=fps or settings.fps)
    interval = settings.keyframe_interval
    images = _at_least(interval or 0, images, num_frames, path)
    with tqdm(total=num_frames, desc=target.name, unit=" frames", disable=None) as bar:
        written = encode_frames(
            images,
            target,
            settings,
            progress=lambda *_: bar.update(),
            display_aspect=info.display_aspect if info else None,
        )
    kilobits = target.stat().st_size * 8e-3 * settings.fps / written
    print(
        f"{target}: {written} frames at {settings.fps:g} fps, {kilobits:.0f} kb/s, "
        f"keyframes {f'every {interval}' if interval else 'only at the start'}"
    )


def _at_least(
    interval: int, images: Iterator[NDArray[np.uint8]], promised: int | None, path: Path
) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames, and refuse a source that has fewer of them than an interval."""
    num_frames = interval if promised is None else promised  # headers need not say: then count
    if num_frames >= interval:
        num_frames = 0
        for image in images:
            num_frames += 1
            yield image
    if num_frames < interval:
        raise ValueError(
            f"keyframe_interval is {interval}, but {path} has {num_frames} frames only; give at "
            f"most {num_frames}, or --keyframe_interval null for one keyframe at the start"
        )
