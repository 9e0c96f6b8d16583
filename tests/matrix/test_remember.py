"""Answers are kept with the matrix that gave them, up to a bound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envdoctor.matrix.load import load_matrix
from envdoctor.matrix.remember import remembered

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix

ASKED: list[tuple[Matrix, str, bool]] = []


@remembered(most=2)
def question(matrix: Matrix, about: str, *, loudly: bool = False) -> str:
    if about == "nothing":
        raise ValueError(about)
    ASKED.append((matrix, about, loudly))
    return about.upper()


@pytest.fixture(autouse=True)
def _fresh() -> None:
    ASKED.clear()


def test_a_question_is_worked_out_once_for_each_matrix() -> None:
    first, second = load_matrix(), load_matrix()
    assert [question(first, "a"), question(first, "a"), question(second, "a")] == ["A", "A", "A"]
    assert len(ASKED) == 2
    assert [asked[0] for asked in ASKED] == [first, second]


def test_arguments_by_name_are_told_apart() -> None:
    matrix = load_matrix()
    question(matrix, "a", loudly=True)
    question(matrix, "a")
    question(matrix, "a", loudly=True)
    assert len(ASKED) == 2


def test_no_more_is_kept_than_the_bound() -> None:
    matrix = load_matrix()
    for about in "abcabc":
        question(matrix, about)
    (kept,) = matrix.answers.values()
    assert len(kept) <= 2


def test_an_error_is_not_kept() -> None:
    matrix = load_matrix()
    for _ in range(2):
        with pytest.raises(ValueError, match="nothing"):
            question(matrix, "nothing")
    assert not any(matrix.answers.values())
