"""What changes nothing: a healthy machine stays healthy under it, and a broken one keeps its first finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from gallery_cases import CASES

from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.model.finding import Severity, Verdict
from envdoctor.model.machine import Wishes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gallery_case import Case

    from envdoctor.model.fact import Fact, Value
    from envdoctor.model.snapshot import Snapshot

MATRIX = load_matrix()
HEALTHY = {name: case for name, case in CASES.items() if case.healthy}

DO_NOT_MATTER: dict[str, dict[str, Value]] = {
    "a manager of the environment": {"python.manager": "pdm"},
    "another reason for the interpreter": {"python.chosen_because": "named by --python"},
    "another interpreter that holds a torch": {"python.also_with_torch": ["/opt/other/bin/python"]},
    "no pip": {"python.has_pip": False},
    "limits of a container or a batch system": {"cgroup.memory_bytes": 2 * 2**30, "cgroup.cpus": 0.5, "cpu.count": 1},
    "a strange processor": {"cpu.model": "Hygon C86 7285", "host.memory_bytes": 2**40},
    "a virtual machine": {"host.virtualization": "vmware"},
    "a mirror": {"index.settings": [{"tool": "pip", "setting": "index-url", "value": "https://mirror.example/simple",
                                     "from": "/etc/pip.conf"}]},
    "a compiler without a toolkit": {"compiler.path": "/usr/bin/g++", "compiler.version": "13"},
    "opencv": {"opencv.packages": {"opencv-python": "4.12.0.88", "opencv-contrib-python": "4.12.0.88"}},
    "variables that change how torch runs": {"env.OMP_NUM_THREADS": "1", "env.CUDA_LAUNCH_BLOCKING": "1",
                                          "env.PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True",
                                          "env.NCCL_P2P_DISABLE": "1", "env.TORCHDYNAMO_DISABLE": "1"},
    "a leftover of another package": {"packages.leftovers": [{"name": "~ip-24.0.dist-info", "site": "/srv/x"}]},
    "many open files": {"limits.open_files": 1_048_576, "limits.stack_bytes": 2**30},
}  # fmt: skip
"""Facts that are worth looking at in a report, and no defect of anything."""

DOUBTS = (
    "compiler.path", "compiler.version", "toolkit.installed", "toolkit.home", "toolkit.home_version", "toolkit.nvcc",
    "index.settings", "shm.total_bytes", "shm.free_bytes", "limits.memlock_bytes", "limits.open_files",
    "cgroup.memory_bytes", "cgroup.cpus", "cpu.model", "cpu.count", "host.memory_bytes", "host.virtualization",
    "container.runtime", "container.nvidia_require", "python.manager", "python.system_site", "python.also_with_torch",
    "python.bits", "packages.leftovers", "opencv.packages", "extensions.packages", "torch.git", "torch.installer",
    "gpu.0.uuid", "gpu.0.memory_mib", "gpu.0.memory_free_mib", "gpu.0.pci", "gpu.0.throttle", "gpu.0.ecc",
    "gpu.0.ecc_errors", "gpu.0.persistence", "gpu.0.compute_mode", "gpu.0.virtualization", "driver.version.smi",
    "driver.library_version", "cuda.compat_folders", "env.NCCL_DEBUG",
)  # fmt: skip
"""Facts whose being unknown leaves no doubt whether torch works: no verdict may hang on one of them."""


def changed(snapshot: Snapshot, facts: Mapping[str, Fact | Value]) -> Snapshot:
    """Where the machine has such facts at all: a Mac gets no GPU, a bare host no container."""
    return snapshot.having(
        {
            name: fact if isinstance(fact, (Known, Absent, Unknown)) else Known(fact, "varied")
            for name, fact in facts.items()
            if name in snapshot.facts
        }
    )


def judged(case: Case, snapshot: Snapshot) -> tuple[str, list[tuple[str, str]]]:
    """The verdict, and what is above a note."""
    found = diagnose(snapshot, MATRIX, Wishes(require_gpu="--require-gpu" in case.options))
    assert found.crashed == ()
    return found.verdict.value, [
        (one.severity.word, one.rule) for one in found.findings if one.severity > Severity.NOTE
    ]


QUIET = (Verdict.HEALTHY.value, [])


@pytest.mark.parametrize("change", DO_NOT_MATTER)
def test_a_healthy_machine_stays_healthy(change: str) -> None:
    told = {name: judged(case, changed(case.snapshot, DO_NOT_MATTER[change])) for name, case in HEALTHY.items()}
    assert {name: one for name, one in told.items() if one != QUIET} == {}


@pytest.mark.parametrize("fact", DOUBTS)
def test_a_doubt_about_a_side_issue_is_no_doubt_about_torch(fact: str) -> None:
    doubt = {fact: Unknown("could not be read")}
    told = {name: judged(case, changed(case.snapshot, doubt)) for name, case in HEALTHY.items()}
    assert {name: one for name, one in told.items() if one != QUIET} == {}


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.healthy])
def test_a_defect_is_told_all_the_same(name: str) -> None:
    """With every side issue unknown at once: the first finding is that of the defect."""
    case = CASES[name]
    found = diagnose(case.snapshot, MATRIX, Wishes(require_gpu="--require-gpu" in case.options)).findings[0]
    evidence = {one.fact for one in found.evidence}
    doubts = {fact: Unknown("could not be read") for fact in DOUBTS if fact not in evidence}
    after = diagnose(changed(case.snapshot, doubts), MATRIX, Wishes(require_gpu="--require-gpu" in case.options))
    assert after.crashed == ()
    assert (after.findings[0].rule, after.findings[0].severity.word) == (case.first, case.severity)
