"""The constant-resolution baseline: every frame by itself, at one resolution."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional as F

from arseg_lightning.models.segmentor import Segmentor, SegmentorOutput
from arseg_lightning.propagation import Convention
from arseg_lightning.propagation.precision import without_autocast
from arseg_lightning.systems.stages import stage
from arseg_lightning.systems.system import (
    Prediction,
    Role,
    StreamFrame,
    VideoSystem,
    scaled_size,
)

__all__ = ["EveryFrame", "check_resolution_ratio", "downscale"]


class EveryFrame(VideoSystem):
    """Segments every frame on its own: the paper's 1.0x and s x baselines.

    Args:
        network: The segmentation network.
        resolution_ratio: Scale s of the network's input; scores are brought back to full size.
        convention: ``paper`` truncates the input's size where ``exact`` rounds it.

    Raises:
        ValueError: If the ratio is not in (0, 1].
    """

    def __init__(
        self,
        network: Segmentor,
        resolution_ratio: float = 1.0,
        convention: Convention = "exact",
    ) -> None:
        super().__init__()
        self.network = network
        self.resolution_ratio = check_resolution_ratio(resolution_ratio)
        self.convention: Convention = convention

    def step(self, frame: StreamFrame, state: Any) -> tuple[Prediction, None]:
        """Segment one frame; nothing is remembered."""
        size = (frame.image.shape[-2], frame.image.shape[-1])
        image = self.downscale(frame.image)
        with stage("network"):
            scores = self.network.classifier(self.network.features(image))
        role: Role = "keyframe" if frame.distance == 0 else "nonkeyframe"
        corners = self.network.align_corners
        return Prediction(scores, size, corners, role, self.resolution_ratio, frame.distance), None

    def training_forward(self, image: Tensor) -> SegmentorOutput:
        """Run the network with its training-only heads, scores at the image's size.

        Shapes:
            image: (B, 3, H, W)
        """
        size = (image.shape[-2], image.shape[-1])
        return self.network.training_forward(self.downscale(image), size)

    def downscale(self, image: Tensor) -> Tensor:
        """Shrink an image to what the network sees."""
        return downscale(image, self.resolution_ratio, self.convention)


def downscale(image: Tensor, resolution_ratio: float, convention: Convention = "exact") -> Tensor:
    """Shrink a normalised image for the low-res branch, as the paper's code does.

    Source: bilinear, corners aligned, no antialiasing (train_pair.py, evaluation).

    Shapes:
        image: (B, 3, H, W)   returns: (B, 3, sH, sW)
    """
    size = scaled_size((image.shape[-2], image.shape[-1]), resolution_ratio, convention)
    if size == tuple(image.shape[-2:]):
        return image
    with stage("downscale"), without_autocast(image.device):
        return F.interpolate(image, size=size, mode="bilinear", align_corners=True)


def check_resolution_ratio(resolution_ratio: float) -> float:
    """Return the ratio, or raise if it is not in (0, 1]."""
    if not 0.0 < resolution_ratio <= 1.0:
        raise ValueError(
            f"resolution_ratio is the scale of the network's input and lies in (0, 1], "
            f"got {resolution_ratio}; the paper uses 0.3 to 0.9"
        )
    return resolution_ratio
