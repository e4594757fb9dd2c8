"""Kernels in C: compiled on first use where the machine has a compiler, else done without."""

from arseg_lightning.native.arrays import pointer, tensor_pointer
from arseg_lightning.native.libraries import enabled, load, status
from arseg_lightning.native.machine import machine, package_versions

__all__ = ["enabled", "load", "machine", "package_versions", "pointer", "status", "tensor_pointer"]
