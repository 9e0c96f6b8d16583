"""The JSON Schemas shipped with the package, by the name a document carries in `schema`."""

from __future__ import annotations

from pathlib import Path

NAMES = (
    "envdoctor.snapshot/1",
    "envdoctor.diagnosis/1",
    "envdoctor.plan/1",
    "envdoctor.matrix/1",
    "envdoctor.verification/1",
    "envdoctor.smoke/1",
    "envdoctor.fix/1",
    "envdoctor.diff/1",
)

WRITTEN_BY_PEOPLE = ("envdoctor.policy/1",)
"""Schemas of files that carry no such name."""


def schema_text(name: str) -> str:
    """Return the JSON Schema (draft 2020-12) of a kind of document, by name, as JSON text.

    Schemas refer to one another by their `$id`, which is `urn:` followed by the name with
    its punctuation as colons. Raise `KeyError` for another name.
    """
    if name not in (*NAMES, *WRITTEN_BY_PEOPLE):
        raise KeyError(name)
    kind, _, version = name.removeprefix("envdoctor.").partition("/")
    return (Path(__file__).parent / "schemas" / f"{kind}-{version}.json").read_text(encoding="utf-8")
