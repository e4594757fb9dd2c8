"""CReFF and the classifier after it as one, for inference."""

from __future__ import annotations

from torch import Tensor, nn

from arseg_lightning.models.timing import section
from arseg_lightning.propagation import Convention, CReFF, motion_to_grid, warp_to
from arseg_lightning.propagation.fusion import upsample

__all__ = ["FoldedCReFF"]


class FoldedCReFF(nn.Module):
    """From the two features straight to class scores: averages K classes instead of C channels.

    The classifier is linear, and so are the average over a window and the upsampling, whose
    weights add up to one (pixels outside the image have value zero before and after). So values
    are classified before they are averaged, and the low-res feature before it is upsampled.

    Args:
        fusion: The fusion.
        classifier: The last 1x1 convolution.
        convention: How the keyframe's feature is warped.

    Shapes:
        low: (B, C, h', w')   key_feature: (B, C, h, w)   motion: (B, 2, H, W), in pixels of (H, W)
        returns: (B, K, h, w), class scores

    Source: the algebra is our own; CReFF is Hu et al., CVPR 2023.
    """

    def __init__(self, fusion: CReFF, classifier: nn.Conv2d, convention: Convention) -> None:
        super().__init__()
        self.query, self.key, self.value = fusion.query, fusion.key, fusion.value
        self.attention = fusion.attention
        self.direct_connection = fusion.direct_connection
        self.convention: Convention = convention
        self.classifier = classifier
        self.value_classifier = nn.Conv2d(
            *(classifier.in_channels, classifier.out_channels, 1),
            bias=False,
            device=classifier.weight.device,
        )
        self.value_classifier.weight = classifier.weight

    def forward(self, low: Tensor, key_feature: Tensor, motion: Tensor) -> Tensor:
        """Warp, attend and classify."""
        precision, scored = self.query.weight.dtype, self.classifier.weight.dtype
        with section("warp"):
            warped = warp_to(key_feature, motion, self.convention).to(precision)
        with section("upsampling"):
            query = self.query(upsample(low.to(precision), warped))
        with section("attention"):
            values = self.value_classifier(self.value(warped).to(scored))
            attended: Tensor = self.attention(query, self.key(warped), values)
        with section("upsampling"):
            return attended + upsample(self.low_scores(low), warped)

    def low_scores(self, low: Tensor) -> Tensor:
        """What the low-res feature itself contributes: its class scores, or the bias alone."""
        if self.direct_connection:
            scores: Tensor = self.classifier(low)
            return scores
        bias = low.new_zeros(()) if self.classifier.bias is None else self.classifier.bias
        shape = (low.shape[0], self.classifier.out_channels, *low.shape[-2:])
        return bias.reshape(-1, *(1, 1)[: 2 * bias.dim()]).expand(shape)

    def grid_motion(self, key_feature: Tensor, motion: Tensor) -> Tensor:
        """The motion on the feature's grid, in its pixels, (B, 2, h, w)."""
        size = (key_feature.shape[-2], key_feature.shape[-1])
        return motion_to_grid(motion, size, self.convention)
