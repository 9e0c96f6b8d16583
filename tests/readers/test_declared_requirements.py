"""Requirements files of pip."""

from __future__ import annotations

import pytest

from envdoctor.model.place import Place
from envdoctor.readers.declared.projects.requirements import MOST, read


def demands(text: str) -> list[tuple[str, str | None, int, int]]:
    (case,) = read(text, "requirements.txt").cases
    return [(one.name, one.specifier, one.place.line, one.place.column) for one in case.requirements]


def test_lines_comments_hashes_and_options() -> None:
    text = (
        "# torch==1.0\n"
        "--index-url https://download.pytorch.org/whl/cu121\n"
        "\n"
        "  torch==2.1.0+cu121  # as the driver wants it\n"
        "torchvision==0.16.0 \\\n"
        "    --hash=sha256:00 \\\n"
        "    --hash=sha256:11\n"
        "    # via torch\n"
        "-r other.txt\n"
        "-e .\n"
        "numpy<2\r\n"
    )
    assert demands(text) == [
        ("torch", "==2.1.0+cu121", 4, 3),
        ("torchvision", "==0.16.0", 5, 1),
        ("numpy", "<2", 11, 1),
    ]


def test_a_requirement_that_begins_on_a_line_that_goes_on_stands_where_it_stands() -> None:
    text = "\\\n  torch==2.1.0\nnumpy\n"
    assert demands(text) == [("torch", "==2.1.0", 2, 3), ("numpy", "", 3, 1)]


@pytest.mark.parametrize(
    ("line", "kind", "column"),
    [
        ("-i https://mirror.example/simple", "index-url", 1),
        ("--index-url=https://mirror.example/simple", "index-url", 1),
        ("--pre --extra-index-url https://mirror.example/simple", "extra-index-url", 7),
        ('-f "https://mirror.example/simple"', "find-links", 1),
        ("--find-links https://mirror.example/simple # comment", "find-links", 1),
        ("torch --index-url https://mirror.example/simple", "index-url", 7),
    ],
)
def test_an_index_is_read_however_it_is_written(line: str, kind: str, column: int) -> None:
    (case,) = read(line, "r.txt").cases
    (index,) = case.indexes
    assert (index.url, index.kind, index.place) == ("https://mirror.example/simple", kind, Place("r.txt", 1, column))
    assert line[column - 1 :].startswith(index.written)


def test_an_address_loses_its_credentials() -> None:
    (case,) = read("--extra-index-url https://me:secret@mirror.example/simple\ntorch\n", "r.txt").cases
    assert case.indexes[0].url == "https://mirror.example/simple"


def test_markers_stay_with_their_lines() -> None:
    (case,) = read("torch==2.1.1; python_version < '3.12'\ntorch>=2.2; python_version >= '3.12'\n", "r.txt").cases
    assert [one.marker for one in case.requirements] == ['python_version < "3.12"', 'python_version >= "3.12"']


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "\ufeff", "-r other.txt\n", "\\", "\\\n\\\n"])
def test_what_declares_nothing_has_no_case(text: str) -> None:
    assert read(text, "r.txt") == ("requirements file", (), (), None)


def test_a_file_beyond_all_measure_is_read_in_part_and_says_so() -> None:
    found = read("torch==2.1.0\n" * (MOST + 1), "r.txt")
    assert len(found.cases[0].requirements) == MOST
    assert str(MOST) in (found.trouble or "")
    assert "4 MB" in (read(" " * 5_000_000 + "torch", "r.txt").trouble or "")


def test_lines_that_go_on_for_ever_end() -> None:
    found = read("torch==2.1 \\\n" * 50_000, "r.txt")
    assert all(one.specifier is None for case in found.cases for one in case.requirements)
