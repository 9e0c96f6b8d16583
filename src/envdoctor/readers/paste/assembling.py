"""Many readings of one paste become one machine: each fact once, with the line it was read on."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from envdoctor.codec.credentials import strip_credentials
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.model.snapshot import Snapshot
from envdoctor.readers.paste.completing import complete
from envdoctor.readers.paste.listed import package_facts
from envdoctor.readers.pattern import Pattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from envdoctor.model.fact import Fact, Value
    from envdoctor.model.paste import Package, Reading, SaidLine, Stated

MOST_TEXTS = 60
MOST_LENGTH = 2000
"""Texts of failures that are kept, and characters of each: the first tell what went wrong, the rest repeats it."""

PROMPT = Pattern(
    r"^\s{0,12}(?:\([\w./ -]{1,60}\)\s{0,2}){0,2}"
    r"(?:\[[\w.-]{1,40}@[^\]\n]{1,100}\]|[\w.-]{1,40}@[\w.-]{1,80}[: ]?[^\s$#%]{0,200})\s?[$#%](?:\s|$)",
    words=("@",),
)
"""What names a person and a machine, before what they typed."""

GPU_NAME = r"gpu\.\d+\.name"


@dataclass(frozen=True, slots=True)
class Pasted:
    """A paste as a machine with holes.

    `lines` maps a fact to the line of the paste it was read on; `formats` are the formats that were recognised, with
    the first line of each; `beside` are statements that differ from what was kept.
    """

    snapshot: Snapshot
    lines: Mapping[str, int]
    formats: tuple[tuple[str, int], ...]
    beside: tuple[Stated, ...] = ()


def assemble(readings: Iterable[Reading]) -> Pasted:
    """Put readings together; of two statements of one fact that of the earlier reading is kept."""
    facts: dict[str, Fact] = {}
    lines: dict[str, int] = {}
    beside: list[Stated] = []
    packages: list[Package] = []
    said: list[SaidLine] = []
    formats: list[tuple[str, int]] = []
    whole = False
    for reading in readings:
        touched = [one.line for one in reading.stated]
        touched += [one.line for one in reading.packages]
        touched += [one.line for one in reading.said]
        if touched:
            formats.append((reading.format, min(touched)))
        for stated in _of_the_same_gpus(_of_the_same_driver(reading.stated, facts), facts):
            kept = facts.get(stated.name)
            if kept is None or (isinstance(kept, Unknown) and not isinstance(stated.fact, Unknown)):
                facts[stated.name] = _placed(stated.fact, stated.line)
                lines[stated.name] = stated.line
            elif isinstance(stated.fact, Known) and isinstance(kept, Known) and kept.value != stated.fact.value:
                beside.append(stated)
        packages += reading.packages
        said += reading.said
        whole = whole or reading.whole
    listed, at = package_facts(packages, whole=whole)
    for name, fact in listed.items():
        kept = facts.get(name)
        if kept is None or isinstance(kept, Unknown) or _is_fuller(fact, kept):
            facts[name] = fact
            lines[name] = at[name]
    facts["said.texts"] = Known(_rows(said), "paste")  # also where it is empty: by it rules know a paste
    if said:
        lines["said.texts"] = min(one.line for one in said)
    completed = complete(facts)
    return Pasted(Snapshot(completed), lines, tuple(formats), tuple(beside))


def _is_fuller(listed: Fact, written: Fact) -> bool:
    """Whether a listing gives in full the release that people call by its first two numbers: 2.9, and 2.9.1+cu130."""
    if not (isinstance(listed, Known) and isinstance(written, Known)):
        return False
    short, full = str(written.value), str(listed.value)
    return re.fullmatch(r"\d{1,2}\.\d{1,3}", short) is not None and full.startswith(f"{short}.")


def _of_the_same_driver(statements: Sequence[Stated], kept: Mapping[str, Fact]) -> list[Stated]:
    """Leave out what else is stated of a driver, where an earlier reading told of another.

    The CUDA that a newer box shows is not that of the driver which collect_env found.
    """
    present = kept.get("driver.version")
    told = next((one.fact for one in statements if one.name == "driver.version"), present)
    if not (isinstance(present, Known) and isinstance(told, Known)) or present.value == told.value:
        return list(statements)
    return [one for one in statements if one.name == "driver.version" or not one.name.startswith("driver.")]


def _of_the_same_gpus(statements: Sequence[Stated], kept: Mapping[str, Fact]) -> list[Stated]:
    """Leave out what is stated of GPUs, where an earlier reading named others, or did not name them.

    A sentence about another machine's board must not lend its capability to the one that nvidia-smi shows.
    """
    if not any(re.fullmatch(GPU_NAME, name) for name in kept):
        return list(statements)
    own = {one.name: _word(one.fact) for one in statements if re.fullmatch(GPU_NAME, one.name)}
    found = []
    for one in statements:
        match = re.match(r"gpu\.(?:\d+\.|count$|visible$)", one.name)
        if match is None:
            found.append(one)
            continue
        name = f"{match[0]}name"
        if name in kept and (name not in own or own[name] == _word(kept[name])):
            found.append(one)
    return found


def _word(fact: Fact) -> str:
    """Return a name of a GPU as far as it tells boards apart."""
    told = str(fact.value).lower() if isinstance(fact, Known) else ""
    return re.sub(r"nvidia|geforce|tesla|graphics|\W", "", told)


def _placed(fact: Fact, line: int) -> Fact:
    """Return a fact with its line in its source, or its reason, and without credentials."""
    if isinstance(fact, Known):
        return replace(fact, value=_plain(fact.value), source=f"{fact.source}, line {line}")
    if isinstance(fact, Absent):
        return replace(fact, reason=f"{fact.reason} (line {line})")
    return fact


def _plain(value: Value) -> Value:
    if isinstance(value, str):
        return strip_credentials(value)
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return value


def _rows(said: Sequence[SaidLine]) -> list[Value]:
    """Return the texts in the order of their lines, each once, bounded."""
    first: dict[str, int] = {}
    for one in sorted(said, key=lambda text: text.line):
        text = "\n".join(PROMPT.sub("", line) for line in one.text[:MOST_LENGTH].split("\n"))
        first.setdefault(strip_credentials(text), one.line)
    return [{"text": text, "line": line} for text, line in list(first.items())[:MOST_TEXTS]]
