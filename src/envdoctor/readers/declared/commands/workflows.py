"""Workflows of continuous integration: GitHub's (composite actions too), GitLab's, Azure's, CircleCI's.

A job is a script for every combination of its matrix, as the documentation of each makes them; defaults of inputs and
variables are filled in, and a step whose condition cannot be told is a branch. What other files hold is not opened.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.declared import Case, Image, PythonWish
from envdoctor.model.declared_file import DeclaredFile
from envdoctor.model.place import Place
from envdoctor.readers.declared.commands.install_commands import Script
from envdoctor.readers.declared.commands.installers import Word
from envdoctor.readers.declared.commands.matrices import combinations
from envdoctor.readers.declared.commands.together import cases_of
from envdoctor.readers.declared.unreadable import Unreadable
from envdoctor.readers.declared.yaml_nodes import documents, entries, entry, has_entries, items

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from yaml import Node

    from envdoctor.readers.declared.commands.command_lines import Shell
    from envdoctor.readers.declared.commands.install_commands import InstallCommand

FORMAT = "workflow"

MOST_JOBS = 500

MOST_READ = 500_000
"""Characters of steps that are read, those of a job once for every combination of its matrix."""

DEEPEST = 12
"""Levels down to which jobs are looked for."""

_SHELLS: dict[str, Shell] = {"pwsh": "powershell", "powershell": "powershell", "cmd": "batch"}
_STEPS: dict[str, Shell] = {
    "run": "posix",
    "script": "posix",
    "bash": "posix",
    "powershell": "powershell",
    "pwsh": "powershell",
}
_PARTS = ("before_script", "before_install", "install", "script")
"""What a job of GitLab (and of those who took its form) runs, in this order."""

_RUN = ("steps", *_PARTS)

_EXPRESSION = re.compile(r"\$\{\{\s{0,9}([^{}\n]{1,200}?)\s{0,9}\}\}")
_EQUALS = re.compile(r"([\w.-]{1,80})\s{0,9}([!=]=)\s{0,9}'([^']{0,80})'")
_VERSION = re.compile(r"3\.\d{1,2}(?:\.\d{1,2})?")
_PYTHON_IMAGE = re.compile(r"(?:[\w.-]{1,60}/){0,3}python:(3\.\d{1,2})(?![\d.]*(?:a|b|rc)\d).{0,60}")
_MACHINES = (
    (re.compile(r"ubuntu[\w.-]*-arm"), "linux-aarch64"),
    (re.compile(r"ubuntu|linux", re.IGNORECASE), "linux-x86_64"),
    (re.compile(r"windows-11-arm"), ""),
    (re.compile(r"windows", re.IGNORECASE), "windows-x86_64"),
    (re.compile(r"macos-(?:1[0-3]\b|[\w.]+-(?:large|intel))"), "macos-x86_64"),
    (re.compile(r"macos-latest(?!-xlarge)"), "macos"),
    (re.compile(r"macos", re.IGNORECASE), "macos-arm64"),
)
"""Runners, as GitHub documents them ("GitHub-hosted runners reference"), in the order in which they are asked.

`macos-latest` was x86-64 until April 2024: a workflow from before was written for that.
"""


class _Around(NamedTuple):
    """What a job is given by what stands around it."""

    variables: Mapping[str, Word]
    shell: str = ""
    image: Node | None = None
    before: tuple[Node, ...] = ()


def read(text: str, name: str) -> DeclaredFile:
    """Return what a workflow installs: a case for every combination of a job's matrix that differs."""
    try:
        roots = documents(text)
    except Unreadable as problem:
        return DeclaredFile(FORMAT, trouble=str(problem))
    reading = _Reading(text, name)
    cases = tuple(case for root in roots for case in reading.cases(root))
    trouble = "its matrices make more than was read" if reading.left < 0 else None
    return DeclaredFile(FORMAT, cases, trouble=trouble)


class _Reading:
    """One file while it is read."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.lines = text.split("\n")
        self.file = file
        self.left = MOST_READ
        self.jobs = 0

    def cases(self, root: Node) -> Iterator[Case]:
        """Yield the cases of one document, each once."""
        given = dict(self._inputs(root))
        parts = (entry(root, "before_script"), entry(root, "default", "before_script"))
        before = tuple(one for one in parts if one is not None)
        image = entry(root, "image") or entry(root, "default", "image")
        seen: set[Case] = set()
        for case in self._walk(root, "", _Around(given, image=image, before=before), 0):
            unnamed = replace(case, label="")
            if unnamed not in seen:
                seen.add(unnamed)
                yield case

    def _inputs(self, root: Node) -> Iterator[tuple[str, Word]]:
        for where in (
            ("inputs",),
            ("on", "workflow_call", "inputs"),
            ("on", "workflow_dispatch", "inputs"),
            ("parameters",),
        ):
            for one in entries(entry(root, *where)):
                default = self._word(entry(one.value, "default"))
                if default:
                    for name in ("inputs", "github.event.inputs", "parameters", "pipeline.parameters"):
                        yield f"{name}.{one.key}", default

    def _walk(self, node: Node, key: str, around: _Around, depth: int) -> Iterator[Case]:
        """Look for jobs: mappings that have steps, or a script."""
        if depth > DEEPEST or self.jobs >= MOST_JOBS:
            return
        for one in items(node):
            yield from self._walk(one, key, around, depth + 1)
        held = {one.key: one.value for one in entries(node)}
        if not held:
            return
        around = around._replace(
            variables={
                **around.variables,
                **self._set(held.get("env"), around),
                **self._set(held.get("variables"), around),
            },
            shell=self._text(entry(node, "defaults", "run", "shell")) or around.shell,
        )
        if items(held.get("steps")) or (any(part in held for part in _PARTS) and depth):
            self.jobs += 1
            yield from self._job(held, key, around)
            return
        for name, value in held.items():
            if name not in ("env", "variables", "inputs", "on", "defaults", "with", "strategy"):
                yield from self._walk(value, name, around, depth + 1)

    def _job(self, held: Mapping[str, Node], key: str, around: _Around) -> Iterator[Case]:
        matrix = entry(held.get("strategy"), "matrix") or entry(held.get("parallel"), "matrix") or held.get("matrix")
        length = sum(one.end_mark.index - one.start_mark.index for one in (held[part] for part in _RUN if part in held))
        for combination in self._told_apart(combinations(matrix, self._word)):
            self.left -= length
            if self.left < 0:
                return
            told = " ".join(
                f"{name.removeprefix('matrix.')}={word.text}" for name, word in combination.items() if "matrix." in name
            )
            label = f"job {key}" if key and key != "runs" else "steps"
            given = {**around.variables, **combination}
            commands = [*self._run(held, around._replace(variables=given))]
            base = self._image(held.get("container") or held.get("image") or around.image, given)
            cases = cases_of(commands)
            if base and not cases:
                yield Case(self.file, label, base.place, base=base)
            for case in cases:
                yield replace(case, base=base, label=f"{label} ({told[:120]})" if told else label)

    def _told_apart(self, all_of_them: Sequence[Mapping[str, Word]]) -> Iterator[Mapping[str, Word]]:
        """Those combinations that differ in something the file makes use of."""
        seen: set[tuple[tuple[str, str], ...]] = set()
        for one in all_of_them:
            used = {name: word for name, word in one.items() if not name.startswith("matrix.") or name in self.text}
            key = tuple((name, word.text) for name, word in used.items())
            if key not in seen:
                seen.add(key)
                yield used

    def _run(self, held: Mapping[str, Node], around: _Around) -> Iterator[InstallCommand]:
        """Carry out, in thought, the steps of a job."""
        variables = {**around.variables, **self._set(held.get("env"), around)}
        machine = self._filled(
            self._text(held.get("runs-on")) or self._text(entry(held.get("pool"), "vmImage")) or "", variables
        )
        platform = (
            next((one for pattern, one in _MACHINES if pattern.search(machine)), "") if "${{" not in machine else ""
        )
        image = held.get("image") or held.get("container") or around.image
        script = Script(self.file, variables=variables, python=self._python_of_image(image), platform=platform)
        for step in items(held.get("steps")):
            yield from self._step(step, script, around, variables, platform)
        parts = [around.before[0]] if around.before and "before_script" not in held else []
        for part in (*parts, *(held[name] for name in _PARTS if name in held)):
            for node in items(part) or [part]:
                text, line = self._lines(node)
                yield from script.commands(text, line)

    def _step(
        self, step: Node, script: Script, around: _Around, variables: Mapping[str, Word], platform: str
    ) -> Iterator[InstallCommand]:
        held = {one.key: one.value for one in entries(step)}
        certain = self._holds(self._text(held.get("if")), variables)
        if certain is False:
            return
        uses, given = (
            self._text(held.get("uses")) or self._text(held.get("task")) or "",
            held.get("with") or held.get("inputs"),
        )
        asked = self._word(entry(given, "python-version") or entry(given, "versionSpec"))
        if asked:
            script.choose_python(_wish(asked, self._filled(asked.text, variables)) if certain else None)
        if "micromamba" in uses or "miniconda" in uses:
            text, line = self._lines(entry(given, "create-args"))
            for number, words in enumerate(text.split("\n")):
                prefix = "micromamba install "
                yield from script.commands(prefix + words, line + number, column=1 - len(prefix))
        for name, word in self._set(held.get("env"), around._replace(variables=variables)).items():
            script.set(name, word)
        for key, default in _STEPS.items():
            node = entry(held.get(key), "command") if key == "run" and has_entries(held.get(key)) else held.get(key)
            if node is None:
                continue
            named = (self._text(held.get("shell")) or around.shell).split(" ")[0]
            shell = _SHELLS.get(
                named, "powershell" if not named and key == "run" and platform.startswith("windows") else default
            )
            text, line = self._lines(node)
            yield from script.commands(text, line, shell=shell, apart=certain is None)

    def _holds(self, condition: str | None, variables: Mapping[str, Word]) -> bool | None:
        """Whether a condition of equalities holds; None where it cannot be told."""
        if not condition:
            return True
        condition = _EXPRESSION.sub(lambda match: match[1], condition).strip()
        if condition in ("always()", "success()", "true"):
            return True
        found = _EQUALS.fullmatch(condition)
        word = variables.get(found[1]) if found else None
        return None if not found or not word else (word.text == found[3]) == (found[2] == "==")

    def _set(self, node: Node | None, around: _Around) -> dict[str, Word]:
        """The variables that a mapping (with Azure also a list) sets, but for those that nobody can tell."""
        pairs = [(one.key, one.value) for one in entries(node)]
        pairs += [
            (self._text(entry(one, "name")) or "", value)
            for one in items(node)
            if (value := entry(one, "value")) is not None
        ]
        told: dict[str, Word] = {}
        for name, value in pairs:
            word = self._word(value if not has_entries(value) else entry(value, "value"))
            text = self._filled(word.text, {**around.variables, **told}) if word else ""
            if word and "${{" not in text:
                told[name] = word._replace(text=text)
        return told

    def _filled(self, text: str, variables: Mapping[str, Word]) -> str:
        """Fill in GitHub's expressions that name a variable; others stay."""

        def value(match: re.Match[str]) -> str:
            held = variables.get(match[1]) or variables.get(match[1].removeprefix("env."))
            return held.text if held else match[0]

        return _EXPRESSION.sub(value, text)

    def _image(self, node: Node | None, variables: Mapping[str, Word]) -> Image | None:
        word = self._word(node) or self._word(entry(node, "image")) or self._word(entry(node, "name"))
        if not word:
            return None
        reference = self._filled(word.text, variables)
        return Image(reference, word.place, word.written) if reference and "$" not in reference else None

    def _python_of_image(self, node: Node | None) -> PythonWish | None:
        word = self._word(node) or self._word(entry(node, "image")) or self._word(entry(node, "name"))
        found = _PYTHON_IMAGE.fullmatch(word.text) if word else None
        return PythonWish(f"=={found[1]}.*", word.place, word.written) if word and found else None

    def _text(self, node: Node | None) -> str | None:
        word = self._word(node)
        return word.text if word else None

    def _word(self, node: Node | None) -> Word | None:
        """The text of a scalar and where it stands."""
        from yaml import ScalarNode

        if not isinstance(node, ScalarNode):
            return None
        quoted = node.style in ("'", '"')
        place = Place(self.file, node.start_mark.line + 1, node.start_mark.column + 1 + quoted)
        return Word(node.value.strip(), node.value.strip(), place)

    def _lines(self, node: Node | None) -> tuple[str, int]:
        """A script as its lines stand in the file, blanks for what is not of it, and the number of the first."""
        from yaml import ScalarNode

        if not isinstance(node, ScalarNode):
            return "", 1
        first, column, end = node.start_mark.line, node.start_mark.column, node.end_mark.line
        if node.style in ("|", ">"):
            lines = list(self.lines[first + 1 : end + (node.end_mark.column > 0)])
            while len(lines) > node.value.count("\n") + 1 and node.style == "|":
                lines.pop()
            first += 1
        elif first == end:
            quote = 1 if node.style else 0
            if node.style == '"' and "\\" in node.value + self.lines[first][column : node.end_mark.column]:
                return " " * (column + 1) + node.value, first + 1
            return " " * (column + quote) + self.lines[first][column + quote : node.end_mark.column - quote], first + 1
        else:
            lines = [" " * column + self.lines[first][column:].lstrip("\"'"), *self.lines[first + 1 : end + 1]]
            lines[-1] = lines[-1].rstrip("\"'")
        if node.style != "|":  # its lines are one, but where an empty one stands between them
            lines = [
                line + " \\" if line.strip() and at + 1 < len(lines) and lines[at + 1].strip() else line
                for at, line in enumerate(lines)
            ]
        return "\n".join(lines), first + 1


def _wish(word: Word, version: str) -> PythonWish | None:
    """The Python that `setup-python` and its kin choose; a range or "3.x" is whatever is newest then."""
    if not _VERSION.fullmatch(version):
        return None
    return PythonWish(f"=={version}" if version.count(".") == 2 else f"=={version}.*", word.place, word.written)
