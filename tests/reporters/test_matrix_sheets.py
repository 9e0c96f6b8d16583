"""Tables of the matrix in every format: golden texts, widths, colour, and texts that want to be more than text."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from sheet_samples import SAMPLES

from envdoctor.codec.schema_files import schema_text
from envdoctor.matrix.load import load_matrix
from envdoctor.matrix.serving import Need
from envdoctor.matrix.sheets import ask
from envdoctor.matrix.sheets.releases import Environment
from envdoctor.matrix.sheets.serving_gpus import Asked, serving
from envdoctor.model.sheet import Column, Items, Sheet, Table
from envdoctor.reporters import matrix_json, matrix_markdown, matrix_terminal
from hostile_texts import EVERYTHING, SHORT, assert_harmless

GOLDEN = Path(__file__).parent / "golden_matrix"
REFRESH = "ENVDOCTOR_REFRESH=1 pytest tests/reporters/test_matrix_sheets.py"
WIDTHS = (60, 80, 140)
RENDER = {"terminal": matrix_terminal, "markdown": matrix_markdown, "json": matrix_json}
GOLDENS = {
    **{f"{name}-{width}.txt": (name, "terminal", width) for name in SAMPLES for width in WIDTHS},
    **{f"{name}.md": (name, "markdown", 80) for name in SAMPLES},
    **{f"{name}.json": (name, "json", 80) for name in SAMPLES},
}
ANSI = re.compile(r"\x1b\[[0-9;]*m")
MATRIX = load_matrix()
ASKED = [
    (),
    ("torch",),
    ("2.7",),
    ("1.8.2",),
    *((table,) for table in ask.TABLES if table != "torch"),
    ("drivers", "535"),
]


@pytest.mark.parametrize("name", GOLDENS)
def test_a_sheet_is_the_golden_one(name: str) -> None:
    sample, form, width = GOLDENS[name]
    text = RENDER[form].render_sheet(SAMPLES[sample], width=width)
    golden = GOLDEN / name
    if os.environ.get("ENVDOCTOR_REFRESH"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text, encoding="utf-8")
    expected = golden.read_text(encoding="utf-8") if golden.is_file() else ""
    assert text == expected, f"{name} differs; if the new text is right, run: {REFRESH}"


def test_no_golden_is_left_over() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == set(GOLDENS)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("words", ASKED, ids=" ".join)
def test_whatever_is_asked_fits_and_breaks_no_word(words: tuple[str, ...], width: int) -> None:
    sheet = ask.answer(MATRIX, words, Environment(), everything=True, day="2026-11-21")
    text = matrix_terminal.render_sheet(sheet, width=width)
    wide = [line for line in text.splitlines() if len(line) > width]
    assert [line for line in wide if max(map(len, line.split())) < width - 20] == []
    assert all(line == line.rstrip() for line in text.splitlines())
    assert "\n\n\n" not in text
    whole = {word for table in sheet.tables for row in table.rows for cell in row[:1] for word in str(cell).split()}
    assert whole <= set(text.split()), "a word of the first column is broken or lost"
    coloured = matrix_terminal.render_sheet(sheet, width=width, colour=True)
    assert ANSI.search(coloured)
    assert ANSI.sub("", coloured) == text


@pytest.mark.parametrize("words", ASKED, ids=" ".join)
def test_every_answer_fits_its_schema_and_loses_no_row(words: tuple[str, ...]) -> None:
    sheet = ask.answer(MATRIX, words, Environment(), everything=True, day="2026-11-21")
    document = json.loads(matrix_json.render_sheet(sheet))
    Draft202012Validator(json.loads(schema_text("envdoctor.matrix/1"))).validate(document)
    assert [len(table["rows"]) for table in document["tables"]] == [len(table.rows) for table in sheet.tables]
    for table in document["tables"]:
        keys = [column["key"] for column in table["columns"]]
        assert len(set(keys)) == len(keys)
        assert all(list(row) == keys for row in table["rows"])
    rows = matrix_markdown.render_sheet(sheet).splitlines()
    assert sum(line.startswith("| ") for line in rows) == sum(len(table.rows) + 2 for table in sheet.tables)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("words", [(), ("2.14",), ("2.3",)], ids=" ".join)
def test_what_serves_a_gpu_fits_and_fits_its_schema(words: tuple[str, ...], width: int) -> None:
    need = Need("linux-x86_64", None, None, "linux", "535.104.05", "12.2", ((7, 0), (12, 0)), cuda=True)
    asked = [Asked("V100", (7, 0), MATRIX.gpu("V100")), Asked("compute capability 12.0", (12, 0), None)]
    found = ask.releases_of(MATRIX, words)
    sheet = serving(MATRIX, asked, need, found, closely=bool(words), everything=False, day="2026-11-21")
    text = matrix_terminal.render_sheet(sheet, width=width)
    assert [line for line in text.splitlines() if len(line) > width and max(map(len, line.split())) < width - 20] == []
    document = json.loads(matrix_json.render_sheet(sheet))
    Draft202012Validator(json.loads(schema_text("envdoctor.matrix/1"))).validate(document)


def test_every_row_of_markdown_has_as_many_cells() -> None:
    for sample in SAMPLES.values():
        for block in matrix_markdown.render_sheet(sample).split("\n\n"):
            counts = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines() if line.startswith("|")}
            assert len(counts) <= 1, block


def test_what_is_unknown_is_told_from_what_is_not_there() -> None:
    table = Table("x", "", (Column("a", "a"), Column("b", "b"), Column("c", "c")), ((None, "none", ""), (1, "x", "y")))
    sheet = replace(SAMPLES["releases"], tables=(table,))
    assert json.loads(matrix_json.render_sheet(sheet))["tables"][0]["rows"][0] == {"a": None, "b": "none", "c": ""}
    assert "| ? | none |  |" in matrix_markdown.render_sheet(sheet)
    text = matrix_terminal.render_sheet(sheet)
    assert re.search(r"^\?  none$", text, re.MULTILINE)
    assert '"?": the matrix does not know; "none": there is none.' in text


def poisoned(text: str) -> Sheet:
    columns = (Column("a", text), Column("b", "b", 1), Column("c", "c"))
    rows = ((text, Items((text, "x"), text), None), ("", Items((text,)), text))
    return Sheet(text, "2026-11-21", "2.15.0", None, (text,), (Table("x", text, columns, rows, (text,)),))


@pytest.mark.parametrize("form", RENDER)
@pytest.mark.parametrize("text", SHORT.values(), ids=SHORT)
def test_texts_of_others_stay_text(text: str, form: str) -> None:
    assert_harmless(RENDER[form].render_sheet(poisoned(text)), form)


@given(st.text() | st.sampled_from([EVERYTHING, "::error::x " * 40, "a|b\\|c", "1. x", "# x"]), st.integers(1, 200))
def test_any_text_at_any_width(text: str, width: int) -> None:
    assert_harmless(matrix_terminal.render_sheet(poisoned(text), width=width), "terminal")
    markdown = matrix_markdown.render_sheet(poisoned(text))
    assert_harmless(markdown, "markdown")
    tables = [line for line in markdown.splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in tables}) == 1
