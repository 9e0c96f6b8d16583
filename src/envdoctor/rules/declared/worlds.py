"""The environments a case is for, and what is demanded in each of them.

A marker divides what stands in one case: two torch lines under `python_version < "3.12"` and its opposite never meet.
An environment is a minor version of Python on a platform of the wheels; those in which the same demands hold are one
world, and a case without markers is one world.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.matrix.reading import PLATFORMS
from envdoctor.matrix.remember import remembered
from envdoctor.rules.declared.bounds import admits, read

if TYPE_CHECKING:
    from packaging.markers import Marker

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.declared import Case, Manager, Requirement

OLDEST_MINOR = 8
"""The oldest Python 3 that is thought of where none is declared."""

OLDEST_DECLARED = 6

PATCHES = 30
"""More patch releases than a minor version of Python has had."""

MOST_DEMANDS = 1000
"""A case that names one distribution and its kin more often is made to be slow: nothing of it is judged."""

SYSTEMS = {
    "linux": ("posix", "linux", "Linux"),
    "windows": ("nt", "win32", "Windows"),
    "macos": ("posix", "darwin", "Darwin"),
}


class Environment(NamedTuple):
    """A Python 3 of that minor version on a platform ("linux-x86_64")."""

    minor: int
    platform: str

    @property
    def os(self) -> str:
        """The operating system: linux, windows or macos."""
        return self.platform.partition("-")[0]

    @property
    def markers(self) -> dict[str, str]:
        """The environment as markers name it (PEP 508)."""
        system, _, machine = self.platform.partition("-")
        os_name, sys_platform, platform_system = SYSTEMS[system]
        return {
            "python_version": f"3.{self.minor}",
            "python_full_version": f"3.{self.minor}.{PATCHES}",
            "os_name": os_name,
            "sys_platform": sys_platform,
            "platform_system": platform_system,
            "platform_machine": "AMD64" if system == "windows" else machine,
            "platform_release": "",
            "platform_version": "",
            "implementation_name": "cpython",
            "implementation_version": f"3.{self.minor}.{PATCHES}",
            "platform_python_implementation": "CPython",
        }


class World(NamedTuple):
    """Environments, and the demands that hold in all of them."""

    environments: tuple[Environment, ...]
    requirements: tuple[Requirement, ...]

    def of(self, name: str, manager: Manager | None = None) -> tuple[Requirement, ...]:
        """Return the demands on a distribution, of one manager or of both."""
        return tuple(one for one in self.requirements if one.name == name and manager in (None, one.manager))


def worlds(case: Case, matrix: Matrix, names: tuple[str, ...]) -> tuple[World, ...]:
    """Divide the environments of a case by which demands on the distributions `names` hold in them.

    A demand whose marker cannot be read holds nowhere. Worlds without a demand are left out.
    """
    named = [one for one in case.requirements if one.name in names]
    if not named or len(named) > MOST_DEMANDS:
        return ()
    places = environments(case, matrix)
    if not any(one.marker for one in named):
        return (World(places, tuple(named)),) if places else ()
    found: dict[tuple[Requirement, ...], list[Environment]] = {}
    for environment in places:
        held = tuple(one for one in named if not one.marker or holds(one.marker, environment))
        found.setdefault(held, []).append(environment)
    return tuple(World(tuple(own), held) for held, own in found.items() if held)


def environments(case: Case, matrix: Matrix) -> tuple[Environment, ...]:
    """Return the environments that a case is for: the Pythons it wishes, on its platform or on all of them."""
    return _environments(matrix, tuple(wish.specifier for wish in case.pythons), case.platform)


@remembered()
def _environments(matrix: Matrix, wishes: tuple[str, ...], platform: str) -> tuple[Environment, ...]:
    own = tuple(one for one in PLATFORMS if platform and f"{one}-".startswith(f"{platform}-"))
    platforms = own or PLATFORMS
    newest = newest_minor(matrix)
    if wishes:
        minors = [one for one in range(OLDEST_DECLARED, newest + 2) if all(serves(wish, one) for wish in wishes)]
    else:
        minors = list(range(OLDEST_MINOR, newest + 1))
    return tuple(Environment(one, platform) for one in minors for platform in platforms)


def newest_minor(matrix: Matrix) -> int:
    """Return the newest minor version of Python that a release of torch was built for."""
    pythons = matrix.releases[-1].pythons.values()
    return max((minor_of(tag) for tags in pythons for tag in tags), default=OLDEST_MINOR)


def minor_of(tag: str) -> int:
    """Return 13 for "cp313" and "cp313t", 6 for "cp36m", 0 for what is of no Python 3."""
    digits = "".join(sign for sign in tag.removeprefix("cp3") if sign.isdigit())
    return int(digits) if tag.startswith("cp3") and digits else 0


@lru_cache(maxsize=1024)
def serves(specifier: str, minor: int) -> bool:
    """Whether some Python 3 of that minor version meets a wish; True where the wish cannot be read."""
    bounds = read(specifier)
    return bounds is None or any(admits(bounds.text, f"3.{minor}.{patch}") for patch in range(PATCHES + 1))


def holds(marker: str, environment: Environment) -> bool:
    """Whether a marker holds in an environment; False where it asks for an extra or cannot be read."""
    return _evaluated(marker, environment)


@lru_cache(maxsize=4096)
def _evaluated(marker: str, environment: Environment) -> bool:
    from packaging.markers import UndefinedComparison, UndefinedEnvironmentName

    parsed = _marker(marker)
    try:
        return parsed is not None and parsed.evaluate({**environment.markers, "extra": ""})
    except (UndefinedComparison, UndefinedEnvironmentName, RecursionError):
        return False


@lru_cache(maxsize=1024)
def _marker(marker: str) -> Marker | None:
    from packaging.markers import InvalidMarker, Marker

    try:
        return Marker(marker)
    except (InvalidMarker, RecursionError):
        return None
