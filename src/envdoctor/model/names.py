"""Names of distributions as package indexes compare them (PEP 503)."""

from __future__ import annotations

import re


def normalised(name: str) -> str:
    """Return the normalised name of a distribution."""
    name = name.lower().replace("_", "-").replace(".", "-")
    while "--" in name:
        name = name.replace("--", "-")
    return name


def required(requirement: str) -> str:
    """Return the normalised name of the distribution that a requirement line asks for: what stands first in it."""
    return normalised(re.split(r"[^\w.-]", requirement.strip(), maxsplit=1)[0])
