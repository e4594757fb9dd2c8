"""Per-frame segmentation at one resolution: the paper's 1.0x and s x baselines."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from arseg_lightning.accelerator import without_autocast
from arseg_lightning.losses import CrossEntropy, SegmentationLoss
from arseg_lightning.methods.method import Needs, VideoMethod
from arseg_lightning.methods.plan import FrameInput, State
from arseg_lightning.models.segmentor import Output, Segmentor, SegmentorFactory
from arseg_lightning.propagation import Convention
from arseg_lightning.ranges import check_words
from arseg_lightning.types import ClipBatch, scaled_size

__all__ = ["PerFrame", "check_resolution_ratio", "downscale", "shared"]


class PerFrame(VideoMethod):
    """Segments every frame on its own.

    Args:
        num_classes: Number of classes.
        network: Builds the segmentation network.
        resolution_ratio: Scale s of the network's input; scores are brought back to full size.
        convention: ``paper`` truncates the input's size where ``exact`` rounds it.
        loss: Segmentation loss; cross entropy by default.

    Raises:
        ValueError: If the ratio is not in (0, 1].
    """

    needs = Needs(independent=True)
    roles: tuple[str, ...] = ("frame",)

    def __init__(
        self,
        num_classes: int,
        network: SegmentorFactory,
        resolution_ratio: float = 1.0,
        convention: Convention = "exact",
        loss: SegmentationLoss | None = None,
    ) -> None:
        super().__init__()
        self.network = network(num_classes)
        self.resolution_ratio = check_resolution_ratio(resolution_ratio)
        check_words(convention=(convention, Convention))
        self.convention: Convention = convention
        self.loss = loss or CrossEntropy()

    @property
    def name(self) -> str:
        """The ratio: ``1x``."""
        return f"{self.resolution_ratio:g}x"

    def step(
        self, role: str, frame: FrameInput, state: State, **inputs: Tensor
    ) -> tuple[Output, State]:
        """Segment a frame; nothing is remembered."""
        image = downscale(frame.image, self.resolution_ratio, self.convention)
        return self.network.output(image), {}

    def losses(self, clip: ClipBatch) -> dict[str, Tensor]:
        """Segment the last frame of each clip."""
        output, _ = self.step(self.roles[0], FrameInput(clip.images[:, -1]), {})
        return {"segmentation": self.loss(output, clip.labels[:, -1])}

    def baselines(self) -> dict[str, VideoMethod]:
        """Its network on every frame, for subclasses that have keyframes."""
        return {"1x": PerFrame(0, shared(self.network))} if self.key_roles else {}


def shared(network: Segmentor) -> SegmentorFactory:
    """Make a factory that returns an existing network, for methods that share it."""
    return lambda num_classes: network


def downscale(image: Tensor, resolution_ratio: float, convention: Convention = "exact") -> Tensor:
    """Shrink an image to (B, 3, sH, sW) for a low-res network, as the paper's code does.

    Source: bilinear, corners aligned, no antialiasing (train_pair.py, evaluation).
    """
    size = scaled_size(
        (image.shape[-2], image.shape[-1]), resolution_ratio, truncates=convention == "paper"
    )
    if size == tuple(image.shape[-2:]):
        return image
    with without_autocast(image.device):
        return F.interpolate(image, size=size, mode="bilinear", align_corners=True)


def check_resolution_ratio(resolution_ratio: float) -> float:
    """Return the ratio, or raise if it is not in (0, 1]."""
    if not 0.0 < resolution_ratio <= 1.0:
        raise ValueError(
            f"resolution_ratio is the scale of the network's input and lies in (0, 1], "
            f"got {resolution_ratio}; the paper uses 0.3 to 0.9"
        )
    return resolution_ratio
