"""What is written: the shipped schemas hold, and the contract's names are there."""

from __future__ import annotations

import json
import re

import pytest
from codec_strategies import SNAPSHOTS, TEXTS, full_report
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from envdoctor.codec import diagnosis, plan, snapshot
from envdoctor.codec.schema_files import NAMES, schema_text
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.model.finding import Confidence, Severity, Verdict
from envdoctor.model.plan import Applicability, Plan, Status
from envdoctor.model.snapshot import Snapshot

SCHEMAS = {name: json.loads(schema_text(name)) for name in NAMES}
REGISTRY: Registry = Registry().with_resources(
    (schema["$id"], Resource.from_contents(schema)) for schema in SCHEMAS.values()
)


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(SCHEMAS[name], registry=REGISTRY)


@pytest.mark.parametrize("name", NAMES)
def test_schema_is_a_schema_and_closed(name: str) -> None:
    schema = SCHEMAS[name]
    Draft202012Validator.check_schema(schema)
    assert schema["title"] == name == schema["properties"]["schema"]["const"]
    assert schema["$id"] == "urn:" + name.replace(".", ":").replace("/", ":")
    objects = [part for part in parts(schema) if part.get("type") == "object"]
    assert all("additionalProperties" in part for part in objects)
    assert all(sorted(part["properties"]) == sorted(part["required"]) for part in objects if "required" in part)


def parts(schema: object) -> list[dict[str, object]]:
    if isinstance(schema, list):
        return [part for item in schema for part in parts(item)]
    if isinstance(schema, dict):
        return [schema, *(part for item in schema.values() for part in parts(item))]
    return []


def test_there_is_no_other_schema() -> None:
    with pytest.raises(KeyError):
        schema_text("envdoctor.lock/1")


@given(SNAPSHOTS)
def test_any_snapshot_fits_its_schema(one: Snapshot) -> None:
    validator("envdoctor.snapshot/1").validate(snapshot.encode(one))


def test_full_report_fits_its_schemas() -> None:
    document = diagnosis.encode(full_report())
    validator("envdoctor.diagnosis/1").validate(document)
    validator("envdoctor.plan/1").validate(document["plan"])
    validator("envdoctor.snapshot/1").validate(document["snapshot"])


@given(TEXTS)
def test_a_report_of_any_words_fits_its_schemas_and_any_pipe(text: str) -> None:
    document = diagnosis.encode(full_report(text))
    validator("envdoctor.diagnosis/1").validate(document)
    written = json.dumps(document, allow_nan=False)
    assert written.isascii()
    assert json.loads(written) == document


USER = "me:hunter2"
PLACES_OF_TEXT = ["name", "value", "key", "item", "source", "absent", "unknown", "taken", "envdoctor"]


@given(st.sets(st.sampled_from(PLACES_OF_TEXT), min_size=1), TEXTS, TEXTS)
def test_a_credential_is_in_no_place_of_a_snapshot(places: set[str], before: str, after: str) -> None:
    """Wherever a stranger's file holds one: the name of a fact is a text like the others."""
    secret = f"{before} https://{USER}@mirror.example/simple {after}"
    told = {place: secret if place in places else "plain" for place in PLACES_OF_TEXT}
    facts = {
        told["name"]: Known({told["key"]: [told["item"], told["value"]]}, told["source"]),
        "b": Absent(told["absent"]),
        "c": Unknown(told["unknown"]),
    }
    written = json.dumps(snapshot.encode(Snapshot(facts, told["taken"], told["envdoctor"])))
    assert "hunter2" not in written


@pytest.mark.parametrize(
    "path",
    [
        (),
        ("plan",),
        ("plan", "alternatives", 0, "target"),
        ("snapshot", "facts", "b"),
        ("findings", 0),
        ("matrix",),
    ],
)
def test_a_key_of_nobody_does_not_fit(path: tuple[str | int, ...]) -> None:
    document = json.loads(json.dumps(diagnosis.encode(full_report())))
    place = document
    for step in path:
        place = place[step]
    place["extra"] = 1
    assert not validator("envdoctor.diagnosis/1").is_valid(document)


def test_schemas_know_every_word_of_the_model() -> None:
    of_diagnosis, of_plan = SCHEMAS["envdoctor.diagnosis/1"], SCHEMAS["envdoctor.plan/1"]
    finding = of_diagnosis["$defs"]["finding"]["properties"]
    assert set(of_diagnosis["properties"]["verdict"]["enum"]) == {verdict.value for verdict in Verdict}
    assert set(finding["severity"]["enum"]) == {severity.word for severity in Severity}
    assert set(finding["confidence"]["enum"]) == {confidence.value for confidence in Confidence}
    assert set(of_plan["properties"]["status"]["enum"]) == {status.value for status in Status}
    grades = of_plan["$defs"]["step"]["properties"]["applicability"]["enum"]
    assert set(grades) == {grade.value for grade in Applicability}


def test_finding_as_the_contract_has_it() -> None:
    document = json.loads(json.dumps(diagnosis.encode(full_report("why"))))
    fingerprint = document["findings"][1].pop("fingerprint")
    assert re.fullmatch("[0-9a-f]{16}", fingerprint)
    assert document["findings"][1] == {
        "rule": "gpu-arch-dropped",
        "severity": "warning",
        "confidence": "inferred",
        "subject": "gpu:0",
        "message": "why",
        "caused_by": "driver-too-old",
        "evidence": [],
        "location": None,
        "replacement": None,
        "explain": "envdoctor explain gpu-arch-dropped",
    }
    assert document["findings"][0]["evidence"] == [
        {"fact": "driver.version", "value": "470.256.02", "source": "nvml"},
        {"fact": "torch.hip", "value": None, "source": "why"},
    ]
    assert document["skipped"][0] == {"rule": "mig", "reason": "why", "fact": "gpu.count"}
    assert document["crashed"] == [{"rule": "gpu-lost", "reason": "why"}]
    assert document["matrix"] == {"revision": "2026-11-21", "newest_torch": "2.15.0", "overlay": None}


def test_plan_as_the_contract_has_it() -> None:
    assert plan.encode(Plan(Status.NOTHING_TO_DO)) == {
        "schema": "envdoctor.plan/1",
        "status": "nothing-to-do",
        "target": None,
        "steps": [],
        "alternatives": [],
        "because": [],
        "undecided": False,
        "proved": None,
        "would_not_help": [],
        "conflict": None,
        "candidates": [],
    }
    way = json.loads(json.dumps(plan.encode(full_report("why").plan)))["alternatives"][1]
    assert way["schema"] == "envdoctor.plan/1"
    assert way["target"] == {
        "torch": "2.9.1",
        "torchvision": "0.24.1",
        "torchaudio": None,
        "channel": "cu128",
        "index_url": None,
    }
    assert way["steps"] == [
        {"kind": "upgrade-driver", "applicability": "manual", "argv": [], "why": "why", "edit": None},
        {
            "kind": "install-wheels",
            "applicability": "unsafe",
            "argv": ["python", "-m", "pip", "why"],
            "why": "why",
            "edit": None,
        },
    ]


def test_facts_are_written_in_the_order_of_their_names() -> None:
    document = snapshot.encode(Snapshot({name: Known(1, "s") for name in ("b", "c", "a")}))
    assert isinstance(document["facts"], dict)
    assert list(document["facts"]) == ["a", "b", "c"]


def test_a_number_json_does_not_have_is_written_as_text() -> None:
    values = [float("inf"), float("-inf"), float("nan"), 1.5]
    document = snapshot.encode(Snapshot({"a": Known([*values], "s")}))
    facts = document["facts"]
    assert isinstance(facts, dict)
    assert facts["a"] == {"state": "known", "value": ["inf", "-inf", "nan", 1.5], "source": "s"}
    assert json.dumps(document, allow_nan=False)


def test_no_document_carries_a_credential() -> None:
    text = json.dumps(diagnosis.encode(full_report("see https://me:hunter2@mirror.example/simple?token=hunter2")))
    assert "hunter2" not in text
    assert text.count("https://mirror.example/simple?token=removed") > 10
