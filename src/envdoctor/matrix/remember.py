"""Answers kept with the matrix they were read from.

A matrix never changes, so a question to it is worked out once. The answers stand on the matrix itself and go with it:
two matrices in one process never share one.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from envdoctor.matrix.matrix import Matrix

P = ParamSpec("P")
T = TypeVar("T")

MOST = 4096
"""Answers kept of one question: what machines ask of (driver versions, GPU names) has no end."""


def remembered(
    most: int = MOST,
) -> Callable[[Callable[Concatenate[Matrix, P], T]], Callable[Concatenate[Matrix, P], T]]:
    """Keep up to `most` answers of a question to a matrix, method or function; its arguments must be hashable.

    What it raises is not kept.
    """

    def keeping(question: Callable[Concatenate[Matrix, P], T]) -> Callable[Concatenate[Matrix, P], T]:
        @wraps(question)
        def answered(matrix: Matrix, /, *args: P.args, **named: P.kwargs) -> T:
            key = (*args, *named.items())
            answers = matrix.answers.get(question)
            if answers is None:
                answers = matrix.answers[question] = {}
            if key not in answers:
                answer = question(matrix, *args, **named)
                if len(answers) >= most:
                    answers.clear()
                answers[key] = answer
            return cast("T", answers[key])

        return answered

    return keeping
