"""`envdoctor.snapshot/1`: the facts of one machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.codec.credentials import strip_credentials
from envdoctor.codec.json_value import WrongShape, from_json, kind, quoted, text, to_json
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.model.snapshot import Snapshot

if TYPE_CHECKING:
    from envdoctor.model.fact import Fact, Value

SCHEMA = "envdoctor.snapshot/1"


def encode(snapshot: Snapshot) -> dict[str, Value]:
    """Return the document; facts in the order of their names, so that two snapshots can be compared as text."""
    return {
        "schema": SCHEMA,
        "taken": strip_credentials(snapshot.taken),
        "envdoctor": strip_credentials(snapshot.envdoctor),
        "redacted": snapshot.redacted,
        "facts": {strip_credentials(name): encode_fact(snapshot.facts[name]) for name in sorted(snapshot.facts)},
    }


def decode(document: object) -> Snapshot:
    """Return the snapshot that `document` (parsed JSON) describes; extra keys are ignored.

    Raise `WrongShape` with one clear line for anything that is not `envdoctor.snapshot/1`.
    """
    if not isinstance(document, dict):
        raise WrongShape(f"not an envdoctor snapshot: the whole is {kind(document)} instead of an object")
    require_schema(document, SCHEMA)
    facts = document.get("facts")
    if not isinstance(facts, dict):
        raise WrongShape(f'"facts" is {kind(facts)} instead of an object')
    redacted = document.get("redacted", False)
    if not isinstance(redacted, bool):
        raise WrongShape(f'"redacted" is {kind(redacted)} instead of true or false')
    return Snapshot(
        facts={text(name, "a fact name"): _decode_fact(fact, name) for name, fact in facts.items()},
        taken=text(document.get("taken", ""), '"taken"'),
        envdoctor=text(document.get("envdoctor", ""), '"envdoctor"'),
        redacted=redacted,
    )


def require_schema(document: dict[object, object], wanted: str) -> None:
    """Raise `WrongShape` unless `document` says that it is of the schema `wanted` ("name/version")."""
    schema = document.get("schema")
    if schema == wanted:
        return
    name, _, version = wanted.partition("/")
    if not isinstance(schema, str):
        raise WrongShape(f'not an envdoctor document: "schema" is missing or not text (expected "{wanted}")')
    its_name, _, its_version = schema.partition("/")
    if its_name != name:
        raise WrongShape(f"its schema is {quoted(schema)}, not {wanted}")
    digits = its_version.isascii() and its_version.isdigit() and len(its_version) <= 9
    if digits and int(its_version) > int(version):
        raise WrongShape(f"{name}/{int(its_version)}: written by a newer envdoctor; this one reads /{version}")
    raise WrongShape(f"its schema is {quoted(schema)}, a version that never was; this one reads /{version}")


def encode_fact(fact: Fact) -> dict[str, Value]:
    """Return one fact as every document holds it."""
    if isinstance(fact, Known):
        return {"state": "known", "value": to_json(fact.value), "source": strip_credentials(fact.source)}
    state = "absent" if isinstance(fact, Absent) else "unknown"
    return {"state": state, "reason": strip_credentials(fact.reason)}


def _decode_fact(fact: object, name: object) -> Fact:
    where = f"the fact {quoted(str(name))}"
    if not isinstance(fact, dict):
        raise WrongShape(f"{where} is {kind(fact)} instead of an object")
    state = fact.get("state")
    if state == "known":
        if "value" not in fact:
            raise WrongShape(f"{where} is known but has no value")
        return Known(from_json(fact["value"], where), text(fact.get("source"), f"the source of {where}"))
    if state == "absent":
        return Absent(text(fact.get("reason"), f"the reason of {where}"))
    if state == "unknown":
        return Unknown(text(fact.get("reason"), f"the reason of {where}"))
    raise WrongShape(f'the state of {where} is not "known", "absent" or "unknown"')
