"""What a file declares of an environment that may never have been installed: specifiers, not versions.

One file holds many cases: an install command, a group of dependencies, a stage of a Dockerfile, a row of a table. What
is in one case is meant to be installed together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from envdoctor.model.finding import Finding
    from envdoctor.model.place import Amendment, Place

Manager = Literal["pip", "conda"]

IndexKind = Literal["index-url", "extra-index-url", "find-links"]


class Requirement(NamedTuple):
    """One demand on a distribution.

    `name` is normalised and pip's ("torch", also for conda's pytorch). `specifier` is PEP 440 ("==2.7.1+cu121",
    ">=2.5", "" for any; conda's "=2.1" is "==2.1.*"), None where a variable that nobody fills in hides it. `marker` is
    PEP 508, "" for everywhere. `written` is the text at `place` ("pytorch=2.1.0", "torch2.8.0" where typesetting lost
    the signs). `source` is the URL of the one index it is tied to (uv and poetry sources), None where the case's
    indexes hold. `forced` where it is put over what is there, and no installer asks whether the two agree.
    """

    name: str
    specifier: str | None
    place: Place
    written: str
    marker: str = ""
    manager: Manager = "pip"
    source: str | None = None
    build: str = ""
    forced: bool = False


class Index(NamedTuple):
    """Where packages are taken from; `url` is without credentials, `written` the text at `place`.

    `explicit` where only what names it is taken from there.
    """

    url: str
    kind: IndexKind
    place: Place
    written: str
    explicit: bool = False


class PythonWish(NamedTuple):
    """The Python that is declared: a PEP 440 specifier on its version (">=3.12", "==3.11.*")."""

    specifier: str
    place: Place
    written: str


class Statement(NamedTuple):
    """What a text says torch comes with: a CUDA ("12.1") or a cuDNN ("8"): `pytorch-cuda=12.1`, a cell, a sentence.

    `manager` is conda for its packages. `toolkit` where it is a CUDA toolkit and says nothing of torch's build.
    """

    version: str
    place: Place
    written: str
    manager: Manager | None = None
    toolkit: bool = False


class Image(NamedTuple):
    """A container image that something starts from: "pytorch/pytorch:2.7.0-cuda11.8-cudnn8-runtime"."""

    reference: str
    place: Place
    written: str


class Use(NamedTuple):
    """A name of a library that code uses: "torchvision.models.resnet50", with the arguments `keywords` in its call.

    `pin` is the demand on that library which stands in the same file.
    """

    name: str
    keywords: tuple[str, ...]
    pin: Requirement
    place: Place
    written: str


@dataclass(frozen=True, slots=True)
class Case:
    """What is declared together.

    `label` names it for people ("stage build", "extra cu128", "pip install"); `place` is where it begins. A `claim` is
    prose or a table: nobody runs it, and somebody follows it. `platform` is the one the file is for ("windows-x86_64"),
    "" where it is not told. `base` is the image whose packages are already there. `pinned` where versions are those of
    a lock file. `comment` where it is commented out. `uses` are names in the code beside it.
    """

    file: str
    label: str
    place: Place
    requirements: tuple[Requirement, ...] = ()
    indexes: tuple[Index, ...] = ()
    pythons: tuple[PythonWish, ...] = ()
    cudas: tuple[Statement, ...] = ()
    cudnns: tuple[Statement, ...] = ()
    base: Image | None = None
    platform: str = ""
    claim: bool = False
    pinned: bool = False
    comment: bool = False
    uses: tuple[Use, ...] = ()

    def of(self, name: str) -> tuple[Requirement, ...]:
        """Return the demands on one distribution, by its normalised name."""
        return tuple(one for one in self.requirements if one.name == name)


class Flaw(NamedTuple):
    """A finding about a declaration, and what would have to read otherwise."""

    finding: Finding
    amendments: tuple[Amendment, ...] = ()
