"""Kernels in C, compiled on first use; without a compiler, callers work without them."""

from arseg_lightning.native.arrays import pointer, tensor_pointer
from arseg_lightning.native.libraries import enabled, load, status

__all__ = ["enabled", "load", "pointer", "status", "tensor_pointer"]
