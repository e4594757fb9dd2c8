"""The command ``encode``: a clip with usable motion from frames or any video."""

from __future__ import annotations

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
    preset: str = "medium",
    fps: float | None = None,
    size: tuple[int, int] | None = None,
    overwrite: bool = False,
) -> Path:
    """Encode frames or any video as a clip with keyframes where they are asked for.

    Every P-frame refers to the frame before it and there are no B-frames. Frames are turned
    upright, and a video of changing frame rate gets its average one; all frames are kept. A file
    appears when it is complete; the same input gives the same bytes.

    Args:
        source: A video file, or a folder of images (in the order of their names).
        output: The video to write.
        keyframe_interval: Frames from one keyframe to the next; null for one long GOP.
        crf: Constant quality, lower is better.
        preset: Effort of the encoder, ultrafast to veryslow.
        fps: Frames per second; by default those of the video, and 25 for images.
        size: Height and width to scale to; by default the size of the first frame.
        overwrite: Replace a file that is there already.

    Returns:
        The file written.
    """
    if output.exists() and not overwrite:
        raise FileExistsError(f"{output} exists; add --overwrite true to replace it")
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
    settings = EncodeSettings(keyframe_interval, crf=crf, preset=preset, fps=fps or 25.0)
    with tqdm(total=num_frames, desc=output.name, unit=" frames", disable=None) as bar:
        written = encode_frames(images, output, settings, lambda *_: bar.update() and None)
    kilobits = output.stat().st_size * 8e-3 * settings.fps / written
    print(f"{output}: {written} frames at {settings.fps:g} fps, {kilobits:.0f} kb/s")
    return output
