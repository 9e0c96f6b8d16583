"""Lock files: uv.lock, poetry.lock, pdm.lock, pylock.toml, Pipfile and its lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envdoctor.readers.declared.locks import pdm_lock, poetry_lock, pylock, uv_lock
from envdoctor.readers.declared.locks.locked import tied
from envdoctor.readers.declared.projects import pipfile

if TYPE_CHECKING:
    from collections.abc import Callable

    from envdoctor.model.declared import Case
    from envdoctor.model.declared_file import DeclaredFile

CU128 = "https://download.pytorch.org/whl/cu128"
CPU = "https://download.pytorch.org/whl/cpu"
MIRROR = "https://mirror.example/simple"


def cases(read: Callable[[str, str], DeclaredFile], text: str, name: str) -> dict[str, Case]:
    found = read(text, name)
    assert found.trouble is None
    lines = text.split("\n")
    for case in found.cases:
        for one in (*case.requirements, *case.indexes, *case.pythons):
            assert lines[one.place.line - 1][one.place.column - 1 :].startswith(one.written)
    return {case.label: case for case in found.cases}


def demands(case: Case) -> list[tuple[str, str | None, str]]:
    return sorted((one.name, one.specifier, one.marker) for one in case.requirements)


FORKS = f"""\
version = 1
requires-python = ">=3.12"
resolution-markers = ["sys_platform == 'linux'", "sys_platform != 'linux'"]

[[package]]
name = "demo"
version = "0.1.0"
source = {{ virtual = "." }}
dependencies = [
    {{ name = "torch", version = "2.7.0", source = {{ registry = "{MIRROR}" }}, marker = "sys_platform != 'linux'" }},
    {{ name = "torch", version = "2.7.1+cu128", marker = "sys_platform == 'linux'" }},
]

[package.dev-dependencies]
dev = [{{ name = "six" }}]

[[package]]
name = "six"
version = "1.17.0"
source = {{ registry = "{MIRROR}" }}

[[package]]
name = "nvidia-nccl-cu12"
version = "2.26.2"
source = {{ registry = "{MIRROR}" }}

[[package]]
name = "orphan"
version = "1"
source = {{ registry = "{MIRROR}" }}

[[package]]
name = "torch"
version = "2.7.0"
source = {{ registry = "{MIRROR}" }}
resolution-markers = ["sys_platform != 'linux'"]

[[package]]
name = "torch"
version = "2.7.1+cu128"
source = {{ registry = "{CU128}" }}
resolution-markers = ["sys_platform == 'linux'"]
dependencies = [{{ name = "nvidia-nccl-cu12", marker = "platform_machine == 'x86_64'" }}]
"""


def test_forks_of_uv_hold_under_their_markers() -> None:
    (case,) = cases(uv_lock.read, FORKS, "uv.lock").values()
    assert sorted((str(one.specifier), str(one.source)) for one in case.of("torch")) == [
        ("==2.7.0", "None"),
        ("==2.7.1+cu128", CU128),
    ]
    assert {one.specifier: one.marker for one in case.of("torch")}["==2.7.0"] == "sys_platform != 'linux'"
    assert case.of("nvidia-nccl-cu12")[0].marker == "(sys_platform == 'linux') and (platform_machine == 'x86_64')"
    assert not case.of("orphan")
    assert not case.of("demo")
    assert case.pinned
    assert [wish.specifier for wish in case.pythons] == [">=3.12"]


CONFLICTS = f"""\
version = 1
conflicts = [
    [{{ package = "demo", extra = "cpu" }}, {{ package = "demo", extra = "cu128" }}],
    [{{ package = "demo", group = "old" }}],
]

[[package]]
name = "demo"
version = "0.1.0"
source = {{ editable = "." }}
dependencies = [
    {{ name = "accelerate", extra = ["fast"] }},
    {{ name = "rich", marker = "extra == 'extra-4-demo-cu128'" }},
]

[package.optional-dependencies]
cpu = [{{ name = "torch", version = "2.7.1+cpu", source = {{ registry = "{CPU}" }} }}]
cu128 = [{{ name = "torch", version = "2.7.1+cu128", source = {{ registry = "{CU128}" }} }}]
docs = [{{ name = "sphinx" }}]

[package.dev-dependencies]
old = [{{ name = "six" }}]

[[package]]
name = "accelerate"
version = "1.0"
[package.optional-dependencies]
fast = [{{ name = "numpy" }}]
slow = [{{ name = "pandas" }}]
[[package]]
name = "numpy"
version = "2.0"
[[package]]
name = "pandas"
version = "2.0"
[[package]]
name = "rich"
version = "14"
[[package]]
name = "six"
version = "1"
[[package]]
name = "sphinx"
version = "8"
[[package]]
name = "torch"
version = "2.7.1+cpu"
source = {{ registry = "{CPU}" }}
[[package]]
name = "torch"
version = "2.7.1+cu128"
source = {{ registry = "{CU128}" }}
"""


def test_extras_that_exclude_each_other_never_mix() -> None:
    found = cases(uv_lock.read, CONFLICTS, "uv.lock")
    base = [("accelerate", "==1.0", ""), ("numpy", "==2.0", ""), ("sphinx", "==8", "")]
    assert demands(found["locked"]) == base
    assert demands(found["locked with extra cpu"]) == [*base, ("torch", "==2.7.1+cpu", "")]
    assert demands(found["locked with extra cu128"]) == [
        *base[:2], ("rich", "==14", ""), base[2], ("torch", "==2.7.1+cu128", "")
    ]  # fmt: skip
    assert demands(found["locked with group old"]) == [*base[:2], ("six", "==1", ""), base[2]]


def test_the_lock_of_a_script_has_no_project() -> None:
    text = '[manifest]\nrequirements = [{ name = "torch" }]\n[[package]]\nname = "torch"\nversion = "2.6.0"\n'
    (case,) = cases(uv_lock.read, text, "x.py.lock").values()
    assert demands(case) == [("torch", "==2.6.0", "")]


def test_poetry_decides_extras_and_keeps_markers() -> None:
    text = f"""\
[[package]]
name = "numpy"
version = "1.26.4"
python-versions = ">=3.9"
markers = "python_version < \\"3.12\\""
[[package]]
name = "numpy"
version = "2.0.2"
python-versions = ">=3.9"
markers = {{ main = "python_version >= '3.12'", dev = "python_version >= '3.12' and os_name == 'nt'" }}
[[package]]
name = "torch"
version = "2.6.0+cu128"
optional = true
markers = "extra == \\"gpu\\""
[package.source]
type = "legacy"
url = "{CU128}"
reference = "pytorch"
[metadata]
python-versions = "^3.11"
"""
    found = cases(poetry_lock.read, text, "poetry.lock")
    assert [one.name for one in found["locked"].requirements] == ["numpy", "numpy"]
    assert found["locked"].requirements[1].marker == (
        "(python_version >= '3.12') or (python_version >= '3.12' and os_name == 'nt')"
    )
    assert [(one.marker, one.source) for one in found["locked with gpu"].of("torch")] == [("", CU128)]
    assert [wish.specifier for wish in found["locked"].pythons] == ["<4,>=3.11"]


def test_two_versions_of_which_nothing_tells_who_gets_them_are_open() -> None:
    text = "".join(f'[[package]]\nname = "torch"\nversion = "{version}"\n' for version in ("2.0.1", "2.1.0"))
    (case,) = cases(poetry_lock.read, text, "poetry.lock").values()
    assert demands(case) == [("torch", None, ""), ("torch", None, "")]


def test_pdm() -> None:
    text = """\
[metadata]
groups = ["default"]
[[metadata.targets]]
requires_python = ">=3.11,<3.13"
[[package]]
name = "torch"
version = "2.6.0"
marker = "sys_platform == \\"linux\\""
[[package]]
name = "Torch"
version = "2.6.0"
extras = ["opt"]
"""
    (case,) = cases(pdm_lock.read, text, "pdm.lock").values()
    assert demands(case) == [("torch", "==2.6.0", 'sys_platform == "linux"')]
    assert [wish.specifier for wish in case.pythons] == ["<3.13,>=3.11"]


def test_pylock() -> None:
    text = f"""\
lock-version = "1.0"
requires-python = ">=3.12"
extras = ["cpu"]
[[packages]]
name = "torch"
version = "2.6.0+cpu"
marker = "'cpu' in extras and sys_platform == 'linux'"
index = "{CPU}"
[[packages]]
name = "torch"
version = "2.6.0+cu128"
marker = "'cpu' not in extras"
wheels = [{{ url = "{CU128}/torch-2.6.0%2Bcu128-cp312-cp312-linux_x86_64.whl" }}]
[[packages]]
name = "local"
directory = {{ path = "." }}
"""
    found = cases(pylock.read, text, "pylock.gpu.toml")
    assert [(one.specifier, one.source) for one in found["locked"].requirements] == [("==2.6.0+cu128", CU128)]
    assert [(one.specifier, one.marker, one.source) for one in found["locked with cpu"].requirements] == [
        ("==2.6.0+cpu", "sys_platform == 'linux'", CPU)
    ]


def test_a_header_within_a_string_costs_the_place_and_nothing_else() -> None:
    text = 'about = """\n[[package]]\n"""\n[[package]]\nname = "torch"\nversion = "2.6.0"\n'
    (case,) = uv_lock.read(text, "uv.lock").cases
    assert (case.requirements[0].specifier, case.requirements[0].place.line) == ("==2.6.0", 1)


PIPFILE = f"""\
[[source]]
name = "main"
url = "https://me:secret@mirror.example/simple"
[[source]]
name = "pytorch"
url = "{CU128}"
[packages]
torch = {{version = "==2.1.0+cu118", index = "pytorch"}}
numpy = "*"
win = {{version = ">=1", sys_platform = "== 'win32'"}}
[dev-packages]
triton = {{file = "https://files.example/triton-2.1.0-cp311-cp311-linux_x86_64.whl"}}
[requires]
python_version = "3.11"
"""


def test_a_pipfile() -> None:
    found = {case.label: case for case in pipfile.read(PIPFILE, "Pipfile").cases}
    assert [(one.name, one.specifier, one.marker, one.source) for one in found["packages"].requirements] == [
        ("torch", "==2.1.0+cu118", "", CU128),
        ("numpy", "", "", None),
        ("win", ">=1", "sys_platform == 'win32'", None),
    ]
    assert found["dev-packages"].of("triton")[0].specifier == "==2.1.0"
    assert [(one.url, one.kind, one.explicit) for one in found["packages"].indexes] == [
        (MIRROR, "index-url", False),
        (CU128, "extra-index-url", True),
    ]
    assert [wish.specifier for wish in found["packages"].pythons] == ["==3.11.*"]


def test_the_lock_of_a_pipfile() -> None:
    text = f"""\
{{
    "_meta": {{
        "requires": {{
            "python_version": "3.11"
        }},
        "sources": [{{"name": "main", "url": "{MIRROR}"}}, {{"name": "pytorch", "url": "{CPU}"}}]
    }},
    "default": {{
        "torch": {{"index": "pytorch", "markers": "python_version >= '3.8'", "version": "==2.1.0+cpu"}}
    }},
    "develop": {{"six": {{"version": "==1.16.0"}}}}
}}
"""
    found = cases(pipfile.read, text, "Pipfile.lock")
    assert [(one.specifier, one.source, one.place.line) for one in found["default"].requirements] == [
        ("==2.1.0+cpu", CPU, 9)
    ]
    assert [one.name for one in found["develop"].requirements] == ["torch", "six"]


def test_an_index_of_everything_ties_nothing() -> None:
    assert tied(MIRROR) is None
    assert tied(f"{MIRROR}/") is None
    assert tied(None) is None
    assert tied(CU128) == CU128
    assert tied("https://me:secret@mirror.example/whl/cpu") == "https://mirror.example/whl/cpu"


READERS = [
    (uv_lock.read, "uv.lock"),
    (poetry_lock.read, "poetry.lock"),
    (pdm_lock.read, "pdm.lock"),
    (pylock.read, "pylock.toml"),
    (pipfile.read, "Pipfile.lock"),
]


@pytest.mark.parametrize(("read", "name"), READERS, ids=[name for _, name in READERS])
@pytest.mark.parametrize(
    "text",
    ["", "[[package]", "{", "x = 1", "[]", '{"default": []}', "package = 3\npackages = 'x'", "{}" * 3, "[" * 9999],
)
def test_what_is_no_lock_file_is_told_in_one_line(
    read: Callable[[str, str], DeclaredFile], name: str, text: str
) -> None:
    found = read(text, name)
    assert found.cases == ()
    assert found.trouble
    assert "\n" not in found.trouble


WRONG = """\
conflicts = [3, [4], [{ extra = 5 }]]
[[package]]
name = 3
[[package]]
name = "a"
version = 1
[[package]]
name = "b"
version = "1"
source = 5
resolution-markers = 6
markers = 7
marker = 8
dependencies = [9, { name = 10 }]
[metadata]
targets = 11
python-versions = 12
"""


@pytest.mark.parametrize(("read", "name"), READERS[:4], ids=[name for _, name in READERS[:4]])
def test_values_of_a_wrong_type_are_passed_over(read: Callable[[str, str], DeclaredFile], name: str) -> None:
    found = read(WRONG.replace("[[package]]", "[[packages]]") if name == "pylock.toml" else WRONG, name)
    assert [one.name for case in found.cases for one in case.requirements] == ["b"]


def test_more_packages_than_any_project_has_are_refused() -> None:
    found = uv_lock.read('[[package]]\nname = "a"\nversion = "1"\n' * 10_001, "uv.lock")
    assert found.cases == ()
    assert "10000" in (found.trouble or "")
