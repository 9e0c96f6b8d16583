"""The text of a matrix file: a cell changed or a line added, and every other byte as it was."""

from __future__ import annotations

import pytest

from envdoctor.upkeep.toml_text import Lines, NoPlace, changed, inline, key_text, listed, parsed

FILE = """\
# Top.
revision = "2026-11-21"  # a day

[names]
short        = ["a"]
much-longer  = ["b", "c"]

# About torch.
[torch."1.0.0"]
released = "2018-12-07"
# Said elsewhere.
source = "x"
linux-x86_64   = { default = "cu90", python = "short" }

# Only this one.
[torch."1.0.0".cu90]
cuda = "9.0"

# ----
# What follows.
[[gpus]]
name = "V100"
"""


def test_a_changed_cell_keeps_its_alignment_and_its_comment() -> None:
    text = changed(FILE, {("revision",): "2027-01-01", ("names", "short"): ("z",), ("torch", "1.0.0", "source"): "y"})
    assert text == FILE.replace("2026-11-21", "2027-01-01").replace('["a"]', '["z"]').replace('"x"', '"y"')


def test_a_cell_of_a_table_on_one_line() -> None:
    path = ("torch", "1.0.0", "linux-x86_64")
    assert changed(FILE, {(*path, "default"): "cpu"}) == FILE.replace('"cu90", python', '"cpu", python')
    assert changed(FILE, {(*path, "default"): None}) == FILE.replace('default = "cu90", ', "")
    assert parsed(changed(FILE, {(*path, "tags"): ("t",)}))["torch"]["1.0.0"]["linux-x86_64"]["tags"] == ["t"]  # type: ignore[index,call-overload]


def test_a_cell_is_taken_out_with_its_line() -> None:
    assert changed(FILE, {("names", "short"): None}) == FILE.replace('short        = ["a"]\n', "")


def test_a_cell_that_is_not_there_is_no_place_to_change() -> None:
    with pytest.raises(KeyError):
        changed(FILE, {("torch", "1.0.0", "triton"): "==1"})


def test_a_new_cell_stands_behind_its_neighbour() -> None:
    lines = Lines(FILE)
    lines.add_cell(("torch", "1.0.0", "cu90"), "cudnn", '"7.0"', after=("cuda",))
    lines.add_cell(("torch", "1.0.0"), "triton", '"==1"', after=("released", "requires_python"))
    assert lines.text == FILE.replace('cuda = "9.0"\n', 'cuda = "9.0"\ncudnn = "7.0"\n').replace(
        '"2018-12-07"\n', '"2018-12-07"\ntriton = "==1"\n'
    )


def test_a_new_entry_is_aligned_and_stands_in_front_of_what_comes_after() -> None:
    lines = Lines(FILE)
    lines.add_entry(("names",), "mid", '["m"]', before=lambda key: key == "much-longer")
    lines.add_entry(("names",), "a-name-of-some-length", '["n"]')
    middle = 'mid          = ["m"]\nmuch-longer  = ["b", "c"]\na-name-of-some-length = ["n"]\n'
    assert lines.text == FILE.replace('much-longer  = ["b", "c"]\n', middle)


def test_a_new_table_stands_before_the_comments_of_the_next_part() -> None:
    lines = Lines(FILE)
    lines.add_block(("torch", "1.0.0"), '[torch."1.1.0"]\nreleased = "2019-04-30"\n')
    assert lines.text == FILE.replace('cuda = "9.0"\n', 'cuda = "9.0"\n\n[torch."1.1.0"]\nreleased = "2019-04-30"\n')


def test_a_file_without_the_table_is_refused() -> None:
    with pytest.raises(NoPlace, match=r'no table \[torch."9.9.9"\]'):
        Lines(FILE).add_cell(("torch", "9.9.9"), "cuda", '"1"', after=())
    with pytest.raises(NoPlace, match="no table"):
        Lines(FILE).add_block(("jax",), "[jax]\n")


@pytest.mark.parametrize("text", ["plain", 'qu"ote', "back\\slash", "line\nbreak", "\x1b[31m", "ünïcode", ""])
def test_texts_and_keys_are_read_back(text: str) -> None:
    assert parsed(f"a = {inline({'x': text, 'y': [text]})}") == {"a": {"x": text, "y": [text]}}
    assert parsed(f"{key_text(text)} = {listed([text])}") == {text: [text]}
