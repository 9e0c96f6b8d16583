"""Running an installer: what it says goes into the log, what it does is told, and its end comes back as a value.

Its cache stays in use, so that a second run takes up what the first had downloaded: pip keeps a wheel when it is whole
(`Using cached`), and since 25.1 goes on with one that broke off within the same run; uv keeps each wheel when it is
unpacked. uv links files from its cache into the environment, and unlinks a file before it puts another in its place,
so that nothing is written through such a link.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections import deque
from contextlib import suppress
from typing import IO, TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from envdoctor.codec.credentials import REMOVED, strip_credentials
from envdoctor.fix.freezing import sites
from envdoctor.fix.telling import Doing, Listener
from envdoctor.fix.variables import secrets, tool_of, without_login
from envdoctor.host.conversation import Heard
from envdoctor.host.following import Following
from envdoctor.host.process import signal_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SILENCE = 7200.0
"""Seconds without a word before an installer is taken for hung.

pip and uv give up on a server that is silent by themselves, within minutes. But a pip before 24.1 says nothing while it
downloads, and 0.9 GB at 1 Mbit/s are two hours; uv says nothing while it builds.
"""

MOST_KEPT = 400
"""Lines of its output kept for `failures.reason`: its error stands at the end."""

MOST_LOGGED = 32 * 1024 * 1024
"""Characters of one installer's output that go into the log."""

ROOT = os.path.abspath(os.sep)
"""Where pip and uv work: no project is there whose settings uv would read."""

_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")


_SKIPPED = re.compile(r"\s*Skipping link: ")
_CHATTER = re.compile(
    r"\s*(?:Found (?:link|index url)|(?:Created|Entered|Removed|Initialized) |Starting new |Looking up "
    r"|https?://\S+ \"GET|No cache entry|Given no hashes|Getting page|Fetch(?:ing|ed) |Skipping link: not a file)"
)


class Ran(NamedTuple):
    """How an installer ended. `exit` is its status as subprocess gives it, None where it was not started or hung.

    `said` is the end of what it said, without credentials; `trouble` says why `exit` is None; `log` is the file that
    has all of it.
    """

    argv: tuple[str, ...]
    exit: int | None
    said: str
    trouble: str = ""
    log: str = ""


def install(
    argv: Sequence[str],
    environ: Mapping[str, str],
    log: str,
    tell: Callable[[Doing], None],
    silence: float = SILENCE,
    cwd: str | None = None,
) -> Ran:
    """Run one command of an installer and return how it ended; raises nothing for what the installer does.

    `environ` is that of `variables.environment_for`; an option whose address a variable there has with a password is
    left out. `log` is a path that is appended to; `tell` is given what is being done. `cwd` is the folder for a
    project's manager; pip and `uv pip` work where no project is.
    """
    shown = tuple(strip_credentials(word) for word in argv)
    program = program_of(argv[0], environ)
    if program is None:
        return Ran(shown, None, "", f"{argv[0]} is not installed, or not on the PATH", log)
    tool = tool_of(argv)
    environ = {**environ, **_talkative(tool, program)}
    folder = ROOT if tool in ("pip", "uv pip") or cwd is None else cwd
    listener = Listener(tool, tell)
    said: deque[str] = deque(maxlen=MOST_KEPT)
    telling_why = _Why(argv)
    hidden = secrets(environ)
    with _Log(log) as written:
        written.line(f"$ {' '.join(shown)}")
        child = Following((program, *without_login(argv, environ)[1:]), environ, folder)
        try:
            trouble = child.trouble and f"{argv[0]} could not be started: {child.trouble}"
            until = time.monotonic() + silence
            while not trouble:
                line = child.next(until)
                if line is Heard.END:
                    break
                if line is Heard.NOTHING:
                    trouble = f"it said nothing for {silence / 60:.0f} minutes and was ended"
                    break
                until = time.monotonic() + silence
                text = _harmless(line, hidden)
                if text and not listener.hear(text):
                    written.line(text)
                    if telling_why(text):
                        said.append(text)
            status = None if trouble else child.status(max(0.0, until - time.monotonic()))
            if status is None and not trouble:
                trouble = f"it closed its output and did not end within {silence / 60:.0f} minutes"
        finally:
            child.stop()
        written.line(trouble or _end(status))
    return Ran(shown, status, "\n".join(said), trouble, log)


def in_clone(argv: Sequence[str], python_before: str, python_after: str) -> tuple[str, ...]:
    """Return `argv` for the clone: its interpreter where the command names that of the environment."""
    return tuple(python_after if word == python_before else word for word in argv)


def moved_to(argv: Sequence[str], old: str, new: str) -> tuple[str, ...]:
    """Return `argv` with the folder `new` in the place of `old`, and of what lies in that."""
    return tuple(new + word[len(old) :] if word == old or word.startswith(f"{old}{os.sep}") else word for word in argv)


def program_of(name: str, environ: Mapping[str, str]) -> str | None:
    """Return the path of a program, on the PATH of `environ` or beside the interpreter that runs this."""
    import shutil

    beside = os.path.dirname(sys.executable)
    return shutil.which(name, path=environ.get("PATH")) or shutil.which(name, path=beside)


class _Why:
    """Tells the lines in which a reason may stand from the rest that pip says when it is to say them at all."""

    def __init__(self, argv: Sequence[str]) -> None:
        self._versions = [f"-{quote(word.partition('==')[2])}-" for word in argv if "==" in word]
        self._over = False

    def __call__(self, line: str) -> bool:
        self._over = self._over or line == "Exception information:"  # of an error that pip has put into words before
        if self._over or _CHATTER.match(line):
            return False
        return not _SKIPPED.match(line) or any(version in line for version in self._versions)


def _talkative(tool: str, program: str) -> dict[str, str]:
    """Return the variables by which a pip tells all that it can: values that an older one does not know end it.

    Below the second degree of verbosity it does not say why it passed over an index or a wheel, and before 20.3 there
    is none as a variable; how far a download is it tells since 24.1.
    """
    if tool != "pip":
        return {}
    names = [name for site in sites(os.path.dirname(os.path.dirname(program))) for name in os.listdir(site)]
    releases = [re.match(r"pip-(\d+)\.(\d+)", name) for name in names if re.fullmatch(r"pip-.*\.dist-info", name)]
    oldest = min(((int(match[1]), int(match[2])) if match else (0, 0) for match in releases), default=(0, 0))
    return {
        "PIP_PROGRESS_BAR": "raw" if oldest >= (24, 1) else "off",
        "PIP_VERBOSE": "2" if oldest >= (20, 3) else "1",
    }


def _harmless(line: str, hidden: Sequence[str]) -> str:
    """Return a line without credentials and without what a terminal would obey."""
    line = _ESCAPES.sub("", line)
    for secret in hidden:
        line = line.replace(secret, REMOVED)
    line = strip_credentials(line).rstrip()
    return line if line.isprintable() else "".join(c if c.isprintable() or c == "\t" else "\ufffd" for c in line)


def _end(status: int | None) -> str:
    if status is not None and status < 0:
        return f"(ended by signal {signal_name(-status)})"
    return f"(exit {status})"


class _Log:
    """The log; a disk that takes no more of it does not stop the installer, whose own words will say so."""

    def __init__(self, path: str) -> None:
        self._left = MOST_LOGGED
        self._file: IO[str] | None = None
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
            self._file = open(os.open(path, flags, 0o600), "a", encoding="utf-8", errors="replace")  # noqa: SIM115
        except OSError:
            pass

    def __enter__(self) -> _Log:
        return self

    def __exit__(self, *_: object) -> None:
        self._do(lambda file: file.close())

    def line(self, text: str) -> None:
        """Write a line; after `MOST_LOGGED` characters only that there is more."""
        if self._left > 0:
            self._left -= len(text) + 1
            more = "" if self._left > 0 else "(the rest is not kept)\n"
            self._do(lambda file: (file.write(f"{text}\n{more}"), file.flush()))

    def _do(self, work: Callable[[IO[str]], object]) -> None:
        if self._file is None:
            return
        try:
            work(self._file)
        except OSError:
            file, self._file = self._file, None
            with suppress(OSError):  # what it still holds does not go to the disk either
                file.close()
