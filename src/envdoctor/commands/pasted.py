"""A paste from the command line: read, decoded, and made a machine with holes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.commands.failure import Unusable

if TYPE_CHECKING:
    from envdoctor.readers.paste.assembling import Pasted

MOST_BYTES = 20_000_000
"""What is read of a paste; a whole build log has a tenth of it."""

SNAPSHOT, HEAD = '"schema": "envdoctor.snapshot/', 100
"""What `--save-snapshot` writes first, and the characters it stands in: it is no text that somebody pasted."""


def read(name: str) -> tuple[Pasted, int | None]:
    """Return the machine of a paste, and how many lines were read where it has more.

    Raises `Unusable` for a file that cannot be read, is empty or is no text.
    """
    from envdoctor.commands.examine import content

    return of_content(content(name, MOST_BYTES + 1), name)


def of_content(raw: bytes, name: str) -> tuple[Pasted, int | None]:
    """Do the same with what was read of it already; `name` is what messages call it."""
    from envdoctor.readers.paste.all_readers import readings
    from envdoctor.readers.paste.assembling import assemble
    from envdoctor.readers.paste.cleaning import NotText, decode
    from envdoctor.readers.paste.ends import read_ends

    if len(raw) > MOST_BYTES:
        raise Unusable(f"{name}: larger than {MOST_BYTES // 1_000_000} MB; paste the part around the error")
    try:
        text = decode(raw)
    except NotText as problem:
        raise Unusable(f"{name}: {problem}") from None
    if SNAPSHOT in text[:HEAD]:
        raise Unusable(f"{name}: a saved snapshot and no paste; judge it with: envdoctor check --snapshot {name}")
    lines, cut = read_ends(text)
    if not any(line.text.strip() for line in lines):
        raise Unusable(f"{name}: empty")
    return assemble(readings(lines)), cut
