"""What a wheel of torch asks of Python, NumPy, MKL, macOS and GPUs beside it: the rows and how they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from envdoctor.matrix.rows import Row
    from envdoctor.matrix.tables import Certainty
    from envdoctor.model.machine import Capability

_ORIGIN = ("source", "certainty")


class CompilePython(NamedTuple):
    """From torch release `since` on, until the next row, torch.compile starts on Pythons up to `newest` ("3.12")."""

    since: str
    newest: str
    source: str
    certainty: Certainty


class NumpyTwo(NamedTuple):
    """The first torch release whose wheels work with NumPy 2, by operating system."""

    linux: str
    macos: str
    windows: str
    source: str
    certainty: Certainty

    def since(self, os: str) -> str | None:
        """The release for an operating system as `host.os` names it; None for one not known."""
        return {"linux": self.linux, "macos": self.macos, "windows": self.windows}.get(os)


class MklBreak(NamedTuple):
    """Builds of torch's own conda channel from `first` to `last` miss a symbol in MKL from `broken_from` on."""

    first: str
    last: str
    broken_from: str
    source: str
    certainty: Certainty


class TritonGpus(NamedTuple):
    """The lowest compute capability for which triton compiles."""

    capability: Capability
    source: str
    certainty: Certainty


class MpsFloor(NamedTuple):
    """From torch release `since` on, until the next row, the MPS backend starts on `macos` ("13.0") and newer."""

    since: str
    macos: str
    source: str
    certainty: Certainty


class CxxAbi(NamedTuple):
    """The first torch release with Linux x86-64 wheels of the new C++ ABI; conda-forge's builds always had it."""

    since: str
    source: str
    certainty: Certainty


def read_compile_python(row: Row) -> CompilePython:
    """A row of [[compile_pythons]]."""
    row.only((*_ORIGIN, "from", "newest"))
    return CompilePython(row.version("from"), row.version("newest"), row.text("source"), row.certainty())


def read_numpy2(row: Row) -> NumpyTwo:
    """The row [numpy2]."""
    row.only((*_ORIGIN, "linux", "macos", "windows"))
    systems = (row.version("linux"), row.version("macos"), row.version("windows"))
    return NumpyTwo(*systems, row.text("source"), row.certainty())


def read_mkl(row: Row) -> MklBreak:
    """The row [mkl]."""
    row.only((*_ORIGIN, "first", "last", "broken_from"))
    bounds = (row.version("first"), row.version("last"), row.version("broken_from"))
    return MklBreak(*bounds, row.text("source"), row.certainty())


def read_triton_gpus(row: Row) -> TritonGpus:
    """The row [triton_gpus]."""
    row.only((*_ORIGIN, "capability"))
    return TritonGpus(row.capability("capability"), row.text("source"), row.certainty())


def read_mps(row: Row) -> MpsFloor:
    """A row of [[mps]]."""
    row.only((*_ORIGIN, "from", "macos"))
    return MpsFloor(row.version("from"), row.version("macos"), row.text("source"), row.certainty())


def read_cxx_abi(row: Row) -> CxxAbi:
    """The row [cxx11_abi]."""
    row.only((*_ORIGIN, "since"))
    return CxxAbi(row.version("since"), row.text("source"), row.certainty())
