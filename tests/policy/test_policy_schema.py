"""The JSON Schema of policies: what is shipped is what the keys say, and it fits what the reader takes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from policy_files import SHIPPED
from test_policy_mistakes import MISTAKES
from test_policy_reading import WHOLE, example_of

from envdoctor.codec.schema_files import WRITTEN_BY_PEOPLE
from envdoctor.codec.schema_files import schema_text as shipped_text
from envdoctor.policy.keys import KEYS
from envdoctor.policy.schema import SCHEMA, schema_text

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

VALIDATOR = Draft202012Validator(json.loads(shipped_text(SCHEMA)), format_checker=FormatChecker())

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "policy.toml"


def as_json(text: str) -> object:
    """TOML as an editor's validator sees it: days are texts."""
    return json.loads(json.dumps(tomllib.loads(text), default=str))


def test_what_is_shipped_is_what_the_keys_say() -> None:
    assert (SCHEMA,) == WRITTEN_BY_PEOPLE
    assert shipped_text(SCHEMA) == schema_text(), "mend it with: python docs/generate_facts.py"
    Draft202012Validator.check_schema(json.loads(schema_text()))


def test_one_of_everything_fits() -> None:
    VALIDATOR.validate(as_json(WHOLE))


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_each_example_fits(key: object) -> None:
    VALIDATOR.validate(as_json(example_of(key)))  # type: ignore[arg-type]


@pytest.mark.parametrize("path", [*sorted(Path(SHIPPED).glob("*.toml")), EXAMPLE], ids=lambda path: path.name)
def test_files_of_ours_fit(path: Path) -> None:
    VALIDATOR.validate(as_json(path.read_text()))


NOT_TOLD = (
    *("mgi", "zzz", "driver-to-old", "matmull", "migg"),  # it holds no names of rules and tests
    *("VLLM is", "has a key", "comparison", 'write compute-capability = "8.0"'),  # to JSON Schema 8.0 is a whole number
    "stands in a profile alone",  # it is of profiles too
)


@pytest.mark.parametrize("text", MISTAKES, ids=lambda text: " | ".join(text.split("\n"))[:40])
def test_it_refuses_the_mistakes_that_a_schema_can_tell(text: str) -> None:
    try:
        document = as_json(text)
    except (ValueError, RecursionError):
        return
    assert VALIDATOR.is_valid(document) == any(word in MISTAKES[text] for word in NOT_TOLD)
