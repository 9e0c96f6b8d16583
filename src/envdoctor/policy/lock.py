"""The present environment as a policy to check against: the text of a lock.

Nothing in it names a person, a host, a path or a device, and the same environment gives the same text but for the day.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.policy.lock_demands import demanded_of, passed_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envdoctor.model.snapshot import Snapshot
    from envdoctor.policy.lock_demands import Passed

FIRST_LINE = "# envdoctor lock: what `envdoctor check --locked` demands. `envdoctor lock` writes it anew."
"""Tells a file that may be written over; nothing in it changes, so that a conflict of a merge begins below."""

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Verified(NamedTuple):
    """By what and how well an environment was judged before it is locked.

    `tests` are the names of the kernel tests that exist, `undecided` pairs rules that could not decide with the fact
    they lack, `left_out` rules that were not run by choice, `ignored` are rules whose findings a policy takes out.
    """

    envdoctor: str
    matrix: str
    tests: frozenset[str] = frozenset()
    undecided: tuple[tuple[str, str], ...] = ()
    left_out: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


def lock_text(seen: Snapshot, verified: Verified) -> str:
    """Return the lock of an environment, as the reader of policies takes it.

    What could not be found out, or is no version that can be compared, is named in a comment. Kernel tests are demanded
    where `seen` says that they passed and failed nowhere.
    """
    demanded = demanded_of(seen)
    passed = passed_in(seen, verified.tests)
    lines = [FIRST_LINE, *_header(seen, verified, passed)]
    lines += _said("Not demanded, since not known or no version that can be compared", demanded.left_out)
    lines.append("")
    if seen.known("torch.channel") == "cpu" and seen.known("host.os") != "macos":  # where the same build uses Metal
        lines.append('device = "cpu"')
    lines += (f'{key} = "{specifier}"' for key, specifier in demanded.keys.items())
    if passed.tests:
        lines += ["smoke = [", *(f'    "{name}",' for name in passed.tests), "]"]
    if demanded.packages:
        lines += ["", "[packages]", *(f'{name} = "{specifier}"' for name, specifier in demanded.packages.items())]
    return "\n".join(lines) + "\n"


def is_lock(text: str) -> bool:
    """Whether a text was written by `lock_text`, whatever was done to it since."""
    return text.startswith(FIRST_LINE)


def _header(seen: Snapshot, verified: Verified, passed: Passed) -> Iterator[str]:
    day = seen.taken[:10] if _DAY.fullmatch(seen.taken[:10]) else "an unknown day"
    yield _comment(f"Seen on {day}, judged by envdoctor {verified.envdoctor} with the matrix of {verified.matrix}.")
    count = len(passed.tests)
    kernels = f"{count} kernel test{'s' * (count != 1)} passed on {', '.join(passed.devices)}"
    yield _comment(f"Verified by its files; {kernels if count else 'no kernel was run'}.")
    yield from _said("No verdict, for want of a fact", (f"{rule} ({fact})" for rule, fact in verified.undecided))
    yield from _said("Not judged by choice", verified.left_out)
    yield from _said("Found, and ignored by a policy", verified.ignored)


def _said(what: str, names: Iterable[str]) -> Iterator[str]:
    named = ", ".join(dict.fromkeys(names))
    if named:
        yield _comment(f"{what}: {named}.")


def _comment(text: str) -> str:
    """Return a comment of one line, whatever the text holds."""
    return "# " + re.sub(r"[^ -~]", "?", text)
