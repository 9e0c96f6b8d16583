"""docs/reference/facts.md is what the probes say of their facts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from envdoctor.probes.look import PROBES

ROOT = Path(__file__).parents[2]
GENERATOR = ROOT / "docs" / "generate_facts.py"


def run(generator: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(generator), *arguments], capture_output=True, text=True, check=False)


def test_the_page_is_fresh() -> None:
    done = run(GENERATOR, "--check")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.__name__.rpartition(".")[2])
def test_every_fact_has_its_line(probe: object) -> None:
    lines = (ROOT / "docs" / "reference" / "facts.md").read_text(encoding="utf-8").splitlines()
    for name, meaning in probe.FACTS.items():  # type: ignore[attr-defined]
        assert f"| `{name}` | {meaning} |" in lines


def test_a_stale_page_is_said_with_the_command_that_mends_it(tmp_path: Path) -> None:
    generator = tmp_path / "generate_facts.py"
    generator.write_text(GENERATOR.read_text(encoding="utf-8"), encoding="utf-8")
    stale = run(generator, "--check")
    assert stale.returncode == 1
    assert "python docs/generate_facts.py" in stale.stderr
    assert run(generator).returncode == 0
    assert run(generator, "--check").returncode == 0
    assert run(generator, "--unknown").returncode == 2
