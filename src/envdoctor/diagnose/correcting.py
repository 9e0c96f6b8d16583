"""From flaws to corrected lines: what each line would read with all that is wrong in it put right."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from envdoctor.model.linted import FileMended

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from envdoctor.model.declared import Flaw
    from envdoctor.model.finding import Finding
    from envdoctor.model.place import Amendment

Span = tuple[int, int]

At = tuple[str, int]
"""A line: its file and its number."""

LONGEST = 20_000
"""Characters of a line that is corrected; what is longer was written by no person."""

AROUND = 3
"""Unchanged lines on both sides of a change in a diff, as `diff -u` has them."""


def with_replacements(flaws: Sequence[Flaw], texts: Mapping[str, str]) -> tuple[Finding, ...]:
    """Return the findings, each with the corrected line where its flaw says how to correct one.

    `texts` are the files by name. All amendments of a line are in its corrected form, so that it can be taken as it
    is, the finding's own where two say something of the same words; a finding whose amendments lie in several lines has
    those lines one below the other.
    """
    split = _split(flaws, texts)
    by_line: defaultdict[At, list[Amendment]] = defaultdict(list)
    for one in (one for flaw in flaws for one in flaw.amendments):
        by_line[_at(one)].append(one)
    found = []
    for flaw in flaws:
        mended = []
        for at in sorted({_at(one) for one in flaw.amendments}):
            own = [one for one in flaw.amendments if _at(one) == at]
            line = _line(split, at)
            if line is not None and all(_span(line, one) for one in own):
                mended.append(_mended(line.rstrip("\r\n"), [*own, *by_line[at]]))
        found.append(replace(flaw.finding, replacement="\n".join(mended) if mended else None))
    return tuple(found)


def diffs(flaws: Sequence[Flaw], texts: Mapping[str, str]) -> tuple[tuple[FileMended, str], ...]:
    """Return each file that can be mended safely: the diff, and the text as it would be, line ends as they are.

    A flaw is put right as a whole or not at all. Where two want different words in one place, neither is safe.
    """
    split = _split(flaws, texts)
    found = []
    for file, amendments in _agreed(flaws, split).items():
        before = split[file]
        mended = {number: _mended(before[number - 1], own) for number, own in sorted(amendments.items())}
        after = [mended.get(number, line) for number, line in enumerate(before, 1)]
        changed = [number for number, line in mended.items() if line != before[number - 1]]
        if changed:
            name = _in_diff(file)
            diff = "".join((f"--- {name}\n", f"+++ {name}\n", *_hunks(before, after, changed)))
            found.append((FileMended(file, diff, len(changed)), "".join(after)))
    return tuple(found)


def _split(flaws: Iterable[Flaw], texts: Mapping[str, str]) -> dict[str, list[str]]:
    """Divide the texts that have to be corrected as editors and `patch` do: at line feeds alone, each kept.

    What comes far behind the last correction stays in one piece: a file may be large.
    """
    last: dict[str, int] = {}
    for one in (one for flaw in flaws for one in flaw.amendments):
        last[one.place.file] = max(one.place.line, last.get(one.place.file, 0))
    found = {}
    for file, number in last.items():
        *lines, rest = texts.get(file, "").split("\n", number + AROUND)
        found[file] = [*(f"{line}\n" for line in lines), *([rest] if rest else [])]
    return found


def _agreed(flaws: Sequence[Flaw], split: Mapping[str, Sequence[str]]) -> dict[str, dict[int, list[Amendment]]]:
    """Return the safe amendments by file and line, without flaws of which a part is not safe, or contradicted."""
    safe = [flaw for flaw in flaws if flaw.amendments and all(one.safe for one in flaw.amendments)]
    spans: defaultdict[At, dict[Amendment, Span | None]] = defaultdict(dict)
    for one in (one for flaw in safe for one in flaw.amendments):
        line = _line(split, _at(one))
        spans[_at(one)][one] = None if line is None else _span(line, one)
    refused = {one for own in spans.values() for one in _refused(own)}
    found: dict[str, dict[int, list[Amendment]]] = {}
    for flaw in safe:
        if not refused.intersection(flaw.amendments):
            for one in flaw.amendments:
                found.setdefault(one.place.file, {}).setdefault(one.place.line, []).append(one)
    return found


def _refused(spans: Mapping[Amendment, Span | None]) -> Iterator[Amendment]:
    """Yield the amendments of a line that do not fit it, and those that want different words of one place."""
    placed = sorted(((span, one.new, one) for one, span in spans.items() if span), key=lambda item: item[:2])
    yield from (one for one, span in spans.items() if span is None)
    reaching: tuple[Span, str, Amendment] | None = None  # of those before, the one that ends last
    for here in placed:
        if reaching and here[0][0] < reaching[0][1] and here[:2] != reaching[:2]:
            yield from (here[2], *(one for span, _, one in placed if span[0] < here[0][1] and here[0][0] < span[1]))
        if reaching is None or here[0][1] > reaching[0][1]:
            reaching = here


def _at(one: Amendment) -> At:
    return one.place.file, one.place.line


def _line(split: Mapping[str, Sequence[str]], at: At) -> str | None:
    """Return a line, None where there is none, or one that no person wrote."""
    lines = split.get(at[0], ())
    line = lines[at[1] - 1] if 0 < at[1] <= len(lines) else None
    return line if line is not None and len(line) <= LONGEST else None


def _span(line: str, one: Amendment) -> Span | None:
    """Return where in a line the words stand that an amendment is about, None where they do not."""
    at = line.find(one.old, max(0, one.place.column - 1))
    return (at, at + len(one.old)) if at >= 0 and one.old else None


def _mended(line: str, amendments: Iterable[Amendment]) -> str:
    """Return a line with its amendments; of two about the same words the first of them is kept."""
    taken: dict[Span, str] = {}
    for one in dict.fromkeys(amendments):
        span = _span(line, one)
        if span and not any(span[0] < end and start < span[1] for start, end in taken):
            taken[span] = one.new
    pieces, done = [], 0
    for (start, end), new in sorted(taken.items()):
        pieces += [line[done:start], new]
        done = end
    return "".join((*pieces, line[done:]))


def _hunks(before: Sequence[str], after: Sequence[str], changed: Sequence[int]) -> Iterator[str]:
    """Yield the hunks of a unified diff in which lines are replaced, one by one; `changed` are their numbers."""
    groups: list[list[int]] = []
    for number in changed:
        if groups and number - groups[-1][-1] <= 2 * AROUND:
            groups[-1].append(number)
        else:
            groups.append([number])
    for group in groups:
        first, last = max(1, group[0] - AROUND), min(len(before), group[-1] + AROUND)
        length = last - first + 1
        yield f"@@ -{first},{length} +{first},{length} @@\n"
        held: list[str] = []  # lines of a run of changes: all that go stand before all that come
        for number in range(first, last + 1):
            if before[number - 1] != after[number - 1]:
                yield _shown("-", before[number - 1])
                held.append(_shown("+", after[number - 1]))
            else:
                yield from (*held, _shown(" ", before[number - 1]))
                held = []
        yield from held


def _in_diff(file: str) -> str:
    """Return a file's name as `patch` and git read it: quoted as in C where it must be, a tab behind blanks."""
    if not file.isprintable() or '"' in file or "\\" in file:
        content = file.encode("utf-8", "surrogateescape")
        return '"' + re.sub(rb"[^ !#-\[\]-~]", lambda found: b"\\%03o" % found[0][0], content).decode("ascii") + '"'
    return f"{file}\t" if " " in file else file


def _shown(sign: str, line: str) -> str:
    return f"{sign}{line}" if line.endswith("\n") else f"{sign}{line}\n\\ No newline at end of file\n"
