"""What is newer than the matrix: of that it cannot say that nothing serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.serving import known_capabilities
from envdoctor.plan.relaxing import python_of
from envdoctor.plan.terms import PIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.specifiers import Specifier

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.serving import Need
    from envdoctor.plan.candidates import Candidate
    from envdoctor.plan.terms import Terms

OF_GPU = ("kernels", "libraries", "ptx", "cudnn")
"""Kinds of constraint, each about a compute capability, that a release to come may meet."""


def newer_than(matrix: Matrix, need: Need, terms: Terms, found: list[Candidate]) -> tuple[str, ...]:
    """Say what of a machine that none of `found` serves the matrix does not know, where that alone is in the way.

    Empty where something else is too: no release to come runs a GPU that its driver has dropped.
    """
    unknown = dict(_unknown(matrix, need, terms))
    if not any(unknown.keys() >= one.constraints for one in found):
        return ()
    return tuple(dict.fromkeys(words for key, words in unknown.items() if any(key in one.constraints for one in found)))


def _unknown(matrix: Matrix, need: Need, terms: Terms) -> Iterator[tuple[str, str]]:
    """Yield each constraint whose subject the matrix does not know, and words for it."""
    this = f"this matrix of {matrix.revision}"
    for capability in need.capabilities:
        if capability not in known_capabilities(matrix):
            name = f"{capability[0]}.{capability[1]}"
            words = f"{this} knows no GPU of compute capability {name}, nor a build that surely serves it"
            yield from ((f"{kind}:{name}", words) for kind in OF_GPU)
    newest = matrix.release(matrix.newest_torch)
    tags = newest.pythons.get(need.platform, ()) if newest else ()
    last = max(map(_minor, tags), default=None)
    if need.python_tag and last is not None and _minor(need.python_tag) > last:
        words = (
            f"Python {python_of(need.python_tag)} is newer than {this}, whose newest torch has wheels up to 3.{last}"
        )
        yield "python", words
    for pin in terms.firm:
        if pin.package == "torch" and only_later(pin.specifier, matrix.newest_torch):
            yield f"{PIN}:{pin.text}", f"{pin.text}, which {this} does not know: it ends with {matrix.newest_torch}"


def _minor(tag: str) -> int:
    """Return 13 of "cp313t"; -1 of a tag that is not of CPython 3."""
    digits = tag.removeprefix("cp3").rstrip("t")
    return int(digits) if digits.isdecimal() and tag.startswith("cp3") else -1


def only_later(specifier: str, newest: str) -> bool:
    """Whether a version specifier admits nothing up to the release `newest`, so that a matrix cannot judge it."""
    from packaging.specifiers import SpecifierSet

    return any(_is_later(one, newest) for one in SpecifierSet(specifier))


def _is_later(bound: Specifier, newest: str) -> bool:
    from packaging.version import InvalidVersion, Version

    if bound.operator not in ("==", "===", "~=", ">=", ">"):
        return False
    try:
        version, last = Version(Version(bound.version.removesuffix(".*")).public), Version(newest)
    except InvalidVersion:  # "===" takes any text
        return False
    return version > last or (bound.operator == ">" and version == last)
