"""One-line error messages for the command line, instead of tracebacks."""

from arseg_lightning.messages.explain import nearest
from arseg_lightning.messages.failure import plain_message, report
from arseg_lightning.messages.parser import PROGRAM, CommandError, PlainMessages, check_file

__all__ = [
    "PROGRAM",
    "CommandError",
    "PlainMessages",
    "check_file",
    "nearest",
    "plain_message",
    "report",
]
