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
        TypeError: If its type differs.
        ValueError: If its shape or layout differs, or if it is read-only and is to be written.
    """
    if array.dtype != dtype:
        raise TypeError(f"a kernel takes {np.dtype(dtype)}, got {array.dtype}; convert it first")
    if shape is not None and array.shape != shape:
        raise ValueError(f"a kernel takes an array of shape {shape}, got {array.shape}")
    if not array.flags.c_contiguous:
        raise ValueError(
            f"a kernel takes arrays in C order without gaps, got strides {array.strides} for "
            f"shape {array.shape}; use numpy.ascontiguousarray"
        )
    if written and not array.flags.writeable:
        raise ValueError("a kernel cannot write into a read-only array; copy it first")
    return ctypes.c_void_p(array.__array_interface__["data"][0])  # quicker than array.ctypes


def tensor_pointer(tensor: torch.Tensor) -> ctypes.c_void_p:
    """The address of a tensor's first element, for reading and writing.

    The caller keeps the tensor alive for as long as the address is used, and checks its type.

    Raises:
        ValueError: If it is not in the CPU's memory, in C order, without gaps.
    """
    if tensor.device.type != "cpu":
        raise ValueError(f"a kernel takes tensors of the CPU, got one of {tensor.device}; move it")
    if not tensor.is_contiguous():
        raise ValueError(
            f"a kernel takes tensors in C order without gaps, got strides {tensor.stride()} for "
            f"shape {tuple(tensor.shape)}; use contiguous()"
        )
    return ctypes.c_void_p(tensor.data_ptr())
