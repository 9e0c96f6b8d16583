"""When `check` runs kernels unasked: where a usable GPU and a torch that is whole are, and nothing else is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Severity
from envdoctor.model.machine import Undecidable

if TYPE_CHECKING:
    from envdoctor.model.finding import Diagnosis
    from envdoctor.model.machine import Machine


def proves_something(machine: Machine, diagnosis: Diagnosis) -> bool:
    """Whether kernels would tell more than the look did.

    Where it found an error, nothing is gained by running into it. A driver library without the functions that run
    kernels, and a torch without its compiled core, are no machine for them.
    """
    if any(finding.severity is Severity.ERROR for finding in diagnosis.findings):
        return False
    try:
        return (
            bool(machine.visible_gpus)
            and machine.value("cuda.can_launch") is True
            and machine.torch is not None
            and machine.torch.cuda is not None
            and (bool(machine.snapshot.known("libraries.loaded")) or bool(machine.snapshot.known("torch.kernels")))
        )
    except Undecidable:
        return False
