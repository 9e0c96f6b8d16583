"""Symbols that relocations ask for, beside what readelf says."""

from __future__ import annotations

import glob
import re
import shutil
import subprocess

import pytest

from envdoctor.binary.dynamic import DynamicSection
from envdoctor.binary.image import Image, NotElf, opened
from envdoctor.binary.relocations import DT_RELASZ, names_asked_for

LIBRARIES = [path for path in sorted(glob.glob("/usr/lib/*/lib*.so.[0-9]*")) if ".so" in path][::40]


def by_readelf(path: str) -> set[str]:
    out = subprocess.run(["readelf", "-rW", path], check=True, capture_output=True, text=True).stdout
    # Offset, info, type, value, then the name with its version; one without a symbol has no name there.
    return set(re.findall(r"^[0-9a-f]{16} {2}[0-9a-f]{8}[0-9a-f]{8} R_\S+ +[0-9a-f]{16} ([^@\s]+)", out, re.MULTILINE))


@pytest.mark.skipif(shutil.which("readelf") is None, reason="no readelf")
@pytest.mark.parametrize("path", LIBRARIES)
def test_the_names_are_those_of_readelf(path: str) -> None:
    with opened(path) as image:
        names = [*names_asked_for(DynamicSection(image))]
    assert len(names) == len({*names})
    assert {*names} == by_readelf(path)


@pytest.mark.parametrize("path", LIBRARIES[:1])
def test_a_table_beyond_the_end_is_refused(path: str) -> None:
    with open(path, "rb") as file:
        data = file.read()
    section = DynamicSection(Image(data))
    section.tags[DT_RELASZ] = len(data) * 2
    with pytest.raises(NotElf, match="beyond the end"):
        [*names_asked_for(section)]
