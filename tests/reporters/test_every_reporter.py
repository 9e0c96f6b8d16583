"""What holds for every format; a reporter that joins the table joins these tests."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_samples import HOSTILE, SAMPLES, hostile

from envdoctor.reporters import REPORTERS
from envdoctor.reporters.plain_text import LONGEST, safe

FORMATS = sorted(REPORTERS)


def assert_harmless(text: str) -> None:
    text.encode("utf-8")
    for line in text.split("\n"):
        assert not line.lstrip().startswith("::"), line
        assert "##[" not in line, line
        assert "##vso[" not in line, line
        wrong = {letter for letter in line if unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}}
        assert not wrong, line


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("verbose", [False, True])
def test_text_of_the_machine_is_only_text(form: str, text: str, verbose: bool) -> None:
    shown = REPORTERS[form]()(hostile(text), verbose=verbose)
    assert_harmless(shown)
    assert "hunter2" not in shown


@pytest.mark.parametrize("form", FORMATS)
@given(text=st.text(st.sampled_from("a:#[]\n\r \x1b\u202e\ud800\u2028"), max_size=40))
def test_no_combination_becomes_a_command(form: str, text: str) -> None:
    assert_harmless(REPORTERS[form]()(hostile(text)))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", SAMPLES)
def test_the_same_report_is_the_same_text(form: str, name: str) -> None:
    text = REPORTERS[form]()(SAMPLES[name])
    assert text == REPORTERS[form]()(SAMPLES[name])
    assert text.endswith("\n")
    assert SAMPLES[name].diagnosis.verdict.value in text or name.startswith(("healthy", "no-torch"))


@given(st.text())
def test_safe_text_is_one_printable_line(text: str) -> None:
    shown = safe(text, None)
    assert shown.isprintable()
    assert_harmless(shown)
    assert safe(shown, None) == shown


@given(st.text(st.characters(categories=["L", "N"]), max_size=LONGEST))
def test_safe_leaves_ordinary_text_alone(text: str) -> None:
    assert safe(text) == text


def test_long_text_is_shortened_in_the_middle_and_says_so() -> None:
    shown = safe("begin" + "x" * 10_000 + "end")
    assert shown.startswith("beginx")
    assert shown.endswith("xend")
    assert "[... 9708 characters left out ...]" in shown
    assert len(shown) < LONGEST + 50


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", r"\x1b[31m"),
        ("a\nb", r"a\x0ab"),
        ("\u202e", r"\u202e"),
        ("\U000e0001", r"\U000e0001"),
        ("\ud800", r"\ud800"),
        ("::error::x", r":\x3aerror::x"),
        ("std::vector", "std::vector"),
        ("##[error]", r"#\x23[error]"),
        ("## heading [1]", "## heading [1]"),
        ("/home/josé/venv", "/home/josé/venv"),
    ],
)
def test_escapes_are_visible(text: str, shown: str) -> None:
    assert safe(text) == shown
