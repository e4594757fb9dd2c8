"""Networks that run on some blocks of an image, and the policy that chooses the blocks."""

from arseg_lightning.propagation.blocks.execution import Execution, Upsampling, run_on_blocks
from arseg_lightning.propagation.blocks.learner import (
    PolicyLearner,
    information_gain,
    policy_loss,
    running_share,
)
from arseg_lightning.propagation.blocks.policy import (
    PolicyNetwork,
    observed,
    reduced,
    rotating_blocks,
    rounded_up,
    sample_blocks,
)

__all__ = [
    "Execution",
    "PolicyLearner",
    "PolicyNetwork",
    "Upsampling",
    "information_gain",
    "observed",
    "policy_loss",
    "reduced",
    "rotating_blocks",
    "rounded_up",
    "run_on_blocks",
    "running_share",
    "sample_blocks",
]
