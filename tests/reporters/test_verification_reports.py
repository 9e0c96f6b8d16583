"""Verifications in every format: the same facts, no markup of others, nothing wider than the page."""

from __future__ import annotations

import json
import re

import pytest

from envdoctor.model.verification import AskedIndex, Claim, HandKept, News, Outcome, Verification
from envdoctor.reporters.verification_json import render_verification as as_json
from envdoctor.reporters.verification_markdown import render_verification as as_markdown
from envdoctor.reporters.verification_terminal import render_verification as as_text
from hostile_texts import SHORT, assert_harmless
from scenarios.shipped_schemas import validate

RENDER = {"terminal": as_text, "markdown": as_markdown, "json": as_json}
ROW = 'torch."2.14.0".cu130'
WHEEL = "torch-2.14.0-cp314-cp314-manylinux_2_28_x86_64.whl"
DOWN = "PyTorch wheel index: cannot be found: no network, or a name that does not exist"
CLAIMS = (
    Claim(ROW, "cuda (linux-x86_64)", "13.0.3", Outcome.CONFIRMED, "13.0.3", WHEEL, None),
    Claim(ROW, "cudnn (linux-x86_64)", "9.20.0.48", Outcome.CONTRADICTED, "9.24.0.43", WHEEL, None),
    Claim('torch."2.14.0".cu126', "architectures", "5.0 6.0 12.0+PTX", Outcome.NOT_REACHABLE, None, None, DOWN),
    Claim('torch."2.14.0".cu132', "architectures", "7.5 8.0", Outcome.NOT_REACHABLE, None, None, DOWN),
    Claim('torch."2.14.0"', "released", "2026-09-02", Outcome.NOT_REACHABLE, None, None, "the index names no days"),
)
SAMPLE = Verification(
    day="2026-11-21",
    revision="2026-11-20",
    indexes=(AskedIndex("package index", None), AskedIndex("PyTorch wheel index", "cannot be found")),
    claims=CLAIMS,
    news=(News('torch."2.16.0"', "torch 2.16.0 is published and unknown to this matrix"),),
    by_hand=(HandKept("gpus", 40), HandKept("generations", 12)),
    envdoctor="0.1.0",
)
CLEAN = Verification("2026-11-21", "2026-11-20", SAMPLE.indexes, CLAIMS[:1], (), SAMPLE.by_hand, "0.1.0")


def poisoned(text: str) -> Verification:
    """A verification all of whose words are that text."""
    claims = tuple(
        Claim(
            text, text, text, outcome, *((None, None, text) if outcome is Outcome.NOT_REACHABLE else (text, text, None))
        )
        for outcome in Outcome
    )
    asked = (AskedIndex(text, text),)
    return Verification(text, text, asked, claims, (News(text, text),), (HandKept(text, 1),), text)


def test_the_terminal_tells_each_contradiction_and_counts_the_rest() -> None:
    assert as_text(SAMPLE) == (
        "Matrix of 2026-11-20, read beside the indexes on 2026-11-21\n"
        "\n"
        "1 cells confirmed, 1 contradicted, 3 not reachable.\n"
        "PyTorch wheel index not reached: cannot be found\n"
        "\n"
        "Contradicted:\n"
        '  torch."2.14.0".cu130 cudnn (linux-x86_64)\n'
        "    matrix: 9.20.0.48\n"
        "    found:  9.24.0.43 (torch-2.14.0-cp314-cp314-manylinux_2_28_x86_64.whl)\n"
        "`envdoctor matrix refresh` shows the change that mends what the wheels tell\n"
        "otherwise.\n"
        "\n"
        "New, and no contradiction:\n"
        "  torch 2.16.0 is published and unknown to this matrix\n"
        "\n"
        "Not reachable, so neither confirmed nor contradicted:\n"
        "     2  PyTorch wheel index: cannot be found: no network, or a name that does\n"
        "        not exist\n"
        "     1  the index names no days\n"
        "\n"
        "Kept by hand, which no index can prove: gpus (40), generations (12).\n"
    )


def test_verbose_names_every_cell_nobody_told_of() -> None:
    for claim in SAMPLE.with_outcome(Outcome.NOT_REACHABLE):
        assert f"{claim.row} {claim.cell}: {claim.says}" in as_text(SAMPLE, width=140, verbose=True)
        assert claim.says in as_markdown(SAMPLE, verbose=True)
        assert f"{claim.row} {claim.cell}" not in as_text(SAMPLE, width=140)


def test_a_clean_verification_is_short() -> None:
    text = as_text(CLEAN)
    assert "Contradicted" not in text
    assert "refresh" not in text
    assert CLEAN.exit_code == 0
    assert SAMPLE.exit_code == 1


def test_json_holds_all_of_it_and_fits_its_schema() -> None:
    document = json.loads(as_json(SAMPLE))
    validate(document)
    assert document["counts"] == {"confirmed": 1, "contradicted": 1, "not-reachable": 3}
    assert document["exit_code"] == 1
    assert document["contradicted"] == [
        {
            "row": ROW,
            "cell": "cudnn (linux-x86_64)",
            "matrix": "9.20.0.48",
            "found": "9.24.0.43",
            "seen_in": WHEEL,
        }
    ]
    assert document["confirmed"] == [{"seen_in": WHEEL, "rows": {ROW: {"cuda (linux-x86_64)": "13.0.3"}}}]
    assert document["not_reachable"][0] == {
        "reason": DOWN,
        "rows": {
            'torch."2.14.0".cu126': {"architectures": "5.0 6.0 12.0+PTX"},
            'torch."2.14.0".cu132': {"architectures": "7.5 8.0"},
        },
    }
    assert document["new"][0]["row"] == 'torch."2.16.0"'
    assert document["kept_by_hand"] == [{"table": "gpus", "rows": 40}, {"table": "generations", "rows": 12}]


def test_markdown_tables_have_as_many_cells_in_every_row() -> None:
    for sample in (SAMPLE, poisoned("a | b\n|---|\n")):
        tables = [line for line in as_markdown(sample).splitlines() if line.startswith("|")]
        assert tables
        for line in tables:
            assert len(re.findall(r"(?<!\\)\|", line)) in (3, 6), line


@pytest.mark.parametrize("form", RENDER)
@pytest.mark.parametrize("name", SHORT)
def test_what_an_index_says_stays_text(form: str, name: str) -> None:
    text = RENDER[form](poisoned(SHORT[name]))
    assert_harmless(text, form)
    assert "hunter2" not in text
    if form == "json":
        validate(json.loads(text))


@pytest.mark.parametrize("width", [40, 80, 100])
def test_no_line_is_wider_than_the_page(width: int) -> None:
    lines = as_text(SAMPLE, width=width, verbose=True).splitlines()
    longest = max(len(word) for line in lines for word in line.split())
    assert max(map(len, lines)) <= max(width, longest + 12)


def test_colour_changes_no_word() -> None:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", as_text(SAMPLE, colour=True))
    assert plain == as_text(SAMPLE)
    assert "\x1b[" in as_text(SAMPLE, colour=True)
