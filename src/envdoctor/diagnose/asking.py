"""What is missing in a paste to be surer, and the fewest commands that would tell it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.asking import Ask
from envdoctor.model.fact import Known, Unknown
from envdoctor.model.finding import Confidence, Severity
from envdoctor.model.machine import MOST_GPUS
from envdoctor.model.plan import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from envdoctor.model.finding import Diagnosis
    from envdoctor.model.plan import Plan
    from envdoctor.model.snapshot import Snapshot

ERROR = re.compile(
    r"[a-z](?:Error|Exception)\b|\b(?:Error|ERROR|error|WARN|Warning|fatal|FATAL)\b ?:|undefined symbol|cannot open"
)
"""What software prints before the words of a failure, and people do not write."""

MOST = 2
"""Commands asked for; who is asked for more posts nothing."""


class Source(NamedTuple):
    """A command, the facts it tells as a pattern of their names, and whether this paste still lacks its output."""

    tells: str
    what: str
    command: str
    why: str
    lacks: Callable[[Snapshot], bool]


def _untold(snapshot: Snapshot, *names: str) -> bool:
    """Whether any of these facts is one that the paste says nothing of."""
    return any(name not in snapshot.facts for name in names)


def _is(snapshot: Snapshot, name: str, *values: str) -> bool:
    told = snapshot.known(name)
    return isinstance(told, str) and told in values


def _no_nvidia(snapshot: Snapshot) -> bool:
    """Whether nvidia-smi would tell nothing: of a Mac, of AMD's GPUs, of a Jetson, or where there is no such GPU."""
    platform = snapshot.known("host.platform")
    return (
        _is(snapshot, "host.os", "macos")
        or isinstance(snapshot["torch.hip"], Known)
        or isinstance(snapshot["amd.gpus"], Known)
        or (isinstance(platform, str) and platform.endswith("-jetson"))
        or snapshot.known("said.no_nvidia_gpu") is True
    )


def _lacks_driver(snapshot: Snapshot) -> bool:
    if _no_nvidia(snapshot) or "nvidia-smi" in _said(snapshot) or snapshot.known("nvml.status") not in (None, 0):
        return False
    return not isinstance(snapshot["driver.version"], Known) or not _names_gpu(snapshot)


def _names_gpu(snapshot: Snapshot) -> bool:
    return any(isinstance(snapshot[f"gpu.{index}.name"], Known) for index in range(min(MOST_GPUS, 16)))


def _lacks_collect_env(snapshot: Snapshot) -> bool:
    """Whether torch, its CUDA, Python and the system are not all told; what collect_env could not tell is not asked."""
    build = isinstance(snapshot["torch.cuda"], Unknown) and isinstance(snapshot["torch.hip"], Unknown)
    return build or _untold(snapshot, "torch.version", "python.version", "host.version")


def _lacks_search_path(snapshot: Snapshot) -> bool:
    """Asked of a loader's failure alone, and where the variable exists."""
    loader = re.search(r"\.so\b|shared object|undefined symbol", _said(snapshot))
    return loader is not None and _untold(snapshot, "env.LD_LIBRARY_PATH") and not _is(snapshot, "host.os", "windows")


def _said(snapshot: Snapshot) -> str:
    return "\n".join(str(row.get("text")) for row in snapshot.known_rows("said.texts"))


SMI = Source(r"driver\..*|gpu\..*|nvml\..*|pci\..*|cuda\.init", "what the driver says", "nvidia-smi",
             "it names the driver and the GPUs", _lacks_driver)  # fmt: skip
COLLECT_ENV = Source(
    r"torch\.(?!requires|kernels|wheel_tags|installer|dist_version).*|python\..*|host\..*|cuda\..*|said\.cuda_available",
    "the whole of collect_env", "python -m torch.utils.collect_env",
    "it names torch, the CUDA it was built for, Python and the system", _lacks_collect_env)  # fmt: skip
PACKAGES = Source(r"torchvision\..*|torchaudio\..*|triton\..*|numpy\..*|packages\..*|nvidia\..*|torch\.requires",
                  "the installed packages", "python -m pip list", "it shows whether the packages belong together",
                  lambda snapshot: _untold(snapshot, "packages.installed"))  # fmt: skip
SOURCES = (
    SMI,
    COLLECT_ENV,
    PACKAGES,
    Source(r"env\..*|libraries\..*|cudnn\..*|nccl\..*", "where libraries are looked for", "echo $LD_LIBRARY_PATH",
           "another library may be loaded in the place of torch's own", _lacks_search_path),
    Source(r"amd\..*|torch\.hip", "the AMD GPU", "rocminfo | grep gfx", "it names its architecture",
           lambda snapshot: isinstance(snapshot["torch.hip"], Known) and _untold(snapshot, "amd.gpus")),
    Source(r"host\.l4t|host\.platform", "the release of the board", "cat /etc/nv_tegra_release",
           "the wheels for a Jetson go by it",
           lambda snapshot: str(snapshot.known("host.platform")).endswith("-jetson")
           and _untold(snapshot, "host.l4t")),
)  # fmt: skip

TRACE = Ask("the whole error text", "", "from its first line (`Traceback`, or the command) to its last")
SPEED = Ask(
    "kernels of this GPU, checked and timed", "envdoctor smoke", "it tells whether the GPU is slow, or the program"
)
ALL = Ask(
    "or everything at once",
    "envdoctor snapshot -o machine.json",
    "it looks without importing torch, and takes names out of what it writes",
)


def asks(diagnosis: Diagnosis, snapshot: Snapshot, plan: Plan, *, other_matter: bool = False) -> tuple[Ask, ...]:
    """Return what to ask for, the most telling first; nothing where the cause was named and the way out is known.

    `other_matter` where the failures of the paste are none of an environment. A command counts for each rule that
    could not decide for want of a fact it tells, an error of it more than a warning.
    """
    errors = [finding for finding in diagnosis.findings if finding.severity is Severity.ERROR]
    if not errors and other_matter:
        return () if _said(snapshot) else (SPEED,)
    if errors and errors[0].confidence is Confidence.PROVED:  # the cause stands; a repair may still want something
        return tuple(_ask(one) for one in _wanted_by(plan, snapshot))
    ranked = list(dict.fromkeys([*_wanted_by(plan, snapshot), *_wanted_by_rules(diagnosis, snapshot)]))
    found = [_ask(one) for one in ranked[:MOST]]
    if not errors and not ERROR.search(_said(snapshot)):
        found.insert(0, TRACE)
    return (*found, ALL) if found else ()


def _ask(source: Source) -> Ask:
    return Ask(source.what, source.command, source.why)


def _wanted_by(plan: Plan, snapshot: Snapshot) -> Iterator[Source]:
    """Yield what a choice of wheels hangs on, where the plan chose some, or could not."""
    chosen = any(word.startswith("torch==") for step in plan.steps for word in step.argv)
    wheels = any("--gpu NAME" in step.why for step in plan.steps)
    if plan.status is Status.NOTHING_TO_DO or not (plan.undecided or plan.conflict or chosen or wheels):
        return
    if SMI.lacks(snapshot):
        yield SMI
    if COLLECT_ENV.lacks(snapshot) and (plan.undecided or _untold(snapshot, "python.version")):
        yield COLLECT_ENV


def _wanted_by_rules(diagnosis: Diagnosis, snapshot: Snapshot) -> list[Source]:
    worth: dict[Source, int] = {}
    for skipped in diagnosis.skipped:
        if skipped.fact is None or skipped.left_out:
            continue
        source = next((one for one in SOURCES if re.fullmatch(one.tells, skipped.fact)), None)
        if source is not None and source.lacks(snapshot):
            worth[source] = worth.get(source, 0) + (skipped.worst is Severity.ERROR) * 3 + 1
    return sorted(worth, key=lambda source: -worth[source])
