"""What the standard library has on Linux and lacks elsewhere, by the platform notes of its documentation.

`MODULES` and `NAMES` are by `sys.platform` of the system that lacks them; a name is a pattern of attributes of
that module. Names that only new Python versions have count as lacking too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

MODULES = {
    "win32": frozenset(
        {
            *("crypt", "curses", "fcntl", "grp", "nis", "ossaudiodev", "posix", "pty", "pwd", "readline", "resource"),
            *("spwd", "syslog", "termios", "tty", "_posixsubprocess"),
        }
    ),
    "darwin": frozenset({"nis", "ossaudiodev", "spwd"}),
}

NAMES = {
    "win32": {
        "os": re.compile(
            r"O_(?!RDONLY$|WRONLY$|RDWR$|APPEND$|CREAT$|EXCL$|TRUNC$)\w+|W[A-Z]{3,}|(?:CLD|CLONE|EFD|FADV|GRND|MFD|"
            r"POSIX|PRIO|PIDFD|RTLD|RWF|SCHED|SPLICE|ST|STATX|TFD|XATTR|AT)_[A-Z]\w*|EX_(?!OK$)\w+|"
            r"F_(?!OK$)\w+|P_(?:ALL|PG?ID\w*)|NGROUPS_MAX|SEEK_(?:DATA|HOLE)|"
            r"chflags|chown|chroot|confstr\w*|copy_file_range|ctermid|environb|eventfd\w*|f?pathconf\w*|fch(?:dir|mod|own)|"
            r"fdatasync|fork\w*|f?statvfs|fwalk|getcwdb?_r|gete?[ug]id|getenvb|getgroup\w*|getloadavg|getpg\w+|getpriority|"
            r"getrandom|getres[ug]id|getsid|initgroups|killpg|lchmod|lchown|lockf|login_tty|[fglrs]\w*xattr|major|makedev|"
            r"memfd_create|minor|mkfifo|mknod|nice|openpty|pidfd_open|pipe2|posix_\w+|p(?:read|write)v?|ptsname|"
            r"register_at_fork|readv|writev|sched_\w+|sendfile|set(?:e?[ug]id|groups|ns|pg\w+|priority|re\w+|sid)|"
            r"spawnv?l?pe?|splice|statx|sync|sysconf\w*|tc[gs]etpgrp|timerfd_\w+|ttyname|uname|unlockpt|unshare|"
            r"wait[34]?|waitid|(?:get|set)_blocking"
        ),
        "signal": re.compile(
            r"SIG(?!INT$|TERM$|ABRT$|FPE$|ILL$|SEGV$|BREAK$|_DFL$|_IGN$)[A-Z_0-9]+|ITIMER_\w+|alarm|[gs]etitimer|pause|"
            r"pidfd_send_signal|pthread_\w+|siginterrupt|sigpending|sigtimedwait|sigwait\w*"
        ),
        "select": re.compile(r"poll|epoll|kqueue|kevent|devpoll|PIPE_BUF|E?POLL\w+"),
        "mmap": re.compile(r"MADV_\w+|MAP_\w+|MS_\w+|PROT_\w+"),
        "time": re.compile(r"tzset|clock_[gs]\w+|CLOCK_\w+|pthread_\w+"),
        "socket": re.compile(r"AF_UNIX|send_fds|recv_fds|SCM_\w+|sethostname"),
    },
    "darwin": {
        "os": re.compile(
            r"O_(?:DIRECT|LARGEFILE|NOATIME|PATH|RSYNC|TMPFILE)|sched_[gs]et\w+|[flrgs]\w*xattr|memfd_create|pidfd_open|"
            r"pipe2|splice|statx|unshare|eventfd\w*|timerfd_\w+|fdatasync|getrandom|getres[ug]id|setres[ug]id|"
            r"copy_file_range|posix_f\w+"
        ),
        "signal": re.compile(r"SIG(?:CLD|POLL|PWR|RTM\w+|STKFLT)|sigtimedwait|sigwaitinfo|pidfd_send_signal"),
        "select": re.compile(r"epoll|EPOLL\w+"),
    },
}  # fmt: skip


def lacks(platform: str, module: str, name: str) -> bool:
    """Whether `module` has no such attribute there."""
    pattern = NAMES[platform].get(module)
    return pattern is not None and pattern.fullmatch(name) is not None


def lacking(platform: str, module: ModuleType) -> list[str]:
    """The attributes of a loaded module that it does not have there."""
    return [name for name in dir(module) if lacks(platform, module.__name__, name)]
