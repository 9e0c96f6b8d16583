"""What a policy demands against machines of every kind: met, not met, or not known, and never a false alarm."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envdoctor.codec.read import load_snapshot
from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.model.demand import BY_NAME, KEYS, PACKAGE, SMOKE, Demand, demand_of
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.model.finding import Diagnosis, Finding, Severity, Verdict
from envdoctor.model.machine import Machine, Undecidable, Wishes
from envdoctor.model.place import Place
from envdoctor.model.policy import Policy
from envdoctor.model.smoke import TIME_OVER, Status, TestResult
from envdoctor.model.snapshot import NOT_ASKED
from envdoctor.policy.wishes import wishes_of
from envdoctor.policy.words import specifier_of
from envdoctor.rules.requirement_not_met import NEEDS, RULE
from envdoctor.rules.smoke_examples import failed, not_imported, passed, smoked
from machines import machine_snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envdoctor.model.fact import Fact, Value
    from envdoctor.model.snapshot import Snapshot

MATRIX = load_matrix()
CASES = Path(__file__).parents[1] / "cases"
A100, V100 = "NVIDIA A100-SXM4-80GB", "Tesla V100-SXM2-16GB"


def demands(**asked: str) -> tuple[Demand, ...]:
    """Demands as a policy writes them; `_` in a key is a hyphen, `packages_X` a distribution, `smoke_X` a test."""
    return tuple(demand(key, written) for key, written in asked.items())


def demand(key: str, written: str) -> Demand:
    key = key.replace("_", "-")
    if key.startswith("packages-"):
        name = PACKAGE + key.removeprefix("packages-")
        return Demand(name, specifier_of(BY_NAME["torch"].kind, written), written)
    if key.startswith("smoke"):
        return Demand(SMOKE, written, written)
    return Demand(key, specifier_of(BY_NAME[key].kind, written, key), written)


def judged(snapshot: Snapshot, *asked: Demand) -> tuple[list[Finding], Undecidable | None]:
    found: list[Finding] = []
    try:
        found.extend(RULE.judge(Machine(snapshot, wishes_of(Policy(demands=asked))), MATRIX))
    except Undecidable as reason:
        return found, reason
    return found, None


def unmet(snapshot: Snapshot, **asked: str) -> list[Finding]:
    found, undecided = judged(snapshot, *demands(**asked))
    assert undecided is None
    return found


def with_facts(facts: dict[str, Fact | Value], **described: object) -> Snapshot:
    return machine_snapshot(overrides=facts, **described)


@pytest.mark.parametrize(
    ("key", "met", "not_met"),
    [
        ("python", ["3.11", ">=3.10", "3.11.7", "~=3.11"], ["3.12", ">=3.11.8", "!=3.11.*"]),
        ("torch", ["2.9.1", "2.9", ">=2.6,<2.10", "2.9.1+cu128", "==2.9.*"], ["2.8", "<2.9", "2.9.1+cu126", ">2.9.1"]),
        ("torchvision", ["0.24", ">=0.24"], ["0.25", "<0.24"]),
        ("torchaudio", [], [">=2", "2.9.1"]),
        ("cuda", ["12.8", ">=12.4", "12"], [">=13", "12.6"]),
        ("channel", ["cu128", "cu126,cu128"], ["cu126", "cpu"]),
        ("driver", ["535.104.05", ">=535", "535"], [">=550", "<535", "550"]),
        ("cuda_driver_api", ["12.2", ">=12"], [">=12.4"]),
        ("gpus", ["1", ">=1", "<=2"], ["2", ">=2", "0"]),
        ("compute_capability", [">=8.0", "8.0", ">=7,<9"], [">=8.6", "9.0"]),
        ("gpu_memory", [">=80 GiB", "80 GB", ">=40 GiB"], [">=81 GiB", ">=1 TiB"]),
        ("cpus", [">=8"], [">=4096"]),
        ("glibc", [">=2.28", "2.36"], [">=2.37"]),
        ("platform", ["linux-x86_64", "linux-aarch64,linux-x86_64"], ["windows-x86_64"]),
        ("memlock", [">=1 KiB"], [">=512 GiB"]),
    ],
)
def test_each_key_is_compared_with_its_fact(key: str, met: Sequence[str], not_met: Sequence[str]) -> None:
    snapshot = with_facts({"cpu.count": 64, "limits.memlock_bytes": 8 << 20})
    for written in met:
        assert unmet(snapshot, **{key: written}) == [], written
    for written in not_met:
        (found,) = unmet(snapshot, **{key: written})
        assert f'{key.replace("_", "-")} "{written}"' in found.message
        assert found.severity is Severity.ERROR
        assert found.evidence


def test_every_key_has_its_facts_among_those_that_are_needed() -> None:
    assert {fact for key in KEYS for fact in key.facts} <= set(NEEDS)


def test_nothing_is_asked_of_a_machine_without_demands() -> None:
    machine = Machine(machine_snapshot())
    assert list(RULE.judge(machine, MATRIX)) == []
    assert machine.read == set()


def test_the_message_names_the_line_that_demands_it() -> None:
    asked = Demand("torch", ">=2.6,<2.9", ">=2.6,<2.9", Place("pyproject.toml", 12))
    (found,), _ = judged(machine_snapshot(), asked)
    assert found.message == (
        'The policy demands torch ">=2.6,<2.9" (pyproject.toml, line 12), and torch 2.9.1+cu128 is here. '
        "Install one within that."
    )
    assert found.location is None  # so that its fingerprint stays when lines move


@pytest.mark.parametrize(
    ("described", "asked", "says", "cause"),
    [
        ({"torch": None}, {"torch": ">=2"}, "torch is not installed", "torch-not-installed"),
        (
            {"torch": None},
            {"cudnn": ">=9"},
            "torch is not installed",
            None,
        ),  # nobody asks for torch: a note explains it
        ({"torch": "2.9.1+cpu", "gpus": (), "driver": None}, {"cuda": ">=12"}, "was built without CUDA", None),
        ({"torch": "2.9.1+cpu"}, {"cuda": ">=12"}, "was built without CUDA", "cpu-only-build"),
        ({"torch": "2.9.1+cpu", "gpus": (), "driver": None}, {"driver": ">=550"}, "no NVIDIA driver", None),
        ({"torch": "2.9.1+cpu", "gpus": (), "driver": None}, {"gpus": ">=1"}, "may use none", "no-nvidia-gpu"),
        ({"torch": "2.9.1+cpu", "driver": None}, {"gpus": ">=1"}, "may use none", "driver-missing"),
        ({"gpus": (), "driver": None}, {"compute-capability": ">=8.0"}, "may use no GPU", "no-nvidia-gpu"),
        ({"gpus": (A100, A100), "lost": (1,)}, {"gpus": ">=2"}, "may use 1 of 2", "gpu-lost"),
        ({"gpus": (A100, A100), "visible_devices": "0"}, {"gpus": ">=2"}, "may use 1 of 2", None),
        ({}, {"packages-vllm": ">=0.11"}, "vllm is not installed", None),
        ({}, {"cuda-toolkit": "12.6"}, "no CUDA toolkit", None),
    ],
)
def test_what_is_not_there_is_not_met_and_names_what_may_explain_it(
    described: dict[str, object], asked: dict[str, str], says: str, cause: str | None
) -> None:
    wishes = wishes_of(Policy(demands=demands(**asked)))
    diagnosis = diagnose(machine_snapshot(**described), MATRIX, wishes)
    (found,) = [one for one in diagnosis.findings if one.rule == RULE.name]
    assert says in found.message
    assert found.caused_by == cause
    assert diagnosis.verdict is Verdict.BROKEN
    if cause:  # what explains it stands before it
        rules = [one.rule for one in diagnosis.findings]
        assert rules.index(cause) < rules.index(RULE.name)


@pytest.mark.parametrize("key", [key.name for key in KEYS if key.facts[0] != "gpu.visible" and not key.of_each_gpu])
def test_what_was_not_found_out_is_no_verdict(key: str) -> None:
    fact = BY_NAME[key].facts[0]
    snapshot = with_facts({fact: Unknown("no answer"), "torch.version": Known("2.9.1", "x")})
    snapshot = snapshot.having({fact: Unknown("no answer")})
    found, undecided = judged(snapshot, demand(key, BY_NAME[key].example))
    assert found == []
    assert undecided is not None
    assert undecided.fact == fact
    assert undecided.reason.endswith("no answer")
    assert key in undecided.reason


def test_what_is_known_is_judged_although_something_else_is_not() -> None:
    snapshot = with_facts({"driver.version": Unknown("no answer")})
    found, undecided = judged(snapshot, *demands(driver=">=550", torch="<2.9", shm=">=900 GiB"))
    assert [one.subject for one in found] == ["torch", "/dev/shm"]
    assert undecided is not None
    assert undecided.fact == "driver.version"


def test_one_gpu_of_which_nothing_is_known_hides_no_other() -> None:
    snapshot = with_facts({"gpu.0.compute_capability": Unknown("no answer")}, gpus=(A100, V100))
    found, undecided = judged(snapshot, *demands(compute_capability=">=8.0"))
    assert [one.subject for one in found] == ["gpu:1"]
    assert undecided is not None


def test_what_a_profile_leaves_out_and_a_policy_demands_is_a_gap_all_the_same() -> None:
    snapshot = with_facts({"shm.total_bytes": Unknown(NOT_ASKED)})
    _, undecided = judged(snapshot, *demands(shm=">=1 GiB"))
    assert undecided is not None
    assert undecided.reason != NOT_ASKED


@pytest.mark.parametrize("version", ["2.9.1 beta of my own", "", "9" * 5000, "unknown"])
def test_a_version_that_cannot_be_read_is_unknown(version: str) -> None:
    found, undecided = judged(with_facts({"torchvision.version": version}), *demands(torchvision=">=0.1"))
    assert found == []
    assert undecided is not None
    assert undecided.fact == "torchvision.version"
    assert len(undecided.reason) < 300


@pytest.mark.parametrize(
    ("version", "written", "met"),
    [
        ("2.9.0a0+145a3a7", ">=2.9", False),
        ("2.9.0a0+145a3a7", "2.9", True),
        ("2.9.0a0+145a3a7", ">=2.8", True),
        ("2.9.0a0+145a3a7", "<2.9", False),
        ("2.9.0a0+145a3a7", "2.9.0a0+145a3a7", True),
        ("2.16.0.dev20261101+cu130", ">=2.16", False),
        ("2.16.0.dev20261101+cu130", ">=2.15", True),
    ],
)
def test_pre_releases_are_compared_as_pep_440_says_and_the_message_says_so(
    version: str, written: str, met: bool
) -> None:
    found = unmet(with_facts({"torch.version": version}), torch=written)
    assert (found == []) == met
    if not met and written.startswith(">="):
        assert "a pre-release, which comes before" in found[0].message


def test_the_smaller_of_machine_and_control_group_counts() -> None:
    facts: dict[str, Fact | Value] = {"host.memory_bytes": 64 << 30, "cpu.count": 64}
    asked = {"memory": ">=32 GiB", "cpus": ">=8"}
    free = with_facts({**facts, "cgroup.memory_bytes": Absent("no limit"), "cgroup.cpus": Absent("no limit")})
    assert unmet(free, **asked) == []
    bound = with_facts({**facts, "cgroup.memory_bytes": (32 << 30) - 1, "cgroup.cpus": 7.5})
    memory, cpus = unmet(bound, **asked)
    assert "31.99 GiB" in memory.message  # never more than there is
    assert "7.5 processors" in cpus.message
    wide = with_facts({**facts, "cgroup.memory_bytes": 1 << 50, "cgroup.cpus": 512.0})
    assert unmet(wide, **asked) == []


def test_what_has_no_limit_meets_every_lower_bound() -> None:
    unlimited = with_facts({"limits.memlock_bytes": Absent("unlimited"), "shm.total_bytes": Absent("unlimited")})
    assert unmet(unlimited, memlock=">=900 TiB", shm=">=900 TiB") == []
    assert [one.subject for one in unmet(unlimited, memlock="<=1 GiB")] == ["memlock"]


def test_a_machine_without_dev_shm_does_not_meet_a_demand_on_it() -> None:
    (found,) = unmet(with_facts({"shm.total_bytes": Absent("windows has none")}), shm=">=1 GiB")
    assert "there is no /dev/shm" in found.message
    assert found.subject == "/dev/shm"


@pytest.mark.parametrize("libc", ["musl 1.2.5", None])
def test_musl_is_not_glibc(libc: str | None) -> None:
    (found,) = unmet(with_facts({"host.libc": libc if libc else Absent("none")}), glibc=">=2.17")
    assert "glibc" in found.message


def test_a_property_of_gpus_is_judged_of_each_visible_one_that_works() -> None:
    three = machine_snapshot(gpus=(A100, V100, V100), visible_devices="0,1", lost=(2,))
    found = unmet(three, compute_capability=">=8.0", gpu_memory=">=40 GiB")
    assert [one.subject for one in found] == ["gpu:1", "gpu:1/memory"]
    assert "16 GiB of memory" in found[1].message
    assert unmet(machine_snapshot(gpus=(A100, V100), visible_devices="0"), compute_capability=">=8.0") == []


KERNELS = [
    # (what the tests gave, the demand, met / not met / unknown)
    ([passed("matmul-fp32")], "matmul-fp32", "met"),
    ([passed("matmul-fp32"), passed("matmul-bf16")], "matmul", "met"),
    ([passed("matmul-fp32"), failed("matmul-bf16", "CUDA error")], "matmul", "not met"),
    ([passed("matmul-fp32"), failed("matmul-fp32", "CUDA error", "cuda:1")], "matmul-fp32", "not met"),
    ([failed("sort", "CUDA error"), passed("matmul-fp32")], "matmul-fp32", "met"),
    ([passed("matmuls")], "matmul", "unknown"),  # the beginning of a name ends at a hyphen
    ([passed("sort")], "matmul", "unknown"),
    ([TestResult("sort", "cuda:0", Status.SKIPPED, message=TIME_OVER)], "sort", "unknown"),
    ([passed("sort"), TestResult("sort", "cuda:1", Status.SKIPPED, message=TIME_OVER)], "sort", "unknown"),
    ([TestResult("matmul-fp8", "cuda:0", Status.SKIPPED, message="came with 8.9")], "matmul-fp8", "not met"),
    ([passed("matmul-fp32"), TestResult("matmul-fp8", "cuda:0", Status.SKIPPED, message="8.9")], "matmul", "met"),
    ([TestResult("sort", "cuda:0", Status.WRONG_NUMBERS)], "sort", "not met"),
    ([TestResult("sort", "cuda:0", Status.TIMED_OUT, message="did not end")], "sort", "not met"),
    ([TestResult("sort", "cuda:0", Status.CRASHED, signal="SIGSEGV")], "sort", "not met"),
    ([TestResult("sort", "cuda:0", Status.SLOW)], "sort", "not met"),
    ([not_imported("libcudnn.so.9: cannot open shared object file")], "sort", "not met"),
    ([], "sort", "unknown"),
]


@pytest.mark.parametrize(("tests", "name", "ends"), KERNELS)
def test_a_kernel_test_that_must_pass(tests: list[TestResult], name: str, ends: str) -> None:
    snapshot = with_facts({**smoked(*tests)})
    found, undecided = judged(snapshot, demand("smoke", name))
    assert ("met" if not found and not undecided else "not met" if found else "unknown") == ends
    assert [one.subject for one in found] == ["smoke:" + name] * len(found)
    if undecided:
        assert undecided.fact == "smoke.tests"


def test_where_no_kernel_was_run_that_is_not_known() -> None:
    found, undecided = judged(machine_snapshot(), demand("smoke", "sort"))
    assert found == []
    assert undecided is not None
    assert "no kernel was run" in undecided.reason


@pytest.mark.parametrize(
    ("test", "cause"),
    [
        (failed("sort", "CUDA error: unspecified launch failure"), "smoke-failed"),
        (TestResult("sort", "cuda:0", Status.CRASHED, signal="SIGSEGV"), "smoke-crashed"),
        (TestResult("sort", "cuda:0", Status.WRONG_NUMBERS, error=0.3, bound=0.1), "smoke-wrong-numbers"),
        (TestResult("sort", "cuda:0", Status.TIMED_OUT, message="did not end within 20 s"), "smoke-timed-out"),
        (TestResult("sort", "cuda:0", Status.SLOW, message="slow"), None),  # a warning explains no error
    ],
)
def test_a_failed_test_is_explained_by_the_rule_that_tells_of_it(test: TestResult, cause: str | None) -> None:
    diagnosis = diagnose(with_facts({**smoked(test)}), MATRIX, Wishes(demands=(demand("smoke", "sort"),)))
    (found,) = [one for one in diagnosis.findings if one.rule == RULE.name]
    assert found.caused_by == cause


ALL = tuple(demand(key.name, key.example) for key in KEYS)
EVERYTHING = (
    *ALL,
    demand("packages_vllm", ">=0.11"),
    Demand("packages.torch", ">=3", ">=3"),
    Demand("packages.memory", ">=3", ">=3"),
    demand("smoke", "matmul"),
    demand("smoke", "sort"),
    demand("smoke", "sort"),
)


@pytest.mark.parametrize("case", sorted(CASES.glob("*/snapshot.json"))[::5], ids=lambda path: path.parent.name)
def test_all_demands_on_real_machines_give_one_finding_a_subject_and_no_bug(case: Path) -> None:
    diagnosis: Diagnosis = diagnose(
        load_snapshot(case.read_bytes(), case.name), MATRIX, wishes_of(Policy(demands=EVERYTHING)), rules=(RULE,)
    )
    assert diagnosis.crashed == ()
    prints = [one.fingerprint for one in diagnosis.findings]
    assert len(prints) == len(set(prints))
    for finding in diagnosis.findings:
        assert demand_of(finding.subject, EVERYTHING) is not None
        assert "None" not in finding.message
        assert finding.message.endswith(".")


@pytest.mark.parametrize("one", EVERYTHING, ids=lambda one: one.key)
def test_a_demand_is_found_again_by_its_subject(one: Demand) -> None:
    again = demand_of(one.subject, EVERYTHING)
    assert again is not None
    assert again == one or one.key == SMOKE


def test_a_package_of_the_name_of_a_key_has_a_subject_of_its_own() -> None:
    found = unmet(machine_snapshot(), torch="<2")
    other, _ = judged(machine_snapshot(), Demand("packages.torch", ">=3", ">=3"))
    assert found[0].fingerprint != other[0].fingerprint


@given(st.text(max_size=200), st.text(max_size=60))
def test_text_of_a_policy_is_one_short_line_of_the_message(written: str, file: str) -> None:
    asked = Demand("torch", "<2", written, Place(file, 3))
    (found,), _ = judged(machine_snapshot(), asked)
    assert "\n" not in found.message
    assert len(found.message) < 700
