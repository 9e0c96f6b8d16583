"""What a report says of a paste alone: what was read of it and where, what contradicts it, and what to ask for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Known
from envdoctor.model.machine import MOST_GPUS
from envdoctor.reporters.lines import Line, styled, wrapped
from envdoctor.reporters.plain_text import safe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.model.asking import PasteView
    from envdoctor.model.report import Report
    from envdoctor.model.snapshot import Snapshot

SHORT = 60
MOST_SHOWN = 4
ASK = "To be surer, ask for:"
PARTNERS = ("torchvision", "torchaudio", "triton", "numpy")
NOTHING_READ = "Nothing about torch, a GPU or a driver was recognised in this text."


def head_lines(report: Report, paste: PasteView, width: int) -> Iterator[Line]:
    """Yield what was read: the formats with their lines, then the machine as far as the paste tells it."""
    if paste.formats:
        where = ", ".join(f"{safe(name)} (line {line})" for name, line in paste.formats)
        yield from wrapped(f"read: {where}", width, "", "  ")
    for sentence in machine(report.snapshot):
        yield from wrapped(sentence, width, "", "  ")
    if not paste.formats:
        yield from wrapped(NOTHING_READ, width)
    for sentence in paste.beside:
        yield from wrapped(f"also: {safe(sentence)}", width, "", "  ")
    if paste.cut is not None:
        yield from wrapped(f"The first and last lines were read, {paste.cut} in all; the middle was not.", width)


def ask_lines(paste: PasteView, width: int) -> Iterator[Line]:
    """Yield what to ask the writer for."""
    if not paste.asks:
        return
    yield styled(ASK, "bold")
    for ask in paste.asks:
        yield from wrapped(f"- {safe(ask.what)}: {safe(ask.why)}", width, "  ", "    ")
        if ask.command:
            yield Line(f"      {safe(ask.command)}")
    yield Line()


def machine(snapshot: Snapshot) -> list[str]:
    """Return what is known of the machine, a sentence for packages, driver and system; nothing of what is not."""
    torch = _text(snapshot, "torch.version")
    parts = [f"torch {torch}{_build(snapshot)}"] if torch else []
    parts += [f"{name} {told}" for name in PARTNERS if (told := _text(snapshot, f"{name}.version"))]
    python = _text(snapshot, "python.version")
    parts += [f"Python {python}"] if python else []
    driver = [f"driver {told}" for told in (_text(snapshot, "driver.version"),) if told]
    api = _text(snapshot, "driver.cuda_version")
    driver += [f"CUDA driver API {api}"] if api else []
    system = [told for name in ("host.version", "host.os") if (told := _text(snapshot, name))][:1]
    return [", ".join(line) for line in (parts, [*driver, *_gpus(snapshot)], system) if line]


def _gpus(snapshot: Snapshot) -> list[str]:
    counted: dict[str, int] = {}
    for index in range(MOST_GPUS):
        name = _text(snapshot, f"gpu.{index}.name")
        if name is None:
            break
        counted[name] = counted.get(name, 0) + 1
    shown = [f"{number} x {name}" if number > 1 else name for name, number in counted.items()]
    return shown[:MOST_SHOWN] + ([f"{len(shown) - MOST_SHOWN} more"] if len(shown) > MOST_SHOWN else [])


def _build(snapshot: Snapshot) -> str:
    cuda, hip = _text(snapshot, "torch.cuda"), _text(snapshot, "torch.hip")
    if cuda:
        return f" (CUDA {cuda})"
    if hip:
        return f" (ROCm {hip})"
    return " (no CUDA in this build)" if isinstance(snapshot["torch.cuda"], Absent) else ""


def _text(snapshot: Snapshot, name: str) -> str | None:
    fact = snapshot[name]
    told = fact.value if isinstance(fact, Known) else None
    return safe(re.sub(r"\s+", " ", told), SHORT) if isinstance(told, str) and told else None
