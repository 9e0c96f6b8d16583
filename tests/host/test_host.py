"""Files of a live and of a recorded machine."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from envdoctor.host.host import MOST_BYTES, Host

if TYPE_CHECKING:
    from pathlib import Path


def recorded(root: Path, **told: Any) -> Host:
    (root / "machine.json").write_text(json.dumps(told))
    return Host.recorded(str(root))


def test_paths_of_a_recorded_machine_lie_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "name").write_text("recorded")
    host = recorded(tmp_path, environ={"PATH": "/usr/bin"}, os="linux", machine="aarch64")
    assert (host.read("/etc/name"), host.listdir("/etc"), host.live) == ("recorded", ["name"], False)
    assert (host.os, host.machine, host.environ["PATH"]) == ("linux", "aarch64", "/usr/bin")
    assert host.exists("/etc/name")
    assert host.is_file("/etc/name")
    assert host.is_dir("/etc")
    assert not host.exists("/proc/version")
    assert Host().path("/etc/name") == "/etc/name"


def test_what_a_recorded_machine_leaves_out_is_linux(tmp_path: Path) -> None:
    host = recorded(tmp_path)
    assert (host.os, host.machine, dict(host.environ)) == ("linux", "x86_64", {})
    assert host.start("nvml", ["never-run"]).answer(0).trouble == "not found on this recorded machine"


def test_recorded_commands_answer(tmp_path: Path) -> None:
    host = recorded(tmp_path, commands={"nvml": {"exit": 1, "out": "a", "error": "b", "trouble": "c"}, "smi": {}})
    said = host.start("nvml", ["never-run"]).answer(0)
    assert (said.exit, said.out, said.error, said.trouble) == (1, "a", "b", "c")
    assert host.start("smi", ["never-run"]).answer(0).exit is None


@pytest.mark.parametrize("text", ["", "[]", "7", '{"commands": {"nvml": 3}}', "{", "\ud800"])
def test_a_description_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "machine.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ValueError):  # noqa: PT011 - json and we word it differently
        Host.recorded(str(tmp_path))


def test_no_description_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"machine\.json"):
        Host.recorded(str(tmp_path))


def test_architectures_of_windows_get_their_usual_name(tmp_path: Path) -> None:
    assert recorded(tmp_path, os="windows", machine="AMD64").machine == "x86_64"


def test_reading_is_bounded(tmp_path: Path) -> None:
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(1 << 30)
    host = Host()
    assert len(host.read(str(tmp_path / "sparse"))) == MOST_BYTES
    assert host.read(str(tmp_path / "sparse"), 3) == "\0\0\0"


def test_what_could_block_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (str(tmp_path / "fifo"), str(tmp_path), "/dev/zero"):
        with pytest.raises(OSError, match="not a regular file"):
            Host().read(path)
    assert not Host().is_file(str(tmp_path / "fifo"))


def test_bytes_that_are_no_text_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"a\xff\xfeb")
    assert Host().read(str(tmp_path / "file")) == "a\ufffd\ufffdb"


def test_a_command_is_found_as_a_shell_finds_it(tmp_path: Path) -> None:
    for folder in ("a", "b", "c"):
        (tmp_path / folder).mkdir()
    (tmp_path / "a" / "tool").mkdir()
    (tmp_path / "b" / "tool").write_text("")
    (tmp_path / "c" / "tool").write_text("")
    (tmp_path / "c" / "tool").chmod(0o755)
    host = Host(environ={"PATH": os.pathsep.join(["", *(str(tmp_path / folder) for folder in "abc")])})
    assert host.which("tool") == str(tmp_path / "c" / "tool")
    assert Host(environ={}).which("tool") is None
