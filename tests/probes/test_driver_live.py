"""The driver probe on live children, which load the stand-in driver libraries."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from envdoctor.host import process
from envdoctor.host.host import Host
from envdoctor.host.pynvml_folder import folder_of_pynvml
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.probes import driver, environment
from envdoctor.probes.look import look
from envdoctor.probes.target import Target
from recorded_tree import look_at, value

if TYPE_CHECKING:
    from pathlib import Path

    from envdoctor.probes.looking import Facts

TWO = "NVIDIA GeForce RTX 4090|8.9|24564|GPU-4090aaaa-0000-4000-8000-000000000001;NVIDIA H200|9.0|143771"


def host(standin: Path, **variables: str) -> Host:
    return Host(environ={"PATH": "", "LD_LIBRARY_PATH": str(standin), **variables})


def seen_on(standin: Path, *, limit: float = 60, **variables: str) -> Facts:
    return look_at(host(standin, **variables), sys.executable, [environment, driver], limit=limit)


@pytest.mark.parametrize("code", [9, 15, 18, 999])
def test_each_refusal_of_nvml_has_its_number(standin: Path, code: int) -> None:
    seen = seen_on(standin, STANDIN_NVML_INIT=str(code), STANDIN_CUINIT="999")
    assert (value(seen, "nvml.status"), value(seen, "cuda.init")) == (code, 999)
    assert isinstance(seen["gpu.count"], Unknown)


def test_a_library_that_is_not_there_is_absent(standin: Path) -> None:
    seen = seen_on(standin, STANDIN_NVML_INIT="12", STANDIN_CUINIT="100")
    assert isinstance(seen["nvml.status"], Absent)
    assert isinstance(seen["gpu.count"], Absent)


@pytest.mark.parametrize("code", [100, 803, 999])
def test_each_refusal_of_cuda_has_its_number(standin: Path, code: int) -> None:
    seen = seen_on(standin, STANDIN_CUINIT=str(code), STANDIN_CUDA="12080")
    assert (value(seen, "cuda.init"), value(seen, "driver.cuda_version")) == (code, "12.8")


@pytest.mark.parametrize(
    ("asked", "visible"), [("1", [0]), ("GPU-4090", [0]), ("", []), ("0,1", [0, 1]), ("7", []), ("0gpu", [1])]
)
def test_libcuda_tells_what_is_visible(standin: Path, asked: str, visible: list[int]) -> None:
    seen = seen_on(standin, STANDIN_GPUS=TWO, STANDIN_CUDA_ORDER="1,0", CUDA_VISIBLE_DEVICES=asked)
    assert (value(seen, "gpu.count"), value(seen, "gpu.visible")) == (2, visible)


def test_a_mig_instance_is_visible_as_its_gpu(standin: Path) -> None:
    gpus = "NVIDIA A100|8.0;NVIDIA A100|8.0|||MIG-11111111,MIG-22222222"
    seen = seen_on(standin, STANDIN_GPUS=gpus, CUDA_VISIBLE_DEVICES="MIG-22222222")
    assert value(seen, "gpu.1.mig") == ["MIG-11111111", "MIG-22222222"]
    assert value(seen, "gpu.visible") == [1]


def test_a_name_that_is_no_text_is_told_with_replacements(standin: Path) -> None:
    seen = seen_on(standin, STANDIN_NAME_BYTES=b"NVIDIA \xff\xfe".hex())
    assert seen["gpu.0.name"] == Known("NVIDIA \ufffd\ufffd", "nvml")
    assert value(seen, "gpu.0.compute_capability") == "8.0"


def test_an_old_driver_gives_what_it_can(standin_old: Path) -> None:
    seen = seen_on(standin_old)
    assert (value(seen, "nvml.status"), value(seen, "cuda.init")) == (13, 0)
    assert (value(seen, "gpu.count"), value(seen, "gpu.visible")) == (1, [0])


@pytest.mark.parametrize("word", ["nvml", "nvmlDeviceGetName"])
def test_a_crash_costs_what_was_not_said_yet(standin: Path, word: str) -> None:
    seen = seen_on(standin, STANDIN_CRASH=word)
    assert value(seen, "driver.trouble") == "NVML was ended by signal SIGABRT"
    assert isinstance(seen["driver.version.nvml"], Unknown if word == "nvml" else Known)
    assert value(seen, "cuda.init") == 0


@pytest.mark.parametrize("noise", ["NVRM: hello\n", "NVRM: no newline", '{"status": 999}\n'])
def test_noise_is_passed_over(standin: Path, noise: str) -> None:
    seen = seen_on(standin, STANDIN_NOISE=noise)
    assert (value(seen, "nvml.status"), value(seen, "gpu.visible")) == (0, [0])


def hung(standin: Path, stage: str) -> Facts:
    """A look with three seconds for NVML, which hangs at `stage`; the other library answers."""
    return seen_on(standin, limit=3, STANDIN_NVML_HANG=stage)


def test_a_hang_keeps_the_first_half(standin: Path) -> None:
    seen = hung(standin, "device")
    assert value(seen, "driver.trouble").startswith("NVML did not answer")
    assert isinstance(seen["driver.version.nvml"], Known)
    assert value(seen, "gpu.count") == 1
    assert isinstance(seen["gpu.0.status"], Unknown)
    assert value(seen, "cuda.init") == 0


def test_both_children_that_hang_end_with_the_look(standin: Path) -> None:
    target = Target(sys.executable, "the interpreter that runs envdoctor", own=True)
    place = host(standin, STANDIN_NVML_HANG="init", STANDIN_CUDA_HANG="init")
    snapshot = look(place, target, timeout=0.3)
    assert isinstance(snapshot["nvml.status"], Unknown)
    assert isinstance(snapshot["cuda.init"], Unknown)
    assert not process.RUNNING
    assert not children(), "a process is left"


def children() -> list[str]:
    """Processes of ours that run, or ended and were not waited for, and that are driver children."""
    found = []
    for pid in (name for name in os.listdir("/proc") if name.isdigit()) if os.path.isdir("/proc") else ():
        try:
            with open(f"/proc/{pid}/stat") as stat, open(f"/proc/{pid}/cmdline") as line:
                parent, command = stat.read().rpartition(")")[2].split()[1], line.read()
        except OSError:
            continue
        if parent == str(os.getpid()) and "host/child" in command:
            found.append(pid)
    return found


def test_a_shadowing_module_beside_pynvml_is_not_imported(standin: Path, tmp_path: Path) -> None:
    import pynvml

    for name in ("ctypes", "string", "threading", "json"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('shadowed')\n")
    (tmp_path / "pynvml.py").write_bytes(open(pynvml.__file__, "rb").read())  # noqa: SIM115 - read once
    script = process.child_script("nvml")
    place = host(standin)
    said = place.start("nvml", [sys.executable, "-I", "-S", script, str(tmp_path)]).answer(time.monotonic() + 60)
    assert (said.exit, said.error) == (0, "")
    assert f'\n{driver.MARKER}{{"status": 0}}\n' in said.out


def test_a_package_named_pynvml_is_found_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pynvml").mkdir()
    (tmp_path / "pynvml" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "pynvml", raising=False)
    assert folder_of_pynvml() == str(tmp_path)


@pytest.mark.parametrize(
    ("variables", "order"),
    [
        ({}, [0, 1]),
        ({"STANDIN_CUDA_ORDER": "1,0"}, [1, 0]),
        ({"STANDIN_CUDA_ORDER": "1,0", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, [0, 1]),
        ({"CUDA_VISIBLE_DEVICES": "1,0"}, [1, 0]),
        ({"CUDA_VISIBLE_DEVICES": "1"}, [1]),
        ({"CUDA_VISIBLE_DEVICES": ""}, []),
    ],
)
def test_the_order_in_which_cuda_counts(standin: Path, variables: dict[str, str], order: list[int]) -> None:
    seen = seen_on(standin, STANDIN_GPUS=TWO, **variables)
    assert value(seen, "gpu.cuda_order") == order
    assert value(seen, "gpu.visible") == sorted(order)


def test_without_libcuda_the_order_of_several_gpus_is_not_known(standin: Path) -> None:
    seen = seen_on(standin, STANDIN_GPUS=TWO, STANDIN_CUINIT="999")
    assert isinstance(seen["gpu.cuda_order"], Unknown)
    one = seen_on(standin, STANDIN_CUINIT="999")
    assert value(one, "gpu.cuda_order") == [0]
