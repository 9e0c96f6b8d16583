"""`import envdoctor`: what it costs, what it offers, and that no room of the house takes the place of a function."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from programs import run

import envdoctor
from envdoctor import api

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[2]
ROOMS = sorted(path.parent.name for path in (ROOT / "src" / "envdoctor").glob("*/__init__.py"))
FUNCTIONS = [name for name in api.__all__ if inspect.isfunction(getattr(api, name))]
PAGE = ROOT / "docs" / "reference" / "api.md"


def test_the_import_loads_nothing(tmp_path: Path) -> None:
    program = (
        "import sys, json; before = {*sys.modules}; import envdoctor; print(json.dumps([*{*sys.modules} - before]))"
    )
    code, out, error = run(program, tmp_path)
    assert (code, error) == (0, "")
    assert {*json.loads(out)} <= {"envdoctor", "__future__", "types"}


def test_the_version_needs_no_more(tmp_path: Path) -> None:
    program = "import envdoctor, sys; print(envdoctor.__version__, 'envdoctor.api' in sys.modules)"
    assert run(program, tmp_path) == (0, f"{envdoctor.__version__} False\n", "")


def test_the_package_offers_what_the_api_holds() -> None:
    assert {*envdoctor.__all__} == {*api.__all__, "__version__"}
    assert {*envdoctor.__all__} <= {*dir(envdoctor)}
    for name in api.__all__:
        assert getattr(envdoctor, name) is getattr(api, name)


def test_a_star_brings_all_of_it() -> None:
    space: dict[str, object] = {}
    exec("from envdoctor import *", space)
    assert {*envdoctor.__all__} <= space.keys()
    assert space["plan"] is api.plan


@pytest.mark.parametrize("name", ["nothing", "commands_", "__wrapped__"])
def test_another_name_is_an_attribute_error(name: str) -> None:
    assert not hasattr(envdoctor, name)
    with pytest.raises(AttributeError, match="module 'envdoctor' has no attribute"):
        getattr(envdoctor, name)


def test_some_rooms_have_the_names_of_functions() -> None:
    assert {*ROOMS} & {*FUNCTIONS} == {"diagnose", "plan"}  # else docs/adr/0018 tells of what is no more


@pytest.mark.parametrize("name", sorted({*ROOMS} & {*FUNCTIONS}))
def test_a_room_does_not_take_the_place_of_a_function(name: str, tmp_path: Path) -> None:
    """In a fresh process, in each order of the two imports."""
    module = "solve" if name == "plan" else "judge"
    for first, then in (
        (f"import envdoctor.{name}.{module}", f"from envdoctor import {name}"),
        (f"from envdoctor import {name}", f"import envdoctor.{name}.{module}"),
        (f"from envdoctor.{name} import {module}", f"import envdoctor; {name} = envdoctor.{name}"),
        ("import envdoctor; envdoctor.check(smoke=False)", f"{name} = envdoctor.{name}"),
    ):
        last = f"import envdoctor, sys; print(type(envdoctor.{name}).__name__, envdoctor.{name} is {name})"
        again = f"from envdoctor.{name} import {module}; print({module}.__name__)"
        code, out, error = run("\n".join((first, then, last, again)), tmp_path)
        assert (code, out, error) == (0, f"function True\nenvdoctor.{name}.{module}\n", "")


def test_the_rooms_are_there_for_the_import_system() -> None:
    rooms: list[ModuleType] = [importlib.import_module(f"envdoctor.{name}") for name in ROOMS]
    assert [room.__name__ for room in rooms] == [f"envdoctor.{name}" for name in ROOMS]
    assert inspect.isfunction(envdoctor.plan)


def test_somebodys_test_may_put_another_function_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as changed:
        changed.setattr(envdoctor, "plan", len)
        changed.setattr("envdoctor.check", max)
        assert (envdoctor.plan, envdoctor.check) == (len, max)
    assert (envdoctor.plan, envdoctor.check) == (api.plan, api.check)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_travels_to_another_process(name: str) -> None:
    assert pickle.loads(pickle.dumps(getattr(envdoctor, name))) is getattr(api, name)


@pytest.mark.parametrize("name", api.__all__)
def test_a_name_has_words_of_its_own(name: str) -> None:
    assert (getattr(api, name).__doc__ or "").strip()
    assert f"`{name}" in PAGE.read_text(encoding="utf-8"), "docs/reference/api.md does not tell of it"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_page_shows_the_arguments_as_they_are(name: str) -> None:
    """The first block of Python on the page is a stub: each function with its arguments."""
    stub = ast.parse(PAGE.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0])
    shown = next(node for node in stub.body if isinstance(node, ast.FunctionDef) and node.name == name)
    real = ast.parse(inspect.getsource(getattr(api, name))).body[0]
    assert isinstance(real, ast.FunctionDef)
    assert ast.unparse(shown.args) == ast.unparse(real.args)
    assert ast.unparse(shown.returns or shown) == ast.unparse(real.returns or real)


TYPED = """
import envdoctor
import envdoctor.plan.solve
from envdoctor import *
from envdoctor import Plan, Report, diagnose, plan

report: Report = envdoctor.check(smoke=False)
ways: Plan = envdoctor.plan(report.snapshot, torch=">=2.6")
again: Plan = plan()
verdict: Verdict = diagnose(report.snapshot).verdict
version: str = envdoctor.__version__
envdoctor.check(timeout="soon")
envdoctor.nothing
"""


def test_a_type_checker_sees_functions(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is of the group dev")
    (tmp_path / "program.py").write_text(TYPED)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "program.py"],
        cwd=tmp_path,
        env=os.environ | {"MYPYPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    wrong = [line.partition("  [")[2] for line in done.stdout.splitlines()]
    assert wrong == ["arg-type]", "attr-defined]"], done.stdout
