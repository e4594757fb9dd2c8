"""Segmentation networks and their weights."""

from arseg_lightning.models.bisenet import BiSeNet18, TorchSegBiSeNet18
from arseg_lightning.models.efficientnet import EfficientNetLite0, EfficientNetLite0Backbone
from arseg_lightning.models.eomt import EoMT
from arseg_lightning.models.fanet import FANet18
from arseg_lightning.models.hugging_face import (
    HuggingFaceSegmentor,
    hugging_face_classes,
    hugging_face_kind,
    hugging_face_normalisation,
)
from arseg_lightning.models.mask2former import Mask2Former
from arseg_lightning.models.mask_annealing import MaskAnnealing
from arseg_lightning.models.multigrid_pspnet import MultigridPSPNet
from arseg_lightning.models.pspnet import PSPNet18, PSPNet18EarlyCut, PSPNet18Stride8
from arseg_lightning.models.published import load_segmentor_weights, published_fusion_weights
from arseg_lightning.models.query_segmentor import (
    Queries,
    QuerySegmentor,
    QuerySegmentorFactory,
    class_map,
)
from arseg_lightning.models.resnet import ResNet
from arseg_lightning.models.segmentor import (
    Output,
    QueryScores,
    Segmentor,
    SegmentorFactory,
    SideOutputs,
    StagedSegmentor,
)
from arseg_lightning.models.swiftnet import SwiftNet
from arseg_lightning.models.weight_file import read_checkpoint

__all__ = [
    "BiSeNet18",
    "EfficientNetLite0",
    "EfficientNetLite0Backbone",
    "EoMT",
    "FANet18",
    "HuggingFaceSegmentor",
    "Mask2Former",
    "MaskAnnealing",
    "MultigridPSPNet",
    "Output",
    "PSPNet18",
    "PSPNet18EarlyCut",
    "PSPNet18Stride8",
    "Queries",
    "QueryScores",
    "QuerySegmentor",
    "QuerySegmentorFactory",
    "ResNet",
    "Segmentor",
    "SegmentorFactory",
    "SideOutputs",
    "StagedSegmentor",
    "SwiftNet",
    "TorchSegBiSeNet18",
    "class_map",
    "hugging_face_classes",
    "hugging_face_kind",
    "hugging_face_normalisation",
    "load_segmentor_weights",
    "published_fusion_weights",
    "read_checkpoint",
]
