"""A small environment with a project around it, a fix of it without an installer, and what may be seen afterwards."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from envdoctor.fix import journal
from envdoctor.fix.cloning import clone
from envdoctor.fix.journal import Entry, Stage
from envdoctor.fix.keeping import keep, put_in, settled
from envdoctor.fix.lock import locked
from envdoctor.fix.place import Place, place_of
from envdoctor.fix.recovering import recover
from envdoctor.fix.rolling_back import roll_back
from envdoctor.fix.swapping import swap
from envdoctor.host.exchange import exchange

if TYPE_CHECKING:
    from collections.abc import Callable

    Trade = Callable[[str, str], bool]


def cannot_exchange(a: str, b: str) -> bool:
    """What `host.exchange` answers on a file system that cannot."""
    return False


TRADES = {"exchange": exchange, "renames": cannot_exchange}


def make_world(folder: Path) -> Place:
    """Make `folder/.venv`, version 0, of a few files of different kinds, and `folder/pyproject.toml`."""
    environment = folder / ".venv"
    packages = environment / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "torch.py").write_text("version = 0")
    (packages / "torch.py").chmod(0o444)
    (environment / "bin").mkdir()
    (environment / "bin" / "python").symlink_to("/usr/bin/python3")
    (packages / "readonly").mkdir()
    (packages / "readonly" / "data").write_bytes(b"\0" * 100)
    (packages / "readonly").chmod(0o555)
    os.utime(packages / "torch.py", ns=(1, 1_600_000_000_123_456_789))
    (folder / "pyproject.toml").write_text("torch = 0")
    return place_of(str(environment))


def version(place: Place, folder: str = "") -> int:
    """Return which version an environment is."""
    file = Path(folder or place.environment, "lib", "python3.11", "site-packages", "torch.py")
    return int(file.read_text().rpartition(" ")[2])


def project(place: Place) -> Path:
    """Return the file of the project that a fix changes."""
    return Path(place.environment).with_name("pyproject.toml")


def fix(place: Place, trade: Trade = exchange) -> None:
    """Make the next version of the environment and of the project's file, as `fix --apply` does."""
    with locked(place):
        recover(place)
        entry = Entry(f"run-{version(place)}", Stage.MAKING, place.environment, "2026-11-21")
        journal.write(place, entry)
        clone(place.environment, place.new, lambda done, of: None)
        entry = _with_files(place, entry)
        file = Path(place.new, "lib", "python3.11", "site-packages", "torch.py")
        number = version(place) + 1
        file.unlink()
        file.write_text(f"version = {number}")
        swap(place, entry, trade)


def _with_files(place: Place, entry: Entry) -> Entry:
    from dataclasses import replace

    file = str(project(place))
    lock = str(project(place).with_name("uv.lock"))
    texts = {file: f"torch = {version(place) + 1}"}
    entry = replace(entry, files=keep(place, (file, lock), texts))
    journal.write(place, entry)
    put_in(file, texts[file])
    put_in(lock, f"locked = {version(place) + 1}")
    entry = replace(entry, files=settled(entry.files))
    journal.write(place, entry)
    return entry


def go_back(place: Place, trade: Trade = exchange) -> tuple[str, ...]:
    """Do what `fix --rollback` does."""
    with locked(place):
        recover(place)
        entry = journal.kept(place)
        return () if entry is None else roll_back(place, entry, trade)


def mend(place: Place) -> str | None:
    """Do what each start of `fix` does."""
    with locked(place):
        return recover(place)


def digest(folder: str) -> str:
    """Return one number for all that a folder holds: names, kinds, modes, times of files, content, targets of links."""
    found = hashlib.sha256()
    for path in sorted([folder, *_below(folder)]):
        status = os.lstat(path)
        content = (
            os.readlink(path).encode()
            if os.path.islink(path)
            else Path(path).read_bytes()
            if os.path.isfile(path)
            else b""
        )
        told = (os.path.relpath(path, folder), status.st_mode, status.st_mtime_ns, content)
        found.update(repr(told).encode())
    return found.hexdigest()


def _below(folder: str) -> list[str]:
    return [os.path.join(at, name) for at, folders, files in os.walk(folder) for name in folders + files]


def names(place: Place) -> set[str]:
    """Return what lies in the state folder, apart from what every run puts there; empty where there is none."""
    return set(os.listdir(place.state)) - {".gitignore", "lock"} if os.path.isdir(place.state) else set()
