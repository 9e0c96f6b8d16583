"""Two statements of one fact: which is kept, and when the other is worth a word."""

from __future__ import annotations

import pytest

from envdoctor.commands.contradictions import contradictions
from envdoctor.readers.paste.all_readers import readings
from envdoctor.readers.paste.assembling import Pasted, assemble
from envdoctor.readers.paste.cleaning import clean


def pasted(text: str) -> Pasted:
    return assemble(readings(clean(text)))


def test_a_listing_gives_in_full_what_people_call_by_two_numbers() -> None:
    text = "I upgraded to torch 2.9 today\n$ pip show torch\nName: torch\nVersion: 2.9.1+cu130\nSummary: Tensors"
    assert pasted(text).snapshot.known("torch.version") == "2.9.1+cu130"
    other = pasted(text.replace("2.9.1+cu130", "2.8.0+cu128"))
    assert other.snapshot.known("torch.version") == "2.9"


@pytest.mark.parametrize(
    "text",
    [
        "I have an RTX 3090.\nGPU 0: NVIDIA GeForce RTX 3090 (UUID: GPU-0)",
        "NVML library version: 550.163\nNVRM: API mismatch: the client has the version 550.163.01, but this kernel "
        "module has the version 550.120.",
    ],
)
def test_more_words_for_the_same_are_no_contradiction(text: str) -> None:
    assert contradictions(pasted(text)) == ()


def test_a_contradiction_is_told_in_plain_words() -> None:
    text = "$ python --version\nPython 3.9.7\nPyTorch version: 2.6.0\nPython version: 3.11.4 (64-bit runtime)\n"
    said = contradictions(pasted(text))
    assert said == ("line 4 (what is written) says Python is 3.11.4",)
