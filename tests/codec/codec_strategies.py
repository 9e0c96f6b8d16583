"""Any snapshot, and one report that uses every part of a diagnosis and a plan."""

from __future__ import annotations

from hypothesis import strategies as st

from envdoctor.codec.credentials import strip_credentials
from envdoctor.model.demand import Demand
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.model.finding import Confidence, Crashed, Diagnosis, Evidence, Finding, Severity, Skipped, Verdict
from envdoctor.model.place import Place
from envdoctor.model.plan import Applicability, Plan, Status, Step, Target
from envdoctor.model.policy import Ignore, Ignored, Policy
from envdoctor.model.report import Report
from envdoctor.model.snapshot import Snapshot

# Lone surrogates included: a file name that is not UTF-8 reads as them.
TEXTS = st.text(st.characters(exclude_categories=())).filter(lambda text: strip_credentials(text) == text)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)

FACTS = st.one_of(st.builds(Known, VALUES, TEXTS), st.builds(Absent, TEXTS), st.builds(Unknown, TEXTS))

SNAPSHOTS = st.builds(Snapshot, st.dictionaries(TEXTS, FACTS, max_size=6), TEXTS, TEXTS, st.booleans())


def full_report(text: str = "text") -> Report:
    """A report in which nothing is empty; `text` stands wherever the machine decides the words."""
    step = Step("install-wheels", Applicability.UNSAFE, text, ("python", "-m", "pip", text))
    manual = Step("upgrade-driver", Applicability.MANUAL, text)
    way = Plan(Status.SOLVED, Target("2.9.1", "0.24.1", None, "cu128", None), (manual, step), because=(text,))
    return Report(
        snapshot=Snapshot(
            {"a.known": Known({"k": [1, 2.5, None, True, text]}, text), "b": Absent(text), "c": Unknown(text)},
            "2026-11-21T10:00:00Z",
            "0.1.0",
        ),
        diagnosis=Diagnosis(
            Verdict.BROKEN,
            (
                Finding(
                    "driver-too-old",
                    Severity.ERROR,
                    Confidence.PROVED,
                    "torch",
                    text,
                    (Evidence("driver.version", "470.256.02", "nvml"), Evidence("torch.hip", None, text)),
                ),
                Finding("gpu-arch-dropped", Severity.WARNING, Confidence.INFERRED, "gpu:0", text, (), "driver-too-old"),
                Finding("no-nvidia-gpu", Severity.NOTE, Confidence.INFERRED, "gpu", text),
            ),
            (Skipped("mig", text, "gpu.count"), Skipped("triton-mismatch", text)),
            (Crashed("gpu-lost", text),),
        ),
        plan=Plan(Status.IMPOSSIBLE, alternatives=(way, way), because=(text, text)),
        exit_code=1,
        matrix_revision="2026-11-21",
        newest_torch="2.15.0",
        envdoctor="0.1.0",
        policy=Policy(
            demands=(Demand("torch", ">=2.6,<2.9", text, Place(text, 3)), Demand("gpus", ">=1", ">=1")),
            severities={"mig": Severity.NOTE},
            ignores=(Ignore("gpu-lost", text, text, "2026-12-31", Place(text, 4)), Ignore("mig", text)),
            fail_on="warning",
            strict=True,
            device="cuda",
            without=("kernels",),
            profile=text,
            files=(text,),
        ),
        ignored=(
            Ignored(
                Finding("gpu-lost", Severity.ERROR, Confidence.PROVED, "gpu:1", text),
                Ignore("gpu-lost", text, text, "2026-12-31", Place(text, 4)),
            ),
        ),
    )
