"""Real pip and real uv against an index on the loopback: where they look, what is told, kept, and hidden."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from faulty_index import Fault, FaultyIndex, faulty_index

from envdoctor.fix.failures import reason
from envdoctor.fix.installing import Ran, in_clone, install, program_of
from envdoctor.fix.variables import environment_for, secrets, tool_of, without_login

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from envdoctor.fix.telling import Doing

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="environments with bin/python")
pytestmark = needs_linux

WORD = "hush/hush hush"
BIG = 2_500_000


@pytest.fixture
def index() -> Iterator[FaultyIndex]:
    with faulty_index() as served:
        served.add("torch", "2.9.1+cu126", ("dep",), size=BIG)
        served.add("dep", "1.0")
        yield served


@pytest.fixture
def other() -> Iterator[FaultyIndex]:
    """What the user's configuration names besides."""
    with faulty_index() as served:
        served.add("torch", "2.9.1+cu126", ("dep",))
        served.add("dep", "2.0")
        yield served


@pytest.fixture(scope="module")
def with_pip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the pip that runs beside these tests, which is newer than what ensurepip has."""
    folder = tmp_path_factory.mktemp("made") / "env"
    try:
        pip = distribution("pip")
    except PackageNotFoundError:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        return folder
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    for name in ("pip", f"pip-{pip.version}.dist-info"):
        shutil.copytree(str(pip.locate_file(name)), packages / name)
    return folder


def pip_release(folder: Path) -> tuple[int, int]:
    (found,) = folder.glob("lib/python*/site-packages/pip-*.dist-info")
    match = re.match(r"pip-(\d+)\.(\d+)", found.name)
    assert match
    return int(match[1]), int(match[2])


class Place:
    """An environment of pip's or uv's, with a home of its own."""

    def __init__(self, tool: str, folder: Path, home: Path) -> None:
        self.tool, self.folder, self.home = tool, folder, home
        self.python = str(folder / "bin" / "python")
        self.log = home / "log.txt"
        self.told: list[Doing] = []
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "PIP_RETRIES": "0",
            "PIP_DEFAULT_TIMEOUT": "5",
            "UV_HTTP_RETRIES": "0",
            "UV_HTTP_TIMEOUT": "5",
        }

    def argv(self, *words: str) -> tuple[str, ...]:
        if self.tool == "pip":
            return (self.python, "-m", "pip", "install", *words)
        return ("uv", "pip", "install", "--python", self.python, *words)

    def run(self, *words: str, secret_base: str | None = None, more: Mapping[str, str] | None = None) -> Ran:
        argv = self.argv(*words)
        environ, _ = environment_for(argv, {**self.environ, **(more or {})}, secret_base)
        return install(argv, environ, str(self.log), self.told.append)

    def version(self, name: str) -> str | None:
        found = [path.name for path in self.folder.glob(f"lib/python*/site-packages/{name}-*.dist-info")]
        return found[0].split("-")[1].removesuffix(".dist") if found else None


@pytest.fixture(params=["pip", "uv"])
def place(request: pytest.FixtureRequest, with_pip: Path, tmp_path: Path) -> Place:
    folder = tmp_path / "env"
    if request.param == "pip":
        shutil.copytree(with_pip, folder, symlinks=True)
    else:
        uv = program_of("uv", os.environ)
        assert uv
        subprocess.run([uv, "venv", "-q", "--python", sys.executable, folder], check=True)
    home = tmp_path / "home"
    home.mkdir()
    return Place(request.param, folder, home)


def configure(place: Place, pip: str, uv: str) -> None:
    for path, text in ((".config/pip/pip.conf", pip), (".config/uv/uv.toml", uv)):
        file = place.home / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


TORCH = "torch==2.9.1+cu126"


def test_the_download_is_told_and_the_log_has_what_was_said(place: Place, index: FaultyIndex) -> None:
    ran = place.run("--index-url", index.url, TORCH)
    assert (ran.exit, ran.trouble) == (0, "")
    assert place.version("torch") == "2.9.1+cu126"
    downloads = [doing for doing in place.told if doing.what.startswith("downloading torch")]
    assert downloads
    assert all(doing.of is not None and abs(doing.of - BIG) < BIG // 10 for doing in downloads)
    if place.tool == "pip" and pip_release(place.folder) >= (24, 1):
        assert any(doing.done == doing.of for doing in downloads)
    assert any(doing.what.startswith("installing") for doing in place.told)
    log = place.log.read_text()
    assert log.startswith("$ ")
    assert TORCH in log
    assert log.endswith("(exit 0)\n")
    assert "Progress " not in log


def test_an_index_of_a_file_or_a_variable_is_not_asked(place: Place, index: FaultyIndex, other: FaultyIndex) -> None:
    configure(
        place,
        f"[global]\nextra-index-url = {other.url}\nfind-links = {other.flat}\n[install]\nno-deps = true\npre = true\n",
        f'index-strategy = "unsafe-best-match"\n[[index]]\nurl = "{other.url}"\n',
    )
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_INDEX", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL"):
        place.environ[name] = other.url
    for name in ("PIP_FIND_LINKS", "UV_FIND_LINKS"):
        place.environ[name] = other.flat
    ran = place.run("--index-url", index.url, TORCH, more={"UV_TORCH_BACKEND": "cpu", "PIP_NO_INDEX": "1"})
    assert ran.exit == 0, ran.said
    assert other.asked == []
    assert place.version("dep") == "1.0"


@pytest.mark.parametrize("named", [False, True], ids=["the user's", "UV_CONFIG_FILE"])
def test_what_no_variable_of_uv_undoes_makes_it_read_no_file(
    place: Place, index: FaultyIndex, other: FaultyIndex, named: bool
) -> None:
    configure(place, "", f'find-links = ["{other.flat}"]\n[pip]\ntorch-backend = "cpu"\nno-deps = true\n')
    file = place.home / ".config/uv/uv.toml"
    if named:
        file = file.rename(place.home / "mine.toml")
        place.environ.update({"UV_CONFIG_FILE": str(file), "UV_NO_CONFIG": "1"})
    argv = place.argv("--index-url", index.url, TORCH)
    _, cleared = environment_for(argv, place.environ)
    assert cleared == ((str(file),) if place.tool == "uv" else ())
    assert place.run("--index-url", index.url, TORCH).exit == 0
    assert other.asked == []
    assert place.version("dep") == "1.0"


@pytest.mark.parametrize("by_file", [False, True], ids=["variable", "file"])
def test_without_an_index_in_the_command_that_of_the_user_is_asked(
    place: Place, other: FaultyIndex, by_file: bool
) -> None:
    more = {"PIP_INDEX_URL": other.url, "UV_DEFAULT_INDEX": other.url, "UV_TORCH_BACKEND": "cpu"}
    if by_file:
        configure(
            place,
            f"[global]\nindex-url = {other.url}\n",
            f'find-links = ["{other.flat}"]\n[[index]]\nurl = "{other.url}"\ndefault = true\n',
        )
        more = {}
    assert place.run("dep==2.0", more=more).exit == 0
    assert place.version("dep") == "2.0"


def test_what_would_lead_elsewhere_is_taken_away(place: Place, index: FaultyIndex, tmp_path: Path) -> None:
    elsewhere = str(tmp_path / "elsewhere")
    more = {
        **dict.fromkeys(("PIP_TARGET", "PYTHONPATH", "VIRTUAL_ENV"), elsewhere),
        **dict.fromkeys(("PIP_USER", "PIP_DRY_RUN", "PIP_NO_DEPS", "PIP_REQUIRE_HASHES"), "1"),
        **dict.fromkeys(("UV_SYSTEM_PYTHON", "UV_REQUIRE_HASHES"), "1"),
    }
    ran = place.run("--index-url", index.url, TORCH, more=more)
    assert ran.exit == 0, ran.said
    assert place.version("torch")
    assert place.version("dep")
    assert not os.path.exists(elsewhere)


def test_a_project_in_the_folder_one_stands_in_is_not_read(
    place: Place, index: FaultyIndex, other: FaultyIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "uv.toml").write_text(f'[[index]]\nurl = "{other.url}"\n[pip]\nno-deps = true\n')
    (tmp_path / "pip.py").write_text("raise SystemExit('the wrong pip')\n")
    monkeypatch.chdir(tmp_path)
    assert place.run("--index-url", index.url, TORCH).exit == 0
    assert other.asked == []


@pytest.mark.parametrize("flat", [False, True], ids=["index", "flat"])
def test_a_login_reaches_the_index_and_nobody_else(
    place: Place, index: FaultyIndex, other: FaultyIndex, flat: bool
) -> None:
    index.login = f"me:{quote(WORD, safe='')}"
    base = index.base.replace("://", f"://{index.login}@")
    words = ("--find-links", index.flat, TORCH) if flat else ("--index-url", index.url, TORCH)
    more = {"PIP_INDEX_URL": other.url, "UV_DEFAULT_INDEX": other.url}
    argv = place.argv(*words)
    environ, _ = environment_for(argv, {**place.environ, **more}, base)
    assert without_login(argv, environ) == tuple(word for word in argv if word not in words[:2])
    ran = place.run(*words, secret_base=base, more=more)
    assert ran.exit == 0, ran.said
    index.login = "me:another"
    again = place.run("--reinstall" if place.tool == "uv" else "--force-reinstall", *words, secret_base=base, more=more)
    shown = f"{ran} {again} {reason(again)} {place.told} {place.log.read_text()}"
    assert WORD not in shown
    assert quote(WORD, safe="") not in shown


def test_a_wrong_login_is_told_without_it(place: Place, index: FaultyIndex) -> None:
    index.login = "me:right-word"
    base = index.base.replace("://", "://me:wrong-word@")
    ran = place.run("--index-url", index.url, TORCH, secret_base=base)
    assert ran.exit
    assert "wants a user and a password" in reason(ran)
    assert "wrong-word" not in f"{ran} {reason(ran)} {place.log.read_text()}"


def test_after_a_death_midway_finished_wheels_come_from_the_cache(place: Place, index: FaultyIndex) -> None:
    index.kept = True
    index.add("torch", "2.9.1+cu126", ("big-dep",), size=BIG)
    index.add("big-dep", "1.0", size=BIG)
    index.faults = {"torch": Fault.RESET}
    trusted = {"PIP_TRUSTED_HOST": f"127.0.0.1:{index.port}"}  # of http pip keeps nothing else
    words = ("--index-url", index.url, "big-dep==1.0", TORCH)
    assert place.run(*words, more=trusted).exit
    assert place.version("torch") is None
    if place.tool == "uv":  # it downloads several at once, and the other one may not have been first
        assert place.run(*words[:3], more=trusted).exit == 0
    index.faults = {}
    index.asked.clear()
    assert place.run(*words, more=trusted).exit == 0
    assert [path.rpartition("/")[2] for path in index.files_asked()] == ["torch-2.9.1+cu126-py3-none-any.whl"]


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink() and path.suffix != ".pyc"
    }


def test_nothing_is_written_through_a_hard_link(place: Place, index: FaultyIndex, tmp_path: Path) -> None:
    """The worst case: a clone all of whose files are links to the old ones, which in turn are links to uv's cache."""
    index.add("torch", "2.8.0+cu126", ("dep",), size=BIG)
    assert place.run("--index-url", index.url, "torch==2.8.0+cu126").exit == 0
    before = digests(place.folder)
    cache = place.home / ".cache"
    kept = digests(cache)
    assert place.tool == "pip" or any("archive" in path for path in kept)
    clone = tmp_path / "clone"
    shutil.copytree(place.folder, clone, symlinks=True, copy_function=os.link)
    inside = Place(place.tool, clone, place.home)
    assert inside.run("--index-url", index.url, TORCH).exit == 0
    assert inside.version("torch") == "2.9.1+cu126"
    assert digests(place.folder) == before
    after = digests(cache)
    assert {path: after.get(path) for path in kept if "archive" in path} == {
        path: digest for path, digest in kept.items() if "archive" in path
    }


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], str]:
    """A program that a test writes, in the place of an installer."""

    def written(text: str) -> str:
        path = tmp_path / "installer"
        path.write_text(f"#!{sys.executable}\nimport os, sys, time\n{text}\n")
        path.chmod(0o755)
        return str(path)

    return written


def run_program(path: str, log: Path, silence: float = 60.0, **variables: str) -> Ran:
    return install((path, "add"), {**os.environ, **variables}, str(log), lambda _: None, silence)


def test_how_it_ended_is_told(program: Callable[[str], str], tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    killed = run_program(program("print('at work', flush=True); os.kill(os.getpid(), 9)"), log)
    assert (killed.exit, killed.said) == (-9, "at work")
    assert "was killed (SIGKILL)" in reason(killed)
    silent = run_program(program("print('thinking', flush=True); time.sleep(600)"), log, 0.3)
    assert (silent.exit, silent.said) == (None, "thinking")
    assert reason(silent).startswith("it said nothing for 0 minutes and was ended; all it said is in ")
    missing = run_program(str(tmp_path / "nowhere"), log)
    assert (missing.exit, reason(missing)) == (None, f"{tmp_path}/nowhere is not installed, or not on the PATH")
    assert log.read_text().count("$ ") == 2


def test_what_it_says_is_bounded_and_harmless(program: Callable[[str], str], tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    text = r"""
sys.stdout.buffer.write(b"\x1b[31mred\x1b[0m \x07 \xff https://me:word-of-mine@host/simple\n")
sys.stdout.buffer.write(b"the word-of-mine by itself\n")
for number in range(40_000): sys.stdout.buffer.write(b"%05d" % number + b"x" * 1000 + b"\n")
sys.exit(3)"""
    ran = run_program(program(text), log, PIP_INDEX_URL="https://me:word-of-mine@host/simple")
    assert ran.exit == 3
    assert len(ran.said) < 1_000_000
    with log.open() as file:
        head = [file.readline() for _ in range(3)]
    assert head[1:] == ["red \ufffd \ufffd https://host/simple\n", "the removed by itself\n"]
    assert log.stat().st_size < 40_000_000
    assert "(the rest is not kept)" in log.read_text()


def test_a_log_that_cannot_be_written_stops_nothing(program: Callable[[str], str], tmp_path: Path) -> None:
    for log in (tmp_path, Path("/dev/full")):
        assert run_program(program("print('well')"), log).said == "well"


def test_variables() -> None:
    pip = ("/env/bin/python", "-m", "pip", "install")
    given = {
        "HTTPS_PROXY": "http://proxy:1",
        "PIP_CERT": "pyproject.toml",
        "PIP_CONSTRAINT": "nowhere.txt https://host/constraints.txt",
        "PIP_INDEX_URL": "https://host/simple",
        "PYTHONPATH": "/elsewhere",
        "UV_TORCH_BACKEND": "auto",
    }
    child, cleared = environment_for((*pip, "--index-url", "https://whl/cu126", "torch"), given)
    assert cleared == ("PIP_INDEX_URL", "PYTHONPATH")
    assert child["HTTPS_PROXY"] == "http://proxy:1"
    assert child["PIP_CERT"] == os.path.abspath("pyproject.toml")
    assert child["PIP_CONSTRAINT"] == given["PIP_CONSTRAINT"]
    assert "PIP_INDEX_URL" not in child
    child, cleared = environment_for((*pip, "torch"), given)
    assert (cleared, child["PIP_INDEX_URL"]) == (("PYTHONPATH",), "https://host/simple")
    child, cleared = environment_for(("uv", "add", "torch"), {**given, "UV_PROJECT_ENVIRONMENT": "/clone"})
    assert (cleared, child["UV_PROJECT_ENVIRONMENT"]) == (("PYTHONPATH", "UV_TORCH_BACKEND"), "/clone")


def test_a_project_s_index_gets_its_login_by_name() -> None:
    base = "https://me:a%40b@mirror/whl"
    child, _ = environment_for(("uv", "add", "torch"), {}, base, "pytorch-cu126")
    assert child["UV_INDEX_PYTORCH_CU126_USERNAME"] == "me"
    assert child["UV_INDEX_PYTORCH_CU126_PASSWORD"] == "a@b"
    child, _ = environment_for(("poetry", "add", "torch"), {}, base, "pytorch-cu126")
    assert child["POETRY_HTTP_BASIC_PYTORCH_CU126_PASSWORD"] == "a@b"
    assert secrets({**child, "UV_DEFAULT_INDEX": "https://me:long%20word@mirror"}) == ("long%20word", "long word")
    elsewhere, _ = environment_for(("uv", "pip", "install", "--index-url", "https://another/whl"), {}, base)
    assert not any("a%40b" in value for value in elsewhere.values())


def test_words_for_who_does_it() -> None:
    for argv, tool in {
        ("/env/bin/python3.11", "-m", "pip", "install"): "pip",
        ("pip3", "install"): "pip",
        ("C:\\tools\\uv.exe", "pip", "install"): "uv pip",
        ("uv", "add", "--project", "pip"): "uv",
        ("poetry", "-C", "/p", "add"): "poetry",
        ("/opt/conda/bin/mamba", "create"): "conda",
    }.items():
        assert tool_of(argv) == tool
    assert in_clone(("/e/bin/python", "-m", "pip", "/e/bin/python3"), "/e/bin/python", "/n/bin/python") == (
        "/n/bin/python", "-m", "pip", "/e/bin/python3",
    )  # fmt: skip


def test_only_a_pip_that_knows_it_is_asked_for_raw_progress(with_pip: Path, tmp_path: Path, index: FaultyIndex) -> None:
    if pip_release(with_pip) < (24, 1):
        pytest.skip("this pip tells no progress")
    for version, told in (("23.0.1", False), ("24.1", True)):
        folder = tmp_path / version
        shutil.copytree(with_pip, folder, symlinks=True)
        (found,) = folder.glob("lib/python*/site-packages/pip-*.dist-info")
        found.rename(found.with_name(f"pip-{version}.dist-info"))
        place = Place("pip", folder, tmp_path)
        assert place.run("--index-url", index.url, TORCH).exit == 0
        assert any(doing.done for doing in place.told) == told


@pytest.mark.parametrize(
    ("releases", "degree", "bar"),
    [
        (("19.3.1",), "1", "off"),
        (("20.3.4",), "2", "off"),
        (("24.1",), "2", "raw"),
        (("26.3", "20.2"), "1", "off"),
        ((), "1", "off"),
    ],
)
def test_a_pip_is_asked_for_no_more_than_it_knows(
    releases: tuple[str, ...], degree: str, bar: str, tmp_path: Path
) -> None:
    """A pip before 20.3 ends at a `PIP_VERBOSE` of 2, one before 24.1 at a raw progress bar."""
    for release in releases:
        (tmp_path / f"lib/python3.8/site-packages/pip-{release}.dist-info").mkdir(parents=True)
    told = tmp_path / "bin" / "python"
    told.parent.mkdir()
    told.write_text('#!/bin/sh\necho "$PIP_VERBOSE $PIP_PROGRESS_BAR"\n')
    told.chmod(0o755)
    ran = install((str(told), "-m", "pip", "install"), {"PATH": os.environ["PATH"]}, "", lambda _: None)
    assert ran.said == f"{degree} {bar}"
