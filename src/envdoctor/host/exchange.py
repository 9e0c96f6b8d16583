"""Two names of one file system trade places in one moment: renameat2(2) with RENAME_EXCHANGE, Linux 3.15."""

from __future__ import annotations

import errno
import os
import platform
import sys

CURRENT_FOLDER = -100  # AT_FDCWD
EXCHANGE = 2  # RENAME_EXCHANGE of linux/fs.h
SYSCALLS = {"x86_64": 316, "aarch64": 276}
"""The number of renameat2 (asm/unistd_64.h, asm-generic/unistd.h), for a libc without the function (glibc 2.27)."""

CANNOT = (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP)
"""What renameat2(2) says where the kernel (ENOSYS) or the file system (EINVAL, NFS also EOPNOTSUPP) cannot do it."""


def exchange(a: str, b: str) -> bool:
    """Let two paths trade what they name, and return True; False where the system or the file system cannot.

    Raises OSError for all else that stands in the way: a path that is missing, a permission, two file systems.
    """
    if sys.platform != "linux":
        return False
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    names = (CURRENT_FOLDER, os.fsencode(a), CURRENT_FOLDER, os.fsencode(b), EXCHANGE)
    number = SYSCALLS.get(platform.machine())
    if hasattr(libc, "renameat2"):
        failed = libc.renameat2(*names)
    elif number is not None and sys.maxsize > 2**32:  # 32-bit Python on a 64-bit kernel has other numbers
        failed = libc.syscall(ctypes.c_long(number), *names)
    else:
        return False
    if not failed:
        return True
    trouble = ctypes.get_errno()
    if trouble in CANNOT:
        return False
    raise OSError(trouble, os.strerror(trouble), a, None, b)
