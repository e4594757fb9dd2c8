"""BlockCopy: a policy that learns in the stream chooses the blocks of a frame that are computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from arseg_lightning.inference import Optimisations
from arseg_lightning.methods.clock import FrameInfo
from arseg_lightning.methods.method import Needs, VideoMethod
from arseg_lightning.methods.per_frame import PerFrame, shared
from arseg_lightning.methods.plan import FrameInput, Plan, State
from arseg_lightning.methods.schedule import NominalStream
from arseg_lightning.models.segmentor import Output, SegmentorFactory
from arseg_lightning.propagation.blocks import (
    Execution,
    PolicyLearner,
    PolicyNetwork,
    Upsampling,
    information_gain,
    observed,
    policy_loss,
    reduced,
    rotating_blocks,
    run_on_blocks,
    running_share,
    sample_blocks,
)
from arseg_lightning.ranges import check_range, check_words
from arseg_lightning.types import ClipBatch

__all__ = ["BlockCopy"]

Policy = Literal["learned", "random", "rotating"]


class BlockCopy(VideoMethod):
    """A network on some blocks of each frame; scores and maps of the others are earlier ones.

    A small network, the policy, looks at the frame, at what is known of it and at the scores of
    the frame before, and gives each block a probability; blocks are drawn by it. The first frame
    runs whole. The policy learns by REINFORCE, in each stream anew, on from the weights that
    ``fit`` has given it: blocks that changed the scores are worth computing, as long as their
    share is near ``share``.

    Args:
        num_classes: Number of classes.
        network: Builds the network, which was trained per frame (``weights.network``).
        policy: ``learned``; ``random`` draws blocks with the probability ``share``; ``rotating``
            takes each block in turn, on that share of the frames.
        share: Share of the blocks that is aimed at.
        block_size: Side of a block in pixels, a multiple of 32; the paper's for 1024x2048.
            Images that it does not divide are filled up with the mean colour.
        learn_every: The policy learns on every such frame; 3 in the published experiments. 0: not
            at all.
        learning_rate: Of its optimiser, RMSprop.
        share_weight: Weight of the executed share in its reward.
        upsampling: ``exact``, or ``released``: see :func:`run_on_blocks`.
        execution: ``sparse`` computes executed blocks alone, ``dense`` everything: the same scores.
        rounds: Whether numbers of blocks are rounded up to one of 16.
        width: Channels of the policy's first stage.
        seed: Of the draws in a stream.

    Source: Verelst and Tuytelaars, BlockCopy: High-Resolution Video Processing with
        Block-Sparse Feature Propagation and Online Policies, ICCV 2021.
    Differs: each stream starts from the same policy, and has its own; the published one learns on
        from clip to clip.
    """

    needs = Needs(frames=3)
    adapted = ("policy",)
    period = None
    mean_share: Tensor

    def __init__(
        self,
        num_classes: int,
        network: SegmentorFactory,
        policy: Policy = "learned",
        share: float = 0.5,
        block_size: int = 128,
        learn_every: int = 3,
        learning_rate: float = 1e-4,
        share_weight: float = 5.0,
        upsampling: Upsampling = "exact",
        execution: Execution = "sparse",
        rounds: bool = True,
        width: int = 32,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_words(policy=(policy, Policy), execution=(execution, Execution))
        check_words(upsampling=(upsampling, Upsampling))
        check_range(0, 1, share=share)
        check_range(0, learn_every=learn_every, learning_rate=learning_rate)
        check_range(0, share_weight=share_weight)
        if block_size < 32 or block_size % 32:
            raise ValueError(f"block_size is a multiple of 32 pixels, got {block_size}")
        self.kind: Policy = policy
        self.share, self.block_size, self.rounds, self.seed = share, block_size, rounds, seed
        self.learn_every, self.learning_rate = learn_every, learning_rate
        self.share_weight = share_weight
        self.upsampling: Upsampling = upsampling
        self.execution: Execution = execution
        self.network = network(num_classes)
        self.freeze("network")
        learns = policy == "learned"
        self.policy = PolicyNetwork(num_classes, width) if learns else None
        self.roles = ("full", "policy", "blocks") if learns else ("full", "blocks")
        self.register_buffer("mean_share", torch.tensor(torch.nan))

    @property
    def name(self) -> str:
        """The share that is aimed at, and what chooses the blocks if nothing learns."""
        kind = "" if self.kind == "learned" else f" {self.kind}"
        return f"BlockCopy{kind} {self.share:g}"

    def begin(self) -> PolicyLearner:
        """Make a stream's own policy."""
        learns = self.learn_every and not self.training
        seed = int(torch.randint(2**31, (), device="cpu")) if self.training else self.seed
        rate = self.learning_rate if learns else 0.0
        return PolicyLearner.start(self._weights(), rate, self.mean_share, seed)

    def plan(self, info: FrameInfo, state: State, memory: PolicyLearner) -> Plan:
        """Have the policy look at the frame, then draw the blocks that run."""
        memory.index = info.index
        if "scores" not in state:
            return Plan("full", reason=info.start)
        if self.policy is not None and "logits" not in state:
            return Plan("policy", memory.weights, final=False)
        executed = self._choose(info, state, memory.generator)
        share = self.share if info.is_nominal else float(executed.float().mean())
        return Plan("blocks", {"executed": executed}, executed=share)

    def step(
        self, role: str, frame: FrameInput, state: State, **inputs: Tensor
    ) -> tuple[Output | None, State]:
        """Run the policy, whose weights are ``inputs``, or the network on the executed blocks."""
        image, grid = self._filled(frame.image)
        if role == "policy":
            assert self.policy is not None
            small = reduced(image, grid), state["last_seen"]
            seen = observed(*small, state["scores"], state["executed"])
            return None, {**state, "observed": seen, "logits": self.policy.logits(inputs, seen)}
        executed = inputs.get("executed")
        if executed is None:
            executed = torch.ones(len(image), 1, *grid, dtype=torch.bool, device=image.device)
        kept = {name: tensor for name, tensor in state.items() if name.startswith("map_")}
        # Without values, there is no telling which blocks run: all are counted.
        execution = "dense" if image.is_meta else self.execution
        with torch.no_grad():
            output, maps = run_on_blocks(
                self.network, image, executed, kept, execution, self.upsampling
            )
        left = {"scores": output.scores, "executed": executed, **maps}
        if self.policy is not None:
            left |= self._left_to_policy(reduced(image, grid), grid, executed, state)
        return self._cropped(output, image, frame.size), left

    def adapt(self, memory: PolicyLearner, plan: Plan, output: Output, state: State) -> None:
        """Count the executed share; on every few frames, learn from it and from the scores."""
        share = memory.mean_share = running_share(memory.mean_share, state["executed"])
        is_due = self.learn_every and (memory.index + 1) % self.learn_every == 0
        if is_due and memory.optimiser is not None and "before" in state:
            memory.learn(lambda weights: self._loss(weights, state, share))

    def losses(self, clip: ClipBatch) -> dict[str, Tensor]:
        """Run clips as streams, and have the policy learn from every frame but the first.

        Raises:
            ValueError: If there is no policy that learns.
        """
        if self.policy is None:
            raise ValueError(
                f"nothing of {self.name} learns: train its network by PerFrame, or set policy to "
                f"learned"
            )
        terms = list[Tensor]()

        def step(plan: Plan, frame: FrameInput, state: State) -> tuple[Output | None, State]:
            with torch.no_grad():
                output, after = self.step(plan.role, frame, state, **plan.inputs)
            if plan.final:
                self.mean_share.copy_(running_share(self.mean_share, after["executed"]))
            if plan.final and "before" in after:
                terms.append(self._loss(self._weights(), after, self.mean_share))
            return output, after

        frames = (FrameInput.of(clip, index) for index in range(clip.images.shape[1]))
        for _ in NominalStream(self, step, is_nominal=False).run(frames):
            pass
        return {"policy": torch.stack(terms).mean()}

    def baselines(self) -> dict[str, VideoMethod]:
        """The same network on every frame."""
        return {"1x": PerFrame(0, shared(self.network))}

    def rewrite(self, optimisations: Optimisations) -> None:
        """Make its network faster; the policy stays as precise as it is.

        What computes a layer by other means than PyTorch's functions cannot be cut into blocks.
        """
        policy, self.policy = self.policy, None
        super().rewrite(replace(optimisations, kernels=False, compile="no"))
        if optimisations.kernels:
            self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.policy = policy

    def _weights(self) -> dict[str, Tensor]:
        return {} if self.policy is None else dict(self.policy.named_parameters())

    def _choose(self, info: FrameInfo, state: State, generator: torch.Generator) -> Tensor:
        """Draw the blocks that run, bool (B, 1, rows, columns)."""
        before = state["executed"]
        if self.kind == "rotating" or info.is_nominal:
            return rotating_blocks(before, info.index, self.share)
        if self.kind == "random":
            probabilities = torch.full(before.shape, self.share, device=before.device)
        else:
            probabilities = state["logits"].sigmoid()
        return sample_blocks(probabilities, generator, self.rounds)

    def _filled(self, image: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Fill an image up to whole blocks; also their rows and columns."""
        size = self.block_size
        rows, columns = (-(-side // size) for side in image.shape[-2:])
        missing = columns * size - image.shape[-1], rows * size - image.shape[-2]
        return F.pad(image, (0, missing[0], 0, missing[1])), (rows, columns)

    def _left_to_policy(
        self, small: Tensor, grid: tuple[int, int], executed: Tensor, state: State
    ) -> dict[str, Tensor]:
        """What the next frame's policy sees of this one, and what this one learns from."""
        if "observed" not in state:
            return {"last_seen": small}
        last_seen = torch.where(reduced(executed, grid) > 0, small, state["last_seen"])
        learns_from = {"observed": state["observed"], "before": state["scores"]}
        return {"last_seen": last_seen, **learns_from}

    def _loss(self, weights: Mapping[str, Tensor], state: State, mean_share: Tensor) -> Tensor:
        """What the policy learns from a frame."""
        assert self.policy is not None
        logits = self.policy.logits(weights, state["observed"])
        gain = information_gain(state["scores"], state["before"])
        aim = self.share, self.share_weight
        return policy_loss(logits, state["executed"], gain, mean_share, *aim)

    def _cropped(self, output: Output, image: Tensor, size: tuple[int, int]) -> Output:
        """Scores of the image without what was filled up."""
        filled = (image.shape[-2], image.shape[-1])
        if filled == size:
            return output
        stride = filled[0] // output.scores.shape[-2]
        if size[0] % stride or size[1] % stride:
            return Output(output.logits(filled)[..., : size[0], : size[1]], output.align_corners)
        scores = output.scores[..., : size[0] // stride, : size[1] // stride]
        return Output(scores, output.align_corners)
