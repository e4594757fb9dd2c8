"""Short messages for wrong command lines and configurations."""

from arseg_lightning.messages.cause import Cause, find_cause
from arseg_lightning.messages.parser import PROGRAM, CommandError, PlainMessages
from arseg_lightning.messages.words import listed, nearest

__all__ = ["PROGRAM", "Cause", "CommandError", "PlainMessages", "find_cause", "listed", "nearest"]
