"""Trained runs on the Hugging Face hub: what is shared, its card, and both ways there.

What writes cards (``bundle``) is imported by itself: pandas, which lays out tables, is slow.
"""

from arseg_lightning.hub.repository import HUB_PREFIX, Repository, download, is_on_hub, upload

__all__ = ["HUB_PREFIX", "Repository", "download", "is_on_hub", "upload"]
