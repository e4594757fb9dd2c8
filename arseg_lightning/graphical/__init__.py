"""Superpixels, their energy and its minimum, diverse labellings, and a network that ranks them.

The extra ``graphical`` brings what superpixels and graph cuts are computed with.
"""

from arseg_lightning.graphical.diverse import diverse_labellings
from arseg_lightning.graphical.packages import check_installed
from arseg_lightning.graphical.potts import PottsModel
from arseg_lightning.graphical.ranker import ProposalRanker
from arseg_lightning.graphical.superpixels import Superpixels

__all__ = ["PottsModel", "ProposalRanker", "Superpixels", "check_installed", "diverse_labellings"]
