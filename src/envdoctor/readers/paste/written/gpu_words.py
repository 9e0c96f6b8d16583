"""GPUs by the names that people write: "4x GeForce GTX 1080 Ti", "a Tesla K40m and a K80", "RTX 3080ti", "my 3090".

The grammar is that of the products' names (NVIDIA's lists of CUDA GPUs, current and legacy); which of them exist, and
what each can do, is the matrix's.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.fact import Known
from envdoctor.model.paste import Stated
from envdoctor.readers.paste.written.clauses import Stance
from envdoctor.readers.pattern import Pattern

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.fact import Value
    from envdoctor.readers.paste.written.clauses import Clause

MOST_GPUS = 64

_GB = r"\d{1,3} ?(?:GB|G\b|GiB)"
_TAIL = (
    r"(?:[ -]?(?:Ti|Super|Max-Q|Laptop(?: GPU)?|Mobile|Notebook|OEM|Ada(?: Generation)?|Blackwell|SFF"
    rf"|with Max-Q Design|Design|Workstation Edition|Server Edition|Generation|{_GB}|DV?2?|MX?)(?![\w])){{0,4}}"
)
_BOARD = rf"(?i:[ -](?:SXM\d?|PCI-?E?|HGX|NVL|HBM\d?e?|FHHL|{_GB}|\d{{1,2}}[QCAB])(?![\w])){{0,3}}"

_GEFORCE = (
    r"(?:GeForce[ -]?)?(?:[RG]TX|GTS?)[ -]?"
    rf"(?:TITAN(?: ?(?:X|Z|Black))?|PRO[ -]\d{{4}}|A\d{{3,4}}|\d{{3,4}}){_TAIL}"
)
_OLDER = (
    rf"GeForce[ -](?:MX[ -]?\d{{3}}|\d{{3,4}}(?:[AM]X?)?|9\d\d\d[ -]?G[TX]{{1,2}}){_TAIL}"
    r"|(?<![\w-])MX[ -]?(?:1[135]0|[23][35]0|450|5[57]0)"
)
_TITAN = r"TITAN[ -]?(?:Xp|X(?: ?\(Pascal\))?|V|RTX|Black|Z)(?![\w])(?: CEO Edition)?"
_TESLA = rf"Tesla[ -]?[A-Z]{{1,2}}\d{{1,4}}[A-Za-z]?(?![\w]){_BOARD}"
_QUADRO = rf"Quadro[ -](?:RTX[ -]?\d{{4}}|[A-Z]{{1,2}}\d{{3,4}}[MD]?|\d{{4}}M?){_TAIL}"
_GRID = r"NVS \d{3,4}M?|GRID [A-Z]\w{1,6}(?:-\w{1,6}){0,2}"
_LARGE = (
    r"(?:A100X?|A10G?|A16|A30|A40|A800|H100|H200|H20|H800|B100|B200|B300|GB200|GB300|GH200|GB10|L40S?|L4|V100S?"
    rf"|P100|P40|T4G?|M40|M60|K80|K40[cmst]?|K20[cmsx]?)(?![\w.]|-(?!sxm|pci|hgx|nvl)[a-z]){_BOARD}"
)
"""Names that stand alone, as capitals; shorter ones ("M4", "A2") are those of other things as well."""
_JETSON = (
    r"Jetson[ -](?:(?:AGX[ -])?(?:Orin|Xavier|Thor)(?:[ -](?:NX|Nano))?|Nano|TX[12])(?![\w])"
    r"|AGX[ -](?:Orin|Xavier|Thor)(?![\w])|(?:Orin[ -](?:NX|Nano)|Xavier[ -]NX)(?![\w])|(?<=NVIDIA )Thor(?![\w])"
)
_WORKSTATION = rf"A(?:6000|5500|5000|4500|4000|2000)(?![\w]){_TAIL}"
_WITH_MAKER = rf"(?:NVIDIA |(?<=gpu: )|(?<=gpu = ))(?:A2|L2|L20|T\d{{3,4}}|P\d{{3,4}}|[KM]\d{{3,4}}M?)(?![\w.]){_BOARD}"

_WORDS = (
    "geforce", "quadro", "tesla", "titan", "grid", "nvs", "nvidia", "gpu", "rtx", "gt", "mx", "a1", "a2", "a3", "a4",
    "a5", "a6", "a8", "b1", "b2", "b3", "h1", "h2", "h8", "l4", "v1", "p1", "p4", "t4", "m4", "m6", "k2", "k4", "k8",
    "jetson", "orin", "xavier", "thor",
)  # fmt: skip
"""In lower case; one of them is in every name, so that other clauses need no look at the grammar."""
NVIDIA = Pattern(
    rf"(?<![\w.+/-])(?:(?i:NVIDIA)[ -]{{1,2}})?"
    rf"(?:(?i:{_QUADRO}|{_GEFORCE}|{_OLDER}|{_TITAN}|{_TESLA}|{_GRID}|{_JETSON})|{_LARGE}|{_WORKSTATION})"
    rf"|(?<![\w.+/-])(?i:{_WITH_MAKER})",
    words=_WORDS,
)
BARE = Pattern(
    r"(?<![\w.])(?P<before>(?:an?|my|two|dual|nvidia|\d ?x) |gpu[: ]{0,2})?"
    r"(?P<number>9[5678]0|10[5678]0|16[56]0|20[678]0|30[5-9]0|40[5-9]0|50[5-9]0)"
    r"(?:(?P<more> ?(?:ti|super))(?![\w.%])"
    r"|(?=s?\s{0,2}(?:$|[,.;:)]|(?P<behind>gpu|card)|and |with |on |in |laptop|machine)))",
    re.IGNORECASE,
    words=("50", "60", "70", "80", "90"),
)
"""A number alone names a GPU beside an article, a count or a word for it, and before "Ti"."""

AMD = Pattern(
    r"(?<![\w])AMD (?i:GPU|graphics|video|card)(?![\w])"
    r"|(?<![\w])(?:AMD )?(?i:Radeon(?: \(?(?:TM|R)\)?)?(?: (?:RX|Pro|VII|Vega|R[579]|HD|Instinct)){0,2}"
    r"(?: [A-Z]{0,2}\d{2,4}[A-Z]?(?: XTX?)?)?|RX ?[4-9]\d{2,3}(?: ?(?:XTX?|GRE))?)|(?<![\w])MI\d{2,3}[XA]?(?![\w])"
)
GFX = Pattern(r"(?<![\w])gfx(?:\d{3,4}|9[04][0-9a-f])(?![\w])", words=("gfx",))
_MIG = Pattern(
    r"\bMIG[ -](?:instance|slice|device|partition|enabled|mode|profile|is on|on\b|1g|2g|3g|4g|7g)|\dg\.\d{1,3}gb\b"
    r"|\bMIG-(?:GPU-)?[\da-f]{8}-",
    words=("mig", "gb"),
)
_NO_MIG = Pattern(r"\b(?:disabled?|off|not?|without|non)\b", re.IGNORECASE)
_TARGETS = Pattern(r"target|arch|support|build|built|compiled", re.IGNORECASE)
INTEL = Pattern(
    r"Intel(?:\(R\)|®|'s)?,? (?:(?:UHD|HD|Iris|Arc|Xe|integrated|onboard|built-in)"
    r"(?: (?:Plus|Pro|Xe|Graphics|GPU|Max|\(?TM\)?|[A-Z]?\d{2,4}[MV]?)){0,4}|graphics|GPU)",
    re.IGNORECASE,
    words=("intel",),
)

_NUMBERS = {"one": 1, "single": 1, "two": 2, "dual": 2, "three": 3, "four": 4, "eight": 8}
_COUNT_BEFORE = Pattern(
    r"(?:(?<![\w.])(\d{1,2}) ?[x*] ?|(?<!gpu )(?<!gpu)(?<![\w.:,])([1-9]|1[0-6]) (?:nvidia )?"
    rf"|\b({'|'.join(_NUMBERS)}) (?:nvidia )?)$",
    re.IGNORECASE,
)
_COUNT_BEHIND = Pattern(r"s? ?(?:\( ?)?[x*] ?(\d{1,2})\b|s? ?\((\d{1,2})\)", re.IGNORECASE)
_INDEX = Pattern(r"(?:GPU|cuda|device)[ :#]{0,2}(\d{1,2})[ :=\])-]{1,3}(?:nvidia )?$", re.IGNORECASE)
_INDEXES = Pattern(r"GPU (\d{1,2}(?:, ?\d{1,2}){1,63}):? (?:nvidia )?$", re.IGNORECASE)
"""detectron2 lists equal GPUs in one row: "GPU 0,1,2,3"."""
_CAPABILITY = Pattern(
    r"(?:compute |cuda )?capability(?: is| of| version)?[ :=(]{1,3}(\d{1,2})\.(\d)(?!\d)"
    r"|\((?:cc|sm)[ _]?(\d{1,2})\.?(\d)\)|(?<![\w])cc ?(\d{1,2})\.(\d)(?!\d)",
    re.IGNORECASE,
    words=("capability", "cc", "sm"),
)
_OR = Pattern(r"^\s{0,2}(?:/|or\b|或)\s{0,2}$", re.IGNORECASE)


class Gpu(NamedTuple):
    """A GPU that a clause names, `number` times; `place` is its index and `capability` its own, where they are told."""

    name: str
    number: int
    place: int | None
    capability: str | None
    line: int
    stance: Stance


def gpus_in(clause: Clause) -> Iterator[Gpu]:
    """Yield the GPUs of NVIDIA that a clause names; of alternatives ("A100 / H100") none, for nobody has them all."""
    text = clause.text
    found = named_in(text)
    for at, match in enumerate(found):
        behind = found[at + 1].start() if at + 1 < len(found) else len(text)
        before = found[at - 1].end() if at else 0
        if _OR.match(text[match.end() : behind]) or (at and _OR.match(text[before : match.start()])):
            continue
        capability = _CAPABILITY.search(text, match.end(), min(behind, match.end() + 80))
        index, indexes = (pattern.search(text[before : match.start()]) for pattern in (_INDEX, _INDEXES))
        left, right = text[max(before, match.start() - 12) : match.start()], text[match.end() : match.end() + 8]
        yield Gpu(
            _name(match),
            indexes[1].count(",") + 1 if indexes else 1 if index else _count(left, right),
            int(index[1]) if index else None,
            ".".join(part for part in capability.groups() if part) if capability else None,
            clause.line,
            clause.stance,
        )


def named_in(text: str) -> list[re.Match[str]]:
    """Return where GPUs of NVIDIA are named: by their whole names, or else by numbers alone."""
    return [*NVIDIA.finditer(text)] or [
        one for one in BARE.finditer(text) if one["more"] or one["before"] or one["behind"]
    ]


def _name(match: re.Match[str]) -> str:
    groups = match.groupdict()
    if "number" not in groups:
        name = re.sub(r"^(NVIDIA[ -])?(?=A\d{4})", r"\1RTX ", " ".join(match[0].split()))  # people leave it out
        return re.sub(r"(?<=[45]090)D\b", " D", name)
    series = "GTX" if groups["number"].startswith(("9", "10", "16")) else "RTX"
    return f"{series} {groups['number']} {(groups['more'] or '').strip()}".strip()


def _count(before: str, behind: str) -> int:
    match = _COUNT_BEFORE.search(before)
    if match:
        number = _NUMBERS.get((match[3] or "").lower()) or int(match[1] or match[2])
    else:
        after = _COUNT_BEHIND.match(behind)
        number = int(after[1] or after[2]) if after else 1
    return number if 1 <= number <= MOST_GPUS else 1


def gpu_facts(clauses: Sequence[Clause], source: str) -> Iterator[Stated]:
    """State the GPUs that go with the failure, in the order in which they are named.

    A model that is named again is the same one. Those that it is said to work with are left out where others are named.
    """
    named = [gpu for clause in clauses for gpu in gpus_in(clause)]
    # Beside the one that is to blame a sentence may name others that are there as well: "works on the K80 alone".
    best = max((gpu.stance for gpu in named), default=Stance.SUPPOSED)
    if best < Stance.ASIDE:
        return
    chosen = _counted([gpu for gpu in named if gpu.stance >= Stance.ASIDE])
    for index, gpu in enumerate(chosen[:MOST_GPUS]):
        yield Stated(f"gpu.{index}.name", Known(gpu.name, source), gpu.line)
        if gpu.capability:
            yield Stated(f"gpu.{index}.compute_capability", Known(gpu.capability, source), gpu.line)


def _counted(kept: Sequence[Gpu]) -> list[Gpu]:
    """Return each GPU as often as it is there: by a list with indexes where there is one, else by what is counted."""
    listed: dict[int, Gpu] = {}
    for gpu in kept:
        if gpu.place is not None:
            listed.setdefault(gpu.place, gpu)
    if listed:
        return [listed[place] for place in sorted(listed)]
    found: list[Gpu] = []
    for gpu in kept:
        there = sum(1 for other in found if _may_be_one(other.name, gpu.name))
        found += [gpu] * (gpu.number - there)
    return found


def _key(name: str) -> str:
    return re.sub(r"nvidia|geforce|tesla|quadro|[\W_]", "", name.lower())


def _may_be_one(name: str, again: str) -> bool:
    """Whether the two may name one GPU: "RTX 3090" and "NVIDIA GeForce RTX 3090 24GB"."""
    one, other = _key(name), _key(again)
    return one.startswith(other) or other.startswith(one)


def mig_facts(clauses: Sequence[Clause], source: str) -> Iterator[Stated]:
    """State that the first GPU is cut into instances where that is said."""
    for clause in clauses:
        if clause.stance >= Stance.ASIDE and _MIG.search(clause.text) and not _NO_MIG.search(clause.text):
            yield Stated("gpu.0.mig_mode", Known("on", source), clause.line)
            return


def amd_facts(clauses: Sequence[Clause], source: str) -> Iterator[Stated]:
    """State the architectures of AMD GPUs: one is the GPU's, a list of targets is what a build carries."""
    for line, together in groupby(clauses, lambda clause: clause.line):
        told = [*together]
        names = [*dict.fromkeys(name for clause in told for name in GFX.findall(clause.text))]
        value: list[Value] = [*names]
        if len(names) > 1 and any(_TARGETS.search(clause.text) for clause in told):
            yield Stated("torch.rocm_archs", Known(value, source), line)
        elif len(names) == 1 and any(GFX.search(clause.text) and clause.stance >= Stance.ASIDE for clause in told):
            yield Stated("amd.gpus", Known(value, source), line)
