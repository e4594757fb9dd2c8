"""AR-Seg: keyframes at high resolution, the others at low resolution with CReFF."""

from __future__ import annotations

import torch
from torch import Tensor

from arseg_lightning.models.segmentor import Segmentor, SegmentorOutput
from arseg_lightning.propagation import Convention, Fusion, carry
from arseg_lightning.systems.every_frame import check_resolution_ratio, downscale
from arseg_lightning.systems.stages import stage
from arseg_lightning.systems.system import Prediction, StreamFrame, VideoSystem, keyframe_state

__all__ = ["ARSeg"]


class ARSeg(VideoSystem):
    """Altering-resolution segmentation of a compressed video.

    A keyframe goes through the high-res network; its feature is kept. Another frame goes through
    the low-res network at ratio s; the kept feature is warped to it by the codec's motion and
    fused in; the classifier that both networks share scores the result. Every non-keyframe
    depends on its keyframe only, so frames of one GOP may be computed in any order. Networks that
    are cut earlier carry what they compute before the cut, and finish the fused feature behind it.

    Args:
        high_res: Network for keyframes.
        low_res: Network of the same kind for the other frames; its classifier equals the
            high-res one after :meth:`share_classifier`.
        fusion: How the two features meet.
        resolution_ratio: Scale s at which non-keyframes are seen.
        convention: ``exact``, or ``paper`` for published weights: sampling of the warp, nearest
            vectors in training, truncated sizes.

    Raises:
        ValueError: If the ratio is not in (0, 1] or the two features differ in channels.

    Source: Hu et al., CVPR 2023, sections 3.1 to 3.3.
    """

    def __init__(
        self,
        high_res: Segmentor,
        low_res: Segmentor,
        fusion: Fusion,
        resolution_ratio: float = 0.5,
        convention: Convention = "exact",
    ) -> None:
        super().__init__()
        if high_res.feature_channels != low_res.feature_channels:
            raise ValueError(
                f"the branches share their last convolution, so their features need the same "
                f"channels; got {high_res.feature_channels} and {low_res.feature_channels}"
            )
        self.high_res = high_res
        self.low_res = low_res
        self.fusion = fusion
        self.resolution_ratio = check_resolution_ratio(resolution_ratio)
        self.convention: Convention = convention

    def step(self, frame: StreamFrame, state: Tensor | None) -> tuple[Prediction, Tensor]:
        """Segment the next frame; the state is the keyframe's feature.

        Raises:
            ValueError: If a stream starts with a frame that is not a keyframe.
        """
        size = (frame.image.shape[-2], frame.image.shape[-1])
        corners, ratio = self.high_res.align_corners, self.resolution_ratio
        if frame.distance == 0:
            scores, feature = self.key(frame.image)
            return Prediction(scores, size, corners, "keyframe", 1.0, 0), feature
        state = keyframe_state(state, frame.distance)
        scores = self.nonkey(frame.image, state, frame.motion)
        return Prediction(scores, size, corners, "nonkeyframe", ratio, frame.distance), state

    def key(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Segment a keyframe.

        Shapes:
            image: (B, 3, H, W)   returns: scores (B, K, h, w), what is carried (B, C, h, w)
        """
        with stage("network"):
            carried, _ = self.high_res.before_cut(image)
            feature, _ = self.high_res.after_cut(carried)
            return self.high_res.classifier(feature), carried

    def nonkey(self, image: Tensor, key_feature: Tensor, motion: Tensor) -> Tensor:
        """Segment another frame with the help of its keyframe.

        Shapes:
            image: (B, 3, H, W), full resolution   key_feature: (B, C, h, w), what it carries
            motion: (B, 2, H, W), pixels to the keyframe   returns: scores (B, K, h, w)
        """
        small = self._downscale(image)
        with stage("network"):
            low, _ = self.low_res.before_cut(small)
        return self.score(low, key_feature, motion)

    def score(self, low: Tensor, key_feature: Tensor, motion: Tensor) -> Tensor:
        """Fuse the low-res feature with the keyframe's, and classify.

        Shapes:
            low: (B, C, h', w')   key_feature: (B, C, h, w)   motion: (B, 2, H, W)
            returns: (B, K, h, w)
        """
        fused = self.fuse(low, key_feature, motion)
        with stage("network"):
            feature, _ = self.low_res.after_cut(fused)
            scores: Tensor = self.low_res.classifier(feature)
        return scores

    def fuse(self, low: Tensor, key_feature: Tensor, motion: Tensor) -> Tensor:
        """Warp the keyframe's feature to the current frame and fuse it with the low-res one."""
        with stage("warp"):
            carried = carry(key_feature, motion, self.convention, self.training)
        with stage("attention"):
            fused: Tensor = self.fusion(low, carried)
        return fused

    def training_forward(
        self, image: Tensor, key_feature: Tensor | None, motion: Tensor
    ) -> SegmentorOutput:
        """Run the low-res branch with its training-only heads.

        Args:
            image: The current frame at full resolution, (B, 3, H, W).
            key_feature: What the keyframe carries; None trains the low-res network without
                fusion.
            motion: Pixels to the keyframe, (B, 2, H, W).
        """
        size = (image.shape[-2], image.shape[-1])
        small = self._downscale(image)
        if key_feature is None:
            return self.low_res.training_forward(small, size)
        low, before = self.low_res.before_cut(small, with_side=True)
        fused = self.fuse(low, key_feature, motion)
        feature, after = self.low_res.after_cut(fused, with_side=True)
        return SegmentorOutput(feature, self.low_res.classify(feature, size), before + after)

    def _downscale(self, image: Tensor) -> Tensor:
        return downscale(image, self.resolution_ratio, self.convention)

    @torch.no_grad()
    def share_classifier(self) -> None:
        """Give the low-res network the high-res network's last convolution, frozen."""
        self.low_res.classifier.load_state_dict(self.high_res.classifier.state_dict())
        self.low_res.classifier.requires_grad_(False)
