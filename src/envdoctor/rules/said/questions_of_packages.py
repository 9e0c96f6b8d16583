"""Which package words are about, and what an index or a torch that a paste tells of could have given."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.rules.said import filled, questions

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.machine import Machine

_FILE = re.compile(r"\.(?:so|pyd|dll|dylib)\b")
_CHANNEL = re.compile(r"download[\w.-]{0,8}\.pytorch\.org/whl/(cu1\d{2})\b")
APPLE = re.compile(r"apple m\d|apple silicon", re.IGNORECASE)


def blames(text: str, partner: str) -> bool:
    """Whether words of a loader are about torchvision or torchaudio: a file of it, its module or its operators.

    Its name alone is none where a release of it is listed, or a command that installs it follows the words.
    """
    owned = rf"(?:[/\\_.]|lib|import(?:ing)? ['\"]?|module ['\"]?){partner}|{partner}(?:[/\\.:_']|\S{{0,40}}\.so)"
    if re.search(owned, text):
        return True
    if _FILE.search(text):
        return False
    return re.search(rf"{partner}(?! ?[=<>~(:]{{0,3}} ?v?\d)", text.partition("install ")[0]) is not None


def is_of_listed_torch(machine: Machine, matrix: Matrix, partner: str) -> bool:
    """Whether a partner goes with the torch that pip lists, and not with the other one that Python imports."""
    listed = machine.snapshot.known("packages.installed")
    by_pip = str(listed.get("torch") or "").partition("+")[0] if isinstance(listed, dict) else ""
    imported = (machine.told("torch.version") or "").partition("+")[0]
    if not by_pip or not imported or by_pip == imported or machine.is_known("packages.conda"):
        return False
    here = questions.version(machine, f"{partner}.version")
    return here is not None and here == _pair(matrix, by_pip, partner) != _pair(matrix, imported, partner)


def _pair(matrix: Matrix, torch: str, partner: str) -> tuple[int, int] | None:
    """Return major and minor of the partner that was published with a torch."""
    release = filled.release_of(matrix, torch)
    version = (release.torchvision if partner == "torchvision" else release.torchaudio) if release else None
    found = re.match(r"(\d{1,2})\.(\d{1,3})", version or "")
    return (int(found[1]), int(found[2])) if found else None


def asked_for_intel_mac(text: str, asked: str, machine: Machine, matrix: Matrix) -> bool:
    """Whether pip on an Apple processor was offered what there is for Intel alone: releases of both end with 2.2.2."""
    offered = re.search(r"\(from versions:? ([\d., ]{5,400})", text)
    if offered is None or not APPLE.search(machine.told("cpu.model") or ""):
        return False
    last = re.findall(r"\d{1,2}\.\d{1,2}\.\d{1,2}", offered[1])[-1:]
    wanted, newest = filled.release_of(matrix, asked), filled.release_of(matrix, last[0]) if last else None
    if wanted is None or newest is None or "macos-arm64" not in wanted.pythons or "macos-x86_64" in wanted.pythons:
        return False
    for_intel = [release.version for release in matrix.releases if "macos-x86_64" in release.pythons]
    return for_intel[-1:] == [newest.version]


def lacks_a_partner_alone(wanted: str, machine: Machine) -> bool:
    """Whether an index of PyTorch's, asked for torch and its partners at once, came as far as a partner."""
    partner = re.search(r"(?:requirement|found for) torch(?:vision|audio|text)\b", wanted)
    rows = machine.snapshot.known_rows("said.installs")
    return partner is not None and any(
        row.get("indexes")
        and re.search(r"\btorch(?![\w-]).{0,200}\btorch(?:vision|audio|text)\b", str(row.get("command")))
        for row in rows
    )


def channel_that_never_was(machine: Machine, matrix: Matrix) -> str | None:
    """Return a channel of the PyTorch index that a command names, for a CUDA that no torch was published for."""
    for row in machine.snapshot.known_rows("said.installs"):
        for channel in _CHANNEL.findall(str(row.get("indexes"))):
            known = {wheel.channel for version in (*matrix.past_versions, *matrix.versions)
                     for wheel in matrix.wheels(version)}  # fmt: skip
            newer = max((int(one[2:]) for one in known if re.fullmatch(r"cu1\d{2}", one)), default=0)
            if channel not in known and int(channel[2:]) < newer:
                return str(channel)
    return None


def lacks_cudart_of_another(text: str, machine: Machine) -> bool:
    """Whether a CUDA runtime is missing that torch, which brings its own, would not look for: that of an extension."""
    return "libcudart" in text and "torch/__init__" not in text and machine.told("host.kind") != "jetson"


def has_two_installers(machine: Machine) -> bool:
    """Whether both conda and pip put a torch, or what is made for it, into one environment."""
    rows = machine.snapshot.known_rows("said.installs")
    tools = {row.get("tool") for row in rows}
    by_pip = bool(tools & {"pip", "uv"}) or "+" in (machine.told("torch.version") or "")
    return by_pip and bool(tools & {"conda", "mamba", "micromamba"})
