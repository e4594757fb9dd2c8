"""The figures of docs/, drawn from what the methods do.

    python -m experiments.figures propagation         # labels that follow the codec's motion
    python -m experiments.figures lookahead           # the same from the keyframes on both sides
    python -m experiments.figures roles               # what each method computes on each frame
    python -m experiments.figures arseg runs/quickstart
    python -m experiments.figures overlay runs/quickstart

They show a synthetic driving scene that no experiment trains on, encoded as any other video.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from functools import partial
from io import BytesIO
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL.Image
import torch
from matplotlib.colors import hsv_to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from arseg_lightning import methods
from arseg_lightning.cost import method_cost
from arseg_lightning.cost.counting import on_meta
from arseg_lightning.datasets.synthetic.scene import DrivingScene
from arseg_lightning.methods import EveryL, NominalStream, Stream, VideoMethod
from arseg_lightning.models import BiSeNet18
from arseg_lightning.propagation.warp import invert_motion
from arseg_lightning.report.motion_quality import warp_label
from arseg_lightning.streaming import load_run
from arseg_lightning.types import Motion
from arseg_lightning.video.chain import MotionChain
from arseg_lightning.video.encode import EncodeSettings, encode_frames
from arseg_lightning.video.live import open_live
from arseg_lightning.video.live.frame import SourceFrame

__all__ = ["draw_arseg", "draw_lookahead", "draw_overlay", "draw_propagation", "draw_roles"]

Image = NDArray[np.uint8]
Labels = NDArray[np.uint8]

_FOLDER = Path(__file__).resolve().parents[1] / "docs" / "figures"
_SCENE = DrivingScene(num_frames=13, seed=2003, fps=40)
_DISTANCE = 11  # of the frame that is shown, the last before the next keyframe
_FASTEST = 12.0  # pixels, at which a motion's colour is full


class _Frames(NamedTuple):
    """The scene as it comes out of the decoder, and its motion to the first frame."""

    frames: list[SourceFrame]
    motions: list[Motion]

    def image(self, index: int) -> Image:
        return self.frames[index].frame.image


def _decoded() -> _Frames:
    """Encode and decode the scene."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scene.mp4"
        encode_frames(_SCENE.images(), path, EncodeSettings(fps=40))
        with open_live(path) as source:
            frames = list(source)
    chain, motions = MotionChain((_SCENE.height, _SCENE.width)), []
    for streamed in frames:
        if streamed.step is None:
            chain.reset(streamed.frame.index)
        else:
            chain.push(streamed.step)
        motions.append(chain.motion())
    return _Frames(frames, motions)


def draw_propagation(path: Path) -> None:
    """Draw a keyframe's labels on a later frame: in place, and along the motion."""
    scene, key, truth = _decoded(), _SCENE.label(0), _SCENE.label(_DISTANCE)
    motion = scene.motions[_DISTANCE]
    warped = warp_label(key, motion)
    shown = {
        "keyframe, and its labels": _overlay(scene.image(0), key),
        f"frame {_DISTANCE}, and its motion to the keyframe": _arrows(motion),
        f"the keyframe's labels in place: {_right(key, truth)}": _errors(scene, key, truth),
        f"along the motion: {_right(warped, truth)}": _errors(scene, warped, truth),
    }
    _draw(shown, path, columns=2, motion=motion, at=1)


def draw_lookahead(path: Path) -> None:
    """Draw where labels are wrong that come from the keyframe before, the one after, and both."""
    middle, last = 6, 12
    scene, truth = _decoded(), _SCENE.label(middle)
    before = warp_label(_SCENE.label(0), scene.motions[middle])
    chain = MotionChain((_SCENE.height, _SCENE.width))
    chain.reset(middle)
    for streamed in scene.frames[middle + 1 : last + 1]:
        assert streamed.step is not None
        chain.push(streamed.step)
    xy, valid = invert_motion(torch.from_numpy(chain.motion().xy.copy())[None].float())
    forward = Motion(xy[0].numpy(), valid[0, 0].numpy() > 0)
    after = warp_label(_SCENE.label(last), forward)
    either = np.where(before == truth, before, after)
    shown = {
        f"from the keyframe before: {_right(before, truth)}": _errors(scene, before, truth, middle),
        f"from the keyframe after: {_right(after, truth)}": _errors(scene, after, truth, middle),
        f"from either: {_right(either, truth)}": _errors(scene, either, truth, middle),
    }
    _draw(shown, path, columns=3)


@torch.no_grad()
def draw_arseg(path: Path, run: Path) -> None:
    """Draw what AR-Seg makes of a keyframe and a later frame, with the networks of a run."""
    scene, truth = _decoded(), _SCENE.label(_DISTANCE)
    segmenter = load_run(run, device="cpu")
    method = segmenter.method
    method.use_clock(EveryL(_DISTANCE + 1))  # whatever it was trained at
    ratio = method.resolution_ratio
    image, motion = scene.image(_DISTANCE), scene.motions[_DISTANCE]
    alone, low = (method.baselines()[name].eval() for name in ("motion only", f"{ratio:g}x"))
    labels = {
        name: [result.labels for result in Stream(each, segmenter.normalise).run(scene.frames)]
        for name, each in {"key": alone, "low": low, "ar": method}.items()
    }
    rows, columns = ((np.arange(n) * ratio // 1 / ratio).astype(int) for n in image.shape[:2])
    small = image[rows[:, None], columns]
    key, reduced, result = (labels[name][_DISTANCE] for name in ("key", "low", "ar"))
    shown = {
        "keyframe, at full resolution": _overlay(scene.image(0), labels["ar"][0]),
        f"frame {_DISTANCE}, at {ratio:g} of it": small,
        "its motion to the keyframe": _arrows(motion),
        f"{ratio:g}x network alone: {_right(reduced, truth)}": _overlay(image, reduced),
        f"keyframe's feature, warped: {_right(key, truth)}": _overlay(image, key),
        f"AR-Seg fuses both: {_right(result, truth)}": _overlay(image, result),
    }
    _draw(shown, path, columns=3, motion=motion, at=2)


def draw_overlay(path: Path, run: Path) -> None:
    """Draw what `predict` shows of a keyframe and of two frames after it."""
    scene, segmenter = _decoded(), load_run(run, device="cpu")
    results = list(Stream(segmenter.method, segmenter.normalise).run(scene.frames))
    shown = {
        f"frame {index}: {results[index].role}": _overlay(scene.image(index), results[index].labels)
        for index in (0, 6, _DISTANCE)
    }
    _draw(shown, path, columns=3)


def draw_roles(path: Path) -> None:
    """Draw cost and role of each frame of a stream, for several methods around one network."""
    network, size, num_frames = BiSeNet18, (360, 480), 25
    shown: dict[str, VideoMethod] = {
        "PerFrame": methods.PerFrame(11, network),
        "PerFrame, 0.5x": methods.PerFrame(11, network, 0.5),
        "FeaturePropagation": methods.FeaturePropagation(11, network),
        "ARSeg, 0.5x": methods.ARSeg(11, network),
        "ARSeg, low_res_every: 2": methods.ARSeg(11, network, low_res_every=2),
        "Accel": methods.Accel(11, network, partial(network, width=0.5)),
        "TapLab, window": methods.TapLab(11, network, correction="window"),
        "InterBMV": methods.InterBMV(11, network),
        "Clockwork": methods.Clockwork(11, network),
        "TDNet, 2 paths": methods.TDNet(11, network, paths=2),
    }
    whole = method_cost(shown["PerFrame"].eval(), size).mean_macs
    figure = Figure(figsize=(9, 0.62 * len(shown)), layout="constrained")
    rows = figure.subplots(len(shown), sharex=True, sharey=True)
    for axes, (name, method) in zip(rows, shown.items(), strict=True):
        costs = method_cost(method.eval(), size)
        bottom = np.zeros(num_frames)
        for role, height in _heights(method, costs.roles, size, num_frames).items():
            axes.bar(range(num_frames), height / whole, 0.8, bottom, label=role)
            bottom += height / whole
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
        axes.set_yticks([0, 1], ["0", "1"], fontsize=7)
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=7, frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    rows[-1].set_xlabel("frame")
    _save(figure, path, dpi=110)


def _heights(
    method: VideoMethod, macs: Mapping[str, float], size: tuple[int, int], num_frames: int
) -> dict[str, NDArray[np.float64]]:
    """MACs of each frame by role."""
    heights = {role: np.zeros(num_frames) for role in method.roles if role in macs}
    weightless = on_meta(method)
    blank = weightless.still(torch.zeros(1, 3, *size, device="meta"))
    stream = NominalStream(weightless)
    with torch.no_grad():
        ran = enumerate(stream.run(repeat(blank, num_frames)))
        for index, (roles, _) in ran:
            for role in roles:
                heights[role][index] += macs[role]
    return heights


def _right(labels: Labels, truth: Labels) -> str:
    return f"{np.mean(labels == truth):.1%} right"


def _overlay(image: Image, labels: Labels) -> Image:
    palette = np.array(_SCENE.classes.palette, np.uint8)
    mixed: Image = (0.35 * image + 0.65 * palette[labels]).astype(np.uint8)
    return mixed


def _errors(scene: _Frames, labels: Labels, truth: Labels, index: int = _DISTANCE) -> Image:
    """Labels over a frame, wrong ones in red."""
    grey = scene.image(index).mean(axis=2, keepdims=True).repeat(3, 2)
    wrong = (labels != truth)[..., None]
    return np.where(wrong, (220, 20, 40), 0.6 * grey + 90).astype(np.uint8)


def _arrows(motion: Motion) -> Image:
    """Motion as colour: its direction the hue, its length the saturation."""
    x, y = motion.xy
    hue = (np.arctan2(y, x) / (2 * np.pi)) % 1.0
    length = np.clip(np.hypot(x, y) / _FASTEST, 0, 1)
    image: Image = (255 * hsv_to_rgb(np.stack([hue, length, np.ones_like(hue)], -1))).astype(
        np.uint8
    )
    return image


def _draw(
    shown: Mapping[str, Image], path: Path, columns: int, motion: Motion | None = None, at: int = -1
) -> None:
    """Draw images with their captions; arrows of a motion on one of them."""
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(3.6 * columns, 2.65 * rows), layout="constrained")
    for place, (caption, image) in enumerate(shown.items()):
        axes = figure.add_subplot(rows, columns, place + 1)
        axes.imshow(image, interpolation="nearest")
        axes.set_title(caption, fontsize=9)
        axes.axis("off")
        if place == at and motion is not None:
            y, x = np.mgrid[8 : image.shape[0] : 16, 8 : image.shape[1] : 16]
            to = motion.xy[:, y, x]
            axes.quiver(x, y, *to, angles="xy", scale_units="xy", scale=1, width=0.003)
    _save(figure, path, dpi=100)


def _save(figure: Figure, path: Path, dpi: int) -> None:
    """Write a figure in 256 colours, which makes it a third as large."""
    written = BytesIO()
    figure.savefig(written, dpi=dpi)
    with PIL.Image.open(written) as image:
        image.convert("RGB").quantize(256).save(path, optimize=True)


_ALONE = {
    "propagation": ("feature_propagation.png", draw_propagation),
    "lookahead": ("interbmv.png", draw_lookahead),
    "roles": ("roles.png", draw_roles),
}
_OF_A_RUN = {
    "arseg": ("arseg.png", draw_arseg),
    "overlay": ("segment_my_video.png", draw_overlay),
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figure", choices=[*_ALONE, *_OF_A_RUN])
    parser.add_argument("run", nargs="?", type=Path, default=Path("runs/quickstart"))
    chosen = parser.parse_args()
    _FOLDER.mkdir(exist_ok=True)
    if chosen.figure in _ALONE:
        name, draw = _ALONE[chosen.figure]
        draw(_FOLDER / name)
    else:
        name, draw_run = _OF_A_RUN[chosen.figure]
        draw_run(_FOLDER / name, chosen.run)
