"""What the GitHub action runs: envdoctor once, its report told in every way a workflow shows.

The inputs of action.yml are in GATE_* variables. Run by the Python that envdoctor is installed in; ends with
envdoctor's own exit code. How a runner reads lines of a log and files of commands:
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

ANNOTATION = re.compile(r"::(?:error|warning|notice) ")
VERDICTS = ("healthy", "warnings", "broken", "undetermined")
ENVDOCTOR = "from envdoctor.start import script; script()"
UNUSABLE = 2


class Unusable(Exception):
    """An input that cannot be used; the text says which, and what would do."""


def given(name: str) -> str:
    """Return an input, empty where it was not given."""
    return os.environ.get("GATE_" + name.upper().replace("-", "_"), "").strip()


def switch(name: str, default: bool) -> bool:
    """Return an input that is `true` or `false`. Raises `Unusable` for anything else: a gate does not guess."""
    said = given(name).lower()
    if said not in ("", "true", "false"):
        raise Unusable(f"{name}: {said!r} is neither true nor false")
    return said == "true" if said else default


def words(name: str) -> list[str]:
    """Return an input as a shell would split it. Raises `Unusable`."""
    try:
        return shlex.split(given(name), comments=False, posix=True)
    except ValueError as problem:
        raise Unusable(f"{name}: {str(problem).lower()}") from None


def arguments() -> list[str]:
    """Return the command and its options, all but where the reports go. Raises `Unusable`."""
    command = given("command") or "check"
    if command not in ("check", "lint"):
        raise Unusable(f"command: {command!r} is neither check nor lint")
    of_check = {f"--{name}": given(name) for name in ("python", "snapshot", "profile")}
    locked = switch("locked", default=False)
    if command == "lint":
        strange = [name.removeprefix("--") for name, value in of_check.items() if value] + ["locked"] * locked
        if strange:
            raise Unusable(f"{strange[0]}: is for `check`; `lint` judges files, and no machine")
    options = [f"{name}={value}" for name, value in of_check.items() if value] + ["--locked"] * locked
    options += [f"--{name}={given(name)}" for name in ("policy", "fail-on") if given(name)]
    options += ["--strict"] * switch("strict", default=False)
    files = ["--", *words("files")] if command == "lint" else []
    return [command, *options, *words("arguments"), *files]


def wanted_files(folder: Path) -> dict[str, Path]:
    """Return the file for each format; those without an input are in `folder`. Raises `Unusable` and `OSError`."""
    files = {"terminal": folder / "report.txt", "json": folder / "report.json"}
    if switch("annotations", default=True):
        files["github"] = folder / "annotations.txt"
    if switch("summary", default=True) and os.environ.get("GITHUB_STEP_SUMMARY"):
        files["github-summary"] = folder / "summary.md"
    for form in ("sarif", "junit"):
        if given(f"{form}-file"):
            files[form] = Path(os.path.abspath(given(f"{form}-file")))
            files[form].parent.mkdir(parents=True, exist_ok=True)
            files[form].unlink(missing_ok=True)  # one of an earlier run is none of this one
    return files


def written(path: Path | None) -> str:
    """Return what is in a report, nothing where it was not written."""
    return path.read_text(encoding="utf-8", errors="replace") if path and path.is_file() else ""


def tell(*texts: str) -> None:
    """Put text into the log where no line of it is taken for a command.

    What a machine, a file or a policy says is in it, and a runner obeys `::add-path::` in any line it reads.
    """
    token = secrets.token_hex(16)
    say(f"::stop-commands::{token}\n", *texts, f"\n::{token}::\n")


def say(*texts: str) -> None:
    """Write to the log as it stands."""
    sys.stdout.buffer.write("".join(texts).encode("utf-8", "backslashreplace"))
    sys.stdout.buffer.flush()


def complaint(text: str) -> str:
    """Return the annotation of a run that ended before all of it was told."""
    line = text.strip().splitlines()[-1] if text.strip() else "nothing was judged; see the log"
    line = line.removeprefix("envdoctor: ").removeprefix("Error: ")
    return "::error title=envdoctor::" + line.replace("%", "%25").replace("\r", "%0D") + "\n"


def verdict_in(path: Path) -> str:
    """Return the verdict of a JSON report, nothing where there is none."""
    try:
        verdict = json.loads(written(path))["verdict"]
    except (ValueError, TypeError, KeyError):
        return ""
    return verdict if verdict in VERDICTS else ""


def hand_over(outputs: dict[str, str]) -> None:
    """Write the outputs of the step, each between lines nobody can foresee: a path may hold line breaks."""
    place = os.environ.get("GITHUB_OUTPUT")
    if not place:
        return
    with open(place, "a", encoding="utf-8", newline="\n") as file:
        for name, value in outputs.items():
            end = secrets.token_hex(16)
            file.write(f"{name}<<{end}\n{value}\n{end}\n")


def refuse(why: str) -> int:
    """Say why envdoctor was not run, and return the exit code for it."""
    tell(f"{why}\n")
    say(complaint(why))
    hand_over({"exit-code": str(UNUSABLE)})
    return UNUSABLE


def main() -> int:
    """Run envdoctor, tell what it found, and return its exit code."""
    folder = Path(tempfile.mkdtemp(prefix="envdoctor-", dir=os.environ.get("RUNNER_TEMP")))
    try:
        os.chdir(given("working-directory") or ".")
        files = wanted_files(folder)
        asked = arguments()
    except Unusable as problem:
        return refuse(str(problem))
    except OSError as problem:
        return refuse(f"{problem.filename}: {problem.strerror}")
    outputs = [f"--output={form}={path}" for form, path in files.items()]
    # Before the words of the user, which may end the options with `--`.
    argv = [sys.executable, "-I", "-c", ENVDOCTOR, asked[0], *outputs, *asked[1:]]
    ran = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    said = (ran.stdout + ran.stderr).decode("utf-8", "replace")
    code = ran.returncode if ran.returncode >= 0 else 128 - ran.returncode
    tell(written(files["terminal"]), said)
    # Annotations alone are let out to be obeyed; what else is told beside them is in the report already.
    say(*(f"{line}\n" for line in written(files.get("github")).split("\n") if ANNOTATION.match(line)))
    if not code and not files["json"].is_file():  # as `--help` in the arguments does
        return refuse("arguments: nothing was judged; see the log")
    if code > 1 and (said.strip() or not files["json"].is_file()):
        say(complaint(said))
    summary = written(files.get("github-summary"))
    if summary:
        with open(os.environ["GITHUB_STEP_SUMMARY"], "a", encoding="utf-8", newline="\n") as file:
            file.write(summary)
    outcome = {"verdict": verdict_in(files["json"]), "exit-code": str(code)}
    for form in ("json", "sarif", "junit"):
        if form in files and files[form].is_file():
            outcome[form] = str(files[form])
    hand_over(outcome)
    return code


if __name__ == "__main__":
    sys.exit(main())
