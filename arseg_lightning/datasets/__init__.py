"""Frames and labels become batches."""

from arseg_lightning.datasets.augment import ClipAugment
from arseg_lightning.datasets.camvid import CamVid
from arseg_lightning.datasets.cityscapes import Cityscapes
from arseg_lightning.datasets.cityscapes_pseudo import CityscapesPseudo
from arseg_lightning.datasets.classes import class_set
from arseg_lightning.datasets.datamodule import ClipDataModule
from arseg_lightning.datasets.folder import FrameFolder, StillFolder, UnlabelledVideos, VideoFolder
from arseg_lightning.datasets.labelled_video import Layout
from arseg_lightning.datasets.needs import EvaluationNeeds, Needs
from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.datasets.rendered import SynthiaSequences, Viper
from arseg_lightning.datasets.synthetic.scene import SyntheticDriving
from arseg_lightning.datasets.vspw import VSPW

__all__ = [
    "VSPW",
    "CamVid",
    "Cityscapes",
    "CityscapesPseudo",
    "ClipAugment",
    "ClipDataModule",
    "EvaluationNeeds",
    "FrameFolder",
    "Layout",
    "Needs",
    "Normalisation",
    "StillFolder",
    "SyntheticDriving",
    "SynthiaSequences",
    "UnlabelledVideos",
    "VideoFolder",
    "Viper",
    "class_set",
]
