"""Scripts of a POSIX shell, and what is made of its commands: Makefiles, justfiles, `.envrc`."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from envdoctor.model.declared_file import DeclaredFile
from envdoctor.readers.declared.commands.install_commands import commands_in
from envdoctor.readers.declared.commands.together import cases_of
from envdoctor.readers.declared.images.container_images import image_cases
from envdoctor.readers.declared.texts.uses import uses_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envdoctor.readers.declared.commands.install_commands import InstallCommand

FORMAT = "shell script"

MOST = 400_000
"""Characters of a script that are read: nobody writes a longer one."""

MOST_COMMANDS = 2_000
"""Install commands of a file that are looked at."""


def read(text: str, name: str) -> DeclaredFile:
    """Return what the commands of a script install; `name` is the file that places name."""
    read_of_it = script_of(FORMAT, text, commands_in(text[:MOST], name))
    uses = uses_in(enumerate(text[:MOST].split("\n"), 1), name, read_of_it.cases)
    return read_of_it._replace(cases=(*read_of_it.cases, *image_cases(text[:MOST], name), *uses))


def script_of(form: str, text: str, commands: Iterable[InstallCommand]) -> DeclaredFile:
    """Return the commands of a script as a file, and say so where not all of it was read."""
    read_of_it = list(islice(commands, MOST_COMMANDS + 1))
    trouble = f"only its first {MOST} characters were read" if len(text) > MOST else None
    if len(read_of_it) > MOST_COMMANDS:
        trouble = f"only its first {MOST_COMMANDS} install commands were read"
    return DeclaredFile(form, cases_of(read_of_it[:MOST_COMMANDS]), trouble=trouble)
