"""Reports as a gate has them: with places in files, with what a policy ignores, with what could not be read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from report_samples import NOTHING, SAMPLES, driver_too_old, report

from envdoctor.model.demand import Demand
from envdoctor.model.finding import Confidence, Diagnosis, Finding, Severity, Verdict
from envdoctor.model.linted import FileMended, FileRead, LintView, Unread
from envdoctor.model.place import Place
from envdoctor.model.policy import Ignore, Ignored, Policy

if TYPE_CHECKING:
    from envdoctor.model.report import Report

DIFF = (
    "--- services/api/requirements.txt\n+++ services/api/requirements.txt\n"
    "@@ -1,2 +1,2 @@\n torch==2.7.1\n-torchvision==0.20.0\n+torchvision==0.22.1\n"
)


def broken() -> Report:
    """A cause, what follows from it, a note, and what a policy ignores."""
    base = driver_too_old()
    cause, consequence = base.diagnosis.findings
    note = Finding("dev-shm-too-small", Severity.NOTE, Confidence.PROVED, "machine", "64 MiB of /dev/shm, a default.")
    ignored = Finding("triton-mismatch", Severity.WARNING, Confidence.INFERRED, "triton", "triton 3.0 is not 3.1.")
    by = Ignore("triton-mismatch", "nobody compiles here | #42", expires="2026-12-31")
    return replace(
        base,
        diagnosis=Diagnosis(Verdict.BROKEN, (note, cause, consequence)),
        anchors={
            cause.fingerprint: Place("pyproject.toml", 7, 5),
            consequence.fingerprint: Place("pyproject.toml", 7, 5),
            note.fingerprint: Place("deploy/Dockerfile", 1, 1, 3),
        },
        policy=Policy((Demand("gpus", ">=1", ">=1"),), profile="gpu", files=("envdoctor.toml",)),
        ignored=(Ignored(ignored, by),),
    )


def linted() -> Report:
    """A folder below the root of a repository: two findings, one file that could not be read."""
    file = "services/api/requirements.txt"
    message = "torchvision 0.20.0, made for torch 2.5.0, does not go with torch 2.7.1."
    wrong = Finding(
        "torch-torchvision-mismatch",
        Severity.ERROR,
        Confidence.INFERRED,
        "torchvision",
        message,
        location=Place("api/requirements.txt", 2, 1),
        replacement="torchvision==0.22.1",
    )
    root = Finding(
        "runs-as-root", Severity.NOTE, Confidence.INFERRED, "container", "It runs as root.",
        location=Place("api/Dockerfile", 4, 3, 9),
    )  # fmt: skip
    made = report({}, Diagnosis(Verdict.BROKEN, (root, wrong)), NOTHING, 2)
    return replace(
        made,
        anchors={
            wrong.fingerprint: Place(file, 2, 1),
            root.fingerprint: Place("services/api/Dockerfile", 4, 3, 9),
        },
        lint=LintView(
            (FileRead("api/Dockerfile", "Dockerfile", 1), FileRead("api/requirements.txt", "requirements file", 1)),
            (Unread("api/uv.lock", "it is no TOML"),),
            (FileMended(file, DIFF, 1),),
        ),
    )


def many(errors: int, warnings: int, notes: int) -> Report:
    """A report with so many findings, the notes first."""
    base = driver_too_old()
    findings = tuple(
        Finding("gpu-lost", severity, Confidence.PROVED, f"gpu:{number}", f"GPU {number} is gone.")
        for severity, count in ((Severity.NOTE, notes), (Severity.WARNING, warnings), (Severity.ERROR, errors))
        for number in range(count)
    )
    return replace(base, diagnosis=Diagnosis(Verdict.BROKEN, findings), exit_code=1)


GATE = {"healthy": SAMPLES["healthy-gpu"], "broken": broken(), "linted": linted()}
"""What the golden files of the formats of CI systems show."""
