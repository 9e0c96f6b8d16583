"""The policy by which a machine was weighed, and what it takes out, as a report holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.codec.json_value import to_json

if TYPE_CHECKING:
    from envdoctor.model.fact import Value
    from envdoctor.model.place import Place
    from envdoctor.model.policy import Ignore, Policy


def encode_policy(policy: Policy | None) -> Value:
    """Return what a policy demands and how it weighs; null where none applies.

    `fail_on`, `strict` and `device` are null where it says nothing of them.
    """
    if policy is None:
        return None
    return {
        "profile": to_json(policy.profile),
        "files": [to_json(file) for file in policy.files],
        "fail_on": policy.fail_on,
        "strict": policy.strict,
        "device": policy.device,
        "demands": [
            {
                "key": to_json(one.key),
                "specifier": to_json(one.specifier),
                "written": to_json(one.written),
                "location": encode_place(one.place),
            }
            for one in policy.demands
        ],
        "severities": {rule: severity.word for rule, severity in policy.severities.items()},
        "ignores": [{"rule": to_json(one.rule), **encode_ignore(one)} for one in policy.ignores],
        "without": [to_json(name) for name in policy.without],
    }


def encode_ignore(ignore: Ignore) -> dict[str, Value]:
    """Return why something does not count, for how long, and where that stands; the rule stands beside it."""
    return {
        "reason": to_json(ignore.reason),
        "subject": to_json(ignore.subject) or None,
        "expires": ignore.expires,
        "location": encode_place(ignore.place),
    }


def encode_place(place: Place | None) -> Value:
    """Return a place in a file; null where there is none."""
    if place is None:
        return None
    return {"file": to_json(place.file), "line": place.line, "column": place.column, "end_line": place.last_line}
