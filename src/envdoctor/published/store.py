"""What was read before, on disk: small JSON files, each written whole or not at all.

A cache may be missing, full, damaged or shared by two processes; none of that is an error, it only costs time.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "ENVDOCTOR_CACHE_DIR"
MEANING = "the folder in which pages and wheels that were read are remembered, instead of the user's folder for caches"

MOST_BYTES = 32 * 1024 * 1024
"""No entry is larger: a page is kept in base64, and none above 16 MiB is read."""

LEFT_BEHIND = 3600
"""Seconds after which a half written entry belongs to nobody."""


PARTS: list[str] = []
"""Entries that are half written at this moment; a signal that ends the run takes them away."""


class Store:
    """Entries by room ("pages") and key; `folder` None remembers nothing."""

    def __init__(self, folder: str | None) -> None:
        self._folder = folder
        self._swept = folder is None

    def get(self, room: str, key: str) -> dict[str, object] | None:
        """Return an entry; None where there is none, or none that can be read."""
        if self._folder is None:
            return None
        try:
            with open(self._path(room, key), "rb") as file:
                value = json.loads(file.read(MOST_BYTES))
        except (OSError, ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None

    def put(self, room: str, key: str, value: Mapping[str, object]) -> None:
        """Remember an entry, if that is possible."""
        if self._folder is None:
            return
        path = self._path(room, key)
        part = os.path.join(os.path.dirname(path), f".part-{secrets.token_hex(8)}")
        PARTS.append(part)
        try:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            self._sweep()
            with open(part, "x", encoding="ascii", opener=_private) as file:
                json.dump(value, file)
            os.replace(part, path)
        except OSError:
            _remove(part)
        finally:
            PARTS.remove(part)

    def _path(self, room: str, key: str) -> str:
        name = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
        return os.path.join(self._folder or "", room, f"{name}.json")

    def _sweep(self) -> None:
        """Take away, once a run, what processes that were killed left half written."""
        if self._swept or self._folder is None:
            return
        self._swept = True
        for room in os.scandir(self._folder):
            for entry in os.scandir(room.path) if room.is_dir() else ():
                if entry.name.startswith(".part-") and time.time() - entry.stat().st_mtime > LEFT_BEHIND:
                    _remove(entry.path)


def _private(name: str, flags: int) -> int:
    # A page of a private index may hold addresses that open it.
    return os.open(name, flags, 0o600)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass


def user_store(environ: Mapping[str, str]) -> Store:
    """Return the store of this user: `ENVDOCTOR_CACHE_DIR`, or the system's folder for caches."""
    from platformdirs import user_cache_dir

    return Store(environ.get(VARIABLE) or user_cache_dir("envdoctor", appauthor=False))
