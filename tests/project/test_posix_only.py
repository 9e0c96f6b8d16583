"""No module leans on what only POSIX systems have: each use of it is guarded, by the syntax tree.

What a guard is: an `if` (or `and`, or a conditional expression) that asks `hasattr`, `sys.platform` or `os.name`;
a branch of that kind that left the function before; `try` with `except ImportError` or `AttributeError`.
`getattr(os, "NAME", default)` needs none. `tests/host/test_other_systems.py` shows the same by running it.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from posix_only import MODULES, NAMES, lacks

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).parents[2] / "src" / "envdoctor"
FILES = sorted(PACKAGE.rglob("*.py"))

EXEMPT: dict[tuple[str, str], str] = {}
"""Place and name of a use that is fine without a guard, and why. Shrinks; each entry must still be needed."""

LEAVES = (ast.Return, ast.Raise, ast.Continue, ast.Break)
ASKS = ("hasattr(", "sys.platform", "os.name", "TYPE_CHECKING")


def asks_for_the_system(test: ast.expr) -> bool:
    text = ast.unparse(test)
    return any(word in text for word in ASKS)


def catches_absence(node: ast.Try) -> bool:
    return any(
        handler.type is not None
        and {"ImportError", "ModuleNotFoundError", "AttributeError"}
        & {getattr(name, "id", "") for name in ast.walk(handler.type)}
        for handler in node.handlers
    )


def leaves_first(statement: ast.stmt) -> bool:
    """Whether a statement sends away the systems that lack something, so that what follows is guarded."""
    if isinstance(statement, ast.If):
        return asks_for_the_system(statement.test) and isinstance(statement.body[-1], LEAVES)
    if isinstance(statement, ast.Try):
        return catches_absence(statement) and any(isinstance(one.body[-1], LEAVES) for one in statement.handlers)
    return False


def unguarded(tree: ast.AST, platform: str) -> Iterator[tuple[int, str]]:
    """Line and name of each use that stands where the system may lack it."""
    if isinstance(tree, ast.Try) and catches_absence(tree):
        for handler in tree.handlers:
            yield from unguarded(handler, platform)
        yield from unguarded(ast.Module([*tree.orelse, *tree.finalbody], []), platform)
        return
    if isinstance(tree, (ast.If, ast.IfExp, ast.While)) and asks_for_the_system(tree.test):
        return
    if isinstance(tree, ast.BoolOp) and asks_for_the_system(tree):
        return
    if isinstance(tree, (ast.Import, ast.ImportFrom)):
        yield from ((tree.lineno, name) for name in imported(tree) if name_is_lacking(name, platform))
        return
    if isinstance(tree, ast.Attribute) and isinstance(tree.value, ast.Name):
        name = f"{tree.value.id}.{tree.attr}"
        if name_is_lacking(name, platform):
            yield tree.lineno, name
    for _, field in ast.iter_fields(tree):
        for child in field if isinstance(field, list) else [field]:
            if isinstance(child, ast.AST):
                yield from unguarded(child, platform)
            if isinstance(child, ast.stmt) and leaves_first(child):
                break


def imported(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif node.module and not node.level:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def name_is_lacking(name: str, platform: str) -> bool:
    module, _, attribute = name.partition(".")
    return module in MODULES[platform] or (bool(attribute) and lacks(platform, module, attribute))


def place(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("platform", MODULES)
@pytest.mark.parametrize("path", FILES, ids=place)
def test_what_only_posix_has_is_guarded(path: Path, platform: str) -> None:
    found = {
        f"{place(path)}:{line}: {name}"
        for line, name in unguarded(ast.parse(path.read_bytes()), platform)
        if (place(path), name) not in EXEMPT
    }
    assert found == set(), f"not on {platform}: guard it, for example by hasattr or by try with except ImportError"


def test_no_exemption_outlives_its_use() -> None:
    used = {
        (place(path), name)
        for path in FILES
        for platform in MODULES
        for _, name in unguarded(ast.parse(path.read_bytes()), platform)
    }
    assert set(EXEMPT) <= used


SEEN = [
    "import fcntl",
    "from pwd import getpwuid",
    "from os import killpg",
    "def f():\n    import resource\n    return resource",
    "try:\n    import grp\nexcept OSError:\n    pass",
    "import os\nos.uname()",
    "flags = os.O_RDONLY | os.O_NONBLOCK",
    "signal.signal(signal.SIGHUP, f)",
    "if x:\n    os.killpg(1, 9)",
    "if hasattr(os, 'killpg'):\n    pass\nos.killpg(1, 9)",
    "try:\n    pass\nexcept ImportError:\n    os.getuid()",
    "select.poll()",
]
FINE = [
    "try:\n    import fcntl\nexcept ImportError:\n    fcntl = None",
    "if hasattr(os, 'killpg'):\n    os.killpg(1, signal.SIGKILL)",
    "kind = os.uname().machine if hasattr(os, 'uname') else ''",
    "if sys.platform != 'win32':\n    import resource",
    "def f():\n    if sys.platform == 'win32':\n        return None\n    return os.getuid()",
    "def f():\n    try:\n        import pwd\n    except ImportError:\n        return None\n    return os.getuid()",
    "flags = os.O_RDONLY | getattr(os, 'O_NONBLOCK', 0)",
    "signal.signal(signal.SIGINT, f)",
    "os.getpid(); os.path.join('a'); os.environ; os.replace('a', 'b'); os.access('a', os.X_OK)",
    "x = hasattr(os, 'getuid') and os.getuid()",
]


@pytest.mark.parametrize("code", SEEN)
def test_a_use_is_seen_wherever_it_hides(code: str) -> None:
    assert list(unguarded(ast.parse(code), "win32"))


@pytest.mark.parametrize("code", FINE)
def test_a_guard_is_known(code: str) -> None:
    assert list(unguarded(ast.parse(code), "win32")) == []


def test_the_list_of_names_is_about_modules_that_have_them() -> None:
    """A misspelt pattern would match nothing and guard nothing."""
    import os
    import select
    import signal

    for module in (os, signal, select):
        for platform in NAMES:
            pattern = NAMES[platform].get(module.__name__)
            assert pattern is None or any(map(pattern.fullmatch, dir(module)))
    everywhere = (
        "chmod getpid getppid kill link path replace sep stat umask waitpid walk F_OK X_OK P_NOWAIT EX_OK O_CREAT"
    )
    assert [name for name in everywhere.split() if lacks("win32", "os", name)] == []
