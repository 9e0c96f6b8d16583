"""`pip freeze` and `uv pip freeze`: `torch==2.6.0+cu126`, one a line, or several pins in a line of nothing else.

torch @ https://mirror.example/torch-2.6.0%2Bcu126-cp311-cp311-linux_x86_64.whl
-e git+https://github.com/a/b@0123#egg=b        (no version is told)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from envdoctor.model.paste import Package, Reading
from envdoctor.readers.paste.listings.package_words import NAME, VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.paste import Line

FORMAT = "pip freeze"

_PIN = rf"({NAME})(?:\[[\w,. -]{{0,100}}\])?\s{{0,3}}===?\s{{0,3}}({VERSION})"
_TAIL = r"\s{0,8}(?:[;#\\].{0,400}|--hash.{0,400})?"
_BULLET = r"\s{0,12}(?:[-*•]\s{1,4})?[\"'`]?"
_AT = rf"({NAME})\s{{1,3}}@\s{{1,3}}(\S{{1,1000}})"
_WHEEL = rf"({NAME}?)-({VERSION}?)-(?:\d\w{{0,20}}-)?(?:cp|py|pp)\d[\w.]{{0,40}}-[\w.]{{1,40}}-[\w.-]{{1,120}}\.whl"
_LONGEST = 1000
_MOST = 5000
"""Packages that are kept: the largest environments have some hundred."""
_FEWEST = 10


def read(lines: Sequence[Line]) -> Reading:
    """Read pins; a line is one where it holds pins and nothing else."""
    packages: list[Package] = []
    claimed: set[int] = set()
    whole = False
    run = 0
    asked = False
    for line in lines:
        found = list(_in_line(line.text, line.number)) if len(line.text) <= _LONGEST and len(packages) < _MOST else []
        packages += found
        if len(found) == 1:
            claimed.add(line.number)
        run = run + 1 if found or line.text.lstrip().startswith("-e ") else 0
        if line.text.rstrip().endswith(("pip freeze", "pip3 freeze")):
            asked = True
        whole = whole or (asked and run >= _FEWEST)
    return Reading(FORMAT, packages=tuple(packages), claimed=frozenset(claimed), whole=whole)


def _in_line(text: str, number: int) -> Iterator[Package]:
    """Yield the pins of a line, none where something else stands in it."""
    if "==" not in text and " @ " not in text:
        return
    text = re.sub(_BULLET, "", text, count=1).rstrip(" \t\"'`,")
    at = re.match(_AT, text)
    if at:
        version = _of_file(at[2])
        if version:
            yield Package(at[1], version, number)
        return
    pin = re.match(_PIN, text)
    if pin and re.fullmatch(_TAIL, text[pin.end() :]):
        yield Package(pin[1], pin[2], number)
        return
    pins = [re.fullmatch(_PIN, word) for word in re.split(r"[\s,;]{1,8}", text)]
    if all(pins):
        yield from (Package(pin[1], pin[2], number) for pin in pins if pin)


def _of_file(url: str) -> str:
    """Return the version in the name of a wheel, "" for another address."""
    name = unquote(url.split("#")[0].rsplit("/", 1)[-1])
    match = re.fullmatch(_WHEEL, name)
    return match[2] if match else ""
