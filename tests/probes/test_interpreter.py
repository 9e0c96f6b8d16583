"""The interpreter under examination: real Pythons of every age, environments that get in the way."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from envdoctor.host.host import Host
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.probes import interpreter
from envdoctor.probes.interpreter import NotPython
from recorded_tree import MARKER, SITE, TOLD, Tree, look_at, value
from standin.pythons import python

if TYPE_CHECKING:
    from envdoctor.probes.looking import Facts

HERE = str(Path(__file__).parents[1])
CHILD_VERSIONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14")


def look(executable: str | Path, *, limit: float = 60, **environ: str) -> Facts:
    variables = {"PATH": os.environ["PATH"], **environ}
    return look_at(Host(environ=variables), str(executable), [interpreter], limit=limit)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("environment") / "venv"
    venv.create(path, with_pip=False, symlinks=True)
    return path


def site_of(environment: Path) -> Path:
    return next((environment / "lib").glob("python3*")) / "site-packages"


@pytest.fixture
def hooks(environment: Path) -> Any:
    """Writes files into site-packages, and takes them away again."""
    written: list[Path] = []

    def write(**files: str) -> Path:
        for name, text in files.items():
            written.append(site_of(environment) / name.replace("_py", ".py").replace("_pth", ".pth"))
            written[-1].write_text(text)
        return environment / "bin" / "python"

    yield write
    for path in written:
        path.unlink()


@pytest.mark.parametrize("version", CHILD_VERSIONS)
def test_a_real_python_tells_of_itself(version: str) -> None:
    seen = look(python(version))
    assert value(seen, "python.version").startswith(f"{version}.")
    assert value(seen, "python.tag").removesuffix("t") == "cp" + version.replace(".", "")
    assert os.path.isdir(value(seen, "python.prefix"))
    sites = value(seen, "python.site_packages")
    assert all(os.path.isdir(site) for site in sites)
    assert not [site for site in sites if "lib-dynload" in site or os.path.isfile(os.path.join(site, "os.py"))]
    assert not [site for site in sites if site.endswith(os.path.join("host", "child"))]
    assert isinstance(seen["host.libc"], (Known, Absent))


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.7"])
def test_a_python_too_old_is_refused_in_one_line(version: str) -> None:
    with pytest.raises(NotPython) as refused:
        look(python(version))
    text = str(refused.value)
    assert "Python 3.8 and newer" in text
    assert f"python{version}" in text
    assert "\n" not in text


@pytest.mark.parametrize("script", ["nvml", "libcuda", "interpreter"])
def test_the_child_scripts_compile_where_they_are_run(script: str) -> None:
    path = Path(interpreter.child_script(script))
    program = "import sys; compile(open(sys.argv[1]).read(), sys.argv[1], 'exec')"
    done = subprocess.run([python("3.8"), "-c", program, str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_in_process_and_by_child_it_says_the_same() -> None:
    by_child = look(sys.executable)
    program = f"""
import sys
sys.path.insert(0, {HERE!r})
import json
from envdoctor.host.host import Host
from envdoctor.probes import interpreter
from recorded_tree import look_at
facts = look_at(Host(), sys.executable, [interpreter], own=True)
print(json.dumps({{name: getattr(fact, "value", None) for name, fact in facts.items()}}))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    own = json.loads(done.stdout)
    for name in ("python.version", "python.tag", "python.prefix", "python.has_pip", "host.libc"):
        assert own[name] == getattr(by_child[name], "value", None), name
    ours = [site for site in own["python.site_packages"] if site != HERE]
    assert ours == value(by_child, "python.site_packages")


@pytest.mark.parametrize("own", ["working directory", "folder of the script"])
def test_what_this_start_put_on_sys_path_is_no_place_of_packages(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own: str
) -> None:
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "bin" / "envdoctor"
    script.parent.mkdir()
    monkeypatch.setattr(sys, "argv", [str(script)])
    first = str(tmp_path.resolve() if own == "working directory" else script.parent.resolve())
    kept = tmp_path / "kept"
    kept.mkdir()
    monkeypatch.setattr(sys, "path", [first, str(kept), first])
    seen = look_at(Host(), sys.executable, [interpreter], own=True)
    assert value(seen, "python.site_packages") == [str(kept), first]


def test_pythonpath_comes_first(environment: Path, tmp_path: Path) -> None:
    (tmp_path / "extra").mkdir()
    entries = f"{tmp_path / 'extra'}{os.pathsep}{tmp_path / 'missing'}"
    for safe in ({}, {"PYTHONSAFEPATH": "1"}):
        seen = look(environment / "bin" / "python", PYTHONPATH=entries, **safe)
        assert value(seen, "python.site_packages") == [str(tmp_path / "extra"), str(site_of(environment))]


def test_the_site_of_the_user_is_seen(tmp_path: Path) -> None:
    base = Path(sys.base_prefix) / "bin" / "python3"
    if not base.exists():
        pytest.skip(f"no {base}")
    folder = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    (tmp_path / folder).mkdir(parents=True)
    seen = look(base, PYTHONUSERBASE=str(tmp_path), HOME=str(tmp_path))
    assert str(tmp_path / folder) in value(seen, "python.site_packages")


def test_a_pth_file_adds_a_folder_and_noise(hooks: Any, tmp_path: Path) -> None:
    (tmp_path / "checkout").mkdir()
    executable = hooks(noise_pth=f"import sys; sys.stdout.write('no newline')\n{tmp_path / 'checkout'}\n")
    seen = look(executable)
    assert value(seen, "python.site_packages")[-1] == str(tmp_path / "checkout")


@pytest.mark.parametrize(
    "text",
    [
        "raise RuntimeError('broken')",
        "import atexit; atexit.register(print, 'goodbye')",
        f"print('{MARKER}')\nprint('{MARKER}{{]')\nprint('{MARKER}[]')",
        "print('x' * 500_000)",
        "import pathlib, sys; sys.path += [pathlib.Path('/'), b'/', None, 7]",
        "import sys; sys.stdout.write('\\x1b]0;title\\x07')",
        "import io, sys; sys.stdout = io.StringIO()",
        "import sys; sys.stdout.reconfigure(encoding='utf-16')",
    ],
    ids=[
        "raises",
        "speaks last",
        "imitates",
        "is loud",
        "fills sys.path with anything",
        "writes escapes",
        "takes standard output",
        "writes UTF-16",
    ],
)
def test_a_hook_that_gets_in_the_way(hooks: Any, environment: Path, text: str) -> None:
    seen = look(hooks(sitecustomize_py=text))
    assert value(seen, "python.site_packages") == [str(site_of(environment))]
    assert value(seen, "python.prefix") == str(environment)


def test_a_hook_that_hangs_costs_the_facts_of_the_interpreter(hooks: Any) -> None:
    seen = look(hooks(sitecustomize_py="import time; time.sleep(600)"), limit=0.3)
    assert isinstance(seen["python.executable"], Known)
    fact = seen["python.site_packages"]
    assert isinstance(fact, Unknown)
    assert "did not answer" in fact.reason


def test_a_hook_that_floods_is_refused_in_one_line(hooks: Any) -> None:
    with pytest.raises(NotPython, match="wrote more than 1024 KiB"):
        look(hooks(sitecustomize_py="print('x' * 10_000_000)"))


def test_a_hook_that_leaves_a_process_behind(hooks: Any, environment: Path) -> None:
    seen = look(hooks(sitecustomize_py="import os, time\nif os.fork() == 0:\n    time.sleep(600)\n"))
    assert value(seen, "python.site_packages") == [str(site_of(environment))]


@pytest.mark.skipif(sys.platform != "linux", reason="other file systems refuse such a name")
def test_a_path_that_is_no_text(environment: Path, tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/p\xff"
    os.mkdir(folder)
    seen = look(environment / "bin" / "python", PYTHONPATH=os.fsdecode(folder))
    assert value(seen, "python.site_packages")[0] == os.fsdecode(folder)


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("#!/bin/sh\necho hello\n", "hello"),
        ("#!/bin/sh\nexit 3\n", "did not answer as a Python would$"),
        ("#!/bin/sh\necho\necho first\necho second\n", "did not answer as a Python would, but printed: first$"),
        ("#!/bin/sh\necho out; echo err >&2\n", "printed: err$"),
        ("#!/bin/sh\nprintf 'x%.0s' $(seq 300)\n", "printed: x{100}$"),
        ('#!/bin/sh\necho "$2"\n', "did not answer as a Python would$"),
        (f"#!/bin/sh\necho '{MARKER}{{}}'\n", "did not answer as a Python would"),
        ("#!/bin/sh\necho 'pyenv: python3: command not found' >&2\nexit 127\n", "command not found"),
        ("#!/nowhere/interpreter\n", "No such file"),
        ("", "Exec format"),
        ("#!/bin/sh\nkill -9 $$\n", "SIGKILL"),
        (f"#!/bin/sh\necho '{MARKER}{{'\n", "envdoctor-interpreter"),
    ],
)
def test_what_is_no_python_is_said_in_one_line(tmp_path: Path, program: str, says: str) -> None:
    path = tmp_path / "python"
    path.write_text(program)
    path.chmod(0o755)
    with pytest.raises(NotPython, match=says) as refused:
        look(path)
    assert "\n" not in str(refused.value)
    assert "interpreter.py" not in str(refused.value)


def test_of_a_traceback_the_last_line_is_said(tree: Tree) -> None:
    error = "Traceback (most recent call last):\n  File \"x\", line 1\nModuleNotFoundError: No module named 'json'\n"
    tree.says("interpreter", code=1, error=error)
    with pytest.raises(NotPython, match="printed: ModuleNotFoundError"):
        tree.look([interpreter])


@pytest.mark.parametrize("command", ["ls", "echo", "cat"])
def test_a_program_that_takes_the_script_for_a_file(command: str) -> None:
    program = shutil.which(command)
    if program is None:
        pytest.skip(f"no {command}")
    with pytest.raises(NotPython, match="did not answer as a Python would") as refused:
        look(program)
    assert "interpreter.py" not in str(refused.value)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="limits of a process are those of POSIX")
def test_a_limit_of_our_own_says_nothing_of_the_interpreter() -> None:
    program = f"""
import os, resource, sys
sys.path.insert(0, {HERE!r})
from envdoctor.host.host import Host
from envdoctor.probes import interpreter
from recorded_tree import look_at
host = Host()
free = os.dup(0)
resource.setrlimit(resource.RLIMIT_NOFILE, (free, free))
print(look_at(host, sys.executable, [interpreter])["python.version"].reason)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == f"{sys.executable} was not started: Too many open files\n"


def test_another_implementation_and_a_build_without_gil(tree: Tree) -> None:
    tree.python({"version": "3.10.14", "tag": "pypy", "prefix": "/venv", "path": []})
    seen = tree.look([interpreter])
    assert (value(seen, "python.tag"), value(seen, "python.site_packages")) == ("pypy", [])
    assert isinstance(seen["host.libc"], Absent)
    tree.python({"version": "3.13.0", "tag": "cp313t", "prefix": "/venv", "path": []})
    assert value(tree.look([interpreter]), "python.tag") == "cp313t"


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"version": None, "tag": 3, "path": "x"},
        {"path": [1, None, {}], "libc": []},
        {"version": "3.11.7"},
        {"version": "3.11.7", "path": "x"},
        {"version": "x", "path": []},
    ],
)
def test_an_answer_without_version_or_path_is_of_no_python(tree: Tree, told: dict[str, Any]) -> None:
    tree.python(told)
    with pytest.raises(NotPython, match="did not answer as a Python would"):
        tree.look([interpreter])


def test_an_answer_of_another_form_gives_no_made_up_facts(tree: Tree) -> None:
    tree.python({"version": "3.11.7", "tag": 3, "path": [1, None, {}], "libc": []})
    seen = tree.look([interpreter])
    assert {name for name, fact in seen.items() if isinstance(fact, Unknown)} == {
        f"python.{name}" for name in ("tag", "prefix", "base_prefix", "machine", "bits")
    }
    assert value(seen, "python.site_packages") == []


def test_folders_that_hold_no_packages_are_left_out(tree: Tree) -> None:
    tree.file("/usr/lib/python3.11/os.py")
    tree.folder("/usr/lib/python3.11/lib-dynload")
    tree.folder("/usr/lib/python3/dist-packages/pip")
    path = ["/usr/lib/python311.zip", "/usr/lib/python3.11", "/usr/lib/python3.11/lib-dynload", "/nowhere"]
    packages = "/usr/lib/python3/dist-packages"
    tree.python({"version": "3.11.2", "tag": "cp311", "prefix": "/usr", "path": [*path, packages]})
    seen = tree.look([interpreter])
    assert value(seen, "python.site_packages") == [packages]
    assert value(seen, "python.has_pip") is True


@pytest.mark.parametrize(
    ("system", "told", "facts"),
    [
        (
            "macos",
            {"machine": "x86_64", "bits": 64, "translated": True, "os_version": "14.5"},
            {"python.machine": "x86_64", "python.bits": 64, "python.translated": True, "host.version": "macos 14.5"},
        ),
        (
            "windows",
            {"machine": "AMD64", "bits": 32, "translated": None, "os_version": "10.0.22631"},
            {"python.machine": "x86_64", "python.bits": 32, "host.version": "windows 10.0.22631"},
        ),
        ("linux", {"machine": "aarch64", "bits": 64, "os_version": None}, {"python.machine": "aarch64"}),
    ],
)
def test_the_process_and_the_system_it_runs_on(
    tree: Tree, system: str, told: dict[str, object], facts: dict[str, object]
) -> None:
    tree.machine["os"] = system
    tree.python({**TOLD, **told})
    seen = tree.look([interpreter])
    assert {name: value(seen, name) for name in facts} == facts
    assert isinstance(seen["python.translated"], Known) is ("python.translated" in facts)
    assert ("host.version" in seen) is ("host.version" in facts)


def test_pip_is_not_called_missing_where_it_may_be(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.folder("/user/site")
    tree.python({**TOLD, "path": ["/user/site", SITE]})
    listdir = Host.listdir

    def listed(self: Host, path: str) -> list[str]:
        if path == "/user/site":
            raise PermissionError(13, "Permission denied", path)
        return listdir(self, path)

    monkeypatch.setattr(Host, "listdir", listed)
    assert tree.look([interpreter])["python.has_pip"] == Unknown("/user/site may not be read")
    tree.folder(f"{SITE}/pip")
    assert value(tree.look([interpreter]), "python.has_pip") is True


def test_entries_of_sys_path_without_end(tree: Tree) -> None:
    folders = [f"/f/{number}" for number in range(interpreter.MOST_FOLDERS + 5)]
    for folder in folders:
        tree.folder(folder)
    tree.python({**TOLD, "path": folders})
    assert value(tree.look([interpreter]), "python.site_packages") == folders[: interpreter.MOST_FOLDERS]
