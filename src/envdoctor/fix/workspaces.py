"""Whose manifest in a workspace of uv names the packages: it has one environment and one lock file for all members.

`uv add --project MEMBER` changes that member's manifest, whose own indexes and sources hold, and the lock file and the
environment of the whole (uv 0.13.9).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from envdoctor.fix.declared import names_any, table
from envdoctor.fix.manifests import MANIFEST, Unmergeable, read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def named_by(project: str, manifest: Mapping[str, Any], packages: Sequence[str]) -> str:
    """Return the folder of the project that names these packages: `project`, else the one member that does.

    `manifest` is what the pyproject.toml of `project` says. It is `project` too where nobody names them. Raises
    `Unmergeable` where several members do.
    """
    workspace = table(manifest, "tool", "uv", "workspace")
    if not workspace or names_any(manifest, packages):
        return project
    naming = [folder for folder in _members(project, workspace) if names_any(_said(folder), packages)]
    if len(naming) > 1:
        told = " and ".join(os.path.relpath(folder, project) for folder in naming)
        raise Unmergeable(f"the members {told} of its workspace name torch, between which only a person can choose")
    return naming[0] if naming else project


def _members(project: str, workspace: Mapping[str, Any]) -> list[str]:
    left_out = {project, *_found(project, workspace.get("exclude"))}
    return [folder for folder in _found(project, workspace.get("members")) if folder not in left_out]


def _found(project: str, patterns: object) -> list[str]:
    """Return the folders that a list of patterns means, each once."""
    import glob

    told = [one for one in patterns if isinstance(one, str)] if isinstance(patterns, list) else []
    paths = (path for one in told for path in glob.glob(os.path.join(glob.escape(project), one), recursive=True))
    return sorted({os.path.normpath(path) for path in paths})


def _said(folder: str) -> Mapping[str, Any]:
    """Return what a member's manifest says; nothing where it has none that can be read, over which uv will complain."""
    try:
        with open(os.path.join(folder, MANIFEST), encoding="utf-8") as file:
            return read(file.read(), MANIFEST)
    except (OSError, UnicodeDecodeError, Unmergeable):
        return {}
