"""The pytest plugin on suites of somebody else: real runs of pytest, in processes of their own."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from machines import make_environment
from standin.command import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

pytest_plugins = ["pytester"]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a driver that is compiled here")

A100 = {"STANDIN_DRIVER": "580.65.06", "STANDIN_CUDA": "13000"}
TWO = {**A100, "STANDIN_GPUS": "Tesla V100-SXM2-16GB|7.0|16384;NVIDIA A100-SXM4-80GB|8.0|81920"}
BROKEN = {"STANDIN_NVML_INIT": "18", "STANDIN_FAIL": "cuInit=803"}
"""A driver that was upgraded without a reboot: its library and its kernel module differ."""

MARKED = """
import pytest

def test_without_mark():
    pass

@pytest.mark.requires_gpu
def test_one():
    pass

@pytest.mark.requires_gpu(2)
def test_two():
    pass

@pytest.mark.requires_gpu(count=1, memory="40 GB")
def test_large():
    pass

@pytest.mark.requires_compute_capability("8.0")
class TestOfAmpere:
    def test_new(self):
        pass

    @pytest.mark.requires_gpu(memory="200 GiB")
    def test_new_and_large(self):
        pass
"""

PLAIN = "def test_it(): pass\n"


class Suite:
    """A suite in a folder of its own, which is its rootdir."""

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pytester = pytester
        self._patch = monkeypatch
        self.path = pytester.path
        pytester.makeini("[pytest]\n")
        for name in ("ENVDOCTOR_POLICY", "PYTEST_ADDOPTS", "CUDA_VISIBLE_DEVICES"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("PYTHONPATH", str(CHECKOUT / "src"))
        monkeypatch.setenv("COLUMNS", "100")

    def machine(self, standin: Path | None, variables: Mapping[str, str]) -> None:
        if standin is not None:
            self._patch.setenv("LD_LIBRARY_PATH", str(standin))
        for name, value in variables.items():
            self._patch.setenv(name, value)

    def run(self, *arguments: str) -> pytest.RunResult:
        plugin = () if "envdoctor" in installed_plugins() else ("-p", "envdoctor.pytest_plugin")
        # hypothesis, which no suite here asks for, takes three quarters of such a run to be imported.
        others = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")
        return self.pytester.runpytest_subprocess(*others, "-rs", *plugin, *arguments)


def installed_plugins() -> set[str]:
    from importlib.metadata import entry_points

    return {point.name for point in entry_points(group="pytest11")}


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Suite:
    return Suite(pytester, monkeypatch)


# ---- without being asked ------------------------------------------------------------------------------


LOADED = """
import json, sys

def pytest_sessionfinish():
    ours = [name for name in sys.modules if name.partition(".")[0] in ("envdoctor", "click", "rich", "pynvml")]
    with open("loaded.json", "w") as file:
        json.dump(sorted(ours), file)
"""
OF_THE_PLUGIN = ["envdoctor", "envdoctor.pytest_plugin", "envdoctor.pytest_plugin.hooks"]


LISTED: dict[tuple[str, ...], tuple[str, ...]] = {
    ("--collect-only",): ("*<Function test_new_and_large>",),
    ("--markers", "--strict-markers"): (
        "@pytest.mark.requires_gpu(count=1, memory=None): skip the test unless*",
        "@pytest.mark.requires_compute_capability(capability): skip the test unless*",
    ),
    ("--help",): ("the environment the tests run in (envdoctor):", "*--envdoctor *", "*--envdoctor-policy=FILE*"),
}


@pytest.mark.parametrize("arguments", [(), *LISTED], ids=" ".join)
def test_a_suite_that_asks_for_nothing_pays_nothing(suite: Suite, arguments: tuple[str, ...]) -> None:
    suite.machine(None, BROKEN)
    suite.pytester.makeconftest(LOADED.replace("pytest_sessionfinish()", "pytest_unconfigure()"))
    suite.pytester.makepyfile(MARKED if arguments else PLAIN)
    result = suite.run(*arguments)
    assert result.ret == 0
    assert json.loads((suite.path / "loaded.json").read_text()) == OF_THE_PLUGIN
    assert not [line for line in result.outlines if line.startswith("envdoctor")]
    result.stdout.fnmatch_lines(LISTED.get(arguments, ["*1 passed*"]))


# ---- markers ------------------------------------------------------------------------------------------


MACHINES: dict[str, tuple[Mapping[str, str] | None, int, list[str]]] = {
    "no GPU": (None, 1, ["requires_gpu: no NVIDIA GPU is visible to CUDA here"]),
    "one A100": (
        A100,
        4,
        [
            "requires_gpu: 2 GPUs needed, 1 visible to CUDA here",
            "requires_gpu: 1 GPU with 200 GiB needed: * has 80.0 GiB",
        ],
    ),
    "a V100 and an A100": (
        TWO,
        4,
        ["requires_compute_capability: 8.0 needed: Tesla V100-SXM2-16GB has 7.0"],
    ),
    "a hidden GPU": ({**TWO, "CUDA_VISIBLE_DEVICES": "0"}, 2, ["requires_gpu: 1 GPU with 40 GB needed: Tesla V100*"]),
    "no GPU enabled": ({**A100, "CUDA_VISIBLE_DEVICES": ""}, 1, ["requires_gpu: no NVIDIA GPU is visible*"]),
    "a broken driver": (BROKEN, 1, ["requires_gpu: could not be found out: *"]),
}


@pytest.mark.parametrize("name", MACHINES)
def test_marked_tests_are_skipped_where_the_machine_is_not_made_for_them(
    name: str, suite: Suite, standin: Path
) -> None:
    variables, passed, reasons = MACHINES[name]
    suite.machine(standin if variables is not None else None, variables or {})
    suite.pytester.makepyfile(MARKED)
    result = suite.run("--strict-markers", "--strict-config", "-W", "error")
    result.assert_outcomes(passed=passed, skipped=6 - passed)
    result.stdout.fnmatch_lines_random([f"SKIPPED * {reason}" for reason in reasons])
    assert "test_marked_tests" in result.stdout.str()  # a skip is told at the test and not in the plugin


def test_a_broken_torch_is_no_reason_to_skip(suite: Suite, standin: Path) -> None:
    """It would hide what is wrong: the test runs, and fails by itself."""
    suite.machine(standin, A100)
    suite.pytester.makepyfile("import pytest\n@pytest.mark.requires_gpu\ndef test_it(): import torch.nothing")
    suite.run().assert_outcomes(failed=1)


MISUSED = {
    "requires_gpu(gpus=2)": "requires_gpu() got an unexpected keyword argument 'gpus'",
    "requires_gpu(0)": "requires_gpu: count is 0; write a whole number from 1 on",
    "requires_gpu(True)": "requires_gpu: count is True; write a whole number from 1 on",
    "requires_gpu(memory=16)": 'requires_gpu: memory is 16; write it like "16 GiB"',
    'requires_gpu(memory="16")': 'requires_gpu: memory: "16" has no unit that is known; write it like "16 GiB"',
    "requires_compute_capability()": "requires_compute_capability() missing 1 required positional argument: 'major'",
    'requires_compute_capability("ampere")': "requires_compute_capability: 'ampere' is none; write it like \"8.0\"",
    'requires_compute_capability("sm_80")': "requires_compute_capability: 'sm_80' is none; write it like \"8.0\"",
}


def test_a_marker_that_says_nothing_fails_its_test(suite: Suite) -> None:
    lines = [f"@pytest.mark.{mark}\ndef test_{number}(): pass" for number, mark in enumerate(MISUSED)]
    suite.pytester.makepyfile("import pytest\n" + "\n".join(lines))
    result = suite.run()
    result.assert_outcomes(errors=len(MISUSED))
    result.stdout.fnmatch_lines_random([*MISUSED.values()])


def test_a_capability_may_be_written_as_people_do(suite: Suite, standin: Path) -> None:
    suite.machine(standin, A100)
    written = ('"9.0"', "9.0", "9", "9, 0", 'major="9"')
    lines = [
        f"@pytest.mark.requires_compute_capability({words})\ndef test_{number}(): pass"
        for number, words in enumerate(written)
    ]
    suite.pytester.makepyfile("import pytest\n" + "\n".join(lines))
    result = suite.run()
    result.assert_outcomes(skipped=len(written))
    result.stdout.fnmatch_lines(["SKIPPED *requires_compute_capability: 9.0 needed: * has 8.0"] * len(written))


def test_a_mig_instance_has_a_memory_of_its_own(suite: Suite, standin: Path) -> None:
    instance = "MIG-5c1e9f2a-0000-4000-8000-000000000001"
    suite.machine(standin, {**A100, "STANDIN_GPUS": f"NVIDIA A100-SXM4-80GB|8.0|81920||{instance}"})
    suite.machine(None, {"CUDA_VISIBLE_DEVICES": instance})
    suite.pytester.makepyfile(MARKED)
    result = suite.run()
    result.assert_outcomes(passed=3, skipped=3)
    result.stdout.fnmatch_lines(["SKIPPED *could not be found out: the memory of * MIG instances"])


def test_a_deselected_test_costs_no_look(suite: Suite) -> None:
    suite.pytester.makeconftest(LOADED)
    suite.pytester.makepyfile(MARKED)
    suite.run("-k", "without_mark").assert_outcomes(passed=1, deselected=5)
    loaded = json.loads((suite.path / "loaded.json").read_text())
    assert [name for name in loaded if name.startswith("envdoctor")] == OF_THE_PLUGIN


WATCHED = """
import os
from envdoctor import api
real = api.snapshot
def counted(*args, **kwargs):
    with open(os.environ["LOOKS"], "a") as file:
        file.write("look\\n")
    return real(*args, **kwargs)
api.snapshot = counted
"""


@pytest.mark.parametrize("arguments", [(), ("-n", "3"), ("-n", "2", "--envdoctor")], ids=" ".join)
def test_one_look_serves_a_session(arguments: tuple[str, ...], suite: Suite, standin: Path) -> None:
    suite.machine(standin, {**A100, "LOOKS": str(suite.path / "looks")})
    suite.pytester.makeconftest(WATCHED)
    suite.pytester.makepyfile(MARKED)
    (suite.path / "tmp").mkdir()
    suite.machine(None, {"TMPDIR": str(suite.path / "tmp")})
    suite.run(*arguments).assert_outcomes(passed=4, skipped=2)
    looks = (suite.path / "looks").read_text() if (suite.path / "looks").exists() else ""
    assert looks.count("look") == (0 if "--envdoctor" in arguments else 1)
    assert not [*(suite.path / "tmp").glob("envdoctor-*")]


def test_a_bug_of_ours_breaks_nobodys_suite(suite: Suite) -> None:
    suite.pytester.makeconftest("from envdoctor import api\ndef snapshot(): 1 / 0\napi.snapshot = snapshot")
    suite.pytester.makepyfile(MARKED)
    result = suite.run()
    result.assert_outcomes(passed=1, skipped=5)
    result.stdout.fnmatch_lines(["*could not be found out: a bug in envdoctor: ZeroDivisionError*"])


def test_the_plugin_can_be_left_out(suite: Suite) -> None:
    suite.pytester.makepyfile(PLAIN)
    suite.run("-p", "no:envdoctor").assert_outcomes(passed=1)
    if "envdoctor" in installed_plugins():
        assert suite.run("-p", "no:envdoctor", "--envdoctor").ret == pytest.ExitCode.USAGE_ERROR


# ---- the gate -----------------------------------------------------------------------------------------


RUNS = "import pathlib\ndef test_it(): pathlib.Path('ran').touch()\n"


def test_a_healthy_machine_is_one_line(suite: Suite, standin: Path) -> None:
    suite.machine(standin, A100)
    suite.pytester.makepyfile(PLAIN)
    result = suite.run("--envdoctor")
    result.assert_outcomes(passed=1)
    ours = [line for line in result.outlines if "envdoctor" in line and not line.startswith(("plugins:", "rootdir"))]
    assert ours == ["envdoctor: healthy, no torch, 1 GPU"]
    assert result.errlines == []


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_a_broken_machine_runs_no_test(workers: tuple[str, ...], suite: Suite, standin: Path) -> None:
    suite.machine(standin, BROKEN)
    suite.pytester.makepyfile(RUNS)
    result = suite.run("--envdoctor", *workers)
    assert result.ret == 1
    assert not (suite.path / "ran").exists()
    result.stdout.fnmatch_lines(
        ["envdoctor: broken (nvml-driver-library-mismatch), *", "*= envdoctor =*", "*nvml-driver-library-mismatch*"]
    )
    result.stdout.fnmatch_lines(["*Exit: envdoctor: broken, no test was run*"])
    assert "Traceback" not in result.stdout.str() + result.stderr.str()


def test_listing_judges_nothing(suite: Suite, standin: Path) -> None:
    suite.machine(standin, BROKEN)
    suite.pytester.makepyfile(MARKED)
    for listing in ("--collect-only", "--fixtures"):
        result = suite.run("--envdoctor", listing)
        assert result.ret == 0
        assert "broken" not in result.stdout.str()


def test_the_policy_of_the_rootdir_holds_wherever_pytest_is_started(suite: Suite, tmp_path: Path) -> None:
    (suite.path / "envdoctor.toml").write_text('gpus = ">=1"\n')
    suite.pytester.makepyfile(**{"tests/test_it": RUNS})
    elsewhere = suite.pytester.mkdir("elsewhere")
    (elsewhere / "envdoctor.toml").write_text('torch = ">=2"\n')
    os.chdir(elsewhere)
    result = suite.run("--envdoctor", "--rootdir", str(suite.path), str(suite.path / "tests"))
    assert result.ret == 1
    assert "requirement-not-met (gpus)" in result.stdout.str()
    assert "requirement-not-met (torch)" not in result.stdout.str()
    assert not (elsewhere / "ran").exists()


def test_a_policy_may_be_named(suite: Suite) -> None:
    suite.pytester.makepyfile(RUNS)
    (suite.path / "p.toml").write_text('torch = ">=2"\n')
    assert suite.run("--envdoctor-policy", "p.toml").ret == 1  # which asks for the gate by itself
    (suite.path / "p.toml").write_text('torch = ">=2"\nfail-on = "never"\n')
    assert suite.run("--envdoctor", "--envdoctor-policy", "p.toml").ret == 0
    assert suite.run("--envdoctor", "--envdoctor-policy", "p.toml", "--envdoctor-fail-on", "error").ret == 1


def test_what_is_missing_fails_under_strict(suite: Suite, standin: Path) -> None:
    suite.machine(standin, {"STANDIN_CRASH": "nvml"})
    suite.pytester.makepyfile(PLAIN)
    (suite.path / "envdoctor.toml").write_text('driver = ">=999"\nselect = ["requirement-not-met"]\n')
    lenient, strict = suite.run("--envdoctor").ret, suite.run("--envdoctor", "--envdoctor-strict").ret
    assert (lenient, strict) == (0, 3)


UNUSABLE = {
    "a policy that is not there": (("--envdoctor-policy", "nowhere.toml"), "", "nowhere.toml"),
    "a profile": (("--envdoctor-profile", "gup"), "", "gpu"),
    "a severity": (("--envdoctor-fail-on", "worse"), "", "worse"),
    "a key": (("--envdoctor",), 'fail_onn = "error"\n', "fail"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_what_cannot_be_used_is_a_usage_error_of_one_line(name: str, suite: Suite) -> None:
    arguments, policy, words = UNUSABLE[name]
    suite.pytester.makepyfile(RUNS)
    if policy:
        (suite.path / "envdoctor.toml").write_text(policy)
    result = suite.run(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    told = [line for line in (*result.errlines, *result.outlines) if line.strip()]
    assert [line for line in told if line.startswith("ERROR: envdoctor: ") and words in line] == told[-1:]
    assert not (suite.path / "ran").exists()


BUG = "from envdoctor import api\ndef check(**_): raise KeyError('\\x1b[31m')\napi.check = check"


def test_a_bug_of_ours_under_the_gate_is_one_line(suite: Suite) -> None:
    suite.pytester.makeconftest(BUG)
    suite.pytester.makepyfile(RUNS)
    result = suite.run("--envdoctor")
    assert result.ret == 3
    assert "a bug in envdoctor, nothing was diagnosed: KeyError" in result.stderr.str()
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
    assert not (suite.path / "ran").exists()


def test_the_ini_file_may_ask(suite: Suite, standin: Path) -> None:
    suite.machine(standin, BROKEN)
    suite.pytester.makepyfile(RUNS)
    suite.pytester.makeini("[pytest]\nenvdoctor = true\nenvdoctor_profile = core\n")
    assert suite.run("--strict-config").ret == 1
    assert suite.run("-o", "envdoctor=false").ret == 0


def test_a_name_of_a_gpu_can_only_be_shown(suite: Suite, standin: Path) -> None:
    evil = b"\x1b[31mA\n::error::pwned".hex()
    suite.machine(standin, {**A100, "STANDIN_NAME_BYTES": evil})
    (suite.path / "envdoctor.toml").write_text('compute-capability = ">=9.0"\n')
    suite.pytester.makepyfile(MARKED.replace("8.0", "9.0"))
    for result in (suite.run("--color=no"), suite.run("--envdoctor", "--color=no")):
        text = result.stdout.str() + result.stderr.str()
        assert "\x1b" not in text
        assert not [line for line in text.splitlines() if line.lstrip().startswith("::")]


def test_torch_of_the_tested_interpreter_is_named(suite: Suite, standin: Path, tmp_path: Path) -> None:
    environment = make_environment(tmp_path / "venv", "2.9.1+cu128")
    suite.machine(standin, {**A100, "PYTHONPATH": f"{CHECKOUT / 'src'}{os.pathsep}{environment.site_packages}"})
    suite.pytester.makepyfile(PLAIN)
    result = suite.run("--envdoctor", "--envdoctor-fail-on", "never")
    result.stdout.fnmatch_lines(["envdoctor: *, torch 2.9.1+cu128, 1 GPU"])
