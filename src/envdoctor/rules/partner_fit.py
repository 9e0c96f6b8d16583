"""What the partner rules share: does a compiled partner fit the installed torch, by release and by CUDA."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.matrix.versions import minor, older
from envdoctor.model.fact import Absent
from envdoctor.model.finding import Confidence
from envdoctor.rules.library_rows import missing, undefined
from envdoctor.rules.requirement import named, satisfied

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.machine import Machine, TorchBuild

PARTNERS = ("torchvision", "torchaudio")

OWN_BUILDERS = frozenset({"ngc", "jetson", "source", "distro", "unknown"})
"""Builders who compile their own pair: release numbers and tags of the published wheels say nothing there."""

OF_TORCH = ("libtorch", "libc10")
"""How the libraries of torch itself begin."""


class Misfit(NamedTuple):
    """Why a partner does not fit, and the facts that show it."""

    message: str
    facts: tuple[str, ...]
    confidence: Confidence
    when: str = "does not load"


def needs_of(partner: str) -> tuple[str, ...]:
    """Return the facts that judging `partner` may read."""
    return (
        "torch.version", "torch.cuda", "torch.hip", "torch.channel", "torch.provenance", "python.version",
        "host.os", "host.platform", "gpu.count", "gpu.visible", "gpu.N.name",
        "gpu.N.compute_capability", f"{partner}.version", f"{partner}.cuda", f"{partner}.requires", "libraries.missing",
        "libraries.undefined",
    )  # fmt: skip


def misfit(machine: Machine, matrix: Matrix, partner: str) -> Misfit | None:
    """Compare release and CUDA of `partner` with torch; None where they fit or nothing is known against it.

    What its file needs in vain is proof, whoever built the two; it is added to what the versions say.
    """
    version = machine.text(f"{partner}.version")
    torch = machine.torch
    if version is None or torch is None:
        return None
    proof = _by_library(machine, partner, version, torch) or _by_symbol(machine, partner, torch)
    if torch.provenance in OWN_BUILDERS:
        return proof or _published_beside_own(machine, partner, version, torch)
    found = (
        _by_release(machine, matrix, partner, version, torch)
        or _by_accelerator(partner, version, torch)
        or _by_cuda(machine, partner, version, torch)
    )
    if found is None or proof is None:
        return found or proof
    facts = tuple(dict.fromkeys((*found.facts, *proof.facts)))
    return Misfit(f"{found.message} {proof.message}", facts, Confidence.PROVED)


def _by_symbol(machine: Machine, partner: str, torch: TorchBuild) -> Misfit | None:
    """A partner that needs a function which this torch does not define."""
    rows = undefined(machine) if machine.is_known("libraries.undefined") else []
    for row in rows:
        if row.package == partner and row.role == "entry" and row.provider == "torch":
            facts = ("libraries.undefined", f"{partner}.version", "torch.version")
            return Misfit(row.says(torch.text), facts, Confidence.PROVED)
    return None


def _by_library(machine: Machine, partner: str, version: str, torch: TorchBuild) -> Misfit | None:
    """A partner that needs a library which other builds of torch have and this one has not, whatever both say."""
    rows = missing(machine) if machine.is_known("libraries.missing") else []
    if any(row.package == "torch" for row in rows):
        return None  # torch itself is not whole, and that comes first
    for row in rows:
        if row.package == partner and row.role == "entry" and row.library.startswith(OF_TORCH):
            return Misfit(
                f"{row.object} of {partner} {version} needs {row.library}, which torch {torch.text} does not have: it "
                "was built for another build of torch.",
                ("libraries.missing", f"{partner}.version", "torch.version"),
                Confidence.PROVED,
            )
    return None


def _published_beside_own(machine: Machine, partner: str, version: str, torch: TorchBuild) -> Misfit | None:
    """A published wheel beside a torch of another builder: its exact pin speaks, but may be met in all but name."""
    release, _, local = version.partition("+")
    if not release.replace(".", "").isdigit() or (local and not local.startswith("cu")):
        return None
    for pin in named("torch", machine.items(f"{partner}.requires")):
        if "==" in pin and satisfied(pin, torch.text, machine) is False:
            return Misfit(
                f"{partner} {version} is a published wheel built for {pin.partition(';')[0].strip()}, beside torch "
                f"{torch.text} of another builder ({torch.provenance}). Its compiled operators may not load.",
                (f"{partner}.version", f"{partner}.requires", "torch.version", "torch.provenance"),
                Confidence.INFERRED,
                when="may not load",
            )
    return None


EXACT_CUDA = {"torchaudio": None, "torchvision": "0.16"}
"""Partners that refuse another CUDA minor when they are imported, and the release from which they no longer do.

Sources: torchaudio/_extension/utils.py, _check_cuda_version, in the wheels 2.0.2 to 2.11.0; torchvision/extension.py,
_check_cuda_version: major and minor in 0.15.2, the major alone in 0.16.2 and 0.18.1.
"""


def same_cuda(partner: str, version: str, cuda: str, other: str) -> bool:
    """Whether a partner built for `cuda` accepts a torch built for `other`."""
    until = EXACT_CUDA[partner]
    try:
        if until is None or older(version.partition("+")[0], until):
            return minor(cuda) == minor(other)
        return minor(cuda)[0] == minor(other)[0]
    except ValueError:
        return True  # not version numbers: nothing is known against it


def _by_release(machine: Machine, matrix: Matrix, partner: str, version: str, torch: TorchBuild) -> Misfit | None:
    """The partner's own metadata proves it; where that is gone, the pair table of the matrix says so."""
    facts = (f"{partner}.version", f"{partner}.requires", "torch.version")
    pins = list(named("torch", machine.items(f"{partner}.requires")))
    # conda-forge numbers its rebuilds: 2.5.1.post303 is torch 2.5.1.
    installed = re.sub(r"\.post\d+$", "", torch.text) if torch.provenance == "conda-forge" else torch.text
    for pin in pins:
        if satisfied(pin, installed, machine) is False:
            wanted = pin.partition(";")[0].strip()
            return Misfit(
                f"{partner} {version} was built for {wanted}, and torch {torch.text} is installed. Its compiled "
                "operators do not load beside another torch.",
                facts,
                Confidence.PROVED,
            )
    row = None if pins else matrix.partner(partner, version.partition("+")[0])
    wanted = re.sub(r"\+[\w.]+", "", row.torch) if row and row.torch else ""  # the same release of another channel fits
    if wanted and torch.official and satisfied(f"torch{wanted}", torch.text, machine) is False:
        return Misfit(
            f"{partner} {version} is the partner of torch {wanted.lstrip('=')}, and torch {torch.text} is "
            "installed. Its compiled operators do not load beside another torch.",
            facts,
            Confidence.INFERRED,
        )
    return None


def _by_accelerator(partner: str, version: str, torch: TorchBuild) -> Misfit | None:
    """A partner for ROCm looks for libtorch_hip, one for CUDA for libtorch_cuda: the other torch has neither."""
    local = version.partition("+")[2]
    built = "ROCm" if local.startswith("rocm") else "CUDA" if re.fullmatch(r"cu\d{2,3}", local) else None
    if built is None or (built == "ROCm") == (torch.hip is not None):
        return None
    other = f"for ROCm {torch.hip}" if torch.hip else f"for CUDA {torch.cuda}" if torch.cuda else "without ROCm"
    return Misfit(
        f"{partner} {version} was built for {built}, beside torch {torch.text} {other}: the libraries of torch that "
        "its operators need are not there.",
        (f"{partner}.version", "torch.version", "torch.hip", "torch.cuda"),
        Confidence.INFERRED,
    )


def _by_cuda(machine: Machine, partner: str, version: str, torch: TorchBuild) -> Misfit | None:
    """A partner of another CUDA major, or with CUDA beside a torch without it (and the reverse), does not load."""
    name = f"{partner}.cuda"
    told = machine.is_known(name) or ("+" in version and isinstance(machine.snapshot[name], Absent))
    if torch.hip is not None or not torch.official or not told:
        return None  # a partner built from a checkout mostly does not say; that is nothing against it
    cuda = machine.text(name)
    facts = (name, "torch.cuda", f"{partner}.version", "torch.version")
    if cuda is None and torch.cuda is not None:
        if not machine.visible_gpus:
            return None  # it works there, on the CPU
        return Misfit(
            f"{partner} {version} was built without CUDA, beside torch {torch.text} for CUDA {torch.cuda}: its "
            "operators do not run on the GPU.",
            facts,
            Confidence.INFERRED,
        )
    if cuda is not None and (torch.cuda is None or not same_cuda(partner, version, cuda, torch.cuda)):
        other = f"for CUDA {torch.cuda}" if torch.cuda else "without CUDA"
        return Misfit(
            f"{partner} {version} was built for CUDA {cuda}, beside torch {torch.text} {other}: its operators do "
            "not load.",
            facts,
            Confidence.INFERRED,
        )
    return None
