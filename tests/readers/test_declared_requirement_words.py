"""One requirement of pip, one match specification of conda, one constraint of poetry, one marker."""

from __future__ import annotations

import pytest

from envdoctor.model.declared import PythonWish, Requirement, Statement
from envdoctor.model.place import Place
from envdoctor.readers.declared.conda.conda_words import conda_demand, file_spec, match_spec
from envdoctor.readers.declared.projects.marker_words import decided, opposite
from envdoctor.readers.declared.projects.requirement_words import UNREADABLE, any_of, both, requirement_of
from envdoctor.readers.declared.projects.specifiers import conda_specifier, pep440, poetry_specifier

HERE = Place("requirements.txt", 3, 1)


@pytest.mark.parametrize(
    ("words", "name", "specifier", "marker"),
    [
        ("torch", "torch", "", ""),
        ("torch==2.7.1+cu121", "torch", "==2.7.1+cu121", ""),
        ("torch == 1.11.0+cu113", "torch", "==1.11.0+cu113", ""),
        ("torch (>=2.7.1,<3.0.0)", "torch", "<3.0.0,>=2.7.1", ""),
        ("Torch_Vision[extra]~=0.20", "torch-vision", "~=0.20", ""),
        ("torch>=2; python_version<'3.12'", "torch", ">=2", 'python_version < "3.12"'),
        ("torch==2.1.0 ;", "torch", "==2.1.0", ""),
        ("torch==2.1.0+${CUDA_TAG}; sys_platform != 'darwin'", "torch", None, 'sys_platform != "darwin"'),
        ("torch==%TORCH%", "torch", None, ""),
        ("torch==<version>", "torch", None, ""),
        ("torch${TORCH}", "torch", None, ""),
        ("torch=2.1", "torch", None, ""),
        ("torch>=2.0.*", "torch", None, ""),
        ("torch==2.1; no marker at all", "torch", None, ""),
        (
            "torch @ git+https://example.org/torch@v2 ; sys_platform == 'linux'",
            "torch",
            None,
            'sys_platform == "linux"',
        ),
        ("git+https://example.org/fork.git@main#egg=torch", "torch", None, ""),
    ],
)
def test_a_requirement_of_pip_is_read(words: str, name: str, specifier: str | None, marker: str) -> None:
    found = requirement_of(words, HERE)
    assert found is not None
    assert (found.name, found.specifier, found.marker, found.place) == (name, specifier, marker, HERE)


def test_what_is_written_is_the_demand_without_its_marker() -> None:
    found = requirement_of("torch == 2.1.0 ; python_version < '3.12'", HERE)
    assert found is not None
    assert found.written == "torch == 2.1.0"


@pytest.mark.parametrize(
    "words", ["", "-e .", "--pre", ".", "${PACKAGES}", "torch " + "x" * 5000, "https://example.org/x.zip"]
)
def test_what_names_no_distribution_is_none(words: str) -> None:
    assert requirement_of(words, HERE) is None


WHEEL = "torch-2.3.1%2Bcu121-cp311-cp311-linux_x86_64.whl"


@pytest.mark.parametrize("before", ["", "torch @ ", "torch@"])
def test_a_wheel_tells_its_version_and_the_index_it_is_from_and_no_password(before: str) -> None:
    found = requirement_of(f"{before}https://me:secret@download.pytorch.org/whl/cu121/{WHEEL}#sha256=00", HERE)
    assert found is not None
    assert (found.name, found.specifier) == ("torch", "==2.3.1+cu121")
    assert found.source == "https://download.pytorch.org/whl/cu121"
    assert "secret" not in found.written


def test_a_wheel_on_the_disk_is_from_no_index() -> None:
    found = requirement_of("./wheels/torch-2.1.0-cp310-cp310-linux_aarch64.whl", HERE)
    assert found is not None
    assert (found.specifier, found.source) == ("==2.1.0", "file:./wheels")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("=2.1", "==2.1.*"),
        ("2.1.*", "==2.1.*"),
        ("2.1*", "==2.1.*"),
        ("=2.1.0", "==2.1.0"),
        ("==2.1", "==2.1"),
        ("2.1", "==2.1"),
        (">=2.0,<3", "<3,>=2.0"),
        (">= 2.0", ">=2.0"),
        ("!=2.4.*", "!=2.4.*"),
        ("<2.4.*", "<2.4"),
        ("*", ""),
        ("", ""),
        ("2.1|2.2", None),
        ("$VERSION", None),
        ("nonsense words", None),
    ],
)
def test_a_version_of_conda_becomes_one_of_pep_440(text: str, said: str | None) -> None:
    assert conda_specifier(text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("^2.1", "<3,>=2.1"),
        ("^0.2.3", "<0.3,>=0.2.3"),
        ("^0.0.3", "<0.0.4,>=0.0.3"),
        ("^0", "<1,>=0"),
        ("~2.1", "<2.2,>=2.1"),
        ("~2.1.3", "<2.2,>=2.1.3"),
        ("~2", "<3,>=2"),
        ("2.0.1+cu118", "==2.0.1+cu118"),
        ("2.1.*", "==2.1.*"),
        (">=2.0 <3.0", "<3.0,>=2.0"),
        (">= 2.0, < 3", "<3,>=2.0"),
        ("~=2.1", "~=2.1"),
        ("=2.1", "==2.1"),
        ("*", ""),
        ("^2 || ^3", None),
        ("{version}", None),
    ],
)
def test_a_constraint_of_poetry_becomes_one_of_pep_440(text: str, said: str | None) -> None:
    assert poetry_specifier(text) == said


def test_a_specifier_with_a_variable_or_without_sense_is_none() -> None:
    assert pep440("==2.1.*") == "==2.1.*"
    assert pep440("==${X}") is None
    assert pep440("two") is None


@pytest.mark.parametrize(
    ("words", "name", "specifier", "build", "channel"),
    [
        ("pytorch=2.1.0=py3.10_cuda12.1*", "pytorch", "==2.1.0", "py3.10_cuda12.1*", ""),
        ("pytorch 2.1.0 cuda*", "pytorch", "==2.1.0", "cuda*", ""),
        ("pytorch=*=*cuda*", "pytorch", "", "*cuda*", ""),
        ("pytorch[version='>=2.0',build=*cuda*,channel=pytorch]", "pytorch", ">=2.0", "*cuda*", "pytorch"),
        ("pytorch::pytorch=2.1", "pytorch", "==2.1.*", "", "pytorch"),
        ("pytorch >=2.0, <3", "pytorch", "<3,>=2.0", "", ""),
        ("PyTorch>=2  # why", "pytorch", ">=2", "", ""),
        ("pytorch-gpu", "pytorch-gpu", "", "", ""),
    ],
)
def test_a_match_specification_comes_apart(
    words: str, name: str, specifier: str | None, build: str, channel: str
) -> None:
    assert match_spec(words) == (name, specifier, build, channel)


def test_what_conda_names_differently_gets_the_name_of_pip() -> None:
    found = conda_demand("pytorch::pytorch-gpu=2.1.0", HERE)
    assert isinstance(found, Requirement)
    assert (found.name, found.manager, found.source, found.written) == (
        "torch", "conda", "pytorch", "pytorch::pytorch-gpu=2.1.0"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "version", "toolkit"),
    [
        ("pytorch-cuda=12.1", "12.1", False),
        ("cudatoolkit==11.3.1", "11.3", False),
        ("cuda-version=12.4.*", "12.4", False),
        ("nvidia::cuda-nvcc=12.4", "12.4", True),
        ("cudnn=8.9.2.26", None, True),
        ("cudnn=8.9.2", "8.9", True),
    ],
)
def test_packages_of_cuda_are_statements(words: str, version: str | None, toolkit: bool) -> None:
    found = conda_demand(words, HERE)
    if version is None:
        assert found is None
    else:
        assert isinstance(found, Statement)
        assert (found.version, found.manager, found.toolkit) == (version, "conda", toolkit)


@pytest.mark.parametrize("words", ["cuda-version>=12,<13", "pytorch-cuda", "cudatoolkit=${CUDA}", "python", "!!", ""])
def test_what_tells_no_single_version_is_nothing(words: str) -> None:
    assert conda_demand(words, HERE) is None


def test_python_is_a_wish() -> None:
    assert conda_demand("python=3.10", HERE) == PythonWish("==3.10.*", HERE, "python=3.10")


def test_the_name_of_a_package_file_tells_what_it_is() -> None:
    address = "https://conda.example/linux-64/pytorch-cuda-12.1-ha16c6d3_5.tar.bz2#0123"
    assert file_spec(address) == "pytorch-cuda==12.1=ha16c6d3_5"
    assert file_spec("https://conda.example/linux-64/readme.html") is None


@pytest.mark.parametrize(
    ("marker", "names", "said"),
    [
        ("", "", ""),
        ("python_version < '3.12'", "cpu", "python_version < '3.12'"),
        ("extra == 'cpu'", "cpu", ""),
        ("extra == 'cpu'", "", None),
        ("extra != 'cpu'", "", ""),
        ("'cpu' in extras", "cpu", ""),
        ("'dev' not in dependency_groups", "dev", None),
        ("extra == 'cpu' and sys_platform == 'linux'", "cpu", "sys_platform == 'linux'"),
        ("extra == 'cpu' or sys_platform == 'linux'", "", "sys_platform == 'linux'"),
        ("(extra == 'a' and os_name == 'nt') or (extra == 'b' and os_name == 'posix')", "b", "os_name == 'posix'"),
        ("extra == 'a' and (os_name == 'nt' or sys_platform == 'x')", "a", "os_name == 'nt' or sys_platform == 'x'"),
        ("extra == ", "a", "extra == "),
        ("(" * 100 + "extra == 'a'" + ")" * 100, "a", "(" * 100 + "extra == 'a'" + ")" * 100),
    ],
)
def test_extras_and_groups_of_a_marker_are_decided(marker: str, names: str, said: str | None) -> None:
    assert decided(marker, frozenset(names.split())) == said


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        ("sys_platform != 'darwin'", "sys_platform == 'darwin'"),
        ("python_version < '3.12' and os_name == 'nt'", "python_version >= '3.12' or os_name != 'nt'"),
        ("platform_machine not in 'a b'", "platform_machine in 'a b'"),
        ("python_version ~= '3.12'", None),
        ("nonsense", None),
    ],
)
def test_a_marker_has_an_opposite(marker: str, said: str | None) -> None:
    assert opposite(marker) == said


def test_two_markers_are_one() -> None:
    assert both("", "os_name == 'nt'") == "os_name == 'nt'"
    assert both("a == 'b'", "c == 'd'") == "(a == 'b') and (c == 'd')"


def test_a_marker_beyond_all_measure_holds_nowhere() -> None:
    assert any_of(["a == 'b'"]) == "a == 'b'"
    assert any_of(["a == 'b'", "c == 'd'"]) == "(a == 'b') or (c == 'd')"
    assert any_of(["a == 'b'", ""]) == any_of([]) == ""
    assert both("x" * 9_000, "y" * 9_000) == any_of(["x" * 9_000, "y" * 9_000]) == UNREADABLE
