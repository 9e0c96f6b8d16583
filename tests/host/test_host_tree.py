"""A recorded tree is a machine of its own: links stay inside, sizes and processors are told."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from envdoctor.host.host import LONGEST_PATH, MOST_LINKS, Host

if TYPE_CHECKING:
    from pathlib import Path


def recorded(root: Path, **told: Any) -> Host:
    (root / "machine.json").write_text(json.dumps(told))
    return Host.recorded(str(root))


def test_an_absolute_link_leads_to_the_recorded_file(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "passwd").write_text("recorded")
    (tmp_path / "name").symlink_to("/etc/passwd")
    (tmp_path / "folder").symlink_to("/etc")
    host = recorded(tmp_path)
    assert host.read("/name") == "recorded"
    assert host.read("/folder/passwd") == "recorded"
    assert host.listdir("/folder") == ["passwd"]
    assert host.readlink("/name") == "/etc/passwd"


def test_nothing_leads_out_of_the_tree(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("live")
    root = tmp_path / "machine"
    root.mkdir()
    (root / "up").symlink_to("../outside")
    (root / "far").symlink_to("../" * 30 + "proc/version")
    (root / "absolute").symlink_to(str(tmp_path / "outside"))
    (root / "live").symlink_to("/proc/version")
    host = recorded(root)
    for path in ("/up", "/far", "/absolute", "/live", "/../outside", "../outside", "/x/../../outside"):
        assert not host.exists(path)
        assert host.path(path).startswith(str(root))
        with pytest.raises(OSError, match="No such file"):
            host.read(path)


def test_a_relative_link_counts_from_where_it_really_lies(tmp_path: Path) -> None:
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "real" / "file").write_text("found")
    (tmp_path / "real" / "deep" / "link").symlink_to("../file")
    (tmp_path / "short").symlink_to("/real/deep")
    assert recorded(tmp_path).read("/short/link") == "found"


@pytest.mark.parametrize("told", [("a", "/a"), ("a", "a"), ("a", "b/a")])
def test_a_circle_leads_nowhere(tmp_path: Path, told: tuple[str, str]) -> None:
    (tmp_path / "b").symlink_to("/")
    (tmp_path / told[0]).symlink_to(told[1])
    host = recorded(tmp_path)
    assert not host.exists("/a")
    assert not host.is_dir("/a/x")
    with pytest.raises(OSError, match="a"):
        host.read("/a")


def test_as_many_links_as_linux_follows(tmp_path: Path) -> None:
    (tmp_path / "0").write_text("end")
    for number in range(MOST_LINKS + 1):
        (tmp_path / str(number + 1)).symlink_to(f"/{number}")
    host = recorded(tmp_path)
    assert host.read(f"/{MOST_LINKS}") == "end"
    assert not host.exists(f"/{MOST_LINKS + 1}")


def test_a_link_to_nothing_can_still_be_read_as_a_link(tmp_path: Path) -> None:
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "driver").symlink_to("../../../bus/pci/drivers/nvidia")
    host = recorded(tmp_path)
    assert os.path.basename(host.readlink("/devices/driver")) == "nvidia"
    assert not host.exists("/devices/driver")
    with pytest.raises(OSError, match="Invalid argument"):
        host.readlink("/devices")


def test_paths_that_no_system_has(tmp_path: Path) -> None:
    host = recorded(tmp_path)
    assert not host.exists("/a\0b")
    assert not host.exists("/" + "x/" * LONGEST_PATH)
    assert host.path("/") == str(tmp_path)


def test_the_live_machine_takes_paths_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("target")
    host = Host()
    assert host.path("/a/../b//c") == "/a/../b//c"
    assert host.readlink(str(tmp_path / "link")) == "target"


def test_sizes_and_processors_of_a_recorded_machine(tmp_path: Path) -> None:
    host = recorded(tmp_path, disks={"/dev/shm": [67108864, 1]}, cpus=8)
    assert (host.space("/dev/shm"), host.space("/"), host.cpus) == ((67108864, 1), None, 8)
    assert recorded(tmp_path).cpus is None


@pytest.mark.parametrize("told", [7, [1], ["a", "b"], {"total": 1}])
def test_a_size_of_another_form_is_refused(tmp_path: Path, told: object) -> None:
    with pytest.raises(ValueError, match="total bytes"):
        recorded(tmp_path, disks={"/dev/shm": told})


@pytest.mark.parametrize(
    "told",
    [
        {"environ": []},
        {"environ": {"PATH": 1}},
        {"commands": []},
        {"commands": {"nvml": 1}},
        {"commands": {"nvml": {"out": 5}}},
        {"commands": {"nvml": {"exit": "0"}}},
        {"disks": 5},
        {"cpus": "x"},
        {"os": 5},
        {"machine": None},
    ],
    ids=str,
)
def test_a_description_of_another_form_is_refused(tmp_path: Path, told: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"machine\.json: "):
        recorded(tmp_path, **told)


@pytest.mark.parametrize("text", ["[]", "[" * 100_000, "nothing"])
def test_a_description_that_is_no_object_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "machine.json").write_text(text)
    with pytest.raises(ValueError, match=r"machine\.json|Expecting value"):
        Host.recorded(str(tmp_path))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFO on this system")
def test_a_description_that_is_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "machine.json")
    with pytest.raises(OSError, match="not a regular file"):
        Host.recorded(str(tmp_path))


@pytest.mark.skipif(not hasattr(os, "statvfs"), reason="this system does not tell sizes so")
def test_sizes_of_the_live_machine(tmp_path: Path) -> None:
    space = Host().space(str(tmp_path))
    assert space is not None
    assert 0 <= space[1] <= space[0]
    with pytest.raises(OSError, match="No such file"):
        Host().space(str(tmp_path / "nothing"))


def test_device_files_that_may_not_be_opened(tmp_path: Path) -> None:
    host = recorded(tmp_path, denied=["/dev/nvidia1"])
    assert [host.may_open(f"/dev/nvidia{number}") for number in (0, 1)] == [True, False]
    with pytest.raises(ValueError, match="list of paths"):
        recorded(tmp_path, denied=7)


def test_whether_a_file_of_the_live_machine_may_be_opened(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert Host().may_open(str(tmp_path / "file"))
    assert not Host().may_open(str(tmp_path / "nothing"))
