"""One-line error messages for the command line, instead of tracebacks."""

from arseg_lightning.messages.failure import plain_message, report
from arseg_lightning.messages.parser import PROGRAM, CommandError, PlainMessages
from arseg_lightning.messages.words import listed, nearest

__all__ = [
    "PROGRAM",
    "CommandError",
    "PlainMessages",
    "listed",
    "nearest",
    "plain_message",
    "report",
]
