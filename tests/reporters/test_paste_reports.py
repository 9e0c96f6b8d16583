"""The report of a paste, in a terminal and as a reply in Markdown."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from envdoctor.model.asking import Ask, PasteView
from envdoctor.model.fact import Known
from envdoctor.model.finding import Confidence, Diagnosis, Evidence, Finding, Severity, Verdict
from envdoctor.model.place import Place
from envdoctor.model.plan import Applicability, Conflict, Edit, Plan, Status, Step
from envdoctor.model.report import Report
from envdoctor.model.snapshot import Snapshot
from envdoctor.reporters import REPORTERS
from hostile_texts import SHORT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envdoctor.model.fact import Value

TEXT = "the driver is too old"
FINDING = Finding(
    "driver-too-old",
    Severity.ERROR,
    Confidence.PROVED,
    "driver",
    TEXT,
    (Evidence("driver.version", "470.82.01", "nvidia-smi, line 3"),),
    location=Place("issue.txt", 3),
)
COMMAND = Step("install-wheels", Applicability.UNSAFE, "installs another build", ("pip", "install", "torch==2.6.0"))
BY_HAND = Step("upgrade-driver", Applicability.MANUAL, "install a newer driver")
NOTHING = Plan(Status.NOTHING_TO_DO)
VIEW = PasteView("issue.txt", (("nvidia-smi", 3), ("pip list", 14)))


def report(
    *findings: Finding,
    plan: Plan = NOTHING,
    paste: PasteView = VIEW,
    verdict: Verdict = Verdict.BROKEN,
    facts: Mapping[str, Value] | None = None,
) -> Report:
    seen = Snapshot({name: Known(value, "pip list, line 14") for name, value in (facts or {}).items()})
    return Report(seen, Diagnosis(verdict, findings), plan, 1, "2026-11-22", "2.15.0", "0.1.0", paste=paste)


def terminal(one: Report, width: int = 80) -> str:
    return REPORTERS["terminal"]()(one, width=width)


def markdown(one: Report) -> str:
    return REPORTERS["markdown"]()(one)


def test_the_head_says_what_was_read_and_where() -> None:
    text = terminal(report(FINDING, facts={"torch.version": "2.6.0+cu124", "torch.cuda": "12.4"}))
    assert "\nread: nvidia-smi (line 3), pip list (line 14)\ntorch 2.6.0+cu124 (CUDA 12.4)\n" in text
    assert "\nerror  driver-too-old (driver), line 3\n" in text


def test_equal_gpus_are_counted() -> None:
    names: dict[str, Value] = {f"gpu.{index}.name": "NVIDIA H100" for index in range(8)}
    assert "8 x NVIDIA H100" in terminal(report(facts=names))


def test_a_text_of_something_else_is_called_that() -> None:
    text = terminal(report(verdict=Verdict.UNDETERMINED, paste=PasteView("-", ())))
    assert "Nothing about torch, a GPU or a driver was recognised in this text." in text


def test_what_shows_that_it_works_takes_the_place_of_a_doubt() -> None:
    fine = report(verdict=Verdict.HEALTHY, paste=replace(VIEW, fine="torch reaches its GPU (line 9)."))
    assert "torch reaches its GPU (line 9)." in terminal(fine)
    assert markdown(fine).startswith("torch reaches its GPU (line 9).\n")
    assert "not enough" not in terminal(fine)


@pytest.mark.parametrize("width", [40, 80, 100])
def test_lines_fit_the_terminal(width: int) -> None:
    asks = (Ask("the whole of collect_env", "python -m torch.utils.collect_env", "it names torch and its CUDA"),)
    text = terminal(report(FINDING, plan=Plan(Status.SOLVED, None, (BY_HAND,)), paste=replace(VIEW, asks=asks)), width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert "\n      python -m torch.utils.collect_env\n" in text


def test_markdown_gives_each_command_a_block_that_can_be_copied() -> None:
    text = markdown(report(FINDING, plan=Plan(Status.SOLVED, None, (BY_HAND, COMMAND))))
    assert "\nTo make it right:\n\n- install a newer driver\n" in text
    assert "\n```sh\n# installs another build\npip install torch==2.6.0\n```\n" in text


def test_markdown_names_the_other_ways_and_what_would_not_help() -> None:
    others = (Plan(Status.SOLVED, None, (BY_HAND,)),)
    text = markdown(
        report(FINDING, plan=Plan(Status.SOLVED, None, (COMMAND,), others, would_not_help=("a CUDA toolkit",)))
    )
    assert "\nOr:\n\n- install a newer driver\n" in text
    assert "\n- Would not help: a CUDA toolkit\n" in text


def test_markdown_says_that_nothing_serves_and_what_would_open_a_way() -> None:
    conflict = Conflict(("driver 384.130", "Python 3.6"), ("driver 384.130: with 525 or newer, torch 2.6.0 fits",))
    ways = (Plan(Status.SOLVED, None, (BY_HAND,)),)
    text = markdown(report(FINDING, plan=Plan(Status.IMPOSSIBLE, None, (), ways, conflict=conflict)))
    assert "No published torch wheel serves this machine as it is." in text
    assert "No wheel meets all of:\n\n- driver 384.130\n- Python 3.6\n" in text
    assert "What would open one:\n\n- driver 384.130: with 525 or newer, torch 2.6.0 fits\n" in text
    assert "A way out:\n\n- install a newer driver\n" in text


def test_markdown_says_which_fact_is_missing() -> None:
    text = markdown(report(FINDING, plan=Plan(Status.IMPOSSIBLE, because=("the GPU is not told",), undecided=True)))
    assert "What to install here cannot be said, because a fact is missing:\n\n- the GPU is not told\n" in text


def test_markdown_shows_what_is_to_be_written_into_a_file() -> None:
    edit = Edit("pyproject.toml", "[tool.uv]\nindex = []")
    step = Step("edit-file", Applicability.MANUAL, "names the index", (), edit)
    text = markdown(report(FINDING, plan=Plan(Status.SOLVED, None, (step,))))
    assert "In pyproject.toml:\n\n```\n[tool.uv]\nindex = []\n```\n" in text


def test_markdown_has_no_empty_line_below_another() -> None:
    asks = (Ask("the driver", "nvidia-smi", "it names it"),)
    plan = Plan(Status.SOLVED, None, (COMMAND,), would_not_help=("a CUDA toolkit",))
    assert "\n\n\n" not in markdown(report(FINDING, plan=plan, paste=replace(VIEW, asks=asks)))


@pytest.mark.parametrize("words", SHORT.values(), ids=[*SHORT])
def test_words_of_a_paste_do_not_act(words: str) -> None:
    asks = (Ask(words, "nvidia-smi", words),)
    paste = PasteView(words, ((words, 1),), asks, (words,), None, words)
    plan = Plan(Status.IMPOSSIBLE, because=(words,), would_not_help=(words,), conflict=Conflict((words,), (words,)))
    for one in (report(replace(FINDING, message=words), plan=plan, paste=paste), report(paste=paste)):
        for text in (terminal(one), markdown(one)):
            assert not [letter for letter in text if ord(letter) < 32 and letter != "\n"]
            assert not [line for line in text.splitlines() if line.lstrip().startswith(("::", "##["))]


def test_github_renders_words_of_a_paste_as_words() -> None:
    renderer = pytest.importorskip("markdown_it").MarkdownIt("commonmark").enable("table")
    words = "<img src=x> [click](https://evil.example) ![x](https://evil.example/p.png) @everyone\n# head | `a`"
    plan = Plan(Status.IMPOSSIBLE, because=(words,), would_not_help=(words,), conflict=Conflict((words,), (words,)))
    text = markdown(report(replace(FINDING, message=words), plan=plan, paste=replace(VIEW, fine=words)))
    html = renderer.render(text)
    assert not [tag for tag in ("<img", "<a ", "<h1", "<code") if tag in html]
    assert "@everyone" not in text
