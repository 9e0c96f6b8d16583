"""What would change, before anything does: what installers say in a dry run, recorded ones and those that are here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fix_worlds import UV, write_wheel

from envdoctor.fix.dry_run import (
    AS_UV,
    NO_DRY_RUN,
    NOT_CHEAP,
    NOT_TOLD,
    Told,
    Wheel,
    in_words_of_uv,
    told_by_pip,
    told_by_uv,
    wheels_in,
)
from envdoctor.fix.preview import named_by, preview
from envdoctor.model.change import Installs, Into, Removes
from envdoctor.model.fix import PackageChange
from envdoctor.model.plan import Applicability, Step

UV_0_13_9 = """\
Using Python 3.11.7 environment at: venv
Resolved 6 packages in 18ms
Would download 3 packages
Would uninstall 2 packages
Would install 3 packages
 + nvidia-cuda-runtime-cu11==11.8.89
 - Torch==2.5.1
 + torch==2.5.1+cu118
 - nvidia_nccl.cu12==2.1
 + local==1.0 (from file:///srv/local-1.0-py3-none-any.whl)
"""
NOTHING_BY_UV = "Using Python 3.11.7 environment at: venv\nChecked 1 package in 1ms\nWould make no changes\n"
URL = "http://127.0.0.1:1/whl/cu118/torch/torch-2.5.1%2Bcu118-py3-none-any.whl"
ARCHIVE = {
    "22.2": {"hash": "sha256=00"},
    "23.0.1": {"hash": "sha256=00"},
    "24.2": {"hash": "sha256=00", "hashes": {"sha256": "00"}},
    "26.2.1": {"hashes": {"sha256": "00"}, "hash": "sha256=00"},
}


def report_of_pip(release: str) -> str:
    """The report of a pip, cut down to what it says of one wheel."""
    item = {
        "download_info": {"url": URL, "archive_info": ARCHIVE[release]},
        "is_direct": False,
        "requested": True,
        "metadata": {"metadata_version": "2.1", "name": "Torch", "version": "2.5.1+cu118", "requires_dist": []},
    }
    version = "0" if release == "22.2" else "1"
    return json.dumps({"version": version, "pip_version": release, "install": [item], "environment": {}})


def installing(*argv: str, requirements: tuple[str, ...] = (), again: bool = False, **more: object) -> Step:
    change = Installs(requirements, again=again, **more)  # type: ignore[arg-type]
    return Step("install-wheels", Applicability.UNSAFE, "", argv, change=change)


def removing(*names: str) -> Step:
    return Step(
        "uninstall-package", Applicability.UNSAFE, "", ("uv", "pip", "uninstall", *names), change=Removes(names)
    )


def test_what_uv_says() -> None:
    told = told_by_uv(UV_0_13_9)
    assert told == Told(
        {"nvidia-cuda-runtime-cu11": "11.8.89", "torch": "2.5.1+cu118", "nvidia-nccl-cu12": None, "local": "1.0"}, {}
    )
    assert told_by_uv(NOTHING_BY_UV) == Told({}, {})


@pytest.mark.parametrize("output", ["", "Resolved 6 packages in 18ms\n", "error: No solution found\n"])
def test_silence_of_uv_is_no_answer(output: str) -> None:
    assert told_by_uv(output) is None


@pytest.mark.parametrize("release", ARCHIVE)
def test_what_a_pip_reports(release: str) -> None:
    assert told_by_pip(report_of_pip(release)) == Told({"torch": "2.5.1+cu118"}, {"torch": Wheel(URL)})


@pytest.mark.parametrize(
    "report",
    ["", "[]", "{}", '{"version": "2", "install": []}', '{"version": "1"}', '{"version": "1", "install": [{}]}',
     '{"version": "1", "install": [7]}'],
)  # fmt: skip
def test_another_report_is_no_answer(report: str) -> None:
    assert told_by_pip(report) is None


def test_wheels_of_a_lock_file() -> None:
    text = f"""\
lock-version = "1.0"
[[packages]]
name = "torch"
wheels = [{{ url = "{URL}", size = 12, hashes = {{ sha256 = "00" }} }}]
[[packages]]
name = "numpy"
wheels = [{{ url = "a.whl" }}, {{ url = "b.whl" }}]
[[packages]]
name = "Six_Seven"
wheels = [{{ url = "c.whl" }}]
"""
    assert wheels_in(text) == {"torch": Wheel(URL, 12), "six-seven": Wheel("c.whl")}
    assert wheels_in("packages = 7") == wheels_in("not TOML") == wheels_in("[[packages]]\nwheels = 7") == {}


def test_steps_name_what_is_exact() -> None:
    step = installing(requirements=("Torch==2.9.1+cu126", "numpy<2", "a_b[x] == 1.0; python_version > '3'"))
    assert named_by(step) == {"torch": "2.9.1+cu126", "a-b": "1.0"}
    assert named_by(removing("Torch_Audio")) == {"torch-audio": None}
    assert named_by(installing(requirements=("torch==2.9.1",), into=Into.IMAGE)) == {}


def test_what_pip_is_asked_in_words_of_uv() -> None:
    argv = (
        "/e/bin/python",
        "-m",
        "pip",
        "install",
        "--force-reinstall",
        "--no-deps",
        "--index-url",
        "U",
        "torch==2.9.1",
    )
    words = ("--reinstall", "--no-deps", "--index-url", "U", "torch==2.9.1")
    assert in_words_of_uv(argv) == ("uv", "pip", "install", "--python", "/e/bin/python", *words)


def test_steps_alone_say_what_they_name_and_no_more() -> None:
    steps = [
        removing("tensorflow", "not-there"),
        installing("uv", "add", "torch==2.9.1+cu126", requirements=("torch==2.9.1+cu126", "torchvision==0.24.1")),
    ]
    told = preview(steps, {"torch": "2.9.1+cu128", "torchvision": "0.24.1", "tensorflow": "2.1"}, {})
    assert told.changes == (
        PackageChange("torch", "2.9.1+cu128", "2.9.1+cu126"),
        PackageChange("tensorflow", "2.1", None),
    )
    assert not told.resolved
    assert told.download is None


def test_a_removal_alone_is_known_in_full() -> None:
    told = preview([removing("tensorflow")], {"torch": "2.9.1", "tensorflow": "2.1"}, {})
    assert told == ((PackageChange("tensorflow", "2.1", None),), True, (), 0, False)


def test_sources_are_not_built_to_find_out() -> None:
    step = installing("uv", "pip", "install", "x==1", requirements=("x==1",), again=True, compiled=True)
    told = preview([step], {"x": "1"}, {})
    assert told.changes == (PackageChange("x", "1", "1"),)
    assert (told.resolved, told.notes) == (False, ())


def test_an_installer_that_is_not_there_is_a_note(tmp_path: Path) -> None:
    python = str(tmp_path / "bin" / "python")
    step = installing(python, "-m", "pip", "install", "torch==2.9.1", requirements=("torch==2.9.1",))
    told = preview([step], {}, {"PATH": os.environ["PATH"]}, cheap=True)
    assert told.changes == (PackageChange("torch", None, "2.9.1"),)
    assert (told.resolved, told.download) == (False, None)
    assert "did not tell" in told.notes[0]


# The installers that are here, and an index of wheels of a few bytes in a folder.

INSTALLED = {"torch": "2.9.1+cu128", "nvidia-runtime-cu12": "12.8", "filelock": "3.12.0", "bystander": "1.0"}


@pytest.fixture(scope="module")
def whl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("preview") / "whl"
    releases = {
        "torch": ("2.9.1", ("filelock", "nvidia-runtime-cu12=={}")),
        "nvidia-runtime-cu12": ("{}", ()),
        "filelock": ("9.9.9", ()),
        "triton": ("3.5.1", ()),
    }
    for channel, cuda in (("cu126", "12.6"), ("cu128", "12.8")):
        for name, (version, requires) in releases.items():
            version = version.format(cuda) + (f"+{channel}" if name == "torch" else "")
            needs = [one.format(cuda) for one in requires] + ["triton"] * (name == "torch" and channel == "cu126")
            folder = root / channel / name
            wheel = write_wheel(folder, name, version, {f"{name.replace('-', '_')}.py": ""}, needs)
            link = wheel.name.replace("+", "%2B")
            (folder / "index.html").write_text(f'<!DOCTYPE html><a href="{link}">{wheel.name}</a>\n', encoding="utf-8")
    old = root / "old"
    write_wheel(old, "filelock", "3.12.0", {"filelock.py": ""})
    write_wheel(old, "bystander", "1.0", {"bystander.py": ""})
    return root


@pytest.fixture(scope="module")
def python(whl: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An environment with a pip, and with `INSTALLED` put there by it."""
    venv = tmp_path_factory.mktemp("preview") / "venv"
    made = subprocess.run([sys.executable, "-m", "venv", venv], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"this Python brings no pip of its own: {made.stderr[-200:]}")
    python = str(venv / "bin" / "python")
    links = ("--find-links", whl / "cu128" / "torch", "--find-links", whl / "cu128" / "nvidia-runtime-cu12")
    wanted = [f"{name}=={version}" for name, version in INSTALLED.items()]
    words = ("-m", "pip", "install", "--no-deps", "--no-index", *links, "--find-links", whl / "old", *wanted)
    subprocess.run([python, *words], capture_output=True, check=True, env=variables())
    return python


def variables(**more: str) -> dict[str, str]:
    quiet = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1", "UV_NO_CONFIG": "1", "UV_NO_CACHE": "1"}
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **quiet, **more}


def everything_in(python: str) -> dict[str, int]:
    folder = Path(python).parents[1]
    return {str(path): path.lstat().st_mtime_ns for path in folder.rglob("*") if "__pycache__" not in str(path)}


def expected(whl: Path) -> tuple[PackageChange, ...]:
    def size(name: str) -> int:
        (wheel,) = (whl / "cu126" / name).glob("*.whl")
        return wheel.stat().st_size

    return (
        PackageChange("torch", "2.9.1+cu128", "2.9.1+cu126", size("torch")),
        PackageChange("nvidia-runtime-cu12", "12.8", "12.6", size("nvidia-runtime-cu12")),
        PackageChange("triton", None, "3.5.1", size("triton")),
    )


def command(python: str, whl: Path, tool: str) -> Step:
    where = ("--index-url", (whl / "cu126").as_uri(), "torch==2.9.1+cu126")
    start = ("uv", "pip", "install", "--python", python) if tool == "uv" else (python, "-m", "pip", "install")
    return installing(*start, *where, requirements=("torch==2.9.1+cu126",))


def test_sizes_that_are_known_anyway_are_not_asked_for() -> None:
    step = installing("conda", "install", "torch==2.9.1", requirements=("torch==2.9.1", "torchaudio==2.9.1"))
    told = preview([step], {"torch": "2.8.0"}, {}, sizes={"torch": 12, "torchaudio": None})
    assert told.changes == (PackageChange("torch", "2.8.0", "2.9.1", 12), PackageChange("torchaudio", None, "2.9.1"))
    assert told.download is None


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_an_installer_tells_all_and_changes_nothing(tool: str, python: str, whl: Path) -> None:
    if tool == "uv" and UV is None:
        pytest.skip("no uv here")
    before = everything_in(python)
    # What the user has set would bring another torch: the dry run asks the index of the command, as the fix will.
    wrong = {name: (whl / "cu128").as_uri() for name in ("PIP_EXTRA_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL")}
    told = preview([command(python, whl, tool)], INSTALLED, variables(**wrong), cheap=True)
    assert told.changes == expected(whl)
    assert (told.resolved, told.notes) == (True, ())
    assert told.download == sum(change.download or 0 for change in expected(whl))
    assert everything_in(python) == before


def test_where_pip_would_download_uv_is_asked(python: str, whl: Path) -> None:
    if UV is None:
        pytest.skip("no uv here")
    told = preview([command(python, whl, "pip")], INSTALLED, variables())
    assert told.changes == expected(whl)
    assert (told.resolved, told.notes) == (False, (AS_UV,))


def test_without_uv_the_step_is_all_there_is_to_tell(python: str, whl: Path, tmp_path: Path) -> None:
    failing = tmp_path / "uv"
    failing.write_text("#!/bin/sh\nexit 2\n", encoding="utf-8")
    failing.chmod(0o755)
    told = preview([command(python, whl, "pip")], INSTALLED, variables(PATH=f"{tmp_path}:{os.environ['PATH']}"))
    assert told.changes == (PackageChange("torch", "2.9.1+cu128", "2.9.1+cu126"),)
    assert (told.resolved, told.notes, told.download) == (False, (NOT_CHEAP,), None)


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_files_put_there_again_are_told(tool: str, python: str, whl: Path) -> None:
    if tool == "uv" and UV is None:
        pytest.skip("no uv here")
    again = ("--reinstall-package", "torch") if tool == "uv" else ("--force-reinstall",)
    start = ("uv", "pip", "install", "--python", python) if tool == "uv" else (python, "-m", "pip", "install")
    where = ("--no-deps", "--index-url", (whl / "cu128").as_uri(), "torch==2.9.1+cu128")
    step = installing(*start, *again, *where, requirements=("torch==2.9.1+cu128",), again=True)
    told = preview([step], INSTALLED, variables(), cheap=True)
    assert [(one.name, one.before, one.after) for one in told.changes] == [("torch", "2.9.1+cu128", "2.9.1+cu128")]
    assert told.resolved


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_what_cannot_be_resolved_is_a_note(tool: str, python: str, whl: Path) -> None:
    if tool == "uv" and UV is None:
        pytest.skip("no uv here")
    start = ("uv", "pip", "install", "--python", python) if tool == "uv" else (python, "-m", "pip", "install")
    where = ("--index-url", (whl / "cu126").as_uri(), "torch==9.9.9")
    told = preview([installing(*start, *where, requirements=("torch==9.9.9",))], INSTALLED, variables(), cheap=True)
    assert told.changes == (PackageChange("torch", "2.9.1+cu128", "9.9.9"),)
    assert not told.resolved
    assert len(told.notes) == 1
    assert "\n" not in told.notes[0]


def test_a_pip_without_a_dry_run_says_so(tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    # What pip 22.1 writes.
    python.write_text(
        '#!/bin/sh\nprintf "\\nUsage:   \\n  pip install\\n\\nno such option: --dry-run\\n" >&2\nexit 2\n',
        encoding="utf-8",
    )
    python.chmod(0o755)
    step = installing(str(python), "-m", "pip", "install", "torch==2.9.1", requirements=("torch==2.9.1",))
    assert preview([step], {}, variables(), cheap=True).notes == (NO_DRY_RUN,)


def test_no_room_for_temporary_files_is_a_note(python: str, whl: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nonexistent/folder")
    told = preview([command(python, whl, "pip")], INSTALLED, variables(), cheap=True)
    assert told.notes == (NOT_TOLD.format("No such file or directory"),)
    assert not told.resolved
