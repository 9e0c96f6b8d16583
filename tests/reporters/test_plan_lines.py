"""How a plan reads that stands by itself: conflicts, edits, what was weighed."""

from __future__ import annotations

import re

import pytest

from envdoctor.model.plan import Applicability, Conflict, Edit, Plan, Status, Step, Target, Weighed
from envdoctor.reporters.plan_lines import render_plan
from hostile_texts import SHORT

ANSI = re.compile(r"\x1b\[[0-9;]*m")
TARGET = Target("2.14.0", "0.29.0", None, "cu126", "https://download.pytorch.org/whl/cu126")
INSTALL = Step(
    "install-wheels", Applicability.UNSAFE, "puts the build for CUDA 12.6 in place of what is there",
    ("python", "-m", "pip", "install", "torch==2.14.0+cu126"),
)  # fmt: skip
TOML = """[[tool.uv.index]]
name = "pytorch-cu126"
url = "https://download.pytorch.org/whl/cu126"

[tool.uv.sources]
torch = { index = "pytorch-cu126", marker = "sys_platform == 'linux' or sys_platform == 'win32'" }
"""
PROJECT = Step(
    "install-wheels", Applicability.UNSAFE, "installs it into the project's environment", ("uv", "sync"),
    Edit("pyproject.toml", TOML),
)  # fmt: skip
CANDIDATES = (
    Weighed("2.9.1+cu126", "cu126", (), "sourced"),
    Weighed("2.14.0+cu126", "cu126", (), "inferred"),
    Weighed(
        "2.14.0+cu130", "cu130",
        (
            "driver 535.104.05 does not run CUDA 13.0, which needs 580.65.06 or newer",
            "vllm 0.11.0 requires torch==2.9.0",
        ),
        "sourced",
    ),
)  # fmt: skip
CONFLICT = Conflict(
    ("vllm 0.11.0 requires torch==2.8.0", "constraints.txt, line 3 requires torch>=2.9"),
    (
        "though vllm 0.11.0 requires torch==2.8.0: torch 2.14.0+cu126 fits then",
        "without --torch 2.14: torch 2.8.0+cu126 fits then",
    ),
)


def solved(**more: object) -> Plan:
    return Plan(Status.SOLVED, TARGET, (INSTALL,), because=("driver 535 runs CUDA 12.6",), **more)  # type: ignore[arg-type]


def test_a_conflict_is_told_with_what_to_give_up() -> None:
    plan = Plan(Status.IMPOSSIBLE, conflict=CONFLICT, because=("not told beside the conflict",))
    assert render_plan(plan, width=60) == (
        "No published torch wheel serves this machine as it is.\n"
        "No wheel meets all of:\n"
        "  - vllm 0.11.0 requires torch==2.8.0\n"
        "  - constraints.txt, line 3 requires torch>=2.9\n"
        "What would open one, each by itself:\n"
        "  - though vllm 0.11.0 requires torch==2.8.0: torch\n"
        "    2.14.0+cu126 fits then\n"
        "  - without --torch 2.14: torch 2.8.0+cu126 fits then\n"
    )


def test_one_constraint_and_one_way_are_no_choice() -> None:
    text = render_plan(Plan(Status.IMPOSSIBLE, conflict=Conflict(("Python 2.7",), ("with Python 3.15: it fits then",))))
    assert "No wheel meets:\n  - Python 2.7\nWhat would open one:\n  - with Python 3.15: it fits then\n" in text
    assert "would open" not in render_plan(Plan(Status.IMPOSSIBLE, conflict=Conflict(("a",), ())))


def test_what_would_not_help_stands_before_the_ways_out() -> None:
    text = render_plan(solved(would_not_help=("a newer driver",), alternatives=(solved(),)))
    assert text.index("runs CUDA 12.6") < text.index("Would not help: a newer driver\n") < text.index("\nOr:\n")


def test_an_edit_stands_whole_before_its_command() -> None:
    lines = render_plan(Plan(Status.SOLVED, TARGET, (PROJECT,)), width=60).splitlines()
    start = lines.index("  In pyproject.toml:")
    block = TOML.rstrip().split("\n")
    assert lines[start + 1 : start + 1 + len(block)] == [f"    {line}".rstrip() for line in block]
    assert lines[start + 1 + len(block)] == "    uv sync"


@pytest.mark.parametrize(
    ("proved", "words"), [(True, "no error left."), (False, "an error is left."), (None, "")], ids=str
)
def test_a_plan_says_whether_it_was_proved(proved: bool | None, words: str) -> None:
    text = render_plan(solved(proved=proved))
    assert ("Judged again" in text) == (proved is not None)
    assert words in text


def test_what_was_weighed_is_told_where_all_is_asked_for() -> None:
    plan = solved(candidates=CANDIDATES)
    assert "weighed" not in render_plan(plan)
    table = render_plan(plan, width=60, verbose=True).partition("What was weighed, the newest first:\n")[2]
    assert table == (
        "  2.14.0+cu130  driver 535.104.05 does not run CUDA 13.0,\n"
        "                which needs 580.65.06 or newer; vllm 0.11.0\n"
        "                requires torch==2.9.0\n"
        "  2.14.0+cu126  fits (inferred)\n"
        "  2.9.1+cu126   fits\n"
    )


def test_a_healthy_machine_tells_what_was_weighed_too() -> None:
    plan = Plan(Status.NOTHING_TO_DO, candidates=CANDIDATES)
    assert render_plan(plan) == "Nothing to do: what is installed fits this machine.\n"
    assert "  2.9.1+cu126   fits\n" in render_plan(plan, verbose=True)


WHOLE = Plan(
    Status.SOLVED, TARGET, (PROJECT, INSTALL), (solved(proved=True), Plan(Status.IMPOSSIBLE, conflict=CONFLICT)),
    ("driver 535 runs CUDA 12.6",), proved=True, would_not_help=("a newer driver: " + "more words " * 20,),
    candidates=CANDIDATES,
)  # fmt: skip


@pytest.mark.parametrize("width", [60, 80, 140])
@pytest.mark.parametrize("plan", [WHOLE, Plan(Status.IMPOSSIBLE, conflict=CONFLICT, alternatives=(WHOLE,))])
def test_widths_blank_lines_and_colour(plan: Plan, width: int) -> None:
    text = render_plan(plan, width=width, verbose=True)
    for line in text.splitlines():
        assert line.startswith("    ") or len(line) <= width
        assert line == line.rstrip()
    assert "\n\n\n" not in text
    assert text.endswith("\n")
    assert text.isascii()
    coloured = render_plan(plan, width=width, verbose=True, colour=True)
    assert ANSI.search(coloured)
    assert ANSI.sub("", coloured) == text


@pytest.mark.parametrize("name", SHORT)
def test_no_place_of_a_plan_lets_text_act(name: str) -> None:
    text = SHORT[name]
    plan = Plan(
        Status.IMPOSSIBLE,
        Target(text, text, text, text, text),
        (Step(text, Applicability.MANUAL, text, (text, text), Edit(text, f"{text}\n{text}")),),
        (Plan(Status.SOLVED, Target(text, None, None, text, None), because=(text,)),),
        (text,),
        would_not_help=(text,),
        conflict=Conflict((text, text), (text, text)),
        candidates=(Weighed(text, text, (text,), text), Weighed(text, text, (), text)),
    )
    shown = render_plan(plan, verbose=True)
    assert all(letter.isprintable() or letter == "\n" for letter in shown)
    assert not re.search(r"^\s*::", shown, re.MULTILINE)
    assert not re.search(r"##[A-Za-z]*\[", shown)


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("torch==2.14.0+cu126", "torch==2.14.0+cu126"),
        ("numpy<2", '"numpy<2"'),
        ("conda-forge::pytorch=2.13.0=cuda129*", '"conda-forge::pytorch=2.13.0=cuda129*"'),
        ("/opt/my env/bin/python", '"/opt/my env/bin/python"'),
        (r"C:\Program Files\venv\python.exe", r'"C:\Program Files\venv\python.exe"'),
        (r"C:\venv\Scripts\python.exe", r"C:\venv\Scripts\python.exe"),
        (r".venv-torch\Scripts\python.exe", r".venv-torch\Scripts\python.exe"),
        ("/home/$USER/python", "'/home/$USER/python'"),
        ("", '""'),
    ],
)
def test_a_word_is_quoted_so_that_every_shell_takes_it(word: str, shown: str) -> None:
    step = Step("install-wheels", Applicability.UNSAFE, "a test", ("tool", word, "end"))
    lines = render_plan(Plan(Status.SOLVED, TARGET, (step,))).splitlines()
    assert f"    tool {shown} end" in lines
