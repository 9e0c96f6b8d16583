"""OpenCV, or another package that draws, needs a library of the desktop that is not installed.

## What it means
`import cv2` fails with "ImportError: libGL.so.1: cannot open shared object file: No such file or directory", or the
same of libgthread-2.0.so.0, libSM.so.6, libXext.so.6 or libXrender.so.1. torch itself works; what imports cv2 does not.

## Why it happens
Slim images and servers have no graphics libraries. opencv-python holds code that opens windows, by Qt, and that needs
libGL and GLib; a wheel may not carry these inside, as every desktop has its own. Many packages for vision ask for
opencv-python, though they open no window.

## How to be sure
`python -c "import cv2"` names the library; `ldconfig -p | grep libGL.so.1` prints nothing.

## How to fix
Where no window is opened, and in containers as a rule, take the build without windows: `python -m pip uninstall
opencv-python`, then `python -m pip install opencv-python-headless` of the same version. Uninstall first: both write the
same folder. Else install the system's packages: `libgl1` and `libglib2.0-0` on Debian and Ubuntu (`libglib2.0-0t64` on
Debian 13 and Ubuntu 24.04), `mesa-libGL` and `glib2` on Fedora and RHEL.

## Sources
The NEEDED entries of the installed objects; opencv/opencv-python issues 370 and 373; pytorch/ignite#1615; PEP 513 and
PEP 600, for the libraries that a wheel takes from the system.
"""

# ruff: noqa: N999 - a rule is named by its file, and this one is missing-libGL
from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Confidence
from envdoctor.rules.library_rows import by_package, missing, some
from envdoctor.rules.rule import Example, Rule, Stage
from envdoctor.rules.smoke_examples import failed, smoked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine
    from envdoctor.rules.library_rows import Missing

OF_THE_DESKTOP = frozenset(
    {
        "libEGL.so.1", "libGL.so.1", "libGLX.so.0", "libICE.so.6", "libOpenGL.so.0", "libSM.so.6", "libX11.so.6",
        "libXext.so.6", "libXrender.so.1", "libglib-2.0.so.0", "libgthread-2.0.so.0", "libxcb.so.1",
    }
)  # fmt: skip
"""What opencv-python's cv2 and the Qt inside it took from the system in releases from 3.4 to 5.0, and other faces of
libGL. Read in opencv-python 5.0.0.93; the older ones in opencv-python issues 208 and 370."""

HEADLESS = "-headless"


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
    """Yield one finding a package whose import fails for want of such a library."""
    versions = machine.table("opencv.packages") if machine.is_known("opencv.packages") else {}
    for package, rows in by_package(row for row in missing(machine) if is_of_the_desktop(row)):
        row = rows[0]
        libraries = tuple(dict.fromkeys(one.library for one in rows))
        version = versions.get(package)
        named = f"{package} {version}" if isinstance(version, str) else package
        told = f"{row.object} of {named} needs {some(libraries, len(libraries))}, which is in none of the folders the "
        told += "loader searches"
        if package.startswith("opencv-"):
            told += ", so `import cv2` fails."
            if not package.endswith(HEADLESS):
                told += f" {package}{HEADLESS} is the build without windows, which needs none of them."
        else:
            told += ", so it does not load."
        yield RULE.finding(
            machine,
            package,
            told,
            "libraries.missing", "opencv.packages", "host.version",
            confidence=Confidence.PROVED,
        )  # fmt: skip


def is_of_the_desktop(row: Missing) -> bool:
    """Whether it is this rule that tells of the missing library: one without which the package is not imported."""
    return row.role == "entry" and row.library in OF_THE_DESKTOP


def _without(
    library: str, role: str = "entry", package: str = "opencv-python", thing: str = "cv2/cv2.abi3.so"
) -> Value:
    return {"object": thing, "library": library, "package": package, "role": role}


RULE = Rule(
    judge,
    stage=Stage.LIBRARIES,
    needs=("opencv.packages", "libraries.missing"),
    fires=(
        Example(
            "opencv-python in a slim container",
            {
                "opencv.packages": {"opencv-python": "4.10.0.84"},
                "libraries.missing": [
                    _without("libGL.so.1"),
                    _without("libgthread-2.0.so.0", thing="opencv_python.libs/libQt5Core-9088e21b.so.5.15.19"),
                ],
            },
            says="opencv-python 4.10.0.84 needs libGL.so.1 and 1 more",
        ),
        Example(
            "the build without windows, of a release that asked for libraries of X",
            {
                "opencv.packages": {"opencv-python-headless": "4.1.0.25"},
                "libraries.missing": [_without("libSM.so.6", package="opencv-python-headless")],
            },
            says="libSM.so.6",
        ),
        Example(
            "another package that draws",
            {"libraries.missing": [_without("libEGL.so.1", package="nvdiffrast", thing="nvdiffrast/_C.so")]},
            says="it does not load",
        ),
        Example(
            "what torchvision loads needs it",
            smoked(failed("nms", "libGL.so.1: cannot open shared object file: No such file or directory", "cpu",
                          exception="ImportError")),
            says="a library of the desktop is not installed",
        ),
    ),
    quiet=(
        Example("OpenCV where everything is", {"opencv.packages": {"opencv-python": "4.10.0.84"}}),
        Example(
            "a part that draws only when it is asked to",
            {"libraries.missing": [_without("libGL.so.1", "variant", "open3d", "open3d/cuda/pybind.so")]},
        ),
    ),
)  # fmt: skip
