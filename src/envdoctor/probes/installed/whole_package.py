"""Whether a folder of sys.path holds an installed torch (numpy, ...) or a mere module of that name."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envdoctor.probes.looking import Looking

COMPILED = {
    "torch": ("", r"_C\..*"),
    "torchvision": ("", r"(?:_C|image).*"),
    "torchaudio": ("lib", r".*torchaudio.*"),
    "numpy": ("_core", r"_multiarray_umath\..*"),
    "triton": ("_C", r"libtriton.*"),
}
"""Below its package: the folder and the name of an object that every build of it has. A checkout of the sources has
none until it is built in place."""

NAMES = tuple(COMPILED)

OBJECT = r"\.(?:so|pyd|dll|dylib)$"


def holds_whole(at: Looking, folder: str, name: str) -> bool:
    """Whether `folder` holds the package `name` as a build or an installer left it, damaged or not.

    That is one with a record beside it, or with a compiled object in it.
    """
    if not at.host.is_file(os.path.join(folder, name, "__init__.py")):
        return False
    if any(one.site == folder for one in at.by_name.get(name, ())):
        return True
    below, pattern = COMPILED[name]
    try:
        names = at.host.listdir(os.path.join(folder, name, below))
    except OSError:
        return False
    return any(re.fullmatch(pattern, one) and re.search(OBJECT, one) for one in names)
