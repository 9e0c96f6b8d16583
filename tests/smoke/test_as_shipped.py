"""Settings of the whole process are put back before a test, whatever torch knows of them."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

from envdoctor.smoke.child.as_shipped import put_back
from envdoctor.smoke.child.case import CHECK, CPU, Case
from envdoctor.smoke.child.running import run_one


def torch_with(**functions: Any) -> ModuleType:
    torch = ModuleType("torch")
    vars(torch).update(functions)
    return torch


def test_each_setting_becomes_what_torch_comes_with() -> None:
    now: dict[str, Any] = {"precision": "medium"}

    def setter(name: str) -> Any:
        return lambda value: now.update({name: value})

    class Mode:
        def __init__(self, on: bool) -> None:
            self.on = on

        def __enter__(self) -> None:
            now["inference"] = self.on

    put_back(
        torch_with(
            float32="f32",
            set_default_device=setter("device"),
            set_default_dtype=setter("dtype"),
            are_deterministic_algorithms_enabled=lambda: True,
            use_deterministic_algorithms=setter("deterministic"),
            set_autocast_enabled=setter("autocast"),
            set_autocast_cpu_enabled=setter("autocast on the CPU"),
            is_inference_mode_enabled=lambda: True,
            inference_mode=Mode,
            set_grad_enabled=setter("gradients"),
            get_float32_matmul_precision=lambda: now["precision"],
            set_float32_matmul_precision=setter("precision"),
        )
    )
    assert now == {
        "device": None,
        "dtype": "f32",
        "deterministic": False,
        "autocast": False,
        "autocast on the CPU": False,
        "inference": False,
        "gradients": True,
        "precision": "highest",
    }


def test_precision_that_is_right_is_left_alone() -> None:
    """From torch 2.9 on, setting it by the old name may contradict what was set by the new one."""
    set_to: list[str] = []
    put_back(
        torch_with(
            get_float32_matmul_precision=lambda: "highest",
            set_float32_matmul_precision=set_to.append,
        )
    )
    assert set_to == []


def test_algorithms_that_nobody_asked_to_be_deterministic_are_left_alone() -> None:
    """To say so imports torch's compiler (2.13 and 2.14 do, 2.9 does not), for seconds, in each child."""
    asked: list[object] = []
    put_back(torch_with(are_deterministic_algorithms_enabled=lambda: False, use_deterministic_algorithms=asked.append))
    assert asked == []


def test_every_autocast_is_left() -> None:
    depth = [2]

    def move(by: int) -> int:
        depth[0] += by
        return depth[0]

    put_back(
        torch_with(
            autocast_increment_nesting=lambda: move(1),
            autocast_decrement_nesting=lambda: move(-1),
            clear_autocast_cache=lambda: depth.append(-1),
        )
    )
    assert depth == [0, -1]


def test_what_torch_refuses_or_does_not_know_is_no_trouble() -> None:
    asked: list[object] = []

    def refuse(value: object) -> None:
        asked.append(value)
        raise RuntimeError("broken")

    put_back(torch_with(set_default_device=refuse, set_grad_enabled=asked.append))
    assert asked == [None, True]


def test_a_test_runs_with_them() -> None:
    now = {"gradients": False}

    def run(torch: ModuleType, bench: Any) -> None:
        bench.true(now["gradients"], "gradients are off")

    torch = torch_with(
        Generator=lambda: SimpleNamespace(manual_seed=lambda _: None),
        set_grad_enabled=lambda value: now.update(gradients=value),
    )
    case = Case("start", "", "torch", run, on=(CPU,), since=CHECK)
    told = run_one(torch, case, "cpu", {"seed": 1, "devices": [], "full": False})
    assert (told["status"], now) == ("passed", {"gradients": True})
