"""The names by which readers are found late are names of modules that are there, and each can read."""

from __future__ import annotations

from importlib import import_module

import pytest

from envdoctor.readers.declared import choosing
from envdoctor.readers.paste import all_readers

DECLARED = sorted({*choosing.YAML, *(module for _, module in (*choosing.NAMED, *choosing.BEGINS))})


@pytest.mark.parametrize("module", DECLARED)
def test_a_reader_of_files_is_found_by_its_name(module: str) -> None:
    declared = choosing.reader(module)("", "a")
    assert declared.cases == ()
    assert declared.format


@pytest.mark.parametrize("module", all_readers.ORDER)
def test_a_reader_of_pastes_is_found_by_its_name(module: str) -> None:
    read = import_module(f"envdoctor.readers.paste.{module}").read
    assert read(()).stated == ()


def test_words_are_of_readers_that_are_there() -> None:
    assert set(all_readers.WORDS) <= set(all_readers.ORDER)
