"""Finding and reading the matrix: the compiled form of ours, and TOML of others, which is held to the laws."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING

from envdoctor.matrix.matrix import Matrix
from envdoctor.matrix.rows import MatrixError

if TYPE_CHECKING:
    from os import PathLike
    from typing import TypeAlias

    from envdoctor.matrix.rows import Node

    Place: TypeAlias = str | PathLike[str]

COMPILED = "compat_matrix.json"
WRITTEN = "compat_matrix.toml"
MOST_BYTES = 4 * 1024 * 1024
"""Ours has about 125 KB; a file of this size is not a matrix."""

MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
"""Byte order marks of UTF-8 and UTF-16."""

_PACKAGE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))


def load_matrix(path: Place | None = None) -> Matrix:
    """Read the matrix: the shipped one, or that with a TOML file of the user laid over it and its laws checked.

    A file that is a matrix by itself takes the place of ours (`overlay.is_whole`). Raises `MatrixError`, one line, for
    whatever keeps the file from being used.
    """
    if path is None:
        return Matrix(*_shipped())
    from envdoctor.matrix.overlay import is_whole, laid_over

    document = read_toml(path)
    if is_whole(document):
        return checked(Matrix(document, str(path)))
    merged, overlay = laid_over(_shipped()[0], document, str(path))
    return checked(Matrix(merged, str(path), overlay))


def _shipped() -> tuple[dict[str, Node], str]:
    """Return the shipped document and what to call its file.

    It is `envdoctor/compat_matrix.json`, compiled when the wheel was built; `compat_matrix.toml` beside it where that
    is missing; in a checkout the file at its top level.
    """
    compiled = os.path.join(_PACKAGE, COMPILED)
    if os.path.isfile(compiled):
        return read_json(compiled), COMPILED
    for folder in (_PACKAGE, os.path.dirname(os.path.dirname(_PACKAGE))):
        written = os.path.join(folder, WRITTEN)
        if os.path.isfile(written):
            return read_toml(written), WRITTEN
    raise MatrixError(f"{WRITTEN}: not found beside the package; reinstall envdoctor")


def checked(matrix: Matrix) -> Matrix:
    """Return the matrix itself after every row was read and every law held; raises `MatrixError` otherwise."""
    from envdoctor.matrix import laws

    for broken in laws.broken(matrix):
        raise MatrixError(f"{matrix.root.file}: {broken}")
    return matrix


def read_toml(path: Place) -> dict[str, Node]:
    """Parse a TOML file; raises `MatrixError`."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    text = _text(path)
    try:
        return _document(tomllib.loads(text), path)
    except tomllib.TOMLDecodeError as error:
        raise MatrixError(f"{path}: not TOML: {error}") from None
    except ValueError:
        raise MatrixError(f"{path}: not TOML: a number has too many digits") from None
    except RecursionError:
        raise MatrixError(f"{path}: not TOML: nested too deeply") from None


def read_json(path: Place) -> dict[str, Node]:
    """Parse the compiled form; raises `MatrixError`."""
    import json

    text = _text(path)
    try:
        return _document(json.loads(text), path)
    except ValueError as error:
        raise MatrixError(f"{path}: not JSON: {error}") from None
    except RecursionError:
        raise MatrixError(f"{path}: not JSON: nested too deeply") from None


def _text(path: Place) -> str:
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):  # opening a FIFO would wait for a writer
            raise MatrixError(f"{path}: not a file")
        with open(path, "rb") as stream:
            raw = stream.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise MatrixError(f"{path}: cannot be read: {reason}") from None
    if len(raw) > MOST_BYTES:
        raise MatrixError(f"{path}: larger than {MOST_BYTES // 1024**2} MiB, not a matrix")
    if raw.startswith(MARKS):  # editors and shells of Windows put one in front
        raise MatrixError(f"{path}: begins with a byte order mark; save it as UTF-8 without one")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MatrixError(f"{path}: not UTF-8 (byte {error.start})") from None


def _document(parsed: object, path: Place) -> dict[str, Node]:
    if not isinstance(parsed, dict):
        raise MatrixError(f"{path}: must be a table at top level")
    return parsed
