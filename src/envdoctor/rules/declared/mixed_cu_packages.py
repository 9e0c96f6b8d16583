"""One CUDA library demanded twice, for two CUDA majors: both packages write into one folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.rules.declared.declared_rule import DeclaredRule
from envdoctor.rules.declared.nvidia_packages import cuda_package
from envdoctor.rules.declared.worlds import worlds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.declared import Case, Flaw, Requirement


def judge(case: Case, matrix: Matrix) -> Iterator[Flaw]:
    """Look for two suffixes of one library in one environment."""
    if case.pinned and len(case.of("torch")) > 1:
        return  # a lock file for several platforms or extras: what of it is installed together is not told
    names = tuple({one.name for one in case.requirements if one.name.startswith("nvidia-")})
    found: list[tuple[Requirement, Requirement]] = []
    for world in worlds(case, matrix, names):
        by_library: dict[str, dict[int, Requirement]] = {}
        for one in world.requirements:
            package = cuda_package(one.name)
            if package and package.major is not None:
                by_library.setdefault(package.library, {}).setdefault(package.major, one)
        for majors in by_library.values():
            if len(majors) > 1:
                first, second = sorted(majors)[:2]
                pair = majors[first], majors[second]
                if pair not in found:
                    found.append(pair)
    if found:
        first_one, second_one = found[0]
        others = f", and {len(found) - 1} more such pair{'s' if len(found) > 2 else ''}" if len(found) > 1 else ""
        message = (
            f"{first_one.name} and {second_one.name} are the same library for two CUDA majors{others}: torch uses "
            "those of its own CUDA alone, and the other ones lie in its way. Remove the packages of the other CUDA."
        )
        place = min((one.place for pair in found for one in pair), key=lambda place: place.line)
        yield RULE.flaw("nvidia", message, place)


RULE = DeclaredRule(judge)
