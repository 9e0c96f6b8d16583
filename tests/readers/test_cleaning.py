"""Cleaning a paste: what mail, terminals, Markdown and HTML put around the lines goes, everything else stays."""

from __future__ import annotations

import pytest

from envdoctor.readers.paste import cleaning
from envdoctor.readers.paste.cleaning import MOST_LETTERS, NotText, clean, decode


def texts(paste: str) -> list[str]:
    return [line.text for line in clean(paste)]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("torch 2.6.0", "torch 2.6.0"),
        ("\x1b[1;31mRuntimeError\x1b[0m: no", "RuntimeError: no"),
        ("\x1b[38;5;196mred\x1b[m", "red"),
        ("[31mERROR[0m", "ERROR"),
        ("^[[33mWARN^[[0m and \\x1b[32mok\\033[0m", "WARN and ok"),
        ("\x1b]0;a title\x07prompt$", "prompt$"),
        ("\x1b]8;;https://mirror.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]0;a title that never ends", "0;a title that never ends"),
        ("gpu[0] is [12 MiB", "gpu[0] is [12 MiB"),
        ("> quoted", "quoted"),
        (">> twice", "twice"),
        ("> > > thrice", "thrice"),
        (">>> torch.__version__", ">>> torch.__version__"),
        ("> >>> torch.__version__", ">>> torch.__version__"),
        (">>>> torch.__version__", ">>> torch.__version__"),
        ("&gt; PyTorch version: 2.6", "PyTorch version: 2.6"),
        ("a &lt;not set&gt; &amp;&amp; b", "a <not set> && b"),
        ("?a=1&parameter=2", "?a=1&parameter=2"),
        ("<pre><code class='x'>PyTorch version: 2.6</code></pre>", "PyTorch version: 2.6"),
        ("<module 'torch' from 'x'>", "<module 'torch' from 'x'>"),
        ("torch\u00a02.6\u200b.0\ufeff", "torch 2.6.0"),
        ("\u2018GLIBC_2.28\u2019 not found", "'GLIBC_2.28' not found"),
        ("PyTorch\uff1a2.6", "PyTorch: 2.6"),
        ("a\x00b\x07c", "abc"),
        ("| N/A   35C    P0 |   0MiB / 81920MiB |", "| N/A   35C    P0 |   0MiB / 81920MiB |"),
        ("+-----+  |=====|", "+-----+  |=====|"),
        ("-> /usr/lib/libcudart.so => found", "-> /usr/lib/libcudart.so => found"),
        ("`PyTorch version: 2.6`", "PyTorch version: 2.6"),
        ("- `Accelerate` version: 1.0", "- `Accelerate` version: 1.0"),
    ],
)
def test_a_line(raw: str, text: str) -> None:
    assert texts(raw) == [text]


def test_lines_keep_their_numbers() -> None:
    lines = clean("```text\r\nfirst\r\n\r\nsecond\r\n```\r\n")
    assert [(line.number, line.text) for line in lines] == [(1, ""), (2, "first"), (3, ""), (4, "second"), (5, "")]


def test_a_break_makes_lines_of_one_number() -> None:
    lines = clean("one<br>two<br/>three")
    assert [(line.number, line.text) for line in lines] == [(1, "one"), (1, "two"), (1, "three")]


def test_details_of_an_issue() -> None:
    paste = "<details><summary>env</summary>\n\n```\nPyTorch version: 2.6\n```\n</details>"
    assert [text for text in texts(paste) if text] == ["env", "PyTorch version: 2.6"]


def test_the_last_state_of_a_progress_bar_stands() -> None:
    assert texts("  1%|\r 50%|#\r100%|##\nnext") == ["100%|##", "next"]


def test_carriage_returns_alone_end_lines() -> None:
    assert texts("one\rtwo\rthree") == ["one", "two", "three"]


def test_a_fence_in_a_list_gives_its_indentation_to_what_is_within() -> None:
    assert texts("- see\n  ```sh\n  pip list\n    more\n  ```\nend") == ["- see", "", "pip list", "  more", "", "end"]


def test_text_behind_a_fence_stays() -> None:
    assert texts("```PyTorch version: 2.6\nOS: Linux```") == ["PyTorch version: 2.6", "OS: Linux"]


def test_a_block_of_code_loses_its_indentation() -> None:
    assert texts("I see:\n\n    PyTorch version: 2.6\n      deeper\n\nthanks") == [
        "I see:", "", "PyTorch version: 2.6", "  deeper", "", "thanks",
    ]  # fmt: skip


def test_indentation_that_is_structure_stays() -> None:
    yaml = ["dependencies:", "    - python", "    - pip:", "        - torch"]
    assert texts("\n".join(yaml)) == yaml


def test_indentation_of_all_lines_goes() -> None:
    assert texts("  a:\n    b") == ["a:", "  b"]


def test_nothing_is_no_lines() -> None:
    assert clean("") == ()


def test_lines_and_their_number_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(clean("x" * (MOST_LETTERS * 3))[0].text) == MOST_LETTERS
    monkeypatch.setattr(cleaning, "MOST_LINES", 500)
    assert len(clean("\n" * 510)) == 500
    assert len(clean("a<br>b\n" * 500)) == 500


@pytest.mark.parametrize(
    "piece", [">", "> ", "<", "<code ", "&", "`", "```", "\x1b]", "\x1b[", "[1;", " ", "\t", "\r", "<br>", "a\u00a0"]
)
def test_hostile_repetition_is_read_to_its_end(piece: str) -> None:
    paste = (piece * (MOST_LETTERS // len(piece)) + "\n") * 30 + "torch 2.6.0"
    assert clean(paste)[-1].text == "torch 2.6.0"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_encodings(encoding: str) -> None:
    text = "PyTorch version: 2.6.0\nOS: Ubuntu 22.04 \u2713\n"
    assert decode(text.encode(encoding)) == text


def test_latin_1_is_what_is_left() -> None:
    assert decode("Systemf\u00fchrung: 10 \u00e9".encode("latin-1")) == "Systemf\u00fchrung: 10 \u00e9"


def test_a_character_cut_in_two_is_still_utf_8() -> None:
    assert decode("显卡 驱动 版本".encode()[:-1]).startswith("显卡 驱动 ")


def test_empty_content_is_empty_text() -> None:
    assert decode(b"") == ""


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4,
        b"\x7fELF\x02\x01\x01" + b"\x00" * 200,
        b"\x1f\x8b\x08\x00" + bytes((at * 37) % 256 for at in range(4000)),
        b"PK\x03\x04\x14\x00\x00\x00\x08\x00",
    ],
)
def test_binary_is_no_text(content: bytes) -> None:
    with pytest.raises(NotText):
        decode(content)
