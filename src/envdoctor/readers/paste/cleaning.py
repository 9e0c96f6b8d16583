"""A paste without what mail, terminals, Markdown and HTML put around its lines: the first step of reading one.

Line numbers stay those of the paste. Every step looks at one line and is linear in it, and lines have a bound, so
that a paste of 20 MB costs about a second whatever is in it.
"""

from __future__ import annotations

import html
import re
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.paste import Line
from envdoctor.readers.pattern import Pattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MOST_LETTERS = 20_000
"""Characters kept of one line; the flags of a processor, the longest that says something, have 2,000."""

MOST_LINES = 40_000
"""Lines kept; a `<br>` makes one as well, so that the bounds of `ends.py` are none of these."""

MOST_PIECES = 1000
"""Lines that `<br>` makes of one: a whole report without line feeds has some two hundred."""

MOST_QUOTES = 30
"""Answers within answers that are unwrapped."""

SAMPLE = 65_536
"""Bytes of which the encoding is judged."""

MARKS = (
    # The longer first: the mark of UTF-32 begins with that of UTF-16.
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)

_CONTROL = bytes({*range(32), 127} - {7, 8, 9, 10, 11, 12, 13, 27})
"""Bytes that stand in no text; bells, backspaces and escapes are what terminals leave behind."""

_UNUSUAL = Pattern(r"[^ !-%'-;=?-_a-z{-~]|\[\d")
"""Whatever makes a line one that has to be looked at: anything outside ASCII, controls, `<`, `>`, `&`, a backtick."""

_ESCAPE = Pattern(
    # ECMA-48: control sequences, strings of the operating system (titles, links) and the two-character escapes.
    r"(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,8}[@-~]|\x1b\][^\x07\x1b\x9c]{0,4000}(?:\x07|\x1b\\|\x9c)|\x1b[ -/]{0,4}[0-~]"
    # Colours whose escape character was lost on the way, or is spelled.
    r"|(?:\^\[|\\x1[bB]|\\u001[bB]|\\033|\\e)?\[\d{1,3}(?:;\d{1,3}){0,8}m(?!\])"
)
_ENTITY = Pattern(
    r"&(?:gt|lt|amp|quot|apos|nbsp|#(?:3[2-9]|[4-9]\d|1[01]\d|12[0-6]|160)|#[xX](?:[2-6]\w|7[0-9a-eA-E]));"
)
_NEW_LINE_TAG = Pattern(r"<(?:br|/p|/li|/tr|/summary)\s{0,4}/?>", re.IGNORECASE)
_TAG = Pattern(
    r"</?(?:details|summary|pre|code|samp|kbd|p|ul|ol|li|blockquote|b|strong|i|em|span|div|font|table|tbody|tr|td)"
    r"(?:\s[^<>]{0,300})?>",
    re.IGNORECASE,
)
_FENCE = Pattern(r"([ \t]{0,40})(?:`{3,20}|~{3,20})[ \t]{0,8}(?:\{?[.\w+#-]{0,30}\}?)[ \t]{0,8}")
_FENCE_INLINE = Pattern(r"^[ \t]{0,40}`{3,20}(?=[^`])|(?<=[^`])`{3,20}[ \t]{0,8}$")

_WRITTEN_OTHERWISE = str.maketrans(
    {
        **dict.fromkeys((*range(9), 11, 12, *range(14, 32), *range(127, 160)), None),
        # Without width, and those that turn the direction of writing.
        **dict.fromkeys((0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF), None),
        **dict.fromkeys((0xA0, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000), " "),
        **dict.fromkeys((0x2018, 0x2019, 0x201B), "'"),
        **dict.fromkeys((0x201C, 0x201D, 0x201F), '"'),
        # What Chinese and Japanese keyboards give for a colon and a bracket.
        0xFF1A: ": ", 0xFF08: " (", 0xFF09: ")",
    }
)  # fmt: skip


_PROCESS = Pattern(
    r"\[rank\d{1,5}\]:[ \t]?|\((?:[\w.-]{1,60} ){0,2}(?:\w{1,20}=\d{1,6} ){0,2}pid=\d{1,10}[^()\n]{0,60}\)[ \t]?"
)
"""Which process printed a line: torchrun's `[rank0]: `, Ray's and vLLM's `(EngineCore_0 pid=271) `."""


class NotText(Exception):
    """The content is binary: a picture, an archive, a program."""


def decode(content: bytes) -> str:
    """Return the text of a file: UTF-8, UTF-16 with and without a mark, Latin-1 where it is nothing else.

    Raises `NotText` for binary content.
    """
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return content.decode(encoding, "replace")
    sample = content[:SAMPLE]
    wide = _wide(sample)
    if wide:
        return content.decode(wide, "replace")
    if len(sample.translate(None, _CONTROL)) * 100 < len(sample) * 99:
        raise NotText("it is binary, not text")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("utf-8", "replace")
    # Cut within a character, or with a stray byte: still UTF-8.
    others = len(text) - len(text.encode("ascii", "ignore"))
    return text if text.count("\ufffd") * 2 <= others else content.decode("latin-1")


def _wide(sample: bytes) -> str | None:
    """Tell UTF-16 without a mark: of what is mostly ASCII every second byte is zero."""
    pairs = len(sample) // 2
    low, high = sample[0::2].count(0), sample[1::2].count(0)
    if pairs and high * 10 > pairs * 6 and low * 20 < pairs:
        return "utf-16-le"
    return "utf-16-be" if pairs and low * 10 > pairs * 6 and high * 20 < pairs else None


def clean(text: str, first: int = 1) -> tuple[Line, ...]:
    """Return the lines of a paste as the software printed them, numbered from `first` on, `MOST_LINES` at most.

    Gone are escapes of terminals, carriage returns, marks of quoting (`> `, not the prompt `>>>`), fences (their
    lines become empty), HTML of issues, names of processes and the indentation of code blocks. A line that `<br>`
    divides becomes several of one number.
    """
    pieces = (Line(number, _alone(piece)) for number, raw in enumerate(_raw(text), first) for piece in _pieces(raw))
    lines = list(islice(_unfenced(pieces), MOST_LINES))
    common = min((_indent(line.text) for line in lines if line.text), default=0)
    return tuple(_dedented(Line(line.number, line.text[common:]) for line in lines) if common else _dedented(lines))


def _raw(text: str) -> Iterator[str]:
    """Yield the lines one by one, so that a paste is not held twice; without line feeds carriage returns end them."""
    ends = "\n" if "\n" in text else "\r"
    begins = 0
    while begins < len(text):
        end = text.find(ends, begins)
        end = len(text) if end < 0 else end
        yield _last_written(text, begins, end)
        begins = end + 1


def _last_written(text: str, begins: int, end: int) -> str:
    """Return what a terminal shows of a line that was written several times over: a progress bar."""
    if text.find("\r", begins, end) < 0:
        return text[begins : min(end, begins + MOST_LETTERS)]
    while end > begins and text[end - 1] in "\r \t":
        end -= 1
    begins = max(begins, text.rfind("\r", begins, end) + 1)
    return text[begins : min(end, begins + MOST_LETTERS)]


def _pieces(line: str) -> Iterable[str]:
    """Return a line without marks of terminals, HTML and mail, in as many lines as it was written to be."""
    if not _UNUSUAL.search(line):
        return (line.rstrip(),)
    if "\x1b" in line or "[" in line or "\x9b" in line:
        line = _ESCAPE.sub("", line)
    if "&" in line:
        line = _ENTITY.sub(lambda match: html.unescape(match[0]), line)
    line = line.translate(_WRITTEN_OTHERWISE)
    if "<" not in line:
        return (_unquoted(line).rstrip(),)
    return tuple(_unquoted(_TAG.sub("", piece)).rstrip() for piece in _NEW_LINE_TAG.split(line, MOST_PIECES))


def _unquoted(line: str) -> str:
    """Take away the marks of quoting. Three of them together are the prompt of Python, whatever stands before."""
    rest = line
    for _ in range(MOST_QUOTES):
        bare = rest.lstrip(" \t")
        marks = len(bare) - len(bare.lstrip(">"))
        if marks == 0 or marks == 3:
            return rest if marks == 0 else bare
        if marks > 3:
            return bare[marks - 3 :]
        rest = bare[marks:].removeprefix(" ")
    return rest


def _alone(line: str) -> str:
    """Take away the name of the process that printed a line."""
    if line[:1] not in ("[", "("):
        return line
    name = _PROCESS.match(line)
    return line[name.end() :] if name else line


class _Fence(NamedTuple):
    indent: int
    mark: str


def _unfenced(lines: Iterable[Line]) -> Iterator[Line]:
    """Empty the lines of fences; what stands within one loses the indentation that the fence has itself."""
    fence: _Fence | None = None
    for line in lines:
        text = line.text
        if "`" not in text and "~~~" not in text:
            yield Line(line.number, _outdented(text, fence.indent)) if fence and fence.indent else line
            continue
        mark = _FENCE.fullmatch(text)
        if mark:
            kind = text.lstrip()[0]
            if fence is None:
                fence = _Fence(len(mark[1]), kind)
            elif fence.mark == kind:
                fence = None
            yield Line(line.number, "")
            continue
        text = _FENCE_INLINE.sub("", text)
        bare = text.strip()
        if bare.count("`") == 2 and bare[0] == bare[-1] == "`":
            text = bare[1:-1]
        yield Line(line.number, _outdented(text, fence.indent) if fence else text)


def _outdented(text: str, indent: int) -> str:
    """Return the text without up to `indent` leading blanks."""
    return text[min(indent, len(text) - len(text.lstrip(" \t"))) :]


CODE_INDENT = 4
"""Blanks (or one tab) by which Markdown tells a block of code."""


def _dedented(lines: Iterable[Line]) -> Iterator[Line]:
    """Take the common indentation off blocks that are indented as code and stand between empty lines.

    An indented line that follows another without a gap is structure (YAML, a frame of a traceback) and stays.
    """
    block: list[Line] = []
    free = True
    for line in lines:
        if line.text and _indent(line.text) < (1 if line.text[0] == "\t" else CODE_INDENT):
            # Blocks end with an empty line, or they are part of what follows.
            yield from _flush(block) if block and not block[-1].text else block
            block = []
            yield line
            free = False
        elif block or (free and line.text):
            block.append(line)
        else:
            yield line
            free = not line.text
    yield from _flush(block)


def _flush(block: list[Line]) -> Iterator[Line]:
    indent = min((_indent(line.text) for line in block if line.text), default=0)
    return (Line(line.number, line.text[indent:]) for line in block)


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip(" \t"))
