"""A file or folder called torch (or torchvision, numpy, triton) is imported in place of the installed package.

## What it means
`import torch` loads a script or a checkout: "AttributeError: partially initialized module 'torch' has no attribute
'nn' (most likely due to a circular import)", "module 'torch' has no attribute 'tensor'", "Failed to load PyTorch C
extensions", "operator torchvision::nms does not exist". The installed package is whole, and nothing that is done to
it helps.

## Why it happens
Python looks into the folder of the script first, or for `-c`, `-m` and a console into the working directory; then into
the folders of PYTHONPATH, and only then into the installed packages. A script saved as `torch.py`, a folder `torch`
with an `__init__.py` among one's experiments, or a clone of PyTorch or torchvision that was never built comes first
there. A folder without `__init__.py` does no harm: Python passes over it for the installed package.

## How to be sure
`python -c "import importlib.util; print(importlib.util.find_spec('torch').origin)"` in that folder, and once more with
`python -P` (3.11 and newer), which leaves the working directory out.

## How to fix
Rename the file or folder, and remove the `.pyc` of the old name beside it; start programs from another folder; take
the folder out of PYTHONPATH (`unset PYTHONPATH`). To work on PyTorch itself, install the checkout with
`python -m pip install --no-build-isolation -e .`.

## Sources
sys.path and the working directory, searched as Python does ("The initialization of the sys.path module search path"
and "The import system", Python documentation); pytorch/pytorch#7575 for a script called torch.py, #574 for a folder.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from envdoctor.model.finding import Confidence, Severity
from envdoctor.rules.rule import Example, Rule, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine

CWD = "working directory"


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
    """Name the file that is imported and the package it hides."""
    if machine.text("torch.version") is None or not machine.looked_at("python.local_modules"):
        return
    for row in machine.rows("python.local_modules"):
        name, path, hidden, origin = (str(row.get(key) or "")[:300] for key in ("module", "path", "hides", "from"))
        if not (name and path and hidden):
            continue
        if origin == CWD:
            yield RULE.finding(
                machine,
                name,
                f"Programs started in {_folder(name, path)} with `python -c` or `python -m`, and scripts that lie "
                f"there, import {path} in place of the installed {name} ({hidden}).",
                "python.local_modules", f"{name}.version", "python.site_packages",
                when="for programs started in this folder",
                confidence=Confidence.PROVED,
            )  # fmt: skip
        else:
            yield RULE.finding(
                machine,
                name,
                f"`import {name}` loads {path}, which {origin} puts before the installed {name} ({hidden}): every "
                "program of this environment gets it.",
                "python.local_modules", f"{name}.version", "env.PYTHONPATH",
                when="for every program",
                confidence=Confidence.PROVED,
            )  # fmt: skip


def _folder(name: str, path: str) -> str:
    """Return the folder that `import` looked into: the one above the package, or that of the module."""
    folder, last = posixpath.split(path.replace("\\", "/"))
    return posixpath.dirname(folder) if last.startswith("__init__.") and folder.endswith(f"/{name}") else folder


SITE = "/home/me/venv/lib/python3.11/site-packages"


def _met(module: str, path: str, origin: str = CWD, hides: str | None = SITE) -> dict[str, Value]:
    """Return the facts of one local module that hides the package in that folder."""
    row: Value = {"module": module, "path": path, "from": origin, "hides": f"{hides}/{module}" if hides else None}
    return {"python.local_modules": [row]}


RULE = Rule(
    judge,
    stage=Stage.PACKAGES,
    needs=("torch.version", "python.local_modules"),
    fires=(
        Example(
            "a script called torch.py on PYTHONPATH",
            _met("torch", "/srv/scripts/torch.py", "PYTHONPATH"),
            says="`import torch` loads /srv/scripts/torch.py, which PYTHONPATH puts before the installed torch",
        ),
        Example(
            "one in the working directory",
            _met("torch", "/home/me/experiments/torch.py"),
            severity=Severity.WARNING,
            says="Programs started in /home/me/experiments with",
        ),
        Example(
            "a clone of torchvision that was never built",
            _met("torchvision", "/home/me/vision/torchvision/__init__.py"),
            severity=Severity.WARNING,
            says="Programs started in /home/me/vision with",
        ),
    ),
    quiet=(
        Example("nothing of that name in the way", {}),
        Example("a module that hides nothing", _met("triton", "/home/me/triton/__init__.py", hides=None)),
        Example("no torch", {"torch": None, **_met("numpy", "/home/me/numpy.py")}),
    ),
)
