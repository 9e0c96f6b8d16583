"""The user's own settings: `envdoctor.toml` in the folder for configuration.

Only the user's file is read, never one of a project: a repository that was cloned to be looked at must not say where
packages come from.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

from envdoctor.commands.failure import Unusable
from envdoctor.commands.options import near_names

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = "envdoctor.toml"
KEYS = ("index-base",)
"""What may stand in the file; each holds a text."""

MOST_BYTES = 65_536


def settings_file(environ: Mapping[str, str]) -> str | None:
    """Return where the user's settings stand, whether they are there or not; None where the user has no folder.

    `$XDG_CONFIG_HOME/envdoctor` or `~/.config/envdoctor` (XDG Base Directory Specification); `%APPDATA%\\envdoctor` on
    Windows.
    """
    if sys.platform == "win32":
        folder = environ.get("APPDATA")
    else:
        home = environ.get("HOME")
        folder = environ.get("XDG_CONFIG_HOME") or (os.path.join(home, ".config") if home else None)
    return os.path.join(folder, "envdoctor", FILE) if folder and os.path.isabs(folder) else None


def read_settings(path: str | None) -> Mapping[str, str]:
    """Return the settings by key; none where there is no file. Raises `Unusable` for one that cannot be used."""
    text = _text(path) if path else None
    if path is None or text is None:
        return {}
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as problem:
        # Only the place: what else a message repeats of the file may be a password.
        place = re.search(r"line \d+, column \d+", str(problem))
        raise Unusable(f"{path}: not TOML{f' ({place[0]})' if place else ''}") from None
    for key, value in document.items():
        if key not in KEYS:
            near = near_names(key.replace("_", "-"), KEYS)
            hint = f"did you mean {near[0]}?" if near else f"it may hold {', '.join(KEYS)}"
            raise Unusable(f"{path}: {_short(key)}: unknown; {hint}")
        if not isinstance(value, str):
            raise Unusable(f"{path}: {key}: not a text in quotes")
    return document


def _text(path: str) -> str | None:
    import stat

    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise Unusable(f"{path}: not a regular file")
        with open(path, "rb") as file:
            content = file.read(MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as problem:  # ValueError: a NUL byte in HOME
        raise Unusable(f"{path}: {getattr(problem, 'strerror', None) or 'cannot be read'}") from None
    if len(content) > MOST_BYTES:
        raise Unusable(f"{path}: larger than {MOST_BYTES >> 10} KiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unusable(f"{path}: not UTF-8 text") from None


def _short(key: str) -> str:
    return key if len(key) <= 40 else f"{key[:40]}..."
