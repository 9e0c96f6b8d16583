"""What people write, in clauses, each with how it is meant: as what fails, as what works, as a wish, or as it is.

"torch 1.2 sees the GPUs, torch 1.3 does not" names two releases, and one of them is no fact of the machine that fails.
The words that tell are everyday ones; where none stands, a clause says what is there.
"""

from __future__ import annotations

import re
from enum import IntEnum
from itertools import accumulate, takewhile
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.readers.pattern import Pattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from envdoctor.model.paste import Line

LONGEST = 2000
"""Characters of a line that are looked at: nobody writes longer paragraphs about a version."""

AT_AN_END = 4000
"""Lines at either end of a paste among which those of interest are looked for."""

MOST_FIRST, MOST_LAST = 60_000, 20_000
"""Characters of the lines of interest that are looked at: people write before a log and behind it."""

SUBJECTS = (
    "torch", "cuda", "driver", "gpu", "nvidia", "rtx", "gtx", "geforce", "tesla", "titan", "quadro", "radeon",
    "amd", "rocm", "intel", "a100", "h100", "h200", "h800", "b200", "b300", "v100", "p100", "a40", "a10", "a6000",
    "l40", "l4", "t4", "k80", "k40", "1050", "1060", "1070", "1080", "1650", "1660", "2060", "2070", "2080",
    "3050", "3060", "3070", "3080", "3090", "4060", "4070", "4080", "4090", "5060", "5070", "5080", "5090", "980",
    "970", "960", "950", "gfx", "nccl", "cpu", "python", "windows", "win1", "ubuntu", "debian", "fedora",
    "centos", "linux", "macos", "mac", "apple", "jetson", "jetpack", "wsl", "glibc", "red hat", "rhel", "arch",
    "os:", "os =", "系统", "显卡", "驱动", "numpy", "triton", "mkl", "xformers", "flash", "vllm", "docker", "container",
    "shm", "shared mem", "kube", "pod", "colab", "node", "mig ", "nvs",
    "suspend", "hibernat", "standby", "wake", "woke", "sleep",
)  # fmt: skip
"""Lower case; a line without any of them is about something else."""


class Stance(IntEnum):
    """How a clause is meant; the higher, the nearer it stands to what fails."""

    SUPPOSED = 0
    """A question, a wish, a requirement, what a document says."""
    WORKS = 1
    """What it works with, which is not what it fails with."""
    ASIDE = 2
    """Also tried, or with a good outcome of one thing."""
    PLAIN = 3
    FAILS = 4
    KEYED = 5
    """`key: value` on a line of its own, as issue templates ask for it."""


class Clause(NamedTuple):
    """Words that stand together; `host` where they speak of the machine around a container."""

    text: str
    line: int
    stance: Stance
    host: bool = False


_SIGNS = str.maketrans(
    {
        0xFF1A: ":",
        0xFF0C: ", ",
        0x3001: ", ",
        0x3002: ". ",
        0xFF1B: ";",
        0xFF08: "(",
        0xFF09: ")",
        0xFF1F: "?",
        0xFF01: "!",
    }
    | {0xD7: "x", 0x2013: "-", 0x2014: "-"}
)
"""Full-width punctuation, the sign of multiplication and dashes, as the patterns here know them."""

_SCRIPTS = Pattern(
    r"(?<=[A-Za-z0-9])(?=[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af])|(?<=[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af])(?=[A-Za-z0-9])"
)
"""Where Latin words touch those of Chinese, Japanese and Korean, which stand without blanks: no `\\b` is there."""

_EXAMPLE = Pattern(r"[(\[](?:e\.?g\.?|i\.e\.|such as|for example|optional|please)[^()\[\]]{0,120}[)\]]", re.IGNORECASE)
"""What issue templates show people to write."""
_MARKS = Pattern(r"^[\s>#*+•·|-]{0,20}|\*{2,3}|`{1,3}|(?<!\w)\*(?=\w)|(?<=\w)\*(?!\w)|\[[ xX]\]")
_KEYED = Pattern(r"^[^\W\d_][\w /().&-]{0,40}?\s{0,20}(?:[:=|]|\s-\s)\s{0,20}\S")
_PARTS = Pattern(
    r"[;!]|[.?](?=\s|$|\))|,(?=\s)|\s(?:but|while|whereas|however|although|though)\s|\s(?=\([^()]{0,60}\b(?:works?|worked|fine)\b)",
    re.IGNORECASE,
)
_SENTENCE_ENDS = Pattern(r"(?<=[.!?;])\s{1,4}")
_QUESTION = Pattern(r"\?\s{0,3}$", words=("?",))

_SUPPOSED = Pattern(
    r"\b(?:should(?! work)|would|could you|expect(?:s|ed|ing)?|tested|docs?|documentation|readme|tutorial|minimum"
    r"|at least|(?:or|and) (?:newer|later|higher|above|greater|up)|requires?|required|requirements?|prerequisites?"
    r"|if (?:i|you|we)|planning|recommend(?:s|ed)?|(?:up|down)grade to|switch to|previous(?:ly)?|formerly"
    r"|used to|built for|compiled for|according to|do(?:es)? (?:i|you|we|it)|is there|can (?:i|you|we)"
    r"|how (?:to|can|do)"
    r"|please|support(?:s|ed|ing)?|for example|e\.g\.|buy|needs?|instead of|older|release notes?"
    r"|want(?:s|ed)? to (?:install|upgrade|use torch)|not (?:on|in|with|using))\b|>=|<=|~=|推荐|要求|需要|建议",
    re.IGNORECASE,
)
_ELSEWHERE = Pattern(
    r"\b(?:(?:an)?other|different|second|old|friend's|colleague's) "
    r"(?:machine|computer|server|pc|laptop|env\w*|box|node)\b",
    re.IGNORECASE,
    words=("other", "different", "second", "old", "friend", "colleague"),
)
_NOT_WORKING = Pattern(
    r"\b(?:not?|never|cannot|can't|doesnt|dont|stopped|no longer|fails?|failed|failing|failure|errors?|crash\w*|broken"
    r"|hangs?|hung|stuck|problems?|issues?|warnings?|false|unable|wrong)\b|n't\b|报错|失败|无法|不能",
    re.IGNORECASE,
)
_WORKING = Pattern(
    r"\b(?:works?|worked|working|fine|succeed(?:s|ed)?|successful(?:ly)?|ok(?:ay)?|no (?:problems?|errors?|issues?)"
    r"|sees? (?:the|all|my) |normal(?:ly)?|helps?|helped|solved|resolved|fix(?:ed|es))\b|正常|没问题|成功",
    re.IGNORECASE,
)
_NO_TROUBLE = Pattern(
    r"\b(?:no|without|any) (?:problems?|errors?|issues?|warnings?)\b|没问题",
    re.IGNORECASE,
    words=("no ", "without", "any ", "没问题"),
)
_TRUE = Pattern(r"\btrue\b", re.IGNORECASE, words=("true",))
_ASIDE = Pattern(r"\b(?:also|tried|attempt|same (?:with|on|for)|trying)\b", re.IGNORECASE)
_HOST = Pattern(r"\bhost(?:'s)?\b", re.IGNORECASE, words=("host",))
_CONTAINER = Pattern(r"\b(?:containers?|docker|podman|image|kubernetes|singularity|apptainer)\b", re.IGNORECASE)
_SECTION = Pattern(r"^\s{0,3}#{1,6}\s", words=("#",))
_LABEL = Pattern(r"^\s{0,3}(?:\*\*[^*]{1,60}\*\*:?|[^\W\d_][\w ,/()'-]{2,60}:)\s{0,20}$")
_WANTED_BELOW = Pattern(
    r"\b(?:expected|requirements?|prerequisites?|tested|recommended|minimum|usage|supported|dependencies)\b",
    re.IGNORECASE,
)
_LOWER_BOUND = Pattern(r"(?:>=|<=|[<>~≥≤])\s?v?\d")


def clauses(lines: Sequence[Line]) -> list[Clause]:
    """Return the clauses of the lines of interest, bounded, in their order."""
    found: list[Clause] = []
    section = label = Stance.PLAIN
    chosen = _of_interest(lines)
    contained = any(_CONTAINER.search(line.text[:LONGEST]) for line in chosen)
    for line in chosen:
        text = line.text[:LONGEST].translate(_SIGNS)
        if not text.isascii():
            text = _SCRIPTS.sub(" ", text)
        if _SECTION.match(text):
            section, label = _of_heading(text), Stance.PLAIN
        elif _LABEL.match(text):
            label = _of_heading(text)
        elif not text.strip():
            label = Stance.PLAIN
        found.extend(_of_line(text, line.number, min(section, label), contained=contained))
    return found


def _of_heading(text: str) -> Stance:
    """Return how what stands below a heading is meant at best."""
    if _WANTED_BELOW.search(text):
        return Stance.SUPPOSED
    return Stance.WORKS if _WORKING.search(text) and not _NOT_WORKING.search(text) else Stance.PLAIN


def _of_interest(lines: Sequence[Line]) -> list[Line]:
    """Return the first and the last lines that may speak of a machine, with the empty ones and headings between."""
    ends = lines if len(lines) <= 2 * AT_AN_END else (*lines[:AT_AN_END], *lines[-AT_AN_END:])
    chosen = [line for line in ends if is_of_interest(line.text[:LONGEST])]
    first = _within(chosen, MOST_FIRST)
    return chosen[:first] + chosen[len(chosen) - _within(chosen[: first - len(chosen) - 1 : -1], MOST_LAST) :]


def _within(lines: Iterable[Line], most: int) -> int:
    """Return how many of the lines have that many characters together."""
    sums = accumulate(1 + min(len(line.text), LONGEST) for line in lines)
    return sum(1 for _ in takewhile(lambda total: total <= most, sums))


def is_of_interest(text: str) -> bool:
    """Whether a line may speak of a machine, is a heading, or ends what stands below one."""
    lower = text.lower()
    return (
        not text.strip()
        or text.startswith("#")
        or text.rstrip().endswith(":")
        or any(word in lower for word in SUBJECTS)
    )


def _of_line(text: str, number: int, heading: Stance, *, contained: bool) -> Iterator[Clause]:
    plain = _MARKS.sub("", _EXAMPLE.sub("", text)).strip(" |")
    if not plain:
        return
    keyed = bool(_KEYED.match(plain)) and len(plain) < 160 and not _QUESTION.search(plain)
    good = bool(_TRUE.search(plain))
    asides = bool(_ASIDE.search(plain))
    host = elsewhere = False
    for part, begins in _parts(plain):
        if begins:
            elsewhere = False
        if _CONTAINER.search(part):
            host = False
        elif _HOST.search(part):
            host = contained
        stance = stance_of(part)
        # What is said of another machine goes on until something is said of this one.
        elsewhere = bool(_ELSEWHERE.search(part)) or (elsewhere and stance in (Stance.PLAIN, Stance.WORKS))
        if elsewhere:
            stance = Stance.SUPPOSED
        elif keyed and stance in (Stance.PLAIN, Stance.FAILS) and not good and not asides:
            stance = Stance.KEYED
        elif stance == Stance.PLAIN and (good or asides):
            stance = Stance.ASIDE
        if heading < Stance.PLAIN:
            stance = min(stance, heading)
        yield Clause(part, number, stance, host)


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the clauses of a line, and of each whether it begins a sentence."""
    for sentence in _SENTENCE_ENDS.split(text):
        for index, part in enumerate(divided(sentence)):
            yield part, index == 0


def divided(text: str) -> Iterator[str]:
    """Yield the clauses of a line; a question mark belongs to what stands before it."""
    begin = 0
    for match in _PARTS.finditer(text):
        part = text[begin : match.end() if match[0] == "?" else match.start()].strip()
        if part:
            yield part
        begin = match.end()
    last = text[begin:].strip()
    if last:
        yield last


def stance_of(text: str) -> Stance:
    """Return how words are meant, by themselves."""
    if _QUESTION.search(text) or _SUPPOSED.search(text) or _LOWER_BOUND.search(text):
        return Stance.SUPPOSED
    without = _NO_TROUBLE.sub("", text)
    if _NOT_WORKING.search(without):
        return Stance.FAILS
    return Stance.WORKS if _WORKING.search(text) else Stance.PLAIN
