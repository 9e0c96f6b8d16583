from __future__ import annotations

import copy

import pytest

from envdoctor.matrix import laws, laws_elsewhere, laws_of_builds, laws_of_hardware
from envdoctor.matrix.load import checked
from envdoctor.matrix.matrix import Matrix
from envdoctor.matrix.rows import MatrixError


@pytest.mark.parametrize("law", laws.LAWS, ids=lambda law: law.__name__)
def test_ours_keeps_every_law(matrix, law):
    assert list(law(matrix)) == []


def test_every_law_is_run_and_says_what_it_is():
    public = {
        name
        for module in (laws, laws_elsewhere, laws_of_builds, laws_of_hardware)
        for name, value in vars(module).items()
        if callable(value) and getattr(value, "__module__", "") == module.__name__ and not name.startswith("_")
    }
    assert public - {"broken", "accepts", "all_wheels", "architectures_named"} == {law.__name__ for law in laws.LAWS}
    assert all((law.__doc__ or "").strip() for law in laws.LAWS)


def put(path, value):
    """Return an edit that sets the cell at `path`; None takes it out."""

    def edit(document):
        *tables, last = path
        for key in tables:
            document = document[key]
        if value is None:
            del document[last]
        else:
            document[last] = value

    return edit


LATEST = ("torch", "2.15.0")
PAST = ("history", "torch")
OLD_ROW = {"released": "2017-01-01", "source": "release-days", "certainty": "recalled"}
OLD_PARTNER = {"released": "2022-06-28", "torch": "==1.12.0", "python": "3.7-3.10"}
BREACHES = [
    (put((*LATEST, "torchvision"), "0.99.0"), "torchvision 0.99.0 has no row"),
    (put((*LATEST, "torchvision"), "0.28.0"), "torchvision 0.28.0 asks for torch ==2.13.0"),
    (put(("torch", "2.0.0", "torchvision"), "0.15.0"), "torchvision 0.15.0 was withdrawn"),
    (put((*LATEST, "released"), "2020-01-01"), "torch 2.15.0 of 2020-01-01 stands after"),
    (put((*LATEST, "released"), "2026-13-01"), "is not a date"),
    (put((*LATEST, "certainty"), "sure"), "'sure' is none of verified, sourced, inferred, recalled"),
    (put((*LATEST, "source"), "hearsay"), "a row names 'hearsay'"),
    (put((*LATEST, "colour"), "red"), "torch.2.15.0.colour: unknown key"),
    (put((*LATEST, "linux-x86_64", "default"), "cu126"), "no cu126 build for linux-x86_64"),
    (put((*LATEST, "linux-x86_64", "python"), "3.99"), "'3.99' is not in python_tags"),
    (put((*LATEST, "linux-x86_64", "tags"), ["musllinux_1_2_x86_64"]), "no floor for the platform tag"),
    (put((*LATEST, "requires_python"), ">=3.12"), "cp311 is below >=3.12"),
    (put((*LATEST, "cu132", "cuda"), "12.6"), "cu132 with CUDA 12.6"),
    (put((*LATEST, "cu132", "cuda"), 13), "torch.2.15.0.cu132.cuda: must be text"),
    (put((*LATEST, "cu132", "standing"), "maybe"), "'maybe' is none of stable"),
    (put((*LATEST, "cu132", "linux-x86_64", "architectures"), "maxwell-hopper"), "5.0 after CUDA 12"),
    (put((*LATEST, "cu130", "linux-x86_64", "certainty"), "verified"), "2.15.0 cu130 linux-x86_64: verified"),
    (
        put(("torch", "2.4.0", "cu118", "linux-x86_64", "architectures"), "turing-blackwell"),
        "10.0 before CUDA 12.8",
    ),
    (put(("architectures", "lonely"), {"sass": ["8.0"]}), "architectures.lonely is not used"),
    (put(("architectures", "turing-blackwell", "sass"), ["9.0", "8.0"]), "not in order"),
    (put(("architectures", "turing-blackwell", "sass"), ["8.x"]), "'8.x' is not a compute capability"),
    (put(("sources", "cuda-gpus", "date"), "2027-01-01"), "is not a date up to the revision"),
    (put(("sources", "rumour"), {"date": "2026-01-01", "text": "?"}), "rumour: no row names it"),
    (put(("sources", "cuda-gpus"), None), "'cuda-gpus', which [sources] does not have"),
    (put(("driver_floors", "12", "linux"), "440.1"), "driver_floors.12 does not exceed driver_floors.11"),
    (put(("driver_floors", "13"), None), "cu130: none for linux"),
    (put(("driver_branches", "535", "cuda"), "9.9"), "driver_branches.535 does not exceed"),
    (put(("toolkits", "12.8.0", "linux"), "575.1"), "does not exceed toolkits.12.8.0"),
    (put(("tegra", "capabilities"), ["8.7"]), "[tegra] has [(8, 7)]"),
    (put(("gpus", 0, "kind"), "toy"), "'toy' is none of consumer"),
    (put(("gpus", 0, "names"), ["Tesla T4"]), "does not find itself"),
    (put(("cudnn", 2, "capabilities"), ["3.7"]), "does not follow"),
    (put(("torch", "2.14.0", "cu126", "cudnn"), "9.11.0"), "(5, 0) with 9.11.0"),
    (put(("torchvision", "releases", "0.29.2", "torch"), "<3"), "asks for torch <3"),
    (put(("revision",), "soon"), "revision 'soon' is not a date"),
    (put(("torch",), []), "torch: must be a table"),
    (put(("gpus",), {}), "gpus: must be a list of tables"),
    (put(("glibc",), None), "glibc: is missing"),
    (put((*PAST, "1.12.1"), {**OLD_ROW}), "torch 1.12.1 is not older than 1.12.1, which plans may name"),
    (put((*PAST, "0.1.0"), {**OLD_ROW}), "torch 0.1.0 stands after 1.12.0"),
    (put((*PAST, "1.4.0", "torchvision"), "0.6.0"), "torch 1.4.0: torchvision 0.6.0 asks for torch ==1.5.0"),
    (put((*PAST, "1.4.0", "source"), "hearsay"), "a row names 'hearsay'"),
    (put((*PAST, "1.4.0", "released"), "soon"), "1.4.0: 'soon' is not a date"),
    (put((*PAST, "1.4.0", "certainty"), None), "history.torch.1.4.0.certainty: is missing"),
    (put((*PAST, "1.4.0", "triton"), "==2.0.0"), "history.torch.1.4.0.triton: unknown key"),
    (put((*PAST, "1.4.0", "cu101", "standing"), "stable"), "history.torch.1.4.0.cu101.standing: unknown key"),
    (put((*PAST, "1.4.0", "cu101", "cuda"), "10.2"), "cu101 with CUDA 10.2"),
    (put((*PAST, "1.4.0", "linux-x86_64", "default"), "cu102"), "torch 1.4.0: no cu102 build for linux-x86_64"),
    (put((*PAST, "1.4.0", "cu101", "linux-x86_64", "architectures"), "kepler-ampere"), "8.0 before CUDA 11.0"),
    (put((*PAST, "1.8.0", "cu111", "linux-x86_64", "certainty"), "verified"), "1.8.0 cu111 linux-x86_64: verified"),
    (put(("history", "torchvision", "releases", "0.13.0"), {**OLD_PARTNER}), "torchvision 0.13.0 stands twice"),
    (put(("history", "colour"), "red"), "history.colour: unknown key"),
    (put(("history",), []), "history: must be a table"),
    (put(("toolkits", "9.1.85"), None), "cu91: none for linux"),
    (put(("mps", 1, "macos"), "11.0"), "mps: 2.5.0 with macOS 11.0 stands after 1.12.0, 12.3"),
    (put(("mps", 2, "from"), "2.99.0"), "mps: torch 2.99.0 has no row"),
    (put(("compile_pythons", 1, "newest"), "3.10"), "compile_pythons: 2.1.0 with Python 3.10 stands after"),
]


@pytest.mark.parametrize(("edit", "message"), BREACHES, ids=[message for _, message in BREACHES])
def test_a_breach_is_one_line_that_says_where(matrix, edit, message):
    document = copy.deepcopy(matrix.root.cells)
    edit(document)
    with pytest.raises(MatrixError) as caught:
        checked(Matrix(document, "my.toml"))
    assert message in str(caught.value)
    assert str(caught.value).startswith("my.toml: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("specifier", "version", "answer"),
    [
        ("", "2.16.0", True),
        ("==2.14.0", "2.14.0", True),
        ("==2.14.0", "2.14.1", False),
        (">=2.14.0", "2.14.0", True),
        (">=2.14.0", "2.13.0", False),
        ("==2.0.0+cu117", "2.0.0", False),
        ("~=2.14", "2.14.0", False),
    ],
)
def test_accepts(specifier, version, answer):
    assert laws.accepts(specifier, version) is answer
