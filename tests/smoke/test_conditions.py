"""What NVML is asked beside the battery: a live child with the stand-in driver libraries."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from envdoctor.host.notes import Notes
from envdoctor.host.process import RUNNING, child_script, stop_all
from envdoctor.host.pynvml_folder import folder_of_pynvml
from envdoctor.model.machine import Machine
from envdoctor.smoke.conditions import Watch
from machines import machine_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

UUID = "a0000000-0000-4000-8000-000000000000"
DEVICE: dict[str, Any] = {"device": "cuda:0", "uuid": UUID, "pci": "0000:01:00.0"}
BUSY = "clock=1410,temperature=61,power=398,limit=300,default-limit=400,processes=1,throttle=0x44"


def environ(standin: Path, **variables: str) -> dict[str, str]:
    return {"PATH": "", "LD_LIBRARY_PATH": str(standin), **variables}


def wait_for(holds: Callable[[], bool]) -> None:
    net = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < net, "it never came"
        time.sleep(0.02)


def watched(standin: Path, looks: int = 3, **variables: str) -> tuple[Watch, float, float]:
    """A watch that has looked a few times, and the time between which it did."""
    begun = time.monotonic()
    watch = Watch(("cuda:0",), environ(standin, **variables), between=0.05)
    assert watch._notes is not None
    file = watch._notes._file
    assert file is not None
    wait_for(lambda: os.fstat(file.fileno()).st_size > 200 * looks)
    watch.stop()
    return watch, begun, time.monotonic()


def test_what_was_seen_while_tests_ran(standin: Path) -> None:
    watch, begun, ended = watched(standin, STANDIN_STATE=BUSY)
    (row,) = watch.seen({("matmul-bf16", "cuda:0"): (begun, ended)}, [DEVICE])
    assert row.pop("samples") >= 2  # type: ignore[operator]
    assert row == {
        "device": "cuda:0",
        "sm_clock_mhz_min": 1410,
        "sm_clock_mhz_max": 1410,
        "temperature_c_max": 61,
        "power_w_max": 398.0,
        "power_limit_w": 300.0,
        "power_limit_default_w": 400.0,
        "processes": 1,
        "throttle": ["sw-power-cap", "hw-thermal"],
        "throttled": {"matmul-bf16": ["sw-power-cap", "hw-thermal"]},
        "mps": False,
    }


def test_a_driver_before_510_is_watched_too(standin: Path) -> None:
    watch, begun, ended = watched(
        standin, STANDIN_STATE=BUSY, STANDIN_FAIL="nvmlDeviceGetComputeRunningProcesses_v3=13"
    )
    (row,) = watch.seen({("matmul-bf16", "cuda:0"): (begun, ended)}, [DEVICE])
    assert row["sm_clock_mhz_max"] == 1410
    assert "processes" not in row


def test_only_looks_at_a_test_of_that_device_count(standin: Path) -> None:
    watch, begun, ended = watched(standin, STANDIN_STATE=BUSY)
    assert watch.seen({("matmul-bf16", "cuda:1"): (begun, ended)}, [DEVICE]) == []
    assert watch.seen({("matmul-bf16", "cuda:0"): (begun - 9, begun - 8)}, [DEVICE]) == []
    (row,) = watch.seen({("nccl-all-reduce", "cuda"): (begun, ended)}, [DEVICE])
    assert row["throttled"] == {"nccl-all-reduce": ["sw-power-cap", "hw-thermal"]}


def test_a_gpu_is_found_by_its_uuid_or_its_address(standin: Path) -> None:
    two = "NVIDIA A100|8.0;NVIDIA A100|8.0"
    watch, begun, ended = watched(standin, STANDIN_GPUS=two)
    ran = {("start", "cuda:0"): (begun, ended)}
    for told in ({"uuid": f"GPU-{UUID}"}, {"uuid": UUID}, {"pci": "00000000:02:00.0"}):
        assert len(watch.seen(ran, [{"device": "cuda:0", **told}])) == 1
    for told in ({"uuid": "MIG-1", "pci": "0000:01:00.0"}, {"uuid": "GPU-other"}, {}):
        assert watch.seen(ran, [{"device": "cuda:0", **told}]) == []


def test_where_torch_tells_neither_it_is_found_by_the_order_of_cuda(standin: Path) -> None:
    watch, begun, ended = watched(standin, STANDIN_GPUS="NVIDIA A100|8.0;NVIDIA A100|8.0")
    turned = Machine(machine_snapshot(gpus=["NVIDIA A100-SXM4-80GB"] * 2, overrides={"gpu.cuda_order": [1, 0]}))
    ran = {("start", "cuda:1"): (begun, ended)}
    assert len(watch.seen(ran, [{"device": "cuda:1"}], turned)) == 1
    assert watch.seen(ran, [{"device": "cuda:1", "uuid": "MIG-1"}], turned) == []


def test_an_idle_gpu_is_not_held_down(standin: Path) -> None:
    watch, begun, ended = watched(standin)
    (row,) = watch.seen({("start", "cuda:0"): (begun, ended)}, [DEVICE])
    assert (row["throttle"], row["throttled"], row["mps"], row["processes"]) == ([], {"start": []}, False, 0)


def test_an_mps_server_is_told_by_its_pipe(standin: Path, tmp_path: Path) -> None:
    (tmp_path / "control").touch()
    watch, begun, ended = watched(standin, STANDIN_STATE="processes=2", CUDA_MPS_PIPE_DIRECTORY=str(tmp_path))
    (row,) = watch.seen({("start", "cuda:0"): (begun, ended)}, [DEVICE])
    assert (row["mps"], row["processes"]) == (True, 2)


def test_what_nvml_refuses_is_left_out(standin: Path) -> None:
    refused = "nvmlDeviceGetClockInfo=3,nvmlDeviceGetPowerUsage=4,nvmlDeviceGetComputeRunningProcesses_v3=999"
    watch, begun, ended = watched(standin, STANDIN_FAIL=refused)
    (row,) = watch.seen({("start", "cuda:0"): (begun, ended)}, [DEVICE])
    assert not {"sm_clock_mhz_min", "sm_clock_mhz_max", "power_w_max", "processes"} & row.keys()
    assert row["temperature_c_max"] == 30
    assert "throttle" in row


def test_clocks_of_which_nvml_tells_nothing_are_not_said_to_be_free(standin: Path) -> None:
    refused = "nvmlDeviceGetCurrentClocksEventReasons=3,nvmlDeviceGetCurrentClocksThrottleReasons=3"
    watch, begun, ended = watched(standin, STANDIN_FAIL=refused)
    (row,) = watch.seen({("start", "cuda:0"): (begun, ended)}, [DEVICE])
    assert not {"throttle", "throttled"} & row.keys()


@pytest.mark.parametrize(
    "variables",
    [{"STANDIN_NVML_INIT": "999"}, {"STANDIN_CRASH": "nvml"}, {"LD_LIBRARY_PATH": ""}, {"STANDIN_NVML_HANG": "init"}],
)
def test_without_nvml_there_are_no_rows_and_nobody_waits(standin: Path, variables: dict[str, str]) -> None:
    watch = Watch(("cuda:0",), {**environ(standin), **variables})
    assert watch.seen({("start", "cuda:0"): (0.0, time.monotonic() + 60)}, [DEVICE]) == []
    assert watch._notes not in RUNNING


def test_the_processor_alone_is_not_watched() -> None:
    watch = Watch(("cpu",))
    assert watch.seen({("start", "cpu"): (0.0, 9.0)}, [{"device": "cpu", "name": "a processor"}]) == []


def test_a_watch_ends_with_every_other_child(standin: Path) -> None:
    watch = Watch(("cuda:0",), environ(standin))
    assert watch._notes is not None
    process = watch._notes._process
    assert process is not None
    stop_all()
    assert process.returncode is not None or not Path(f"/proc/{process.pid}").exists()


def test_it_ends_when_whoever_started_it_is_gone(standin: Path, tmp_path: Path) -> None:
    """A parent that is killed can stop nobody."""
    told = tmp_path / "pid"
    program = (
        "import os, sys\nfrom envdoctor.smoke.conditions import Watch\n"
        f"watch = Watch(('cuda:0',), between=0.05)\nopen({str(told)!r}, 'w').write(str(watch._notes._process.pid))\n"
        "os._exit(0)\n"
    )
    source = str(Path(__file__).parents[2] / "src")
    notes = Notes([sys.executable, "-c", program], {**environ(standin), "PYTHONPATH": source})
    wait_for(lambda: told.exists() and bool(told.read_text()))
    pid = int(told.read_text())
    wait_for(lambda: not Path(f"/proc/{pid}").exists() or "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text())
    notes.stop()


def test_it_looks_at_nothing_for_who_is_gone_before_it_began(standin: Path) -> None:
    watch = [sys.executable, "-I", "-S", child_script("nvml_watch"), folder_of_pynvml(), "0.05", "3600", "1"]
    done = subprocess.run(watch, env=environ(standin), capture_output=True, text=True, timeout=60, check=True)
    assert '"gpu"' in done.stdout
    assert '"at"' not in done.stdout


def test_lines_of_others_among_the_notes_are_passed_over() -> None:
    program = 'print("NVRM: hello\\n[1]\\n{}\\n" + chr(123) + "\\"gpu\\": 0, \\"at\\": 5.0, \\"clock\\": true}")'
    watch = Watch(("cuda:0",))
    watch.stop()
    watch._notes = Notes([sys.executable, "-c", program], os.environ)
    notes = watch._notes
    wait_for(lambda: notes._process is not None and notes._process.poll() is not None)
    assert watch.seen({("start", "cuda:0"): (4.0, 6.0)}, [DEVICE]) == []  # of no board that was named
    assert watch._looks[0][-1].clock is None
