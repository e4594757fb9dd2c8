"""Accuracy of proposals on labelled frames: each frame, least energy, ranked, and the oracle.

    python -m experiments.study.proposals RUN --bonus 0.03 0.1 0.3 --frames 0:30

RUN is the folder of a run of ``Proposals``; frames are those of its test data. The oracle knows the
labels and takes the best of the M proposals of each frame: no method can, and a stream has no such
row. The bonus that has the best oracle, on frames that are not tested on, is the one to use.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from arseg_lightning.bench import LabelledStreams
from arseg_lightning.datasets.evaluation import EvaluationFrame
from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.methods import FrameInput, Proposals
from arseg_lightning.metrics import confusion_matrix, mean_iou
from arseg_lightning.report.table_files import markdown
from arseg_lightning.streaming.load import load_experiment

__all__ = ["measure", "oracle"]


@torch.no_grad()
def measure(
    method: Proposals,
    frames: Iterable[EvaluationFrame],
    normalise: Normalisation,
    bonuses: Iterable[float],
) -> pd.DataFrame:
    """Count what each way of choosing a proposal gets right, for each bonus.

    Args:
        method: The method, in eval mode; it is left with the last bonus.
        frames: Of which those with labels count.
        normalise: Of the network's images.
        bonuses: What differing from an earlier proposal is worth.

    Returns:
        mIoU in percent over all frames; a line for each bonus.
    """
    classes = method.num_classes
    bonuses, plain, ranked = list(bonuses), list[Tensor](), dict[float, list[Tensor]]()
    proposed: dict[float, list[Tensor]] = {}
    for frame in frames:
        if frame.label is None:
            continue
        pixels = torch.from_numpy(frame.streamed.frame.image.copy())[None]  # (1, H, W, 3)
        image, label = normalise(pixels.movedim(-1, 1).float()), torch.from_numpy(frame.label)
        given = FrameInput(image)
        _, state = method.step("network", given, {})
        alone = method.baselines()["1x"].eval()(image).argmax(1)[0]
        plain.append(confusion_matrix(alone, label, classes))
        for bonus in bonuses:
            method.bonus = bonus
            made = method.propose(image, state["scores"], given.size)
            output, _ = method.step("choose", given, state, **made)
            assert output is not None
            best = output.logits(given.size).argmax(1)[0]
            ranked.setdefault(bonus, []).append(confusion_matrix(best, label, classes))
            each = [confusion_matrix(own, label, classes) for own in made["proposals"][0]]
            proposed.setdefault(bonus, []).append(torch.stack(each))
    return pd.DataFrame(
        {
            "bonus": bonus,
            "1x": _percent(torch.stack(plain).sum(0)),
            "least energy": _percent(torch.stack(proposed[bonus])[:, 0].sum(0)),
            f"ranked of {method.number}": _percent(torch.stack(ranked[bonus]).sum(0)),
            f"oracle of {method.number}": _percent(oracle(torch.stack(proposed[bonus]))),
            "frames": len(plain),
        }
        for bonus in bonuses
    )


def oracle(confusions: Tensor) -> Tensor:
    """Choose a proposal for each frame by the labels: (F, M, K, K) -> (K, K), their sum.

    The first choice is the best mean IoU of the frame; then single choices are changed as long as
    that raises the mean IoU over all frames, which is what counts.
    """
    frames = torch.arange(len(confusions))
    chosen = mean_iou(confusions).argmax(dim=1)  # (F,)
    total, before = confusions[frames, chosen].sum(0), -1.0
    while float(mean_iou(total)) > before:
        before = float(mean_iou(total))
        for frame, own in enumerate(confusions):
            others = total - own[chosen[frame]]
            chosen[frame] = mean_iou(others + own).argmax()
            total = others + own[chosen[frame]]
    return total


def _percent(confusion: Tensor) -> float:
    return round(100 * float(mean_iou(confusion)), 2)


def main() -> None:
    """Print the table of a run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, nargs="+", help="a run's folder, or configurations")
    parser.add_argument("--checkpoint", help="best or last of the run, or a file")
    parser.add_argument("--bonus", type=float, nargs="+", help="the run's by default")
    parser.add_argument("--frames", default=":", help="first:last of the test data")
    parser.add_argument("--out", type=Path, help="CSV file to write")
    given, overrides = parser.parse_known_args()
    experiment = load_experiment(given.run, given.checkpoint, overrides, "proposals")
    method = experiment.task.method.eval()
    if not isinstance(method, Proposals) or method.ranker is None:
        raise SystemExit(f"{method.name} has no ranker; give a run of Proposals, choice: ranked")
    first, last = (int(each) if each else None for each in given.frames.split(":"))
    frames = islice(LabelledStreams(experiment.data), first, last)
    bonuses = given.bonus or [method.bonus]
    table = measure(method, frames, experiment.data.normalise, bonuses)
    table.insert(0, "part", f"frames {given.frames}")
    if given.out is not None:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(given.out, index=False)
    print(markdown(table.astype(str)))


if __name__ == "__main__":
    main()
