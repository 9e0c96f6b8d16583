"""Declared cases from a line of words, as a command would give them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.matrix.load import load_matrix
from envdoctor.model.declared import Case, Image, Index, PythonWish, Requirement, Statement
from envdoctor.model.place import Place
from envdoctor.rules.declared.declared_rule import all_declared

if TYPE_CHECKING:
    from envdoctor.model.declared import Flaw, IndexKind, Manager

MATRIX = load_matrix()
FILE = "requirements.txt"
WHL = "https://download.pytorch.org/whl"

_KINDS: dict[str, IndexKind] = {
    "-i": "index-url",
    "--index-url": "index-url",
    "--extra-index-url": "extra-index-url",
    "-f": "find-links",
    "--find-links": "find-links",
}


def case(
    words: str,
    *,
    python: str = "",
    cuda: str = "",
    cudnn: str = "",
    image: str = "",
    manager: Manager = "pip",
    platform: str = "",
    pinned: bool = False,
) -> Case:
    """A case of requirements and index options, "torch==2.6.0 -f URL"; a marker stands behind ";" without blanks."""
    requirements, indexes = [], []
    pieces = [(found[0], found.start() + 1) for found in re.finditer(r"\S+", words)]
    while pieces:
        word, column = pieces.pop(0)
        if word in _KINDS:
            url, _ = pieces.pop(0)
            indexes.append(Index(url, _KINDS[word], Place(FILE, 1, column), f"{word} {url}"))
            continue
        demand, _, marker = word.partition(";")
        name = re.match(r"[a-z0-9-]+", demand)
        assert name is not None
        specifier = None if "$" in demand else demand[name.end() :]
        place = Place(FILE, 1, column)
        requirements.append(Requirement(name[0], specifier, place, demand, marker.replace("~", " "), manager))
    pythons = (PythonWish(python, Place(FILE, 2), python),) if python else ()
    cudas = tuple(
        Statement(re.sub(r".*[= ]", "", one), Place(FILE, 3), one, "conda" if "=" in one else None)
        for one in filter(None, cuda.split(";"))
    )
    cudnns = (Statement(cudnn, Place(FILE, 4), f"cuDNN {cudnn}"),) if cudnn else ()
    base = Image(image, Place(FILE, 5), image) if image else None
    return Case(
        FILE, "pip install", Place(FILE, 1), tuple(requirements), tuple(indexes), pythons, cudas, cudnns, base,
        platform, pinned=pinned,
    )  # fmt: skip


def flaws(one: Case) -> list[Flaw]:
    """All that the rules for cases find."""
    return [flaw for rule in all_declared() if rule.judge is not None for flaw in rule.judge(one, MATRIX)]


def found(one: Case) -> dict[str, str]:
    """The messages by rule."""
    return {flaw.finding.rule: flaw.finding.message for flaw in flaws(one)}


def corrected(words: str, one: Case) -> str:
    """The words with the amendments of all flaws, the last first."""
    amendments = {amendment for flaw in flaws(one) for amendment in flaw.amendments if amendment.place.line == 1}
    for amendment in sorted(amendments, key=lambda amendment: (-amendment.place.column, amendment.new)):
        at = words.index(amendment.old, amendment.place.column - 1)
        words = f"{words[:at]}{amendment.new}{words[at + len(amendment.old) :]}"
    return words
