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

__all__ = ["QueryMethod", "carried_queries"]


class QueryMethod(VideoMethod):
    """A method that finds masks by a network's queries, and learns from a clip's last frame.

    A subclass sets ``network`` and ``loss``.
    """

    network: QuerySegmentor
    loss: SegmentationLoss

    def use_network(self, network: QuerySegmentor) -> None:
        """Take the network.

        Raises:
            ValueError: If it sees images in windows: there is no way to find queries in those here.
        """
        if network.window is not None:
            raise ValueError(
                f"{type(self).__name__} carries what queries found in the whole image, and this "
                f"{type(network).__name__} sees windows of it; leave windows out, or run it by "
                f"PerFrame or TapLab"
            )
        self.network = network

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


def carried_queries(network: QuerySegmentor) -> nn.Module:
    """The linear layer that makes, of a frame's queries, what is added to those of the next.

    It is that of the network's file, as a VidEoMT has it, or gives zeros until it has learned.
    """
    if network.method_parts:
        [layer] = network.method_parts
        return layer
    layer = nn.Linear(network.query_channels, network.query_channels)
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer
