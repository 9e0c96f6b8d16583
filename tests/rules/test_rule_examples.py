"""Every rule against its own examples, its page and the facts that probes give."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

import pytest

from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.model.finding import Finding, Severity
from envdoctor.model.machine import Machine, Undecidable
from envdoctor.probes.look import PROBES
from envdoctor.rules.declared.declared_rule import all_declared
from envdoctor.rules.example_machine import HEALTHY, snapshot, snapshot_of
from envdoctor.rules.rule import Example, Rule, Stage, all_rules
from envdoctor.rules.smoke_causes import FACT
from envdoctor.smoke.facts import FACTS as SMOKE_FACTS

MATRIX = load_matrix()
RULES = {rule.name: rule for rule in all_rules()}

PROMISED_NAMES = """
    driver-missing driver-too-old driver-too-old-for-gpu nvml-driver-library-mismatch cuda-init-stale-driver-state
    fabric-manager-not-running no-nvidia-gpu cuda-visible-devices-empty mig gpu-lost driver-query-failed
    compat-libcuda-mismatch wsl-driver p2p-iommu-hang cpu-only-build gpu-arch-not-in-wheel gpu-arch-dropped
    ext-arch-missing wrong-index-url rocm-arch-unsupported cpu-lacks-instructions image-tag-does-not-exist
    pinned-index-overridden torch-torchvision-mismatch torch-torchaudio-mismatch triton-mismatch triton-unavailable
    gpu-too-old-for-triton mixed-cu-packages duplicate-torch-install conda-pip-mix numpy2-abi python-unsupported
    abi-undefined-symbol mkl-incompatible package-files-damaged cuda-package-pin-broken torch-shadowed-by-local-module
    cudnn-shadowed-by-ld-library-path cuda-libs-shadowed-by-ld-library-path cudnn-version-mismatch
    nccl-version-conflict toolkit-build-mismatch glibc-too-old missing-libGL missing-windows-runtime-dll
    shared-library-missing no-gpu-in-container dev-shm-too-small nccl-shm-too-small memlock-limit-too-low
    macos-too-old-for-mps x86-python-on-apple-silicon smoke-failed smoke-wrong-numbers smoke-crashed smoke-timed-out
    smoke-slow torch-not-installed entrypoint-bypassed runs-as-root open-ssh output-not-persistent matrix-too-old
    matrix-row-contradicted libstdcxx-too-old compiler-not-in-image shell-form-entrypoint api-removed
    requirement-not-met
"""
PROMISED = frozenset(PROMISED_NAMES.split())
"""The names that reports, policies and other people's scripts may rely on: never renamed, never reused."""

FIRST_NAMES = """
    driver-too-old driver-too-old-for-gpu nvml-driver-library-mismatch driver-missing driver-query-failed gpu-lost
    no-nvidia-gpu cpu-only-build gpu-arch-not-in-wheel gpu-arch-dropped torch-torchvision-mismatch
    torch-torchaudio-mismatch triton-mismatch torch-not-installed shared-library-missing
"""
FIRST_SET = frozenset(FIRST_NAMES.split())
"""What the first version must be able to say."""

SECTIONS = ["What it means", "Why it happens", "How to be sure", "How to fix", "Sources"]
IN_A_FILE = "In a file"
DECLARED_RULES = {rule.name for rule in all_declared()}

QUIET_BESIDE_ANOTHER: dict[tuple[str, str], str] = {
    # (rule, title of its quiet example): the one rule that speaks there instead, and rightly
    ("driver-query-failed", "a mismatch, which has its own name"): "nvml-driver-library-mismatch",
    ("nvml-driver-library-mismatch", "another refusal of NVML"): "driver-query-failed",
    ("driver-query-failed", "no driver to ask"): "driver-missing",
    ("compat-libcuda-mismatch", "an upgrade without a reboot"): "nvml-driver-library-mismatch",
    ("cuda-init-stale-driver-state", "a container that lost its devices"): "driver-query-failed",
    ("cuda-init-stale-driver-state", "a GPU that refuses by itself"): "driver-query-failed",
    ("fabric-manager-not-running", "a consumer GPU, which has no switch"): "driver-query-failed",
    ("fabric-manager-not-running", "another refusal of CUDA"): "cuda-init-stale-driver-state",
}
"""Quiet examples that hold another defect: all others are healthy machines."""


def examples(kind: str) -> list[object]:
    return [
        pytest.param(rule, example, id=f"{rule.name}: {example.title}")
        for rule in RULES.values()
        for example in getattr(rule, kind)
    ]


def found_by(rule: Rule, example: Example) -> tuple[list[Finding], Undecidable | None, Machine]:
    machine = Machine(snapshot_of(example), example.wishes)
    found: list[Finding] = []
    try:
        found.extend(rule.judged(machine, MATRIX))
    except Undecidable as reason:
        return found, reason, machine
    return found, None, machine


def documented() -> set[str]:
    return {name for probe in PROBES for name in probe.FACTS} | set(SMOKE_FACTS)


def covered(name: str, by: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, re.sub(r"\bN\b", "[0-9]*", pattern)) for pattern in by)


def test_the_names_are_those_promised() -> None:
    assert set(RULES) <= PROMISED
    assert set(RULES) >= FIRST_SET
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-zA-Z0-9]+)*", name) for name in RULES)


@pytest.mark.parametrize(("rule", "example"), examples("fires"))
def test_a_firing_example_fires(rule: Rule, example: Example) -> None:
    found, undecided, _ = found_by(rule, example)
    assert undecided is None
    assert found, "it stays quiet"
    assert found[0].severity is example.severity
    assert example.says in found[0].message
    assert all(one.rule == rule.name for one in found)
    assert all(one.severity <= rule.worst for one in found)


@pytest.mark.parametrize(("rule", "example"), examples("quiet"))
def test_a_quiet_example_is_quiet_because_nothing_is_wrong(rule: Rule, example: Example) -> None:
    found, undecided, _ = found_by(rule, example)
    assert found == []
    # A rule may be unable to speak for a build that the matrix has no row for, never for want of a fact.
    assert undecided is None or undecided.fact is None


@pytest.mark.parametrize(("rule", "example"), examples("quiet"))
def test_no_other_rule_cries_over_a_quiet_example(rule: Rule, example: Example) -> None:
    judged = diagnose(snapshot_of(example), MATRIX, example.wishes)
    assert judged.crashed == ()
    serious = {one.rule for one in judged.findings if one.severity > Severity.NOTE and one.caused_by is None}
    expected = QUIET_BESIDE_ANOTHER.get((rule.name, example.title))
    assert serious == ({expected} if expected else set())


def test_no_exemption_outlives_its_example() -> None:
    titles = {(rule.name, example.title) for rule in RULES.values() for example in rule.quiet}
    assert set(QUIET_BESIDE_ANOTHER) <= titles


@pytest.mark.parametrize(("rule", "example"), [*examples("fires"), *examples("quiet")])
def test_a_rule_reads_only_what_it_says_it_needs(rule: Rule, example: Example) -> None:
    _, _, machine = found_by(rule, example)
    assert [name for name in sorted(machine.read) if not covered(name, rule.needs)] == []


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_every_needed_fact_is_told_by_a_probe(rule: Rule) -> None:
    assert set(rule.needs) <= documented()
    assert len(set(rule.needs)) == len(rule.needs)


def test_the_healthy_machine_of_the_examples_is_made_of_facts_that_probes_give() -> None:
    told = set(snapshot(HEALTHY).facts)
    assert [name for name in sorted(told) if not covered(name, tuple(documented()))] == []


def test_evidence_names_facts_that_probes_give() -> None:
    for rule in RULES.values():
        for example in rule.fires:
            for finding in found_by(rule, example)[0]:
                assert finding.evidence, f"{rule.name}: {example.title}"
                named = [one.fact for one in finding.evidence]
                assert all(covered(name, tuple(documented())) for name in named), named


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_the_page_teaches(rule: Rule) -> None:
    titles = re.findall(r"^## (.+)$", rule.page, re.MULTILINE)
    assert [title for title in titles if title != IN_A_FILE] == SECTIONS
    # What lint says of it; a rule that judges files alone says nothing else.
    assert (IN_A_FILE in titles) == (rule.name in DECLARED_RULES and not rule.of_files_alone)
    assert rule.summary.endswith(".")
    assert len(rule.summary) <= 120
    for section in re.split(r"^## .+$", rule.page, flags=re.MULTILINE)[1:]:
        assert len(section.split()) >= 5
    assert rule.page.count("`") % 2 == 0


@pytest.mark.parametrize(("rule", "example"), examples("fires"))
def test_a_message_is_one_plain_line(rule: Rule, example: Example) -> None:
    for finding in found_by(rule, example)[0]:
        message = finding.message
        assert message.endswith(".")
        assert "\n" not in message
        assert "  " not in message
        assert message.count("`") % 2 == 0
        assert message.count("(") == message.count(")")
        assert "None" not in message
        assert not re.search(r"\b(simply|just|please|we)\b|!", message, re.IGNORECASE)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_shows_both_sides_and_explains_rules_that_exist(rule: Rule) -> None:
    if rule.of_files_alone:
        assert rule.name in {declared.name for declared in all_declared()}
        assert not rule.fires
        return
    assert rule.fires
    assert rule.quiet
    assert max(example.severity for example in rule.fires) <= rule.worst
    assert set(rule.explains) <= set(RULES) - {rule.name}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_machine_nothing_is_known_of_gives_no_verdict(rule: Rule) -> None:
    found: list[Finding] = []
    if rule.of_files_alone:
        assert list(rule.judged(Machine(snapshot({})), MATRIX)) == []
        return
    if rule.stage is Stage.RUN or rule.needs[0] == FACT:
        assert list(rule.judged(Machine(snapshot({})), MATRIX)) == [], "no kernel was run, and that is no gap"
        return
    with pytest.raises(Undecidable) as reason:
        found.extend(rule.judge(Machine(snapshot({}), rule.fires[0].wishes), MATRIX))
    assert found == []
    assert reason.value.fact is not None
    assert covered(reason.value.fact, rule.needs)
