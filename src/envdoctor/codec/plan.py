"""`envdoctor.plan/1`: what to type; alternatives are plans of the same shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.codec.json_value import to_json

if TYPE_CHECKING:
    from envdoctor.model.fact import Value
    from envdoctor.model.plan import Conflict, Plan, Step, Target, Weighed

SCHEMA = "envdoctor.plan/1"


def encode(plan: Plan) -> dict[str, Value]:
    """Return the document; every key is always there, null or empty where there is nothing."""
    return {
        "schema": SCHEMA,
        "status": plan.status.value,
        "target": _encode_target(plan.target) if plan.target else None,
        "steps": [encode_step(step) for step in plan.steps],
        "alternatives": [encode(alternative) for alternative in plan.alternatives],
        "because": [to_json(constraint) for constraint in plan.because],
        "undecided": plan.undecided,
        "proved": plan.proved,
        "would_not_help": [to_json(text) for text in plan.would_not_help],
        "conflict": _encode_conflict(plan.conflict) if plan.conflict else None,
        "candidates": [_encode_weighed(one) for one in plan.candidates],
    }


def _encode_conflict(conflict: Conflict) -> dict[str, Value]:
    return {
        "constraints": [to_json(text) for text in conflict.constraints],
        "relax": [to_json(text) for text in conflict.relax],
    }


def _encode_weighed(one: Weighed) -> dict[str, Value]:
    return {
        "version": to_json(one.version),
        "channel": to_json(one.channel),
        "fits": not one.reasons,
        "reasons": [to_json(reason) for reason in one.reasons],
        "certainty": to_json(one.certainty),
    }


def _encode_target(target: Target) -> dict[str, Value]:
    return {
        "torch": to_json(target.torch),
        "torchvision": to_json(target.torchvision),
        "torchaudio": to_json(target.torchaudio),
        "channel": to_json(target.channel),
        "index_url": to_json(target.index_url),
    }


def encode_step(step: Step) -> dict[str, Value]:
    """Return one step as the document holds it."""
    return {
        "kind": step.kind,
        "applicability": step.applicability.value,
        "argv": [to_json(word) for word in step.argv],
        "why": to_json(step.why),
        "edit": {"file": to_json(step.edit.file), "text": to_json(step.edit.text)} if step.edit else None,
    }
