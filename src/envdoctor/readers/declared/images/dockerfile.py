"""Dockerfiles: a case for every stage that something comes out of, with what the stages below it install.

Stages, ARG and ENV as BuildKit takes them (docs.docker.com/reference/dockerfile): an ARG before the first FROM is seen
by FROM alone until a stage declares it again, a stage inherits from the stage it starts from. Defaults fill variables
in; one that has none leaves open what it stands in. Files that are copied in are not opened.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from envdoctor.model.declared import Case, Image, PythonWish
from envdoctor.model.declared_container import ContainerSpec, Started, Written
from envdoctor.model.declared_file import DeclaredFile
from envdoctor.model.place import Place
from envdoctor.readers.declared.images.dockerfile_instructions import Unended, escape_of, instructions, lines_of
from envdoctor.readers.declared.images.dockerfile_shell import shell_lines
from envdoctor.readers.declared.images.dockerfile_words import assignments, exec_form, filled
from envdoctor.readers.declared.texts.uses import uses_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.readers.declared.images.dockerfile_instructions import Instruction

FORMAT = "Dockerfile"

MOST_LINES, MOST_CHARACTERS, MOST_STAGES = 20_000, 500_000, 200
"""What of a file is read: more than any that somebody wrote."""

MOST_SHARED = 20_000
"""Lines of stages that are read again for all that start from them; past it, a stage is read alone."""

DEEPEST = 40
"""Stages on top of one another that are read together."""

_FLAG = re.compile(r"--([a-z][\w-]*)(?:=(\S*))?\s+")
_PYTHON_IMAGES = re.compile(
    r"(?:docker\.io/)?(?:library/)?python:(3\.\d{1,2})(?:\.\d{1,2})?(?![\d.]*(?:a|b|rc)\d)(?:-[\w.-]+)?"
    r"|(?:ghcr\.io/)?astral-sh/uv:(?:[\d.]+-)?python(3\.\d{1,2})(?:-[\w.-]+)?"
)
_PLATFORMS = {"linux/amd64": "linux-x86_64", "linux/arm64": "linux-aarch64", "windows/amd64": "windows-x86_64"}
_OTHER_PYTHON = re.compile(r"\b(?:conda|mamba|micromamba|pixi|pyenv|uv\s+venv|uv\s+sync|uv\s+python|deadsnakes)\b")


@dataclass(slots=True)
class _Stage:
    """A stage while the file is read."""

    name: str
    place: Place
    image: Image | None
    parent: _Stage | None
    platform: str
    depth: int = 0
    below: int = 0
    """Lines of shell in the stages it starts from."""
    started_from: bool = False
    variables: dict[str, str] = field(default_factory=dict)
    environment: list[tuple[str, str]] = field(default_factory=list)
    script: dict[int, str] = field(default_factory=dict)
    runs: list[Written] = field(default_factory=list)
    copies: list[Written] = field(default_factory=list)
    copied_from: list[Image] = field(default_factory=list)
    published: list[int] = field(default_factory=list)
    user: Written | None = None
    entrypoint: Started | None = None
    command: Started | None = None

    @property
    def chain(self) -> tuple[_Stage, ...]:
        """The stages it is made of, the lowest first."""
        found, one = [self], self.parent
        while one is not None:
            found.append(one)
            one = one.parent
        return tuple(reversed(found))


def read(text: str, name: str) -> DeclaredFile:
    """Return what a Dockerfile declares. `name` is what to call it in places."""
    all_lines = lines_of(text[:MOST_CHARACTERS])
    lines = all_lines[:MOST_LINES]
    reading = _Reading(name, lines)
    cut = len(text) > MOST_CHARACTERS or len(all_lines) > MOST_LINES
    trouble = f"only its first {len(lines)} lines were read" if cut else None
    try:
        for one in instructions(lines):
            if one.name == "FROM" and len(reading.stages) == MOST_STAGES:
                trouble = f"only its first {MOST_STAGES} stages were read"
                break
            reading.take(one)
    except Unended as problem:
        trouble = trouble or str(problem)
    if not reading.stages:
        return DeclaredFile(FORMAT, trouble=trouble or "there is no FROM in it")
    cases: list[Case] = []
    containers: list[ContainerSpec] = []
    for number, stage in enumerate(reading.stages):
        if stage.started_from:
            continue
        chain = stage.chain
        cases += _cases(chain, name)
        containers.append(_container(stage, chain, name, final=number == len(reading.stages) - 1))
    cases += uses_in(enumerate(lines, 1), name, cases)
    return DeclaredFile(FORMAT, tuple(cases), tuple(containers), trouble)


class _Reading:
    """The state of reading: the stages so far, and the ARGs before the first of them."""

    def __init__(self, file: str, lines: Sequence[str]) -> None:
        self.file = file
        self.lines = lines
        self.escape = escape_of(lines)
        self.stages: list[_Stage] = []
        self.named: dict[str, _Stage] = {}
        self.arguments: dict[str, str] = {}
        self.argument_lines: dict[str, int] = {}
        self.shared = 0

    def take(self, one: Instruction) -> None:
        """Take the next instruction."""
        if one.name == "FROM":
            self._from(one)
        elif not self.stages:
            if one.name == "ARG":
                for name, value in assignments(one.words):
                    self._assign(self.arguments, name, value)
                    self.argument_lines[name] = one.first
        elif one.name in ("ARG", "ENV"):
            self._variables(one, self.stages[-1])
        elif one.name == "RUN":
            self._run(one, self.stages[-1])
        else:
            self._setting(one, self.stages[-1])

    def _place(self, one: Instruction) -> Place:
        line = self.lines[one.first]
        return Place(self.file, one.first + 1, len(line) - len(line.lstrip()) + 1, one.end)

    def _assign(self, variables: dict[str, str], name: str, value: str) -> None:
        told = filled(value, variables)
        if told is None:
            variables.pop(name, None)
        else:
            variables[name] = told

    def _from(self, one: Instruction) -> None:
        words, platform = one.words, ""
        while flag := _FLAG.match(words):
            if flag[1] == "platform":
                platform = _PLATFORMS.get(filled(flag[2] or "", self.arguments) or "", "")
            words = words[flag.end() :]
        pieces = words.split()
        written = pieces[0] if pieces else ""
        reference = filled(written, self.arguments)
        parent = self.named.get(reference.lower()) if reference else None
        image = None if parent or not reference else self._image(written, reference, one)
        if parent:
            self.shared += parent.below + len(parent.script)
            if parent.depth >= DEEPEST or self.shared > MOST_SHARED:
                parent = None
        if image and re.search(r"(?:^|/)windows/", image.reference):
            platform = "windows-x86_64"
        stage_name = pieces[2] if len(pieces) > 2 and pieces[1].lower() == "as" else str(len(self.stages))
        stage = _Stage(stage_name, self._place(one), image, parent, platform or (parent.platform if parent else ""))
        if parent:
            parent.started_from = True
            stage.depth, stage.below = parent.depth + 1, parent.below + len(parent.script)
            stage.variables = dict(parent.environment)
        self.stages.append(stage)
        self.named |= {stage_name.lower(): stage, str(len(self.stages) - 1): stage}

    def _image(self, written: str, reference: str, one: Instruction) -> Image | None:
        """Return the image of a FROM; one that an ARG holds whole stands where the ARG does."""
        if reference == "scratch":
            return None
        whole = re.fullmatch(r"\$\{?(\w+)(?::?-[^{}]*)?\}?", written)
        line = self.argument_lines.get(whole[1]) if whole else None
        if line is not None and (column := self.lines[line].find(reference)) >= 0:
            return Image(reference, Place(self.file, line + 1, column + 1), reference)
        return Image(reference, self._found(written, one), written)

    def _found(self, written: str, one: Instruction) -> Place:
        """Return where a word of an instruction stands."""
        for number in range(one.first, one.end):
            found = re.search(rf"(?<![\w./-]){re.escape(written)}(?![\w./-])", self.lines[number])
            if found:
                return Place(self.file, number + 1, found.start() + 1)
        return self._place(one)

    def _variables(self, one: Instruction, stage: _Stage) -> None:
        if one.name == "ARG" and "=" not in one.words:
            for name in one.words.split():
                if name in self.arguments:
                    stage.variables.setdefault(name, self.arguments[name])
            return
        for name, value in assignments(one.words):
            if one.name == "ARG" and any(name == set_one for set_one, _ in stage.environment):
                continue  # what ENV sets hides an ARG of that name
            self._assign(stage.variables, name, value)
            if one.name == "ENV" and name in stage.variables:
                stage.environment.append((name, stage.variables[name]))
        if "=" in "".join(one.words.split(maxsplit=1)[:1]):
            stage.script |= shell_lines(one, self.lines, self.escape)

    def _run(self, one: Instruction, stage: _Stage) -> None:
        stage.script |= shell_lines(one, self.lines, self.escape)
        stage.runs.append(Written(one.words, self._place(one)))

    def _setting(self, one: Instruction, stage: _Stage) -> None:
        place, words = self._place(one), one.words
        if one.name == "USER":
            stage.user = Written(filled(words, stage.variables) or words, place)
        elif one.name in ("ENTRYPOINT", "CMD"):
            told = exec_form(words)
            started = Started((words,) if told is None else told, place, shell=told is None)
            if one.name == "CMD":
                stage.command = started
            else:
                stage.entrypoint, stage.command = started, None
        elif one.name == "EXPOSE":
            stage.published += [int(port) for port in re.findall(r"(?<!\S)(\d{1,5})(?=/tcp|\s|$)", words)]
        elif one.name in ("COPY", "ADD"):
            stage.copies.append(Written(words, place))
            source = re.match(r"(?:--\S+\s+)*?--from=(\S+)", words)
            reference = filled(source[1], stage.variables) if source else None
            if source and reference and reference.lower() not in self.named and not reference.isdigit():
                stage.copied_from.append(Image(reference, self._found(source[1], one), source[1]))


def _cases(chain: Sequence[_Stage], file: str) -> Iterator[Case]:
    """Yield what a stage declares, together with the stages it starts from."""
    from envdoctor.readers.declared.commands.install_commands import commands_in
    from envdoctor.readers.declared.commands.together import cases_of

    stage, image = chain[-1], chain[0].image
    label = f"stage {stage.name}"
    script = {number: line for one in chain for number, line in one.script.items()}
    variables = {name: value for one in chain for name, value in one.variables.items()}
    python = _python_of(image)
    if python and any(_OTHER_PYTHON.search(one.text) for below in chain for one in below.runs):
        python = None
    found = False
    if script:
        first, last = min(script), max(script)
        text = "\n".join(script.get(number, "") for number in range(first, last + 1))
        for case in cases_of(commands_in(text, file, first + 1, variables=variables)):
            found = True
            pythons = case.pythons or ((python,) if python else ())
            yield replace(case, label=label, base=image, pythons=pythons, platform=case.platform or stage.platform)
    if image and not found:
        yield Case(file, label, image.place, base=image, platform=stage.platform)
    for below in chain:
        for copied in below.copied_from:
            yield Case(file, f"copied into {label}", copied.place, base=copied)


def _python_of(image: Image | None) -> PythonWish | None:
    """Return the Python that an image is made for, by its name."""
    match = _PYTHON_IMAGES.fullmatch(image.reference.partition("@")[0]) if image else None
    if not image or not match:
        return None
    return PythonWish(f"=={match[1] or match[2]}.*", image.place, image.written)


def _container(stage: _Stage, chain: Sequence[_Stage], file: str, *, final: bool) -> ContainerSpec:
    def last(name: str) -> object:
        return next((found for one in reversed(chain) if (found := getattr(one, name)) is not None), None)

    user, entrypoint, command = last("user"), last("entrypoint"), last("command")
    return ContainerSpec(
        file=file,
        label=f"stage {stage.name}",
        place=stage.place,
        kind="stage",
        image=chain[0].image,
        final=final,
        runs=tuple(run for one in chain for run in one.runs),
        copies=tuple(copy for one in chain for copy in one.copies),
        user=user if isinstance(user, Written) else None,
        entrypoint=entrypoint if isinstance(entrypoint, Started) else None,
        command=command if isinstance(command, Started) else None,
        published=tuple(port for one in chain for port in one.published),
        environment=tuple(pair for one in chain for pair in one.environment),
    )
