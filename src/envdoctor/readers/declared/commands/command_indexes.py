"""The indexes that an install command names, by options and by variables of the environment.

pip's and uv's documentation name both ("pip install", "uv pip install", "Environment variables").
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.codec.credentials import strip_credentials
from envdoctor.model.declared import Index

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.model.declared import IndexKind, Requirement
    from envdoctor.readers.declared.commands.installers import Word

WHEELS = "https://download.pytorch.org/whl/"
"""Where `--torch-backend` of uv finds the channel it names (uv's documentation, "Using uv with PyTorch")."""

OPTIONS: dict[str, IndexKind] = {
    "-i": "index-url",
    "--index-url": "index-url",
    "--pypi-url": "index-url",
    "--default-index": "index-url",
    "--extra-index-url": "extra-index-url",
    "--index": "extra-index-url",
    "-f": "find-links",
    "--find-links": "find-links",
}
VARIABLES: dict[str, tuple[str, IndexKind]] = {
    "PIP_INDEX_URL": ("pip", "index-url"),
    "PIP_EXTRA_INDEX_URL": ("pip", "extra-index-url"),
    "PIP_FIND_LINKS": ("pip", "find-links"),
    "UV_INDEX_URL": ("uv", "index-url"),
    "UV_DEFAULT_INDEX": ("uv", "index-url"),
    "UV_EXTRA_INDEX_URL": ("uv", "extra-index-url"),
    "UV_INDEX": ("uv", "extra-index-url"),
    "UV_FIND_LINKS": ("uv", "find-links"),
}
_OF_BACKEND = ("torch", "torchvision", "torchaudio")
"""What `--torch-backend` takes from its channel, of that which is looked at here."""

_BACKEND = re.compile(r"auto|cu\d{2,3}|cpu|rocm\d[\d.]{0,6}|xpu")


def addresses(word: Word, kind: IndexKind) -> Iterator[Index]:
    """The indexes that one word names: several with blanks between them, each maybe with a name before it (uv)."""
    at = 0
    for one in word.text.split():
        found = word.written.find(one, at)
        at = max(found, 0) + len(one) if found >= 0 else at
        named = re.match(r"[\w.-]{1,60}=(?=https?://)", one)
        url = one[named.end() :] if named else one
        column = word.place.column + (found + (named.end() if named else 0) if found >= 0 else 0)
        written = url if found >= 0 else word.written
        yield Index(strip_credentials(url), kind, word.place._replace(column=column), strip_credentials(written))


def backend(word: Word) -> Index | None:
    """`--torch-backend=cu126` of uv: torch and its kin are taken from that channel; `auto` asks the driver for one."""
    if not _BACKEND.fullmatch(word.text):
        return None
    channel = "" if word.text == "auto" else word.text
    return Index(WHEELS + channel, "index-url", word.place, word.written, explicit=True)


def tied(requirement: Requirement, indexes: tuple[Index, ...]) -> Requirement:
    """Return a demand as the indexes of its command leave it: tied to the channel of `--torch-backend`, if it is."""
    channel = next((one for one in indexes if one.explicit and one.url != WHEELS), None)
    if channel is None or requirement.name not in _OF_BACKEND or requirement.source is not None:
        return requirement
    return requirement._replace(source=channel.url)
