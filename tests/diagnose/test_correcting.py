"""Corrections become lines and diffs: whole or not at all, and nothing beside them changes."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envdoctor.diagnose.correcting import LONGEST, diffs, with_replacements
from envdoctor.model.declared import Flaw
from envdoctor.model.finding import Confidence, Finding, Severity
from envdoctor.model.place import Amendment, Place

if TYPE_CHECKING:
    from pathlib import Path

FILE = "requirements.txt"
TEXT = "numpy\ntorch==2.6.0 torchvision==0.17.0\nscipy\n"


def flaw(*amendments: Amendment, rule: str = "torch-torchvision-mismatch") -> Flaw:
    place = amendments[0].place if amendments else Place(FILE, 1)
    return Flaw(Finding(rule, Severity.ERROR, Confidence.INFERRED, "torch", "wrong", location=place), amendments)


def amendment(line: int, old: str, new: str, *, column: int = 1, safe: bool = True, file: str = FILE) -> Amendment:
    return Amendment(Place(file, line, column), old, new, safe)


def written(*flaws: Flaw, text: str = TEXT) -> str | None:
    """The text as --fix would write it, None where it would not."""
    found = diffs(flaws, {FILE: text})
    return found[0][1] if found else None


def replacements(*flaws: Flaw, text: str = TEXT) -> list[str | None]:
    return [one.replacement for one in with_replacements(flaws, {FILE: text})]


def test_a_line_holds_all_that_is_put_right_in_it() -> None:
    vision, torch = flaw(amendment(2, "0.17.0", "0.21.0")), flaw(amendment(2, "2.6.0", "2.6.1"))
    assert replacements(vision, torch) == ["torch==2.6.1 torchvision==0.21.0"] * 2
    assert written(vision, torch) == "numpy\ntorch==2.6.1 torchvision==0.21.0\nscipy\n"


def test_two_that_want_different_words_of_one_place_are_shown_each_and_written_by_nobody() -> None:
    one, other = flaw(amendment(2, "0.17.0", "0.21.0")), flaw(amendment(2, "0.17.0", "0.22.0"))
    assert replacements(one, other) == ["torch==2.6.0 torchvision==0.21.0", "torch==2.6.0 torchvision==0.22.0"]
    assert written(one, other) is None


def test_an_overlap_stops_those_that_overlap_and_no_other() -> None:
    long, short = flaw(amendment(2, "torch==2.6.0", "torch==2.7.0")), flaw(amendment(2, "2.6.0", "2.6.1"))
    beside = flaw(amendment(2, "0.17.0", "0.21.0"))
    assert written(long, short, beside) == "numpy\ntorch==2.6.0 torchvision==0.21.0\nscipy\n"


def test_what_two_cases_agree_about_is_written_once() -> None:
    one = flaw(amendment(2, "0.17.0", "0.21.0"))
    assert written(one, one) == "numpy\ntorch==2.6.0 torchvision==0.21.0\nscipy\n"


@pytest.mark.parametrize(
    "beside",
    [
        amendment(3, "scipy", "scipy<2", safe=False),
        amendment(3, "not there", "x"),
        amendment(9, "scipy", "x"),
        amendment(3, "", "x"),
    ],
)
def test_a_flaw_is_put_right_as_a_whole_or_not_at_all(beside: Amendment) -> None:
    assert written(flaw(amendment(2, "0.17.0", "0.21.0"), beside)) is None


def test_what_is_not_safe_is_shown_and_not_written() -> None:
    one = flaw(amendment(2, "2.6.0", "2.2.0", safe=False))
    assert replacements(one) == ["torch==2.2.0 torchvision==0.17.0"]
    assert written(one) is None


def test_lines_that_no_person_wrote_are_left_alone() -> None:
    text = f"{' ' * LONGEST}torch==2.6.0\n"
    one = flaw(amendment(1, "2.6.0", "2.6.1"))
    assert replacements(one, text=text) == [None]
    assert written(one, text=text) is None


def test_the_column_says_which_of_two_equal_words() -> None:
    text = "a==1 b==1\n"
    assert written(flaw(amendment(1, "==1", "==2", column=5)), text=text) == "a==1 b==2\n"


LINE = st.text(st.characters(exclude_characters="\n", codec="utf-8"), max_size=12)


@given(lines=st.lists(LINE, max_size=12), at=st.integers(0, 12), ends=st.booleans(), cr=st.booleans())
def test_nothing_but_the_words_changes(lines: list[str], at: int, ends: bool, cr: bool) -> None:
    end = "\r\n" if cr else "\n"
    lines = [*lines[:at], "torch==1", *lines[at:]]
    number = lines.index("torch==1") + 1
    text = end.join(lines) + end * ends
    one = flaw(amendment(number, "torch==1", "torch==2"))
    assert written(one, text=text) == text.replace("torch==1", "torch==2", 1)


@pytest.mark.skipif(not shutil.which("patch"), reason="needs patch")
@pytest.mark.parametrize("end", ["", "\n"])
@pytest.mark.parametrize("numbers", [(1,), (9,), (1, 9), (3, 4), (2, 9), (1, 2, 3, 4, 5, 6, 7, 8, 9)])
@pytest.mark.parametrize("name", [FILE, "with a blank.txt", "täbchen.txt", 'quo"te.txt', "new\nline.txt"])
def test_the_diff_applies(tmp_path: Path, name: str, numbers: tuple[int, ...], end: str) -> None:
    text = "\n".join(f"torch=={number} \t# {number}" for number in range(1, 10)) + end
    (tmp_path / name).write_text(text, encoding="utf-8")
    flaws = [flaw(amendment(number, f"torch=={number}", f"torch==9.{number}", file=name)) for number in numbers]
    ((mended, after),) = diffs(flaws, {name: text})
    assert mended.corrections == len(numbers)
    said = subprocess.run(["patch", "-p0"], input=mended.diff.encode(), cwd=tmp_path, capture_output=True, check=False)
    assert said.returncode == 0, said
    assert b"fuzz" not in said.stdout
    assert (tmp_path / name).read_text(encoding="utf-8") == after


@pytest.mark.skipif(not shutil.which("patch"), reason="needs patch")
def test_the_diff_of_a_file_of_windows_applies(tmp_path: Path) -> None:
    text = "numpy\r\ntorch==1\r\n"
    (tmp_path / FILE).write_bytes(text.encode())
    ((mended, _),) = diffs([flaw(amendment(2, "==1", "==2"))], {FILE: text})
    subprocess.run(["patch", "-p0", "--binary"], input=mended.diff.encode(), cwd=tmp_path, check=True)
    assert (tmp_path / FILE).read_bytes() == b"numpy\r\ntorch==2\r\n"
