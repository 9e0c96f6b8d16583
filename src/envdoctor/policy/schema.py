"""The JSON Schema of a policy, a profile and a lock, made of the table of keys.

codec/schemas/policy-1.json is what `schema_text` returns; `python docs/generate_facts.py` writes it. In a
pyproject.toml it describes the table `[tool.envdoctor]`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from envdoctor.model.demand import BY_NAME as DEMANDS
from envdoctor.model.demand import Kind
from envdoctor.policy.keys import BY_NAME, IGNORE_KEYS, KEYS, PROBES, SEVERITIES, Form
from envdoctor.policy.words import LONGEST, NAMES

if TYPE_CHECKING:
    from envdoctor.model.fact import Value
    from envdoctor.policy.keys import Key

SCHEMA = "envdoctor.policy/1"

_RULE = r"^[a-z0-9]+(-[a-z0-9]+)*$"
_DISTRIBUTION = r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?$"
_FILLED = r"\S"

_TEXT: dict[str, Value] = {"type": "string", "pattern": _FILLED}
_WORDS: dict[str, Value] = {"type": "string", "pattern": _FILLED, "maxLength": LONGEST}
_NUMBER: dict[str, Value] = {"type": "integer", "minimum": 0}


def schema_text() -> str:
    """Return the schema as JSON text (draft 2020-12)."""
    return json.dumps(_schema(), indent=2, ensure_ascii=False) + "\n"


def _schema() -> dict[str, Value]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:envdoctor:policy:1",
        "title": SCHEMA,
        "description": "What a team demands of an environment and how findings are weighed: envdoctor.toml, "
        "[tool.envdoctor] of pyproject.toml, a profile, envdoctor.lock.",
        "type": "object",
        "additionalProperties": False,
        "properties": {key.name: _property(key) for key in KEYS},
    }


def _property(key: Key) -> dict[str, Value]:
    said = sentence(key.meaning + (" (in a profile alone)" if key.profile_only else ""))
    return {"description": said, **_form(key)}


def sentence(words: str) -> str:
    """Return words as a sentence; what has a spelling of its own, as cuDNN, keeps it."""
    first = words.split()[0]
    return f"{words[0].upper() if first.islower() else words[0]}{words[1:]}."


def _form(key: Key) -> dict[str, Value]:
    example = _example(key)
    shown: dict[str, Value] = {} if example is None else {"examples": [example]}
    if key.form is Form.TEXT:
        return {**_TEXT, **shown}
    if key.form is Form.WORD:
        return {"enum": list(key.words)}
    if key.form is Form.SWITCH:
        return {"type": "boolean"}
    if key.form is Form.DEMAND:
        return {**_demand(key.name), **shown}
    if key.form is Form.PROBES:
        return {"type": "array", "items": {"enum": list(PROBES)}, **shown}
    if key.form is Form.RULES:
        least: dict[str, Value] = {"minItems": 1} if key.name == "select" else {}
        return {"type": "array", "items": {"type": "string", "pattern": _RULE}, **least, **shown}
    if key.form is Form.TESTS:
        tests: Value = {"type": "array", "items": {"type": "string", "pattern": _RULE}, "minItems": 1}
        return {"anyOf": [{"type": "boolean"}, tests], **shown}
    return _table(key)


def _table(key: Key) -> dict[str, Value]:
    """Return what a table holds."""
    if key.form is Form.PACKAGES:
        values: Value = {"anyOf": [_WORDS, _NUMBER]}
        return {"type": "object", "propertyNames": {"pattern": _DISTRIBUTION}, "additionalProperties": values}
    if key.form is Form.SEVERITIES:
        severity: Value = {"enum": list(SEVERITIES)}
        return {"type": "object", "propertyNames": {"pattern": _RULE}, "additionalProperties": severity}
    entry: Value = {
        "type": "object",
        "additionalProperties": False,
        "required": ["rule", "reason"],
        "properties": {
            name: {
                "description": sentence(meaning),
                **({"type": "string", "pattern": _RULE} if name == "rule" else _TEXT),
                **({"format": "date"} if name == "expires" else {}),
            }
            for name, meaning in IGNORE_KEYS.items()
        },
    }
    return {"type": "array", "items": entry}


def _demand(name: str) -> dict[str, Value]:
    kind = DEMANDS[name].kind
    if kind is Kind.SIZE:
        return {"type": "string", "pattern": r"[KkMmGgTt][Ii]?[Bb]", "maxLength": LONGEST}
    if kind is Kind.NAME:
        form = NAMES[name][0].pattern
        one: Value = {"type": "string", "pattern": rf"^\s*({form})(\s*,\s*({form}))*\s*$"}
        return {"anyOf": [one, {"type": "array", "items": {"type": "string", "pattern": f"^({form})$"}, "minItems": 1}]}
    return {"anyOf": [_WORDS, _NUMBER]}


def _example(key: Key) -> Value:
    """Return the example as a value, None where it is a line of a table."""
    if BY_NAME[key.name].form in (Form.PACKAGES, Form.SEVERITIES, Form.IGNORES, Form.SWITCH):
        return None
    value: Value = json.loads(key.example)  # what is a text or a list of texts in TOML is the same in JSON
    return value
