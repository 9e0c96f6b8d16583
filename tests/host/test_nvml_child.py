"""What the NVML child asks otherwise where a driver is old, and when it waits: with a binding that is described."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from envdoctor.host.child import nvml as child
from envdoctor.host.child import nvml_watch

if TYPE_CHECKING:
    from collections.abc import Callable

NOT_FOUND = 13


class Refusal(Exception):
    """An error of NVML as the binding raises it."""

    def __init__(self, value: int) -> None:
        super().__init__(value)
        self.value = value


def binding(**questions: Callable[..., object]) -> Any:
    """A binding that knows these questions, for one GPU."""
    return SimpleNamespace(
        NVMLError=Refusal,
        NVML_ERROR_FUNCTION_NOT_FOUND=NOT_FOUND,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        **questions,
    )


def refusing(code: int) -> Callable[..., object]:
    def question(*_: object) -> object:
        raise Refusal(code)

    return question


NOT_KNOWN = refusing(NOT_FOUND)


def processes(new: Callable[..., object], old: Callable[..., object] = NOT_KNOWN) -> Any:
    return binding(nvmlDeviceGetComputeRunningProcesses_v3=new, nvmlDeviceGetComputeRunningProcesses_v2=old)


def test_who_computes_is_asked_as_the_driver_knows_it() -> None:
    one = SimpleNamespace(pid=1)
    assert child.processes(processes(lambda _: [one, one]), 0) == 2
    assert child.processes(processes(refusing(NOT_FOUND), lambda _: [one]), 0) == 1
    assert nvml_watch.processes(processes(refusing(NOT_FOUND), lambda _: [one]), 0) == [one]


@pytest.mark.parametrize("code", [3, NOT_FOUND])
def test_a_refusal_stays_one(code: int) -> None:
    for asked in (child.processes, nvml_watch.processes):
        with pytest.raises(Refusal) as refused:
            asked(processes(refusing(code)), 0)
        assert refused.value.value == code


@pytest.mark.parametrize(
    ("use", "who", "waits"),
    [
        (lambda _: SimpleNamespace(gpu=99), lambda _: [], 1),  # error correction begins, or somebody has just ended
        (lambda _: SimpleNamespace(gpu=99), lambda _: ["one"], 0),
        (lambda _: SimpleNamespace(gpu=20), lambda _: [], 0),
        (refusing(3), lambda _: [], 0),
        (lambda _: SimpleNamespace(gpu=99), refusing(4), 0),
    ],
)
def test_use_by_nobody_is_looked_at_once_more(
    use: Callable[..., object], who: Callable[..., object], waits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(child.time, "sleep", slept.append)
    child.settle(binding(nvmlDeviceGetUtilizationRates=use, nvmlDeviceGetComputeRunningProcesses_v3=who), 2)
    assert slept == [child.SETTLING] * waits
