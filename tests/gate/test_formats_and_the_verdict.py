"""A format never changes the verdict: the exit code is the same in each, and each of them tells the same one."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from gate_machines import document, machines, one_of_each_kind
from test_truth_table import expected

from envdoctor.cli import Invocation, group
from envdoctor.commands.options import REPORTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MACHINES = machines()
ONE_OF_EACH_KIND = one_of_each_kind()


def json_says(text: str) -> tuple[str, int]:
    said = json.loads(text)
    return said["verdict"], said["exit_code"]


def sarif_says(text: str) -> tuple[str | None, int]:
    """The verdict where there is an error: SARIF has no word for the others, and a warning may stand beside a gap."""
    (run,) = json.loads(text)["runs"]
    levels = {one["level"] for one in run["results"] if not one.get("suppressions")}
    verdict = "broken" if "error" in levels else None
    return verdict, run["invocations"][0]["exitCode"]


def junit_says(text: str) -> tuple[None, int]:
    suites = ElementTree.fromstring(text)
    failures, errors = int(suites.attrib["failures"]), int(suites.attrib["errors"])
    assert failures == len(suites.findall(".//failure"))
    assert errors == len(suites.findall(".//error"))
    return None, 1 if failures else 3 if errors else 0


def gitlab_says(text: str) -> tuple[str | None, None]:
    entries = [one for one in json.loads(text) if one["check_name"] != "not-judged"]  # which is no finding
    severities = {one["severity"] for one in entries}
    return "broken" if "critical" in severities else None, None


def metrics_say(text: str) -> tuple[str, int]:
    (verdict,) = re.findall(r'^envdoctor_verdict\{verdict="(\w+)"\} 1(?:\.0)?$', text, re.MULTILINE)
    (code,) = re.findall(r"^envdoctor_exit_code (\d)", text, re.MULTILINE)
    return verdict, int(code)


def words_say(pattern: str) -> Callable[[str], tuple[str | None, int | None]]:
    def says(text: str) -> tuple[str | None, int | None]:
        found = re.search(pattern, text)
        assert found, text
        return found["verdict"], int(found["code"]) if "code" in found.re.groupindex else None

    return says


def terminal_says(text: str) -> tuple[str | None, int | None]:
    """A healthy machine is told without that word."""
    found = re.search(r"Verdict: (?P<verdict>\w+) \(exit\s+code (?P<code>\d)\)", text)
    return (found["verdict"], int(found["code"])) if found else ("healthy", 0)


TOLD: dict[str, Callable[[str], tuple[str | None, int | None]]] = {
    "terminal": terminal_says,
    "json": json_says,
    "markdown": words_say(r"Verdict: (?P<verdict>\w+)"),
    "github": words_say(r"envdoctor: (?P<verdict>\w+),[^\n]*\(exit code (?P<code>\d)\)"),
    "github-summary": words_say(r"## envdoctor: (?P<verdict>\w+)\n\n[^\n]*exit code (?P<code>\d)"),
    "sarif": sarif_says,
    "junit": junit_says,
    "gitlab": gitlab_says,
    "prometheus": metrics_say,
    "openmetrics": metrics_say,
}


def test_every_format_is_asked() -> None:
    assert tuple(TOLD) == REPORTS


@pytest.mark.parametrize("name", MACHINES)
def test_each_format_tells_the_verdict_and_none_changes_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\ndependencies = ['torch']\n", encoding="utf-8")
    (tmp_path / "machine.json").write_text(json.dumps(document(name)), encoding="utf-8")
    check = ["check", "--snapshot", "machine.json"]
    for strict in (False, True):
        verdict, code = expected(MACHINES[name], "none", "error", strict)
        files = [word for form in TOLD for word in ("-o", f"{form}={form}.txt")]
        words = [*check, *(["--strict"] * strict)]
        ran = CliRunner().invoke(group, [*words, *files], obj=Invocation(), standalone_mode=False)
        assert (ran.exception, ran.stdout, ran.return_value) == (None, "", code)
        for form, says in TOLD.items():
            told, told_code = says((tmp_path / f"{form}.txt").read_text(encoding="utf-8"))
            assert told == verdict or (told is None and (form == "junit" or verdict != "broken")), form
            assert told_code in (None, code), form
            (tmp_path / f"{form}.txt").unlink()


@pytest.mark.parametrize("name", ONE_OF_EACH_KIND)
@pytest.mark.parametrize("form", TOLD)
def test_a_format_on_standard_output_tells_the_same(
    form: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "machine.json").write_text(json.dumps(document(name)), encoding="utf-8")
    words = ["check", "--snapshot", "machine.json", "--strict", "--format", form]
    ran = CliRunner().invoke(group, words, obj=Invocation(), standalone_mode=False)
    verdict, code = expected(MACHINES[name], "none", "error", True)
    assert (ran.exception, ran.return_value) == (None, code)
    assert TOLD[form](ran.stdout)[0] in (None, verdict)
