"""Inference optimisations: parts of a method that compute the same in less time."""

from arseg_lightning.inference.fold import fold_creff
from arseg_lightning.inference.network import replace_networks
from arseg_lightning.inference.options import Compile, Optimisations, Precision
from arseg_lightning.propagation.folded_creff import FoldedCReFF

__all__ = [
    "Compile",
    "FoldedCReFF",
    "Optimisations",
    "Precision",
    "fold_creff",
    "replace_networks",
]
