"""For which torch a compiled package was built, where it says so itself."""

from __future__ import annotations

import json
import posixpath
import re
from typing import TYPE_CHECKING

from envdoctor.probes.installed import records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envdoctor.host.host import Host
    from envdoctor.probes.compiled_objects import CompiledObject
    from envdoctor.probes.distributions import Distribution

RELEASE = r"\d{1,3}(?:\.\d{1,3}){1,3}"
PINNED = re.compile(rf"torch\s*\(?\s*===?\s*({RELEASE}[\w.+]{{0,40}})\s*\)?\s*(?:;|$)")
LOCAL = re.compile(rf"(?:^|[^a-z])(?P<word>pt|torch)(?P<release>{RELEASE}|\d{{2,4}})(?=[^\d.]|$)")
CUDA = re.compile(r"cu(\d{2,3})")


def built_for(host: Host, records_of: Sequence[Distribution], one: CompiledObject) -> tuple[str | None, str | None]:
    """Return "torch 2.5.1+cu121" and where that is said, (None, None) where it is said nowhere.

    The places, the more exact first: `cpp_lib.json` of xformers, the requirements (`torch==2.9.1`, as torchvision,
    torchaudio and vllm have it), and the local version (flash-attn's `+cu12torch2.5cxx11abiFALSE`, PyG's `+pt25cu124`).
    """
    said = _of_json(host, one)
    if said:
        return f"torch {said}", "cpp_lib.json"
    distribution = next((record for record in records_of if record.version == one.version), None)
    lines = records.requirements(host, distribution) if distribution else None
    for line in lines or ():
        match = PINNED.match(line)
        if match and not re.search(r"\bextra\b", line):
            return f"torch {match[1]}", "METADATA"
    return _of_local(one.version)


def _of_json(host: Host, one: CompiledObject) -> str | None:
    """What xformers' build wrote beside its object: `{"version": {"torch": "2.10.0+cu128", ...}}`."""
    try:
        told = json.loads(host.read(posixpath.join(posixpath.dirname(one.path), "cpp_lib.json"), 65536))
    except (OSError, ValueError, RecursionError):
        return None
    version = told.get("version") if isinstance(told, dict) else None
    torch = version.get("torch") if isinstance(version, dict) else None
    return torch if isinstance(torch, str) and re.fullmatch(rf"{RELEASE}[\w.+]{{0,40}}", torch) else None


def _of_local(version: str) -> tuple[str | None, str | None]:
    local = version.partition("+")[2]
    match = LOCAL.search(local)
    if match is None:
        return None, None
    release = match["release"]
    if "." not in release:
        # PyG leaves the patch out (pt25, pt210), natten has it (torch260, torch2100).
        patched = match["word"] == "torch" and len(release) > 2
        release = f"{release[0]}.{release[1:-1]}.{release[-1]}" if patched else f"{release[0]}.{release[1:]}"
    cuda = CUDA.search(local)
    return f"torch {release}" + (f"+cu{cuda[1]}" if cuda else ""), "its version"
