"""Pastes rendered from the facts of real threads, with the cause that each thread found: labels.toml names both.

A paste is judged as the command does. Where nothing of the environment is to blame no error is found, else the first
finding is the cause. What is not right yet stands in KNOWN_MISSES, with the reason.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from envdoctor.cli import Invocation, group
from envdoctor.rules.rule import all_rules

try:
    import tomllib
except ModuleNotFoundError:
    import tomli as tomllib

PASTES = Path(__file__).parents[1] / "pastes"
LABELS = tomllib.loads((PASTES / "labels.toml").read_text(encoding="utf-8"))
QUIET = ("not-an-env-problem", "oom-not-env")
KNOWN_MISSES = {
    "021-requirements-on-windows": "the command names a requirements file alone, so the index of torch is not told",
    "185-diffusers-cli-wsl1": "nobody says that the GPU is missed; the same lines stand under other complaints",
    "200-nightly-over-stable": "pytorch-nightly, conda's of 2018, beside pytorch: no rule knows two of one installer",
    "312-vllm-p100-image": "the image of vLLM is named, and not the torch in it",
    "839-gb10-microduck": "that the GPU is missed is said in a picture (torch is blind), and no output shows it",
    "940-widerface-nan-login": "a dump of a node without GPUs; that training ran elsewhere only its losses tell",
}


def _marks(name: str) -> list[pytest.MarkDecorator]:
    return [pytest.mark.xfail(reason=KNOWN_MISSES[name], strict=True)] if name in KNOWN_MISSES else []


@pytest.mark.parametrize("name", [pytest.param(name, id=name, marks=_marks(name)) for name in LABELS])
def test_the_first_finding_is_the_cause(name: str) -> None:
    argv = ["triage", "--format", "json", str(PASTES / f"{name}.txt")]
    answer = CliRunner().invoke(group, argv, obj=Invocation(), catch_exceptions=False, standalone_mode=False)
    findings = json.loads(answer.stdout)["findings"]
    if LABELS[name]["cause"] in QUIET:
        assert [one["rule"] for one in findings if one["severity"] == "error"] == []
    else:
        assert [one["rule"] for one in findings][:1] == [LABELS[name]["cause"]]


def test_every_paste_has_a_label_and_every_label_a_paste() -> None:
    assert sorted(path.stem for path in PASTES.glob("*.txt")) == sorted(LABELS)


def test_labels_name_rules_and_sources() -> None:
    names = {rule.name for rule in all_rules()} | {*QUIET}
    assert {label["cause"] for label in LABELS.values()} <= names
    assert {other for label in LABELS.values() for other in label.get("second", ())} <= names
    assert all("#" in label["source"] and label["confidence"] in ("high", "medium", "low") for label in LABELS.values())
