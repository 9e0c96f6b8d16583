"""What an installer sees of the user's environment, so that it does what its command says and nothing else.

The command says where packages go and which index they come from. A variable may say otherwise, and so may a
configuration file; of both, what names a proxy, a certificate, a trusted host, a cache or a constraint stays. What
stands against what was tried with pip 23.0.1, 24.2 and 26.3 and with uv 0.13.9, against indexes on the loopback.
"""

from __future__ import annotations

import os
import re
from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OF_PYTHON = ("PYTHONHOME", "PYTHONPATH", "__PYVENV_LAUNCHER__")
"""They lead an interpreter to modules outside of its environment."""

TAKEN = {
    "pip": (
        *(
            "PIP_ABI",
            "PIP_ALL_RELEASES",
            "PIP_BREAK_SYSTEM_PACKAGES",
            "PIP_EDITABLE",
            "PIP_GROUP",
            "PIP_IMPLEMENTATION",
        ),
        *("PIP_ONLY_DEPS", "PIP_PLATFORM", "PIP_PREFIX", "PIP_PYTHON", "PIP_PYTHON_VERSION", "PIP_QUIET"),
        *("PIP_REQUIREMENT", "PIP_ROOT", "PIP_TARGET", "PIP_UPGRADE_STRATEGY", "VIRTUAL_ENV"),
    ),
    "uv pip": (
        *("UV_BREAK_SYSTEM_PACKAGES", "UV_PRERELEASE", "UV_PROJECT", "UV_PROJECT_ENVIRONMENT", "UV_PYTHON"),
        *("UV_REQUIRE_HASHES", "UV_SYSTEM_PYTHON", "UV_TORCH_BACKEND", "UV_WORKING_DIR", "VIRTUAL_ENV"),
    ),
    "uv": (
        *(
            "UV_FROZEN",
            "UV_LOCKED",
            "UV_NO_SYNC",
            "UV_PRERELEASE",
            "UV_PROJECT",
            "UV_SYSTEM_PYTHON",
            "UV_TORCH_BACKEND",
        ),
        "UV_WORKING_DIR",
    ),
}
"""By installer: they send packages to another place or nowhere, bring others along, or choose other builds."""

GIVEN = {
    # "0" stands above what a configuration file says. A variable that a pip does not know it passes over.
    "pip": dict.fromkeys(
        (
            *("PIP_DRY_RUN", "PIP_FORCE_REINSTALL", "PIP_IGNORE_INSTALLED", "PIP_NO_DEPS", "PIP_PRE"),
            *("PIP_REQUIRE_HASHES", "PIP_UPGRADE", "PIP_USER"),
        ),
        "0",
    ),
    "uv pip": {"UV_RESOLUTION": "highest"},
    "uv": {"UV_RESOLUTION": "highest"},
}
"""By installer: set whatever variables and files say, so that a command does what it does by default."""

INDEXES = {
    "pip": ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_NO_INDEX"),
    "uv pip": (
        *("UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_INDEX", "UV_INDEX_STRATEGY", "UV_INDEX_URL"),
        *("UV_NO_INDEX", "UV_OFFLINE"),
    ),
}
"""They add to the index that a command names, or take its place."""

PATHS = (
    *("PIP_BUILD_CONSTRAINT", "PIP_CACHE_DIR", "PIP_CERT", "PIP_CLIENT_CERT", "PIP_CONFIG_FILE", "PIP_CONSTRAINT"),
    *("PIP_FIND_LINKS", "PIP_LOG", "UV_BUILD_CONSTRAINT", "UV_CACHE_DIR", "UV_CONFIG_FILE", "UV_CONSTRAINT"),
    *("UV_EXCLUDE", "UV_FIND_LINKS", "UV_OVERRIDE", "CURL_CA_BUNDLE", "NETRC", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR"),
    *("SSL_CERT_FILE", "SSL_CLIENT_CERT"),
)
"""Their values may be paths seen from the folder the user stands in, and an installer works in another one."""

ALWAYS = {
    "NO_COLOR": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INPUT": "1",
    "PIP_ROOT_USER_ACTION": "ignore",
    "PYTHONNOUSERSITE": "1",
    "PYTHONUNBUFFERED": "1",
}

INDEX_OPTIONS = ("--index-url", "--default-index")
LINKS_OPTIONS = ("--find-links",)
LOGIN_VARIABLES = {
    ("pip", INDEX_OPTIONS): ("PIP_INDEX_URL",),
    ("pip", LINKS_OPTIONS): ("PIP_FIND_LINKS",),
    ("uv pip", INDEX_OPTIONS): ("UV_DEFAULT_INDEX", "UV_INDEX"),
    ("uv pip", LINKS_OPTIONS): ("UV_FIND_LINKS",),
}
"""The variables that say the same as an option."""

OF_UV_FILE = re.compile(r"^\s*(?:torch-backend|no-deps|require-hashes)\s*=", re.MULTILINE)
OF_UV_FILE_AND_INDEX = re.compile(rf"{OF_UV_FILE.pattern}|^\s*(?:no-index|find-links)\s*=", re.MULTILINE)
"""What stands in a uv.toml and no variable of uv's undoes: with it, uv is told to read no configuration.

The second is for commands that name their index.
"""


def tool_of(argv: Sequence[str]) -> str:
    """Return who carries a command out: "pip", "uv pip", "uv", "poetry", "pdm", "conda", or the program's name."""
    name = re.sub(r"\.exe$", "", os.path.basename(argv[0].replace("\\", "/")).lower())
    if tuple(argv[1:3]) == ("-m", "pip") or re.fullmatch(r"pip[\d.]*", name):
        return "pip"
    if name == "uv":
        return "uv pip" if "pip" in argv[1:3] else "uv"
    return "conda" if name in ("mamba", "micromamba") else name


def environment_for(
    argv: Sequence[str], environ: Mapping[str, str], secret_base: str | None = None, index_name: str | None = None
) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """Return the variables for the child that runs `argv`, and the names of what was taken away: variables, or a file.

    `secret_base` is the index base with its user and password where it has one; `argv` names it without them. They go
    into the variable that says the same as the option, and `installing.install` leaves that option out; for a project
    of uv or poetry they go by `index_name`, what the project calls the index. Variables that were set for a project's
    manager (`projects.environment_for`) stay.
    """
    tool = tool_of(argv)
    taken = {*OF_PYTHON, *TAKEN.get(tool, ())}
    only = bool(_values(argv, INDEX_OPTIONS))
    if only:
        taken.update(INDEXES.get(tool, ()))
    cleared = sorted(name for name in taken if environ.get(name))
    child = {name: value for name, value in environ.items() if name not in taken}
    for name in PATHS:
        if name in child:
            child[name] = _absolute(child[name])
    child.update(ALWAYS)
    child.update(GIVEN.get(tool, {}))
    if only and tool == "pip":
        # Blanks are a list of nothing, above the list of a configuration file; "" would be passed over.
        child.update({"PIP_EXTRA_INDEX_URL": " ", "PIP_FIND_LINKS": " ", "PIP_NO_INDEX": "0"})
    if tool == "uv pip":
        if only:
            # The first index that has a package is the one; an index of a file comes before --index-url.
            first = _values(argv, INDEX_OPTIONS)[0]
            child.update({"UV_INDEX": first, "UV_INDEX_STRATEGY": "first-index", "UV_OFFLINE": "0"})
        file = _uv_file(child, OF_UV_FILE_AND_INDEX if only else OF_UV_FILE)
        if file:
            child["UV_NO_CONFIG"] = "1"
            child.pop("UV_CONFIG_FILE", None)  # which wins over it
            cleared.append(file)
    if secret_base:
        child.update(_logins(tool, argv, secret_base, index_name))
    return child, tuple(cleared)


def without_login(argv: Sequence[str], environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return `argv` without the options whose address a variable holds with user and password."""
    tool = tool_of(argv)
    kept = list(argv)
    for (of, options), variables in LOGIN_VARIABLES.items():
        held = environ.get(variables[0], "").split() if of == tool else []
        plain = {_plain(address) for address in held if _plain(address) != address}
        for place in range(len(kept) - 2, -1, -1):
            if kept[place] in options and kept[place + 1] in plain:
                del kept[place : place + 2]
    return tuple(kept)


def secrets(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the passwords in what installers and proxies are told, as they stand there and decoded, longest first."""
    found = set()
    for name, value in environ.items():
        if not name.upper().startswith(OURS) and not name.lower().endswith("_proxy"):
            continue
        if name.endswith("_PASSWORD"):
            found.add(value)
        for word in value.split() if "://" in value else ():
            found.add(word.partition("://")[2].rpartition("@")[0].partition(":")[2])
    found |= {unquote(one) for one in found}
    return tuple(sorted((one for one in found if len(one) >= SHORTEST_SECRET), key=len, reverse=True))


OURS = ("PIP_", "UV_", "POETRY_", "PDM_")
SHORTEST_SECRET = 4
"""Characters: a shorter one is part of ordinary words."""


def _values(argv: Sequence[str], options: Sequence[str]) -> list[str]:
    return [value for option, value in pairwise(argv) if option in options]


def _logins(tool: str, argv: Sequence[str], secret_base: str, index_name: str | None) -> dict[str, str]:
    base = urlsplit(secret_base)
    login, _, host = base.netloc.rpartition("@")
    found: dict[str, str] = {}
    for (of, options), variables in LOGIN_VARIABLES.items():
        if of != tool:
            continue
        addresses = [urlsplit(value) for value in _values(argv, options)]
        ours = [urlunsplit(one._replace(netloc=base.netloc)) for one in addresses if one.netloc == host and login]
        if ours:
            found.update(dict.fromkeys(variables, " ".join(ours)))
    prefix = {"uv": "UV_INDEX_", "poetry": "POETRY_HTTP_BASIC_"}.get(tool)
    if prefix and index_name and login:
        user, _, password = login.partition(":")
        name = re.sub(r"[^A-Z0-9]", "_", index_name.upper())
        found[f"{prefix}{name}_USERNAME"], found[f"{prefix}{name}_PASSWORD"] = unquote(user), unquote(password)
    return found


def _plain(address: str) -> str:
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _uv_file(environ: Mapping[str, str], words: re.Pattern[str]) -> str | None:
    """Return the first configuration file of uv in which one of these words stands.

    uv reads the user's and the system's (docs.astral.sh/uv, "Configuration files"); the folder it works in has none.
    """
    chosen = environ.get("UV_CONFIG_FILE")
    if not chosen and environ.get("UV_NO_CONFIG", "").lower() in ("1", "true"):
        return None
    home = environ.get("XDG_CONFIG_HOME") or os.path.join(environ.get("HOME") or os.path.expanduser("~"), ".config")
    if os.name == "nt":
        home = environ.get("APPDATA") or home
    system = (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")
    folders = [os.path.join(folder, "uv") for folder in (home, *system, "/etc")]
    for path in [chosen] if chosen else [os.path.join(folder, "uv.toml") for folder in folders]:
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                if words.search(file.read()):
                    return path
        except OSError:  # none there, or nobody may read it: uv neither
            continue
    return None


def _absolute(value: str) -> str:
    if os.path.exists(value):
        return os.path.abspath(value)
    return " ".join(
        os.path.abspath(word) if not urlsplit(word).scheme and os.path.exists(word) else word for word in value.split()
    )
