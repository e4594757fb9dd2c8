"""Nothing but motion between keyframes: the keyframe's feature is carried and classified."""

from __future__ import annotations

from torch import Tensor

from arseg_lightning.models.segmentor import Segmentor
from arseg_lightning.propagation import Convention, carry
from arseg_lightning.systems.stages import stage
from arseg_lightning.systems.system import Prediction, StreamFrame, VideoSystem, keyframe_state

__all__ = ["WarpedKey"]


class WarpedKey(VideoSystem):
    """Segments keyframes; on other frames the keyframe's feature is warped and classified.

    Args:
        network: The segmentation network, run on keyframes only.
        convention: ``exact``, or ``paper`` for its sampling of the warp.

    Source: Hu et al., CVPR 2023, ablation "+ W_MV only"; Zhu et al., Deep Feature Flow, CVPR 2017,
        with the codec's motion for the flow.
    """

    def __init__(self, network: Segmentor, convention: Convention = "exact") -> None:
        super().__init__()
        self.network = network
        self.convention: Convention = convention

    def step(self, frame: StreamFrame, state: Tensor | None) -> tuple[Prediction, Tensor]:
        """Segment the next frame; the state is the keyframe's feature.

        Raises:
            ValueError: If a stream starts with a frame that is not a keyframe.
        """
        size = (frame.image.shape[-2], frame.image.shape[-1])
        corners = self.network.align_corners
        if frame.distance == 0:
            with stage("network"):
                feature = self.network.features(frame.image)
                scores = self.network.classifier(feature)
            return Prediction(scores, size, corners, "keyframe", 1.0, 0), feature
        state = keyframe_state(state, frame.distance)
        with stage("warp"):
            warped = carry(state, frame.motion, self.convention)
        with stage("network"):
            scores = self.network.classifier(warped)
        return Prediction(scores, size, corners, "nonkeyframe", 1.0, frame.distance), state
