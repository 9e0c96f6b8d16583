"""Which reader a file is for: by its name where the name says it, else by how it begins."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from envdoctor.model.declared_file import DeclaredFile

NAMED: tuple[tuple[str, str], ...] = (
    (r"pyproject\.toml", "projects.pyproject"),
    (r"uv\.lock", "locks.uv_lock"),
    (r"poetry\.lock", "locks.poetry_lock"),
    (r"pdm\.lock", "locks.pdm_lock"),
    (r"pylock(?:\.[\w-]+)?\.toml", "locks.pylock"),
    (r"pixi\.(?:toml|lock)", "conda.pixi"),
    (r"Pipfile(?:\.lock)?", "projects.pipfile"),
    (r"(?:[\w.-]*requirements?[\w.-]*|[\w.-]*constraints?[\w.-]*)\.(?:txt|in|pip)", "projects.requirements"),
    (r"(?:[\w.-]*(?:environment|conda)[\w.-]*)\.ya?ml", "conda.conda_file"),
    (r"(?:[\w.-]*\.)?(?:Docker|Container)file(?:[.-][\w.-]+)?", "images.dockerfile"),
    (r"[\w-]*compose[\w.-]*\.ya?ml", "images.compose"),
    (r"\.gitlab-ci\.ya?ml|action\.ya?ml|azure-pipelines[\w.-]*\.ya?ml", "commands.workflows"),
    (r"[\w.-]*\.(?:bat|cmd|ps1)", "commands.batch"),
    (r"[\w.-]*\.(?:sh|bash|zsh|ksh|fish|mk|just)|Makefile|[Jj]ustfile|\.envrc", "commands.shell"),
    (r"[\w.-]*\.ipynb", "texts.notebook"),
    (r"[^/]*\.(?:md|markdown|mdx|rst|html?|adoc|org|tex)", "texts.markdown"),
)  # fmt: skip
"""Names in full, without their folder, and the module of this folder that reads them."""

BEGINS: tuple[tuple[str, str], ...] = (
    (r"(?m)\A(?:\s*#.*\n|\s*\n|ARG .*\n)*FROM \S+", "images.dockerfile"),
    (r"\A#!.*\b(?:ba|z|k|da)?sh\b", "commands.shell"),
    (r"(?mi)\A\s*@echo off", "commands.batch"),
    (r"(?m)^(?:build-system|project|tool\.[\w.-]+)?\[(?:project|tool\.(?:uv|poetry|pdm))\b", "projects.pyproject"),
    (r"(?m)^@EXPLICIT\s*$", "conda.conda_file"),
    (r"(?m)^apiVersion:\s*[\w./-]", "images.kubernetes"),
    (r"(?m)^services:\s*$", "images.compose"),
    (r"(?m)^(?:jobs|runs):\s*$", "commands.workflows"),
    (r"(?m)^(?:before_script|script|stages):", "commands.workflows"),
    (r"(?m)^dependencies:\s*$", "conda.conda_file"),
)
"""How the beginning of a file without a telling name looks, asked in this order."""

YAML = ("images.kubernetes", "images.compose", "commands.workflows", "conda.conda_file")
HEAD = 20_000
"""Characters of which the kind of a file is judged."""

REQUIREMENT_LINE = (
    r"\s*(?:#.*|-{1,2}[a-z].*|[A-Za-z][\w.-]*(?:\[[^\]]{0,80}\])?\s*(?:(?:[=<>!~]=|[<>]).*|@.*|;.*)?)?\s*"
)


def module_for(name: str, text: str) -> str | None:
    """Return the module that reads a file; None where nothing in it can declare an environment.

    `name` is a path. A name that is none of a known kind is judged by how the text begins.
    """
    base = name.replace("\\", "/").rpartition("/")[2]
    if re.search(r"(?:^|/)\.github/workflows/[^/]+\.ya?ml$", name.replace("\\", "/")):
        return "commands.workflows"
    found = next((module for pattern, module in NAMED if re.fullmatch(pattern, base)), None)
    if found is not None:
        return found
    head = text[:HEAD]
    begins = [module for pattern, module in BEGINS if re.search(pattern, head)]
    if re.search(r"\.ya?ml$", base):
        return next((module for module in begins if module in YAML), None)
    if begins:
        return begins[0]
    if re.search(r"\.(?:toml|json|cfg|ini|py|c|cpp|cu|h|js|ts|lock)$", base):
        return None
    whole = head.splitlines() if len(text) <= HEAD else head.splitlines()[:-1]
    lines = [line for line in whole if line.strip()]
    if lines and all(re.fullmatch(REQUIREMENT_LINE, line) for line in lines[:200]):
        return "projects.requirements"
    return "texts.markdown"


def reader(module: str) -> Callable[[str, str], DeclaredFile]:
    """Return the function `read(text, name)` of a module of this folder."""
    read: Callable[[str, str], DeclaredFile] = import_module(f"envdoctor.readers.declared.{module}").read
    return read


def is_telling(name: str) -> bool:
    """Whether a file found in a folder is one to look into: by its name alone, so that sources are not read."""
    path = name.replace("\\", "/")
    base = path.rpartition("/")[2]
    if re.search(r"(?:^|/)\.github/(?:workflows|actions)/.*\.ya?ml$", path):
        return True
    return any(re.fullmatch(pattern, base) for pattern, _ in NAMED)
