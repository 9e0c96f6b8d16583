"""An environment variable takes the place of the PyTorch index that a configuration names.

## What it means
A file or a variable says which index torch comes from, and another variable that is set as well wins. The next
`pip install torch` or `uv pip install torch` goes elsewhere than the configuration reads: to a build for another
CUDA, to a CPU build, or out to a host that a machine without internet does not reach. What is installed now is not
touched.

## Why it happens
pip obeys the command line, then variables, then files: `PIP_INDEX_URL` in a CI job or a base image replaces the
`index-url` of `pip.conf`, and `PIP_EXTRA_INDEX_URL` the whole `extra-index-url`. uv does the same with
`UV_DEFAULT_INDEX`. With `UV_TORCH_BACKEND` uv takes torch and its partners from download.pytorch.org whatever index is
configured, a company's mirror included, and also where a folder of links (find-links) holds the build.

## How to be sure
`python -m pip config debug` prints every file and variable with the values in them; `python -m pip config list`
what is left of them. `uv pip install --dry-run -v torch` names the addresses it asks.

## How to fix
Decide which of the two is meant and remove the other: `unset PIP_INDEX_URL`, `unset UV_TORCH_BACKEND`, or take the
entry out of the file (`python -m pip config unset global.index-url`). To be independent of both, name the index
in the command: `python -m pip install --index-url https://download.pytorch.org/whl/cu128 torch==2.9.1+cu128`.

## Sources
pip documentation, "Configuration", section "Precedence / Override order"; uv documentation, "Configuration files"
and "Using uv with PyTorch"; astral-sh/uv issues 14145 and 19569 (the backend and a mirror); the backend and find-links:
tried with uv 0.13.9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Severity
from envdoctor.rules.index_setting import INDEXES, LINKS, Setting, settings_of
from envdoctor.rules.rule import Example, Rule, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine

REPLACED = {"pip": INDEXES | {LINKS}, "uv": frozenset({"index-url"})}
"""Settings of a file that the variable for the same setting replaces; uv joins lists instead."""


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
    """Find a PyTorch index that is configured and not asked."""
    settings = settings_of(machine)
    told = set()
    for pinned, winner in (*_replaced(settings), *_ignored(settings)):
        if pinned.origin in told:
            continue
        told.add(pinned.origin)
        instead = f"torch-backend {winner.value}" if winner.kind == "torch-backend" else winner.value
        yield RULE.finding(
            machine,
            "torch",
            f"{pinned.tool} is told in {pinned.origin} to take torch from {pinned.value}, but {winner.origin} "
            f"is set to {instead} and wins.",
            "index.settings",
        )


def _replaced(settings: tuple[Setting, ...]) -> Iterator[tuple[Setting, Setting]]:
    """Yield what stands in a file, and the variable in its place."""
    for pinned in settings:
        channel = pinned.channel or pinned.channel_of_links
        if pinned.in_environment or channel is None or pinned.kind not in REPLACED.get(pinned.tool, ()):
            continue
        winners = [one for one in settings if one.in_environment and (one.tool, one.kind) == (pinned.tool, pinned.kind)]
        if winners and all(one.value.rstrip("/") != pinned.value.rstrip("/") for one in winners):
            yield pinned, winners[0]


def _ignored(settings: tuple[Setting, ...]) -> Iterator[tuple[Setting, Setting]]:
    """Yield a PyTorch index of uv, or a folder of links, that a backend passes over."""
    backend = next((one for one in settings if one.kind == "torch-backend" and one.in_environment), None)
    if backend is None or backend.tool != "uv":
        return
    for pinned in settings:
        channel = pinned.channel or pinned.channel_of_links
        if pinned.tool == "uv" and channel and not (pinned.official and channel == backend.value):
            yield pinned, backend


CU128 = "https://download.pytorch.org/whl/cu128"
MIRROR = "https://mirror.example/pytorch/whl/cu128"
FLAT = "https://mirror.example/pytorch-wheels/cu128/"

RULE = Rule(
    judge,
    stage=Stage.SETTING,
    needs=("index.settings",),
    fires=(
        Example(
            "PIP_INDEX_URL over the index of pip.conf",
            {"index.settings": [
                Setting("pip", "index-url", "https://mirror.example/simple", "PIP_INDEX_URL").row,
                Setting("pip", "index-url", CU128, "/etc/pip.conf").row,
            ]},
            severity=Severity.NOTE,
            says="PIP_INDEX_URL is set to https://mirror.example/simple and wins",
        ),
        Example(
            "UV_TORCH_BACKEND beside a mirror of the PyTorch index",
            {"index.settings": [
                Setting("uv", "torch-backend", "cu128", "UV_TORCH_BACKEND").row,
                Setting("uv", "extra-index-url", MIRROR, "/home/me/.config/uv/uv.toml").row,
            ]},
            severity=Severity.NOTE,
            says="torch-backend cu128",
        ),
        Example(
            "UV_TORCH_BACKEND beside a flat mirror",
            {"index.settings": [
                Setting("uv", "torch-backend", "cu128", "UV_TORCH_BACKEND").row,
                Setting("uv", "find-links", FLAT, "UV_FIND_LINKS").row,
            ]},
            severity=Severity.NOTE,
            says=f"from {FLAT}, but UV_TORCH_BACKEND is set to torch-backend cu128",
        ),
        Example(
            "PIP_FIND_LINKS over the flat mirror of pip.conf",
            {"index.settings": [
                Setting("pip", "find-links", "/srv/wheels", "PIP_FIND_LINKS").row,
                Setting("pip", "find-links", FLAT, "/etc/pip.conf").row,
            ]},
            severity=Severity.NOTE,
            says="PIP_FIND_LINKS is set to /srv/wheels and wins",
        ),
    ),
    quiet=(
        Example(
            "the variable says what the file says",
            {"index.settings": [
                Setting("pip", "index-url", f"{CU128}/", "PIP_INDEX_URL").row,
                Setting("pip", "index-url", CU128, "/etc/pip.conf").row,
            ]},
        ),
        Example(
            "a mirror of everything beside an extra index of PyTorch",
            {"index.settings": [
                Setting("pip", "index-url", "https://mirror.example/simple", "PIP_INDEX_URL").row,
                Setting("pip", "extra-index-url", CU128, "/etc/pip.conf").row,
            ]},
        ),
        Example(
            "a backend and the same channel of the PyTorch index",
            {"index.settings": [
                Setting("uv", "torch-backend", "cu128", "UV_TORCH_BACKEND").row,
                Setting("uv", "index-url", CU128, "UV_DEFAULT_INDEX").row,
            ]},
        ),
        Example(
            "a variable of pip and a file of uv",
            {"index.settings": [
                Setting("pip", "index-url", "https://mirror.example/simple", "PIP_INDEX_URL").row,
                Setting("uv", "index-url", CU128, "/etc/uv/uv.toml").row,
            ]},
        ),
        Example(
            "links of no channel, replaced by others",
            {"index.settings": [
                Setting("pip", "find-links", "/srv/wheels", "PIP_FIND_LINKS").row,
                Setting("pip", "find-links", "https://mirror.example/wheels/", "/etc/pip.conf").row,
            ]},
        ),
        Example(
            "two folders of links, which uv joins",
            {"index.settings": [
                Setting("uv", "find-links", "/srv/wheels", "UV_FIND_LINKS").row,
                Setting("uv", "find-links", FLAT, "/etc/uv/uv.toml").row,
            ]},
        ),
        Example("nothing is configured", {}),
    ),
)  # fmt: skip
