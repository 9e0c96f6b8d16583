"""What keeps a fix from its work: the old environment is untouched, one line says why, and nothing is left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fix_worlds import WORLDS, Environment, Place, World, begun, beside, digest, doctored, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from machines import Said

VISION = WORLDS["torchvision of another torch"]
HOW = ("pip", "uv")
KEPT = ("log.txt", "lock", ".gitignore")
IMPATIENT = {"PIP_RETRIES": "0", "PIP_RESUME_RETRIES": "0", "UV_HTTP_RETRIES": "0"}


@pytest.fixture
def faulty(tiny_wheels: Path, tmp_path: Path) -> Iterator[Place]:
    """An index of its own, that errs as its `faults` say, and caches in which nothing is."""
    with serving(tiny_wheels) as index:
        try:
            yield Place(index, tmp_path / "caches")
        finally:
            index.let_go.set()


def made(tmp_path: Path, place: Place, installer: str = "uv", world: World = VISION) -> Environment:
    return world.made(tmp_path / "project" / ".venv", installer, place)


def applied(at: Environment, *words: str, **env: str) -> Said:
    words = ("fix", "--index-base", at.place.index.base, "--apply", "--yes", "--no-smoke", *words)
    return doctored(at, VISION, *words, standin=Path(), env=env)


def is_one_sentence(said: Said) -> bool:
    """Whether what keeps it from its work is told once: a refusal in the report, or a line of standard error."""
    told = [line for line in said.stderr.splitlines() if line.startswith("envdoctor:")]
    return len(told) + said.stdout.count("Refused: ") + said.stdout.count("Not repaired: ") == 1


def left(at: Environment) -> list[str]:
    """What a fix that failed left beside the environment, but for what the installer said."""
    state = Path(f"{at.folder}.envdoctor")
    return sorted(path.name for path in state.iterdir() if path.name not in KEPT) if state.exists() else []


@pytest.mark.parametrize("installer", HOW)
@pytest.mark.parametrize(("fault", "told"), [("wrong", "hash"), ("cut", "")])
def test_what_the_index_does_wrong_leaves_the_environment_as_it_is(
    installer: str, fault: str, told: str, tmp_path: Path, faulty: Place
) -> None:
    at = made(tmp_path, faulty, installer)
    shutil.rmtree(faulty.cache)
    was = digest(at.folder)
    faulty.index.faults["torchvision"] = fault
    said = applied(at, **IMPATIENT)
    assert said.exit_code == 1, said.stdout + said.stderr
    assert is_one_sentence(said), said.stdout + said.stderr
    assert told in said.stdout + said.stderr
    assert digest(at.folder) == was
    assert left(at) == []
    faulty.index.faults.clear()
    assert applied(at).exit_code == 0


@pytest.mark.parametrize("installer", HOW)
def test_a_server_that_is_not_there(installer: str, tmp_path: Path, tiny_wheels: Path) -> None:
    with serving(tiny_wheels) as index:
        at = made(tmp_path, Place(index, tmp_path / "caches"), installer)
    shutil.rmtree(tmp_path / "caches")
    was = digest(at.folder)
    said = applied(at, **IMPATIENT)
    assert said.exit_code in (1, 2), said.stdout + said.stderr
    assert is_one_sentence(said)
    assert digest(at.folder) == was
    assert left(at) == []


def test_nobody_asked_for_it(tmp_path: Path, place: Place) -> None:
    at = made(tmp_path, place)
    was = digest(at.folder)
    for words, env in (
        (("--apply",), {}),
        (("--apply", "--yes"), {"CI": "true"}),
        (("--rollback", "--yes"), {}),
    ):
        said = doctored(at, VISION, "fix", *words, standin=Path(), env=env)
        assert said.exit_code == 2, (words, said.stdout, said.stderr)
        assert is_one_sentence(said), said.stderr
    assert digest(at.folder) == was
    assert beside(at) == []
    assert applied(at, "--allow-ci", CI="true").exit_code == 0


def test_an_environment_in_use_is_left_alone(tmp_path: Path, place: Place) -> None:
    at = made(tmp_path, place)
    was = digest(at.folder)
    with subprocess.Popen([at.python, "-B", "-c", "import torch; print('up', flush=True); input()"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as user:  # fmt: skip
        assert user.stdout is not None
        assert user.stdout.readline() == "up\n"
        said = applied(at)
        assert said.exit_code == 2, said.stdout + said.stderr
        assert str(user.pid) in said.stdout + said.stderr
        user.communicate("\n")
    assert digest(at.folder) == was
    assert beside(at) == []
    assert applied(at).exit_code == 0


@contextmanager
def tmpfs(folder: Path, size: int) -> Iterator[Path]:
    """A small file system of its own; skips the test where this user may mount none."""
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("this user may not mount a tmpfs")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


MIB = 1 << 20


def test_a_disk_that_does_not_hold_a_copy(tmp_path: Path, place: Place) -> None:
    with tmpfs(tmp_path / "small", 16 * MIB) as disk:
        at = made(disk, place)
        (at.site / "ballast.bin").write_bytes(os.urandom(10 * MIB))
        was = digest(at.folder)
        said = applied(at)
        assert said.exit_code == 2, said.stdout + said.stderr
        assert "free" in said.stdout
        assert digest(at.folder) == was
        assert beside(at) == []


@pytest.mark.parametrize("installer", HOW)
def test_a_disk_that_the_installer_fills(installer: str, tmp_path: Path, tiny_wheels: Path) -> None:
    """A wheel of a few bytes that unpacks to megabytes: nobody knew before."""
    root = tmp_path / "wheels"
    shutil.copytree(tiny_wheels / "cu128", root / "cu128")
    wheel = next((root / "cu128").glob("torchvision-0.24.1*"))
    with zipfile.ZipFile(wheel, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("torchvision/large.bin", bytes(30 * MIB))
    with serving(root) as index, tmpfs(tmp_path / "small", 56 * MIB) as disk:
        at = made(disk, Place(index, tmp_path / "caches"), installer)
        was = digest(at.folder)
        usage = shutil.disk_usage(disk)
        (disk / "others").write_bytes(bytes(usage.free - usage.used - 10 * MIB))  # a copy fits, and 10 MiB more
        said = applied(at, UV_LINK_MODE="copy")
        assert said.exit_code == 1, said.stdout + said.stderr
        assert "space" in said.stdout + said.stderr
        assert digest(at.folder) == was
        assert left(at) == []


def children_of(folder: Path) -> list[str]:
    """Processes whose command line names a folder."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            line = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line and int(place.name) != os.getpid():
            found.append(line)
    return found


@pytest.mark.parametrize("installer", HOW)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_a_wheel_comes(installer: str, number: int, code: int, tmp_path: Path, faulty: Place) -> None:
    at = made(tmp_path, faulty, installer)
    shutil.rmtree(faulty.cache)
    was = digest(at.folder)
    faulty.index.faults["torchvision"] = "stall"
    doctor = begun(at, "fix", "--index-base", faulty.index.base, "--apply", "--yes", "--no-smoke")
    assert faulty.index.stalled.wait(60), doctor.communicate()
    doctor.send_signal(number)
    said = doctor.communicate(timeout=60)
    assert doctor.returncode == code, said
    assert "Traceback" not in said[1]
    assert digest(at.folder) == was
    assert left(at) == []
    assert children_of(at.folder) == []


@pytest.mark.parametrize("installer", ["pip", pytest.param("uv", marks=pytest.mark.real)])
def test_a_doctor_while_another_works(installer: str, tmp_path: Path, faulty: Place) -> None:
    at = made(tmp_path, faulty, installer)
    shutil.rmtree(faulty.cache)
    was = digest(at.folder)
    faulty.index.faults["torchvision"] = "stall"
    first = begun(at, "fix", "--index-base", faulty.index.base, "--apply", "--yes", "--no-smoke")
    assert faulty.index.stalled.wait(60), first.communicate()
    second = applied(at)
    assert second.exit_code == 2, second.stdout + second.stderr
    assert is_one_sentence(second), second.stderr
    back = doctored(at, VISION, "fix", "--rollback", "--yes", standin=Path())
    assert back.exit_code == 2, back.stdout + back.stderr
    dry = doctored(at, VISION, "fix", "--index-base", faulty.index.base, standin=Path(), env=IMPATIENT)
    assert dry.exit_code in (0, 2), dry.stdout + dry.stderr
    assert digest(at.folder) == was
    faulty.index.let_go.set()
    said = first.communicate(timeout=60)
    assert first.returncode == 0, said
    assert at.versions()["torchvision"] == "0.24.1+cu128"
