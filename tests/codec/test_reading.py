"""What is read: any snapshot comes back as it was; anything else is one clear line."""

from __future__ import annotations

import json

import pytest
from codec_strategies import SNAPSHOTS, full_report
from hypothesis import given
from hypothesis import strategies as st

from envdoctor.codec import diagnosis, snapshot
from envdoctor.codec.json_value import WrongShape
from envdoctor.codec.read import MOST_BYTES, UnreadableSnapshot, load_snapshot
from envdoctor.model.fact import Absent, Known
from envdoctor.model.snapshot import Snapshot

GOOD = {"schema": "envdoctor.snapshot/1", "facts": {}}


@given(SNAPSHOTS)
def test_any_snapshot_comes_back(one: Snapshot) -> None:
    assert snapshot.decode(snapshot.encode(one)) == one
    assert load_snapshot(json.dumps(snapshot.encode(one)), "f.json") == one


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_bytes_of_every_coding_that_shells_write(coding: str) -> None:
    one = Snapshot({"a": Known("Jos\u00e9 \u4f60", "s")}, "2026-11-21T10:00:00Z", "0.1.0", True)
    content = json.dumps(snapshot.encode(one), ensure_ascii=False).encode(coding)
    assert load_snapshot(content, "f.json") == one


def test_a_diagnosis_stands_for_its_snapshot() -> None:
    report = full_report()
    assert load_snapshot(json.dumps(diagnosis.encode(report)), "f.json") == report.snapshot


def test_extra_keys_and_missing_labels_are_no_trouble() -> None:
    document = {**GOOD, "later": 1, "facts": {"a": {"state": "absent", "reason": "r", "later": {}}}}
    assert load_snapshot(json.dumps(document), "f.json") == Snapshot({"a": Absent("r")})


def test_of_a_double_key_the_last_counts() -> None:
    text = '{"schema": "x", "schema": "envdoctor.snapshot/1", "facts": {}}'
    assert load_snapshot(text, "f.json") == Snapshot({})


def with_fact(fact: object) -> str:
    return json.dumps({**GOOD, "facts": {"a.b": fact}})


BAD = {
    "empty": ("", "f: empty"),
    "blank": (b" \n", "f: empty"),
    "prose": ("Collecting environment information...", "f: not JSON: Expecting value at line 1, column 1"),
    "cut": (
        '{"schema": "envdoctor.snapshot/1",\n "facts"',
        "f: not JSON: Expecting ':' delimiter at line 2, column 9",
    ),
    "binary": (b"\x7fELF\x02\x01\x01\xff\xfe", "f: not text"),
    "nan": (
        with_fact({"state": "known", "value": float("nan"), "source": "s"}),
        "f: not JSON: NaN is no JSON number",
    ),
    "infinity": ('{"a": -Infinity}', "f: not JSON: -Infinity is no JSON number"),
    "too large a number": (
        with_fact({"state": "known", "value": 7, "source": "s"}).replace("7", "1e999"),
        "f: the fact 'a.b' is not a finite number",
    ),
    "endless number": ("9" * 10_000, "f: a number of 10000 digits"),
    "number beyond floats": ("[9" + "0" * 308 + "]", "f: a number of 309 digits"),
    "deep": ("[" * 200_000, "f: nested too deeply"),
    "deep value": (
        with_fact({"state": "known", "value": 7, "source": "s"}).replace("7", "[" * 100 + "]" * 100),
        "f: the fact 'a.b' is nested too deeply",
    ),
    "list": ("[]", "f: not an envdoctor snapshot: the whole is a list instead of an object"),
    "number": ("1", "f: not an envdoctor snapshot: the whole is a number instead of an object"),
    "no schema": ("{}", 'f: not an envdoctor document: "schema" is missing or not text'),
    "schema of another type": ('{"schema": 1}', 'f: not an envdoctor document: "schema" is missing or not text'),
    "newer": (
        '{"schema": "envdoctor.snapshot/2"}',
        "f: envdoctor.snapshot/2: written by a newer envdoctor; this one reads /1",
    ),
    "older": (
        '{"schema": "envdoctor.snapshot/0"}',
        "f: its schema is 'envdoctor.snapshot/0', a version that never was",
    ),
    "no version": (
        '{"schema": "envdoctor.snapshot"}',
        "f: its schema is 'envdoctor.snapshot', a version that never",
    ),
    "odd version": (
        '{"schema": "envdoctor.snapshot/\u00b2"}',
        "f: its schema is 'envdoctor.snapshot/\\xb2', a version",
    ),
    "plan": ('{"schema": "envdoctor.plan/1"}', "f: its schema is 'envdoctor.plan/1', not envdoctor.snapshot/1"),
    "hostile schema": (
        '{"schema": "\\u001b[2J\\n::error::"}',
        "f: its schema is '\\x1b[2J\\n::error::', not envdoctor",
    ),
    "newer diagnosis": ('{"schema": "envdoctor.diagnosis/2"}', "f: its schema is 'envdoctor.diagnosis/2', not"),
    "diagnosis without snapshot": (
        '{"schema": "envdoctor.diagnosis/1"}',
        'f: the "snapshot" of this diagnosis is null instead of an object',
    ),
    "no facts": ('{"schema": "envdoctor.snapshot/1"}', 'f: "facts" is null instead of an object'),
    "facts as list": (json.dumps({**GOOD, "facts": []}), 'f: "facts" is a list instead of an object'),
    "taken": (json.dumps({**GOOD, "taken": 5}), 'f: "taken" is a number instead of text'),
    "version": (json.dumps({**GOOD, "envdoctor": None}), 'f: "envdoctor" is null instead of text'),
    "redacted": (json.dumps({**GOOD, "redacted": "yes"}), 'f: "redacted" is text instead of true or false'),
    "fact as text": (with_fact("x"), "f: the fact 'a.b' is text instead of an object"),
    "no state": (with_fact({}), "f: the state of the fact 'a.b' is not"),
    "state as list": (with_fact({"state": []}), "f: the state of the fact 'a.b' is not"),
    "no value": (with_fact({"state": "known", "source": "s"}), "f: the fact 'a.b' is known but has no value"),
    "no source": (
        with_fact({"state": "known", "value": 1}),
        "f: the source of the fact 'a.b' is null instead of text",
    ),
    "no reason": (with_fact({"state": "unknown"}), "f: the reason of the fact 'a.b' is null instead of text"),
    "reason as object": (
        with_fact({"state": "absent", "reason": {}}),
        "f: the reason of the fact 'a.b' is an object",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_anything_else_is_one_clear_line(name: str) -> None:
    content, message = BAD[name]
    with pytest.raises(UnreadableSnapshot) as caught:
        load_snapshot(content, "f")
    assert str(caught.value).startswith(message)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


def test_a_huge_file_is_not_parsed() -> None:
    with pytest.raises(UnreadableSnapshot, match="f: larger than 50 MB"):
        load_snapshot(b"[" * (MOST_BYTES + 1), "f")


def test_a_hostile_file_name_is_made_visible() -> None:
    with pytest.raises(UnreadableSnapshot) as caught:
        load_snapshot("", "a\n::error::\x1b[2J")
    assert str(caught.value) == r"'a\n::error::\x1b[2J': empty"


@given(st.text(st.sampled_from('{}[]",:0-9.eE+-truefalsn \\u') | st.characters(exclude_categories=())) | st.binary())
def test_nothing_but_the_one_error_escapes(content: str | bytes) -> None:
    with pytest.raises(UnreadableSnapshot) as caught:
        load_snapshot(content, "f")
    assert str(caught.value).isprintable()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["schema", "facts", "state", "value", "source", "reason", "taken", "redacted", "snapshot"]),
            inner | st.sampled_from(["envdoctor.snapshot/1", "envdoctor.diagnosis/1", "known", "absent"]),
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_decoding_any_json_yields_a_snapshot_or_a_reason(document: object) -> None:
    try:
        one = snapshot.decode(document)
    except WrongShape:
        return
    assert snapshot.decode(snapshot.encode(one)) == one


@pytest.mark.parametrize("value", [(1, 2), {1: 2}, b"x", object()])
def test_python_that_is_not_json_is_refused(value: object) -> None:
    document = {**GOOD, "facts": {"a": {"state": "known", "value": value, "source": "s"}}}
    with pytest.raises(WrongShape, match="the fact 'a'"):
        snapshot.decode(document)
