"""The environments of hatch: `[tool.hatch.envs.NAME]` in pyproject.toml.

"Environment configuration" of hatch's documentation: an environment has the project in it unless it is detached or
skips it, and takes from its template (`default` where it names none) what it does not say itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.declared import Case, PythonWish
from envdoctor.model.names import normalised
from envdoctor.readers.declared.projects.requirement_lists import listed
from envdoctor.readers.declared.projects.specifiers import pep440
from envdoctor.readers.declared.projects.toml_places import array, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from envdoctor.readers.declared.projects.project_parts import Project
    from envdoctor.readers.declared.projects.toml_places import Path, Toml

_ENVS: Path = ("tool", "hatch", "envs")
_MOST = 100


def cases(toml: Toml, project: Project) -> Iterator[Case]:
    """Yield a case for every environment that adds requirements or a Python of its own."""
    envs = table(toml.at(_ENVS))
    for name in [*envs][:_MOST]:
        said = table(envs[name])
        template = str(said.get("template", "default"))
        taken = name if "dependencies" in said else template
        found = [*listed(toml, (*_ENVS, taken, "dependencies"), project.file)]
        found += listed(toml, (*_ENVS, name, "extra-dependencies"), project.file)
        if not found:
            continue
        alone = said.get("skip-install") is True or said.get("detached") is True
        features = {normalised(str(one)) for one in array(said.get("features")) if isinstance(one, str)}
        with_it = [] if alone else [*project.own.requirements]
        with_it += [one for part in project.more if part.extra in features for one in part.requirements]
        place = toml.place(project.file, (*_ENVS, name), at_key=True)
        pythons = _python(toml, name, said, project.file) or ([] if alone else project.pythons)
        yield Case(project.file, f"hatch environment {name}", place, (*with_it, *found), pythons=tuple(pythons))


def _python(toml: Toml, name: str, said: Mapping[str, Any], file: str) -> list[PythonWish]:
    path: Path = (*_ENVS, name, "python")
    version = said.get("python")
    specifier = pep440(f"=={version}.*") if isinstance(version, str) and version.count(".") == 1 else None
    return [PythonWish(specifier, toml.place(file, path), toml.written(path))] if specifier else []
