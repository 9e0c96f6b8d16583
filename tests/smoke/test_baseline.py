"""--baseline FILE: which figures of an earlier run count."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from envdoctor.smoke.baseline import read_baseline

if TYPE_CHECKING:
    from pathlib import Path

DEVICES = [
    {"device": "cuda:0", "name": "NVIDIA H200"},
    {"device": "cuda:1", "name": "NVIDIA H200"},
    {"device": "cpu", "name": None},
]


def test(**changed: Any) -> dict[str, Any]:
    return {
        "name": "matmul-bf16",
        "device": "cuda:0",
        "status": "passed",
        "figures": {"tflops": 700.0, "of_peak": 0.7},
        **changed,
    }


test.__test__ = False  # type: ignore[attr-defined]


def saved(path: Path, *tests: Any, **changed: Any) -> str:
    document = {"schema": "envdoctor.smoke/1", "size": "quick", "devices": DEVICES, "tests": list(tests), **changed}
    path.write_text(json.dumps(document))
    return str(path)


def test_what_was_measured_is_read_and_what_was_worked_out_is_not(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.json", test(), test(status="slow", device="cuda:1"), test(device="cuda"), size="full")
    row = {"test": "matmul-bf16", "device_name": "NVIDIA H200", "full": True, "figures": {"tflops": 700.0}}
    assert read_baseline(path) == [row, row, {**row, "device_name": "2 x NVIDIA H200"}]


@pytest.mark.parametrize(
    "changed",
    [
        {"status": "wrong-numbers"},
        {"status": "skipped"},
        {"status": None},
        {"device": "cuda:7"},
        {"device": "cpu"},
        {"device": 3},
        {"name": None},
    ],
)
def test_what_does_not_count(tmp_path: Path, changed: dict[str, Any]) -> None:
    good = test(name="copy-d2d", figures={"gb_per_s": 4000.0})
    assert [row["test"] for row in read_baseline(saved(tmp_path / "a.json", test(**changed), good))] == ["copy-d2d"]
    assert read_baseline(saved(tmp_path / "b.json", test(**changed))) == []


@pytest.mark.parametrize(
    "figures",
    [
        {"of_peak": 0.7},
        {"tflops": True},
        {"tflops": 0.0},
        {"tflops": float("nan")},
        {"tflops": 10**400},
        {},
        None,
        [1.0],
    ],
)
def test_a_test_that_measured_nothing_is_compared_with_nothing(tmp_path: Path, figures: Any) -> None:
    (row,) = read_baseline(saved(tmp_path / "a.json", test(figures=figures)))
    assert row["figures"] == {}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[" * 100_000, "not JSON"),
        (b"[1]", "no envdoctor.smoke/1 document"),
        (b'{"schema": "envdoctor.snapshot/1"}', "no envdoctor.smoke/1 document"),
        (b'{"schema": "envdoctor.smoke/1"}', "holds no tests"),
        (b'{"schema": "envdoctor.smoke/1", "tests": 5, "devices": {}}', "holds no tests"),
    ],
)
def test_a_file_that_is_no_earlier_run_is_one_line(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ValueError, match=words) as caught:
        read_baseline(str(tmp_path / "file"))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "file"))


def test_tests_of_another_shape_are_passed_over(tmp_path: Path) -> None:
    assert read_baseline(saved(tmp_path / "a.json", 5, "x", None, {}, devices=["x", 5])) == []


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, words in (("pipe", "not a file"), (".", "not a file"), ("nowhere", "cannot be read: No such file")):
        with pytest.raises(ValueError, match=words):
            read_baseline(str(tmp_path / name))
