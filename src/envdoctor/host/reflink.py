"""Two files that share their blocks until one is written to: ioctl_ficlone(2), on btrfs and XFS among others."""

from __future__ import annotations

FICLONE = 0x40049409
"""_IOW(0x94, 9, int) of linux/fs.h as most machines have it; where it is another number (POWER, MIPS) it is refused."""


def share(source: int, target: int) -> bool:
    """Make the open file `target`, which is writable, one with the content and the blocks of the open file `source`.

    False where the system or the file system cannot, for whatever reason: then the content has to be copied, and the
    copying tells what is wrong.
    """
    try:
        from fcntl import ioctl
    except ImportError:  # Windows
        return False
    try:
        ioctl(target, FICLONE, source)
    except OSError:
        return False
    return True
