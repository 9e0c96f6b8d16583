"""What is missing in a paste to be surer, and the fewest commands that would tell it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.asking import Ask
from envdoctor.model.fact import Known
from envdoctor.model.finding import Confidence, Severity

if TYPE_CHECKING:
    from envdoctor.model.finding import Diagnosis
    from envdoctor.model.snapshot import Snapshot

MOST = 4


class Source(NamedTuple):
    """A command and the facts it tells, as a pattern of their names."""

    tells: str
    what: str
    command: str
    why: str


SOURCES = (
    Source(r"driver\..*|gpu\..*|nvml\..*|pci\..*|cuda\.init", "what the driver says", "nvidia-smi",
           "it names the driver and the GPUs"),
    Source(r"torch\.(?!requires|kernels|wheel_tags|installer|dist_version).*|python\..*|host\..*|cuda\..*|said\.cuda_available",
           "the whole of collect_env", "python -m torch.utils.collect_env",
           "it names torch, the CUDA it was built for, Python and the system"),
    Source(r"torchvision\..*|torchaudio\..*|triton\..*|numpy\..*|packages\..*|nvidia\..*|torch\.(?:requires|installer)",
           "the installed packages", "python -m pip list", "it shows whether the packages belong together"),
    Source(r"env\..*|libraries\..*|cudnn\..*|nccl\..*", "where libraries are looked for", "echo $LD_LIBRARY_PATH",
           "another library may be loaded in the place of torch's own"),
    Source(r"amd\..*", "the AMD GPUs", "rocminfo | grep gfx", "it names their architecture"),
    Source(r"shm\..*", "the size of shared memory", "df -h /dev/shm", "data loaders and NCCL pass tensors through it"),
)  # fmt: skip

TRACE = Ask("the whole error text", "", "from its first line (`Traceback`, or the command) to its last")
ALL = Ask(
    "or everything at once",
    "envdoctor snapshot -o machine.json",
    "it looks without importing torch, and takes names out of what it writes",
)


def asks(diagnosis: Diagnosis, snapshot: Snapshot) -> tuple[Ask, ...]:
    """Return what to ask for, the most telling first; nothing where the cause was named and its parts are known.

    A command counts for each rule that could not decide for want of a fact it tells, an error of it more than a
    warning.
    """
    errors = [finding for finding in diagnosis.findings if finding.severity is Severity.ERROR]
    proved = any(finding.confidence is Confidence.PROVED for finding in errors)
    worth: dict[Source, int] = {}
    for skipped in diagnosis.skipped:
        if skipped.fact is None or skipped.left_out:
            continue
        source = next((one for one in SOURCES if re.fullmatch(one.tells, skipped.fact)), None)
        if source is not None and _missing(source, snapshot):
            worth[source] = worth.get(source, 0) + (skipped.worst is Severity.ERROR) * 3 + 1
    ranked = sorted(worth, key=lambda source: -worth[source])
    if proved:  # the cause stands; what is still wanted is what a repair has to know
        ranked = [source for source in ranked if source in SOURCES[:2]]
    found = [Ask(one.what, one.command, one.why) for one in ranked]
    if not errors and not isinstance(snapshot["said.texts"], Known):
        found.insert(0, TRACE)
    found = found[: MOST - 1]
    return (*found, ALL) if found else ()


def _missing(source: Source, snapshot: Snapshot) -> bool:
    """Whether the output of a command is not in the paste already, cut as it may be."""
    marks = {"nvidia-smi": ("driver.version",), "python -m pip list": ("packages.installed",)}
    return not all(isinstance(snapshot[name], Known) for name in marks.get(source.command, ("",)))
