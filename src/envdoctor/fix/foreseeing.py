"""What a manager will make of pyproject.toml, for the dry run: the same declarations, perhaps not the same blanks.

uv 0.13.9, poetry 2.5.1 and pdm 2.29.3 replace the requirement of a package that is named already; tests hold what is
foreseen beside what they wrote. Lock files are not foreseen: that takes the manager's own resolution.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.fix.declared import home_of
from envdoctor.fix.manifests import MANIFEST, edited, read, with_requirements
from envdoctor.model.names import required
from envdoctor.model.plan import Edit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envdoctor.fix.declared import Home


def foreseen(text: str, tool: str, commands: Sequence[Sequence[str]]) -> str:
    """Return the manifest as the plan's commands will leave it. Raises `Unmergeable`."""
    for argv in commands:
        if tool == "poetry" and "source" in argv:
            text = edited(text, Edit(MANIFEST, _poetry_source(argv)), tool)
        elif "add" in argv:
            requirements = requirements_of(argv)
            home = home_of(read(text, MANIFEST), [required(one) for one in requirements])
            if tool == "poetry":
                text = _by_poetry(text, home, requirements, _after(argv, "--source"))
            else:
                text = with_requirements(text, home.path, requirements)
    return text


def requirements_of(argv: Sequence[str]) -> tuple[str, ...]:
    """Return the exact requirements among the words of a command."""
    return tuple(word for word in argv if "==" in word)


def _by_poetry(text: str, home: Home, requirements: Sequence[str], source: str | None) -> str:
    """A list has the version and poetry's own table the source; that table alone has both where there is no list."""
    names = [required(one) for one in requirements]
    from_there = f'source = "{source}"' if source else ""
    if home.path[:2] == ("tool", "poetry"):
        versions = (one.partition("==")[2] for one in requirements)
        cells = [", ".join(filter(None, (f'version = "{one}"', from_there))) for one in versions]
        return _with_table(text, home.path, names, cells)
    text = with_requirements(
        text, home.path, [f"{one.partition('==')[0]} (=={one.partition('==')[2]})" for one in requirements]
    )
    if not source:
        return text
    inner = ("group", home.name, "dependencies") if home.kind == "group" else ("dependencies",)
    return _with_table(text, ("tool", "poetry", *inner), names, [from_there] * len(names))


def _with_table(text: str, path: tuple[str, ...], names: Sequence[str], cells: Sequence[str]) -> str:
    lines = "".join(f"{name} = {{{cell}}}\n" for name, cell in zip(names, cells, strict=True))
    keys = ".".join(f'"{key}"' for key in path)
    return edited(text, Edit(MANIFEST, f"[{keys}]\n{lines}"), "poetry")


def _poetry_source(argv: Sequence[str]) -> str:
    name, url = argv[-2:]
    return f'[[tool.poetry.source]]\nname = "{name}"\nurl = "{url}"\npriority = "explicit"\n'


def _after(argv: Sequence[str], option: str) -> str | None:
    words = list(argv)
    return words[words.index(option) + 1] if option in words else None
