"""The recorded part of the package index: as evidence for pure functions, and as a server on the loopback."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envdoctor.matrix.matrix import Matrix
from envdoctor.matrix.reading import PLATFORMS
from envdoctor.published.files import PublishedFile, read_name
from envdoctor.published.kernels import find_kernels
from envdoctor.published.wheel import WheelContents
from envdoctor.upkeep.evidence import PACKAGE_INDEX, Build, Evidence, Missing, Seen, representative
from envdoctor.upkeep.partner_rows import PARTNERS, build_of
from envdoctor.upkeep.toml_text import parsed
from published.loopback import Answer
from published.tiny_wheels import library, metadata, version_py, wheel

if TYPE_CHECKING:
    from published.loopback import Loopback

PROJECTS = ("torch", *PARTNERS)
MATRIX_FILE = Path(__file__).parents[2] / "compat_matrix.toml"
JSON = "application/vnd.pypi.simple.v1+json"
NOBODY = Missing("PyTorch wheel index: cannot be found")


def matrix_of(text: str) -> Matrix:
    return Matrix(parsed(text), "copy.toml")


@cache
def recorded() -> dict[str, Any]:
    return json.loads((Path(__file__).parent / "published.json").read_text(encoding="utf-8"))


@cache
def recorded_files() -> dict[str, tuple[PublishedFile, ...]]:
    """Every recorded file by project."""
    found: dict[str, list[PublishedFile]] = {project: [] for project in PROJECTS}
    for release, told in recorded()["files"].items():
        for filename in told["names"]:
            name = read_name(filename)
            assert name is not None
            found[release.split()[0]].append(
                PublishedFile(
                    **name._asdict(),
                    filename=filename,
                    url=filename,
                    requires_python=told["requires_python"],
                    yanked=told["yanked"],
                    uploaded=told["uploaded"][0],
                )
            )
    return {project: tuple(files) for project, files in found.items()}


def contents(filename: str) -> WheelContents | None:
    """What the wheel of that name holds; None for one that was not recorded."""
    told = recorded()["wheels"].get(filename)
    if told is None:
        return None
    kernels = find_kernels(library(told["flags"].encode())) if told["flags"] else None
    sass, ptx = kernels or ((), ())
    return WheelContents(told["version"], told["requires_python"], tuple(told["requires"]), told["cuda"], sass, ptx)


def evidence(
    pages: dict[str, tuple[PublishedFile, ...]] | None = None, changed: dict[str, WheelContents] | None = None
) -> Evidence:
    """What a run would have read; `changed` wheels say something else. The PyTorch wheel index was not reached."""
    listed = recorded_files() if pages is None else pages
    found = Evidence({(PACKAGE_INDEX, project): listed[project] for project in PROJECTS})
    wheels: dict[Build, Seen | Missing] = {}
    for project in PROJECTS:
        for version in dict.fromkeys(file.version for file in listed[project]):
            files = tuple(file for file in listed[project] if file.version == version)
            builds = [Build(PACKAGE_INDEX, project, version, platform) for platform in PLATFORMS]
            if project != "torch":
                speaker = build_of(project, version, found)
                builds = [speaker] if speaker else []
            for build in builds:
                file = representative(files, build.platform)
                held = (changed or {}).get(file.filename, contents(file.filename)) if file else None
                wheels[build] = Seen(file.filename, held) if file and held else Missing("no wheel of it")
    channels = ("cu126", "cu128", "cu129", "cu130", "cu132")
    return Evidence({**found.pages, **{(channel, "torch"): NOBODY for channel in channels}}, wheels)


def without_days(files: tuple[PublishedFile, ...]) -> tuple[PublishedFile, ...]:
    return tuple(replace(file, uploaded=None) for file in files)


def wheel_bytes(filename: str) -> bytes:
    """A tiny wheel that says what the recorded one says."""
    told = recorded()["wheels"][filename]
    project, version = filename.split("-")[:2]
    python = told["requires_python"] or ""
    members = {f"{project}-{version}.dist-info/METADATA": metadata(project, version, *told["requires"], python=python)}
    if project == "torch":
        members["torch/version.py"] = version_py(told["version"], told["cuda"])
        if told["flags"]:
            members["torch/lib/libtorch_python.so"] = library(told["flags"].encode())
    return wheel(members)


def publish(server: Loopback) -> str:
    """Serve the recorded releases as PEP 691 pages and wheels with ranges; return the address of the index."""
    for project in PROJECTS:
        listed = []
        for file in recorded_files()[project]:
            body = wheel_bytes(file.filename) if file.filename in recorded()["wheels"] else b"not recorded"
            server.answers[f"/files/{file.filename}"] = Answer(body, "application/zip", ranges=True)
            told = {
                "filename": file.filename,
                "url": f"/files/{file.filename}",
                "hashes": {"sha256": hashlib.sha256(body + file.filename.encode()).hexdigest()},
                "requires-python": file.requires_python,
                "upload-time": f"{file.uploaded}T12:00:00.000000Z",
            }
            listed.append(told if file.yanked is None else {**told, "yanked": file.yanked})
        versions = sorted({file.version for file in recorded_files()[project]})
        page = {"meta": {"api-version": "1.1"}, "name": project, "versions": versions, "files": listed}
        server.answers[f"/simple/{project}/"] = Answer(json.dumps(page).encode(), JSON)
    return f"{server.base}/simple"
