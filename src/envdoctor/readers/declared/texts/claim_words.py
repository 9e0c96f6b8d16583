"""Words of prose that name a release: torch, its partners, CUDA, cuDNN, Python, each with the version behind it.

Nothing here knows which releases there are: the shape of a version has to do. What leaves a version open ("2.6+", "2.6
or later", "2.6.0a0") is a mention that says nothing exact.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

Kind = Literal["torch", "torchvision", "torchaudio", "cuda", "cudnn", "python"]


class Mention(NamedTuple):
    """A thing and its version: `start` to `end` are the version's place in the text.

    `version` is "2.6.0", "2.6" or, of a channel ("cu121"), "12.1"; `build` a local part ("cu121"), "". `is_open` where
    the text admits others too, or a pre-release.
    """

    kind: Kind
    version: str
    start: int
    end: int
    build: str = ""
    is_open: bool = False


_WORD = (
    r"(?:versions?|ver\.?|versi[oó]n|vers[aã]o|versione|версия|версии|版本|版|バージョン|버전|release|stable|"
    r"框架|核心|主版本|库|runtime|运行时|is|at|ist|est|es|support\w{0,3}|支持|build)"
)
_GAP = rf"[\s:=()\[\]@_-]{{0,6}}(?:(?:的\s?)?{_WORD}[\s:=()@号为是-]{{0,4}}){{0,2}}(?:v\.?\s?)?"
_AGAINST = r"(?<![A-Za-z_/.-])"  # "libtorch", "my-torch", a path
_VERSION = r"(\d{1,2}\.\d{1,3}(?:\.\d{1,3}){0,3})"
_PATTERNS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("torchvision", re.compile(rf"{_AGAINST}torch[ _-]?vision{_GAP}{_VERSION}", re.IGNORECASE)),
    ("torchaudio", re.compile(rf"{_AGAINST}torch[ _-]?audio{_GAP}{_VERSION}", re.IGNORECASE)),
    ("torch", re.compile(rf"{_AGAINST}(?:py)?torch(?:[ _-]?(?:CUDA|GPU)[ _-]?(?=v))?{_GAP}{_VERSION}", re.IGNORECASE)),
    ("cuda", re.compile(rf"{_AGAINST}CUDA{_GAP}{_VERSION}", re.IGNORECASE)),
    ("cudnn", re.compile(rf"{_AGAINST}cuDNN{_GAP}(\d{{1,2}}(?:\.\d{{1,3}}){{0,3}})", re.IGNORECASE)),
    ("python", re.compile(rf"{_AGAINST}Python{_GAP}{_VERSION}", re.IGNORECASE)),
)
SHAPES: dict[Kind, re.Pattern[str]] = {
    "torch": re.compile(r"[0-3]\.\d{1,2}(?:\.\d{1,2})?"),
    "torchvision": re.compile(r"0\.\d{1,2}(?:\.\d{1,2})?"),
    "torchaudio": re.compile(r"[0-3]\.\d{1,2}(?:\.\d{1,2})?"),
    "cuda": re.compile(r"(?:9|1\d)\.\d{1,2}(?:\.\d{1,3})?"),
    "cudnn": re.compile(r"(?:[5-9]|1\d)(?:\.\d{1,3}){0,3}"),
    "python": re.compile(r"3\.\d{1,2}(?:\.\d{1,2})?"),
}
"""What a version of each looks like in full."""

_CHANNEL = re.compile(r"(?<![\w/.+-])cu(9\d|1\d\d)(?!\w)", re.IGNORECASE)
_BARE = re.compile(
    r"(?<![\w.])v?([12]\.\d{1,2}(?:\.\d)?)\s{0,2}(?:with|mit|avec|con|com|met|with the|搭配|配合|[+/])\s{0,2}CUDA",
    re.IGNORECASE,
)
"""A version of torch without its name, where the text names torch elsewhere: "2.7 with CUDA 12.6"."""

_OFFICIAL = re.compile(
    r"(?:officially|offiziell|officiellement|oficialmente|официально|官方)\s{0,2}"
    r"(?:supports?|unterstützt|поддерживает|soporta|支持|仅支持)?\s{0,2}((?:9|1[0-3])\.\d)(?!\d)",
    re.IGNORECASE,
)
"""A CUDA without its name: "PyTorch 2.8 officially supports 11.8 and 12.6"."""

_BUILD = re.compile(r"\+(cu\d{2,3}|cpu|xpu|rocm[\d.]{1,6})(?![\w])", re.IGNORECASE)
_SERIES = re.compile(r"\.[xX*](?!\w)")
_NEXT = re.compile(
    r"\s{0,2}(?:[,/、&|]|and|or|und|oder|et|ou|y|o|e|и|или|和|与|與|及|或|以及|または|と|및|또는)\s{0,2}"
    r"(?:(?:and|or|和|或)\s{0,2})?(?:CUDA\s{0,2})?v?((?:9|1\d)\.\d{1,2}(?:\.\d{1,3})?)",
    re.IGNORECASE,
)
"""A further version in a list of them: "CUDA 11.8, 12.4 and 12.6"."""

_OPEN_AFTER = re.compile(
    r"\s{0,2}(?:\+(?!\s{0,2}(?:py)?torch|\s{0,2}cu(?:da|dnn)|\s{0,2}python)|~|[-\u2010-\u2015]\s{0,2}v?\d|\u2026|\.\.|to\s{1,2}v?\d|(?:及|或|和)?(?:以上|以降|以後|以后|更高|更新|以下|之前|之后)|이상|이하|"
    r"(?:\(?\s{0,2})(?:(?:or|and|oder|und|ou|o|et|y|e|i|a|и|или|ve|veya|lub|of|en|atau|dan|eller|nebo)\s{1,2})?"
    r"(?:later|newer|higher|above|greater|better|up\b|upwards|beyond|older|below|lower|earlier|onwards?|min\b|"
    r"minim\w{1,4}|neuer|höher|aufwärts|superior|supérieure?|plus\b(?!\s{1,2}(?:py)?(?:torch|cuda|python))|"
    r"posterior|más|mais\s|mínim|adelante|diante|successiv|"
    r"выше|новее|старше|üzeri|üstü|sonras|hoger|nieuwer|nowsz|wyż|wzwyż|ke atas|trở lên|lebih|senare|nyare|"
    r"vyšší|novější|nightly|preview|alpha|beta|rc\d)|"
    r"(?:[GMT]i?B|%|ms|s|x|\u00d7|hours?|GHz|W)(?![A-Za-z]))",
    re.IGNORECASE,
)
_OPEN_BEFORE = re.compile(
    r"(?:[<>≥≤~^!]=?|(?:at least|min(?:imum|imal)?|above|over|below|under|than|from|since|up to|until|before|after|"
    r"starting with|au moins|à partir de|a partir de|al menos|almeno|pelo menos|desde|mindestens|minimaal|en az|"
    r"tối thiểu|minimum de|mínimo|minimo|не ниже|не менее|최소|最小|от|ab|至少|最低|"
    r"高于|低于|从|自|早于|不低于|不高于|大于|小于|最大|>=))[\s:v=]{0,4}$",
    re.IGNORECASE,
)
_INTO_A_WORD = re.compile(r"[A-Za-z_]|[.-]?(?:dev|rc|a|b|post)\d|\.\d|-[A-Za-z]{2}\d|-cp3")


def mentions_in(text: str) -> tuple[Mention, ...]:
    """Return what a text names, in the order it does."""
    found: list[Mention] = []
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            named = text[max(0, match.start() - 14) : match.start(1)]
            one = mention_at(kind, text, match.start(1), match[1], before=named)
            if one:
                found.append(one)
                if kind == "cuda":
                    found.extend(_further(text, one.end))
    if not any(one.kind == "torch" for one in found) and "torch" in text.lower():
        bare = _BARE.search(text)
        if bare:
            found.append(Mention("torch", bare[1], bare.start(1), bare.end(1)))
    official = _OFFICIAL.search(text)
    one = mention_at("cuda", text, official.start(1), official[1]) if official else None
    if one:
        found += [one, *_further(text, one.end)]
    for match in _CHANNEL.finditer(text):
        cuda = f"{match[1][:-1]}.{match[1][-1]}"
        found.append(Mention("cuda", cuda, match.start(), match.end()))
    return tuple(sorted(set(found), key=lambda one: one.start))


def mention_at(kind: Kind, text: str, start: int, version: str, before: str = "") -> Mention | None:
    """Return the mention of a version that stands at `start` of a text, None where it is none of that thing.

    `before` is what stands between the name and it.
    """
    if not SHAPES[kind].fullmatch(version):
        return None
    end = start + len(version)
    rest = text[end : end + 30]
    build = _BUILD.match(rest)
    if build:
        return Mention(
            kind, version, start, end, build[1].lower(), bool(_OPEN_BEFORE.search(text[max(0, start - 24) : start]))
        )
    series = _SERIES.match(rest)
    if series:
        rest = rest[series.end() :]
    is_open = bool(
        _OPEN_AFTER.match(rest)
        or _OPEN_BEFORE.search(before[:14])
        or (_INTO_A_WORD.match(rest) and not re.match(r"(?:py)?torch|pip|cuda|cudnn|python|conda", rest, re.IGNORECASE))
        or _OPEN_BEFORE.search(before or text[max(0, start - 24) : start])
        or re.search(r"(?:[<>≥≤~^!]=?)\s{0,2}$", text[max(0, start - 4) : start])
    )
    return Mention(kind, version, start, end, "", is_open)


def _further(text: str, at: int) -> Iterator[Mention]:
    for _ in range(12):
        match = _NEXT.match(text, at)
        if not match:
            return
        one = mention_at("cuda", text, match.start(1), match[1])
        if one:
            yield one
        at = match.end()
