"""From flaws to corrected lines: what each line would read with all that is wrong in it put right."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from difflib import unified_diff
from typing import TYPE_CHECKING

from envdoctor.model.linted import FileMended

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from envdoctor.model.declared import Flaw
    from envdoctor.model.finding import Finding
    from envdoctor.model.place import Amendment

Span = tuple[int, int]


def with_replacements(flaws: Sequence[Flaw], texts: Mapping[str, str]) -> tuple[Finding, ...]:
    """Return the findings, each with the corrected line where its flaw says how to correct one.

    `texts` are the files by name. All amendments of a line are in its corrected form, so that it can be taken as it
    is, the finding's own where two say something of the same words; a finding whose amendments lie in several lines has
    those lines one below the other.
    """
    lines = {file: [line.rstrip("\r") for line in text.split("\n")] for file, text in texts.items()}
    by_line: defaultdict[tuple[str, int], list[Amendment]] = defaultdict(list)
    for one in (one for flaw in flaws for one in flaw.amendments):
        by_line[one.place.file, one.place.line].append(one)
    found = []
    for flaw in flaws:
        mended = []
        for file, number in sorted({(one.place.file, one.place.line) for one in flaw.amendments}):
            own = [one for one in flaw.amendments if one.place[:2] == (file, number)]
            line = _line(lines.get(file, []), number)
            if line is not None and all(_span(line, one) for one in own):
                mended.append(_mended(line, [*own, *by_line[file, number]]))
        found.append(replace(flaw.finding, replacement="\n".join(mended) if mended else None))
    return tuple(found)


def diffs(flaws: Iterable[Flaw], texts: Mapping[str, str]) -> tuple[tuple[FileMended, str], ...]:
    """Return each file that can be mended safely: the diff, and the text as it would be, line ends as they are.

    A flaw is put right as a whole or not at all. Where two want different words in one place, neither is safe.
    """
    split = {file: _lines(text) for file, text in texts.items()}
    found = []
    for file, amendments in _agreed([*flaws], split).items():
        before = split[file]
        after = list(before)
        for number, own in amendments.items():
            after[number - 1] = _mended(before[number - 1], own)
        if after != before:
            changed = sum(a != b for a, b in zip(before, after, strict=True))
            name = _in_diff(file)
            diff = "".join(_shown(line) for line in unified_diff(before, after, name, name))
            found.append((FileMended(file, diff, changed), "".join(after)))
    return tuple(found)


def _lines(text: str) -> list[str]:
    """Divide a text as editors and `patch` do: at line feeds alone, each kept."""
    lines = [f"{line}\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _agreed(flaws: Sequence[Flaw], split: Mapping[str, Sequence[str]]) -> dict[str, dict[int, list[Amendment]]]:
    """Return the safe amendments by file and line, without flaws of which a part is not safe, or contradicted."""
    safe = [
        flaw
        for flaw in flaws
        if flaw.amendments
        and all(
            one.safe and (line := _line(split.get(one.place.file, []), one.place.line)) is not None and _span(line, one)
            for one in flaw.amendments
        )
    ]
    taken: defaultdict[tuple[str, int], dict[Span, set[str]]] = defaultdict(lambda: defaultdict(set))
    for one in (one for flaw in safe for one in flaw.amendments):
        file, number = one.place[:2]
        span = _span(split[file][number - 1], one)
        if span:
            taken[file, number][span].add(one.new)
    found: dict[str, dict[int, list[Amendment]]] = {}
    for flaw in safe:
        if any(_contradicted(one, split, taken[one.place[:2]]) for one in flaw.amendments):
            continue
        for one in flaw.amendments:
            found.setdefault(one.place.file, {}).setdefault(one.place.line, []).append(one)
    return found


def _contradicted(one: Amendment, split: Mapping[str, Sequence[str]], taken: Mapping[Span, set[str]]) -> bool:
    span = _span(split[one.place.file][one.place.line - 1], one)
    return any(_overlap(span, other) and (other != span or news != {one.new}) for other, news in taken.items())


def _line(lines: Sequence[str], number: int) -> str | None:
    return lines[number - 1] if 0 < number <= len(lines) else None


def _span(line: str, one: Amendment) -> Span | None:
    """Return where in a line the words stand that an amendment is about, None where they do not."""
    at = line.find(one.old, max(0, one.place.column - 1))
    return (at, at + len(one.old)) if at >= 0 and one.old else None


def _overlap(one: Span | None, other: Span) -> bool:
    return one is not None and one[0] < other[1] and other[0] < one[1]


def _mended(line: str, amendments: Iterable[Amendment]) -> str:
    """Return a line with its amendments; of two about the same words the first of them is kept."""
    taken: dict[Span, str] = {}
    for one in amendments:
        span = _span(line, one)
        if span and not any(_overlap(span, other) for other in taken):
            taken[span] = one.new
    for (start, end), new in sorted(taken.items(), reverse=True):  # the last first, so that columns stay true
        line = f"{line[:start]}{new}{line[end:]}"
    return line


def _in_diff(file: str) -> str:
    """Return a file's name as `patch` and git read it: quoted as in C where it must be, a tab behind blanks."""
    if not file.isprintable() or '"' in file or "\\" in file:
        content = file.encode("utf-8", "surrogateescape")
        return '"' + re.sub(rb"[^ !#-\[\]-~]", lambda found: b"\\%03o" % found[0][0], content).decode("ascii") + '"'
    return f"{file}\t" if " " in file else file


def _shown(line: str) -> str:
    return line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
