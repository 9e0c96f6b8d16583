"""What software says of a failure, wherever it stands: exceptions, warnings, complaints of loaders and tools.

Nothing is judged here: a line that may be such words is kept, with the lines that carry on its sentence, and the rules
know which words prove what (rules/said/signs.py). Some messages name a version or a GPU by themselves; those are facts.
"""

from __future__ import annotations

import re
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.codec.credentials import strip_credentials
from envdoctor.model.fact import Known
from envdoctor.model.paste import Reading, SaidLine, Stated
from envdoctor.readers.pattern import Pattern

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from envdoctor.model.fact import Value
    from envdoctor.model.paste import Line

FORMAT = "error messages"

MOST_FIRST, MOST_LAST = 40, 20
"""Of a long log the first and the last different texts are kept: what began it, and what ended it."""

MOST_CHARACTERS, MOST_LINES = 900, 5
"""Of one text."""

LONGEST_LINE = 2000

HANGING = 12
"""Blanks by which logs indent the rest of a message, as wide as a time and a level; code is indented by less."""

MOST_KINDS = 5000
"""Complaints that are remembered to tell them once."""

WORDS = (
    "error", "exception", "warn", "fatal", "fail", "abort", "illegal", "segfault", "segmentation", "sigill", "sigbus",
    "core dumped", "killed",
    "never return", "not return",
    "hang", "hung", "stuck", "deadlock", "froze", "freez", "timed out", "timeout", "cannot", "can't", "can not",
    "could not", "couldn't", "unable", "not found", "no such", "not exist", "n't exist", "no nvidia", "not detected",
    "no cuda", "no gpu", "no devices", "no module", "no space left", "no kernel", "no match", "no sm_", "no operator",
    "not init", "not compiled", "not compatible", "incompatible", "not supported", "unsupported", "only supports",
    "not available", "unavailable", "not built", "was built for", "compiled with", "compiled using", "compiled against",
    "built against", "not ready", "not running", "not installed", "not work", "n't work", "not load", "not a valid",
    "not match", "no longer support", "does not have", "has no attribute", "too old", "outdated", "mismatch",
    "insufficient", "undefined symbol", "symbol not found", "shared object", "library not loaded", "dll load",
    "invalid", "is required", "has requirement", "requires", "depends on", "conflict", "manifest unknown", "refused",
    "denied", "blocked", "is lost", "fallen off the bus", "xid", "rosetta", "requested", "driver/library",
    "_array_api", "shared memory", "stub library", "out of memory", "locked memory", "memlock", "/dev/shm", "iommu",
    "p2p_disable", "page_fault", "dmar:", "which is of", "different cuda", "has cuda version", "cuda capability",
    "cuinit", "reinstall", "upgrade", "architecture", "torch.py",
    "not a supported wheel",
)  # fmt: skip
"""Lower case; a line without any of them is nobody's complaint."""

NO_COMPLAINT = (
    "could not collect", "not affected", "mitigation", "vulnerab", "error-correcting", "nccl info", "ecc errors",
    "requirement already satisfied",
)  # fmt: skip
"""What listings and logs print where all is well."""

QUOTED_CODE = Pattern(
    r"raise |warnings\.warn|warn\(|except |def |class |#define|//|import [\w., ]{1,200}$"
    r"|from [\w.]{1,80} import [^>:]{1,200}$"
)
"""How lines of source code begin that a traceback quotes: what they say may be another branch than the one taken."""

_SERVICE = re.compile(r"^[a-z][\w.-]{0,58}[-_]\d{1,3} {1,24}\| ?")
"""The service, the number of its container, and a bar."""
FRAME = Pattern(r"\s{0,40}File \"(?P<path>[^\"\n]{1,400})\", line \d{1,7}")
NOTEBOOK_FRAME = Pattern(
    r"File (?P<path>[^\s\"<>|]{1,300}\.pyx?):\d{1,7}(?:, in .{1,300})?\s*$"
    r"|(?P<older>[^\s\"<>|]{1,300}\.pyx?) in <?\w[\w.]{0,80}>?(?:\([^)\n]{0,300}\))?\s*$"
    r"|<ipython-input-|(?:Input|Cell) In ?\["
)
"""A frame as notebooks print it, of IPython 5 to 9: the code around it follows, each line with its number."""
NOTEBOOK_CODE = Pattern(r"\s{0,12}(?:(?:-{1,8}> ?)?\d{1,6}(?:\s|$)|\(\.\.\.\)\s*$)")
BOXED_CODE = Pattern(r"\s{0,8}\u2502 {1,8}(?:\u2771 {1,4})?\d{1,6} ")
"""The same in the boxes that `rich` draws around a traceback."""
PACKAGES = Pattern(r"(?:site|dist)-packages[\\/]")


def read(lines: Sequence[Line]) -> Reading:
    """Find the complaints; no line is claimed, for what surrounds them may be read by others."""
    lines = [_unserved(line) for line in lines]
    first: list[Spot] = []
    last: deque[Spot] = deque(maxlen=MOST_LAST)
    for spot in _spots(lines):
        if len(first) < MOST_FIRST:
            first.append(spot)
        else:
            last.append(spot)
    said = tuple(dict.fromkeys(SaidLine(_text(lines, spot), lines[spot.begin].number) for spot in (*first, *last)))
    return Reading(FORMAT, stated=tuple(one for text in said for one in _stated(text)), said=said)


def _unserved(line: Line) -> Line:
    """Return a line without what docker compose writes before it."""
    return line._replace(text=_SERVICE.sub("", line.text, count=1)) if "|" in line.text[:80] else line


class Spot(NamedTuple):
    """Where a complaint stands: the index of its first line and of the line that tells it, and the file it is from."""

    begin: int
    at: int
    frame: str


def _spots(lines: Sequence[Line]) -> Iterator[Spot]:
    """Yield each complaint once; those that differ in numbers alone are one, as every process of a job prints it."""
    seen: set[str] = set()
    frame = ""
    notebook = False
    taken = -1
    for index, line in enumerate(lines):
        text = line.text[:LONGEST_LINE]
        stripped = text.strip()
        if not stripped:
            continue
        found = FRAME.match(text) if "File" in text else None
        if found:
            frame = _in_package(found["path"])
            continue
        cell = NOTEBOOK_FRAME.match(text) if ".py" in text or "In" in text[:9] or text[0] == "<" else None
        if cell:
            frame, notebook = _in_package(cell["path"] or cell["older"] or ""), True
            continue
        if (notebook and NOTEBOOK_CODE.match(text)) or BOXED_CODE.match(text):
            continue
        notebook = False
        top = not text.startswith((" ", "\t"))
        if not _complains(stripped):
            frame = "" if top else frame
            continue
        begin = index
        if index - 1 > taken and stripped[0].islower() and _is_sentence(lines[index - 1].text):
            begin = index - 1  # a message that was wrapped before its telling word
        taken = index
        kind = re.sub(r"\d{1,20}", "0", stripped)
        if kind not in seen:
            if len(seen) < MOST_KINDS:
                seen.add(kind)
            yield Spot(begin, index, frame)
        frame = "" if top else frame


def _text(lines: Sequence[Line], spot: Spot) -> str:
    """Return a complaint with the lines that carry on its sentence, without credentials."""
    parts = [f"In {spot.frame}:"] if spot.frame else []
    parts += [lines[at].text[:LONGEST_LINE].strip() for at in range(spot.begin, spot.at + 1)]
    before = lines[spot.at].text
    margin = len(before) - len(before.lstrip())
    for more in islice(lines, spot.at + 1, spot.at + MOST_LINES):
        carried = more.text[:LONGEST_LINE].strip()
        if not carried or FRAME.match(more.text[:LONGEST_LINE]) or NOTEBOOK_FRAME.match(more.text[:LONGEST_LINE]):
            break
        if _complains(carried) and not _carries_on(before, more.text[:LONGEST_LINE], margin):
            break
        parts.append(carried)
        before = more.text
    return strip_credentials("\n".join(parts)[:LONGEST_LINE])[:MOST_CHARACTERS]


def _complains(text: str) -> bool:
    lower = text.lower()
    if not any(word in lower for word in WORDS) or any(word in lower for word in NO_COMPLAINT):
        return False
    return not QUOTED_CODE.match(lower) or "error:" in lower


def _carries_on(before: str, text: str, margin: int) -> bool:
    """Whether a line is the rest of a wrapped message: by a log with a hanging indent, or within a sentence."""
    hangs = len(text) - len(text.lstrip()) >= margin + HANGING
    return hangs or (text.strip()[0].islower() and _is_sentence(before))


def _is_sentence(text: str) -> bool:
    """Whether a line is the first part of a wrapped sentence: words, and no end."""
    stripped = text[:LONGEST_LINE].strip()
    return len(stripped) > 40 and stripped[-1] not in ".:;{}()[]\"'=" and not FRAME.match(text[:LONGEST_LINE])


def _in_package(path: str) -> str:
    """Return a path from the folder of its package on: what stands before tells of a person and of nothing else."""
    parts = PACKAGES.split(path)
    return parts[-1] if len(parts) > 1 else path.replace("\\", "/").rsplit("/", 1)[-1]


class Told(NamedTuple):
    """A message that states facts: `words` is its pattern, `facts` what its match states."""

    words: str
    facts: Callable[[re.Match[str]], dict[str, Value]]


def _dotted(api: str) -> str:
    """Write the number of a CUDA API, 11040, as 11.4."""
    number = int(api)
    return f"{number // 1000}.{number % 1000 // 10}"


NAME = r"(?P<name>[A-Z][\w .()+-]{2,60}?)"
CAPABILITY = r"(?P<major>\d{1,2})\.(?P<minor>\d)"

TOLD = (
    Told(r"driver on your system is too old \(found version (?P<api>\d{4,5})\)",
         lambda found: {"driver.cuda_version": _dotted(found["api"])}),
    Told(rf"Found GPU(?P<index>\d{{1,2}}) {NAME} which is of (?:cuda|compute) capability (?:\(CC\) )?{CAPABILITY}",
         lambda found: {
             f"gpu.{found['index']}.name": found["name"],
             f"gpu.{found['index']}.compute_capability": f"{found['major']}.{found['minor']}",
         }),
    Told(rf"{NAME} with CUDA capability sm_\d{{2,3}} is not compatible", lambda found: {"gpu.0.name": found["name"]}),
    Told(rf"Found {NAME} which is too old to be supported by the triton", lambda found: {"gpu.0.name": found["name"]}),
    Told(r"[Ee]rror:? (?P<code>802|803|804|999)\b", lambda found: {"cuda.init": int(found["code"])}),
    Told(r"Driver/library version mismatch", lambda _: {"nvml.status": 18}),
    Told(r"PyTorch has CUDA [Vv]ersion ?= ?(?P<torch>\d{1,2}\.\d{1,2}) and torchvision has CUDA [Vv]ersion ?= ?"
         r"(?P<partner>\d{1,2}\.\d{1,2})",
         lambda found: {"torch.cuda": found["torch"], "torchvision.cuda": found["partner"]}),
    Told(r"PyTorch has CUDA [Vv]ersion ?(?P<torch>\d{1,2}\.\d{1,2}) (?:and|whereas) TorchAudio has CUDA [Vv]ersion ?"
         r"(?P<partner>\d{1,2}\.\d{1,2})",
         lambda found: {"torch.cuda": found["torch"], "torchaudio.cuda": found["partner"]}),
    Told(r"detected CUDA version \((?P<toolkit>\d{1,2}\.\d{1,2})\) mismatches the version that was used to compile "
         r"PyTorch \((?P<torch>\d{1,2}\.\d{1,2})\)",
         lambda found: {"toolkit.nvcc_version": found["toolkit"], "torch.cuda": found["torch"]}),
)  # fmt: skip
"""The messages of torch, torchvision, torchaudio and NVML that name a version or a GPU."""


def _stated(said: SaidLine) -> Iterator[Stated]:
    flat = " ".join(said.text.split())
    for told in TOLD:
        found = re.search(told.words, flat)
        if found:
            for name, value in told.facts(found).items():
                yield Stated(name, Known(value, FORMAT), said.line)
