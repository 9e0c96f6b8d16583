"""Where pip, uv and conda are told to take packages from: their variables and configuration files.

An address loses whatever opens it (user info, tokens in its path, its query) before it becomes a fact. The files
of a project are not read: they belong to a folder, not to the environment that is examined.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from envdoctor.codec.credentials import REMOVED, strip_credentials
from envdoctor.model.fact import Known, Unknown
from envdoctor.probes import index_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.host.host import Host
    from envdoctor.model.fact import Value
    from envdoctor.probes.index_files import Told
    from envdoctor.probes.looking import Facts, Looking

FACTS = {"index.settings": "what pip, uv and conda are told of indexes: tool, setting, value, and from where"}

VARIABLES = {
    # Variable: tool, setting, and whether commas set its values apart (None: it is one value).
    "PIP_INDEX_URL": ("pip", "index-url", None),
    "PIP_EXTRA_INDEX_URL": ("pip", "extra-index-url", False),
    "PIP_FIND_LINKS": ("pip", "find-links", False),
    "PIP_NO_INDEX": ("pip", "no-index", None),
    "UV_DEFAULT_INDEX": ("uv", "index-url", None),
    "UV_INDEX_URL": ("uv", "index-url", None),
    "UV_INDEX": ("uv", "extra-index-url", False),
    "UV_EXTRA_INDEX_URL": ("uv", "extra-index-url", False),
    "UV_FIND_LINKS": ("uv", "find-links", True),
    "UV_NO_INDEX": ("uv", "no-index", None),
    "UV_TORCH_BACKEND": ("uv", "torch-backend", None),
    "CONDA_CHANNELS": ("conda", "channels", True),
}

NO_ADDRESS = frozenset({"no-index", "torch-backend"})
"""Settings whose value is a word."""

MOST = 100
"""Values kept; who has more has a list that somebody else's program wrote."""

MOST_BYTES = 65_536


def look(at: Looking) -> Facts:
    """Read the variables, then the files that each tool reads, in its order: the later wins."""
    host = at.host
    prefix = at.text("python.prefix")
    told = list(_variables(host))
    unread: list[str] = []
    files = (
        ("pip", pip_files(host, prefix), index_files.pip),
        ("uv", uv_files(host), index_files.uv),
        ("conda", _conda_files(host, prefix), index_files.conda),
    )
    for tool, paths, read in files:
        for path in dict.fromkeys(paths):
            text = _text(host, path, unread)
            if text is None:
                continue
            try:
                told += [(tool, setting, value, path) for setting, value in read(text)]
            except ValueError:
                unread.append(path)
    if unread and not told:
        return {"index.settings": Unknown(f"{_plain(unread[0])} cannot be read")}
    entries: list[Value] = [entry for one in told[:MOST] for entry in _entries(*one)]
    return {"index.settings": Known(entries[:MOST], "environment and configuration files")}


def _variables(host: Host) -> Iterator[tuple[str, str, Told, str]]:
    for name, (tool, setting, commas) in VARIABLES.items():
        value = host.environ.get(name)
        if value and value.strip():
            yield tool, setting, (value if commas is None else (value, commas)), name


def _entries(tool: str, setting: str, value: Told, origin: str) -> Iterator[dict[str, Value]]:
    """Yield one entry a value; only here a text becomes part of a fact."""
    # Imported where something is set: its patterns take a millisecond to compile.
    from envdoctor.codec.addresses import split_addresses, strip_address

    if isinstance(value, tuple):
        values = split_addresses(value[0], commas=value[1])
    elif setting in NO_ADDRESS:
        word = value.strip()
        values = [word if re.fullmatch(r"[\w.+-]{1,30}", word) else REMOVED]
    else:
        values = [strip_address(value)]
    for one in values:
        if tool == "uv":
            one = re.sub(r"^[\w.-]{1,100}=(?=\w{1,10}://)", "", one)  # UV_INDEX may name its indexes: name=address
        yield {"tool": tool, "setting": setting, "value": one, "from": _plain(origin)}


def _plain(path: str) -> str:
    return strip_credentials(path)[:300]


def _text(host: Host, path: str, unread: list[str]) -> str | None:
    """Return the text of a configuration file; None where there is none, or none that can be read."""
    try:
        text = host.read(path, MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError):  # no permission, a FIFO, a circle of links; a NUL byte in HOME
        unread.append(path)
        return None
    if len(text) > MOST_BYTES:
        unread.append(path)
        return None
    return text


def _home(host: Host, *below: str) -> Iterator[str]:
    folder = host.environ.get("USERPROFILE" if host.os == "windows" else "HOME")
    if folder:
        yield os.path.join(folder, *below)


def _settings_folders(host: Host) -> Iterator[str]:
    """Yield the user's folders for configuration (XDG Base Directory Specification; %APPDATA%)."""
    if host.os == "windows":
        if host.environ.get("APPDATA"):
            yield host.environ["APPDATA"]
    elif host.environ.get("XDG_CONFIG_HOME"):
        yield host.environ["XDG_CONFIG_HOME"]
    else:
        yield from _home(host, ".config")


def _shared_folders(host: Host) -> list[str]:
    return [folder for folder in host.environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":") if folder][:8]


def pip_files(host: Host, prefix: str | None) -> Iterator[str]:
    """Yield pip's files as "Configuration" in its documentation orders them."""
    windows = host.os == "windows"
    name = "pip.ini" if windows else "pip.conf"
    named = host.environ.get("PIP_CONFIG_FILE")
    if named in ("/dev/null", "nul", "NUL", os.devnull):
        return  # documented: with os.devnull no file is read at all
    if named:
        yield named
    if windows:
        yield os.path.join(host.environ.get("PROGRAMDATA", r"C:\ProgramData"), "pip", name)
    elif host.os == "macos":
        yield f"/Library/Application Support/pip/{name}"
    else:
        yield from (os.path.join(folder, "pip", name) for folder in _shared_folders(host))
        yield "/etc/pip.conf"
    if not (named and host.exists(named)):  # otherwise the user's own files are passed over
        yield from _home(host, "pip" if windows else ".pip", name)
        library = next(_home(host, "Library", "Application Support", "pip"), "") if host.os == "macos" else ""
        if library and host.is_dir(library):  # then it takes the place of ~/.config/pip
            yield os.path.join(library, name)
        else:
            yield from (os.path.join(folder, "pip", name) for folder in _settings_folders(host))
    if prefix:
        yield os.path.join(prefix, name)


def uv_files(host: Host) -> Iterator[str]:
    """Yield uv's files ("Configuration files" in its documentation); one that is named replaces all others."""
    if host.environ.get("UV_NO_CONFIG", "").lower() in ("1", "true", "yes", "on"):
        return
    named = host.environ.get("UV_CONFIG_FILE")
    if named:
        yield named
        return
    if host.os == "windows":
        yield os.path.join(host.environ.get("PROGRAMDATA", r"C:\ProgramData"), "uv", "uv.toml")
    else:
        shared = [os.path.join(folder, "uv", "uv.toml") for folder in _shared_folders(host)]
        yield next((path for path in shared if host.is_file(path)), "/etc/uv/uv.toml")
    yield from (os.path.join(folder, "uv", "uv.toml") for folder in _settings_folders(host))


def _conda_files(host: Host, prefix: str | None) -> Iterator[str]:
    """Yield conda's files (SEARCH_PATH in conda/base/constants.py), its folders condarc.d left out."""
    places = [r"C:\ProgramData\conda"] if host.os == "windows" else ["/etc/conda", "/var/lib/conda"]
    for place in places:
        yield from (os.path.join(place, ".condarc"), os.path.join(place, "condarc"))
    conda = host.environ.get("CONDA_EXE", "")
    # .../bin/conda, or ...\Scripts\conda.exe
    root = re.split(r"[/\\]+[^/\\]+[/\\]+[^/\\]+$", conda)[0] if conda else ""
    for folder in (root, host.environ.get("MAMBA_ROOT_PREFIX")):
        if folder:
            yield os.path.join(folder, ".condarc")
    yield from (os.path.join(folder, "conda", ".condarc") for folder in _settings_folders(host))
    yield from _home(host, ".conda", ".condarc")
    yield from _home(host, ".conda", "condarc")
    yield from _home(host, ".condarc")
    active = host.environ.get("CONDA_PREFIX")
    for folder in dict.fromkeys(folder for folder in (active, prefix) if folder):
        if folder == active or host.is_dir(os.path.join(folder, "conda-meta")):
            yield os.path.join(folder, ".condarc")
    if host.environ.get("CONDARC"):
        yield host.environ["CONDARC"]
