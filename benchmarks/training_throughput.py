"""Samples a second of phase 2, beside a plain loop that does what the original trainer does.

    python benchmarks/training_throughput.py --stills CAMVID/stills \
        --output benchmarks/results/training_throughput.json

Both get the same clips (rendered around labelled stills), both are prepared before the clock runs,
and both are measured in this process on one thread, in turns, in processor time, each turn with its
own draws of augmentation. Batches are put together, but no worker processes are there.

The plain loop, of a sample: opens the PNG files of the keyframe and of the frame L-1 later, as they
were before any compression, and of the label (class indices), and reads the motion, a file of two
int16 a pixel; brightness, contrast and saturation by Pillow; mirrors and scales whole frames
(Pillow, bilinear), label and motion (nearest); enlarges what is smaller than the crop, cuts it out,
and makes it floating-point numbers. Of a step: the high-res network on the frame, and on the
keyframe, with their auxiliary heads; warp; the frame at half size through the low-res network and
CReFF; loss, gradients, Adam.

Networks, attention and losses are ours there too (the original attention runs on CUDA alone), so
steps differ in little else than those heads; and motion that the original forgets to scale is.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from loader_parts import measure_parts, parts_rows, training_set
from numpy.typing import NDArray
from PIL import Image, ImageEnhance
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import default_collate

from arseg_lightning.datasets import ClipAugment, ClipDataModule
from arseg_lightning.datasets.folder import StillFolder
from arseg_lightning.datasets.training_clips import TrainingClips, collate
from arseg_lightning.losses import FST, OnlineHardExampleMining
from arseg_lightning.methods import ARSeg
from arseg_lightning.models import BiSeNet18, PSPNet18
from arseg_lightning.models.segmentor import Output
from arseg_lightning.propagation.warp import warp_to
from arseg_lightning.provenance import machine
from arseg_lightning.report.table_files import markdown

NETWORKS = {"BiSeNet18": BiSeNet18, "PSPNet18": PSPNet18}
INTERVAL, NUM_CLASSES = 12, 11
Batches = Callable[..., Iterator[Any]]


def main() -> None:
    """Make the data, measure in turns, print tables, write the figures."""
    arguments = _arguments()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        data = _data(Path(folder), arguments)
        data.prepare_data()
        ours, plain = training_set(data), _write_plain(training_set(data), Path(folder) / "plain")
        loaders: dict[str, Batches] = {
            "plain loop": partial(_plain_batches, plain, tuple(arguments.crop)),
            "ours, first epoch": partial(_our_first_batches, ours, data),
            "ours": partial(_our_batches, ours),
        }
        record: dict[str, Any] = machine() | {**vars(arguments), "clips": len(ours)}
        whole = {name: partial(each, arguments.batch_size) for name, each in loaders.items()}
        record["loader"] = _in_turns(whole, arguments.rounds)
        record["training"] = {
            name: _measure_training(name, loaders, arguments) for name in arguments.networks
        }
        record["parts"] = measure_parts(data, arguments.samples)
    _write(record, arguments.output)


def _measure_training(
    name: str, loaders: dict[str, Batches], arguments: argparse.Namespace
) -> dict[str, float]:
    """Samples a second with the step of a network behind the loaders."""
    print(f"training {name} ...", file=sys.stderr)
    method = ARSeg(NUM_CLASSES, NETWORKS[name], objective=FST(OnlineHardExampleMining())).train()
    optimizer = torch.optim.Adam([p for p in method.parameters() if p.requires_grad], lr=1e-3)
    steps: dict[str, Callable[[Any], None]] = {
        "plain loop": lambda batch: _descend(optimizer, _plain_loss(method, *batch)),
        "ours": lambda batch: _descend(optimizer, sum(method.losses(batch).values())),
    }
    wanted = {run: partial(loaders[run], arguments.step_batch_size) for run in steps}
    return _in_turns(wanted, arguments.step_rounds, steps)


def _in_turns(
    loaders: dict[str, Batches],
    rounds: int,
    steps: dict[str, Callable[[Any], None]] | None = None,
) -> dict[str, float]:
    """Samples a second of processor time in some turns; with steps, a batch is a turn."""
    seconds, counts = dict.fromkeys(loaders, 0.0), dict.fromkeys(loaders, 0)
    for turn in range(-1, rounds):  # the first is for what is loaded, kept or compiled once
        for name, batches in loaders.items():
            start, count = time.process_time(), 0
            for batch in islice(batches(max(turn, 0)), 1 if steps else None):
                count += len(batch[0] if isinstance(batch, list) else batch.names)
                if steps:
                    steps[name](batch)
            if turn >= 0:
                seconds[name] += time.process_time() - start
                counts[name] += count
    return {name: round(counts[name] / seconds[name], 4) for name in loaders}


def _our_batches(dataset: TrainingClips, size: int, epoch: int) -> Iterator[Any]:
    """An epoch of ours, whose frames are in the cache."""
    for indices in _chunks(len(dataset), size):
        yield collate([dataset[epoch, index] for index in indices])


def _our_first_batches(
    dataset: TrainingClips, data: ClipDataModule, size: int, epoch: int
) -> Iterator[Any]:
    """An epoch of ours that finds no decoded frame."""
    for path in (data.store.root / "frames").rglob("*.rgb"):
        path.unlink()
    yield from _our_batches(dataset, size, epoch)


class PlainItem(NamedTuple):
    """Files of a pair for the plain loop."""

    key: Path
    current: Path
    label: Path
    motion: Path  # int16 of shape (H, W, 2), quarter pixels


def _write_plain(dataset: TrainingClips, folder: Path) -> list[PlainItem]:
    """Write all pairs as the original trainer expects them."""
    folder.mkdir()
    items = []
    for index, (video, frame, _, _) in enumerate(dataset.targets):
        files = PlainItem(
            *(folder / f"{index}_{name}" for name in ("k.png", "c.png", "l.png", "m"))
        )
        frames = (frame - INTERVAL + 1, frame)
        images = dataset.reader.videos[video].read(frames)  # (2, H, W, 3)
        label = dataset.reader.labels(video, frames, images.shape[1:3])[1]
        for path, pixels in zip(files[:3], (*images, label), strict=True):
            Image.fromarray(pixels).save(path)
        motion, _ = dataset.reader.motion(video, frames, "keyframe", frame)
        (motion[1].permute(1, 2, 0).numpy() * 4).astype(np.int16).tofile(files.motion)
        items.append(files)
    return items


def _plain_batches(
    items: list[PlainItem], crop: tuple[int, int], size: int, epoch: int
) -> Iterator[Any]:
    """An epoch of the plain loop."""
    generator = random.Random(epoch)
    for indices in _chunks(len(items), size):
        yield default_collate([_plain(items[i], generator, crop) for i in indices])


def _plain(item: PlainItem, generator: random.Random, crop: tuple[int, int]) -> Any:
    """A sample: keyframe and frame (3, H, W), label (H, W), motion (2, H, W)."""
    images = [Image.open(path).convert("RGB") for path in (item.key, item.current)]
    label = Image.open(item.label)
    shape = (label.height, label.width, 2)
    motion = np.fromfile(item.motion, np.int16).reshape(shape).astype(np.float32) / 4
    for change in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        factor = generator.uniform(0.5, 1.5)
        images = [change(image).enhance(factor) for image in images]
    if generator.random() < 0.5:
        images = [image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for image in images]
        label = label.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        motion = motion[:, ::-1] * np.array([-1, 1], np.float32)
    height, width = crop
    scale = generator.choice(ClipAugment().scales)
    covers = max((height + 1) / (label.height * scale), (width + 1) / (label.width * scale))
    is_small = label.height * scale < height or label.width * scale < width
    for factor in (scale, *([covers] if is_small else [])):  # images are scaled twice then
        size = round(label.width * factor), round(label.height * factor)
        images = [image.resize(size, Image.Resampling.BILINEAR) for image in images]
        motion = _nearest(motion, size) * np.float32(factor)
        label = label.resize(size, Image.Resampling.NEAREST)
    left = generator.randint(0, label.width - width)
    top = generator.randint(0, label.height - height)
    box = (left, top, left + width, top + height)
    motion = motion[top : top + height, left : left + width].transpose(2, 0, 1)
    tensors = [_plain_tensor(image.crop(box)) for image in images]
    classes = torch.from_numpy(np.array(label.crop(box))).long()
    return *tensors, classes, torch.from_numpy(np.ascontiguousarray(motion))


def _nearest(motion: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    rows = np.arange(size[1]) * motion.shape[0] // size[1]
    columns = np.arange(size[0]) * motion.shape[1] // size[0]
    return motion[rows][:, columns]


def _plain_tensor(image: Image.Image) -> Tensor:
    """Floating-point numbers of an image, normalised as torchvision does it."""
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous().float().div(255)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return pixels.sub_(mean[:, None, None]).div_(std[:, None, None])


def _plain_loss(method: ARSeg, key: Tensor, current: Tensor, label: Tensor, motion: Tensor) -> Any:
    """The loss of the original trainer's step, once the low-res branch is trained with fusion."""
    high, low = method.high_res, method.low_res
    with torch.no_grad():
        teacher, _ = high.features_and_side(current, True)
        key_feature, _ = high.features_and_side(key, True)
    warped = warp_to(key_feature, motion, "paper", True)
    small = F.interpolate(current, scale_factor=0.5, mode="bilinear", align_corners=True)
    feature, side = low.features_and_side(small, True)
    fused = method.fusion(feature, warped)
    output = Output(low.classifier(fused), low.align_corners, fused, side)
    return sum(method.objective(output, teacher, label, high.classifier).values())


def _descend(optimizer: torch.optim.Optimizer, loss: Any) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def _data(folder: Path, arguments: argparse.Namespace) -> ClipDataModule:
    """Every n-th of the stills, by links, at the distance that the original trainer trains on."""
    for kind in ("images", "labels"):
        (folder / "stills" / kind).mkdir(parents=True)
        for path in sorted((arguments.stills / kind).iterdir())[:: arguments.every]:
            (folder / "stills" / kind / path.name).symlink_to(path.resolve())
    return ClipDataModule(
        train=StillFolder(folder / "stills", "camvid11"),
        store=folder / "store",
        keyframe_interval=INTERVAL,
        train_distance="last",
        augment=ClipAugment(tuple(arguments.crop)),
        num_workers=0,
    )


def _chunks(count: int, size: int) -> Iterator[range]:
    return (range(start, start + size) for start in range(0, count - size + 1, size))


def _write(record: dict[str, Any], output: Path | None) -> None:
    """Print the tables, and write them and the record."""
    loader = record["loader"]
    runs = {"loader alone, first epoch": loader | {"ours": loader["ours, first epoch"]}}
    runs |= {"loader alone, later": loader}
    runs |= {f"loader and step, {name}": each for name, each in record["training"].items()}
    rows = [
        {
            "one core, 720x960": name,
            "plain loop, samples/s": f"{each['plain loop']:.3g}",
            "ours, samples/s": f"{each['ours']:.3g}",
            "times": f"{each['ours'] / each['plain loop']:.2f}",
        }
        for name, each in runs.items()
    ]
    tables = {"": rows, "_parts": parts_rows(record["parts"])}
    for name, table in tables.items():
        print(markdown(pd.DataFrame(table)))
        if output:
            path = output.with_name(f"{output.stem}{name}.csv")
            pd.DataFrame(table).to_csv(path, index=False)
    if output:
        kept = {name: value for name, value in record.items() if not isinstance(value, Path)}
        output.write_text(json.dumps(kept, indent=1) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stills", type=Path, required=True, help="folder of images and labels")
    parser.add_argument("--every", type=int, default=10, help="every n-th of the stills is used")
    parser.add_argument("--networks", nargs="*", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--crop", type=int, nargs=2, default=[720, 960])
    parser.add_argument("--batch-size", type=int, default=8, help="of the loaders alone")
    parser.add_argument("--step-batch-size", type=int, default=2, help="with steps")
    parser.add_argument("--rounds", type=int, default=3, help="epochs of the loaders, in turns")
    parser.add_argument("--step-rounds", type=int, default=2, help="turns of the steps")
    parser.add_argument("--samples", type=int, default=40, help="of which the parts are timed")
    parser.add_argument("--output", type=Path, help="where to write the figures, as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
