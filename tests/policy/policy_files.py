"""Files of policies for the tests of their room: written, read, and asked where nothing but they count."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import envdoctor
from envdoctor.policy import find
from envdoctor.policy.document import document
from envdoctor.policy.gather import Asked, policy_of
from envdoctor.policy.names import Names
from envdoctor.policy.profiles import Places
from envdoctor.policy.read import read

if TYPE_CHECKING:
    from envdoctor.model.policy import Policy
    from envdoctor.policy.read import Layer

SHIPPED = str(Path(envdoctor.__file__).parent / "profiles")
RULES = ("cpu-only-build", "dev-shm-too-small", "driver-too-old", "driver-too-old-for-gpu", "mig")
TESTS = ("matmul-fp16", "matmul-fp32", "sdpa-flash", "start")
NAMES = Names(lambda: RULES, lambda: TESTS)


def read_text(text: str, path: str = "envdoctor.toml", *, is_profile: bool = False) -> Layer:
    """One file, without those that it builds on."""
    found = document(path, text.encode())
    assert found is not None
    return read(found, NAMES, is_profile=is_profile)


def write(root: Path, **files: str) -> None:
    """Write files below a folder: `__` in a name is a slash, `_` a point."""
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def applying(
    start: Path,
    *,
    file: str | None = None,
    profile: str | None = None,
    locked: bool = False,
    nearby: bool = True,
    settings: Path | None = None,
) -> Policy:
    """The policy that applies to a run in a folder; `settings` is the file of the user's own settings."""
    asked = Asked(file, "--policy", profile, locked, nearby, str(settings) if settings else None)
    of_user = str(settings.parent / "profiles") if settings else None
    return policy_of(asked, Places(find.folders_above(str(start)), of_user, SHIPPED), NAMES)
