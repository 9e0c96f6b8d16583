"""torch was built for another Python, or its torch.compile does not know this one.

## What it means
Either torch does not load: its compiled part is for another Python, and `import torch` fails with
"ModuleNotFoundError: No module named 'torch._C'" or "ImportError: Failed to load PyTorch C extensions". That is an
error. Or only `torch.compile` refuses: "RuntimeError: Dynamo is not supported on Python 3.13+", in later releases
"torch.compile is not supported on Python 3.14+". That is a note: all else works.

## Why it happens
A compiled wheel serves one Python version. Folders of packages that are copied, restored from a cache or named
in PYTHONPATH reach a Python they were not installed for; so does an environment whose base Python was upgraded in
place. `torch.compile` reads the bytecode of Python and learns each version anew, mostly a release or two after the
wheels for it.

## How to be sure
`python --version` against the tag in `WHEEL` beside torch: `Tag: cp311-...` is for Python 3.11.

## How to fix
Torch of another Python: unset PYTHONPATH, or make the environment anew with this Python and install torch into it.
torch.compile: install a newer torch (3.12 needs 2.4, 3.13 needs 2.6, 3.14 needs 2.10), or use an older Python.

## In a file
No release of torch that is demanded has a wheel for any Python that is declared: `requires-python = ">=3.12"` beside
`torch==2.1.2`. A range of which one Python is served is no finding. conda-forge may be one Python ahead of the wheels;
PyTorch's own conda channel, which `pytorch-cuda` is of, is not.

## Sources
The tags in WHEEL of the installed torch (PyPA, platform compatibility tags); the checks in torch/__init__.py of the
wheels; pytorch#93467, pytorch#120233, pytorch#144048, pytorch#169875.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.matrix.versions import minor, parts
from envdoctor.model.finding import Confidence, Severity
from envdoctor.rules.rule import Example, Rule, Stage
from envdoctor.rules.smoke_examples import failed, smoked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Compare the tags of the wheel with this Python, then what its torch.compile knows."""
    version = machine.text("torch.version")
    if version is None:
        return
    tag = machine.text("python.tag") or ""
    tags = [one for one in machine.items("torch.wheel_tags") if isinstance(one, str)]
    if tags and tag.startswith("cp") and not any(_is_for(one, tag) for one in tags):
        yield RULE.finding(
            machine,
            "torch",
            f"torch {version} was built for {tags[0].partition('-')[0]}, and this Python is {tag}: its compiled part "
            "does not load, and `import torch` fails.",
            "torch.wheel_tags", "python.tag", "python.version", "torch.version",
            when="torch does not load",
            confidence=Confidence.PROVED,
        )  # fmt: skip
        return
    release, python = version.partition("+")[0], machine.text("python.version")
    if python is None or not re.fullmatch(r"[\d.]+", release):
        return  # a development build may know more than the release it is named after
    newest = matrix.compile_python(release)
    known_minors = re.match(r"\d+\.\d+", python)
    if (
        newest
        and known_minors
        and minor(newest) < minor(known_minors[0])
        and parts(release) <= parts(matrix.newest_torch)
    ):
        yield RULE.finding(
            machine,
            "torch",
            f"torch.compile of torch {version} does not start on Python {python}: the newest it knows is {newest}. "
            "The rest of torch works.",
            "python.version", "torch.version",
            when="one feature",
        )  # fmt: skip


def _is_for(tag: str, python: str) -> bool:
    """Whether a wheel of that tag loads in a Python such as cp311 or cp313t.

    The tag of the interface tells, cp313t for the free-threaded Python. Before 3.8 it had a letter more (cp37m).
    """
    pieces = tag.split("-")
    if len(pieces) < 3:
        return True  # not a tag: nothing is known against it
    interpreters, interface = pieces[0].split("."), pieces[1]
    if any(one.startswith("py") for one in interpreters):
        return True
    if interface.startswith("abi3"):  # abi3t, and abi3.abi3t for both kinds of Python (PEP 803)
        return any(_number(one) <= _number(python) for one in interpreters)
    if interface == "none":
        return python.rstrip("t") in interpreters
    return python in [re.sub(r"[dmu]+$", "", one) for one in interface.split(".")]


def _number(tag: str) -> int:
    """The minor version in a tag of CPython 3: 11 for cp311."""
    digits = re.match(r"cp3(\d{1,3})", tag)
    return int(digits[1]) if digits else 0


RULE = Rule(
    judge,
    stage=Stage.PACKAGES,
    needs=("torch.version", "python.tag", "python.version", "torch.wheel_tags"),
    explains=("shared-library-missing",),
    fires=(
        Example(
            "the packages of another Python",
            {"torch.wheel_tags": ["cp310-cp310-manylinux_2_28_x86_64"]},
            says="built for cp310",
        ),
        Example(
            "a wheel with the GIL in a Python without",
            {"python.tag": "cp313t", "python.version": "3.13.5", "torch.wheel_tags": ["cp313-cp313-linux_x86_64"]},
            says="cp313t",
        ),
        Example(
            "torch.compile of 2.5 on Python 3.13",
            {
                "torch": "2.5.1+cu124",
                "python.tag": "cp313",
                "python.version": "3.13.1",
                "torch.wheel_tags": ["cp313-cp313-linux_x86_64"],
            },
            severity=Severity.NOTE,
            says="3.12",
        ),
        Example(
            "torch.compile was tried",
            smoked(failed("compile", "Dynamo is not supported on Python 3.13+", "cpu")),
            says="does not know this Python",
        ),
    ),
    quiet=(
        Example("the wheel of this Python", {}),
        Example(
            "the first torch.compile for Python 3.13",
            {
                "torch": "2.6.0+cu124",
                "python.tag": "cp313",
                "python.version": "3.13.1",
                "torch.wheel_tags": ["cp313-cp313-linux_x86_64"],
            },
        ),
        Example("a wheel for any Python from 3.9 on", {"torch.wheel_tags": ["cp39-abi3-linux_x86_64"]}),
        Example("a tag without an interface, as on macOS", {"torch.wheel_tags": ["cp311-none-macosx_11_0_arm64"]}),
        Example(
            "a free-threaded Python with its own wheel",
            {"python.tag": "cp314t", "python.version": "3.14.0", "torch": "2.10.0+cu128",
             "torch.wheel_tags": ["cp314-cp314t-manylinux_2_28_x86_64"]},
        ),
        Example("no WHEEL to read, as beside builds of conda", {"torch.wheel_tags": None}),
        Example("no torch", {"torch": None, "torch.wheel_tags": None}),
    ),
)  # fmt: skip
