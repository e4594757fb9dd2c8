"""Chooses the form in which CReFF and the classifier run as one."""

from __future__ import annotations

from arseg_lightning.inference.network import _InferenceNetwork
from arseg_lightning.inference.options import Optimisations
from arseg_lightning.models.segmentor import Segmentor
from arseg_lightning.propagation import Convention, CReFF, Fusion
from arseg_lightning.propagation.folded_creff import FoldedCReFF
from arseg_lightning.propagation.fused_creff import FusedCReFF

__all__ = ["fold_creff"]


def fold_creff(
    fusion: Fusion, low_res: Segmentor, convention: Convention, optimisations: Optimisations
) -> FoldedCReFF | None:
    """Make a fusion and the classifier after it one, where both allow it.

    Args:
        fusion: The fusion; any other than CReFF stays as it is.
        low_res: The network whose classifier follows it.
        convention: How the keyframe's feature is warped.
        optimisations: What is done; without a C compiler, the kernel is left out.

    Returns:
        The two as one, in the precision wanted; None if they stay two.
    """
    if not (optimisations.fold_classifier and isinstance(fusion, CReFF)):
        return None
    network = low_res.network if isinstance(low_res, _InferenceNetwork) else low_res
    # Overrides compute something else: a fusion of another kind, layers after the cut.
    is_plain = type(fusion).forward is CReFF.forward
    if not is_plain or type(network).after_cut is not Segmentor.after_cut:
        return None
    wanted = optimisations.fused_fusion and FusedCReFF.fits(fusion)
    if wanted and optimisations.may_use("fused_creff", fusion):
        return FusedCReFF(fusion, low_res.classifier, convention)
    fusion.to(optimisations.dtype)
    return FoldedCReFF(fusion, low_res.classifier, convention)
