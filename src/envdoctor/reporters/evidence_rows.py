"""Facts that are tables, as evidence in words: the rows that matter to a finding, and what a reader looks for."""

from __future__ import annotations

from collections.abc import Callable  # noqa: TC003 - the table below is typed by it
from typing import TYPE_CHECKING

from envdoctor.reporters.conditions import held_down, measures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.model.fact import Value

MOST_ROWS = 2
"""Rows shown; the JSON document holds them all."""


def rows_in_words(fact: str, value: Value, subject: str) -> str | None:
    """Return a fact that is a list of rows, those of `subject` first: "a.so needs libb.so.1, and 3 more".

    `subject` is that of the finding: a distribution, or a word for its libraries ("cudnn"). None where the fact is no
    such list, or one that is not shaped as docs/reference/facts.md says; whoever shows it has its JSON then.
    """
    words = _WORDS.get(fact)
    if words is None or not isinstance(value, (list, dict)):
        return None
    rows = [row for row in (value if isinstance(value, list) else [value]) if isinstance(row, dict)]
    if not rows:
        return None
    own = [row for row in rows if row.get("package") == subject or subject in str(row.get("library"))] or rows
    try:
        told = list(dict.fromkeys(text for row in own for text in words(row)))
    except (KeyError, TypeError, AttributeError):  # somebody wrote the snapshot by hand
        return None
    more = len(told) - MOST_ROWS
    return ", ".join(told[:MOST_ROWS]) + (f", and {more:,} more" if more > 0 else "")


def _missing(row: dict[str, Value]) -> Iterator[str]:
    yield f"{row['object']} needs {row['library']}"


def _undefined(row: dict[str, Value]) -> Iterator[str]:
    """The symbol stands as the loader writes it in its own message."""
    symbols = row["symbols"]
    names = [one["name"] for one in symbols if isinstance(one, dict)] if isinstance(symbols, list) else []
    yield f"{row['object']} needs {names[0] if names else row['count']}"


def _unmet(row: dict[str, Value]) -> Iterator[str]:
    yield f"{row['object']} needs {row['version']} of {row['library']}"


def _from_file(row: dict[str, Value]) -> Iterator[str]:
    yield f"{row['library']} from {row['file']} by {row['how']}"


def _damaged(row: dict[str, Value]) -> Iterator[str]:
    files = row["files"]
    for one in files if isinstance(files, list) else []:
        if isinstance(one, dict):
            sizes = (one["recorded"], one["found"])
            bytes_ = f", {sizes[1]} of {sizes[0]} bytes" if None not in sizes and sizes[0] != sizes[1] else ""
            yield f"{one['file']}: {one['what']}{bytes_}"


def _kernels(row: dict[str, Value]) -> Iterator[str]:
    """Architectures that every compiled source is there for stand alone, others with their share."""
    told = []
    for kind, prefix in (("sass", "sm_"), ("ptx", "compute_")):
        shares = row[kind]
        for name, share in shares.items() if isinstance(shares, dict) else ():
            part = f" in {share:.1%}" if isinstance(share, float) and share < 1 else ""
            told.append(f"{prefix}{name}{part}")
    yield f"{row['object']}: {' '.join(told)}" if "object" in row else " ".join(told)


def _local(row: dict[str, Value]) -> Iterator[str]:
    yield f"{row['module']} from {row['path']} by {row['from']}"


def _test(row: dict[str, Value]) -> Iterator[str]:
    if row["status"] not in ("passed", "skipped"):
        yield f"{row['name']} on {row['device']} {row['status']}"


def _text(row: dict[str, Value]) -> Iterator[str]:
    """The words themselves stand in the message."""
    yield f"line {row['line']}"


def _conditions(row: dict[str, Value]) -> Iterator[str]:
    told = [*measures(row), *filter(None, (held_down(row),))]
    yield f"{row['device']} meanwhile: {'; '.join(told) or 'nothing told'}"


_WORDS: dict[str, Callable[[dict[str, Value]], Iterator[str]]] = {
    "extensions.kernels": _kernels,
    "libraries.loaded": _from_file,
    "libraries.missing": _missing,
    "libraries.shadowed": _from_file,
    "libraries.undefined": _undefined,
    "libraries.unmet_versions": _unmet,
    "packages.damaged": _damaged,
    "python.local_modules": _local,
    "said.texts": _text,
    "smoke.conditions": _conditions,
    "smoke.tests": _test,
    "torch.kernels": _kernels,
}
