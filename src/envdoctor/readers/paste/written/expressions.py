"""Python expressions by which people ask torch what it sees, and how their answers read.

The answers are those of Python's REPL and of `print`: "'2.2.2+cpu'", "2.2.2+cpu", "(8, 6)", "True", "None".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.codec.credentials import strip_credentials
from envdoctor.model.fact import Absent, Known
from envdoctor.readers.pattern import Pattern

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from envdoctor.model.fact import Fact, Value

    Facts = Callable[[re.Match[str], re.Match[str]], Mapping[str, Fact]]

SOURCE = "a Python session"

_QUOTE = r"['\"]?"
_VERSION = rf"{_QUOTE}(?P<answer>\d{{1,2}}\.\d{{1,3}}[\w.+-]{{0,60}}?){_QUOTE}"
_BOOL = r"(?P<answer>True|False)"
_NUMBER = rf"{_QUOTE}(?P<answer>\d{{1,3}}|zero|one){_QUOTE}(?: (?:gpus?|devices?))?"


class Question(NamedTuple):
    """An expression, how its answer reads, and the facts it gives."""

    asked: Pattern
    answer: Pattern
    facts: Facts


def _ask(asked: str, answer: str, facts: Facts, *words: str) -> Question:
    return Question(Pattern(asked, words=words), Pattern(answer, re.IGNORECASE), facts)


def _known(value: Value) -> Known:
    return Known(value, SOURCE)


def _available(_: re.Match[str], answer: re.Match[str]) -> Mapping[str, Fact]:
    if answer["answer"].lower() == "true":
        return {"said.cuda_available": _known(True), "cuda.init": _known(0)}
    return {"said.cuda_available": _known(False), "said.wants_gpu": _known(True)}


def _built_for(name: str) -> Facts:
    def facts(_: re.Match[str], answer: re.Match[str]) -> Mapping[str, Fact]:
        told = answer["answer"]
        return {name: Absent(f"{name.replace('torch.', 'torch.version.')} is None") if told == "None" else _known(told)}

    return facts


def _package(asked: re.Match[str], answer: re.Match[str]) -> Mapping[str, Fact]:
    name = "numpy" if asked["package"] == "np" else asked["package"]
    return {f"{name}.version": _known(answer["answer"])}


def _gpu(fact: str) -> Facts:
    def facts(asked: re.Match[str], answer: re.Match[str]) -> Mapping[str, Fact]:
        value = f"{answer['answer']}.{answer['minor']}" if "minor" in answer.groupdict() else answer["answer"].strip()
        return {f"gpu.{int(asked['index'] or 0)}.{fact}": _known(value)}

    return facts


def _cudnn(_: re.Match[str], answer: re.Match[str]) -> Mapping[str, Fact]:
    """8902 is 8.9.2; from cuDNN 9 on, 90100 is 9.1.0 (cudnn_version.h)."""
    number = int(answer["answer"])
    scale = 10_000 if number >= 90_000 else 1000
    return {"cudnn.version": _known(f"{number // scale}.{number % scale // 100}.{number % 100}")}


def _nccl(_: re.Match[str], answer: re.Match[str]) -> Mapping[str, Fact]:
    return {"nccl.version": _known(".".join(re.findall(r"\d+", answer["answer"])))}


def _flags(_: re.Match[str], answer: re.Match[str]) -> Mapping[str, Fact]:
    words: list[Value] = [*re.findall(r"(?:sm|compute)_\d{2,3}[af]?", answer["answer"])]
    if not words:
        return {}
    return {"torch.kernels": _known({"files": [], "modules": 0, "sass": {}, "ptx": {}, "flags": words})}


def _processor(_: re.Match[str], answer: re.Match[str]) -> Mapping[str, Fact]:
    """Apple calls the processor of a translated process i386, and that of others arm."""
    told = answer["answer"].lower()
    return {"python.machine": _known({"i386": "x86_64", "amd64": "x86_64", "arm": "arm64"}.get(told, told))}


def _platform(_: re.Match[str], answer: re.Match[str]) -> Mapping[str, Fact]:
    told = answer["answer"]
    found: dict[str, Fact] = {}
    for word, system in (("linux", "linux"), ("windows", "windows"), ("macos", "macos"), ("darwin", "macos")):
        if told.lower().startswith(word):
            found["host.os"] = _known(system)
    machine = re.search(r"x86_64|aarch64|arm64|AMD64", told)
    if machine:
        found["python.machine"] = _known(machine[0].replace("AMD64", "x86_64"))
    return found


def _variable(asked: re.Match[str], answer: re.Match[str]) -> Mapping[str, Fact]:
    name, told = asked["name"] or asked["other"], answer["answer"]
    return {f"env.{name}": Absent("not set") if told == "None" else _known(strip_credentials(told.strip("'\"")))}


def _value(name: str) -> Facts:
    return lambda _, answer: {name: _known(answer["answer"])}


def _device_count(_: re.Match[str], answer: re.Match[str]) -> Mapping[str, Fact]:
    told = answer["answer"].lower()
    return {"said.device_count": _known({"zero": 0, "one": 1}[told] if told.isalpha() else int(told))}


def _flag(name: str) -> Facts:
    return lambda _, answer: {name: _known(answer["answer"].lower() == "true")}


_DEVICE = (
    r"\(?(?:(?:device=)?(?:torch\.device\()?['\"]?(?:cuda:)?(?P<index>\d{1,2})?['\"]?\)?"
    r"|torch\.cuda\.current_device\(\))\)?"
)
_CALL = r"(?:\(\))?"
_FILE = r"(?:/|[A-Za-z]:\\)[^'\"\n]{1,300}"
_CUDA = rf"{_QUOTE}(?P<answer>None|\d{{1,2}}\.\d{{1,2}}(?:\.\d{{1,3}})?){_QUOTE}"
_HIP = rf"{_QUOTE}(?P<answer>None|\d{{1,2}}\.\d{{1,2}}[\w.-]{{0,30}}?){_QUOTE}"

QUESTIONS = (
    _ask(
        r"(?<![\w.])torch\.__version__|metadata\.version\(['\"]torch['\"]\)",
        _VERSION,
        _value("torch.version"),
        "__version__",
        "metadata.version",
    ),
    _ask(
        r"(?<![\w.])(?P<package>torchvision|torchaudio|triton|numpy|np)\.__version__", _VERSION, _package, "__version__"
    ),
    _ask(r"torch\.version\.cuda(?!\w)", _CUDA, _built_for("torch.cuda"), "version.cuda"),
    _ask(r"torch\.version\.hip(?!\w)", _HIP, _built_for("torch.hip"), "version.hip"),
    _ask(rf"(?:torch\.)?cuda\.is_available{_CALL}", _BOOL, _available, "is_available"),
    _ask(rf"(?:torch\.)?cuda\.device_count{_CALL}", _NUMBER, _device_count, "device_count"),
    _ask(
        rf"(?:torch\.)?cuda\.get_device_name{_DEVICE}",
        r"['\"]?(?P<answer>[A-Z][\w ()./+-]{2,60}?)['\"]?",
        _gpu("name"),
        "get_device_name",
    ),
    _ask(
        rf"(?:torch\.)?cuda\.get_device_capability{_DEVICE}",
        r"\(?(?P<answer>\d{1,2}), ?(?P<minor>\d)\)?",
        _gpu("compute_capability"),
        "get_device_capability",
    ),
    _ask(
        rf"(?:torch\.)?cuda\.get_arch_list{_CALL}|\barch[ _]list(?=\W{{1,4}}\[)",
        r"(?P<answer>\[['\"\w, ]{4,400}\])",
        _flags,
        "arch_list",
        "arch list",
    ),
    _ask(rf"torch\.backends\.cudnn\.version{_CALL}", r"(?P<answer>\d{4,6})", _cudnn, "cudnn.version"),
    _ask(
        rf"torch\.cuda\.nccl\.version{_CALL}", r"(?P<answer>\(\d{1,2}, \d{1,2}(?:, \d{1,2})?\))", _nccl, "nccl.version"
    ),
    _ask(rf"torch\.backends\.mps\.is_available{_CALL}", _BOOL, _flag("said.mps_available"), "mps.is_available"),
    _ask(
        rf"torch\.backends\.mps\.is_built{_CALL}|torch\.has_mps(?!\w)",
        _BOOL,
        _flag("said.mps_built"),
        "mps.is_built",
        "has_mps",
    ),
    _ask(rf"torch\.xpu\.is_available{_CALL}", _BOOL, _flag("said.xpu_available"), "xpu.is_available"),
    _ask(
        r"platform\.(?:processor|machine)\(\)",
        r"['\"]?(?P<answer>x86_64|i386|arm64|arm|aarch64|AMD64)['\"]?",
        _processor,
        "platform.",
    ),
    _ask(r"platform\.platform\(\)", r"['\"]?(?P<answer>\w[\w.+-]{5,120})['\"]?", _platform, "platform.platform"),
    _ask(
        r"(?<![\w.])sys\.version(?!\w)",
        r"['\"]?(?P<answer>\d\.\d{1,2}\.\d{1,2})\b.{0,200}",
        _value("python.version"),
        "sys.version",
    ),
    _ask(
        r"(?<![\w.])sys\.executable(?!\w)",
        rf"['\"]?(?P<answer>{_FILE})['\"]?",
        _value("python.executable"),
        "sys.executable",
    ),
    _ask(
        r"(?<![\w.])torch\.__(?:file|path)__",
        rf"\[?['\"]?(?P<answer>{_FILE}?)(?:[\\/]__init__\.py)?['\"]?\]?",
        _value("torch.location"),
        "torch.__",
    ),
    _ask(
        r"os\.environ(?:\.get\(|\[)['\"](?P<name>\w{3,40})['\"][\])](?!\s{0,3}=[^=])"
        r"|os\.getenv\(['\"](?P<other>\w{3,40})['\"]\)",
        r"(?P<answer>None|['\"].{0,2000}['\"]|[^\s'\"].{0,2000})",
        _variable,
        "environ",
        "getenv",
    ),
)
"""Docs of torch (torch.cuda, torch.version, torch.backends), and the standard library's platform, sys and os."""


ASKED_OF = ("torch.", "cuda.", "arch_list", "arch list", "platform.", "sys.", "environ", "getenv", "__version__")
"""What stands before every question."""


def may_ask(code: str) -> bool:
    """Whether a line names anything that is asked."""
    return any(word in code for word in ASKED_OF)


def questions_in(code: str) -> list[tuple[Question, re.Match[str]]]:
    """Return the questions of a line of code, in the order in which they stand."""
    found = [(question, match) for question in QUESTIONS for match in question.asked.finditer(code)]
    return sorted(found, key=lambda pair: pair[1].start())
