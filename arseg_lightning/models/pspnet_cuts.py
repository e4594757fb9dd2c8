"""PSPNet-18 cut at an earlier place than AR-Seg's: the ablation of where to fuse."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from arseg_lightning.models.pspnet import PSPNet18
from arseg_lightning.models.segmentor import SideOutputs

__all__ = ["Cut", "PSPNet18EarlyCut"]

Cut = Literal["task", "features"]


class PSPNet18EarlyCut(PSPNet18):
    """PSPNet18 that propagates an earlier feature.

    What is behind the cut runs on the fused feature, thus at the keyframe's resolution, and costs
    nearly as much as the whole network.

    Args:
        num_classes: Number of classes K.
        cut: ``task`` propagates the backbone's output (512 channels, stride 8), before the paper's
            N_task; ``features`` the output of its stem (64 channels, stride 4), before N_feat.
        width: Factor on all channel counts, for quick experiments.
        pretrained: Start of the backbone: see :class:`PSPNet18`.

    Source: Hu et al., CVPR 2023, ablation of the position of CReFF.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        cut: Cut = "task",
        width: float = 1.0,
        pretrained: str | None = None,
    ) -> None:
        """Build the layers of the whole network."""
        super().__init__(num_classes, width=width, pretrained=pretrained)
        self.cut = cut

    @property
    def cut_channels(self) -> int:
        """Channels of the propagated feature."""
        if self.cut == "task":
            return self.backbone.channels[-1]
        return self.backbone.conv1.out_channels

    def before_cut(self, image: Tensor, with_side: bool = False) -> tuple[Tensor, SideOutputs]:
        """Compute the propagated feature, and the presence logits if they come before the cut."""
        stem = self.backbone.stem(image)
        if self.cut == "features":
            return stem, SideOutputs()
        _, third, fourth = self.backbone.stages(stem)
        return fourth, self.side(third, with_side)

    def after_cut(self, propagated: Tensor, with_side: bool = False) -> tuple[Tensor, SideOutputs]:
        """Finish the full-resolution feature, and the presence logits if behind the cut."""
        if self.cut == "task":
            return self.decode(propagated), SideOutputs()
        _, third, fourth = self.backbone.stages(propagated)
        return self.decode(fourth), self.side(third, with_side)
