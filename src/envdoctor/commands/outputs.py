"""Which documents a command line wants written where, and what of it is refused before anything is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from envdoctor.commands.failure import Unusable
from envdoctor.commands.options import FORMATS, REPORTS
from envdoctor.commands.same_file import STDOUT, identity, identity_of_input
from envdoctor.commands.saving import try_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envdoctor.commands.same_file import Identity

ADDED = "github-summary"
"""The format whose file belongs to the runner of a job: what stands in it already is another command's."""


class Writer(NamedTuple):
    """One document that is written: the words of the command line that ask for it, where, and whether it is added."""

    words: str
    path: str
    added: bool = False


def destination(output: str, form: str, formats: Sequence[str] = FORMATS) -> tuple[str, str]:
    """Split `json=report.json` into format and file; a prefix that is no format belongs to the file's name."""
    prefix, equals, path = output.partition("=")
    return (prefix, path) if equals and prefix in formats else (form, output)


def _refuse_misspelt(output: str, formats: Sequence[str]) -> None:
    """Raise `Unusable` for `juint=out.xml`: taken for a file's name it would be a report that nobody finds."""
    prefix, equals, _ = output.partition("=")
    if not equals or prefix in formats:
        return
    from difflib import get_close_matches

    word = prefix[:40].lower()
    near = get_close_matches(word, formats, 1, 0.7)
    if near or word in REPORTS:
        known = f"did you mean {near[0]}?" if near else f"there are {', '.join(formats)};"
        raise Unusable(f"-o {output}: {prefix} is no format here; {known} a file of that name is ./{output}")


def one_writer_each(
    outputs: tuple[str, ...],
    save_snapshot: str | None,
    formats: Sequence[str] = FORMATS,
    inputs: Sequence[str | None] = (),
) -> None:
    """Refuse what could not be written, or would be lost, before anything is looked at.

    A format that is misspelt or of another command, two documents for one file or for standard output, a document for
    a file that is read (`inputs`), files without a name, and files that cannot be written now. `outputs` are the values
    of `-o`, `save_snapshot` that of `--save-snapshot`. Raises `Unusable`.
    """
    for output in outputs:
        _refuse_misspelt(output, formats)
    wanted = [destination(output, "", formats) for output in outputs]
    if any(not path for _, path in wanted):
        raise Unusable("-o: no file name")
    if save_snapshot == "":
        raise Unusable("--save-snapshot: no file name")
    writers = [
        Writer(f"-o {output}", path, added=form == ADDED) for output, (form, path) in zip(outputs, wanted, strict=True)
    ]
    if save_snapshot:
        if not outputs and identity(save_snapshot) == STDOUT:  # where the report itself goes then
            told = f"--save-snapshot {save_snapshot}: the report goes to standard output too"
            raise Unusable(f"{told}; add -o FILE, or name a file")
        writers.append(Writer(f"--save-snapshot {save_snapshot}", save_snapshot))
    _refuse_collisions(writers, [one for one in inputs if one])
    for writer in writers:
        try_out(writer.path, added=writer.added)


def _refuse_collisions(writers: Sequence[Writer], inputs: Sequence[str]) -> None:
    """Refuse two documents for one file, and a document for a file that is read: nobody's text shall be lost.

    Links and other names of a file are seen through, also for a file that is not there yet. Raises `Unusable`.
    """
    met: dict[Identity, Writer] = {}
    for writer in writers:
        meant = identity(writer.path)
        if meant is None:
            continue
        other = met.setdefault(meant, writer)
        if other is not writer:
            both = f"{other.words} and {writer.words}"
            if meant == STDOUT:
                raise Unusable(f"{both} would both write to standard output; name a file for one of them")
            raise Unusable(f"{both} are one file; name another for one of them")
    for path in inputs if met else ():
        read = identity_of_input(path)
        if read in met:
            raise Unusable(f"{met[read].words}: {path} is read, and would be overwritten; name another file")
