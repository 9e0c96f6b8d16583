"""Comparisons for people: what decides comes first, in words; nothing of the machines acts in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envdoctor.diagnose.differing import differing, explain, ranked
from envdoctor.matrix.load import load_matrix
from envdoctor.model.difference import DiffReport
from envdoctor.model.fact import Known, Unknown
from envdoctor.reporters import diff_markdown, diff_terminal
from hostile_texts import SHORT
from machines import machine_snapshot

if TYPE_CHECKING:
    from envdoctor.model.snapshot import Snapshot

MATRIX = load_matrix()
WELL = machine_snapshot(driver="580.95.05", torch="2.14.0+cu130")
OLD = machine_snapshot(driver="550.54.15", torch="2.14.0+cu130")


def compared(a: Snapshot, b: Snapshot, *, names: tuple[str, str] = ("here.json", "there.json")) -> DiffReport:
    in_a, in_b, explained = explain(a, b, MATRIX)
    differ, left_out = differing(a, b)
    both = tuple(sorted({one.rule for one in in_a.findings} & {one.rule for one in in_b.findings}))
    rows = ranked(differ, explained)
    return DiffReport(*names, in_a.verdict, in_b.verdict, explained, rows, both, left_out, 0, "0.1.0", "2026-11-22")


def terminal(report: DiffReport, *, verbose: bool = False) -> str:
    return diff_terminal.render_diff(report, verbose=verbose)


def test_the_difference_that_decides_stands_first() -> None:
    text = terminal(compared(WELL, OLD))
    assert text.startswith("A: here.json\nB: there.json\nA is healthy, B is broken.\n\n")
    assert "B fails because driver.version is 550.54.15 (in A 580.95.05): driver-too-old." in text.replace("\n  ", " ")


def test_each_kind_of_difference_that_would_do_is_named() -> None:
    """An older driver, and a torch of a newer CUDA: changing either ends it."""
    text = terminal(compared(machine_snapshot(driver="580.95.05", torch="2.9.1+cu128"), OLD)).replace("\n  ", " ")
    assert "B fails because" in text
    assert "torch.cuda is 13.0 (in A 12.8)" in text
    assert "; ending either ends it: driver-too-old." in text


def test_the_same_machine_twice_differs_in_nothing() -> None:
    text = terminal(compared(WELL, WELL))
    assert text == "A: here.json\nB: there.json\nA and B are the same in everything that lasts.\n"


def test_the_same_defect_in_both_is_named_in_the_first_sentence() -> None:
    other = OLD.having({"host.kernel": Known("6.1", "")})
    assert "A and B are both broken (driver-too-old in both); no difference turns a verdict." in terminal(
        compared(OLD, other)
    ).replace("\n", " ")


def test_what_one_does_not_tell_is_counted_and_shown_on_demand() -> None:
    silent = WELL.having({"host.kernel": Unknown("not told"), "host.version": Unknown("not told")})
    report = compared(WELL, silent)
    assert "2 answers are known of one of the two alone (-v shows them)." in terminal(report)
    assert "host.kernel" not in terminal(report)
    assert "host.kernel" in terminal(report, verbose=True)
    assert "host.kernel" not in diff_markdown.render_diff(report)
    assert "| host.kernel |" in diff_markdown.render_diff(report, verbose=True)


def test_lists_show_what_the_other_does_not_have() -> None:
    one = WELL.having({"device.nodes": Known(["nvidia0", "nvidia1"], "")})
    other = WELL.having({"device.nodes": Known(["nvidia0"], "")})
    assert "device.nodes: A nvidia1   B nothing more" in terminal(compared(one, other))


def test_answers_that_are_alike_stand_in_one_line() -> None:
    one = WELL.having({f"host.same{n}": Known("x" * 5, "") for n in range(4)})
    other = WELL.having({f"host.same{n}": Known("y" * 5, "") for n in range(4)})
    text = terminal(compared(one, other))
    assert "host.same0 and 3 more: A xxxxx   B yyyyy" in text
    assert "host.same3: A xxxxx   B yyyyy" in terminal(compared(one, other), verbose=True)


def test_one_answer_is_counted_in_the_singular() -> None:
    hot = WELL.having({"gpu.0.utilization": Known(99, "")})
    cold = WELL.having({"gpu.0.utilization": Known(1, ""), "host.kernel": Known("6.1", "")})
    assert "1 answer that changes from moment to moment or from board to board was left out." in terminal(
        compared(hot, cold)
    ).replace("\n", " ")


@pytest.mark.parametrize("words", SHORT.values(), ids=[*SHORT])
def test_words_of_a_machine_do_not_act(words: str) -> None:
    report = compared(WELL, OLD.having({"host.version": Known(words, "")}), names=(words, "b"))
    for text in (terminal(report), diff_markdown.render_diff(report)):
        assert not [letter for letter in text if ord(letter) < 32 and letter != "\n"]
        assert not [line for line in text.splitlines() if line.lstrip().startswith(("::", "##["))]


def test_markdown_shows_hostile_words_as_they_are() -> None:
    markdown = pytest.importorskip("markdown_it").MarkdownIt("commonmark").enable("table")
    words = "<img src=x> [click](https://evil.example) ![x](https://evil.example/p.png) @everyone | `a` "
    report = diff_markdown.render_diff(
        compared(WELL, OLD.having({"host.version": Known(words, "")}), names=(words, "b"))
    )
    html = markdown.render(report)
    assert not [tag for tag in ("<img", "<a ", "<code") if tag in html]
    assert "&#64;&#8203;everyone" in report
    assert html.count("<table>") == 1
    assert "<td>driver.version</td>" in html
