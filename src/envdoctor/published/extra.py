"""The libraries that only the network needs: an extra, so that the doctor itself stays small."""

from __future__ import annotations

from importlib.util import find_spec

ALWAYS = {"requests": "requests", "urllib3": "urllib3"}
"""What envdoctor itself depends on, and an installation without dependencies lacks."""

LIBRARIES = {
    "pypi_simple": "pypi-simple",
    "remotezip": "remotezip",
    "platformdirs": "platformdirs",
    **ALWAYS,
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
