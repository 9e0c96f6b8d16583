"""Commands that install something, as declared cases: those of pip, uv, conda, poetry, pdm, pixi and their kin.

A command is told by its words (`installers`), wherever it stands: behind `sudo`, in a notebook's cell, in quotes behind
`bash -c`, in a variable that holds it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.declared import Case, Index, PythonWish, Requirement, Statement
from envdoctor.model.names import normalised
from envdoctor.model.place import Place
from envdoctor.readers.declared.commands.branches import Branches, Command, commands_of
from envdoctor.readers.declared.commands.command_demands import conda_demand_of, pip_demand, whole, wish
from envdoctor.readers.declared.commands.command_indexes import OPTIONS, VARIABLES, addresses, backend, tied
from envdoctor.readers.declared.commands.command_words import RawWord, words_of
from envdoctor.readers.declared.commands.installers import CONDAS, Told, Word, is_said, told
from envdoctor.readers.declared.commands.variables import Value, Variables, assigned
from envdoctor.readers.pattern import Pattern

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envdoctor.readers.declared.commands.command_lines import Shell


class InstallCommand(NamedTuple):
    """One command that installs, removes, makes or changes an environment, and what it alone declares.

    `case` has the Python of the environment it goes into, where the commands before it tell. `environment` is the name
    of that environment, "" for the one that is there; `branch` is as in `branches.Command`; `removed` are the
    distributions it takes away. `anew` where nothing that was installed before belongs to it: another environment
    begins, or a remark sets it apart from the command before.
    """

    tool: str
    words: tuple[Word, ...]
    case: Case
    environment: str = ""
    branch: tuple[int, ...] = ()
    removed: tuple[str, ...] = ()
    anew: bool = False


_SIGNS_OF_COMMANDS = Pattern(r"pip|conda|mamba|\buv|poetry|pdm|pixi|venv|virtualenv|rye|pyenv")
_SIGNS_OF_ENVIRONMENTS = Pattern(rf"{_SIGNS_OF_COMMANDS.pattern}|activate", re.IGNORECASE)
_ALTERNATIVE = Pattern(
    r"\b(?:or|cuda|cpu|gpu|rocm|mps|mac\w*|osx|windows|linux|option\w*|alternativ\w*|else|otherwise|if|instead|either|cu\d{2,3}"
    r"|version|for)\b|[\u3400-\u9fff\uac00-\ud7af\u3040-\u30ff]",
    re.IGNORECASE,
)
"""What a remark says that sets the next command apart from the one before; in a script that is not read, any may."""

_VERBS = {
    "install": "install", "environment": "create", "remove": "uninstall", "uv add": "", "uvx": "", "uv": "run",
    "poetry": "add", "pdm": "add", "pixi": "add",
}  # fmt: skip
"""How the label of a case calls what an installer is asked to do, by its name where it has a word of its own."""

_NESTED = 3
"""Commands within the quotes of commands."""


def commands_in(
    text: str,
    file: str,
    first_line: int = 1,
    *,
    variables: Mapping[str, str | Word] | None = None,
    shell: Shell = "posix",
    column: int = 1,
    is_run: bool = True,
    python: PythonWish | None = None,
    platform: str = "",
) -> Iterator[InstallCommand]:
    """Yield the install commands of a text, in order.

    The text begins at `first_line` and `column` of `file`. `variables`, `python` and `platform` are as for `Script`,
    `shell` and `is_run` as for its `commands`.
    """
    script = Script(file, variables=variables, python=python, platform=platform)
    yield from script.commands(text, first_line, column=column, shell=shell, is_run=is_run)


class Script:
    """What is known at one point of a script: variables, the environment that is active, indexes that are set.

    `variables` are those that are set before it, by name ("matrix.torch" for GitHub's `${{ matrix.torch }}`), as text
    or as the word they were written as. `python` is the Python of the environment that is there, `platform` the one the
    script is for: that of its shell where it is "".
    """

    def __init__(
        self,
        file: str,
        *,
        variables: Mapping[str, str | Word] | None = None,
        python: PythonWish | None = None,
        platform: str = "",
    ) -> None:
        self._file = file
        self._variables = Variables(file)
        self._shell: Shell = "posix"
        self._platform = platform
        self._branches = Branches()
        self._pythons: dict[str, PythonWish | None] = {"": python}
        self._made_in: dict[str, tuple[int, ...]] = {}
        self._active = ""
        self._active_in: tuple[int, ...] = ()
        self._anew = False
        self._settings: dict[str, tuple[str, Index, tuple[int, ...]]] = {}
        self._backend: Index | None = None
        for name, told_before in (variables or {}).items():
            self.set(name, told_before)

    def set(self, name: str, told_before: str | Word) -> None:
        """Set a variable from without."""
        word = told_before if isinstance(told_before, Word) else Word(told_before, told_before, Place(self._file, 1))
        alone = isinstance(told_before, Word) and word.text.split() == [word.text]
        value = Value(word.text, (word,) if alone else ())
        self._variables.set(name, value, ())
        self._set_index(name, value, ())

    def choose_python(self, python: PythonWish | None) -> None:
        """Say which Python is there from here on."""
        self._pythons[self._active] = python

    def commands(
        self,
        text: str,
        first_line: int = 1,
        *,
        column: int = 1,
        shell: Shell = "posix",
        is_run: bool = True,
        apart: bool = False,
    ) -> Iterator[InstallCommand]:
        """Yield the install commands of the next text of the script.

        A text that `is_run` has neither prompts nor commands that are commented out; in any other, those are cases
        marked as comments. `apart` where nobody can tell whether it is carried out.
        """
        self._branches.begin("if" if apart else "")
        if not _SIGNS_OF_ENVIRONMENTS.search(text) and not self._variables.values:
            return
        self._shell = shell
        for command in commands_of(
            text, shell, branches=self._branches, first_line=first_line, column=column, is_run=is_run
        ):
            yield from self._read(command)

    def _read(self, command: Command, nested: int = 0) -> Iterator[InstallCommand]:
        """Yield what one command declares, and remember what it sets."""
        if command.comment:
            yield from self._comment(command)
            return
        self._variables.at(command.branch)
        self._leave(command.branch)
        told_here, words = assigned(command, self._shell, self._variables)
        before = self._settings, self._backend
        self._settings = dict(self._settings)
        for name, value in told_here.items():
            yield from self._held_command(value, command)
            if value:
                self._set_index(name, value, command.branch)
            self._variables.set(name, value, command.branch)
        if not words:
            return
        yield from self._install(command, words)
        if told_here and words is not command.words:  # `X=1 command` sets it for that command alone
            self._settings, self._backend = before
        if nested < _NESTED:
            yield from self._quoted(command, words, nested)

    def _comment(self, command: Command) -> Iterator[InstallCommand]:
        found = (
            list(self._install(command._replace(branch=(*command.branch, -1)), command.words)) if command.words else []
        )
        yield from (one._replace(case=_commented(one.case), anew=True) for one in found if one.case.requirements)
        if not found and _ALTERNATIVE.search(command.remark):
            self._anew = True

    def _held_command(self, value: Value | None, command: Command) -> Iterator[InstallCommand]:
        """`set TORCH_COMMAND=pip install torch==2.9.1`: somebody runs what a variable holds."""
        if value and len(value.words) > 1 and _SIGNS_OF_COMMANDS.search(value.text):
            yield from self._within(command, value.start, value.end)

    def _quoted(self, command: Command, words: Sequence[RawWord], nested: int) -> Iterator[InstallCommand]:
        """`bash -c "pip install torch"`: the commands within the quotes."""
        if is_said(words[0].literal or ""):
            return
        for word in words:
            if (
                word.string
                and _SIGNS_OF_COMMANDS.search(command.line.text, word.start, word.end)
                and " " in command.line.text[word.start : word.end]
            ):
                yield from self._within(command, word.start + 1, word.end - 1, nested)

    def _within(self, command: Command, start: int, end: int, nested: int = 0) -> Iterator[InstallCommand]:
        line = command.line
        words: list[RawWord] = []
        for word in (*words_of(line, self._shell, start, end), ";"):
            if isinstance(word, RawWord):
                words.append(word)
                continue
            if words:
                yield from self._read(Command(line, tuple(words), command.branch), nested + 1)
            words.clear()

    def _install(self, command: Command, raw: Sequence[RawWord]) -> Iterator[InstallCommand]:
        if not _SIGNS_OF_ENVIRONMENTS.search(command.line.text) and not any(one.literal is None for one in raw):
            return
        words = [word for one in raw for word in self._variables.filled(one, command.line)]
        said = told(words)
        if said is None:
            return
        if said.verb == "index":
            option, word = said.options[0]
            name = {"global.index-url": "PIP_INDEX_URL", "global.extra-index-url": "PIP_EXTRA_INDEX_URL"}.get(option)
            if name:
                self._set_index(name, Value(word.text, (word,)), command.branch)
            return
        if said.verb in ("environment", "activate"):
            self._enter(said, command.branch)
        if said.verb == "activate":
            return
        yield self._said(said, command, words)

    def _enter(self, said: Told, branch: tuple[int, ...]) -> None:
        """Go into the environment that a command makes or activates."""
        name = said.environment
        if said.verb == "environment":
            # Nothing but conda brings a Python of its own unasked.
            made = (
                wish(said.python) if said.python else None if said.tool in CONDAS else self._pythons.get(self._active)
            )
            again = name in self._pythons and self._made_in.get(name, branch) != branch and self._pythons[name] != made
            self._pythons[name] = None if again else made
            self._made_in[name] = branch
            self._anew = True
        elif name != self._active:
            self._anew = True
        self._active, self._active_in = name, branch

    def _leave(self, branch: tuple[int, ...]) -> None:
        """Forget the environment that was gone into in a branch which is left."""
        if branch[: len(self._active_in)] != self._active_in:
            self._active, self._active_in, self._anew = "", (), True
            self._pythons[""] = None

    def _said(self, said: Told, command: Command, words: Sequence[Word]) -> InstallCommand:
        place = words[0].place._replace(end_line=command.line.place(command.words[-1].start)[0])
        conda = said.tool in CONDAS or (said.tool == "pixi" and not any(one.text == "--pypi" for one in words))
        environment = said.environment or self._active
        asked = whole(said.named) if said.verb != "remove" else ()
        demands = [conda_demand_of(word) if conda else pip_demand(word, said.tool) for word in asked]
        stated = [one for one in demands if isinstance(one, Statement)]
        pythons = [one for one in demands if isinstance(one, PythonWish)]
        if said.verb == "install" and pythons:
            self._pythons[environment] = pythons[-1]
        if not pythons:
            own = wish(said.python) if said.python and said.verb == "install" else None
            there = own or self._pythons.get(environment)
            pythons = [there] if there else []
        if not conda and any(one.text == "--no-deps" for one in words):
            demands = [one._replace(forced=True) if isinstance(one, Requirement) else one for one in demands]
        indexes = () if conda or said.verb != "install" else self._indexes(said, command.branch)
        label = " ".join(word for word in (said.tool, _VERBS.get(said.tool, _VERBS[said.verb])) if word)
        case = Case(
            self._file,
            label,
            place,
            tuple(tied(one, indexes) for one in demands if isinstance(one, Requirement)),
            indexes,
            tuple(pythons),
            tuple(one for one in stated if not one.written.startswith("cudnn")),
            tuple(one for one in stated if one.written.startswith("cudnn")),
            platform=self._platform or ("windows-x86_64" if self._shell != "posix" else ""),
        )
        removed = tuple(normalised(word.text) for word in said.named) if said.verb == "remove" else ()
        anew, self._anew = self._anew, False
        return InstallCommand(said.tool, tuple(words), case, environment, command.branch, removed, anew)

    def _indexes(self, said: Told, branch: tuple[int, ...]) -> tuple[Index, ...]:
        family = "uv" if said.tool.startswith("uv") else "pip"
        own: list[Index] = []
        for option, word in said.options:
            kind = OPTIONS.get(option)
            if option == "--torch-backend" and (channel := backend(word)):
                own.append(channel)
            elif kind and (option != "-f" or said.tool == "pip" or family == "uv"):  # a feature, to pixi
                own.extend(addresses(word, kind))
        if family == "uv" and self._backend and not any(one.explicit for one in own):
            own.append(self._backend)
        chosen = any(one.kind == "index-url" and not one.explicit for one in own)
        replaced = {one.kind for one in own}
        for whose, index, where in self._settings.values():
            if (
                whose != family
                or branch[: len(where)] != where
                or (index.kind == "index-url" and chosen)
                or index.kind in replaced - {"find-links"}
            ):
                continue
            own.append(index)
        return tuple(own)

    def _set_index(self, name: str, value: Value, branch: tuple[int, ...]) -> None:
        if name != "UV_TORCH_BACKEND" and name not in VARIABLES:
            return
        word = value.words[0] if value.words else Word(value.text, value.text, Place(self._file, 1))
        if name == "UV_TORCH_BACKEND":
            self._backend = backend(word)
            return
        family, kind = VARIABLES[name]
        for number, one in enumerate(value.words or (word,)):
            for index in addresses(one, kind):
                self._settings[f"{name} {number}"] = (family, index, branch)


def _commented(case: Case) -> Case:
    from dataclasses import replace

    return replace(case, comment=True)
