"""Which defect it was where a package beside torch is missing, of another release, or there twice."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.rules.said import filled, questions, questions_of_packages
from envdoctor.rules.said.cause import Cause, likely

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.machine import Machine


def vision_operators(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """Torchvision's operators are gone: it is of another torch; by two installers, where conda's is not imported."""
    demanded = re.search(r"requires|depends on|has requirement", text)
    told = " ".join(questions.texts(machine)) if demanded else ""
    asked = re.findall(r"\btorch ?\(?={0,2}(\d{1,2}\.\d{1,2}\.\d{1,2})", told)
    if len(asked) > 1 and len(set(asked)) == 1:
        return None  # one release, with and without its CUDA, that a resolver takes for two
    if questions_of_packages.is_of_listed_torch(machine, matrix, "torchvision"):
        return likely("duplicate-torch-install")
    return likely("conda-pip-mix") if _conda_asked_pip_used(machine) else Cause("torch-torchvision-mismatch")


def _conda_asked_pip_used(machine: Machine) -> bool:
    """Whether conda was asked for torch and torchvision, while the torch that is imported is one of pip's."""
    imported = machine.told("torch.version") or ""
    return "+" in imported and questions.by_conda(machine) and not machine.is_known("torchvision.version")


def numpy_two(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """NumPy 2 under what was built for NumPy 1; where NumPy is not there at all, the words tell no release of it."""
    del matrix
    numpy, torch = questions.version(machine, "numpy.version"), questions.version(machine, "torch.version")
    if numpy is not None and numpy < (2, 0):
        return None
    if numpy is not None or re.search(r"NumPy 1\.x|_ARRAY_API|0x2", text):
        return Cause("numpy2-abi")
    return likely("numpy2-abi") if torch is None or torch < (2, 3) else None


def no_triton(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """No triton, or one that torch finds too old; what an installer did not find is not there, whatever was asked."""
    del matrix
    asked_in_vain = re.search(r"matching distribution|satisfies the requirement", text)
    here = machine.told("triton.version") is not None and not asked_in_vain
    return Cause("triton-mismatch" if here else "triton-unavailable")


def no_distribution(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """No wheel for what was asked: of an index that does not hold it, or of a Python that has none of that release."""
    wanted = text.partition("(from versions")[0]  # what the index holds instead tells nothing of what was asked
    local = re.search(r"\+(?:cu|rocm|cpu)\d{0,4}", wanted) is not None
    asked = re.search(r"torch ?(?:==|~=|<=) ?(\d{1,2}\.\d{1,2}\.\d{1,2})", text)
    python = questions.version(machine, "python.version")
    release = filled.release_of(matrix, asked[1]) if asked else None
    if asked and questions_of_packages.asked_for_intel_mac(text, asked[1], machine, matrix):
        return likely("x86-python-on-apple-silicon")
    if release is not None and python is not None:
        platform = machine.told("host.platform")
        tags = {tag for name, tags in release.pythons.items() if platform in (None, name) for tag in tags}
        if f"cp{python[0]}{python[1]}" not in tags:
            return Cause("python-unsupported", sure=not local)
        return likely("wrong-index-url")
    if re.search(r"\(from versions:? ?0\.1\.2(?:,? 0\.1\.2\.?post\d){0,2}\)?$", text.partition(" ERROR")[0].strip()):
        return likely("python-unsupported")  # releases of a name without files, which is all that this Python may have
    if local or "platform tag" in text or questions_of_packages.lacks_a_partner_alone(wanted, machine):
        return likely("wrong-index-url")
    return likely("wrong-index-url" if machine.is_known("index.settings") else "python-unsupported")


def shadowed(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """A torch without its own names is a file of another; which file, the text may tell."""
    del machine, matrix
    if re.search(r"torch[/\\]+__init__", text):
        return None  # the package itself, within a circle of its own or with a part that is not there
    return Cause("torch-shadowed-by-local-module", sure="torch.py" in text or "is not a package" in text)


def two_copies(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """A torch whose compiled part is of another release than its modules: two of them, or of two installers."""
    del text, matrix
    return likely("conda-pip-mix" if questions_of_packages.has_two_installers(machine) else "duplicate-torch-install")
