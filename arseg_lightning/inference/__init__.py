"""The same output in less time: what a trained system becomes when it only runs."""

from arseg_lightning.inference.optimise import FoldedARSeg, optimise
from arseg_lightning.inference.options import Compile, Optimisations, Precision

__all__ = ["Compile", "FoldedARSeg", "Optimisations", "Precision", "optimise"]
