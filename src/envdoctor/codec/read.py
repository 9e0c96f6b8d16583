"""Reading a saved machine: whatever the file holds, a `Snapshot` or one clear line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.codec.diagnosis import SCHEMA as DIAGNOSIS
from envdoctor.codec.json_value import WrongShape, kind
from envdoctor.codec.snapshot import decode

if TYPE_CHECKING:
    from envdoctor.model.snapshot import Snapshot

MOST_BYTES = 50_000_000
"""A snapshot of a large machine has about 100 kB; this bounds the time and memory a stranger's file costs."""

MOST_DIGITS = 308
"""What a float can still be (`sys.float_info.max_10_exp`): arithmetic of a longer number with one raises."""


class UnreadableSnapshot(Exception):
    """A file that is no snapshot; the text is one line that names the file and what is wrong with it."""


def load_snapshot(content: str | bytes, name: str) -> Snapshot:
    """Return the snapshot in `content`; `name` is what messages call it (a path, or `-`).

    A diagnosis document stands for the snapshot inside it. Bytes may be UTF-8, UTF-16 or UTF-32 (some shells
    redirect output as UTF-16). Raise `UnreadableSnapshot` for anything else.
    """
    try:
        document = _parse(content)
        if isinstance(document, dict) and document.get("schema") == DIAGNOSIS:
            inner = document.get("snapshot")
            if not isinstance(inner, dict):
                raise WrongShape(f'the "snapshot" of this diagnosis is {kind(inner)} instead of an object')
            document = inner
        return decode(document)
    except WrongShape as problem:
        raise UnreadableSnapshot(f"{_label(name)}: {problem}") from None


def _parse(content: str | bytes) -> object:
    if len(content) > MOST_BYTES:
        raise WrongShape(f"larger than {MOST_BYTES // 1_000_000} MB: not a snapshot")
    if not content.strip():
        raise WrongShape("empty")
    import json

    try:
        if isinstance(content, bytes):
            content = content.decode(json.detect_encoding(content))
        document: object = json.loads(
            content.removeprefix("\ufeff"),
            parse_constant=_no_constant,
            parse_int=_whole_number,
        )
    except UnicodeDecodeError:
        raise WrongShape("not text") from None
    except json.JSONDecodeError as problem:
        raise WrongShape(f"not JSON: {problem.msg} at line {problem.lineno}, column {problem.colno}") from None
    except RecursionError:
        raise WrongShape("nested too deeply") from None
    return document


def _no_constant(constant: str) -> object:
    raise WrongShape(f"not JSON: {constant} is no JSON number")


def _whole_number(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise WrongShape(f"a number of {len(digits)} digits")
    return int(digits)


def _label(name: str) -> str:
    # A file name may hold anything but "/" and NUL: line breaks and escape sequences included.
    return name if name.isprintable() else ascii(name)
