"""Commands that people say they ran to install torch: with which tool, and from which index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.codec.credentials import strip_credentials
from envdoctor.model.fact import Absent, Fact, Known
from envdoctor.model.paste import Stated
from envdoctor.readers.paste.written.clauses import LONGEST, Stance, stance_of
from envdoctor.readers.pattern import Pattern

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.fact import Value
    from envdoctor.model.paste import Line
    from envdoctor.readers.declared.commands.install_commands import InstallCommand

MOST = 40
"""Commands that are looked at."""

MOST_LENGTH = 300

_INSTALLS = Pattern(
    r"(?P<command>(?:python[\d.]{0,5}\s{1,3}-m\s{1,3})?(?:pip[\d.]{0,5}|conda|mamba|micromamba|uv\s{1,3}pip|uv|poetry|pdm|pixi)\s{1,3}"
    r"(?:install|add|create)\s[^\n]{1,1500})"
)
_REMARK = Pattern(r"\s\(|\s\s#|\s#\s|\s->\s|`")
_CHANNEL = Pattern(r"/whl/(?:nightly/|test/)?(?P<channel>cu\d{3}|cu\d{2}|cpu)(?![\w])")


def install_facts(lines: Sequence[Line], source: str) -> Iterator[Stated]:
    """State the commands that install torch, and the CUDA of the index or the package that they name."""
    rows: list[Value] = []
    first = 0
    for number, text in _told(lines):
        for command in _commands(text):
            case = command.case
            names = {one.name for one in case.requirements}
            if "torch" not in names and not any("torch" in name for name in names):
                continue
            first = first or number
            indexes: list[Value] = [one.url for one in case.indexes]
            words = strip_credentials(" ".join(text.split()))[:MOST_LENGTH]
            rows.append({"tool": command.tool, "command": words, "indexes": indexes, "line": number})
            cuda = _cuda(command, [one.url for one in case.indexes], source)
            if cuda and "torch" in names:
                yield Stated("torch.cuda", cuda, number)
    if rows:
        yield Stated("said.installs", Known(rows, source), first)


def _told(lines: Sequence[Line]) -> Iterator[tuple[int, str]]:
    """Yield the commands with their lines; what somebody advises or asks for was not run."""
    left = MOST
    for line in lines:
        text = line.text[:LONGEST]
        if "install" not in text and " add " not in text and " create " not in text:
            continue
        match = _INSTALLS.search(text)
        if match is None or stance_of(text[: match.start()]) == Stance.SUPPOSED or text.rstrip().endswith("?"):
            continue
        yield line.number, _REMARK.split(match["command"], maxsplit=1)[0].strip()
        left -= 1
        if not left:
            return


def _commands(text: str) -> Iterator[InstallCommand]:
    from envdoctor.readers.declared.commands.install_commands import commands_in

    yield from commands_in(text, "paste", 1)


def _cuda(command: InstallCommand, indexes: Sequence[str], source: str) -> Fact | None:
    """Return the CUDA of the build that a command installs, where its index or a package of it names one."""
    channel = next((match["channel"] for url in indexes if (match := _CHANNEL.search(url))), None)
    if channel == "cpu" or any(one.name == "cpuonly" for one in command.case.requirements):
        return Absent("it was installed as a build for the CPU")
    return Known(f"{int(channel[2:-1])}.{channel[-1]}", source) if channel else None
