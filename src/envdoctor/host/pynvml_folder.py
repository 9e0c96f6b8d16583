"""Where the binding of NVML lies, for children that start without site-packages."""

from __future__ import annotations

import os


def folder_of_pynvml() -> str:
    """Return the folder that holds pynvml without importing it; "." where it is not installed."""
    from importlib.util import find_spec

    spec = find_spec("pynvml")
    if spec is None or not spec.origin:
        return "."
    # A module in nvidia-ml-py; a folder where an old distribution named pynvml lies over it.
    file = os.path.dirname(spec.origin) if spec.submodule_search_locations else spec.origin
    return os.path.dirname(file)
