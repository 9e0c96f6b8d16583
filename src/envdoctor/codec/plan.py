"""`envdoctor.plan/1`: what to type; alternatives are plans of the same shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.codec.json_value import to_json

if TYPE_CHECKING:
    from envdoctor.model.fact import Value
    from envdoctor.model.plan import Plan, Step, Target

SCHEMA = "envdoctor.plan/1"


def encode(plan: Plan) -> dict[str, Value]:
    """Return the document; every key is always there, null or empty where there is nothing."""
    return {
        "schema": SCHEMA,
        "status": plan.status.value,
        "target": _encode_target(plan.target) if plan.target else None,
        "steps": [_encode_step(step) for step in plan.steps],
        "alternatives": [encode(alternative) for alternative in plan.alternatives],
        "because": [to_json(constraint) for constraint in plan.because],
    }


def _encode_target(target: Target) -> dict[str, Value]:
    return {
        "torch": to_json(target.torch),
        "torchvision": to_json(target.torchvision),
        "torchaudio": to_json(target.torchaudio),
        "channel": to_json(target.channel),
        "index_url": to_json(target.index_url),
    }


def _encode_step(step: Step) -> dict[str, Value]:
    return {
        "kind": step.kind,
        "applicability": step.applicability.value,
        "argv": [to_json(word) for word in step.argv],
        "why": to_json(step.why),
    }
