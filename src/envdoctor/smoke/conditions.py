"""Under what conditions the battery ran: clocks, temperature, power and what held them down, from NVML beside it."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.host.notes import Notes
from envdoctor.host.process import child_script
from envdoctor.host.pynvml_folder import folder_of_pynvml
from envdoctor.model.smoke import ALL_GPUS
from envdoctor.model.throttle import throttle_names
from envdoctor.smoke.manners import CPU, index_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from envdoctor.model.fact import Value
    from envdoctor.model.machine import Machine

BETWEEN = 0.25
"""Seconds between two looks."""

LASTING = 3600.0
"""Seconds after which the child ends by itself, whatever became of us."""


class Look(NamedTuple):
    """One GPU at one time; None for what NVML did not tell. `power` is in watts, `clock` in MHz."""

    at: float
    clock: float | None
    temperature: float | None
    power: float | None
    throttle: tuple[str, ...] | None
    processes: int | None
    mps: bool


class Board(NamedTuple):
    """One GPU as the watching child names it; limits of its power in watts."""

    uuid: str
    pci: str
    limit: float | None
    default_limit: float | None


class Watch:
    """Looks at every GPU from its making on, in a child; at nothing where `devices` are no GPUs.

    Start it before the battery, ask it after.
    """

    def __init__(
        self, devices: Sequence[str], environ: Mapping[str, str] | None = None, between: float = BETWEEN
    ) -> None:
        self._between = between
        self._notes: Notes | None = None
        if any(device != CPU for device in devices):
            script = [child_script("nvml_watch"), folder_of_pynvml(), str(between), str(LASTING), str(os.getpid())]
            self._notes = Notes([sys.executable, "-I", "-S", *script], os.environ if environ is None else environ)
        self._boards: dict[int, Board] = {}
        self._looks: dict[int, list[Look]] = {}

    def stop(self) -> None:
        """End the child and read what it wrote; nothing waits for it."""
        for line in self._notes.lines() if self._notes else ():
            words = _words(line)
            index = words.get("gpu")
            if not isinstance(index, int):
                continue
            if "at" in words:
                self._looks.setdefault(index, []).append(_look(words))
            else:
                self._boards[index] = _board(words)

    def seen(
        self,
        windows: Mapping[tuple[str, str], tuple[float, float]],
        devices: Sequence[Mapping[str, Value]],
        machine: Machine | None = None,
    ) -> list[dict[str, Value]]:
        """Return the rows of `smoke.conditions`: what was seen of each device while tests ran on it.

        `windows` are begin and end of each test on each device by `time.monotonic()`, `devices` what CUDA said of each
        ({"device", "uuid", "pci"}). A row holds what NVML told: `samples`; `sm_clock_mhz_min` and `_max`;
        `temperature_c_max`; `power_w_max`, `power_limit_w`, `power_limit_default_w`; `throttle`, what held the clocks
        down during any test, and `throttled`, the same by test; `mps`; `processes`, the most that computed on it at
        once, ours among them. No NVML, no row.

        `machine` knows CUDA's order, by which a device is found whose torch tells neither its UUID nor its address.
        """
        self.stop()
        rows: list[dict[str, Value]] = []
        for device in devices:
            index = self._index(device, machine)
            name = device.get("device")
            if index is None or not isinstance(name, str):
                continue
            ran = {test: window for (test, where), window in windows.items() if where in (name, ALL_GPUS)}
            row = self._row(index, ran)
            if row:
                rows.append({"device": name, **row})
        return rows

    def _index(self, device: Mapping[str, Value], machine: Machine | None) -> int | None:
        """Return which of the watched GPUs a device is; an instance of MIG is none."""
        uuid, pci = (str(device.get(key) or "").lower() for key in ("uuid", "pci"))
        for index, board in self._boards.items():
            if uuid and board.uuid.lower().removeprefix("gpu-") == uuid.removeprefix("gpu-"):
                return index
        if uuid.startswith("mig-"):
            return None
        for index, board in self._boards.items():
            if pci and board.pci.lower().lstrip("0") == pci.lstrip("0"):
                return index
        return index_of(machine, str(device.get("device"))) if machine is not None else None

    def _row(self, index: int, ran: Mapping[str, tuple[float, float]]) -> dict[str, Value]:
        looks = self._looks.get(index, [])
        by_test = {test: [look for look in looks if self._within(look, window)] for test, window in ran.items()}
        counted = list(dict.fromkeys(look for found in by_test.values() for look in found))
        if not counted:
            return {}
        board = self._boards.get(index, Board("", "", None, None))
        told = {test: [look for look in found if look.throttle is not None] for test, found in by_test.items()}
        held: dict[str, Value] = {test: _held(found) for test, found in told.items() if found}
        row: dict[str, Value] = {
            "samples": len(counted),
            "sm_clock_mhz_min": min(_told(look.clock for look in counted), default=None),
            "sm_clock_mhz_max": max(_told(look.clock for look in counted), default=None),
            "temperature_c_max": max(_told(look.temperature for look in counted), default=None),
            "power_w_max": max(_told(look.power for look in counted), default=None),
            "power_limit_w": board.limit,
            "power_limit_default_w": board.default_limit,
            "processes": max(_told(look.processes for look in counted), default=None),
        }
        if held:
            row |= {"throttle": _held(counted), "throttled": held}
        row["mps"] = any(look.mps for look in counted)
        return {key: value for key, value in row.items() if value is not None}

    def _within(self, look: Look, window: tuple[float, float]) -> bool:
        """Whether a look is of a test: a short one is seen by the looks before and after it."""
        return window[0] - self._between <= look.at <= window[1] + self._between


def _words(line: str) -> dict[str, object]:
    try:
        words = json.loads(line)
    except ValueError:  # a driver may print lines of its own
        return {}
    return words if isinstance(words, dict) else {}


def _look(words: Mapping[str, object]) -> Look:
    power, bits, processes = _number(words.get("power")), words.get("throttle"), words.get("processes")
    return Look(
        at=_number(words.get("at")) or 0.0,
        clock=_number(words.get("clock")),
        temperature=_number(words.get("temperature")),
        power=power / 1000 if power is not None else None,
        throttle=tuple(throttle_names(bits)) if isinstance(bits, int) else None,
        processes=processes if isinstance(processes, int) else None,
        mps=words.get("mps") is True,
    )


def _board(words: Mapping[str, object]) -> Board:
    limits = [_number(words.get(key)) for key in ("limit", "default_limit")]
    limit, default = (number / 1000 if number is not None else None for number in limits)
    return Board(str(words.get("uuid") or ""), str(words.get("pci") or ""), limit, default)


def _number(value: object) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _told(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _held(looks: Iterable[Look]) -> list[Value]:
    return [*dict.fromkeys(name for look in looks for name in look.throttle or ())]
