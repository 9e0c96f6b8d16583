"""The JSON Schemas inside the package as validators."""

from __future__ import annotations

import json

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from envdoctor.codec.schema_files import NAMES, schema_text

SCHEMAS = {name: json.loads(schema_text(name)) for name in NAMES}


def validate(document: dict[str, object]) -> None:
    """Raise `jsonschema.ValidationError` unless `document` is what its own `schema` says."""
    known: Registry = Registry().with_resources(
        (schema["$id"], Resource.from_contents(schema)) for schema in SCHEMAS.values()
    )
    Draft202012Validator(SCHEMAS[str(document["schema"])], registry=known).validate(document)
