"""Places in the files of a project for findings, for the formats that point at lines.

Where a finding stands, in this order:

1. the line of the file that `lint` judged, or of the paste that `triage` read, where that lies inside the repository;
   nothing else holds for those two, since the project here may not be what they are about;
2. the line of the policy, for a demand that is not met;
3. the first line of the project's own manifests that declares the subject of the finding (for how a container is run:
   the image), then the first that declares torch;
4. line 1 of the first manifest.

Manifests are those at the top of the working directory and of the root of its repository. What cannot be read is passed
over: a place is a courtesy, and no reason for an error.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from envdoctor.model.demand import UNMET, demand_of
from envdoctor.model.names import normalised
from envdoctor.model.place import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from envdoctor.model.declared_file import DeclaredFile
    from envdoctor.model.finding import Finding
    from envdoctor.model.report import Report

ROOTS = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")
"""Variables that name the checkout in jobs of GitHub and of GitLab, where no .git came with it."""

MOST_LEVELS = 64
"""Folders upward in which a repository is looked for."""

MOST_ENTRIES = 10_000
"""Names in one folder that are looked at."""

MOST_MANIFESTS = 30
"""Manifests that are read; a larger one than `lint` takes is passed over."""

KINDS = ("projects", "conda", "images", "locks")
"""Rooms of `readers.declared` whose files are manifests, in the order in which they are asked; locks come last."""

OF_CONTAINERS = frozenset({"dev-shm-too-small", "nccl-shm-too-small", "memlock-limit-too-low", "no-gpu-in-container"})
"""Rules about how a container is started and what its image brings along."""

NO_PACKAGES = frozenset({"driver", "environment", "gpus", "machine", "matrix", "packages", "python"})
"""Subjects that no manifest declares by that name."""


def anchored(report: Report, cwd: str | None = None) -> Report:
    """Return the report with a place for each finding that has one, also for those that a policy ignores.

    `cwd` is the folder that names of files are relative to, by default the working directory. Files are opened only
    where a finding needs them.
    """
    findings = [*report.diagnosis.findings, *(one.finding for one in report.ignored)]
    if not findings:
        return report
    try:
        project = _Project(os.path.abspath(cwd or os.getcwd()))
    except OSError:  # the working directory was removed
        return report
    anchors = {}
    for finding in findings:
        place = _place(finding, report, project)
        if place:
            anchors[finding.fingerprint] = place
    return replace(report, anchors=anchors)


def _place(finding: Finding, report: Report, project: _Project) -> Place | None:
    if finding.location or report.lint or report.paste:
        return project.inside(finding.location) if finding.location else None
    if finding.rule == UNMET and report.policy:
        demand = demand_of(finding.subject, report.policy.demands)
        if demand and demand.place and (place := project.inside(demand.place)):
            return place
    return project.declaring(finding)


class _Project:
    """The files of the project around a folder, each read once and only when it is needed."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._root = _root(folder)
        self._read: dict[str, DeclaredFile | None] = {}
        self._found: dict[tuple[str, bool], Place | None] = {}
        self._names: dict[str, str | None] = {}

    def inside(self, place: Place) -> Place | None:
        """Return a place whose file is named relative to the folder, by its name in the repository."""
        if place.file == "-":
            return None
        if place.file not in self._names:
            self._names[place.file] = self._relative(os.path.join(self._folder, place.file))
        name = self._names[place.file]
        return place._replace(file=name) if name else None

    def declaring(self, finding: Finding) -> Place | None:
        """Return the line that declares what a finding is about."""
        key = (finding.subject, finding.rule in OF_CONTAINERS)
        if key not in self._found:
            self._found[key] = self._declaring(*key)
        return self._found[key]

    def _declaring(self, subject: str, of_container: bool) -> Place | None:
        place = self._first(_image) if of_container else None
        if not place and re.fullmatch(r"[A-Za-z0-9][\w.-]{0,80}", subject) and subject not in NO_PACKAGES:
            place = self._first(lambda declared: _requirement(declared, subject))
        place = place or self._first(lambda declared: _requirement(declared, "torch")) or self._first(_torch_image)
        return place or (Place(self._manifests[0][0], 1) if self._manifests else None)

    def _first(self, find: Callable[[DeclaredFile], Place | None]) -> Place | None:
        for name, path in self._manifests:
            declared = self._declared(path)
            place = find(declared) if declared else None
            if place:
                return place._replace(file=name)
        return None

    def _declared(self, path: str) -> DeclaredFile | None:
        if path not in self._read:
            from envdoctor.commands.declared_files import read_all

            self._read[path] = read_all((path,)).files.get(path)
        return self._read[path]

    @cached_property
    def _manifests(self) -> tuple[tuple[str, str], ...]:
        """Names in the repository and paths of the manifests, those of the working directory first in each kind."""
        found: dict[str, tuple[int, str]] = {}
        for folder in dict.fromkeys((self._folder, self._root)):
            for kind, path in _manifests_in(folder):
                name = self._relative(path)
                if name:
                    found.setdefault(name, (kind, path))
        ordered = sorted(found.items(), key=lambda one: one[1][0])
        return tuple((name, path) for name, (_, path) in ordered[:MOST_MANIFESTS])

    def _relative(self, path: str) -> str | None:
        """Return the name of a file in the repository, as the user names it or by where its folder really is."""
        path = os.path.abspath(path)
        below = _below(path, self._root)
        if not below:
            folder, name = os.path.split(path)
            try:
                below = _below(os.path.join(os.path.realpath(folder), name), os.path.realpath(self._root))
            except ValueError:  # a name that no file of this system can have
                return None
        return below.replace(os.sep, "/") if below else None


def _root(folder: str) -> str:
    """Return the root of the repository that a folder is in: by its .git, else as CI says, else the folder itself."""
    above = folder
    for _ in range(MOST_LEVELS):
        if os.path.exists(os.path.join(above, ".git")):
            return above
        if os.path.dirname(above) == above:
            break
        above = os.path.dirname(above)
    said = (os.environ.get(name) for name in ROOTS)
    roots = (os.path.abspath(one) for one in said if one)
    return next((one for one in roots if one == folder or _below(folder, one)), folder)


def _below(path: str, root: str) -> str | None:
    """Return `path` relative to `root`, None where it is not below it."""
    try:
        name = os.path.relpath(path, root)
    except ValueError:  # another drive
        return None
    return None if name == os.curdir or name.split(os.sep, 1)[0] == os.pardir else name


def _manifests_in(folder: str) -> Iterator[tuple[int, str]]:
    """Yield the manifests at the top of a folder by their names, with the place of their kind in `KINDS`."""
    from itertools import islice

    try:
        with os.scandir(folder) as entries:
            names = sorted(
                one.name for one in islice(entries, MOST_ENTRIES) if _kind(one.name) in KINDS and one.is_file()
            )
    except OSError:
        return
    for name in names:
        yield KINDS.index(_kind(name)), os.path.join(folder, name)


def _kind(name: str) -> str:
    """Return which of `KINDS` a file is by its name alone, "" for none."""
    from envdoctor.readers.declared.choosing import module_for

    room = (module_for(name, "") or "").partition(".")[0]
    is_lock = room in KINDS and re.search(r"\.lock$|^pylock\b", name)
    return "locks" if is_lock else room


def _requirement(declared: DeclaredFile, subject: str) -> Place | None:
    """Return where a distribution is first demanded; "cudnn" and "nccl" are parts that NVIDIA names after them."""
    name = normalised(subject)
    part = f"nvidia-{name}-" if name != "torch" else None
    return next(
        (
            one.place
            for case in declared.cases
            if not (case.claim or case.comment)
            for one in case.requirements
            if one.name == name or (part and one.name.startswith(part))
        ),
        None,
    )


def _image(declared: DeclaredFile) -> Place | None:
    """Return where the image is named that a container starts from, else where its stage or service begins."""
    return next((one.image.place if one.image else one.place for one in declared.containers), None)


def _torch_image(declared: DeclaredFile) -> Place | None:
    """Return where an image is named that brings torch along."""
    return next(
        (one.image.place for one in declared.containers if one.image and "torch" in one.image.reference.lower()),
        None,
    )
