"""References of container images in any text: PyTorch's own and NVIDIA's, wherever a line names one."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from envdoctor.model.declared import Case, Image
from envdoctor.model.place import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST = 10_000
"""Images of one text that are looked at."""

_TAGGED = re.compile(r"(?:pytorch/pytorch|nvidia/(?:cuda|pytorch)):([A-Za-z0-9_][\w.-]{0,127})")
_BEFORE = re.compile(r"[\w.:/-]{0,120}\Z", re.ASCII)
_GOES_ON = re.compile(r"[${}<>*%]|\.\.\.|…")
"""What stands directly behind a tag that is a pattern or has a variable in it, and so is none."""


def images_in(text: str, file: str, first_line: int = 1) -> Iterator[Image]:
    """Yield the tagged images of torch and CUDA that a text names, in order, each with its place.

    `first_line` is the line of the file on which the text begins. What is no tag but a pattern ("2.x", "<version>",
    "${TAG}") is left to `rules/declared`, which is silent about what it cannot take apart, or is not yielded.
    """
    number, start, counted = first_line, 0, 0
    for match in islice(_TAGGED.finditer(text), MOST):
        newlines = text.count("\n", counted, match.start())
        if newlines:
            number, start = number + newlines, text.rindex("\n", counted, match.start()) + 1
        counted = match.start()
        if _GOES_ON.match(text, match.end()):
            continue
        before = _BEFORE.search(text[max(start, counted - 120) : counted])
        prefix = before[0] if before else ""
        written = prefix + match[0].rstrip(".-_")
        yield Image(written, Place(file, number, counted - start - len(prefix) + 1), written)


def image_cases(text: str, file: str, first_line: int = 1) -> Iterator[Case]:
    """Yield a case for each image that the lines of a script name (`docker run`, a variable), comments left out."""
    lines = text.split("\n")
    for image in images_in(text, file, first_line):
        if not lines[image.place.line - first_line].lstrip().startswith(("#", "REM ", "rem ", "::")):
            yield Case(file, f"image {image.reference}", image.place, base=image)
