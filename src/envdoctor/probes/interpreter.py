"""The Python interpreter under examination, in its own words."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import TYPE_CHECKING

from envdoctor.host.host import LINUX_WORDS
from envdoctor.host.process import NOT_STARTED, child_script
from envdoctor.model.fact import Absent, Known, Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envdoctor.host.host import Host
    from envdoctor.host.process import Answer, Running
    from envdoctor.model.fact import Fact
    from envdoctor.probes.looking import Facts, Looking
    from envdoctor.probes.target import Target

FACTS = {
    "python.executable": "path of the interpreter that is examined",
    "python.chosen_because": "why this interpreter",
    "python.also_with_torch": "other interpreters the choice passed over and that hold a torch too",
    "python.version": "its version",
    "python.tag": "its wheel tag: cp311, cp313t, ...",
    "python.prefix": "folder of its environment",
    "python.base_prefix": "folder of the installation behind it; the same outside virtual environments",
    "python.machine": "architecture of the interpreter's process: x86_64, aarch64, arm64, ...",
    "python.bits": "64 or 32",
    "python.translated": "true where the process runs under Rosetta",
    "python.site_packages": "folders it imports packages from, in order, its standard library left out",
    "python.has_pip": "whether the environment has pip",
    "python.externally_managed": "whether the distribution forbids pip to change it (PEP 668)",
    "host.libc": "the C library the interpreter runs on",
}

SOURCE = "interpreter"
MOST_QUOTED = 100
"""Characters quoted of what something that is no Python printed."""
OLDEST = (3, 8)
TOO_OLD = "envdoctor examines Python 3.8 and newer"
MOST_FOLDERS = 1000
"""Entries of sys.path that are looked at; each costs a look at the file system."""
MARKER = "envdoctor-interpreter:"
"""Begins the line of the child script; `site` hooks of the environment may print lines of their own."""


class NotPython(Exception):
    """What was named by `--python` is not a Python that can be examined; the text says why."""


def look(at: Looking) -> Facts:
    """Ask the interpreter. Raises `NotPython` when it answers, but not as a Python 3.8 or newer would."""
    target = at.target
    facts: Facts = {
        "python.executable": Known(target.python, "command line" if not target.own else "sys.executable"),
        "python.chosen_because": Known(target.because, "envdoctor"),
        "python.also_with_torch": Known(list(target.others), "files") if target.others else Absent("none was found"),
    }
    told, trouble = _ask(at)
    if told is None:
        facts.update({name: Unknown(f"{target.python} {trouble}") for name in FACTS if name not in facts})
        return facts
    at.told = told
    packages = [
        folder
        for folder in _texts(told.get("path"))[:MOST_FOLDERS]
        if _is_folder(at.host, folder) and not at.host.is_file(os.path.join(folder, "os.py"))
        if not folder.endswith("lib-dynload")
    ]
    for key in ("version", "tag", "prefix", "base_prefix"):
        value = told.get(key)
        facts[f"python.{key}"] = Known(value, SOURCE) if isinstance(value, str) else Unknown("it did not tell")
    facts |= _process(at.host, told)
    facts["python.site_packages"] = Known([*packages], SOURCE)
    facts["python.externally_managed"] = Known(bool(told.get("externally_managed")), SOURCE)
    facts["python.has_pip"] = _has_pip(at.host, packages)
    libc = told.get("libc")
    facts["host.libc"] = Known(libc, SOURCE) if isinstance(libc, str) else Absent("the C library is not glibc")
    return facts


def _process(host: Host, told: Mapping[str, object]) -> Facts:
    """Tell of the process: its architecture, whether it is translated, and the version of the system.

    The last only where no file tells (macOS, Windows); the fact belongs to the probe of the host.
    """
    machine, bits, version = told.get("machine"), told.get("bits"), told.get("os_version")
    translated = told.get("translated") is True
    facts: Facts = {
        "python.machine": Known(LINUX_WORDS.get(machine, machine), SOURCE)
        if isinstance(machine, str) and machine
        else Unknown("it did not tell"),
        "python.bits": Known(bits, SOURCE)
        if isinstance(bits, int) and bits in (32, 64)
        else Unknown("it did not tell"),
        "python.translated": Known(True, "sysctl.proc_translated") if translated else Absent("it is not translated"),
    }
    if host.os != "linux" and isinstance(version, str):
        facts["host.version"] = Known(f"{host.os} {version}", SOURCE)
    return facts


def _has_pip(host: Host, packages: list[str]) -> Fact:
    """Whether a folder of packages holds pip; not known where one without it to be seen may not be read."""
    if any(host.is_dir(os.path.join(folder, "pip")) for folder in packages):
        return Known(True, "files")
    for folder in packages:
        if is_denied(host, folder):
            return Unknown(f"{folder} may not be read")
    return Known(False, "files")


def start(host: Host, target: Target) -> Running | None:
    """Start asking the interpreter; None where it is the one that runs envdoctor and need not be asked."""
    if target.own and host.live:
        return None
    # -B: what `site` imports there (a `.pth` of setuptools) would leave its compiled form in the environment.
    return host.start("interpreter", [target.python, "-B", child_script("interpreter")])


def _ask(at: Looking) -> tuple[dict[str, object] | None, str]:
    """Return what the interpreter tells of itself, or why it did not."""
    running = at.interpreter_child or start(at.host, at.target)
    if running is None:
        from envdoctor.host.child.interpreter import describe

        return describe(_folders_of_this_run()), ""
    answer = running.answer(at.deadline)
    told = _told(answer.out)
    if told is not None:
        if _is_older(told["version"]):
            raise NotPython(f"{at.target.python} is Python {told['version']}: {TOO_OLD}")
        return told, ""
    if answer.exit is None and answer.trouble.startswith(("did not answer", NOT_STARTED)):
        return None, answer.trouble
    if answer.error.rstrip().rpartition("\n")[2].startswith("SyntaxError"):
        # The script is Python 3.8: whatever cannot read it is older.
        raise NotPython(f"{at.target.python} is a Python too old to be asked: {TOO_OLD}")
    said = answer.trouble[:200] or _printed(answer)
    raise NotPython(f"{at.target.python} is not a Python 3.8 or newer that can be examined: {said}")


def _told(out: str) -> dict[str, object] | None:
    """Return the last answer in the form of the script's, None where there is none."""
    for line in reversed(out.splitlines()):
        if line.startswith(MARKER):
            try:
                told = json.loads(line[len(MARKER) :])
            except ValueError:
                return None
            if isinstance(told, dict) and _is_version(told.get("version")) and isinstance(told.get("path"), list):
                return told
    return None


def _printed(answer: Answer) -> str:
    """Say that what was run did not answer, with the first line of what it printed.

    A line that names our script is left out: a program that takes it for a file to work on is not explained
    by its path. Of a traceback the last line counts.
    """
    script = os.path.join("child", "interpreter.py")
    for text in (answer.error, answer.out):
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if lines and lines[0].startswith("Traceback"):
            lines = lines[-1:]
        first = next((line for line in lines if script not in line), None)
        if first:
            return f"it did not answer as a Python would, but printed: {first[:MOST_QUOTED]}"
    return "it did not answer as a Python would"


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _is_folder(host: Host, path: str) -> bool:
    """Whether an entry of sys.path is a folder, or lies where looking is not permitted and so may be one."""
    return host.is_dir(path) or is_denied(host, path)


def is_denied(host: Host, folder: str) -> bool:
    """Whether a folder is there, or may be, and what it holds cannot be seen."""
    try:
        host.listdir(folder)
    except PermissionError:
        return True
    except (OSError, ValueError):  # ValueError: a NUL byte in a path
        return False
    return False


def _is_version(version: object) -> bool:
    return isinstance(version, str) and re.match(r"\d+\.\d+", version) is not None


def _is_older(version: object) -> bool:
    """Whether a version text is one below 3.8; the script itself still runs on 3.7."""
    match = re.match(r"(\d+)\.(\d+)", version) if isinstance(version, str) else None
    return match is not None and (int(match[1]), int(match[2])) < OLDEST


def _folders_of_this_run() -> tuple[str, ...]:
    """Return what this very start of Python put first on sys.path: the script's folder, or for `-m` the working one."""
    script = os.path.dirname(os.path.realpath(sys.argv[0]))
    try:
        return (script, os.getcwd())
    except OSError:  # the working directory was removed
        return (script,)
