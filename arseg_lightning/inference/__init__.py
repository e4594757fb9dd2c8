"""Inference optimisations: parts of a method that compute the same in less time."""

from arseg_lightning.inference.folded_creff import FoldedCReFF, fold_creff
from arseg_lightning.inference.optimisations import (
    Compile,
    Optimisations,
    Precision,
    replace_networks,
)

__all__ = [
    "Compile",
    "FoldedCReFF",
    "Optimisations",
    "Precision",
    "fold_creff",
    "replace_networks",
]
