"""One match specification of conda: what it demands, in the names of pip."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from envdoctor.codec.credentials import strip_credentials
from envdoctor.model.declared import PythonWish, Requirement, Statement
from envdoctor.model.names import normalised
from envdoctor.readers.declared.projects.specifiers import VARIABLE, conda_specifier

if TYPE_CHECKING:
    from envdoctor.model.place import Place

PIP_NAMES = {"pytorch": "torch", "pytorch-gpu": "torch", "pytorch-cpu": "torch", "torchtriton": "triton"}
"""Packages of conda that pip knows by another name."""

BUILDS_FOR = frozenset({"cudatoolkit", "pytorch-cuda", "cuda-version"})
"""Packages whose version chooses the CUDA that pytorch is built for."""

TOOLKITS = frozenset({"cuda-toolkit", "cuda-nvcc", "cuda", "cudatoolkit-dev", "cuda-compiler"})
"""Packages that bring a toolkit to compile with, whatever pytorch is built for."""

_SPEC = re.compile(r"(?:([^\s\[\]:]{1,200})::)?([A-Za-z0-9_][\w.-]{0,98})\s{0,20}")
_BRACKETS = re.compile(r"\[([^\[\]]{0,400})\]\s*$")
_KEYED = re.compile(r"""(\w{1,20})\s{0,9}=\s{0,9}(?:'([^']{0,200})'|"([^"]{0,200})"|([^\s,'"]{1,200}))""")
_SINGLE = re.compile(r"==?\s{0,9}(\d{1,3}(?:\.\d{1,3}){0,2})[.*]{0,2}")
_SUFFIXES = (".conda", ".tar.bz2")
_MOST = 500


class MatchSpec(NamedTuple):
    """A match specification: `specifier` is PEP 440, None where it cannot be told; `channel` "" for any."""

    name: str
    specifier: str | None
    build: str = ""
    channel: str = ""


def match_spec(words: str) -> MatchSpec | None:
    """Return "pytorch::pytorch=2.1.0=py3.10_cuda12.1*" in its parts, None where it names no package."""
    words = words.partition("#")[0].strip()
    if len(words) > _MOST:
        return None
    brackets = _BRACKETS.search(words)
    keyed: dict[str, str] = {}
    if brackets:
        keyed = {one[1]: one[2] or one[3] or one[4] or "" for one in _KEYED.finditer(brackets[1])}
        words = words[: brackets.start()].rstrip()
    named = _SPEC.match(words)
    if not named:
        return None
    rest = words[named.end() :]
    version, build = _version_and_build(rest)
    version, build = keyed.get("version", version), keyed.get("build", build)
    channel = strip_credentials(keyed.get("channel") or named[1] or "")
    if rest and not re.match(r"[=<>!~\d*({$%]", rest):
        return None
    return MatchSpec(named[2].lower(), conda_specifier(version, exact=bool(build)), build, channel)


def conda_demand(words: str, place: Place, written: str | None = None) -> Requirement | Statement | PythonWish | None:
    """Return what one match specification demands: of a package, of the CUDA or cuDNN beside it, of Python.

    `written` is what stands at `place` where that is not the specification. None where it names no package, or leaves
    open what alone would matter of it.
    """
    spec = match_spec(words)
    if spec is None:
        return None
    written = strip_credentials(words.partition("#")[0].strip() if written is None else written)
    if spec.name == "python":
        return PythonWish(spec.specifier, place, written) if spec.specifier else None
    if spec.name in BUILDS_FOR | TOOLKITS | {"cudnn"}:
        one = _SINGLE.fullmatch(spec.specifier or "")
        toolkit = spec.name not in BUILDS_FOR
        return Statement(_two_numbers(one[1]), place, written, "conda", toolkit) if one else None
    name = PIP_NAMES.get(spec.name, normalised(spec.name))
    source = spec.channel or None
    return Requirement(name, spec.specifier, place, written, manager="conda", source=source, build=spec.build)


def file_spec(address: str) -> str | None:
    """Return "name==version=build" for the address of a package file, None for anything else."""
    file = unquote(address.partition("#")[0].rpartition("/")[2].strip())
    stem = next((file.removesuffix(one) for one in _SUFFIXES if file.endswith(one)), "")
    parts = stem.rsplit("-", 2)
    return f"{parts[0]}=={parts[1]}={parts[2]}" if len(parts) == 3 else None


def _version_and_build(rest: str) -> tuple[str, str]:
    """Divide what follows the name: "=2.1.0=cuda*", " 2.1.0 cuda*", ">=2,<3"."""
    if VARIABLE.search(rest):
        return rest, ""
    tight = re.fullmatch(r"(={1,2}[^=\s]{1,100})=([^=\s]{1,100})", rest)
    if tight:
        return tight[1], tight[2]
    parts = rest.split()
    if len(parts) == 2 and not re.match(r"[<>=!~,]", parts[1]) and parts[0][-1] not in "<>=!~,":
        return parts[0], parts[1]
    return rest, ""


def _two_numbers(version: str) -> str:
    return ".".join(version.split(".")[:2])
