"""Files that are written: whole or not at all, with the mode they had, through links, and one writer to stdout."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from typing import TYPE_CHECKING

import pytest

from envdoctor.commands import deliver
from envdoctor.commands.failure import Unusable
from envdoctor.model.fact import Unknown
from envdoctor.model.snapshot import Snapshot
from standin.command import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

posix = pytest.mark.skipif(os.name == "nt", reason="modes and links as POSIX has them")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("text", ["##[error]x", "##vso[task.setvariable variable=a]b", "### ####"])
def test_a_saved_snapshot_holds_no_workflow_command(capsys: pytest.CaptureFixture[str], text: str) -> None:
    deliver.save_snapshot(Snapshot({"host.os": Unknown(text)}, taken="", envdoctor=""), "-")
    said = capsys.readouterr().out
    assert "##" not in said
    assert json.loads(said)["facts"]["host.os"]["reason"] == text


# ---- modes and links ------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize("kept", [0o600, 0o640, 0o664, 0o755])
def test_a_file_keeps_its_mode(tmp_path: Path, kept: int) -> None:
    report = tmp_path / "report"
    report.write_text("old")
    report.chmod(kept)
    deliver.save(str(report), "new")
    assert report.read_text() == "new"
    assert mode(report) == kept


@posix
def test_a_new_file_has_the_mode_the_user_asks_for(tmp_path: Path) -> None:
    report, plain = tmp_path / "report", tmp_path / "plain"
    plain.touch()
    deliver.save(str(report), "new")
    assert mode(report) == mode(plain)


@posix
@pytest.mark.parametrize("exists", [True, False])
def test_a_link_stays_and_its_file_is_written(tmp_path: Path, exists: bool) -> None:
    (tmp_path / "far").mkdir()
    real, link = tmp_path / "far" / "report", tmp_path / "link"
    if exists:
        real.write_text("old")
        real.chmod(0o600)
    link.symlink_to("far/report")
    deliver.save(str(link), "new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert not exists or mode(real) == 0o600
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["far", "link", "report"]


@posix
def test_a_link_to_itself_is_refused_and_stays(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("link")
    with pytest.raises(Unusable, match="cannot be written"):
        deliver.save(str(link), "new")
    assert [path.name for path in tmp_path.iterdir()] == ["link"]
    assert link.is_symlink()


def test_a_name_as_long_as_names_can_be(tmp_path: Path) -> None:
    report = tmp_path / ("x" * 200 + ".json")
    deliver.save(str(report), "new")
    assert [path.name for path in tmp_path.iterdir()] == [report.name]


# ---- failures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("old", ["old", None])
def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str | None
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    report = tmp_path / "report"
    if old is not None:
        report.write_text(old)
    before = [path.name for path in tmp_path.iterdir()]
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(Unusable, match="cannot be written"):
        deliver.save(str(report), "new")
    assert [path.name for path in tmp_path.iterdir()] == before
    assert old is None or report.read_text() == old


@posix
def test_an_interruption_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    report = tmp_path / "report"
    report.write_text("old")
    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        deliver.save(str(report), "new")
    assert [path.name for path in tmp_path.iterdir()] == ["report"]
    assert report.read_text() == "old"


@pytest.mark.parametrize("name", ["folder", "new/", "none/report"])
def test_what_is_no_file_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(Unusable, match=r"\A[^\n]*: cannot be written: [^\n]+\Z") as caught:
        deliver.save(f"{tmp_path}/{name}", "new")
    assert caught.value.exit_code == 2
    assert [path.name for path in tmp_path.rglob("*")] == ["folder"]


def test_somebody_elses_neighbour_stays(tmp_path: Path) -> None:
    neighbour = tmp_path / f"envdoctor.{os.getpid()}.part"
    neighbour.write_text("theirs")
    with pytest.raises(Unusable, match="cannot be written"):
        deliver.save(str(tmp_path / "report"), "new")
    assert neighbour.read_text() == "theirs"


@pytest.mark.parametrize("output", ["", "json="])
def test_an_empty_name_is_refused(output: str) -> None:
    with pytest.raises(Unusable, match="-o: no file name") as caught:
        deliver.save(deliver.destination(output, "terminal")[1], "text")
    assert caught.value.exit_code == 2
    with pytest.raises(Unusable, match="-o: no file name"):
        deliver.one_writer_each((output,), None)


# ---- standard output ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outputs", "saved"),
    [(("-", "-"), None), (("json=-", "terminal=-"), None), (("-",), "-"), ((), "-"), (("json=-", "x"), "-")],
)
def test_two_writers_to_standard_output_are_refused(outputs: tuple[str, ...], saved: str | None) -> None:
    with pytest.raises(Unusable, match="standard output") as caught:
        deliver.one_writer_each(outputs, saved)
    assert caught.value.exit_code == 2
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("outputs", "saved"),
    [((), None), (("-",), None), (("-", "json=x"), "y"), (("json=x",), "-"), ((), "y"), (("x", "y"), None)],
)
def test_one_writer_to_standard_output_is_well(outputs: tuple[str, ...], saved: str | None) -> None:
    deliver.one_writer_each(outputs, saved)


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/stdout that opens the file anew")
def test_a_redirected_standard_output_is_added_to(tmp_path: Path) -> None:
    import subprocess

    log = tmp_path / "log"
    log.write_text("earlier\n")
    script = "from envdoctor.commands.deliver import save; save('/dev/stdout', 'report\\n'); print('later')"
    with log.open("a") as stdout:
        subprocess.run(
            [sys.executable, "-c", script],
            stdout=stdout,
            check=True,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT / "src")},
        )
    assert log.read_text() == "earlier\nreport\nlater\n"
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


# ---- names ----------------------------------------------------------------------------------------


@posix
def test_the_names_of_the_account_and_of_the_environment_are_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    import pwd

    for variable, name in (("USER", "zqone"), ("LOGNAME", "zqtwo"), ("USERNAME", "zqthree"), ("SUDO_USER", "zqfour")):
        monkeypatch.setenv(variable, name)
    monkeypatch.setenv("HOME", "/data/people/zqfive")
    text = "zqone ZQTWO zq_zqthree zqfour zqfive /data/people/zqfive/x"
    seen = deliver.snapshot_without_names(Snapshot({"x": Unknown(text)}))["x"]
    assert seen == Unknown("redacted-user redacted-user zq_redacted-user redacted-user redacted-user ~/x")

    for variable in ("USER", "LOGNAME", "USERNAME", "SUDO_USER"):
        monkeypatch.delenv(variable)
    account = pwd.getpwuid(os.getuid()).pw_name
    seen = deliver.snapshot_without_names(Snapshot({"x": Unknown(f"/home/{account}")}))["x"]
    assert seen == Unknown("/home/redacted-user")
