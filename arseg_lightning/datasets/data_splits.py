"""The splits of the data: their layouts, their videos, and which of them are read as video."""

from __future__ import annotations

from arseg_lightning.datasets.labelled_video import LabelledVideo
from arseg_lightning.datasets.labels import read_image
from arseg_lightning.datasets.layout import Layout, PreparedLayout
from arseg_lightning.datasets.needs import TaskNeeds
from arseg_lightning.datasets.reader import ClipReader
from arseg_lightning.datasets.store import ClipStore
from arseg_lightning.video.frame_reader import read_frames

__all__ = ["DataSplits"]


class DataSplits:
    """The layouts ``train``, ``val`` and ``test``, and unlabelled data to adapt to (``target``).

    Raises:
        ValueError: If there are no data, or the splits' classes differ.
    """

    def __init__(
        self,
        store: ClipStore,
        target: Layout | None = None,
        **labelled: Layout | PreparedLayout | None,
    ) -> None:
        self.store = store
        self.layouts: dict[str, Layout | PreparedLayout | None] = {**labelled, "target": target}
        self._videos: dict[str, list[LabelledVideo]] = {}
        # A target is unlabelled: whatever its layout says of classes is not used.
        sets = [layout.classes for layout in labelled.values() if layout is not None]
        if not sets:
            raise ValueError(
                "no data: set data.train, data.val or data.test; the classes come from them, also "
                "to segment a video"
            )
        if any(classes.names != sets[0].names for classes in sets):
            raise ValueError(
                f"all splits need the same classes, got {[classes.name for classes in sets]}"
            )
        self.classes = sets[0]

    @property
    def predicted(self) -> str:
        """The split that Lightning's ``predict`` segments: the test, if there is one."""
        return "test" if self.layouts["test"] is not None else "val"

    def videos(self, split: str) -> list[LabelledVideo]:
        """The labelled videos of a split; listed once.

        Raises:
            ValueError: If the configuration names no data for it, or prepared pairs.
        """
        layout = self.layouts[split]
        if layout is None:
            raise ValueError(f"no {split} data: set data.{split} in the configuration")
        if isinstance(layout, PreparedLayout):
            raise ValueError(
                f"data.{split} are prepared pairs of frames, and this needs whole videos; "
                f"segment a video with `predict --video FILE`"
            )
        if split not in self._videos:
            self._videos[split] = layout.videos()
        return self._videos[split]

    def on_video(self, needs: TaskNeeds) -> list[str]:
        """The splits that are read as video, so that they have to be prepared."""
        present = [name for name, layout in self.layouts.items() if isinstance(layout, Layout)]
        return [name for name in present if self._is_on_video(name, needs)]

    def _is_on_video(self, split: str, needs: TaskNeeds) -> bool:
        """Whether a split is read as decoded video; otherwise as the frames before encoding."""
        if needs.stage == "predict":
            return not all(video.is_still for video in self.videos(split))
        # All tests are on video, so that those of different runs see the same pixels.
        if split == "test" or (split == "val" and not needs.evaluation(split).single):
            return True
        unused = split == "target" and needs.task is not None and not needs.training.target
        # Who segments single frames and trains on stills validates on stills, too.
        return not (unused or needs.on_stills)

    def reader(self, split: str, needs: TaskNeeds, with_motion: bool) -> ClipReader:
        """Reader of a split's videos: decoded, or as they were before any compression by us."""
        if self._is_on_video(split, needs):
            return ClipReader(self.videos(split), self.store, with_motion=with_motion)
        return ClipReader(self.videos(split), self.store, "original", with_motion=False)

    def example_size(self, split: str, needs: TaskNeeds) -> tuple[int, int]:
        """Height and width of a split's first frame."""
        layout = self.layouts.get(split)
        if isinstance(layout, PreparedLayout):
            image = read_image(layout.clips(1)[0].images[0])
        elif not self._is_on_video(split, needs):
            first = next(each for each in self.videos(split) if each.labelled)
            image = first.image(first.labelled[0])
        else:
            file = self.store.video(self.videos(split)[0], needs.motion(split))
            image = read_frames(file, [0])[0].image
        return image.shape[0], image.shape[1]
