"""On a healthy torch every test of the battery that runs on a CPU passes, whatever its random inputs."""

from __future__ import annotations

import pytest
from numbers_in_real_torch import environment, run_in_one_child

from envdoctor.smoke.child.case import CPU
from envdoctor.smoke.child.catalogue import all_cases

pytestmark = pytest.mark.real

SEEDS = {False: range(5), True: range(2)}
"""By size: the full one takes longer."""


@pytest.mark.parametrize("variable", ["ENVDOCTOR_TEST_CPU_ENV", "ENVDOCTOR_TEST_CUDA12_ENV", "ENVDOCTOR_TEST_CUDA_ENV"])
def test_every_test_for_the_cpu_passes_at_both_sizes(variable: str) -> None:
    names = [case.name for case in all_cases() if CPU in case.on]
    runs = [(name, full, seed, None) for full, seeds in SEEDS.items() for seed in seeds for name in names]
    told = run_in_one_child(environment(variable), runs)
    assert len(told) == len(runs)
    amiss = [one for one in told if one["status"] not in ("passed", "skipped")]
    assert amiss == []
    # What is skipped says why; what every environment has a library for is not skipped.
    assert all(one["message"] for one in told if one["status"] == "skipped")
    skipped = {one["test"] for one in told if one["status"] == "skipped"}
    assert skipped <= {"compile", "nms", "roi-align", "decode-jpeg", "gloo"}
    warned = [(one["test"], one["warnings"]) for one in told if one["status"] == "passed" and one["warnings"]]
    # What torch and torchvision say of their own old parts: another compiler, and the decoders.
    assert [one for one in warned if one[0] not in ("compile", "decode-jpeg")] == []
