"""CReFF and the classifier after it as one module, in PyTorch and as a kernel in C."""

from __future__ import annotations

import ctypes
import math

import torch
from torch import Tensor, nn

from arseg_lightning.inference.optimisations import Optimisations
from arseg_lightning.models.segmentor import Segmentor
from arseg_lightning.native import load, tensor_pointer
from arseg_lightning.propagation import Convention, CReFF, Fusion, motion_to_grid, warp_to
from arseg_lightning.propagation.fusion import scaled, upsample

__all__ = ["FoldedCReFF", "FusedCReFF", "fold_creff"]

_LANES = 16
_WINDOWS = (1, 3, 5, 7, 9, 11)
_CACHED_BYTES = 1 << 15
"""Bytes of a row of keys for which the rings of rows stay in a core's own cache."""
_LEAST_COLUMNS = 4 * _LANES
"""Pixels of a row below which what is computed for its neighbours' sake costs more than a cache."""


def fold_creff(
    fusion: Fusion, low_res: Segmentor, convention: Convention, optimisations: Optimisations
) -> FoldedCReFF | None:
    """Make a fusion and the classifier after it one, where both allow it.

    Args:
        fusion: The fusion; any other than CReFF stays as it is.
        low_res: The network whose classifier follows it.
        convention: How the keyframe's feature is warped.
        optimisations: Those that are wanted; without a C compiler, the kernel is left out.

    Returns:
        The two as one, in the precision wanted; None if they stay two.
    """
    if not (optimisations.algebra and isinstance(fusion, CReFF)):
        return None
    # A subclass may fuse in another way, and an early cut has layers before the classifier.
    if type(fusion).forward is not CReFF.forward or low_res.cut != "feature":
        return None
    if FusedCReFF.fits(fusion) and optimisations.may_use("fused_creff", fusion):
        return FusedCReFF(fusion, low_res.classifier, convention)
    return FoldedCReFF(fusion, low_res.classifier, convention)


class FoldedCReFF(nn.Module):
    """From the two features straight to class scores: averages K classes instead of C channels.

    The classifier is linear, and so are the average over a window and the upsampling, whose
    weights add up to one (pixels outside the image have value zero before and after). So values
    are classified before they are averaged, and the low-res feature before it is upsampled.

    Args:
        fusion: The fusion.
        classifier: The last 1x1 convolution.
        convention: How the keyframe's feature is warped.

    Shapes:
        low: (B, C, h', w')   key_feature: (B, C, h, w)   motion: (B, 2, H, W), in pixels of (H, W)
        returns: (B, K, h, w), class scores

    Source: the algebra is our own; CReFF is Hu et al., CVPR 2023.
    """

    def __init__(self, fusion: CReFF, classifier: nn.Conv2d, convention: Convention) -> None:
        super().__init__()
        self.query, self.key, self.value = fusion.query, fusion.key, fusion.value
        self.attention, self.gain = fusion.attention, fusion.gain
        self.direct_connection = fusion.direct_connection
        self.convention: Convention = convention
        self.classifier = classifier
        self.value_classifier = nn.Conv2d(
            *(classifier.in_channels, classifier.out_channels, 1),
            bias=False,  # the low-res branch's scores bring it
            device=classifier.weight.device,
        )
        self.value_classifier.weight = classifier.weight

    def forward(self, low: Tensor, key_feature: Tensor, motion: Tensor) -> Tensor:
        """Warp, attend and classify."""
        precision, scored = self.query.weight.dtype, self.classifier.weight.dtype
        warped = warp_to(key_feature, motion, self.convention).to(precision)  # (B, C, h, w)
        query = self.query(upsample(low.to(precision), warped))  # (B, C, h, w)
        values = self.value_classifier(self.value(warped).to(scored))  # (B, K, h, w)
        attended: Tensor = self.attention(query, self.key(warped), values)
        return attended + upsample(self.low_scores(low), warped)

    def low_scores(self, low: Tensor) -> Tensor:
        """The low-res feature's own contribution: its class scores, or the bias alone."""
        if self.direct_connection:
            scores: Tensor = self.classifier(scaled(low, self.gain))
            return scores
        shape = (low.shape[0], self.classifier.out_channels, *low.shape[-2:])
        if self.classifier.bias is None:
            return low.new_zeros(shape)
        return self.classifier.bias[:, None, None].expand(shape)


class FusedCReFF(FoldedCReFF):
    """:class:`FoldedCReFF` in a C kernel, without intermediate results in memory.

    The kernel goes down the image in columns; of the warped feature, keys, values and queries,
    only the rows of a window are in memory at a time. Features are float32 or bfloat16, with
    channels innermost; all sums are float32. Of features in bfloat16, queries and keys are
    multiplied in bfloat16 too, where the processor can (AVX512-BF16).

    It is for inference: no gradient passes through it. Arguments and shapes are the same, of a
    fusion that :meth:`fits`; scores are float32.
    """

    @staticmethod
    def fits(fusion: CReFF) -> bool:
        """Whether the kernel can take a fusion."""
        query = fusion.query
        is_depthwise = query.groups == query.in_channels
        whole_vectors = query.in_channels % _LANES == 0 and query.bias is not None
        return is_depthwise and whole_vectors and fusion.attention.window in _WINDOWS

    def forward(self, low: Tensor, key_feature: Tensor, motion: Tensor) -> Tensor:
        """Warp, attend and classify."""
        if low.device.type != "cpu":
            return super().forward(low, key_feature, motion)
        size = (key_feature.shape[-2], key_feature.shape[-1])
        low_scores = self.low_scores(low).float().contiguous()
        # On the feature's grid, in its pixels: (B, 2, h, w)
        motion = motion_to_grid(motion, size, self.convention).float().contiguous()
        scores = torch.empty(len(low), self.classifier.out_channels, *size)
        low, key_feature = _channels_innermost(low), _channels_innermost(key_feature)
        weights = {"classifier": self.classifier.weight.flatten(1).t()}  # (C, K)
        for name in ("query", "key", "value"):
            conv = getattr(self, name)
            weights[f"{name}_weight"] = conv.weight.flatten(1)  # (C, 9)
            weights[f"{name}_bias"] = conv.bias  # (C,)
        # Packed for every call, so that changed weights count: little work beside the image's.
        weights = {k: v.detach().float().contiguous() for k, v in weights.items()}
        for image in zip(low, low_scores, key_feature, motion, scores, strict=True):
            self._fuse(*image, weights)
        return scores

    def _fuse(
        self,
        low: Tensor,
        low_scores: Tensor,
        key: Tensor,
        motion: Tensor,
        scores: Tensor,
        weights: dict[str, Tensor],
    ) -> None:
        """Hand one image to the kernel, which writes the scores."""
        height, width, channels = key.shape
        sigma = self.attention.prior_sigma
        tensors = {"low": low, "low_scores": low_scores, "key": key, "motion": motion}
        tensors |= {"scores": scores} | weights
        arguments = _Arguments(
            **{name: tensor_pointer(tensor) for name, tensor in tensors.items()},
            channels=channels,
            classes=scores.shape[0],
            height=height,
            width=width,
            low_height=low.shape[0],
            low_width=low.shape[1],
            window=self.attention.window,
            zero_padding=int(self.attention.zero_padding),
            published_warp=int(self.convention == "paper"),
            bfloat16=int(key.dtype == torch.bfloat16),
            steepness=0.0 if sigma is None else 1 / (2 * sigma**2),
            columns=_columns(width, channels * key.element_size()),
            threads=torch.get_num_threads(),
        )
        kernels = load("fused_creff")
        assert kernels is not None  # Optimisations.may_use has seen to it
        if kernels.fused_creff(ctypes.byref(arguments)):
            raise MemoryError("no memory for the rows that the fusion works on")


_TENSORS = (
    *("low", "low_scores", "key", "motion", "query_weight", "query_bias", "key_weight"),
    *("key_bias", "value_weight", "value_bias", "classifier", "scores"),
)
_NUMBERS = (
    *("channels", "classes", "height", "width", "low_height", "low_width", "window"),
    *("zero_padding", "published_warp", "bfloat16"),
)


class _Arguments(ctypes.Structure):
    """The kernel's ``fusion``; the order of the fields is that of the C source."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in _TENSORS),
        *((name, ctypes.c_int) for name in _NUMBERS),
        ("steepness", ctypes.c_float),
        ("columns", ctypes.c_int),
        ("threads", ctypes.c_int),
    )


def _columns(width: int, pixel_bytes: int) -> int:
    """Pixels of a row that are worked off at once: whole vectors, in columns equally wide."""
    most = max(_CACHED_BYTES // pixel_bytes, _LEAST_COLUMNS)
    count = math.ceil(width / most)
    return math.ceil(width / count / _LANES) * _LANES


def _channels_innermost(feature: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, H, W, C), in a type that the kernel reads."""
    readable = feature.dtype in (torch.float32, torch.bfloat16)
    return (feature if readable else feature.float()).detach().permute(0, 2, 3, 1).contiguous()
