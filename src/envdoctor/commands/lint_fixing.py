"""Writing corrected files: byte for byte what they were beside the corrections, or not at all."""

from __future__ import annotations

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from typing import TYPE_CHECKING

from envdoctor.commands import deliver
from envdoctor.commands.failure import Unusable
from envdoctor.model.linted import Unread

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envdoctor.commands.declared_files import Found
    from envdoctor.model.linted import FileMended

ENCODINGS = (
    (b"", "utf-8"), (BOM_UTF8, "utf-8"), (BOM_UTF32_LE, "utf-32-le"), (BOM_UTF32_BE, "utf-32-be"),
    (BOM_UTF16_LE, "utf-16-le"), (BOM_UTF16_BE, "utf-16-be"), (b"", "utf-16-le"), (b"", "utf-16-be"), (b"", "latin-1"),
)  # fmt: skip
"""Marks at the beginning of a file and what they stand for; the first that gives back every byte is taken."""


def mend(corrected: Iterable[tuple[FileMended, str]], found: Found) -> tuple[FileMended, ...]:
    """Write corrected files, and read them anew into `found`; one that cannot be written is told among its unread."""
    from envdoctor.commands.declared_files import read_again

    done = []
    for one, text in corrected:
        try:
            _write(one.file, found.texts[one.file], text)
        except Unusable as problem:
            found.unread.append(Unread(one.file, f"not written: {problem.message.removeprefix(f'{one.file}: ')}"))
            done.append(one)
        else:
            read_again(one.file, text, found)
            done.append(one._replace(written=True))
    return tuple(done)


def _write(file: str, before: str, text: str) -> None:
    from envdoctor.commands.declared_files import MOST_BYTES
    from envdoctor.commands.examine import content

    raw = content(file, MOST_BYTES + 1)
    way = next(((mark, name) for mark, name in ENCODINGS if _encoded(mark, name, before) == raw), None)
    new = _encoded(*way, text) if way else None
    if new is None:
        raise Unusable(f"{file}: it changed meanwhile, or its letters are of no encoding that gives back every byte")
    deliver.replace(file, new)


def _encoded(mark: bytes, name: str, text: str) -> bytes | None:
    try:
        return mark + text.encode(name)
    except UnicodeEncodeError:
        return None
