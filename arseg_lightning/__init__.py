"""AR-Seg and efficient video semantic segmentation in the compressed domain."""

__all__ = ["__version__"]

__version__ = "0.1.0"
