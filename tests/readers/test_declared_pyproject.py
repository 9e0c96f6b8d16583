"""pyproject.toml: the project, its extras and groups, and what uv, poetry, pdm and hatch add."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envdoctor.readers.declared.projects.pyproject import read
from envdoctor.readers.declared.projects.toml_places import read_toml

if TYPE_CHECKING:
    from envdoctor.model.declared import Case

CU124 = "https://download.pytorch.org/whl/cu124"
CPU = "https://download.pytorch.org/whl/cpu"


def cases(text: str) -> dict[str, Case]:
    found = read(text, "pyproject.toml")
    assert found.trouble is None
    lines = text.split("\n")
    for case in found.cases:
        for one in (*case.requirements, *case.indexes, *case.pythons):
            assert lines[one.place.line - 1][one.place.column - 1 :].startswith(one.written)
    return {case.label: case for case in found.cases}


def demands(case: Case) -> list[tuple[str, str | None]]:
    return [(one.name, one.specifier) for one in case.requirements]


def test_each_extra_and_each_group_is_a_case_with_the_project() -> None:
    found = cases(
        """\
[project]
name = "Demo.App"
requires-python = ">=3.12"
dependencies = [
  "numpy<2", # "torch"
  'rich',
]

[project.optional-dependencies]
gpu = ["torch==2.7.1", "torchvision"]
cpu = ["torch==2.2.2"]
all = ["demo-app[GPU,all]", "scipy"]

[dependency-groups]
test = ["pytest", { include-group = "type" }]
type = ["mypy", { include-group = "test" }]
"""
    )
    base = [("numpy", "<2"), ("rich", "")]
    assert demands(found["project"]) == base
    assert demands(found["extra gpu"]) == [*base, ("torch", "==2.7.1"), ("torchvision", "")]
    assert demands(found["extra cpu"]) == [*base, ("torch", "==2.2.2")]
    assert sorted(demands(found["extra all"])) == sorted(
        [*base, ("torch", "==2.7.1"), ("torchvision", ""), ("scipy", "")]
    )
    assert demands(found["group test"]) == [*base, ("pytest", ""), ("mypy", "")]
    assert [wish.specifier for wish in found["extra gpu"].pythons] == [">=3.12"]


UV = f"""\
[project]
name = "demo"
dependencies = ["torch>=2.5"]

[project.optional-dependencies]
cpu = ["torchvision"]
cu124 = ["torchvision"]

[tool.uv]
dev-dependencies = ["six"]

[tool.uv.sources]
torch = [{{ index = "cu124", marker = "sys_platform == 'linux'" }}]
torchvision = [{{ index = "cpu", extra = "cpu" }}, {{ index = "cu124", extra = "cu124" }}]
six = {{ git = "https://example.org/six" }}

[[tool.uv.index]]
name = "cu124"
url = "{CU124}"
explicit = true

[[tool.uv.index]]
name = "cpu"
url = "{CPU}"
default = true
"""


def test_a_source_of_uv_ties_under_its_marker_and_leaves_the_rest() -> None:
    found = cases(UV)
    assert [(one.marker, one.source) for one in found["project"].of("torch")] == [
        ("sys_platform == 'linux'", CU124),
        ("sys_platform != 'linux'", None),
    ]
    assert [(index.kind, index.explicit) for index in found["project"].indexes] == [
        ("extra-index-url", True),
        ("index-url", False),
    ]


def test_a_source_of_an_extra_holds_in_that_extra_alone() -> None:
    found = cases(UV)
    assert [one.source for one in found["extra cpu"].of("torchvision")] == [CPU]
    assert [one.source for one in found["extra cu124"].of("torchvision")] == [CU124]


def test_what_comes_from_a_repository_is_open() -> None:
    (six,) = cases(UV)["group dev"].of("six")
    assert six.specifier is None


def test_overrides_of_uv_replace_and_constraints_join() -> None:
    (case,) = cases(
        """\
[project]
dependencies = ["torch==2.5.1", "torchvision"]
[tool.uv]
override-dependencies = ["torch==2.6.0"]
constraint-dependencies = ["torch<2.6", "numpy<2"]
environments = ["sys_platform == 'linux'"]
"""
    ).values()
    assert demands(case) == [("torchvision", ""), ("torch", "==2.6.0"), ("numpy", "<2")]
    assert case.requirements[0].marker == "sys_platform == 'linux'"


POETRY = f"""\
[tool.poetry.dependencies]
python = "^3.10"
torch = {{ version = "2.0.1+cu118", source = "torch", extras = ["opt"] }}
numpy = [
    {{ version = "^1.26", python = "<3.12" }},
    {{ version = "^2", python = ">=3.12", platform = "linux" }},
]
scipy = {{ version = "*", optional = true }}
local = {{ path = "../local" }}

[tool.poetry.dependencies.torchvision]
version = "~0.15.2"
markers = "sys_platform != 'darwin'"

[tool.poetry.extras]
science = ["scipy"]

[tool.poetry.group.dev.dependencies]
pytest = "^8"

[[tool.poetry.source]]
name = "torch"
url = "{CU124}"
priority = "explicit"

[[tool.poetry.source]]
name = "mirror"
url = "https://mirror.example/simple"
"""


def test_poetry() -> None:
    found = cases(POETRY)
    project = found["project"]
    assert demands(project) == [
        ("torch", "==2.0.1+cu118"),
        ("numpy", "<2,>=1.26"),
        ("numpy", "<3,>=2"),
        ("local", None),
        ("torchvision", "<0.16,>=0.15.2"),
    ]
    assert [one.marker for one in project.of("numpy")] == [
        'python_version < "3.12"',
        '(sys_platform == "linux") and (python_version >= "3.12")',
    ]
    assert project.of("torch")[0].source == CU124
    assert project.of("torch")[0].written == 'torch = { version = "2.0.1+cu118"'
    assert project.of("torchvision")[0].written == "~0.15.2"
    assert [(index.kind, index.explicit) for index in project.indexes] == [
        ("extra-index-url", True),
        ("index-url", False),
    ]
    assert [wish.specifier for wish in project.pythons] == ["<4,>=3.10"]
    assert ("scipy", "") in demands(found["extra science"])
    assert demands(found["group dev"])[-1] == ("pytest", "<9,>=8")


def test_poetry_names_the_source_of_what_the_project_demands() -> None:
    found = cases(
        f"""\
[project]
dependencies = ["torch==2.6.0"]
[tool.poetry.dependencies]
torch = {{ source = "pytorch" }}
[[tool.poetry.source]]
name = "pytorch"
url = "{CU124}"
priority = "supplemental"
"""
    )
    assert [(one.specifier, one.source) for one in found["project"].requirements] == [("==2.6.0", CU124)]


def test_an_extra_in_a_marker_of_poetry_is_decided_by_the_case() -> None:
    found = cases(
        """\
[project]
name = "demo"
[project.optional-dependencies]
cuda = ["rich"]
[tool.poetry.dependencies]
torch = [
    { version = "2.6.0", markers = "extra == 'cuda'" },
    { version = "2.5.1", markers = "extra != 'cuda' and os_name == 'posix'" },
]
"""
    )
    assert [(one.specifier, one.marker) for one in found["extra cuda"].of("torch")] == [("==2.6.0", "")]
    assert [(one.specifier, one.marker) for one in found["project"].of("torch")] == [("==2.5.1", "os_name == 'posix'")]


def test_pdm() -> None:
    found = cases(
        f"""\
[project]
dependencies = ["torch==2.6.0", "numpy"]
[tool.pdm.dev-dependencies]
test = ["pytest"]
[tool.pdm.resolution.overrides]
numpy = "1.26.4"
[[tool.pdm.source]]
name = "torch"
url = "{CPU}"
include_packages = ["torch", "torchvision*"]
exclude_packages = ["*"]
[[tool.pdm.source]]
name = "pypi"
url = "https://mirror.example/simple"
"""
    )
    assert [(one.name, one.specifier, one.source) for one in found["group test"].requirements] == [
        ("torch", "==2.6.0", CPU),
        ("pytest", "", None),
        ("numpy", "==1.26.4", None),
    ]
    assert [(index.kind, index.explicit) for index in found["project"].indexes] == [
        ("extra-index-url", True),
        ("index-url", False),
    ]


def test_environments_of_hatch() -> None:
    found = cases(
        """\
[project]
requires-python = ">=3.9"
dependencies = ["torch==2.1.0"]
[tool.hatch.envs.default]
dependencies = ["pytest"]
[tool.hatch.envs.docs]
skip-install = true
python = "3.12"
dependencies = ["torch==2.4.0"]
"""
    )
    assert demands(found["hatch environment default"]) == [("torch", "==2.1.0"), ("pytest", "")]
    assert demands(found["hatch environment docs"]) == [("torch", "==2.4.0")]
    assert [wish.specifier for wish in found["hatch environment docs"].pythons] == ["==3.12.*"]


def test_what_a_project_is_built_with_is_an_environment_of_its_own() -> None:
    found = cases('[build-system]\nrequires = ["setuptools", "torch==2.4.0"]\n[project]\ndependencies = ["torch"]\n')
    assert demands(found["build requirements"]) == [("setuptools", ""), ("torch", "==2.4.0")]
    assert demands(found["project"]) == [("torch", "")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[project\n", "no TOML"),
        ("a = " + "[" * 5000, "no TOML"),
        ("a = " + "[" * 5000 + "]" * 5000, "no TOML"),
        ('a = """' + '\\"' * 100_000, "no TOML"),
        ("x = 1\n" * 200_000, "larger"),
        (".".join("a" * 5000) + " = 1", "parts"),
        ("[project]\ndependencies = [" + '"torch",\n' * 3000 + "]", "more than 2000"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(text: str, says: str) -> None:
    found = read(text, "pyproject.toml")
    assert found.cases == ()
    assert says in (found.trouble or "")
    assert "\n" not in (found.trouble or "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "project = 1\n",
        "[project]\ndependencies = 'torch'\noptional-dependencies = ['torch']\nrequires-python = 3\n",
        "[project]\ndependencies = [1, [], {a = 1}, '']\n[dependency-groups]\nx = 'y'\nz = [{include-group = 3}]\n",
        "[tool]\nuv = 1\npoetry = []\npdm = 'x'\nhatch = 2\npixi = 3\n",
        "[tool.uv]\nindex = 'x'\nsources = 1\nconstraint-dependencies = {}\nenvironments = 7\n"
        "[tool.poetry]\nsource = 1\ndependencies = 3\ngroup = 4\nextras = []\n"
        "[tool.pdm]\nsource = {}\nresolution = 4\n",
        "[tool.poetry.dependencies]\npython = 3\ntorch = 3\nnumpy = [1]\nscipy = {version = 2}\n",
        "[tool.pixi]\nworkspace = 1\ndependencies = []\nenvironments = 2\ntarget = 3\n[tool.pixi.feature]\nx = 1\n",
        "[tool.hatch.envs]\na = 1\nb = {dependencies = 3, features = 4, python = 5}\n",
    ],
)
def test_values_of_a_wrong_type_declare_nothing(text: str) -> None:
    assert all(not case.of("torch") for case in read(text, "pyproject.toml").cases)


def test_a_value_is_found_wherever_toml_lets_it_stand() -> None:
    text = (
        'a . "b c" = { x.y = 1, z = "q\\"}" } # "no"\n'
        "many = [ 1, [2.0, 1979-05-27 07:32:00], { k = '''v''' },\n"
        '  """\ntext""" ]\n'
        '[[t.u]]\nn = "one"\n[[t.u]]\n[[t.u.v]]\n"n\\u0061" = "two"\n[t.u.w]\nn = \'three\'\n'
    )
    toml = read_toml(text)
    assert toml.place("f", ("a", "b c", "z"))[1:3] == (1, 29)
    assert toml.written(("a", "b c", "z")) == 'q\\"}'
    assert toml.written(("many", 1, 1)) == "1979-05-27 07:32:00"
    assert toml.written(("many", 2, "k")) == "v"
    assert toml.place("f", ("many", 3))[1:3] == (3, 6)
    assert toml.written(("t", "u", 0, "n")) == "one"
    assert toml.written(("t", "u", 1, "v", 0, "na")) == "two"
    assert toml.place("f", ("t", "u", 1, "w", "n"), at_key=True)[1:3] == (11, 1)
    assert toml.place("f", ("nowhere",)) == ("f", 1, 1, 0)


def test_a_table_over_several_lines_is_read_as_pixi_and_uv_read_it() -> None:
    text = """\
[tool.uv.sources]
torch = { # why
  index = "a{,}b", # "which"
  marker = 'os_name == "nt"',
}
[project]
dependencies = ["torch==2.6.0", ]
[[tool.uv.index]]
name = "a{,}b"
url = "https://download.pytorch.org/whl/cu126"
"""
    (case,) = cases(text).values()
    assert [(one.source, one.place.line, one.marker) for one in case.of("torch")] == [
        ("https://download.pytorch.org/whl/cu126", 7, 'os_name == "nt"'),
        (None, 7, 'os_name != "nt"'),
    ]
