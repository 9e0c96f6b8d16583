"""Text of files of others in facts: nothing in it moves a cursor, and what it was can be told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envdoctor.probes.distributions import required_name
from envdoctor.probes.printable import below, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("torch/lib/libc10.so", "torch/lib/libc10.so"),
        ("bücher/torch", "bücher/torch"),
        ("a\x1b[31m\udcffb\u202e", "a\\x1b[31m\\udcffb\\u202e"),
        ("a\r\nb", "a\\r\\nb"),
        ("", ""),
    ],
)
def test_text_of_files_is_printable(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(max_size=30))
def test_whatever_it_was(text: str) -> None:
    assert printable(text).isprintable()


def test_a_path_is_told_below_its_folder_of_packages() -> None:
    sites = ["/env/lib", "/env/lib64/"]
    assert below("/env/lib/torch/../nvidia/libcudart.so.12", sites) == "nvidia/libcudart.so.12"
    assert below("/env/lib64/torch/_C.so", sites) == "torch/_C.so"
    assert below("/env/library/a.so", sites) == "/env/library/a.so"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("nvidia-cudnn-cu12==9.10.2.21; platform_system == 'Linux'", "nvidia-cudnn-cu12"),
        ("Flash_Attn [all]>=2", "flash-attn"),
        ("torch", "torch"),
        ("==2.0", ""),
        ("", ""),
    ],
)
def test_the_name_that_a_requirement_begins_with(line: str, name: str) -> None:
    assert required_name(line) == name
