"""Runs the steps of a composite action as GitHub's runner does, and hands back what a workflow would see.

Which shell it is, how lines of the log and files of commands are read: `ActionCommand.cs`, `ActionCommandManager.cs`,
`FileCommandManager.cs` and `ScriptHandlerHelpers.cs` of actions/runner 2.336.0.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SHELLS = {"bash": ("bash", "--noprofile", "--norc", "-e", "-o", "pipefail")}
COMMANDS = ("error", "warning", "notice", "debug", "group", "endgroup", "add-mask", "set-output", "set-env", "add-path",
            "save-state", "add-matcher", "remove-matcher", "echo", "stop-commands")  # fmt: skip
"""What the runner obeys, if the server lets it."""

EXPRESSION = re.compile(r"\$\{\{\s*([\w.-]+)\s*\}\}")


@dataclass(frozen=True)
class Ran:
    """What came of an action: `commands` are those that the log gave, as (name, properties, data)."""

    exit_code: int
    log: str
    outputs: Mapping[str, str]
    summary: str
    commands: tuple[tuple[str, str, str], ...]

    @property
    def annotations(self) -> list[tuple[str, str, str]]:
        return [one for one in self.commands if one[0] in ("error", "warning", "notice")]


@dataclass
class Runner:
    """A job: `workspace` is its checkout, `temp` what is emptied when it ends, `action` the folder of action.yml."""

    action: Path
    workspace: Path
    temp: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    def use(self, **given: str) -> Ran:
        """Run the action with inputs, whose names have `_` for `-`."""
        described = yaml.safe_load((self.action / "action.yml").read_text(encoding="utf-8"))
        inputs = {name: str(one.get("default", "")) for name, one in described["inputs"].items()}
        unknown = {name.replace("_", "-") for name in given} - set(inputs)
        assert not unknown, f"no such input: {unknown}"
        inputs |= {name.replace("_", "-"): value for name, value in given.items()}
        known = {f"inputs.{name}": value for name, value in inputs.items()}
        log, summary, code = "", "", 0
        for number, step in enumerate(described["runs"]["steps"]):
            if code:
                break
            code, said, outputs, shown = self._run(step, number, known)
            log, summary = log + said, summary + shown
            known |= {f"steps.{step['id']}.outputs.{name}": value for name, value in outputs.items() if "id" in step}
        # What a step set counts, also when it failed.
        outputs = {name: filled_in(one["value"], known) for name, one in described["outputs"].items()}
        return Ran(code, log, outputs, summary, tuple(obeyed(log)))

    def _run(
        self, step: Mapping[str, Any], number: int, known: Mapping[str, str]
    ) -> tuple[int, str, dict[str, str], str]:
        assert "${{" not in step["run"], "an expression in a script is an injection"
        files = {name: self.temp / f"{name.lower()}_{number}" for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for file in files.values():
            file.write_bytes(b"")
        script = self.temp / f"step_{number}.sh"
        script.write_text(step["run"], encoding="utf-8")
        variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.temp),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_ACTION_PATH": str(self.action),
            "RUNNER_TEMP": str(self.temp),
            **{name: str(file) for name, file in files.items()},
            **self.environ,
            **{name: filled_in(str(value), known) for name, value in step.get("env", {}).items()},
        }
        shell, *options = SHELLS[step["shell"]]
        done = subprocess.run(
            [str(shutil.which(shell)), *options, str(script)],
            env=variables, cwd=self.workspace, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=300, check=False,
        )  # fmt: skip
        outputs = set_by(files["GITHUB_OUTPUT"].read_text(encoding="utf-8"))
        shown = files["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8")
        return done.returncode, done.stdout.decode("utf-8", "replace"), outputs, shown


def filled_in(text: str, known: Mapping[str, str]) -> str:
    """A value with its expressions evaluated; what no step set is empty."""
    return EXPRESSION.sub(lambda found: known.get(found[1], ""), text)


def set_by(text: str) -> dict[str, str]:
    """What a file of commands sets: `name=value`, or `name<<END`, lines, and END."""
    lines = iter(text.splitlines())
    found = {}
    for line in lines:
        name, heredoc, end = line.partition("<<")
        if heredoc and "=" not in name:
            value = []
            for inner in lines:
                if inner == end:
                    break
                value.append(inner)
            else:
                raise ValueError(f"no line {end!r} ends the value of {name}")
            found[name] = "\n".join(value)
        else:
            name, _, value_there = line.partition("=")
            found[name] = value_there
    return found


def obeyed(log: str) -> list[tuple[str, str, str]]:
    """The commands in a log; none between `::stop-commands::TOKEN` and `::TOKEN::`."""
    found = []
    stopped: str | None = None
    for line in log.splitlines():
        match = re.match(r"\s*::([^\s:]+)(?: (.*?))?::(.*)", line) or re.search(r"##\[(\S+?)(?: (.*?))?\](.*)", line)
        if match is None:
            continue
        name, properties, data = match[1].lower(), match[2] or "", match[3]
        if stopped is not None:
            stopped = None if name == stopped else stopped
        elif name == "stop-commands":
            stopped = data.lower()
        elif name in COMMANDS:
            found.append((name, properties, data))
    assert stopped is None, "commands stay stopped for the steps that follow"
    return found
