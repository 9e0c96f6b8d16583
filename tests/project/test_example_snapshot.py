"""The saved machine of the README is one that `tests/machines.py` describes, whole, and judged without a gap."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from envdoctor.codec import snapshot as snapshot_document
from envdoctor.codec.read import load_snapshot
from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from machines import machine_snapshot

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "v100-under-cu130.json"
MEND = "ENVDOCTOR_REFRESH=1 python -m pytest tests/project/test_example_snapshot.py"


def written() -> str:
    """The file: a V100 under the default build, in the `.venv` of a project, as a saved snapshot names its paths."""
    snapshot = machine_snapshot(
        driver="580.95.05",
        gpus=["Tesla V100-SXM2-16GB"],
        torch="2.14.0+cu130",
        overrides={"python.chosen_because": ".venv of this project"},
    )
    document = snapshot_document.encode(snapshot) | {"redacted": True}
    return json.dumps(document, indent=2).replace('"/venv', '"~/train/.venv') + "\n"


@pytest.fixture(scope="module", autouse=True)
def refreshed() -> None:
    if os.environ.get("ENVDOCTOR_REFRESH"):
        EXAMPLE.write_text(written(), encoding="utf-8")


def test_the_example_is_the_described_machine() -> None:
    assert EXAMPLE.read_text(encoding="utf-8") == written(), f"stale; mend with: {MEND}"


def test_every_rule_has_the_facts_it_asks_for() -> None:
    diagnosis = diagnose(load_snapshot(EXAMPLE.read_bytes(), EXAMPLE.name), load_matrix())
    assert [finding.rule for finding in diagnosis.findings] == ["gpu-arch-dropped"]
    assert [(one.rule, one.fact) for one in diagnosis.skipped if one.fact is not None] == []
