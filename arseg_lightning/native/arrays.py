"""Addresses of arrays and tensors for C, which checks nothing."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import DTypeLike, NDArray

if TYPE_CHECKING:
    import torch

__all__ = ["pointer", "tensor_pointer"]


def pointer(
    array: NDArray[np.generic],
    dtype: DTypeLike,
    shape: tuple[int, ...] | None = None,
    *,
    written: bool = False,
) -> ctypes.c_void_p:
    """The address of an array's first element, once the array is what the kernel expects.

    The caller keeps the array alive for as long as the address is used.

    Args:
        array: In C order, without gaps.
        dtype: The expected type.
        shape: The expected shape, unless it is checked elsewhere.
        written: Whether the kernel writes into it.

    Raises:
        ValueError: If type, shape or layout differ, or it is read-only and is to be written.
    """
    fits = array.dtype == dtype and array.flags.c_contiguous and shape in (None, array.shape)
    if not fits or (written and not array.flags.writeable):
        raise ValueError(
            f"a kernel takes {'writable ' * written}arrays of {np.dtype(dtype)} and shape "
            f"{shape or array.shape} in C order without gaps, got {array.dtype} {array.shape} with "
            f"strides {array.strides}"
        )
    return ctypes.c_void_p(array.__array_interface__["data"][0])  # quicker than array.ctypes


def tensor_pointer(tensor: torch.Tensor) -> ctypes.c_void_p:
    """The address of a tensor's first element, for reading and writing.

    The caller keeps the tensor alive for as long as the address is used, and checks its type.

    Raises:
        ValueError: If it is not in the CPU's memory, in C order, without gaps.
    """
    if tensor.device.type != "cpu" or not tensor.is_contiguous():
        raise ValueError(
            f"a kernel takes tensors of the CPU in C order without gaps, got {tensor.device}, "
            f"strides {tensor.stride()} for shape {tuple(tensor.shape)}"
        )
    return ctypes.c_void_p(tensor.data_ptr())
