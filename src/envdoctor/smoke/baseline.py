"""`--baseline FILE`: what a card reached before, out of an earlier envdoctor.smoke/1 document."""

from __future__ import annotations

import json
import os
import stat
from math import inf
from typing import TYPE_CHECKING

from envdoctor.model.boards import board_name
from envdoctor.model.smoke import number_in

if TYPE_CHECKING:
    from envdoctor.model.fact import Value

SCHEMA = "envdoctor.smoke/1"
MOST_BYTES = 16 * 1024 * 1024
COUNTED = ("passed", "slow")
"""How a test must have ended for its figures to count: what gave wrong numbers proves no speed."""


def read_baseline(path: str) -> list[dict[str, Value]]:
    """Return the rows of `smoke.baseline`: {"test", "device_name", "full", "figures"}.

    `full` says whether the sizes were those of --full. A test that measured nothing has a row without
    figures; one on a device without a name has none. Raises ValueError with one line for a file that cannot be
    read or is no such document.
    """
    document = _document(path)
    if not isinstance(document.get("tests"), list):
        raise ValueError(f"{path}: holds no tests, so it is no {SCHEMA} document")
    devices = [row for row in _list(document.get("devices")) if isinstance(row, dict)]
    rows: list[dict[str, Value]] = []
    for test in _list(document.get("tests")):
        if not isinstance(test, dict) or test.get("status") not in COUNTED:
            continue
        name, device, figures = test.get("name"), test.get("device"), _figures(test.get("figures"))
        called = board_name(devices, device) if isinstance(device, str) else None
        if isinstance(name, str) and called:
            full = document.get("size") == "full"
            rows.append({"test": name, "device_name": called, "full": full, "figures": figures})
    return rows


def _document(path: str) -> dict[str, Value]:
    """Read the file. Raises ValueError."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # opening a FIFO would wait for a writer
            raise ValueError(f"{path}: not a file")
        with open(path, encoding="utf-8") as file:
            text = file.read(MOST_BYTES + 1)
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not UTF-8, so no {SCHEMA} document") from None
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from None
    if len(text) > MOST_BYTES:
        raise ValueError(f"{path}: larger than {MOST_BYTES // 1024**2} MiB, no {SCHEMA} document")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"{path}: not JSON, so no {SCHEMA} document") from None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise ValueError(f"{path}: no {SCHEMA} document; `envdoctor smoke -o json=FILE` writes one")
    return document


def _list(value: Value) -> list[Value]:
    return value if isinstance(value, list) else []


def _figures(value: Value) -> dict[str, Value]:
    """Return what was measured, without what was worked out from it."""
    if not isinstance(value, dict):
        return {}
    numbers = {key: number_in(number) for key, number in value.items() if not key.startswith("of_")}
    return {key: number for key, number in numbers.items() if number is not None and 0 < number < inf}
