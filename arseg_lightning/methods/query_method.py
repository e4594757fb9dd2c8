"""What methods around a network whose queries find masks have in common."""

from __future__ import annotations

from torch import Tensor, nn

from arseg_lightning.losses import SegmentationLoss
from arseg_lightning.methods.method import VideoMethod
from arseg_lightning.methods.per_frame import PerFrame, shared
from arseg_lightning.methods.plan import FrameInput
from arseg_lightning.models import QueryScores, QuerySegmentor, SideOutputs
from arseg_lightning.models.segmentor import Output
from arseg_lightning.types import ClipBatch

__all__ = ["QueryMethod", "zero_linear"]


class QueryMethod(VideoMethod):
    """A method that finds masks by a network's queries, and learns from a clip's last frame.

    A subclass sets ``network`` and ``loss``.
    """

    network: QuerySegmentor
    loss: SegmentationLoss

    def found(self, scores: tuple[QueryScores, ...], frame: FrameInput) -> Output:
        """The output of a frame, from what each layer's queries found."""
        whole = self.network.scores(scores[-1], frame.image)
        return Output(whole, self.network.align_corners, side=SideOutputs(queries=scores))

    def losses(self, clip: ClipBatch) -> dict[str, Tensor]:
        """Run each clip as a stream, and compare the masks of its last frame with the labels."""
        *_, output = self.unroll(clip)
        return {"segmentation": self.loss(output, clip.labels[:, -1])}

    def baselines(self) -> dict[str, VideoMethod]:
        """Its network on every frame."""
        return {"1x": PerFrame(0, shared(self.network))}


def zero_linear(channels: int) -> nn.Linear:
    """A linear layer that gives zeros until it has learned."""
    layer = nn.Linear(channels, channels)
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer
