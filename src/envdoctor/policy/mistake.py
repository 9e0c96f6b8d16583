"""What is wrong in a policy, a profile or a lock, with its place: and which name was probably meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

SHOWN = 60
"""Characters shown of a word out of a file."""


class PolicyError(Exception):
    """One mistake, for a user to read.

    `file` is the file as the user would name it, or whatever else named what is wrong ("--profile", a variable);
    `line` counts from 1 and is None where it is not known; `what` is one clause without a full stop.
    """

    def __init__(self, file: str, line: int | None, what: str) -> None:
        self.file = file
        self.line = line
        self.what = what
        super().__init__(f"{file}, line {line}: {what}" if line else f"{file}: {what}")


def short(word: object) -> str:
    """Return a word of the file as a message may repeat it: on one line, and not endless."""
    text = " ".join(str(word)[: 4 * SHOWN].split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def near(word: str, names: Iterable[str], otherwise: str) -> str:
    """Return a question that names what is nearest to a mistyped word, or else `otherwise`."""
    from difflib import get_close_matches

    plain = word[:SHOWN].strip().lower().replace("_", "-").rstrip("-*")
    known = list(names)
    # A word that several names begin with means all of them; difflib finds the others, in time that grows with the
    # square of the length.
    found = [one for one in known if one == plain or one.startswith(f"{plain}-")] or get_close_matches(plain, known, 3)
    return f"did you mean {' or '.join(found[:3])}?" if found else otherwise
