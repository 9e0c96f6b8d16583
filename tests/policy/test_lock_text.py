"""The text of a lock: what it demands of which machine, and that nothing of a machine can act in it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from envdoctor.codec.schema_files import schema_text
from envdoctor.codec.snapshot import decode
from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.model.finding import Severity, Verdict
from envdoctor.policy.document import document
from envdoctor.policy.lock import FIRST_LINE, Verified, is_lock, lock_text
from envdoctor.policy.lock_changes import changes, same_but_for_the_day
from envdoctor.policy.names import Names
from envdoctor.policy.read import read
from envdoctor.policy.wishes import wishes_of
from envdoctor.rules.rule import all_rules
from envdoctor.smoke.child.catalogue import all_cases
from machines import machine_snapshot

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from envdoctor.model.policy import Policy
    from envdoctor.model.snapshot import Snapshot

TESTS = frozenset(case.name for case in all_cases())
VERIFIED = Verified("0.1.0", "2026-11-21", TESTS)
GALLERY = sorted(Path(__file__).parents[1].glob("cases/*/snapshot.json"))


def locked(seen: Snapshot, verified: Verified = VERIFIED) -> str:
    return lock_text(seen, verified)


SCHEMA = Draft202012Validator(json.loads(schema_text("envdoctor.policy/1")))


def policy_of(text: str) -> Policy:
    """The lock as `check --locked` reads it, once the schema took it."""
    SCHEMA.validate(tomllib.loads(text))
    names = Names(lambda: frozenset(rule.name for rule in all_rules()), lambda: TESTS)
    found = document("envdoctor.lock", text.encode())
    assert found is not None
    return read(found, names).policy


def demands_of(text: str) -> dict[str, str]:
    return {one.key: one.specifier for one in policy_of(text).demands}


# ---- every machine of the gallery -----------------------------------------------------------------


@pytest.mark.parametrize("path", GALLERY, ids=[path.parent.name for path in GALLERY])
def test_a_machine_of_the_gallery_meets_its_own_lock(path: Path) -> None:
    """Nothing new is found, and nothing that was decided becomes undecided, healthy or not."""
    seen, matrix = decode(json.loads(path.read_text(encoding="utf-8"))), load_matrix()
    if isinstance(seen["torch.version"], Absent):
        pytest.skip("no torch: nothing is locked")
    before = diagnose(seen, matrix)
    policy = policy_of(locked(seen))
    after = diagnose(seen, matrix, wishes_of(policy))
    assert [one.message for one in after.findings if one.rule == "requirement-not-met"] == []
    assert not {one.rule for one in after.skipped if one.is_gap} - {one.rule for one in before.skipped if one.is_gap}
    if before.verdict is Verdict.HEALTHY:
        assert after.verdict is Verdict.HEALTHY
        assert {one.rule for one in after.findings} <= {one.rule for one in before.findings}
    assert {one.key for one in policy.demands} >= {"python", "torch", "channel", "platform"}


def test_the_gallery_holds_locks_of_all_kinds() -> None:
    """So that the test above proves something: each key is in some lock, and some have kernels."""
    keys = {key for path in GALLERY for key in demands_of(locked(decode(json.loads(path.read_text(encoding="utf-8")))))}
    assert keys >= {
        "python", "torch", "torchvision", "torchaudio", "triton", "numpy", "channel", "cuda", "cudnn", "nccl", "driver",
        "gpus", "compute-capability", "glibc", "platform", "smoke", "packages.nvidia-cudnn-cu12", "packages.vllm",
        "packages.opencv-python",
    }  # fmt: skip


# ---- what is demanded -----------------------------------------------------------------------------


def test_a_machine_with_a_gpu() -> None:
    text = locked(machine_snapshot(torchaudio="2.9.1", overrides={
        "numpy.version": "2.2.6",
        "cudnn.version": "9.10.2",
        "nccl.version": "2.27.5",
        "torch.dependents": [{"name": "Some_Lib", "version": "1.2.post1", "requires": ["torch>=2"]}],
        "opencv.packages": {"opencv-python": "4.12.0.88"},
        "extensions.packages": {"flash-attn": {"version": "2.8.3", "requires": ["torch"]}},
    }))  # fmt: skip
    assert (
        text
        == f"""{FIRST_LINE}
# Seen on 2026-11-21, judged by envdoctor 0.1.0 with the matrix of 2026-11-21.
# Verified by its files; no kernel was run.

python = "==3.11.*"
torch = "==2.9.1+cu128"
torchvision = "==0.24.1+cu128"
torchaudio = "==2.9.1+cu128"
triton = "==3.5.1"
numpy = "==2.2.6"
channel = "cu128"
cuda = "==12.8"
cudnn = "==9.10.2"
nccl = "==2.27.5"
driver = ">=535.104.05"
gpus = ">=1"
compute-capability = ">=8.0"
glibc = ">=2.36"
platform = "linux-x86_64"

[packages]
flash-attn = "==2.8.3"
nvidia-cuda-runtime-cu12 = "==12.8.90"
nvidia-cudnn-cu12 = "==9.10.2.21"
nvidia-nccl-cu12 = "==2.27.5"
opencv-python = "==4.12.0.88"
some-lib = "==1.2.post1"
"""
    )


def test_the_lowest_of_several_gpus_counts() -> None:
    text = locked(machine_snapshot(gpus=["NVIDIA H100 80GB HBM3", "Tesla T4", "NVIDIA B300 SXM6 AC"]))
    assert demands_of(text)["gpus"] == ">=3"
    assert demands_of(text)["compute-capability"] == ">=7.5"


def test_a_gpu_that_is_hidden_is_not_demanded() -> None:
    gpus = ["Tesla T4", "NVIDIA H100 80GB HBM3"]
    demands = demands_of(locked(machine_snapshot(gpus=gpus, visible_devices="1")))
    assert (demands["gpus"], demands["compute-capability"]) == (">=1", ">=9.0")
    none = demands_of(locked(machine_snapshot(gpus=gpus, visible_devices="")))
    assert "gpus" not in none
    assert "compute-capability" not in none
    assert none["driver"] == ">=535.104.05"


def test_a_build_for_the_cpu_asks_for_no_gpu_that_happens_to_be_there() -> None:
    text = locked(machine_snapshot(torch="2.9.1+cpu"))
    policy = policy_of(text)
    assert policy.device == "cpu"
    assert not {"driver", "gpus", "compute-capability", "cuda"} & demands_of(text).keys()
    assert not wishes_of(policy).require_gpu
    assert "Not demanded" not in text


def test_what_a_mac_computes_on_is_left_open() -> None:
    seen = machine_snapshot(platform="macos-arm64", kind="macos", driver=None, gpus=(), torch="2.9.1")
    assert "device" not in locked(seen.having({"torch.channel": Known("cpu", "torch")}))


def test_versions_of_vendors_are_demanded_to_the_letter() -> None:
    for version in ("2.9.0a0+145a3a7bda.nv25.10", "2.16.0.dev20261101+cu132", "2.6.0+cluster1", "2.7.1"):
        text = locked(machine_snapshot().having({"torch.version": Known(version, "torch/version.py")}))
        assert demands_of(text)["torch"] == f"=={version}"


def test_what_is_not_known_is_said_and_not_demanded() -> None:
    text = locked(machine_snapshot(overrides={
        "driver.version": Unknown("NVML hung"), "gpu.visible": Unknown("NVML hung"),
        "nvidia.packages": Unknown("cannot be read"), "numpy.version": "1.0-of-my-own", "python.version": "three",
        "host.libc": "musl 1.2", "torch.channel": "my channel",
        "extensions.packages": {"flash-attn": {"version": "2004-final-final", "requires": []}},
    }))  # fmt: skip
    assert (
        "# Not demanded, since not known or no version that can be compared: python, numpy, channel, driver, gpus, "
        "compute-capability, glibc, nvidia.packages, packages.flash-attn.\n"
    ) in text
    demands = demands_of(text)
    assert demands.keys() == {"torch", "torchvision", "triton", "cuda", "platform"}


def test_a_gpu_of_unknown_capability_leaves_the_lowest_open() -> None:
    seen = machine_snapshot(gpus=["NVIDIA H100 80GB HBM3", "Tesla T4"])
    demands = demands_of(locked(seen.having({"gpu.1.compute_capability": Unknown("NVML answered 15")})))
    assert demands["gpus"] == ">=2"
    assert "compute-capability" not in demands


def test_kernels_that_passed_are_demanded() -> None:
    rows = [
        {"name": "import", "device": "cuda:0", "status": "passed"},
        {"name": "start", "device": "cuda:0", "status": "passed"},
        {"name": "matmul-bf16", "device": "cuda:0", "status": "skipped"},
        {"name": "matmul-bf16", "device": "cuda:1", "status": "passed"},
        {"name": "fft", "device": "cuda:0", "status": "passed"},
        {"name": "fft", "device": "cuda:1", "status": "slow"},
        {"name": "sort", "device": "cuda:1", "status": "timed-out"},
        {"name": "of-another-version", "device": "cuda:0", "status": "passed"},
    ]
    text = locked(machine_snapshot(overrides={"smoke.tests": rows}))
    assert 'smoke = [\n    "matmul-bf16",\n    "start",\n]\n' in text
    assert "# Verified by its files; 2 kernel tests passed on cuda:0, cuda:1.\n" in text
    assert {one.specifier for one in policy_of(text).demands if one.key == "smoke"} == {"matmul-bf16", "start"}


def test_how_well_it_was_judged_is_said() -> None:
    verified = Verified("0.1.0", "2026-11-21", undecided=(("nccl-shm-too-small", "shm.total_bytes"),), ignored=("mig",))
    verified = verified._replace(left_out=("numpy2-abi",))
    text = locked(machine_snapshot(), verified)
    assert "# No verdict, for want of a fact: nccl-shm-too-small (shm.total_bytes).\n" in text
    assert "# Not judged by choice: numpy2-abi.\n" in text
    assert "# Found, and ignored by a policy: mig.\n" in text


def test_nothing_of_people_hosts_and_devices_is_written() -> None:
    text = locked(machine_snapshot(overrides={"smoke.tests": [
        {"name": "start", "device": "cuda:0", "status": "passed", "message": "/home/alice/x", "output": "host-7"},
    ]}))  # fmt: skip
    assert not re.search(r"alice|host-7|/venv|/home|GPU-|A100|site-packages", text)


# ---- the same for the same environment, and text of strangers ---------------------------------------


def test_the_order_of_what_was_seen_changes_nothing() -> None:
    seen = machine_snapshot()
    packages = dict(reversed([*seen.known("nvidia.packages").items()]))  # type: ignore[union-attr]
    turned = seen.having({"nvidia.packages": Known(packages, "dist-info")})
    assert locked(turned) == locked(seen)


LINES = st.text(st.characters(codec="utf-8"), max_size=40) | st.sampled_from(
    [
        '2.9.1"\n[[ignore]]\nrule = "mig"',
        "2.9.1\n::error::x",
        '"""',
        "2.9.1 ",
        "\u0662.9",
        "1" * 500,
        "=",
        "'",
        "\\u0022",
    ]
)


@given(version=LINES, name=LINES, device=LINES, taken=LINES)
def test_text_of_a_stranger_adds_no_line(version: str, name: str, device: str, taken: str) -> None:
    seen = machine_snapshot(overrides={
        "torch.version": version, "driver.version": version, "torch.channel": version, "host.platform": name,
        "python.version": version, "host.libc": f"glibc {version}", "gpu.0.compute_capability": version,
        "nvidia.packages": {name: version}, "extensions.packages": {name: {"version": version}},
        "torch.dependents": [{"name": name, "version": version}],
        "smoke.tests": [{"name": name, "device": device, "status": "passed"},
                        {"name": "start", "device": device, "status": "passed"}],
    })  # fmt: skip
    text = lock_text(type(seen)(seen.facts, taken, "0.1.0"), VERIFIED)
    policy = policy_of(text)
    assert policy.ignores == ()
    assert not policy.severities
    assert text.isascii()
    assert all(line.startswith("# ") for line in text.split("\n\n")[0].splitlines())


@given(value=st.none() | st.integers() | st.lists(st.integers() | st.text(max_size=3), max_size=3) | st.booleans())
def test_values_of_another_kind_are_not_demanded(value: object) -> None:
    names = ("python.version", "torch.version", "driver.version", "gpu.visible", "host.libc", "nvidia.packages",
             "extensions.packages", "torch.dependents", "smoke.tests", "gpu.0.compute_capability")  # fmt: skip
    seen = machine_snapshot(overrides={name: Known(value, "edited") for name in names})  # type: ignore[arg-type]
    assert policy_of(locked(seen)).ignores == ()


# ---- two locks --------------------------------------------------------------------------------------


def test_changes_between_two_locks() -> None:
    rows = [{"name": "start", "device": "cuda:0", "status": "passed"}]
    old = locked(machine_snapshot(overrides={"numpy.version": "2.2.6", "smoke.tests": rows}))
    new = locked(machine_snapshot(driver="570.124.06", torch="2.9.1+cu126", gpus=["Tesla T4", "Tesla T4"]))
    assert [change.said for change in changes(old, new)] == [
        "~ torch ==2.9.1+cu128 -> ==2.9.1+cu126",
        "~ torchvision ==0.24.1+cu128 -> ==0.24.1+cu126",
        "~ channel cu128 -> cu126",
        "~ cuda ==12.8 -> ==12.6",
        "~ driver >=535.104.05 -> >=570.124.06",
        "~ gpus >=1 -> >=2",
        "~ compute-capability >=8.0 -> >=7.5",
        "~ nvidia-cuda-runtime-cu12 ==12.8.90 -> ==12.6.77",
        "- numpy ==2.2.6",
        "- smoke start must pass",
    ]
    assert changes(old, old) == ()


def test_the_day_alone_is_no_change() -> None:
    seen = machine_snapshot()
    later = type(seen)(seen.facts, "2027-01-01T00:00:00Z", "0.1.0")
    assert locked(seen) != locked(later)
    assert same_but_for_the_day(locked(seen), locked(later))
    assert not same_but_for_the_day(locked(seen), locked(seen, Verified("0.2.0", "2026-11-21")))
    assert not same_but_for_the_day("", locked(seen))


def test_what_is_a_lock() -> None:
    text = locked(machine_snapshot())
    assert is_lock(text)
    assert is_lock(text.replace('python = "==3.11.*"', '<<<<<<< ours\npython = "==3.11.*"'))
    assert not is_lock('torch = "==2.9.1"\n')


# ---- what check --locked then finds -------------------------------------------------------------------

H100, T4 = "NVIDIA H100 80GB HBM3", "Tesla T4"
CUDNN = {"nvidia-cuda-runtime-cu12": "12.8.90", "nvidia-cudnn-cu12": "9.10.2.21", "nvidia-nccl-cu12": "2.27.5"}


def described(**changed: object) -> Snapshot:
    usual = {
        "gpus": [H100, H100], "driver": "570.124.06", "torchaudio": "2.9.1", "nvidia": CUDNN,
        "overrides": {"cudnn.version": "9.10.2.21", "numpy.version": "2.2.6"},
    }  # fmt: skip
    return machine_snapshot(**{**usual, **changed})


CHANGES: list[tuple[str, Snapshot, set[str]]] = [
    ("nothing", described(), set()),
    ("torch", described(torch="2.9.0+cu128", torchvision="0.24.1", triton="3.5.1"), {"torch"}),
    ("channel", described(torch="2.9.1+cu126", nvidia=CUDNN), {"torch", "torchvision", "torchaudio", "channel",
                                                               "cuda"}),
    ("partner", described(torchvision="0.24.0"), {"torchvision"}),
    ("partner gone", described(torchaudio=None), {"torchaudio"}),
    ("package gone", described(nvidia={name: CUDNN[name] for name in CUDNN if "nccl" not in name}),
     {"nvidia-nccl-cu12"}),
    ("cudnn swapped", described(overrides={"cudnn.version": "9.1.0.70", "numpy.version": "2.2.6"}), {"cudnn"}),
    ("cudnn package", described(nvidia={**CUDNN, "nvidia-cudnn-cu12": "9.1.0.70"}), {"nvidia-cudnn-cu12"}),
    ("numpy", described(overrides={"cudnn.version": "9.10.2.21", "numpy.version": "2.3.0"}), {"numpy"}),
    ("driver older", described(driver="550.163.01"), {"driver"}),
    ("driver newer", described(driver="580.95.05"), set()),
    ("a GPU less", described(gpus=[H100]), {"gpus"}),
    ("a GPU more", described(gpus=[H100, H100, H100]), set()),
    ("a GPU hidden", described(visible_devices="1"), {"gpus"}),
    ("weaker GPU", described(gpus=[H100, T4]), {"gpu:1"}),
    ("newer GPU", described(gpus=[H100, "NVIDIA GeForce RTX 5090"]), set()),
    ("python minor", described(python="3.12.1"), {"python"}),
    ("python patch", described(python="3.11.13"), set()),
    ("glibc older", described(glibc="2.31"), {"glibc"}),
    ("glibc newer", described(glibc="2.41"), set()),
    ("platform", described(platform="linux-aarch64"), {"platform"}),
]  # fmt: skip


@pytest.mark.parametrize(("seen", "expected"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES])
def test_a_change_is_found_and_nothing_else(seen: Snapshot, expected: set[str]) -> None:
    wishes = wishes_of(policy_of(locked(described())))
    diagnosis = diagnose(seen, load_matrix(), wishes)
    found = [one for one in diagnosis.findings if one.rule == "requirement-not-met"]
    assert {one.subject for one in found} == expected
    assert {one.severity for one in found} <= {Severity.ERROR}
    assert len(found) == len(expected)


def test_a_driver_that_does_not_answer_is_a_gap_and_no_finding() -> None:
    wishes = wishes_of(policy_of(locked(described())))
    seen = described(overrides={"driver.version": Unknown("NVML answered 999"), "cudnn.version": "9.10.2.21",
                                "numpy.version": "2.2.6"})  # fmt: skip
    diagnosis = diagnose(seen, load_matrix(), wishes)
    assert [one.rule for one in diagnosis.findings if one.severity is Severity.ERROR] == []
    assert [one.fact for one in diagnosis.skipped if one.rule == "requirement-not-met"] == ["driver.version"]
    assert diagnosis.verdict is Verdict.UNDETERMINED


def test_a_kernel_that_no_longer_passes() -> None:
    def kernels(status: str) -> Snapshot:
        rows = [{"name": name, "device": "cuda:0", "status": state}
                for name, state in (("start", "passed"), ("fft", status))]  # fmt: skip
        return described().having({"smoke.tests": Known(rows, "smoke")})  # type: ignore[arg-type]

    wishes = wishes_of(policy_of(locked(kernels("passed"))))
    again, worse = (diagnose(kernels(status), load_matrix(), wishes) for status in ("passed", "wrong-numbers"))
    assert [one.rule for one in again.findings if one.severity is Severity.ERROR] == []
    assert ("requirement-not-met", "smoke:fft") in [(one.rule, one.subject) for one in worse.findings]
    # Nobody ran them: that is not known, and no finding.
    silent = diagnose(described(), load_matrix(), wishes)
    assert [one.rule for one in silent.findings if one.severity is Severity.ERROR] == []
    assert "requirement-not-met" in [one.rule for one in silent.skipped]
