"""What stops a file from being written, and what to do about it."""

from __future__ import annotations

import errno

__all__ = ["NO_PLACE", "remedy_for"]

_REMEDIES = {
    errno.EISDIR: "there is a folder of that name, choose another path",
    errno.ENOSPC: "free some space on the disk or write elsewhere",
    errno.EDQUOT: "free some space of your quota or write elsewhere",
    errno.EFBIG: "write to a place that takes files of this size",
    errno.EROFS: "write to a place that is not read-only",
    errno.EACCES: "write to a folder that is yours",
    errno.EPERM: "write to a folder that is yours",
    errno.ENOTDIR: "one of the folders in its path is a file, choose another path",
    errno.EEXIST: "one of the folders in its path is a file, choose another path",
}

NO_PLACE = frozenset(
    (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR)
)
"""Numbers of errors that stop whatever is written to a place: no space, no permission."""


def remedy_for(error: BaseException, otherwise: str) -> str:
    """What to do so that a file can be written.

    Args:
        error: What stopped it.
        otherwise: What to do if nothing is known about that.
    """
    return _REMEDIES.get(getattr(error, "errno", None) or 0, otherwise)
