"""Who uses an environment: real processes, and recorded ones."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envdoctor.fix.in_use import MAPPED, OPEN, RUNS, WORKS, User, can_tell, users_of

if TYPE_CHECKING:
    from collections.abc import Iterator

WAITING = "import sys; print('ready', flush=True); sys.stdin.read()"
BASE = os.path.realpath(sys.executable)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("in_use") / ".venv"
    venv.create(folder, symlinks=True)
    (folder / "bin" / "tool").write_text(f"#!{folder}/bin/python\n{WAITING}\n")
    (folder / "bin" / "tool").chmod(0o755)
    (folder / "app.py").write_text(WAITING)
    return folder


@pytest.fixture
def environment(made: Path) -> Path:
    assert users_of(str(made)) == ()
    return made


@contextmanager
def running(
    *argv: str | Path, executable: str | None = None, cwd: Path | None = None, **variables: str
) -> Iterator[subprocess.Popen[str]]:
    """A process that has said that it is ready, and waits."""
    environ = {"PATH": "/usr/bin:/bin", **variables}
    with subprocess.Popen(
        [str(word) for word in argv],
        executable=executable,
        cwd=cwd,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


def how(environment: Path, process: subprocess.Popen[str]) -> str | None:
    found = {user.pid: user for user in users_of(str(environment))}
    assert set(found) <= {process.pid}
    return found[process.pid].how if found else None


def test_its_interpreter_runs(environment: Path) -> None:
    with running(environment / "bin" / "python", "-c", WAITING) as process:
        (user,) = users_of(str(environment))
        assert user.pid == process.pid
        assert user.name.startswith("python")
        assert user.how == RUNS
    assert users_of(str(environment)) == ()


def test_by_a_link_to_the_environment_and_for_one_that_is_asked_by_a_link(environment: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(environment)
    with running(link / "bin" / "python", "-c", WAITING) as process:
        assert how(environment, process) == RUNS
        assert how(link, process) == RUNS
    with running(environment / "bin" / "python", "-c", WAITING) as process:
        assert how(link, process) == RUNS


def test_by_a_relative_path(environment: Path) -> None:
    with running(".venv/bin/python", "-c", WAITING, cwd=environment.parent) as process:
        assert how(environment, process) == RUNS


def test_a_script_by_its_first_line(environment: Path) -> None:
    with running(environment / "bin" / "tool") as process:
        assert how(environment, process) == RUNS


@pytest.mark.parametrize("options", [[], ["-u"], ["-X", "dev", "-W", "ignore"]])
def test_a_script_of_it_run_by_another_python(environment: Path, options: list[str]) -> None:
    with running(BASE, *options, environment / "app.py") as process:
        assert how(environment, process) == RUNS


def test_an_activated_shell_starts_pure_python(environment: Path) -> None:
    """The kernel knows it as `python` alone, and every file it has is the base interpreter's."""
    path = f"{environment}/bin:/usr/bin:/bin"
    with running("python", "-c", WAITING, executable=f"{environment}/bin/python", PATH=path) as process:
        assert Path(f"/proc/{process.pid}/cmdline").read_bytes().startswith(b"python\0")
        assert how(environment, process) == RUNS


def test_a_process_that_changed_its_title(environment: Path) -> None:
    activated = {"VIRTUAL_ENV": str(environment), "PATH": f"{environment}/bin:/usr/bin"}
    with running("gunicorn: master [app]", "-c", WAITING, executable=BASE, **activated) as process:
        assert how(environment, process) == RUNS


def test_what_is_activated_and_runs_something_else_does_not_count(environment: Path) -> None:
    activated = {"VIRTUAL_ENV": str(environment), "PATH": f"{environment}/bin:/usr/bin:/bin"}
    with running("sh", "-c", "echo ready; read line", **activated) as process:
        assert how(environment, process) is None
    with running(BASE, "-c", WAITING, **activated) as process:
        assert how(environment, process) is None


def test_other_environments_do_not_count(environment: Path, tmp_path: Path) -> None:
    other = environment.with_name(".venv2")
    (other / "bin").mkdir(parents=True)
    (other / "bin" / "python").symlink_to(BASE)
    with running(other / "bin" / "python", "-c", WAITING, cwd=other) as process:
        assert how(environment, process) is None
    shutil.rmtree(other)


def test_one_that_names_it_as_an_argument_does_not_count(environment: Path) -> None:
    with running(BASE, "-c", WAITING, environment / "app.py", cwd=environment.parent) as process:
        assert how(environment, process) is None


def test_a_copied_interpreter(environment: Path, tmp_path: Path) -> None:
    copy = environment / "bin" / "copied"
    shutil.copy("/bin/sh", copy)
    with running("sh", "-c", "echo ready; read line", executable=str(copy)) as process:
        assert how(environment, process) == RUNS
        copy.unlink()
        assert how(environment, process) == RUNS, "deleted, and it runs on"


@pytest.fixture
def library(environment: Path, tmp_path: Path) -> Path:
    source = tmp_path / "extension.c"
    source.write_text("int answer(void) { return 42; }")
    built = environment / "lib" / "extension.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", built, source], check=True)
    return built


def test_an_extension_module_that_is_mapped(environment: Path, library: Path) -> None:
    """By a Python that is not the environment's, as with PYTHONPATH."""
    with running(BASE, "-c", f"import ctypes; ctypes.CDLL({str(library)!r}); {WAITING}") as process:
        assert how(environment, process) == MAPPED
        library.unlink()
        assert how(environment, process) == MAPPED


def test_one_that_works_in_it(environment: Path) -> None:
    with running("sh", "-c", "echo ready; read line", cwd=environment / "lib") as process:
        assert how(environment, process) == WORKS


def test_one_that_has_a_file_open(environment: Path) -> None:
    """As uv does while it installs: it holds a lock in the environment."""
    lock = environment / ".lock"
    with running("sh", "-c", f"exec 9>'{lock}'; echo ready; read line") as process:
        assert how(environment, process) == OPEN
    lock.unlink()


def test_this_process_and_its_parents_do_not_count(environment: Path, tmp_path: Path) -> None:
    """`.venv/bin/envdoctor fix`, from a shell that stands in the environment."""
    code = "from envdoctor.fix.in_use import users_of; print(len(users_of(%r)))" % str(environment)  # noqa: UP031
    source = str(Path(__file__).parents[2] / "src")
    shell = f"'{environment}/bin/python' -c \"{code}\"; :"
    argv = ["sh", "-c", shell]
    environ = {"PATH": "/usr/bin:/bin", "PYTHONPATH": source}
    told = subprocess.run(argv, cwd=environment, env=environ, capture_output=True, text=True)
    assert (told.stdout, told.stderr) == ("0\n", "")


def test_a_system_that_does_not_tell(tmp_path: Path) -> None:
    assert can_tell()
    assert not can_tell(str(tmp_path))
    assert users_of("/x/.venv", str(tmp_path / "none")) == ()


def recorded(proc: Path, pid: int, parent: int = 1, name: str = "python", **files: bytes) -> Path:
    process = proc / str(pid)
    (process / "fd").mkdir(parents=True)
    (process / "comm").write_text(f"{name}\n")
    (process / "stat").write_text(f"{pid} ({name}) S {parent} 0 0")
    for file, data in files.items():
        (process / file).write_bytes(data)
    return process


def test_recorded_processes(tmp_path: Path) -> None:
    proc = tmp_path / "proc"
    here = recorded(proc, 50, parent=40, name="envdoctor", cmdline=b"/x/.venv/bin/python\0/x/.venv/bin/envdoctor\0")
    recorded(proc, 40, parent=1, name="a) (b", cmdline=b"/x/.venv/bin/uv\0")
    recorded(proc, 1, parent=0, name="init", cmdline=b"/sbin/init\0")
    recorded(proc, 2, parent=0, name="kthreadd", cmdline=b"")
    recorded(proc, 7, name="python3.1\xff".encode("latin-1").decode("latin-1"), cmdline=b"/x/.venv/bin/python3\0")
    mapped = b"7f00-7f10 r-xp 00000000 08:01 5     /x/.venv/lib/a b/_C.so (deleted)\n"
    recorded(proc, 8, cmdline=b"python\0", maps=mapped)
    recorded(proc, 9, cmdline=b"python\0", maps=mapped.replace(b".venv", b".venv2"))
    recorded(proc, 10, cmdline=b"/x/.venv-old/bin/python\0").joinpath("cwd").symlink_to("/x")
    recorded(proc, 11, cmdline=b"bash\0").joinpath("fd", "3").symlink_to("socket:[1]")
    recorded(proc, 12, cmdline=b"bash\0").joinpath("fd", "255").symlink_to("/x/.venv/log (deleted)")
    (proc / "13").mkdir()  # another user's, or gone by now
    (proc / "self").symlink_to("50")
    (proc / "stat").write_text("cpu")
    assert here.exists()
    assert [(user.pid, user.how) for user in users_of("/x/.venv/", str(proc))] == [(7, RUNS), (8, MAPPED), (12, OPEN)]
    assert users_of("/y", str(proc)) == ()
    assert User(8, "python", MAPPED) in users_of("/x/.venv", str(proc))
