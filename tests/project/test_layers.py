"""The rooms import each other only as the table in docs/adr/0001-the-house.md says."""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envdoctor.probes.look import PROBES

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "envdoctor"
TABLE = ROOT / "docs" / "adr" / "0001-the-house.md"
MODULES = sorted(PACKAGE.rglob("*.py"))
CHILDREN = sorted((PACKAGE / "host" / "child").glob("*.py"))

# Third-party and system modules that only some places may import; a place is a path below the package.
KEPT_TO = {
    "click": ("commands/", "cli.py", "cli/"),
    "pytest": ("pytest_plugin/",),
    "rich": ("reporters/lines.py",),
    "pynvml": ("host/",),
    "ctypes": ("host/", "smoke/child/lifetime.py"),
    "subprocess": ("host/",),
    "multiprocessing": (),
    "requests": ("published/",),
    "urllib3": ("published/",),
    "pypi_simple": ("published/",),
    "bs4": ("published/",),
    "remotezip": ("published/",),
    "platformdirs": ("published/",),
    "tomlkit": ("upkeep/", "fix/"),
    "torch": ("smoke/child/",),  # named there, and imported by the interpreter under examination alone
    "torchvision": ("smoke/child/cases/vision_ops.py",),
    "torchaudio": (),
    "triton": (),
    "pkg_resources": (),
}


@cache
def table() -> dict[str, frozenset[str] | None]:
    """Room to the rooms it may import; None where the table says "all"."""
    rooms: dict[str, frozenset[str] | None] = {}
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("| `") or len(cells) != 3:
            continue
        allowed = None if cells[2] == "all" else frozenset(re.findall(r"`(\w+)`", cells[2]))
        rooms |= dict.fromkeys(re.findall(r"`(\w+)`", cells[0]), allowed)
    return rooms


def place(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def room(path: Path) -> str:
    return place(path).partition("/")[0].removesuffix(".py")


def imported(tree: ast.AST, package: tuple[str, ...]) -> Iterator[str]:
    """Every module a tree imports, with TYPE_CHECKING blocks, functions and written-out names of modules.

    `package` is what a relative import starts from. `from envdoctor import x` yields "envdoctor.x".
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            name = ".".join((*above, *(node.module or "").split("."))).strip(".")
            yield from (f"{name}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # What importlib is given to load late: "envdoctor.commands.check".
            if re.fullmatch(r"envdoctor(\.[a-z_]\w*)+", node.value):
                yield node.value
        elif isinstance(node, ast.Call) and node.args:
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            first = node.args[0]
            if called in ("import_module", "__import__") and isinstance(first, ast.Constant):
                yield str(first.value)


@cache
def imports_of(path: Path) -> frozenset[str]:
    package = ("envdoctor", *path.relative_to(PACKAGE).parent.parts)
    return frozenset(imported(ast.parse(path.read_bytes()), package))


def rooms_of(names: frozenset[str]) -> set[str]:
    """The rooms among imported names; `from envdoctor import __version__` is no room."""
    parts = (name.split(".") for name in names)
    return {part[1] for part in parts if part[0] == "envdoctor" and len(part) > 1 and part[1] != "__version__"}


def test_the_table_is_read_whole() -> None:
    rooms = table()
    assert rooms["model"] == frozenset()
    assert rooms["binary"] == frozenset()
    assert rooms["host"] == {"model"}
    assert rooms["cli"] is None
    for name, allowed in rooms.items():
        assert (allowed or frozenset()) <= rooms.keys(), f"the row of {name} names a room that has no row"


def test_every_room_has_a_row_and_every_row_a_room() -> None:
    here = {room(path) for path in MODULES} - {"__init__", "__main__"}
    assert here == table().keys(), "src/envdoctor and the table in docs/adr/0001-the-house.md differ"


@pytest.mark.parametrize("path", MODULES, ids=place)
def test_a_module_imports_only_the_rooms_of_its_row(path: Path) -> None:
    own = room(path)
    if own == "__init__":
        assert rooms_of(imports_of(path)) == {"api"}
        return
    allowed = table()["cli" if own == "__main__" else own]
    if allowed is not None:
        assert rooms_of(imports_of(path)) <= allowed | {own}, f"docs/adr/0001-the-house.md: the row of {own}"


@pytest.mark.parametrize("path", MODULES, ids=place)
def test_a_module_imports_nothing_that_is_kept_to_another_place(path: Path) -> None:
    tops = {name.partition(".")[0] for name in imports_of(path)}
    for module, places in KEPT_TO.items():
        assert module not in tops or place(path).startswith(places or "-"), f"{module} in {place(path)}"


@pytest.mark.parametrize("path", [path for path in MODULES if room(path) == "model"], ids=place)
def test_the_model_is_made_of_the_standard_library(path: Path) -> None:
    tops = {name.partition(".")[0] for name in imports_of(path)}
    assert tops <= sys.stdlib_module_names | {"envdoctor"}


@pytest.mark.parametrize("path", CHILDREN, ids=place)
def test_a_child_script_stands_alone_and_is_python_3_8(path: Path) -> None:
    """It is run by path with an interpreter that has neither envdoctor nor, maybe, anything newer."""
    ast.parse(path.read_bytes(), feature_version=(3, 8))
    tops = {name.partition(".")[0] for name in imports_of(path)}
    assert tops <= sys.stdlib_module_names | {"pynvml"}


BATTERY = sorted((PACKAGE / "smoke" / "child").rglob("*.py"))


@pytest.mark.parametrize("path", BATTERY, ids=place)
def test_the_battery_is_python_3_8_and_needs_nothing_but_itself(path: Path) -> None:
    """It is run by the interpreter under examination and is handed its torch."""
    ast.parse(path.read_bytes(), feature_version=(3, 8))
    names = imports_of(path)
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names | {"envdoctor", "torch", "torchvision"}
    assert all(name.startswith("envdoctor.smoke.child") for name in names if name.partition(".")[0] == "envdoctor")


def test_no_file_of_the_battery_is_named_as_a_module_that_somebody_imports() -> None:
    taken = sys.stdlib_module_names | KEPT_TO.keys() | {"numpy", "scipy", "setuptools", "pip", "site", "sitecustomize"}
    assert not {path.stem for path in BATTERY if path.stem != "__init__"} & taken


SHARED_BY_PROBES = {
    "apart", "begin", "index_files", "look", "looking", "printable", "project_files", "symlinks", "target"
}  # fmt: skip
"""What stands beside the probes and is none: how a look goes, and readers that two subjects share."""


def test_what_stands_in_the_room_of_the_probes_is_a_probe() -> None:
    probes = {probe.__name__.removeprefix("envdoctor.probes.") for probe in PROBES}
    here = {path.stem for path in (PACKAGE / "probes").glob("*.py")} - {"__init__"}
    assert here == probes | SHARED_BY_PROBES


def test_the_rooms_within_are_listed() -> None:
    folders = {path.parent.relative_to(PACKAGE).as_posix() for path in PACKAGE.glob("*/*/__init__.py")}
    listed = set(re.findall(r"^\| `(\w+/\w+)` \|", TABLE.read_text(encoding="utf-8"), re.MULTILINE))
    assert folders == listed


SAMPLES = {
    "import envdoctor.probes.driver": {"probes"},
    "from envdoctor.host import Host": {"host"},
    "from envdoctor import rules": {"rules"},
    "from envdoctor import __version__": set(),
    "from ..matrix import load": {"matrix"},
    "from . import plan": {"model"},
    "if TYPE_CHECKING:\n    from envdoctor.codec.read import x": {"codec"},
    "def late():\n    from envdoctor.plan import solve": {"plan"},
    "import_module('envdoctor.reporters.terminal')": {"reporters"},
    "LATE = {'check': 'envdoctor.commands.check'}": {"commands"},
    "SCHEMA = 'envdoctor.snapshot/1'": set(),
    "import tomllib": set(),
}


@pytest.mark.parametrize("code", SAMPLES)
def test_an_import_is_seen_wherever_it_hides(code: str) -> None:
    assert rooms_of(frozenset(imported(ast.parse(code), ("envdoctor", "model")))) == SAMPLES[code]
