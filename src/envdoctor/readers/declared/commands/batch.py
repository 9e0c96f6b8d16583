"""Scripts of Windows: cmd.exe (.bat, .cmd) and PowerShell (.ps1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.readers.declared.commands.install_commands import commands_in
from envdoctor.readers.declared.commands.shell import MOST, script_of
from envdoctor.readers.declared.images.container_images import image_cases

if TYPE_CHECKING:
    from envdoctor.model.declared_file import DeclaredFile

FORMAT = "batch file"
FORMAT_OF_POWERSHELL = "PowerShell script"


def read(text: str, name: str) -> DeclaredFile:
    """Return what the commands of a batch file or, by its ending, a PowerShell script install."""
    powershell = name.lower().endswith((".ps1", ".psm1"))
    commands = commands_in(text[:MOST], name, shell="powershell" if powershell else "batch")
    read_of_it = script_of(FORMAT_OF_POWERSHELL if powershell else FORMAT, text, commands)
    return read_of_it._replace(cases=(*read_of_it.cases, *image_cases(text[:MOST], name)))
