"""A case that was read of a part of a file, with the places it has in the whole."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envdoctor.model.declared import Case
    from envdoctor.model.place import Place


def moved(case: Case, lines: int) -> Case:
    """Return a case whose places are so many lines further down."""

    def place(one: Place) -> Place:
        return one._replace(line=one.line + lines, end_line=one.end_line + lines if one.end_line else 0)

    return replace(
        case,
        place=place(case.place),
        requirements=tuple(one._replace(place=place(one.place)) for one in case.requirements),
        indexes=tuple(one._replace(place=place(one.place)) for one in case.indexes),
        pythons=tuple(one._replace(place=place(one.place)) for one in case.pythons),
        cudas=tuple(one._replace(place=place(one.place)) for one in case.cudas),
        cudnns=tuple(one._replace(place=place(one.place)) for one in case.cudnns),
        base=case.base._replace(place=place(case.base.place)) if case.base else None,
    )
