"""`matrix verify` and `matrix refresh` from end to end, against an index on the loopback that has real releases."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from machines import run_cli
from published.loopback import HTML, Answer, Loopback, loopback
from published.tiny_wheels import library, metadata, version_py, wheel
from scenarios.shipped_schemas import validate
from standin.command import CHECKOUT
from upkeep.recorded_index import MATRIX_FILE, matrix_of, publish

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

    from standin.command import Said

TEXT = MATRIX_FILE.read_text(encoding="utf-8")
HAND = ("driver_floors", "gpus", "generations")


@pytest.fixture(scope="module")
def server() -> Iterator[Loopback]:
    with loopback() as here:
        publish(here)
        yield here


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def matrix(server: Loopback, cache: Path):
    """Run `envdoctor matrix ...` with both indexes on the loopback; the wheel index has no channel there."""

    def run(*arguments: str, index: str | None = None) -> Said:
        address = index or f"{server.base}/simple"
        where = ["--index-url", address, "--index-base", f"{server.base}/whl", "--timeout", "20"]
        return run_cli(["matrix", *arguments, *where], {"ENVDOCTOR_CACHE_DIR": str(cache), "NETRC": "/dev/null"})

    return run


def corrupted(tmp_path: Path) -> Path:
    path = tmp_path / "copy.toml"
    begins = TEXT.index('[torch."2.14.0".cu130]')
    path.write_text(TEXT[:begins] + TEXT[begins:].replace('"9.24.0.43"', '"9.99.9.99"', 1), encoding="utf-8")
    return path


def test_ours_is_confirmed_and_what_nobody_told_is_listed_apart(matrix) -> None:
    said = matrix("verify")
    assert (said.exit_code, said.stderr) == (0, "")
    assert re.search(r"^\d+ cells confirmed, 0 contradicted, \d+ not reachable\.$", said.stdout, re.MULTILINE)
    assert "Not reachable, so neither confirmed nor contradicted:" in said.stdout
    assert "PyTorch wheel index" in said.stdout
    assert all(f"{table} (" in said.stdout for table in HAND)
    assert max(map(len, said.stdout.splitlines())) <= 80


def test_a_wrong_pin_is_contradicted(matrix, tmp_path: Path) -> None:
    said = matrix("verify", "--matrix", str(corrupted(tmp_path)), "--torch", "2.14.0")
    assert said.exit_code == 1
    assert 'torch."2.14.0".cu130 cudnn (linux-x86_64)' in said.stdout
    assert "matrix: 9.99.9.99" in said.stdout
    assert "found:  9.24.0.43 (torch-2.14.0-cp314-cp314-manylinux_2_28_x86_64.whl)" in said.stdout


def test_the_documents_hold_the_same_and_no_address(matrix, tmp_path: Path, server: Loopback) -> None:
    one, two = tmp_path / "result.json", tmp_path / "result.md"
    said = matrix("verify", "-o", f"json={one}", "-o", f"markdown={two}")
    assert (said.exit_code, said.stdout, said.stderr) == (0, "", "")
    document = json.loads(one.read_text(encoding="utf-8"))
    validate(document)
    assert document["counts"]["contradicted"] == 0
    for outcome in ("confirmed", "not_reachable"):
        cells = [cell for group in document[outcome] for row in group["rows"].values() for cell in row]
        assert document["counts"][outcome.replace("_", "-")] == len(cells)
    assert f"{document['counts']['confirmed']} cells confirmed" in two.read_text(encoding="utf-8")
    for path in (one, two):
        assert "127.0.0.1" not in path.read_text(encoding="utf-8")
        assert server.base not in path.read_text(encoding="utf-8")


def test_credentials_of_an_index_stay_unsaid(matrix, server: Loopback) -> None:
    said = matrix("verify", "--format", "json", index=server.base.replace("//", "//me:hunter2@") + "/simple")
    assert said.exit_code == 0
    assert "hunter2" not in said.stdout + said.stderr


def test_what_was_read_is_remembered(matrix, server: Loopback) -> None:
    matrix("verify", "--torch", "2.15.0")
    before = len(server.paths())
    matrix("verify", "--torch", "2.15.0")
    again = server.paths()[before:]
    assert not [path for path in again if path.endswith(".whl")]
    matrix("verify", "--torch", "2.15.0", "--no-cache")
    assert [path for path in server.paths()[before:] if path.endswith(".whl")]


@pytest.mark.parametrize("command", ["verify", "refresh"])
@pytest.mark.parametrize(
    ("page", "words"),
    [
        (Answer(status=401), "asks for a login"),
        (Answer(status=404), "names no wheel of torch"),
        (Answer(b"<p>sign in</p>", "application/pdf"), "no page of links"),
        (Answer(b"<!DOCTYPE html><title>Links</title>", HTML), "names no wheel of torch"),
    ],
    ids=["login", "gone", "another type", "no wheel"],
)
def test_an_index_that_cannot_be_read_is_one_line(command: str, page: Answer, words: str) -> None:
    with loopback() as here:
        here.answers["/simple/torch/"] = page
        said = run_cli(["matrix", command, "--index-url", f"{here.base}/simple", "--no-cache"])
    assert (said.exit_code, said.stdout) == (2, "")
    assert re.fullmatch(r"envdoctor: the package index: .*\n", said.stderr)
    assert words in said.stderr


def test_a_dead_network_is_one_line() -> None:
    said = run_cli(["matrix", "verify", "--index-url", "http://127.0.0.1:9/simple", "--no-cache"])
    assert (said.exit_code, said.stdout) == (2, "")
    assert said.stderr == "envdoctor: the package index: cannot be reached: connection refused\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["verify", "--torch", "nonsense"], "--torch nonsense: not a release"),
        (["verify", "--torch", "2.15.1"], "neither in the matrix nor on the package index; did you mean 2.15.0"),
        (["verify", "--format", "yaml"], "--format yaml: unknown"),
        (["verify", "--torch", "2.77"], "neither in the matrix nor on the package index"),
        (["verify", "--torch", ""], "--torch: the value is empty"),
        (["verify", "--matrix", "nowhere.toml"], "nowhere.toml: cannot be read"),
        (["verify", "-o", "-", "-o", "-"], "both write to standard output"),
        (["refresh", "--write", "-o", "x.toml"], "--write and -o exclude each other"),
        (["refresh", "--matrix", "nowhere.toml"], "nowhere.toml: cannot be read"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_cannot_be_meant_is_one_line(matrix, arguments: list[str], words: str) -> None:
    said = matrix(*arguments)
    assert (said.exit_code, said.stdout) == (2, "")
    assert words in said.stderr
    assert said.stderr.count("\n") == 1


def test_a_terminal_sees_how_far_it_is_and_a_pipe_does_not(server: Loopback, cache: Path) -> None:
    where = ["--index-url", f"{server.base}/simple", "--index-base", f"{server.base}/whl", "--torch", "2.15.0"]
    leader, follower = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "envdoctor", "matrix", "verify", *where, "--no-cache"],
        env=os.environ | {"PYTHONPATH": str(CHECKOUT / "src"), "NETRC": "/dev/null"},
        stdout=subprocess.PIPE,
        stderr=follower,
        timeout=120,
        check=False,
    )
    os.close(follower)
    said = os.read(leader, 1 << 16).decode()
    os.close(leader)
    assert done.returncode == 0
    assert "Index pages: 1 of" in said
    assert re.search(r"Wheels: (\d+) of \1\x1b\[K\r\x1b\[K$", said)


def test_refresh_prints_a_change_and_writes_nothing(matrix, tmp_path: Path) -> None:
    path = corrupted(tmp_path)
    before = path.read_bytes()
    said = matrix("refresh", "--matrix", str(path))
    assert said.exit_code == 0
    assert '-cudnn = "9.99.9.99"\n+cudnn = "9.24.0.43"\n' in said.stdout
    assert said.stdout.startswith("--- a/copy.toml\n+++ b/copy.toml\n")
    assert path.read_bytes() == before


def test_refresh_writes_what_verify_then_confirms(matrix, tmp_path: Path) -> None:
    path = corrupted(tmp_path)
    assert matrix("refresh", "--matrix", str(path), "--write").exit_code == 0
    assert matrix_of(path.read_text(encoding="utf-8")).root.cells["torch"] == matrix_of(TEXT).root.cells["torch"]
    assert matrix("verify", "--matrix", str(path)).exit_code == 0
    again = matrix("refresh", "--matrix", str(path), "--write")
    assert (again.exit_code, again.stdout) == (0, "Nothing to change.\n")
    assert [one.name for one in tmp_path.iterdir()] == ["copy.toml"]


def test_a_file_that_was_edited_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = corrupted(tmp_path)
    with loopback() as here:
        publish(here)
        page = here.answers["/simple/torchaudio/"]
        assert isinstance(page, Answer)

        def edited(handler: BaseHTTPRequestHandler) -> None:
            path.write_text(path.read_text(encoding="utf-8") + "# mine\n", encoding="utf-8")
            handler.send_response(200)
            handler.send_header("Content-Type", page.kind)
            handler.send_header("Content-Length", str(len(page.body)))
            handler.end_headers()
            handler.wfile.write(page.body)

        here.answers["/simple/torchaudio/"] = edited
        where = ["--index-url", f"{here.base}/simple", "--index-base", f"{here.base}/whl", "--no-cache"]
        said = run_cli(["matrix", "refresh", "--matrix", str(path), "--write", *where], {"NETRC": "/dev/null"})
    assert (said.exit_code, said.stdout) == (2, "")
    assert said.stderr == f"envdoctor: {path}: changed while the indexes were read; nothing written\n"
    assert path.read_text(encoding="utf-8").endswith("# mine\n")


@pytest.mark.parametrize("command", ["verify", "refresh"])
def test_ctrl_c_is_one_line_and_leaves_nothing(tmp_path: Path, command: str) -> None:
    cache = tmp_path / "cache"
    path = corrupted(tmp_path)
    with loopback() as here:
        publish(here)
        asked = threading.Event()

        def never(_: BaseHTTPRequestHandler) -> None:
            asked.set()
            time.sleep(20)

        here.answers["/simple/torchaudio/"] = never
        where = ["--index-url", f"{here.base}/simple", "--index-base", f"{here.base}/whl", "--matrix", str(path)]
        run = subprocess.Popen(
            [sys.executable, "-m", "envdoctor", "matrix", command, *where],
            env=os.environ
            | {"PYTHONPATH": str(CHECKOUT / "src"), "NETRC": "/dev/null", "ENVDOCTOR_CACHE_DIR": str(cache)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert asked.wait(60)
        run.send_signal(signal.SIGINT)
        assert run.communicate(timeout=30) == ("", "envdoctor: interrupted\n")
    assert run.returncode == 130
    assert not [one for one in tmp_path.rglob("*") if "part" in one.name]


def test_refresh_can_write_beside_the_file(matrix, tmp_path: Path) -> None:
    path, other = corrupted(tmp_path), tmp_path / "new.toml"
    before = path.read_bytes()
    assert matrix("refresh", "--matrix", str(path), "-o", str(other)).exit_code == 0
    assert path.read_bytes() == before
    assert '"9.24.0.43"' in other.read_text(encoding="utf-8")


def test_a_result_that_breaks_a_law_is_not_written(matrix, tmp_path: Path) -> None:
    path = tmp_path / "copy.toml"
    path.write_text(re.sub(r"(?m)^\[driver_floors\.13\]\n(.+\n)+", "", TEXT), encoding="utf-8")
    before = path.read_bytes()
    said = matrix("refresh", "--matrix", str(path), "--write")
    assert (said.exit_code, said.stdout) == (1, "")
    assert said.stderr.startswith("envdoctor: nothing written, the result breaks a law: every cuda build has a driver")
    assert said.stderr.count("\n") == 1
    assert path.read_bytes() == before


def test_a_row_that_cannot_be_read_is_one_line(matrix, tmp_path: Path) -> None:
    path = tmp_path / "copy.toml"
    path.write_text(TEXT.replace('manylinux_2_28 = "2.28"', 'manylinux_9_99 = "9.99"'), encoding="utf-8")
    said = matrix("refresh", "--matrix", str(path), "--write")
    assert (said.exit_code, said.stdout) == (2, "")
    assert "no floor for the platform tag" in said.stderr
    assert said.stderr.count("\n") == 1


def test_a_channel_of_the_wheel_index_is_read_like_the_package_index(tmp_path: Path) -> None:
    """Torch 2.14.0 on cu126 with the pins its row has, and then with another cuDNN."""
    name = "torch-2.14.0+cu126-cp314-cp314-manylinux_2_28_x86_64.whl"

    def contents(cudnn: str) -> bytes:
        pins = (f"nvidia-cudnn-cu12=={cudnn}", "nvidia-nccl-cu12==2.29.3", "cuda-toolkit==12.6.3")
        return wheel(
            {
                "torch/version.py": version_py("2.14.0+cu126", "12.6"),
                "torch/lib/libtorch_python.so": library(b"sm_50 sm_60 sm_70 sm_75 sm_80 sm_86 sm_90"),
                "torch-2.14.0.dist-info/METADATA": metadata("torch", "2.14.0", *pins),
            }
        )

    def verified(cudnn: str) -> tuple[int, dict[str, str]]:
        link = f'<a href="../files/{name.replace("+", "%2B")}">{name.replace("+", "&#43;")}</a>'
        with loopback() as here:
            index = publish(here)
            here.answers["/whl/cu126/torch/"] = Answer(f"<!DOCTYPE html>{link}".encode())
            here.answers["/whl/cu126/files/" + name.replace("+", "%2B")] = Answer(contents(cudnn), ranges=True)
            where = ["--index-url", index, "--index-base", f"{here.base}/whl", "--no-cache", "--torch", "2.14.0"]
            said = run_cli(["matrix", "verify", *where, "--format", "json"], {"NETRC": "/dev/null"})
        document = json.loads(said.stdout)
        told = {
            cell: "confirmed"
            for group in document["confirmed"]
            for row, cells in group["rows"].items()
            for cell in cells
            if row.startswith('torch."2.14.0".cu126')
        }
        return said.exit_code, told | {claim["cell"]: "contradicted" for claim in document["contradicted"]}

    assert verified("9.10.2.21") == (
        0,
        {
            "linux-x86_64": "confirmed",
            "cuda (linux-x86_64)": "confirmed",
            "cudnn (linux-x86_64)": "confirmed",
            "nccl (linux-x86_64)": "confirmed",
            "architectures": "confirmed",
        },
    )
    code, cells = verified("9.11.0.1")
    assert (code, cells["cudnn (linux-x86_64)"]) == (1, "contradicted")


def test_an_overlay_is_not_refreshed(matrix, tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    path.write_text('[torch."2.13.0"]\nwithheld = "not approved"\n', encoding="utf-8")
    said = matrix("refresh", "--matrix", str(path))
    assert said.exit_code == 2
    assert "an overlay, not a whole matrix" in said.stderr


def test_an_overlay_is_verified_with_what_it_covers(matrix, tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    path.write_text('[torch."2.14.0"]\nwithheld = "not approved"\n', encoding="utf-8")
    said = matrix("verify", "--matrix", str(path), "--torch", "2.14.0")
    assert said.exit_code == 0
    assert " with ours.toml, read beside the indexes on " in " ".join(said.stdout.split())
    said = matrix("verify", "--matrix", str(path), "--torch", "2.14.0", "--format", "json")
    assert json.loads(said.stdout)["matrix"]["overlay"] == {"file": "ours.toml", "revision": None}
