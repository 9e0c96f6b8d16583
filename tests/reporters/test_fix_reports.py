"""What a fix did, in every format: how each ends, golden texts, widths, and texts that want to be more than text."""

from __future__ import annotations

import json
import os
import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from envdoctor.codec.redact_report import redacted_fix
from envdoctor.codec.schema_files import schema_text
from envdoctor.diagnose.verdict import fix_exit_code
from envdoctor.model.change import Installs
from envdoctor.model.fix import Disk, FileDiff, FixReport, Outcome, PackageChange, Proof, Way
from envdoctor.model.plan import Applicability, Edit, Plan, Status, Step, Target
from envdoctor.model.snapshot import Snapshot
from envdoctor.reporters.fix_json import render_fix as as_json
from envdoctor.reporters.fix_terminal import in_bytes
from envdoctor.reporters.fix_terminal import render_fix as as_text
from hostile_texts import SHORT, assert_harmless
from scenarios.shipped_schemas import validate

RENDER = {"terminal": as_text, "json": as_json}
GOLDEN = Path(__file__).parent / "golden_fix"
REFRESH = "ENVDOCTOR_REFRESH=1 pytest tests/reporters/test_fix_reports.py"
ANSI = re.compile(r"\x1b\[[0-9;]*m")
VENV = "/home/alice/vision/.venv"
INDEX = "https://download.pytorch.org/whl/cu126"
INSTALL = Step(
    "install-wheels",
    Applicability.UNSAFE,
    "puts torch 2.9.1+cu126 and its partners into the environment; other packages stay",
    (f"{VENV}/bin/python", "-m", "pip", "install", "--index-url", INDEX, "torch==2.9.1+cu126"),
    change=Installs(("torch==2.9.1+cu126",), channel="cu126"),
)
REBOOT = Step("reboot", Applicability.MANUAL, "loads the new driver", ("sudo", "reboot"))
EXTENSION = Step("build-extension", Applicability.MANUAL, "flash-attn was built for another torch: build it again")
CHANGES = (
    PackageChange("torch", "2.9.1+cu128", "2.9.1+cu126", 846_912_345),
    PackageChange("torchvision", "0.24.1", "0.24.1"),
    PackageChange("nvidia-cublas-cu12", "12.8.4.1", "12.6.4.1", 393_100_000),
    PackageChange("filelock", None, "3.20.0", 16_050),
    PackageChange("nvidia-nvshmem-cu12", "3.3.20", None),
)
PROOFS = (
    Proof("torch is imported", held=True, told="2.9.1+cu126, CUDA 12.6"),
    Proof("the quick smoke passes", held=True, told="23 passed, 4 skipped"),
    Proof("pip check has no new complaint", held=True),
)
BROKEN = (PROOFS[0], Proof("pip check has no new complaint", held=False, told="timm 1.0 requires torch<2.9"))
PLANNED = FixReport(
    Outcome.PLANNED,
    Plan(Status.SOLVED, Target("2.9.1", "0.24.1", None, "cu126", INDEX), (INSTALL, REBOOT)),
    Way.CLONE,
    VENV,
    steps=(INSTALL,),
    by_hand=(REBOOT, EXTENSION),
    commands=(INSTALL.argv,),
    cleared=("PIP_EXTRA_INDEX_URL", "UV_INDEX"),
    changes=CHANGES,
    resolved=True,
    stays=31,
    disk=Disk(5_800_000_000, 28_400_000_000, 1_240_028_395),
    notes=("flash-attn was compiled for another torch.",),
)
PROJECT = replace(
    PLANNED,
    way=Way.PROJECT,
    commands=(("uv", "add", "--project", "/home/alice/vision", "torch==2.9.1+cu126"),),
    cleared=(),
    resolved=False,
    stays=None,
    changes=CHANGES[:1],
    disk=Disk(0, None, None),
    diffs=(
        FileDiff("pyproject.toml", "--- pyproject.toml\n+++ pyproject.toml\n@@ -1,2 +1,2 @@\n \n-  a = 1\n+  a = 2\n"),
    ),
    by_hand=(),
    notes=(),
)
APPLIED = replace(
    PLANNED, outcome=Outcome.APPLIED, proofs=PROOFS, by_hand=(REBOOT,), disk=None,
    kept=f"{VENV}.envdoctor/old", log=f"{VENV}.envdoctor/log.txt",
)  # fmt: skip
REFUSED = replace(
    PLANNED, outcome=Outcome.REFUSED, reason="process 4711 (python) runs from this environment: end it first.",
    changes=(), resolved=False, stays=None, disk=None, notes=(),
)  # fmt: skip
IMPOSSIBLE = FixReport(
    Outcome.REFUSED,
    Plan(Status.IMPOSSIBLE, because=("gpu:0 has compute capability 3.5",)),
    reason="no published torch wheel serves this machine as it is.",
)
SAMPLES = {
    "planned": PLANNED,
    "project": PROJECT,
    "applied": APPLIED,
    "into": replace(APPLIED, kept=None, copy="/home/alice/vision/.venv-new", by_hand=(), notes=()),
    "rolled-back": replace(
        APPLIED, outcome=Outcome.ROLLED_BACK, proofs=BROKEN, kept=None, notes=(),
        reason="pip check has no new complaint: timm 1.0 requires torch<2.9",
    ),
    "refused": REFUSED,
    "by-hand": replace(
        REFUSED, way=Way.BY_HAND, steps=(), commands=(), by_hand=(INSTALL,),
        reason="this Python is no virtual environment, and only those are changed here.",
    ),
    "impossible": IMPOSSIBLE,
    "nothing-to-carry-out": replace(
        REFUSED, outcome=Outcome.PLANNED, way=Way.BY_HAND, steps=(), commands=(), by_hand=(INSTALL,), cleared=(),
        reason="this Python is no virtual environment, and only those are changed here",
    ),
    "restored": FixReport(
        Outcome.RESTORED, Plan(Status.NOTHING_TO_DO), Way.CLONE, VENV,
        changes=(PackageChange("torch", "2.9.1+cu126", "2.9.1+cu128"),),
        notes=("pyproject.toml was changed since, and stays as it is.",),
    ),
    "rolled-back-by-an-installer": replace(
        APPLIED, outcome=Outcome.ROLLED_BACK, proofs=(), kept=None, notes=(), by_hand=(),
        reason=f"the index has no torch==2.9.1: look at its address; all it said is in {VENV}.envdoctor/log.txt",
    ),
    "nothing-seen": FixReport(
        Outcome.NOTHING_TO_DO, Plan(Status.NOTHING_TO_DO), environment=VENV, reason="driver.version is not known",
    ),
    "nothing-fits": replace(IMPOSSIBLE, outcome=Outcome.PLANNED),
    "nothing-to-do": FixReport(
        Outcome.NOTHING_TO_DO, Plan(Status.NOTHING_TO_DO), environment=VENV,
        recovered="an earlier run was ended while it copied; what it had made was removed.",
    ),
}  # fmt: skip


def poisoned(text: str, outcome: Outcome) -> FixReport:
    """A report in which every word that somebody else chooses is that text."""
    step = Step("reboot", Applicability.MANUAL, text, (text, text), Edit("pyproject.toml", text), Installs((text,)))
    return FixReport(
        outcome, Plan(Status.SOLVED, steps=(step,)), Way.CLONE, text, (step,), (step,), ((text, text),), (text,),
        (PackageChange(text, text, None), PackageChange("torch", text, text, 1)), True, 1, Disk(1, 1, 1),
        (FileDiff(text, f"{text}\n+{text}\n"),), (Proof(text, False, text), Proof(text, True)), text, text, None, text,
        text, (text,),
    )  # fmt: skip


@pytest.mark.parametrize("name", SAMPLES)
def test_a_report_is_the_golden_one(name: str) -> None:
    text = as_text(SAMPLES[name], fix_exit_code(SAMPLES[name].outcome), again=("--torch", ">=2.9"))
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("ENVDOCTOR_REFRESH"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text, encoding="utf-8")
    expected = golden.read_text(encoding="utf-8") if golden.is_file() else ""
    assert text == expected, f"{golden.name} differs; if the new text is right, run: {REFRESH}"


def test_no_golden_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(SAMPLES)


def test_every_end_has_its_exit_code() -> None:
    codes = {outcome: fix_exit_code(outcome) for outcome in Outcome}
    assert codes.pop(Outcome.ROLLED_BACK) == 1
    assert codes.pop(Outcome.REFUSED) == 2
    assert set(codes.values()) == {0}


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("verbose", [False, True])
def test_colour_adds_nothing_but_styles(name: str, verbose: bool) -> None:
    plain = as_text(SAMPLES[name], 0, verbose=verbose)
    assert ANSI.sub("", as_text(SAMPLES[name], 0, verbose=verbose, colour=True)) == plain
    assert "\x1b" not in plain
    assert plain.isascii()
    assert "\n\n\n" not in plain
    assert not plain.endswith("\n\n")
    assert all(line == line.rstrip() for line in plain.splitlines())


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("width", [1, 40, 60, 80, 140])
def test_lines_keep_the_width_unless_one_word_is_longer(name: str, width: int) -> None:
    for line in as_text(SAMPLES[name], 0, width=width, verbose=True).splitlines():
        indent = len(line) - len(line.lstrip())
        long_word = len(line.split()) == 1 and len(line) > max(width, 40)
        assert line.startswith("    ") or long_word or len(line) <= max(width, 40) + indent, line


@pytest.mark.parametrize("width", [40, 80, 140])
def test_no_width_loses_a_version_or_breaks_a_command(width: int) -> None:
    text = as_text(PLANNED, 0, width=width)
    told = " ".join(text.split())
    for change in CHANGES:
        for word in (change.name, change.before, change.after):
            assert word is None or word in told
    command = f"    env -u PIP_EXTRA_INDEX_URL -u UV_INDEX {' '.join(INSTALL.argv)}"
    assert command in text.splitlines()


def test_a_command_for_a_person_hides_the_same_variables() -> None:
    text = as_text(SAMPLES["by-hand"], 2)
    assert f"    env -u PIP_EXTRA_INDEX_URL -u UV_INDEX {VENV}/bin/python -m pip" in text
    other = as_text(replace(SAMPLES["by-hand"], by_hand=(REBOOT,)), 2)
    assert "    sudo reboot\n" in other


def test_windows_has_no_env() -> None:
    argv = (r"C:\venv\Scripts\python.exe", "-m", "pip", "install", "torch==2.9.1+cu126")
    text = as_text(replace(REFUSED, by_hand=(replace(INSTALL, argv=argv),), commands=()), 2)
    assert f"    {' '.join(argv)}\n" in text
    assert "It is not to see: PIP_EXTRA_INDEX_URL, UV_INDEX\n" in text
    assert "env -u" not in text


def test_a_file_of_settings_is_no_variable() -> None:
    argv = ("uv", "pip", "install", "torch==2.9.1+cu126")
    text = as_text(replace(PLANNED, commands=(argv,), cleared=("UV_INDEX", "/home/alice/.config/uv/uv.toml")), 0)
    assert "    env -u UV_INDEX UV_NO_CONFIG=1 uv pip install torch==2.9.1+cu126\n" in text


def test_before_a_question_nothing_is_said_of_how_to_carry_it_out() -> None:
    text = as_text(PLANNED, 0, again=None)
    assert text.endswith("- flash-attn was compiled for another torch.\n")


def test_how_to_go_on_names_the_options_and_the_way_back_the_environment() -> None:
    dry = as_text(PLANNED, 0, again=("--python", "my env", "--index-base", "https://me:hunter2@mirror.example/whl"))
    assert dry.endswith('    envdoctor fix --python "my env" --index-base https://mirror.example/whl --apply\n')
    assert as_text(APPLIED, 0).endswith(f"    envdoctor fix --python {VENV} --rollback\n")


@pytest.mark.parametrize(
    ("disk", "told"),
    [
        (Disk(0, 28_400_000_000, None), "Disk: nothing for the copy, which shares blocks, 28 GB free."),
        (Disk(None, 28_400_000_000, 847_000_000), "Disk: 847 MB to download, 28 GB free."),
        (Disk(None, None, None), None),
    ],
)
def test_what_it_takes_on_the_disk(disk: Disk, told: str | None) -> None:
    lines = as_text(replace(PLANNED, disk=disk), 0).splitlines()
    assert [line for line in lines if line.startswith("Disk:")] == ([told] if told else [])


def test_what_did_not_hold_stands_first() -> None:
    proofs = as_text(SAMPLES["rolled-back"], 1).partition("verified in the copy:\n")[2].splitlines()
    assert proofs[0].startswith("  NO   pip check has no new complaint: timm")
    assert proofs[1].startswith("  yes  torch is imported")


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (9_949, "9.9 kB"), (16_050, "16 kB"), (999_499, "999 kB"),
        (999_500, "1.0 MB"), (846_912_345, "847 MB"), (5_800_000_000, "5.8 GB"), (28_400_000_000, "28 GB"),
        (7 * 10**15, "7000 TB"),
    ],
)  # fmt: skip
def test_bytes_in_words(count: int, words: str) -> None:
    assert in_bytes(count) == words


@pytest.mark.parametrize("name", SAMPLES)
def test_every_report_fits_its_schema(name: str) -> None:
    report = SAMPLES[name]
    document = json.loads(as_json(report, fix_exit_code(report.outcome)))
    validate(document)
    assert set(document) == {field.name for field in fields(FixReport)} | {"schema", "exit_code", "envdoctor"}
    assert document["outcome"] == report.outcome.value
    assert document["plan"]["schema"] == "envdoctor.plan/1"


def test_the_schema_knows_every_word_of_the_model_and_no_other_key() -> None:
    schema = json.loads(schema_text("envdoctor.fix/1"))["properties"]
    assert set(schema["outcome"]["enum"]) == {outcome.value for outcome in Outcome}
    assert set(schema["way"]["enum"]) == {way.value for way in Way}
    document = json.loads(as_json(PLANNED, 0))
    for place in (document, document["changes"][0], document["disk"], document["plan"]):
        place["extra"] = 1
        with pytest.raises(Exception, match="extra"):
            validate(document)
        del place["extra"]
    validate(document)


@pytest.mark.parametrize("trick", SHORT)
@pytest.mark.parametrize("outcome", Outcome)
def test_a_text_that_wants_to_be_more_stays_text(trick: str, outcome: Outcome) -> None:
    report = poisoned(SHORT[trick], outcome)
    for form, render in RENDER.items():
        for width in (40, 140):
            text = render(report, 0, width=width, verbose=True, again=(SHORT[trick],))
            assert_harmless(text, form)
            assert "hunter2" not in text
    validate(json.loads(as_json(report, 0)))


def test_files_hold_no_names() -> None:
    text = "/home/alice/x alice at node7"
    hidden = redacted_fix(poisoned(text, Outcome.APPLIED), Snapshot({}), "/home/alice", "alice", "node7")
    # What packages are called, and their versions, are no words of a person; nor are names of variables.
    bare = replace(hidden, changes=(), cleared=())
    written = as_json(bare, 0) + as_text(bare, 0, verbose=True)
    assert "alice" not in written
    assert "node7" not in written
    assert "~/x" in written
