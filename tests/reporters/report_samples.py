"""Reports of described machines, built from plain model objects, and text that wants to be more than text."""

from __future__ import annotations

from envdoctor.model.fact import Absent, Fact, Known, Unknown
from envdoctor.model.finding import Confidence, Crashed, Diagnosis, Evidence, Finding, Severity, Skipped, Verdict
from envdoctor.model.plan import Applicability, Plan, Status, Step, Target
from envdoctor.model.report import Report
from envdoctor.model.snapshot import Snapshot

PYTHON = "/srv/train/venv/bin/python"
INDEX = "https://download.pytorch.org/whl"
NOTHING = Plan(Status.NOTHING_TO_DO)

HOSTILE = (
    "\x1b]0;owned\x07\x1b[2J",
    "line one\n::error file=a.py::you are hacked\r\n##[error]me too",
    "::set-output name=x::y",
    "   ::add-mask::z",
    "a ::warning::wraps to the start of a line when the words before it fill all of the eighty columns",
    "text ##[set-env name=PATH]x ##vso[task.setvariable variable=a]b ##teamcity[message]",
    "\u202eevil\u2066\u200b\u2028\u2029\x85\x9b31m\x00\x7f",
    "lone \ud800 surrogate",
    "[bold red]markup[/bold red] [link=https://example.org]x[/link]",
    "https://me:hunter2@mirror.example/simple?token=hunter2",
    "A" * 100_000,
    "word " * 20_000,
    "",
    "\u3000\xa0 ",
)


def facts(torch: str | None = "2.9.1+cu128", gpus: tuple[tuple[str, str], ...] = (), **others: Fact) -> dict[str, Fact]:
    """Facts of a machine; `others` are further facts with `__` for the dot."""
    seen: dict[str, Fact] = {
        "python.version": Known("3.11.7", "interpreter"),
        "python.executable": Known(PYTHON, "interpreter"),
        "python.chosen_because": Known("the environment envdoctor is installed in", "envdoctor"),
        "torch.version": Absent("no distribution named torch"),
        "gpu.count": Known(len(gpus), "nvml") if gpus else Absent("libnvidia-ml.so.1 was not found"),
        "driver.version": Absent("no NVIDIA kernel module is loaded"),
        "pci.nvidia": Known([], "/sys/bus/pci"),
        "env.CUDA_VISIBLE_DEVICES": Absent("not set"),
    }
    if torch:
        local = torch.partition("+")[2]
        cuda = f"{local[2:-1]}.{local[-1]}" if local.startswith("cu") else None
        seen["torch.version"] = Known(torch, "torch/version.py")
        seen["torch.cuda"] = Known(cuda, "torch/version.py") if cuda else Absent("torch/version.py says None")
        seen["torch.hip"] = Absent("torch/version.py says None")
        seen["torch.provenance"] = Known("pytorch-index", "dist-info")
        seen["torchvision.version"] = Known("0.24.1", "dist-info")
    for index, (name, capability) in enumerate(gpus):
        seen[f"gpu.{index}.name"] = Known(name, "nvml")
        seen[f"gpu.{index}.compute_capability"] = Known(capability, "nvml")
    if gpus:
        seen["gpu.visible"] = Known(list(range(len(gpus))), "libcuda")
        seen["driver.version"] = Known("580.95.05", "nvml")
        seen["driver.cuda_version"] = Known("13.0", "libcuda")
    seen.update({name.replace("__", "."): fact for name, fact in others.items()})
    return seen


def report(
    seen: dict[str, Fact], diagnosis: Diagnosis | None = None, plan: Plan = NOTHING, exit_code: int = 0
) -> Report:
    return Report(
        snapshot=Snapshot(seen, taken="2026-11-21T10:00:00Z", envdoctor="0.1.0"),
        diagnosis=diagnosis or Diagnosis(Verdict.HEALTHY),
        plan=plan,
        exit_code=exit_code,
        matrix_revision="2026-11-21",
        newest_torch="2.15.0",
        envdoctor="0.1.0",
    )


def install(channel: str, *wheels: str, why: str) -> Step:
    argv = (PYTHON, "-m", "pip", "install", "--index-url", f"{INDEX}/{channel}", *wheels)
    return Step("install-wheels", Applicability.UNSAFE, why, argv)


def driver_too_old() -> Report:
    seen = facts("2.5.1+cu124", (("NVIDIA A100-SXM4-80GB", "8.0"),))
    seen["driver.version"] = Known("470.256.02", "nvml")
    seen["driver.cuda_version"] = Known("11.4", "libcuda")
    cause = Finding(
        "driver-too-old",
        Severity.ERROR,
        Confidence.INFERRED,
        "torch",
        "The driver 470.256.02 is older than 525.60.13, the lowest that runs CUDA 12 programs, and this torch is"
        " built for CUDA 12.4: torch.cuda.is_available() is False here.",
        (Evidence("driver.version", "470.256.02", "nvml"), Evidence("torch.cuda", "12.4", "torch/version.py")),
    )
    consequence = Finding(
        "triton-unavailable",
        Severity.WARNING,
        Confidence.INFERRED,
        "triton",
        "torch.compile has no GPU to compile for.",
        caused_by="driver-too-old",
    )
    upgrade = Step(
        "upgrade-driver",
        Applicability.MANUAL,
        "Upgrade the driver to 525.60.13 or newer, on this host; the installed torch then works as it is.",
    )
    plan = Plan(
        Status.SOLVED,
        Target("2.5.1", "0.20.1", "2.5.1", "cu118", f"{INDEX}/cu118"),
        (
            install(
                "cu118",
                "torch==2.5.1+cu118",
                "torchvision==0.20.1+cu118",
                why="The same torch built for CUDA 11.8, which runs on any driver from 450.80.02.",
            ),
        ),
        (Plan(Status.SOLVED, Target("2.5.1", "0.20.1", "2.5.1", "cu124", f"{INDEX}/cu124"), (upgrade,)),),
        ("driver 470.256.02 serves CUDA 11 only (minor-version compatibility)",),
    )
    return report(seen, Diagnosis(Verdict.BROKEN, (cause, consequence)), plan, 1)


def impossible() -> Report:
    seen = facts("2.15.0+cu130", (("Tesla V100-SXM2-16GB", "7.0"),))
    finding = Finding(
        "gpu-arch-not-in-wheel",
        Severity.ERROR,
        Confidence.INFERRED,
        "gpu:0",
        "This torch has no machine code for the Tesla V100-SXM2-16GB (compute capability 7.0).",
        (Evidence("gpu.0.compute_capability", "7.0", "nvml"),),
    )
    older = Plan(
        Status.SOLVED,
        Target("2.14.1", "0.29.1", None, "cu126", f"{INDEX}/cu126"),
        (install("cu126", "torch==2.14.1+cu126", why="The newest torch with kernels for 7.0."),),
    )
    newer_gpu = Plan(Status.SOLVED, because=("another GPU of capability 7.5 or higher",))
    plan = Plan(
        Status.IMPOSSIBLE,
        alternatives=(older, newer_gpu),
        because=(
            "torch was asked to be 2.15.0",
            "every CUDA 13 build starts at compute capability 7.5 (CUDA 13.0 release notes); a newer driver"
            " does not change that",
        ),
    )
    return report(seen, Diagnosis(Verdict.BROKEN, (finding,)), plan, 1)


def undetermined() -> Report:
    reason = "NVML did not answer within 5 s"
    seen = facts("2.9.1+cu128", driver__version=Unknown(reason), gpu__count=Unknown(reason))
    skipped = (
        Skipped("driver-too-old", reason, "driver.version"),
        Skipped("gpu-arch-not-in-wheel", reason, "gpu.count"),
        Skipped("driver-too-old-for-gpu", reason, "driver.version"),
        Skipped("triton-mismatch", "the matrix has no row for this torch"),
    )
    return report(seen, Diagnosis(Verdict.UNDETERMINED, skipped=skipped))


def crashed_rule() -> Report:
    seen = facts("2.9.1+cu128", (("NVIDIA A100-SXM4-80GB", "8.0"),))
    crash = Crashed("triton-mismatch", "IndexError: tuple index out of range")
    return report(seen, Diagnosis(Verdict.HEALTHY, crashed=(crash,)), exit_code=3)


def no_torch() -> Report:
    note = Finding(
        "torch-not-installed",
        Severity.NOTE,
        Confidence.PROVED,
        "torch",
        "No torch is installed in this environment.",
        (Evidence("torch.version", None, "no distribution named torch"),),
    )
    fits = Plan(
        Status.SOLVED,
        Target("2.14.0", "0.29.0", None, "cu130", None),
        (
            Step(
                "install-wheels",
                Applicability.UNSAFE,
                "The default build serves this driver and this GPU.",
                (PYTHON, "-m", "pip", "install", "torch==2.14.0", "torchvision==0.29.0"),
            ),
        ),
    )
    return report(facts(None, (("NVIDIA L4", "8.9"),)), Diagnosis(Verdict.HEALTHY, (note,)), fits)


def many_gpus() -> Report:
    seen = facts("2.9.1+cu128", (("NVIDIA H200", "9.0"),) * 7 + (("Quadro K620", "5.0"),))
    seen["gpu.visible"] = Known([0, 1, 2, 3, 7], "libcuda")
    seen["env.CUDA_VISIBLE_DEVICES"] = Known("0,1,2,3,7", "environment")
    seen["gpu.6.status"] = Known(15, "nvml")
    unserved = Finding(
        "gpu-arch-dropped", Severity.WARNING, Confidence.INFERRED, "gpu:7", "No kernels for 5.0 in this torch."
    )
    lost = Finding("gpu-lost", Severity.ERROR, Confidence.PROVED, "gpu:6", "GPU 6 has fallen off the bus.")
    return report(seen, Diagnosis(Verdict.BROKEN, (unserved, lost)), exit_code=1)


def hostile(text: str = "\x1b]0;owned\x07 ::error::\n##[error]\u202e [bold red]") -> Report:
    """Every text that the machine decides is `text`."""
    # The fingerprint of a finding needs a subject that can be encoded; rules name no other.
    subject = text.encode(errors="replace").decode()
    seen = facts("2.9.1+cu128", ((text, text),))
    seen = {
        name: Known(text, text) if isinstance(fact, Known) and isinstance(fact.value, str) else fact
        for name, fact in seen.items()
    }
    seen["torchaudio.version"] = Unknown(text)
    seen["driver.version"] = Unknown(text)
    finding = Finding(
        "driver-too-old",
        Severity.ERROR,
        Confidence.PROVED,
        subject,
        text,
        (
            Evidence("a.fact", text, text),
            Evidence("b.fact", [text, {text: text}], text),
            Evidence("c", None, text),
        ),
    )
    note = Finding("no-nvidia-gpu", Severity.NOTE, Confidence.PROVED, subject, text)
    way = Plan(Status.SOLVED, Target(text, text, text, text, text), because=(text,))
    plan = Plan(
        Status.SOLVED,
        Target(text, text, text, text, text),
        (Step("install-wheels", Applicability.UNSAFE, text, (text, "-m", text)),),
        (way, Plan(Status.IMPOSSIBLE, because=(text,))),
        (text,),
    )
    diagnosis = Diagnosis(
        Verdict.BROKEN,
        (finding, note),
        (Skipped("triton-mismatch", text, "triton.version"), Skipped("mig", text)),
        (Crashed("gpu-lost", text),),
    )
    return report(seen, diagnosis, plan, 1)


SAMPLES = {
    "healthy-gpu": report(facts("2.9.1+cu128", (("NVIDIA H200", "9.0"),) * 8)),
    "healthy-cpu": report(facts("2.9.1+cpu")),
    "no-torch": no_torch(),
    "driver-too-old": driver_too_old(),
    "impossible": impossible(),
    "undetermined": undetermined(),
    "crashed-rule": crashed_rule(),
    "many-gpus": many_gpus(),
    "hostile": hostile(),
}
