"""CReFF and the classifier in one pass over the image, by a kernel in C."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor, nn

from arseg_lightning.models.timing import section
from arseg_lightning.native import load, tensor_pointer
from arseg_lightning.propagation import Convention, CReFF
from arseg_lightning.propagation.folded_creff import FoldedCReFF

__all__ = ["FusedCReFF"]

_LANES = 16
_WINDOWS = (1, 3, 5, 7, 9, 11)
_CACHED_FLOATS = 1 << 13
"""Channels times pixels of a row for which the rings of rows stay in a core's own cache."""


class _Arguments(ctypes.Structure):
    """The kernel's ``fusion``; the order of the fields is that of the C source."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("low", "low_scores", "key", "motion")),
        *((name, ctypes.c_void_p) for name in ("query", "query_bias", "key_weight", "key_bias")),
        *((name, ctypes.c_void_p) for name in ("value", "value_bias", "classifier", "scores")),
        *((name, ctypes.c_int) for name in ("channels", "classes", "height", "width")),
        *((name, ctypes.c_int) for name in ("low_height", "low_width", "window")),
        *((name, ctypes.c_int) for name in ("zero_padding", "published_warp", "bfloat16")),
        ("steepness", ctypes.c_float),
        *((name, ctypes.c_int) for name in ("columns", "threads")),
    )


class FusedCReFF(FoldedCReFF):
    """What :class:`FoldedCReFF` computes, without intermediate results in memory.

    The image is worked off in columns, top to bottom; of the warped feature, keys, values and
    queries, only the rows of a window are there at a time. Features are float32 or bfloat16, with
    channels innermost; all sums are float32.

    It is for inference: no gradient passes through it. The kernel reads packed copies of the
    weights, made anew when the module is moved, converted or loaded; what is written into a weight
    otherwise does not reach them.

    Args:
        fusion: The fusion.
        classifier: The last 1x1 convolution.
        convention: How the keyframe's feature is warped.

    Raises:
        ValueError: If the kernel cannot take it: see :meth:`fits`.

    Shapes:
        low: (B, C, h', w')   key_feature: (B, C, h, w)   motion: (B, 2, H, W), in pixels of (H, W)
        returns: (B, K, h, w), class scores, float32
    """

    def __init__(self, fusion: CReFF, classifier: nn.Conv2d, convention: Convention) -> None:
        super().__init__(fusion, classifier, convention)
        if load("fused_creff") is None or not self.fits(fusion):
            raise ValueError(
                f"the fused fusion needs a C compiler, channels in multiples of {_LANES} and a "
                f"window of at most {max(_WINDOWS)}; set fused_fusion to false"
            )
        self._pack()
        self.register_load_state_dict_post_hook(_pack_loaded)  # type: ignore[no-untyped-call]

    @staticmethod
    def fits(fusion: CReFF) -> bool:
        """Whether the kernel can take a fusion."""
        query = fusion.query
        depthwise = query.groups == query.in_channels
        return (
            depthwise
            and query.in_channels % _LANES == 0
            and fusion.attention.window in _WINDOWS
            and query.bias is not None
        )

    def forward(self, low: Tensor, key_feature: Tensor, motion: Tensor) -> Tensor:
        """Warp, attend and classify."""
        if low.device.type != "cpu":
            return super().forward(low, key_feature, motion)
        with section("warp + attention + upsampling"):
            low_scores = self.low_scores(low).float().contiguous()
            on_grid = self.grid_motion(key_feature, motion).float().contiguous()
            scores = key_feature.new_empty(
                (len(low), self.classifier.out_channels, *key_feature.shape[-2:]),
                dtype=torch.float32,
            )
            low, key_feature = _innermost(low), _innermost(key_feature)
            for i in range(len(low)):
                self._fuse(low[i], low_scores[i], key_feature[i], on_grid[i], scores[i])
        return scores

    def _fuse(
        self, low: Tensor, low_scores: Tensor, key: Tensor, motion: Tensor, scores: Tensor
    ) -> None:
        """Hand one image to the kernel."""
        height, width, channels = key.shape
        prior_sigma = self.attention.prior_sigma
        tensors = {"low": low, "low_scores": low_scores, "key": key, "motion": motion}
        tensors |= {"scores": scores} | self._packed
        columns = max(_CACHED_FLOATS // channels, 2 * _LANES) // _LANES * _LANES
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
            steepness=0.0 if prior_sigma is None else 1 / (2 * prior_sigma**2),
            columns=min(columns, -(-width // _LANES) * _LANES),
            threads=torch.get_num_threads(),
        )
        if _kernels().fused_creff(ctypes.byref(arguments)):
            raise MemoryError("no memory for the rows that the fusion works on")

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move or convert the module (called by ``to``, ``half`` and their like)."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._pack()
        return self

    def _pack(self) -> None:
        """Copy the weights to where the kernel reads them, in the order in which it does."""
        weights = {"classifier": self.classifier.weight.flatten(1).t()}
        for name, conv in (("query", self.query), ("key_weight", self.key), ("value", self.value)):
            weights[name] = conv.weight.flatten(1)
            if conv.bias is not None:
                weights[f"{name.removesuffix('_weight')}_bias"] = conv.bias
        self._packed = {
            name: tensor.detach().to(torch.float32, copy=True).contiguous()
            for name, tensor in weights.items()
        }


def _pack_loaded(fused: FusedCReFF, keys: object) -> None:
    """Pack weights that were loaded; a function, so that the module can be pickled."""
    fused._pack()


def _kernels() -> ctypes.CDLL:
    kernels = load("fused_creff")
    assert kernels is not None  # the constructor has seen to it
    return kernels


def _innermost(feature: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, H, W, C), in a type that the kernel reads."""
    kinds = (torch.float32, torch.bfloat16)
    feature = feature if feature.dtype in kinds else feature.float()
    return feature.detach().permute(0, 2, 3, 1).contiguous()
