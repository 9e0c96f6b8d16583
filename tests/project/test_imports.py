"""What envdoctor loads into its own process, by `sys.modules`: little, and never torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"

# Runs the script's entry point and writes what it loaded beyond what Python had loaded by itself.
WATCHED = """
import sys
before = set(sys.modules)
sys.argv[0] = "envdoctor"
report = sys.argv.pop(1)
from envdoctor.cli import main
try:
    main()
except SystemExit as end:
    code = end.code
else:
    code = 0
loaded = sorted(set(sys.modules) - before)
import json
with open(report, "w") as file:
    json.dump({"code": code, "loaded": loaded}, file)
"""

# A torch that cannot be overlooked: whoever imports it, in whichever process, ends there.
STUB = 'raise SystemExit("torch was imported")\n'

NETWORK = {
    *("requests", "urllib3", "pypi_simple", "bs4", "pydantic", "remotezip", "platformdirs", "tomlkit"),
    *("envdoctor.published", "envdoctor.upkeep"),
}
SLOW = {
    "asyncio",
    "concurrent",
    "email",
    "http",
    "multiprocessing",
    "ssl",
    "unittest",
    "urllib.request",
    "xml",
}
HELP_LOADS_NONE_OF = (
    SLOW
    | NETWORK
    | {
        *("rich", "pynvml", "torch", "tomllib", "tomli", "packaging", "numpy"),
        *("concurrent", "ctypes", "email", "importlib.metadata"),
        # Before 3.11 `platform`, which click's uuid needs, imports it.
        *(("subprocess",) if sys.version_info >= (3, 11) else ()),
        *("envdoctor.binary", "envdoctor.codec", "envdoctor.diagnose", "envdoctor.host", "envdoctor.matrix"),
        *("envdoctor.plan", "envdoctor.probes", "envdoctor.reporters", "envdoctor.rules", "envdoctor.smoke"),
    }
)
CHECK_LOADS_NONE_OF = (
    SLOW
    | NETWORK
    | {"torch", "numpy", "setuptools", "pkg_resources", "urllib", "envdoctor.smoke", "envdoctor.fix"}
    | {"yaml", "markdown_it", "envdoctor.readers", "envdoctor.rules.declared", "envdoctor.rules.said"}
)
COMPRESSORS = {"bz2", "lzma", "shutil", "zipfile"}
"""5 ms, which `shutil` takes for archives that nobody asks of it."""


def run(tmp_path: Path, *arguments: str, path: tuple[Path, ...] = ()) -> tuple[dict[str, object], str]:
    """What a run loaded and its exit code, and its standard output."""
    report = tmp_path / "loaded.json"
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(report), *arguments],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (*path, SOURCE))), "COLUMNS": "80"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert report.exists(), done.stderr
    return json.loads(report.read_text()), done.stdout


def found_in(loaded: object, unwanted: set[str]) -> list[str]:
    assert isinstance(loaded, list)
    return [name for name in loaded if any(name == top or name.startswith(f"{top}.") for top in unwanted)]


HELP = [("--help",), ("--version",), ("check", "--help"), ("smoke", "--help")]


@pytest.mark.parametrize("arguments", HELP, ids=" ".join)
def test_help_loads_next_to_nothing(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ran, output = run(tmp_path, *arguments)
    assert ran["code"] == 0
    assert "envdoctor" in output
    assert found_in(ran["loaded"], HELP_LOADS_NONE_OF) == []


@pytest.mark.parametrize("form", ["json", "terminal"])
def test_check_never_imports_torch(tmp_path: Path, form: str) -> None:
    """Neither here nor in a child: every process of the run finds the stub first on its path."""
    (tmp_path / "stub" / "torch").mkdir(parents=True)
    (tmp_path / "stub" / "torch" / "__init__.py").write_text(STUB)
    ran, output = run(tmp_path, "check", "--python", sys.executable, "--format", form, path=(tmp_path / "stub",))
    assert ran["code"] in (0, 1), output
    assert "torch was imported" not in output
    assert found_in(ran["loaded"], CHECK_LOADS_NONE_OF | COMPRESSORS) == []
    if form == "json":
        assert json.loads(output)["schema"] == "envdoctor.diagnosis/1"
        assert found_in(ran["loaded"], {"rich"}) == []


def test_a_machine_with_nothing_to_mend_does_without_the_planner(tmp_path: Path) -> None:
    """Most machines are healthy, and the planner takes as long to import as half of the rules."""
    cases = Path(__file__).parents[1] / "cases"
    healthy, broken = (
        run(tmp_path, "check", "--snapshot", str(cases / name / "snapshot.json"))[0]
        for name in ("default-wheel-on-a100", "v100-under-cuda-13")
    )
    planner = {
        "envdoctor.plan.solve",
        "envdoctor.plan.repair",
        "envdoctor.plan.installers",
        "envdoctor.plan.candidates",
        "envdoctor.plan.demands",
        "envdoctor.model.change",
    }
    assert (healthy["code"], found_in(healthy["loaded"], planner)) == (0, [])
    assert (broken["code"], "envdoctor.plan.solve" in found_in(broken["loaded"], planner)) == (1, True)


def test_a_check_without_a_policy_reads_none(tmp_path: Path) -> None:
    """Nor where there is a repository around it whose pyproject.toml has nothing for us."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    snapshot = str(Path(__file__).parents[1] / "cases" / "default-wheel-on-a100" / "snapshot.json")
    ran, _ = run(tmp_path, "check", "--snapshot", snapshot)
    assert ran["code"] == 0
    # What reads TOML, suggests names and compares versions is loaded by the other modules of that room.
    assert found_in(ran["loaded"], {"envdoctor.policy", "difflib"}) == ["envdoctor.policy", "envdoctor.policy.find"]
