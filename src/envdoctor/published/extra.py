"""The libraries that only the network needs: an extra, so that the doctor itself stays small."""

from __future__ import annotations

from importlib.util import find_spec

LIBRARIES = {
    "pypi_simple": "pypi-simple",
    "requests": "requests",
    "remotezip": "remotezip",
    "platformdirs": "platformdirs",
}
"""Modules of the extra `matrix` that this room imports, and what they are called on an index."""


class MissingExtra(Exception):
    """Libraries of the extra `matrix` are not installed; the message is one line that says what to type."""


def require(libraries: dict[str, str] = LIBRARIES) -> None:
    """Raise `MissingExtra` unless every library can be imported; nothing is imported by asking."""
    missing = [name for module, name in libraries.items() if find_spec(module) is None]
    if missing:
        # Not the name of the extra: until it is published, envdoctor is installed from a checkout (ADR 0002).
        raise MissingExtra(
            f"{', '.join(missing)} not installed; reading an index needs the extra `matrix`: "
            f"pip install {' '.join(libraries.values())}"
        )
