"""Annotations of other tools as index label maps: COCO, CVAT, Label Studio."""

from arseg_lightning.datasets.label_sources.conversion import LabelValues, classes_of
from arseg_lightning.datasets.label_sources.find import open_source
from arseg_lightning.datasets.label_sources.source import LabelSource, SourceLabel

__all__ = ["LabelSource", "LabelValues", "SourceLabel", "classes_of", "open_source"]
