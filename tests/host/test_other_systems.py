"""envdoctor on Windows and macOS: recorded machines, looked at by a Python that lacks what those systems lack.

The child below loads the standard library, click and rich as they are on this machine and then takes away, before
anything of envdoctor is imported, every module and attribute of `posix_only.py`, so that a use without a guard
ends the run. `os.name`, `sys.platform` and the names of the system are those of the other one.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from envdoctor.host.host import Host
from envdoctor.probes import look as looking
from envdoctor.probes.target import NoTarget, Target, choose
from recorded_tree import MARKER, Tree, lines, value

if TYPE_CHECKING:
    from collections.abc import Sequence

TESTS = Path(__file__).parents[1]
SOURCE = TESTS.parent / "src"

ELSEWHERE = """
import builtins, importlib, os, pathlib, sys
platform, source, tests, wanted = sys.argv[1:5]
sys.path.insert(0, tests)
import posix_only

for name in wanted.split(","):
    if name.partition(".")[0] not in posix_only.MODULES[platform]:
        try:
            importlib.import_module(name)
        except ImportError:
            continue

# What runs a child here is subprocess of this system, which needs its own names.
children = "WITH_CHILDREN" in os.environ
for module in [sys.modules[name] for name in posix_only.NAMES[platform] if name in sys.modules]:
    for name in posix_only.lacking(platform, module):
        if not children or name == "killpg":
            delattr(module, name)
refused = posix_only.MODULES[platform]
for name in refused:
    sys.modules.pop(name, None)
real = builtins.__import__

def other_import(name, variables=None, *rest, **named):
    if name in refused:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return real(name, variables, *rest, **named)

builtins.__import__ = other_import
sys.platform = platform
os.name = "nt" if platform == "win32" else "posix"
sys.modules[pathlib.Path.__module__].WindowsPath = pathlib.PosixPath  # the files lie here after all
assert not [name for name in sys.modules if name.startswith("envdoctor")]
sys.path.insert(0, source)
"""

RUN = """
sys.argv = ["envdoctor", *sys.argv[5:]]
from envdoctor.start import script
script()
"""


@cache
def imported_by_us() -> str:
    """What envdoctor imports, early or late, from the standard library and from others; names with commas between."""
    wanted = {"rich.console", "rich.text", "rich.table", "encodings.idna", "re", "threading"}
    for path in (SOURCE / "envdoctor").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                wanted |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                wanted.add(node.module)
    return ",".join(sorted(name for name in wanted if name.partition(".")[0] not in ("envdoctor", "winreg", "pynvml")))


def elsewhere(
    platform: str, arguments: Sequence[str], env: dict[str, str], program: str = RUN
) -> subprocess.CompletedProcess[str]:
    kept = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "COLUMNS": "80", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-c", ELSEWHERE + program, platform, str(SOURCE), str(TESTS), imported_by_us(), *arguments],
        env={**kept, **env}, cwd="/", capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


NO_LIBRARY = {
    "nvml": lines({"status": 12, "error": "NVML Shared Library Not Found"}),
    "libcuda": lines({"missing": "no such library"}),
}


def torch(tree: Tree, site: str, version: str, cuda: str | None) -> None:
    local = version.partition("+")[2]
    tree.file(f"{site}/torch/__init__.py")
    tree.file(
        f"{site}/torch/version.py",
        f"__version__ = {version!r}\ncuda: Optional[str] = {cuda!r}\ngit_version = 'abc'\nhip: Optional[str] = None\n",
    )
    info = f"{site}/torch-{version}.dist-info"
    tree.file(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n\n")
    tree.file(f"{info}/INSTALLER", "pip\n")
    tree.file(f"{info}/RECORD", "torch/__init__.py,,\n")
    tag = "win_amd64" if "Lib" in site else "macosx_14_0_arm64"
    tree.file(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp312-cp312-{tag}\n")
    assert local or cuda is None


def windows(root: Path, *, gpu: bool = False, release: str = "2.9.1+cpu", runtime: bool = True) -> Tree:
    """Windows 11 with a virtual environment of python.org's Python; with `gpu`, an RTX 4090 and a CUDA build."""
    tree = Tree(root)
    tree.machine = {"os": "windows", "machine": "AMD64", "environ": {}, "commands": {}}
    tree.set(
        VIRTUAL_ENV=r"C:\Users\me\venv", SYSTEMROOT=r"C:\Windows", USERPROFILE=r"C:\Users\me",
        PATH=r"C:\Users\me\venv\Scripts;C:\Windows\System32;C:\Windows", PATHEXT=".COM;.EXE;.BAT;.CMD",
        PROCESSOR_ARCHITECTURE="AMD64",
    )  # fmt: skip
    site = "C/Users/me/venv/Lib/site-packages"
    tree.file("C/Users/me/venv/Scripts/python.exe", b"MZ")
    tree.file("C/Users/me/venv/pyvenv.cfg", "home = C:\\Python312\ninclude-system-site-packages = false\n")
    tree.file("C/Python312/python.exe", b"MZ")
    tree.file("C/Python312/vcruntime140.dll")
    tree.file("C/Python312/vcruntime140_1.dll")
    tree.folder("C/Windows/System32")
    if runtime:
        for name in ("msvcp140.dll", "vcruntime140.dll", "vcruntime140_1.dll"):
            tree.file(f"C/Windows/System32/{name}")
    torch(tree, site, release, "12.8" if "+cu" in release else None)
    tree.folder(f"{site}/pip")
    tree.says("interpreter", MARKER + json.dumps({
        "executable": r"C:\Users\me\venv\Scripts\python.exe", "base_executable": r"C:\Python312\python.exe",
        "version": "3.12.7", "implementation": "cpython", "tag": "cp312", "prefix": r"C:\Users\me\venv",
        "base_prefix": r"C:\Python312", "platform": "win32", "machine": "AMD64", "bits": 64, "libc": None,
        "path": [r"C:\Python312\python312.zip", r"C:\Users\me\venv", r"C:\Users\me\venv\Lib\site-packages"],
        "user_site": None, "flags": {"no_user_site": False, "isolated": False, "safe_path": False},
        "externally_managed": False, "affinity": 16, "os_version": "10.0.22631", "translated": None, "arm64": None,
        "cpu_brand": "AMD Ryzen 9 5950X 16-Core Processor", "memory": 68630052864,
    }) + "\n")  # fmt: skip
    for name, said in NO_LIBRARY.items():
        tree.says(name, said)
    if gpu:
        tree.file("C/Windows/System32/nvidia-smi.exe", b"MZ")
        tree.file("C/Windows/System32/nvml.dll", b"MZ")
        tree.file("C/Windows/System32/nvcuda.dll", b"MZ")
        card = {"name": "NVIDIA GeForce RTX 4090", "uuid": "GPU-1", "capability": "8.9", "memory": 25757220864,
                "pci": "00000000:01:00.0"}  # fmt: skip
        tree.says("nvml", lines({"status": 0}, {"driver": "581.15"}, {"cuda": 13000}, {"library": "13.581.15"},
                                {"count": 1}, {"gpu": 0, "status": 0, **card}, {"end": True}))  # fmt: skip
        tree.says("libcuda", lines({"version": 13000}, {"init": 0}, {"count": 1},
                                   {"device": 0, "name": card["name"], "capability": "8.9", "uuid": "1",
                                    "pci": "0000:01:00.0"}, {"end": True}))  # fmt: skip
    return tree


def macos(
    root: Path, *, version: str = "14.5", release: str = "2.9.1", machine: str = "arm64", arm64: bool = True
) -> Tree:
    """A Mac with a virtual environment of Homebrew's Python."""
    tree = Tree(root)
    translated = arm64 and machine == "x86_64"
    tree.machine = {"os": "macos", "machine": machine, "environ": {}, "commands": {}}
    tree.set(VIRTUAL_ENV="/Users/me/venv", PATH="/Users/me/venv/bin:/usr/bin:/bin", HOME="/Users/me")
    site = "/Users/me/venv/lib/python3.12/site-packages"
    tree.file("/Users/me/venv/bin/python", b"\xcf\xfa\xed\xfe").chmod(0o755)
    tree.file("/Users/me/venv/pyvenv.cfg", "home = /opt/homebrew/bin\ninclude-system-site-packages = false\n")
    torch(tree, site, release, None)
    tree.folder(f"{site}/pip")
    tree.says("interpreter", MARKER + json.dumps({
        "executable": "/Users/me/venv/bin/python", "base_executable": "/opt/homebrew/bin/python3.12",
        "version": "3.12.7", "implementation": "cpython", "tag": "cp312", "prefix": "/Users/me/venv",
        "base_prefix": "/opt/homebrew/opt/python@3.12", "platform": "darwin", "machine": machine, "bits": 64,
        "libc": None, "path": [site], "user_site": None,
        "flags": {"no_user_site": False, "isolated": False, "safe_path": False}, "externally_managed": False,
        "affinity": 8, "os_version": version, "translated": translated, "arm64": arm64,
        "cpu_brand": "Apple M2" if arm64 else "Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz", "memory": 17179869184,
    }) + "\n")  # fmt: skip
    for name, said in NO_LIBRARY.items():
        tree.says(name, said)
    return tree


def check(platform: str, tree: Tree, *options: str) -> Any:
    tree.host()
    said = elsewhere(platform, ["check", "--format", "json", *options], {"ENVDOCTOR_SYSROOT": str(tree.root)})
    assert said.stderr == ""
    report = json.loads(said.stdout)
    assert report["exit_code"] == said.returncode
    assert report["crashed"] == []
    return report


def serious(report: Any) -> list[tuple[str, str]]:
    return [(one["rule"], one["severity"]) for one in report["findings"] if one["severity"] != "note"]


def known(report: Any, name: str) -> Any:
    fact = report["snapshot"]["facts"][name]
    assert fact["state"] == "known", (name, fact)
    return fact["value"]


@pytest.mark.parametrize("gpu", [False, True], ids=["without GPU", "RTX 4090"])
def test_windows_is_examined_whole(tmp_path: Path, gpu: bool) -> None:
    report = check("win32", windows(tmp_path, gpu=gpu, release="2.9.1+cu128" if gpu else "2.9.1+cpu"))
    assert serious(report) == []
    assert report["verdict"] == "healthy", report["skipped"]
    assert report["exit_code"] == 0
    assert known(report, "host.os") == "windows"
    assert known(report, "host.platform") == "windows-x86_64"
    assert known(report, "host.kind") == "windows"
    assert known(report, "host.version") == "windows 10.0.22631"
    assert known(report, "torch.version") == ("2.9.1+cu128" if gpu else "2.9.1+cpu")
    assert known(report, "python.has_pip") is True
    if gpu:
        assert known(report, "driver.version") == "581.15"
        assert known(report, "gpu.visible") == [0]


def test_nvidia_smi_is_asked_where_nvml_is_out_of_reach_on_windows(tmp_path: Path) -> None:
    tree = windows(tmp_path, gpu=True, release="2.9.1+cu128")
    tree.says("nvml", NO_LIBRARY["nvml"])
    tree.says("nvidia-smi", "0, 581.15, NVIDIA GeForce RTX 4090, GPU-1, 8.9, 24564 MiB\n")
    report = check("win32", tree)
    assert known(report, "driver.version.smi") == "581.15"
    assert known(report, "driver.version") == "581.15"
    assert serious(report) == []


def test_a_cpu_build_on_windows_beside_a_gpu_is_found(tmp_path: Path) -> None:
    report = check("win32", windows(tmp_path, gpu=True, release="2.9.1+cpu"))
    assert serious(report)[0] == ("cpu-only-build", "error")


@pytest.mark.parametrize("machine", ["arm64", "x86_64"])
def test_macos_is_examined_whole(tmp_path: Path, machine: str) -> None:
    intel = machine == "x86_64"
    report = check("darwin", macos(tmp_path, machine=machine, arm64=not intel, release="2.2.2" if intel else "2.9.1"))
    assert serious(report) == []
    assert report["verdict"] == "healthy", report["skipped"]
    assert known(report, "host.platform") == f"macos-{machine}"
    assert known(report, "host.kind") == "macos"
    assert known(report, "host.version") == "macos 14.5"


def test_a_mac_under_rosetta_and_one_too_old_are_found(tmp_path: Path) -> None:
    report = check("darwin", macos(tmp_path / "a", machine="x86_64", release="2.2.2"))
    assert serious(report) == [("x86-python-on-apple-silicon", "warning")]
    report = check("darwin", macos(tmp_path / "b", version="12.7.6", release="2.5.1"))
    assert serious(report) == [("macos-too-old-for-mps", "warning")]


def test_windows_without_the_visual_c_runtime_is_found(tmp_path: Path) -> None:
    report = check("win32", windows(tmp_path, runtime=False))
    assert serious(report) == [("missing-windows-runtime-dll", "error")]
    assert known(report, "windows.missing_runtime") == ["msvcp140.dll"]
    assert report["exit_code"] == 1


@pytest.mark.parametrize("platform", ["win32", "darwin"])
@pytest.mark.parametrize("command", [["--help"], ["rules"], ["explain", "driver-too-old"], ["plan", "--help"]], ids=str)
def test_every_command_imports_there(platform: str, command: list[str]) -> None:
    said = elsewhere(platform, command, {})
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_the_terminal_report_and_a_saved_snapshot_work_there(platform: str, tmp_path: Path) -> None:
    tree = windows(tmp_path / "tree") if platform == "win32" else macos(tmp_path / "tree")
    tree.host()
    saved = tmp_path / "saved.json"
    said = elsewhere(platform, ["check", "--save-snapshot", str(saved)], {"ENVDOCTOR_SYSROOT": str(tree.root)})
    assert (said.returncode, said.stderr) == (0, "")
    assert "torch 2.9.1" in said.stdout
    assert json.loads(saved.read_text())["schema"] == "envdoctor.snapshot/1"
    again = elsewhere(platform, ["check", "--snapshot", str(saved)], {})
    assert (again.returncode, again.stderr) == (0, "")


CHILD = """
import time
from envdoctor.host import pipes, process
assert pipes.Pipes.__init__
def ask(program, limit=60.0):
    return process.Child([sys.executable, "-I", "-S", "-c", program], os.environ).answer(time.monotonic() + limit)
said = ask("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
assert (said.exit, said.out, said.error) == (3, "out\\n", "err\\n"), said
said = ask("import os\\nwhile True: os.write(1, b'x' * 65536)")
assert said.exit is None and said.trouble.startswith("wrote more than"), said.trouble
assert len(said.out) == pipes.MOST_OUTPUT
said = ask("import time; print('half', flush=True); time.sleep(600)", 2.0)
assert (said.exit, said.out) == (None, "half\\n") and said.trouble.startswith("did not answer"), said
child = process.Child([sys.executable, "-c", "import time; time.sleep(600)"], os.environ)
process.stop_all()
assert child._process.returncode is not None and not process.RUNNING
print("answered by", "threads" if child._pipes._selector is None else "selector")
"""


@pytest.mark.parametrize(("platform", "way"), [("win32", "threads"), ("darwin", "selector")])
def test_children_answer_flood_hang_and_end_there(platform: str, way: str) -> None:
    said = elsewhere(platform, [], {"WITH_CHILDREN": "1"}, CHILD)
    assert (said.stdout, said.stderr) == (f"answered by {way}\n", "")


# ---- recorded machines on the command line -------------------------------------------------------------------


def test_a_recorded_machine_is_examined_in_place_of_this_one(tmp_path: Path) -> None:
    host = macos(tmp_path).host()
    target = choose(host, python=None, script=True, executable=sys.executable, prefix=sys.prefix, cwd="/")
    assert (target.python, target.because, target.own) == ("/Users/me/venv/bin/python", "VIRTUAL_ENV", False)
    facts = looking.look(host, target).facts
    assert value(facts, "python.executable") == "/Users/me/venv/bin/python"


def test_a_tree_that_is_none_is_unusable_input(tmp_path: Path) -> None:
    (tmp_path / "machine.json").write_text("[]")
    for root in (tmp_path, tmp_path / "nowhere"):
        said = elsewhere("darwin", ["check"], {"ENVDOCTOR_SYSROOT": str(root)})
        assert said.returncode == 2
        assert said.stderr.startswith(f"envdoctor: ENVDOCTOR_SYSROOT={root}: no recorded machine: ")
        assert said.stderr.count("\n") == 1


def test_a_windows_path_lies_below_the_folder_of_its_drive(tmp_path: Path) -> None:
    host = windows(tmp_path, gpu=True).host()
    assert host.is_file(r"C:\Windows\System32\nvml.dll")
    assert host.is_file("C:/Windows/System32/nvml.dll")
    assert not host.is_file(r"D:\Windows\System32\nvml.dll")
    assert host.listdir("C:\\Users\\me\\venv/Scripts") == ["python.exe"]


def test_which_finds_by_the_endings_of_windows(tmp_path: Path) -> None:
    host = windows(tmp_path, gpu=True).host()
    assert host.which("nvidia-smi") == r"C:\Windows\System32\nvidia-smi.exe"
    assert host.which("nvidia-smi.exe") == r"C:\Windows\System32\nvidia-smi.exe"
    assert host.which("python") == r"C:\Users\me\venv\Scripts\python.exe"
    assert host.which("python3") is None
    assert host.which("nvml") is None, "a DLL is no command"


def test_an_interpreter_named_on_a_recorded_windows_machine(tmp_path: Path) -> None:
    host = windows(tmp_path).host()
    named = r"C:\Users\me\venv\Scripts\python.exe"

    def chosen(python: str) -> Target:
        return choose(host, python=python, script=True, executable="", prefix="", cwd="/")

    assert chosen(named).python == named
    assert host.is_file(chosen(r"C:\Users\me\venv").python)
    assert chosen("python").python == named
    with pytest.raises(NoTarget, match="no such file"):
        chosen(r"C:\nowhere\python.exe")


# ---- what the interpreter tells of its system --------------------------------------------------------------------

SYSCTL = """
#include <string.h>
#include <stdlib.h>
int sysctlbyname(const char *name, void *value, size_t *size, void *fresh, size_t length) {
    if (!strcmp(name, "sysctl.proc_translated") || !strcmp(name, "hw.optional.arm64")) {
        const char *told = getenv(strchr(name, 'p') && name[0] == 's' ? "TRANSLATED" : "ARM64");
        if (!told) return -1;
        int number = atoi(told);
        memcpy(value, &number, *size = sizeof number);
    } else if (!strcmp(name, "machdep.cpu.brand_string")) {
        strcpy(value, "Apple M2"); *size = 9;
    } else if (!strcmp(name, "hw.memsize")) {
        unsigned long long bytes = 17179869184ULL;
        memcpy(value, &bytes, *size = sizeof bytes);
    } else return -1;
    return 0;
}
"""

TELL = """
import os, sys, json
sys.platform = "darwin"
import importlib.util
spec = importlib.util.spec_from_file_location("asked", sys.argv[1])
asked = importlib.util.module_from_spec(spec)
spec.loader.exec_module(asked)
asked.VERSION_FILES = sys.argv[2:4]
class Uname: machine, release = "arm64", sys.argv[4]
os.uname = Uname
print(json.dumps(asked.describe(())))
"""

PLIST = (
    "<dict>\n<key>ProductName</key>\n<string>macOS</string>\n<key>ProductVersion</key>\n\t<string>{}</string></dict>"
)


@pytest.fixture(scope="module")
def sysctl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sysctl")
    (folder / "sysctl.c").write_text(SYSCTL)
    library = folder / "libsysctl.so"
    try:
        subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(folder / "sysctl.c")], check=True)
    except (OSError, subprocess.CalledProcessError) as problem:
        pytest.skip(f"no stand-in for sysctlbyname: {problem}")
    return library


def tell(library: Path | None, files: Sequence[Path], darwin: str = "23.5.0", **env: str) -> dict[str, Any]:
    script = SOURCE / "envdoctor" / "host" / "child" / "interpreter.py"
    said = subprocess.run(
        [sys.executable, "-c", TELL, str(script), *map(str, files), darwin],
        env={**os.environ, **({"LD_PRELOAD": str(library)} if library else {}), **env},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    told = json.loads(said.stdout)
    assert isinstance(told, dict)
    return told


def test_a_mac_tells_hardware_and_translation(sysctl: Path, tmp_path: Path) -> None:
    missing = (tmp_path / "a", tmp_path / "b")
    told = tell(sysctl, missing, TRANSLATED="1", ARM64="1")
    assert (told["translated"], told["arm64"], told["cpu_brand"]) == (True, True, "Apple M2")
    assert told["memory"] == 17179869184
    told = tell(sysctl, missing, TRANSLATED="0", ARM64="1")
    assert (told["translated"], told["arm64"]) == (False, True)
    told = tell(sysctl, missing)  # before macOS 11 the kernel has neither name
    assert (told["translated"], told["arm64"]) == (False, False)
    told = tell(None, missing)
    assert (told["translated"], told["arm64"], told["cpu_brand"], told["memory"]) == (False, False, None, None)


@pytest.mark.parametrize(
    ("platform_file", "shown_file", "darwin", "version"),
    [
        ("14.5", "10.16", "23.5.0", "14.5"),  # the system pretends to a program built for an old one
        (None, "13.6.1", "22.6.0", "13.6.1"),
        (None, "10.16", "23.5.0", "14"),
        (None, "10.15.7", "19.6.0", "10.15.7"),
        (None, None, "24.1.0", "15"),
        (None, None, "25.0.0", "26"),
        (None, None, "19.6.0", None),
        ("26.1", "10.16", "25.1.0", "26.1"),
    ],
)
def test_the_version_of_macos_is_the_true_one(
    platform_file: str | None, shown_file: str | None, darwin: str, version: str | None, tmp_path: Path
) -> None:
    for name, said in (("platform", platform_file), ("shown", shown_file)):
        if said:
            (tmp_path / name).write_text(PLIST.format(said))
    assert tell(None, (tmp_path / "platform", tmp_path / "shown"), darwin)["os_version"] == version


def test_linux_is_asked_nothing_it_tells_by_files() -> None:
    from envdoctor.host.child.interpreter import describe

    told = describe(())
    assert all(told[name] is None for name in ("os_version", "translated", "arm64", "cpu_brand", "memory"))
    assert told["affinity"]
    assert json.dumps(told)


def test_the_user_site_is_told_only_where_it_is_on_the_path(tmp_path: Path) -> None:
    script = SOURCE / "envdoctor" / "host" / "child" / "interpreter.py"
    base = Path(sys.base_prefix, "bin", f"python{sys.version_info[0]}.{sys.version_info[1]}")
    if not base.exists():
        pytest.skip("the base interpreter is not where its prefix says")

    def told(*options: str) -> dict[str, Any]:
        env = {"PYTHONUSERBASE": str(tmp_path), "PATH": "/usr/bin"}
        said = subprocess.run([base, *options, script], env=env, capture_output=True, text=True, check=True)
        answer = json.loads(said.stdout.strip().removeprefix(MARKER))
        assert isinstance(answer, dict)
        return answer

    assert told()["user_site"] is None
    site = tmp_path / "lib" / base.name / "site-packages"
    site.mkdir(parents=True)
    assert told()["user_site"] == str(site)
    assert told("-s")["user_site"] is None
    assert told("-s")["flags"] == {"no_user_site": True, "isolated": False, "safe_path": False}
    assert told("-I")["flags"]["isolated"] is True
    assert told()["prefixes"]["base_prefix"] == sys.base_prefix


def test_host_is_the_system_it_was_recorded_on(tmp_path: Path) -> None:
    assert Host.recorded(str(windows(tmp_path).host().root)).machine == "x86_64"
