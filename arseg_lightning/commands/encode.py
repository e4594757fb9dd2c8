"""The command ``encode``: a clip with usable motion from frames or any video."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from arseg_lightning.video.decode import decode
from arseg_lightning.video.encode import EncodeSettings, encode_frames
from arseg_lightning.video.errors import NotAVideo
from arseg_lightning.video.images import image_files, read_image
from arseg_lightning.video.probe import probe

__all__ = ["encode"]


def encode(
    source: Path,
    output: Path,
    keyframe_interval: int | None = 12,
    crf: int = 23,
    bitrate_bps: int | None = None,
    preset: str = "medium",
    b_frames: int = 0,
    references: int = 1,
    fps: float | None = None,
    size: tuple[int, int] | None = None,
    threads: int = 1,
    overwrite: bool = False,
) -> Path:
    """Encode frames or any video as a clip with keyframes where they are asked for.

    Every P-frame refers to the frame before it and there are no B-frames, unless asked for.
    Frames are turned upright, and a video of changing frame rate gets its average one; all
    frames are kept. A file appears when it is complete; the same input gives the same bytes.

    Args:
        source: A video file, or a folder of images (in the order of their names).
        output: The video to write.
        keyframe_interval: Frames from one keyframe to the next; null for one long GOP.
        crf: Constant quality, lower is better.
        bitrate_bps: Bits per second to aim at on average instead.
        preset: Effort of the encoder, ultrafast to veryslow.
        b_frames: Most B-frames in a row.
        references: Most frames that a frame may refer to.
        fps: Frames per second; by default those of the video, and 25 for images.
        size: Height and width to scale to; by default the size of the first frame.
        threads: Threads of the encoder; another number gives other bytes.
        overwrite: Replace a file that is there already.

    Returns:
        The file written.

    Raises:
        FileExistsError: If the file is there already.
        ValueError: If the source cannot be used.
    """
    if output.exists() and not overwrite:
        raise FileExistsError(f"{output} exists; add --overwrite true to replace it")
    settings = EncodeSettings(
        keyframe_interval=keyframe_interval,
        bitrate_bps=bitrate_bps,
        crf=crf,
        preset=preset,
        b_frames=b_frames,
        references=references,
        threads=threads,
    )
    _encode(source, output, settings, fps, size)
    return output


def _encode(
    source: Path,
    output: Path,
    settings: EncodeSettings,
    fps: float | None,
    size: tuple[int, int] | None,
) -> None:
    """Encode one source, and print what became of it."""
    num_frames = None
    if source.is_dir():
        files = image_files(source)
        if not files:
            raise NotAVideo(f"{source} holds no images; give a video or a folder of images")
        images, num_frames = (read_image(each, size) for each in files), len(files)
    else:
        info = probe(source)
        images = (frame.image for frame in decode(source, size=size or info.size))
        num_frames, fps = info.num_frames, fps or info.fps
    settings = replace(settings, fps=fps or settings.fps)
    with tqdm(total=num_frames, desc=output.name, unit=" frames", disable=None) as bar:
        written = encode_frames(images, output, settings, lambda *_: bar.update() and None)
    kilobits = output.stat().st_size * 8e-3 * settings.fps / written
    interval = settings.keyframe_interval
    print(
        f"{output}: {written} frames at {settings.fps:g} fps, {kilobits:.0f} kb/s, "
        f"keyframes {f'every {interval}' if interval else 'only at the start'}"
    )
