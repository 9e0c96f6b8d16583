"""Rows of a fact that is a list of tables, for a plan: one that nobody can read says nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Known

if TYPE_CHECKING:
    from envdoctor.model.fact import Fact, Value
    from envdoctor.model.snapshot import Snapshot

Row = dict[str, "Value"]

CUDA_SONAME = re.compile(r"lib(?:cudart|cublas|cublasLt)\.so\.(\d+)(?:\.\d+)*")
"""Libraries whose soname begins with the CUDA major they are of; those of cuFFT and others count for themselves."""


def rows(snapshot: Snapshot, name: str) -> list[Row]:
    """Return the tables of a known fact; none where it is absent, unknown or no list."""
    return rows_of(snapshot[name])


def rows_of(fact: Fact) -> list[Row]:
    """Return the tables of a fact that is a list of them."""
    value = fact.value if isinstance(fact, Known) else None
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def said(row: Row, name: str) -> str | None:
    """Return what a row says under a name, None where that is no text or an empty one."""
    value = row.get(name)
    return value if isinstance(value, str) and value else None


def package_of(row: Row) -> str:
    """Return the distribution a row is of; rows of old snapshots name it by the folder of their object alone."""
    return said(row, "package") or str(row.get("object")).partition("/")[0]


def cuda_major_of(row: Row) -> str | None:
    """Return the CUDA major that the library of a row is of, None where its name does not tell."""
    match = CUDA_SONAME.fullmatch(said(row, "library") or "")
    return match[1] if match else None
