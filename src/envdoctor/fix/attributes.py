"""What a file is beside its content: owner, mode, times, extended attributes."""

from __future__ import annotations

import errno
import os
import stat

NOT_OURS = (errno.EPERM, errno.EACCES, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
"""Why an owner or an attribute cannot be set here; the copy is good without."""


def resemble(made: str, status: os.stat_result) -> None:
    """Give a file, link or folder the owner, mode and times of `status`, but no owner that this user may not give.

    Raises OSError where its times or its mode cannot be set.
    """
    link = stat.S_ISLNK(status.st_mode)
    try:
        if hasattr(os, "lchown"):
            os.lchown(made, status.st_uid, status.st_gid)
    except OSError as problem:
        if problem.errno not in NOT_OURS:
            raise
    if not link:
        # After the owner: a change of owner clears the bits setuid and setgid.
        os.chmod(made, stat.S_IMODE(status.st_mode))
    if not link or os.utime in os.supports_follow_symlinks:
        os.utime(made, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=not link)


def copy_attributes(old: str, new: str) -> None:
    """Give `new` the extended attributes of `old` that this user may read and set.

    Raises OSError for other reasons than that, such as no space left for them.
    """
    if not hasattr(os, "listxattr"):
        return
    try:
        names = os.listxattr(old, follow_symlinks=False)
    except OSError as problem:
        if problem.errno not in (*NOT_OURS, errno.ENOENT):
            raise
        return
    for name in names:
        try:
            os.setxattr(new, name, os.getxattr(old, name, follow_symlinks=False), follow_symlinks=False)
        except OSError as problem:
            if problem.errno not in (*NOT_OURS, errno.ENODATA, errno.ENOENT):
                raise
