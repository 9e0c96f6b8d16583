"""What to do where a paste names a defect and not the facts that a command hangs on."""

from __future__ import annotations

import re

import pytest

from envdoctor.model.finding import Confidence, Diagnosis, Evidence, Finding, Severity, Verdict
from envdoctor.model.plan import Applicability, Plan, Status, Step
from envdoctor.plan.of_pastes import NOT_KNOWN, TOLD, with_open_driver, without_facts
from envdoctor.rules.rule import all_rules

OPEN = Plan(Status.IMPOSSIBLE, because=("torch.cuda is not known: not looked at",), undecided=True)
COMMAND = Step("install-wheels", Applicability.UNSAFE, "installs it", ("pip", "install", "torch==2.6.0"))
REPAIR = Plan(Status.SOLVED, None, (COMMAND,))


def found(rule: str, fact: str = "said.texts") -> Diagnosis:
    evidence = (Evidence(fact, "2.6.0", "paste"),)
    return Diagnosis(Verdict.BROKEN, (Finding(rule, Severity.ERROR, Confidence.PROVED, "torch", "it is so", evidence),))


@pytest.mark.parametrize("rule", [*TOLD])
def test_each_rule_has_something_that_a_person_does(rule: str) -> None:
    assert rule in {one.name for one in all_rules()}
    plan = without_facts(OPEN, found(rule), "linux-x86_64")
    assert (plan.status, plan.undecided, len(plan.steps)) == (Status.SOLVED, False, 1)
    assert plan.steps[0].applicability is Applicability.MANUAL


def test_words_alone_do_not_say_which_package_is_to_be_installed_anew() -> None:
    """An undefined symbol of flash_attn is not mended by torch over itself."""
    plan = without_facts(REPAIR, found("abi-undefined-symbol"), "linux-x86_64")
    assert [step.argv for step in plan.steps] == [()]
    assert without_facts(REPAIR, found("abi-undefined-symbol", "libraries.undefined"), "linux-x86_64") == REPAIR


def test_a_jetson_takes_torch_from_nvidia() -> None:
    (step,) = without_facts(OPEN, found("cpu-only-build"), "linux-aarch64-jetson").steps
    assert "NVIDIA's builds for Jetson" in step.why


def test_a_gap_is_told_in_words() -> None:
    assert without_facts(OPEN, found("no-such-rule"), "").because == (
        "the paste does not tell which CUDA torch was built for",
    )
    other = Plan(Status.IMPOSSIBLE, because=("gpu.0.name is not known: NVML gave no answer",), undecided=True)
    assert without_facts(other, found("no-such-rule"), "").because == ("NVML gave no answer",)


def test_a_choice_without_a_driver_says_which_it_needs() -> None:
    plan = Plan(Status.SOLVED, None, (COMMAND,), because=(f"CUDA 12.6 needs driver 525.60.13 or newer{NOT_KNOWN}",))
    (step,) = with_open_driver(plan).steps
    assert step.why == "installs it; CUDA 12.6 needs driver 525.60.13 or newer, which the paste does not tell"
    (step,) = with_open_driver(Plan(Status.SOLVED, None, (BARE,), alternatives=(plan,))).alternatives[0].steps
    assert re.search("does not tell$", step.why)


BARE = Step("reboot", Applicability.MANUAL, "reboot")
