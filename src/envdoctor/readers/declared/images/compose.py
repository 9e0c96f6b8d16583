"""Compose files: the image of every service, what its command installs, and how its container is run.

The format is that of the Compose specification (docs.docker.com/reference/compose-file): services, deploy. A build
context is not opened.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from envdoctor.model.declared import Case, Image
from envdoctor.model.declared_container import ContainerSpec, Started, Written
from envdoctor.model.declared_file import DeclaredFile
from envdoctor.model.place import Place
from envdoctor.readers.declared.images.dockerfile_words import filled
from envdoctor.readers.declared.unreadable import Unreadable
from envdoctor.readers.declared.yaml_nodes import documents, entries, entry, items, scalar, written

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from yaml import Node

FORMAT = "compose file"

MOST_SERVICES = 500

_SHELL = re.compile(r"(?:/\S{0,60}/)?(?:ba|da|z|a)?sh")
_PORT = re.compile(r"(?:[\d.\[\]:]{1,60}:)?(?:\d{1,5}(?:-\d{1,5})?:)?(\d{1,5})(?:-\d{1,5})?(?:/\w{1,8})?")


def read(text: str, name: str) -> DeclaredFile:
    """Return what a compose file declares. `name` is what to call it in places."""
    lines = text.removeprefix("\ufeff").splitlines()
    try:
        roots = documents(text)
    except Unreadable as problem:
        return DeclaredFile(FORMAT, trouble=str(problem))
    services = [one for root in roots for one in entries(entry(root, "services"))][:MOST_SERVICES]
    if not services:
        return DeclaredFile(FORMAT, trouble="there are no services in it")
    cases: list[Case] = []
    containers: list[ContainerSpec] = []
    for service in services:
        place = _place(service.key_node, name)
        reading = _Service(service.key, service.value, place, lines)
        spec = reading.spec()
        containers.append(spec)
        cases += reading.cases(spec)
    return DeclaredFile(FORMAT, tuple(cases), tuple(containers))


def _place(node: Node, file: str) -> Place:
    return Place(file, node.start_mark.line + 1, node.start_mark.column + 1)


class _Service:
    """One service while it is read."""

    def __init__(self, name: str, node: Node, place: Place, lines: Sequence[str]) -> None:
        self.name, self.node, self.place, self.lines = name, node, place, lines
        self.environment = dict(self._environment())

    def spec(self) -> ContainerSpec:
        """Return how the container of the service is run."""
        ipc = self._text("ipc")
        user = self._written("user")
        return ContainerSpec(
            file=self.place.file,
            label=f"service {self.name}",
            place=self.place,
            kind="service",
            image=self._image(),
            user=user,
            entrypoint=self._started("entrypoint"),
            command=self._started("command"),
            gpu=self._gpu(),
            shm_size=self._written("shm_size") or self._mounted_shm(),
            host_ipc=bool(ipc) and (ipc == "host" or str(ipc).startswith(("service:", "container:"))),
            published=tuple(self._ports()),
            environment=tuple(self.environment.items()),
        )

    def cases(self, spec: ContainerSpec) -> Iterator[Case]:
        """Yield what the service declares: its image, and what its command installs on top of it."""
        from envdoctor.readers.declared.commands.install_commands import commands_in
        from envdoctor.readers.declared.commands.together import cases_of

        found = False
        for script in self._scripts():
            commands = commands_in(script.text, self.place.file, script.place.line, variables=self.environment)
            for case in cases_of(commands):
                found = True
                yield replace(case, label=spec.label, base=spec.image)
        if spec.image and not found:
            yield Case(self.place.file, spec.label, spec.image.place, base=spec.image)

    def _text(self, *keys: str) -> str | None:
        told = scalar(entry(self.node, *keys), self.lines)
        return filled(told.text, {}) if told else None

    def _written(self, key: str) -> Written | None:
        told = scalar(entry(self.node, key), self.lines)
        value = filled(told.text, {}) if told else None
        return Written(value, told.place(self.place.file)) if told and value else None

    def _image(self) -> Image | None:
        """Return the image it starts from; one that is only the name of what is built here is none."""
        told = scalar(entry(self.node, "image"), self.lines)
        reference = filled(told.text.strip(), {}) if told else None
        if not told or not reference or entry(self.node, "build") is not None:
            return None
        place = told.place(self.place.file)
        column = self.lines[place.line - 1].find(reference) if place.line <= len(self.lines) else -1
        if column >= 0:
            return Image(reference, place._replace(column=column + 1), reference)
        return Image(reference, place, told.text.strip())

    def _environment(self) -> Iterator[tuple[str, str]]:
        node = entry(self.node, "environment")
        pairs = [(one.key, scalar(one.value, self.lines)) for one in entries(node)]
        for key, told in pairs:
            if told and (value := filled(told.text, {})) is not None:
                yield key, value
        for told in written(node, self.lines):
            key, sign, text = told.text.partition("=")
            if sign and (value := filled(text, {})) is not None:
                yield key, value

    def _started(self, key: str) -> Started | None:
        """Return a command; one that is a string is divided into words by Compose, with no shell."""
        node = entry(self.node, key)
        told = written(node, self.lines)
        if not told or node is None:
            return None
        if items(node):
            words = tuple(one.text for one in told)
        else:
            try:
                words = tuple(shlex.split(told[0].text))
            except ValueError:
                words = tuple(told[0].text.split())
        return Started(words, told[0].place(self.place.file))

    def _scripts(self) -> Iterator[Written]:
        """Yield the texts of its command that a shell runs, and commands that need none, where each line stands."""
        for key in ("entrypoint", "command"):
            told = written(entry(self.node, key), self.lines)
            words = [one.text for one in told]
            script = next((one for one in told if re.search(r"\binstall\b|\badd\b", one.text)), None)
            if script is None:
                continue
            if len(words) > 1 and not _SHELL.fullmatch(words[0].split()[0] if words[0].split() else ""):
                yield Written(" ".join(shlex.quote(word) for word in words), script.place(self.place.file))
            elif script.lines_as_written:
                indent = script.column - 1
                text = "\n".join(" " * indent + line for line in _inner(script.text).split("\n"))
                yield Written(text, script.place(self.place.file))
            else:
                yield Written(_inner(" ".join(script.text.split("\n"))), script.place(self.place.file))

    def _gpu(self) -> Written | None:
        """Return how it asks for a GPU: `gpus`, `runtime: nvidia`, a reservation of devices, a device file, CDI."""
        gpus = entry(self.node, "gpus")
        if gpus is not None:
            return Written("gpus", _place(gpus, self.place.file))
        runtime = scalar(entry(self.node, "runtime"), self.lines)
        if runtime and (runtime.text == "nvidia" or "$" in runtime.text):
            return Written("runtime: nvidia", runtime.place(self.place.file))
        resources = entry(self.node, "deploy", "resources")
        for part in ("reservations", "limits"):
            for key in ("devices", "generic_resources"):
                node = entry(resources, part, key)
                if node is not None:
                    return Written(f"deploy.resources.{part}.{key}", _place(node, self.place.file))
        for told in written(entry(self.node, "devices"), self.lines):
            if re.search(r"nvidia|/dev/(?:kfd|dri|dxg)|\$", told.text):
                return Written("devices", told.place(self.place.file))
        for key in ("extends", "device_requests"):
            if (node := entry(self.node, key)) is not None:  # what another file may ask for is not seen here
                return Written(key, _place(node, self.place.file))
        return None

    def _mounted_shm(self) -> Written | None:
        """Return a mount over /dev/shm."""
        for key in ("tmpfs", "volumes"):
            node = entry(self.node, key)
            for told in written(node, self.lines):
                if "/dev/shm" in told.text:
                    return Written(told.text, told.place(self.place.file))
            for one in items(node):
                target = scalar(entry(one, "target"), self.lines)
                if target and target.text.rstrip("/") == "/dev/shm":
                    return Written(target.text, target.place(self.place.file))
        return None

    def _ports(self) -> Iterator[int]:
        for one in items(entry(self.node, "ports")):
            told = scalar(one, self.lines) or scalar(entry(one, "target"), self.lines)
            match = _PORT.fullmatch(told.text) if told else None
            if match:
                yield int(match[1])


def _inner(text: str) -> str:
    """Return the script in `bash -c "..."`, and any other text as it is; columns stay, quotes become blanks."""
    match = re.match(r"\s*(?:/\S{0,60}/)?(?:ba|da|z|a)?sh\s+-\w{0,8}c\s+", text)
    if not match:
        return text
    inner = text[match.end() :]
    if inner[:1] in ("'", '"') and inner.rstrip().endswith(inner[0]):
        inner = " " + inner.rstrip()[1:-1]
    return " " * match.end() + inner
