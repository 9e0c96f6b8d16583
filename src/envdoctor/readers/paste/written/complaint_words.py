"""What people miss and what they do not have: "no NVIDIA GPU, only Intel", "the GPU is not found"."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Known
from envdoctor.model.paste import Stated
from envdoctor.readers.paste.written.clauses import Stance
from envdoctor.readers.paste.written.gpu_words import AMD, INTEL, named_in
from envdoctor.readers.pattern import Pattern

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.readers.paste.written.clauses import Clause

_NO_NVIDIA = Pattern(
    r"(?:n't have(?: an?| any)?|\b(?:no|not (?:using|have|having|an?)(?: an?| any)?|without(?: an?)?|lacks?(?: an?)?"
    r"|isn't an?|hasn't(?: an?)?)) (?:nvidia|cuda(?:[- ](?:capable|enabled|compatible))?)(?:[- ](?:capable|enabled))?"
    r" (?:gpu|graphics?|video|card|hardware|device)s?(?!\w)"
    r"(?! (?:is |was |are |were )?(?:found|detected|available|visible|driver|in(?:side)? |within))"
    r"|没有\s?(?:nvidia|英伟达|独立?)?\s?显卡",
    re.IGNORECASE,
    words=("nvidia", "cuda", "没有"),
)
_NO_GPU = Pattern(
    r"\b(?:i|we|it|machine|laptop|computer|pc|server|system|mac(?:book)?|notebook|vm|box)\b[^.,;]{0,30}"
    r"(?:\b(?:has|have|with|got|having|had) no|n't have(?: an?| any)?|\bnot have(?: an?| any)?|\bhas not(?: an?)?"
    r"|\bwithout(?: an?| any)?|\black(?:s|ing)(?: an?)?) (?:dedicated |discrete |real )?"
    r"(?:gpu|graphics card|video card)s?\b"
    r"|\bcpu[- ]only (?:machine|server|laptop|computer|pc|box|vm|node)",
    re.IGNORECASE,
    words=("gpu", "card", "cpu"),
)
_ELSEWHERE = Pattern(
    r"\b(?:login|head|front-?end|submit|build|management|other|another|different)[ -]"
    r"(?:node|machine|computer|host|server)\b"
    r"|\b(?:node|machine|host|server) without (?:an? |any )?gpus?",
    re.IGNORECASE,
    words=("node", "machine", "computer", "host", "server"),
)
_DUMP = Pattern(r"\b(?:dump|output|log|report|info(?:rmation)?|collect_env|taken|ran|run|collected)\b", re.IGNORECASE)
_GPU = r"(?:gpus?|cuda|graphics card)"
_MISSED = Pattern(
    rf"\b{_GPU}\b[^.,;]{{0,30}}(?:\bnot\b|n't\b|\bnever\b|\bno longer\b)[^.,;]{{0,15}}"
    r"\b(?:found|detected|available|visible|recogni[sz]ed|seen|used?|using|work(?:ing)?|see|utili[sz]ed?)\b"
    r"|(?:n't|\b(?:not|cannot|unable to|fails? to|never|no longer|could not))\b[^.,;]{0,15}"
    r"\b(?:find|detect|see|use|using|recogni[sz]e|access|run on|utili[sz]e|initiali[sz]e)\b"
    rf"[^.,;]{{0,25}}\b{_GPU}\b|\bgpus? requested\b"
    r"|\bno (?:gpus?|cuda)(?: (?:device|gpu)s?)? (?:\w{1,10} )?(?:found|detected|available|visible)\b"
    r"|\b(?:asked for|requested|wanted|expected) [^.;]{0,15}\b(?:gpu|cuda)\b|\b(?:gpu|cuda)\b requested"
    r"|\bcpu\b[^.;]{0,25}\b(?:instead of|rather than)\b[^.;]{0,15}\b(?:gpu|cuda)\b"
    r"|\b(?:gpu|cuda)\b[^.;]{0,30}\b(?:but|get|gets|got|gives?|gave|obtained|provides|installs?)\b[^.;]{0,20}\bcpu"
    r"|\b(?:always|automatically|still) (?:installs?|gets?|gives?|got)\b[^.;]{0,20}\bcpu\b"
    r"|is_available(?:\(\))?[^.;]{0,30}\bfalse\b|\bonly (?:runs?|uses?|running|works?)[^.,;]{0,10}\bcpu\b",
    re.IGNORECASE,
    words=("gpu", "cuda", "graphics", "available", "cpu"),
)
_AVAILABLE = Pattern(
    r"\bcuda(?: is)? available\s?[:=]?\s{0,3}(?P<answer>true|false|yes|no)\b", re.IGNORECASE, words=("available",)
)
_ASLEEP = Pattern(
    r"\b(?:after|from|since|when|whenever|if|once|following|upon)\b[^.;]{0,40}\b(?:suspend(?:s|ed|ing)?|resum(?:e|es|ed|ing)"
    r"|sleep(?:s|ing)?|wak(?:e|es|ing|en|eup|e-up)|woke|wakes? up|hibernat\w{1,4}|stand-?by)\b",
    re.IGNORECASE,
    words=("suspend", "resum", "sleep", "wak", "woke", "hibernat", "standby", "stand-by"),
)
_OF_A_CALL = Pattern(
    r"time\.sleep|sleep\(|sleep_|resum\w{1,4}[_ ](?:from|training|checkpoint|epoch)|_resume", re.IGNORECASE
)
"""Programs sleep and resume as well, and no driver minds."""
_SHARED_MEMORY = Pattern(
    r"(?:/dev/shm|shm[-_ ]?size|shared memory(?: size)?)"
    r"(?:[\s`'\"]{0,3}(?:is|of|was|only|size|has|just|[:=(|])){0,4}[\s`'\"]{0,3}"
    r"(?P<amount>\d{1,6}(?:\.\d{1,3})?) ?(?P<unit>[kmgt])(?:i?b)?(?![\w])",
    re.IGNORECASE,
    words=("shm", "shared memory"),
)
_UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def complaint_facts(clauses: Sequence[Clause], source: str) -> Iterator[Stated]:
    """State what is not there, what is missed, and that what is shown was taken elsewhere."""
    told = [clause for clause in clauses if clause.stance >= Stance.ASIDE]
    elsewhere = next((one for one in clauses if _ELSEWHERE.search(one.text) and _DUMP.search(one.text)), None)
    if elsewhere:
        yield Stated("said.taken_elsewhere", Known(True, source), elsewhere.line)
    none = None if elsewhere else _none_of_nvidia(clauses, told)
    if none:
        yield Stated("said.no_nvidia_gpu", Known(True, source), none.line)
    available = next(((one, match) for one in told if (match := _AVAILABLE.search(one.text))), None)
    if available:
        there = available[1]["answer"].lower() in ("true", "yes")
        yield Stated("said.cuda_available", Known(there, source), available[0].line)
    missed = next((one for one in told if _MISSED.search(one.text)), None)
    if missed:
        yield Stated("said.wants_gpu", Known(True, source), missed.line)
    asleep = next((one for one in clauses if _ASLEEP.search(one.text) and not _OF_A_CALL.search(one.text)), None)
    if asleep:
        yield Stated("said.after_suspend", Known(True, source), asleep.line)
    for clause in told:
        match = _SHARED_MEMORY.search(clause.text)
        if match:
            size = int(float(match["amount"]) * _UNITS[match["unit"].lower()])
            yield Stated("shm.total_bytes", Known(size, source), clause.line)


def _none_of_nvidia(clauses: Sequence[Clause], told: Sequence[Clause]) -> Clause | None:
    """Return the clause that says so, or the one that names GPUs of others where none of NVIDIA is named."""
    said = next((one for one in clauses if _NO_NVIDIA.search(one.text) or _NO_GPU.search(one.text)), None)
    named = any(named_in(one.text) for one in clauses)
    if said or named:
        return said
    return next((one for one in told if AMD.search(one.text) or INTEL.search(one.text)), None)
