"""From flaws to corrected lines: what each line would read with all that is wrong in it put right."""

from __future__ import annotations

from dataclasses import replace
from difflib import unified_diff
from typing import TYPE_CHECKING

from envdoctor.model.linted import FileMended

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from envdoctor.model.declared import Flaw
    from envdoctor.model.finding import Finding
    from envdoctor.model.place import Amendment


def with_replacements(flaws: Sequence[Flaw], texts: Mapping[str, str]) -> tuple[Finding, ...]:
    """Return the findings, each with the corrected line where its flaw says how to correct one.

    `texts` are the files by name. All amendments of a line are in its corrected form, so that it can be taken as it
    is; a finding whose amendments lie in several lines has those lines one below the other.
    """
    lines = {file: [line.rstrip("\r") for line in text.split("\n")] for file, text in texts.items()}
    amendments = [one for flaw in flaws for one in flaw.amendments]
    found = []
    for flaw in flaws:
        numbers = sorted({(one.place.file, one.place.line) for one in flaw.amendments})
        mended = [
            _mended(lines.get(file, []), number, [one for one in amendments if one.place[:2] == (file, number)])
            for file, number in numbers
        ]
        known = [line for line in mended if line is not None]
        found.append(replace(flaw.finding, replacement="\n".join(known) if known else None))
    return tuple(found)


def diffs(flaws: Iterable[Flaw], texts: Mapping[str, str]) -> tuple[tuple[FileMended, str], ...]:
    """Return each file that can be mended safely: the diff, and the text as it would be, line ends as they are."""
    safe: dict[str, set[Amendment]] = {}
    for flaw in flaws:
        for one in flaw.amendments:
            if one.safe:
                safe.setdefault(one.place.file, set()).add(one)
    found = []
    for file, amendments in safe.items():
        before = [f"{line}\n" for line in texts[file].split("\n")]  # no other letter ends a line of a file
        before[-1] = before[-1][:-1]
        after = list(before)
        for number in {one.place.line for one in amendments}:
            own = [one for one in amendments if one.place.line == number]
            line = _mended(before, number, own)
            if line is not None:
                after[number - 1] = line
        if after != before:
            changed = sum(a != b for a, b in zip(before, after, strict=True))
            diff = "".join(_shown(line) for line in unified_diff(before, after, file, file))
            found.append((FileMended(file, diff, changed), "".join(after)))
    return tuple(found)


def _mended(lines: Sequence[str], number: int, amendments: Sequence[Amendment]) -> str | None:
    """Return a line with its amendments, the last first so that columns stay true; None where one does not fit."""
    if not 0 < number <= len(lines):
        return None
    line = lines[number - 1]
    ends: int | None = None
    for one in sorted(set(amendments), key=lambda amendment: (-amendment.place.column, amendment.new)):
        at = line.find(one.old, max(0, one.place.column - 1))
        if at < 0:
            return None
        if ends is not None and at + len(one.old) > ends:  # two say something of the same words: the first is kept
            continue
        line = f"{line[:at]}{one.new}{line[at + len(one.old) :]}"
        ends = at
    return line


def _shown(line: str) -> str:
    return line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
