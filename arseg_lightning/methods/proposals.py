"""Proposals: diverse labellings of superpixels from a network's scores, the best one ranked."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from arseg_lightning.graphical import (
    ProposalRanker,
    Superpixels,
    check_installed,
    diverse_labellings,
)
from arseg_lightning.losses import IoULoss, SegmentationLoss
from arseg_lightning.methods.clock import FrameInfo
from arseg_lightning.methods.method import Needs, VideoMethod
from arseg_lightning.methods.per_frame import PerFrame, shared
from arseg_lightning.methods.plan import FrameInput, Plan, State
from arseg_lightning.methods.schedule import NominalStream
from arseg_lightning.models import QuerySegmentor
from arseg_lightning.models.segmentor import Output, SegmentorFactory, resize_scores
from arseg_lightning.ranges import check_range, check_words
from arseg_lightning.types import ClipBatch

__all__ = ["Proposals"]

Choice = Literal["ranked", "energy"]

_LEAST_PROBABILITY = 1e-6
"""Of a class in a pixel to which no proposal gives it."""


class Proposals(VideoMethod):
    """A network's scores, made into M labellings of superpixels, of which a ranker chooses one.

    Each frame by itself, in two steps. The network scores it; between the steps the host finds
    superpixels, and labellings of them that have a low energy (scores, and contrast-sensitive
    borders) and differ from each other; the second step ranks these. The network stays as it is
    (``weights.network``); the ranker learns what is best for the IoU of a batch.

    Args:
        num_classes: Number of classes, 256 at most.
        network: Builds the network, which was trained per frame.
        choice: ``ranked``, or ``energy``: the labelling of least energy, for which nothing learns
            and no other is made.
        number: Proposals M; 5 to 30 in the paper.
        bonus: What differing in a pixel from an earlier proposal is worth, in nats; chosen on
            validation data (``experiments/study/proposals.py``).
        smoothness: Cost of a border between neighbouring pixels of one colour, in nats.
        superpixels: About as many superpixels for an image.
        compactness: SLIC's weight of nearness against likeness of colour.
        width: Hidden units of the ranker.
        loss: What the ranker learns from; 1 minus the IoU over the batch by default, as the
            paper's inverse is dominated by classes that no proposal finds. It sees the mean of the
            proposals, each weighted by its probability of being chosen.

    Raises:
        ValueError: If the extra ``graphical`` is not installed, or a number makes no sense.

    Source: Cogswell et al., Combining the Best of Graphical Models and ConvNets for Semantic
        Segmentation, arXiv 1412.4313.
    Differs: unaries are any network's scores; the ranker, its features, the expectation that it
        is trained by and the complement of the loss are ours (docs/proposals.md).
    """

    needs = Needs(independent=True)
    roles = ("network", "choose")
    host_work = "superpixels and graph cuts between its steps"

    def __init__(
        self,
        num_classes: int,
        network: SegmentorFactory,
        choice: Choice = "ranked",
        number: int = 10,
        bonus: float = 0.1,
        smoothness: float = 2.0,
        superpixels: int = 2000,
        compactness: float = 20.0,
        width: int = 32,
        loss: SegmentationLoss | None = None,
    ) -> None:
        super().__init__()
        check_words(choice=(choice, Choice))
        check_range(1, number=number, superpixels=superpixels, width=width)
        check_range(0, bonus=bonus, smoothness=smoothness, compactness=compactness)
        check_installed()
        self.choice: Choice = choice
        self.number = number if choice == "ranked" else 1
        self.bonus, self.smoothness = bonus, smoothness
        self.superpixels, self.compactness = superpixels, compactness
        self.network = network(num_classes)
        self.freeze("network")
        self.num_classes = self.network.num_classes
        self.ranker = ProposalRanker(self.num_classes, width) if choice == "ranked" else None
        self.loss = loss or IoULoss("complement")

    @property
    def name(self) -> str:
        """What chooses, and of how many."""
        return "least energy" if self.ranker is None else f"ranked of {self.number}"

    def plan(self, info: FrameInfo, state: State, memory: Any) -> Plan:
        """Have the network score the frame, then make proposals of the scores."""
        if "scores" not in state:
            return Plan("network", final=False)
        return Plan("choose", self.propose(state["image"], state["scores"], info.size))

    def step(
        self, role: str, frame: FrameInput, state: State, **inputs: Tensor
    ) -> tuple[Output | None, State]:
        """Run the network, or choose among ``proposals``; nothing is left to the next frame."""
        if role == "network":
            scores = self.network.output(frame.image, with_side=False).scores
            if isinstance(self.network, QuerySegmentor):  # its scores are no logits
                scores = scores.clamp(min=_LEAST_PROBABILITY).log()
            return None, {"scores": scores, "image": frame.image}
        proposals = inputs["proposals"]  # (B, M, H, W)
        ranks = inputs["energies"].neg()  # (B, M)
        if self.ranker is not None:
            ranks = self.ranker(state["scores"], proposals, inputs["energies"])
        if self.training:
            scores = self._expected(proposals, ranks.softmax(dim=1))
        else:
            best = ranks.argmax(dim=1).view(-1, 1, 1, 1).expand(-1, 1, *proposals.shape[-2:])
            scores = self._expected(proposals.gather(1, best), torch.ones_like(ranks[:, :1]))
        return Output(scores, self.network.align_corners), {}

    def propose(self, image: Tensor, scores: Tensor, size: tuple[int, int]) -> dict[str, Tensor]:
        """Make proposals of images on the host, from the scores of the network.

        Args:
            image: Normalised colours, (B, 3, H, W).
            scores: Logits of the network, (B, K, h, w).
            size: Height and width.

        Returns:
            ``proposals``, classes of shape (B, M, H, W), and their ``energies``, (B, M).
        """
        if scores.is_meta:  # where frames are only counted, there are no values
            return {
                "proposals": torch.zeros(len(scores), self.number, *size, dtype=torch.int64),
                "energies": torch.zeros(len(scores), self.number),
            }
        proposals, energies = list[Tensor](), list[Tensor]()
        colours = image.detach().float().permute(0, 2, 3, 1).cpu().numpy()  # (B, H, W, 3)
        logits = resize_scores(scores.detach().float(), size, self.network.align_corners)
        logs = logits.double().log_softmax(dim=1).cpu().numpy()  # (B, K, H, W)
        for colour, log in zip(colours, logs, strict=True):
            regions = Superpixels.find(colour, self.superpixels, self.compactness)
            model = regions.model(log, self.smoothness)
            found = diverse_labellings(model, self.number, self.bonus, regions.sizes)  # (M, N)
            proposals.append(torch.from_numpy(found[:, regions.regions]))  # (M, H, W)
            energies.append(torch.tensor(np.array([model.energy(each) for each in found])))
        return {
            "proposals": torch.stack(proposals).to(scores.device),
            "energies": torch.stack(energies).float().to(scores.device),
        }

    def losses(self, clip: ClipBatch) -> dict[str, Tensor]:
        """Run the last frame of each clip, and have the ranker learn from it.

        Raises:
            ValueError: If there is no ranker.
        """
        if self.ranker is None:
            raise ValueError(
                f"nothing of {self.name} learns: train its network by PerFrame, or set choice to "
                f"ranked"
            )
        frame = FrameInput(clip.images[:, -1])
        [(_, output)] = NominalStream(self, is_nominal=False).run([frame])
        assert output is not None
        return {"ranking": self.loss(output, clip.labels[:, -1])}

    def baselines(self) -> dict[str, VideoMethod]:
        """Its network on every frame, and the labelling of least energy."""
        plain: dict[str, VideoMethod] = {"1x": PerFrame(0, shared(self.network))}
        if self.ranker is None:
            return plain
        graph = (self.bonus, self.smoothness, self.superpixels, self.compactness)
        least = Proposals(0, shared(self.network), "energy", 1, *graph)
        return plain | {least.name: least}

    def _expected(self, proposals: Tensor, probability: Tensor) -> Tensor:
        """Log probabilities of classes if a proposal is drawn.

        Shapes:
            proposals: (B, M, H, W)   probability: (B, M)   returns: (B, K, H, W)
        """
        batch, _, height, width = proposals.shape
        weights = probability[..., None, None].expand(proposals.shape)
        expected = probability.new_zeros(batch, self.num_classes, height, width)
        expected = expected.scatter_add(1, proposals, weights)
        return expected.clamp(min=_LEAST_PROBABILITY).log()
