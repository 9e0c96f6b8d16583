"""Names of torch, its partners and albumentations that code in a file uses, beside the release the file pins of each.

The code is Python in an article or a notebook, or a command that starts a module. It is not parsed: a line that looks
like an import tells what a name stands for, and everything else is words.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.declared import Case, Requirement, Use
from envdoctor.model.place import Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

LIBRARIES = ("torch", "torchvision", "torchaudio", "albumentations")

_LIBRARY = rf"(?:{'|'.join(LIBRARIES)})(?:\.\w{{1,60}}){{0,6}}"
_IMPORT = re.compile(rf"\s{{0,80}}import\s{{1,4}}({_LIBRARY})\s{{1,4}}as\s{{1,4}}(\w{{1,60}})")
_FROM = re.compile(rf"\s{{0,80}}from\s{{1,4}}({_LIBRARY})\s{{1,4}}import\s{{1,4}}\(?([^#()]{{1,400}})")
_DOTTED = re.compile(r"(?<![\w./-])([A-Za-z_]\w{0,60}(?:\.\w{1,60}){0,7})(?=(\([^()\n]{0,300})?)")
_KEYWORD = re.compile(r"\b([a-z_]\w{0,40})\s{0,4}=(?!=)\s{0,4}(?!False\b|None\b)")
_IMAGE = re.compile(r"pytorch/pytorch:(\d{1,2}\.\d{1,2}\.\d{1,2})-")
MOST = 500
"""Uses of one file that are kept."""


def uses_in(lines: Iterable[tuple[int, str]], file: str, cases: Sequence[Case]) -> Iterator[Case]:
    """Yield one case with what the code in some lines, each with its number, uses of libraries that `cases` pin.

    A library that the file pins twice and differently is left out: which of them the code meets is not known.
    """
    pins = _pins(cases)
    if not pins:
        return
    found = tuple(_uses(list(lines), file, pins))[:MOST]
    if found:
        yield Case(file, "code", found[0].place, uses=found)


def _pins(cases: Sequence[Case]) -> dict[str, Requirement]:
    """Return the one exact demand on each library."""
    told: dict[str, dict[str, Requirement]] = {}
    for case in cases:
        for one in case.requirements:
            if one.name in LIBRARIES and not case.comment:
                told.setdefault(one.name, {}).setdefault(one.specifier or "", one)
        image = _IMAGE.search(case.base.reference) if case.base else None
        if image and case.base:
            asked = Requirement("torch", f"=={image[1]}", case.base.place, case.base.written)
            told.setdefault("torch", {}).setdefault(f"=={image[1]}", asked)
    single = {name: next(iter(own.values())) for name, own in told.items() if len(own) == 1}
    return {name: one for name, one in single.items() if (one.specifier or "").startswith("==")}


def _uses(lines: Sequence[tuple[int, str]], file: str, pins: dict[str, Requirement]) -> Iterator[Use]:
    stands_for = {name: name for name in LIBRARIES}
    for number, line in lines:
        code = line.partition("#")[0]
        if not code.strip():
            continue
        imported = _IMPORT.match(code)
        if imported:
            stands_for[imported[2]] = imported[1]
        taken = _FROM.match(code)
        if taken:
            for name, alias, column in _names(taken[2], taken.start(2)):
                stands_for[alias] = f"{taken[1]}.{name}"
                yield from _use(f"{taken[1]}.{name}", "", name, Place(file, number, column + 1), pins)
            continue
        for match in _DOTTED.finditer(code):
            first, _, rest = match[1].partition(".")
            whole = stands_for.get(first)
            if whole:
                name = f"{whole}.{rest}" if rest else whole
                yield from _use(name, match[2] or "", match[1], Place(file, number, match.start() + 1), pins)


def _names(words: str, at: int) -> Iterator[tuple[str, str, int]]:
    """Yield the names of a `from` import: the name, what it is called here, and where it stands."""
    for match in re.finditer(r"(\w{1,60})(?:\s{1,4}as\s{1,4}(\w{1,60}))?\s{0,4}(?:,|$)", words):
        yield match[1], match[2] or match[1], at + match.start()


def _use(name: str, call: str, written: str, place: Place, pins: dict[str, Requirement]) -> Iterator[Use]:
    pin = pins.get(name.partition(".")[0])
    if pin and "." in name:
        yield Use(name, tuple(match[1] for match in _KEYWORD.finditer(call)), pin, place, written)
