"""The synthetic driving scene as a data set: made on the spot, nothing to download."""

from __future__ import annotations

from arseg_lightning.datasets.classes import DRIVING9
from arseg_lightning.datasets.labelled_video import LabelledVideo
from arseg_lightning.datasets.layout import Layout
from arseg_lightning.datasets.synthetic.rendered import LabelledDrivingScene
from arseg_lightning.datasets.synthetic.scene import DrivingScene
from arseg_lightning.ranges import check_range

__all__ = ["SyntheticDriving"]


class SyntheticDriving(Layout):
    """Synthetic street videos with exact labels.

    Args:
        num_videos: Number of videos, each a street of its own.
        num_frames: Frames a video.
        height: Height in pixels.
        width: Width in pixels.
        first_seed: Seed of the first video; give each split its own range.
        fps: Frames a second.
    """

    def __init__(
        self,
        num_videos: int = 4,
        num_frames: int = 36,
        height: int = 160,
        width: int = 240,
        first_seed: int = 0,
        fps: int = 25,
    ) -> None:
        check_range(1, num_videos=num_videos)
        check_range(0, first_seed=first_seed)
        DrivingScene(height, width, num_frames, first_seed, fps)  # refuses what it cannot show
        self.classes = DRIVING9
        self.seeds = range(first_seed, first_seed + num_videos)
        self.num_frames = num_frames
        self.height, self.width, self.fps = height, width, fps

    def videos(self) -> list[LabelledVideo]:
        """One sequence a seed."""
        return [self._sequence(seed) for seed in self.seeds]

    def _sequence(self, seed: int) -> LabelledVideo:
        scene = DrivingScene(
            height=self.height,
            width=self.width,
            num_frames=self.num_frames,
            seed=seed,
            fps=self.fps,
        )
        return LabelledDrivingScene(f"driving_{seed:05d}", scene, self.classes)
