"""Install commands as declared cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envdoctor.readers.declared.commands.install_commands import commands_in
from envdoctor.readers.declared.commands.together import cases_of

if TYPE_CHECKING:
    from envdoctor.model.declared import Case

WHEELS = "https://download.pytorch.org/whl"


def cases(text: str, **more: object) -> tuple[Case, ...]:
    return cases_of(commands_in(text, "file", **more))  # type: ignore[arg-type]


def case(text: str, **more: object) -> Case:
    (one,) = cases(text, **more)
    return one


def demands(one: Case) -> dict[str, str | None]:
    return {asked.name: asked.specifier for asked in one.requirements}


@pytest.mark.parametrize(
    "command",
    [
        "pip install torch==2.7.0",
        "pip3.11 install torch==2.7.0",
        "python -m pip install torch==2.7.0",
        "python3 -u -m pip --no-cache-dir install --upgrade torch==2.7.0",
        "py -3.12 -m pip install torch==2.7.0",
        "./venv/bin/pip install torch==2.7.0",
        '"${PYTHON}" -m pip install torch==2.7.0',
        "$PIP install torch==2.7.0",
        "sudo -H pip install torch==2.7.0",
        "env CUDA_HOME=/usr/local/cuda pip install torch==2.7.0",
        "CUDA_HOME=/usr/local/cuda pip install torch==2.7.0",
        "uv pip install torch==2.7.0",
        "uv add torch==2.7.0",
        "uvx --with torch==2.7.0 some-tool",
        "uv run --with torch==2.7.0 script.py",
        "pipx inject some-tool torch==2.7.0",
        "poetry add torch==2.7.0",
        "pdm add torch==2.7.0",
        "pixi add --pypi torch==2.7.0",
        "pipenv install torch==2.7.0",
        "conda run -n work pip install torch==2.7.0",
        "%pip install torch==2.7.0",
        "!pip install torch==2.7.0",
        "! pip install torch==2.7.0",
        "!{sys.executable} -m pip install torch==2.7.0",
        "RUN pip install torch==2.7.0",
        "bash -c 'pip install torch==2.7.0'",
        "cd app && pip install torch==2.7.0 > log.txt 2>&1",
        "if ! pip install torch==2.7.0; then exit 1; fi",
        "pip install 'torch==2.7.0'  # the last one that works",
        "pip install torch == 2.7.0",
        "pip install torch==2.7.0,",
        'TORCH_COMMAND="pip install torch==2.7.0"',
        'os.system("pip install torch==2.7.0")',
    ],
)
def test_a_command_is_told_wherever_it_stands(command: str) -> None:
    assert demands(case(command)) == {"torch": "==2.7.0"}


@pytest.mark.parametrize(
    "command",
    [
        "pip uninstall -y torch torchvision",
        "pip download torch==2.7.0",
        "pip show torch",
        "pip list | grep torch",
        'echo "pip install torch==2.7.0"',
        "echo pip install torch==2.7.0",
        "# pip install torch==2.7.0",
        "pip install -r requirements.txt",
        "pip install -e .",
        "pip install ./torch-2.7.0",
        "conda activate work",
        "uv venv --python 3.12",
    ],
)
def test_what_installs_nothing_gives_no_case(command: str) -> None:
    assert cases(command) == ()


def test_every_word_has_its_place() -> None:
    text = f"pip install \\\n    'torch==2.7.0' \\\n  --index-url={WHEELS}/cu126\n"
    one = case(text, first_line=10, column=3)
    (torch,) = one.requirements
    assert (torch.written, torch.place.line, torch.place.column) == ("torch==2.7.0", 11, 8)
    (index,) = one.indexes
    assert (index.url, index.written, index.place.line, index.place.column) == (
        f"{WHEELS}/cu126",
        f"{WHEELS}/cu126",
        12,
        17,
    )
    assert (one.place.line, one.place.last_line, one.label) == (10, 12, "pip install")


@pytest.mark.parametrize(
    ("options", "kind", "url"),
    [
        (f"-i {WHEELS}/cu126", "index-url", f"{WHEELS}/cu126"),
        (f"--index-url {WHEELS}/cu126", "index-url", f"{WHEELS}/cu126"),
        (f"--extra-index-url={WHEELS}/cu126", "extra-index-url", f"{WHEELS}/cu126"),
        (f"-f {WHEELS}/torch_stable.html", "find-links", f"{WHEELS}/torch_stable.html"),
        (f"-f{WHEELS}/torch_stable.html", "find-links", f"{WHEELS}/torch_stable.html"),
        (f"--index wheels={WHEELS}/cu126", "extra-index-url", f"{WHEELS}/cu126"),
        ("--index-url https://me:word@mirror.example/simple", "index-url", "https://mirror.example/simple"),
        (f"\u2013index-url {WHEELS}/cu126", "index-url", f"{WHEELS}/cu126"),
    ],
)
def test_options_name_indexes(options: str, kind: str, url: str) -> None:
    (index,) = case(f"pip install torch {options}").indexes
    assert (index.kind, index.url) == (kind, url)
    assert "word" not in index.written


@pytest.mark.parametrize(
    "command", ["uv pip install torch --torch-backend=cu126", "UV_TORCH_BACKEND=cu126 uv pip install torch"]
)
def test_a_backend_of_uv_is_an_index_for_torch_alone(command: str) -> None:
    (index,) = case(command).indexes
    assert (index.url, index.explicit, index.written) == (f"{WHEELS}/cu126", True, "cu126")


def test_an_automatic_backend_is_whatever_channel_fits() -> None:
    (index,) = case("uv pip install torch --torch-backend=auto").indexes
    assert (index.url, index.explicit) == (f"{WHEELS}/", True)


def test_an_index_that_was_set_holds_for_what_follows() -> None:
    text = (
        f"export PIP_EXTRA_INDEX_URL={WHEELS}/cu126\npip install torch==2.7.0\n"
        "pip install torch==2.6.0 -i https://mirror.example/simple"
    )
    first, second = cases(text)
    assert [index.url for index in first.indexes] == [f"{WHEELS}/cu126"]
    assert [index.url for index in second.indexes] == ["https://mirror.example/simple", f"{WHEELS}/cu126"]


def test_variables_of_the_script_are_filled_in() -> None:
    text = (
        'TORCH="2.7.0"\nCU=${CU:-cu126}\n'
        f'pip install "torch==${{TORCH}}+$CU" torchvision==${{TV:-0.22.0}} --index-url {WHEELS}/$CU'
    )
    one = case(text)
    assert demands(one) == {"torch": "==2.7.0+cu126", "torchvision": "==0.22.0"}
    assert one.requirements[0].written == "torch==${TORCH}+$CU"
    assert one.indexes[0].url == f"{WHEELS}/cu126"


def test_other_variables_leave_it_open() -> None:
    one = case(f"pip install torch==$TORCH torchvision==$(latest) --index-url {WHEELS}/$CU")
    assert demands(one) == {"torch": None, "torchvision": None}
    assert "$" in one.indexes[0].url


def test_a_variable_that_a_branch_set_is_open_behind_it() -> None:
    one = case("TORCH=2.6.0\nif new; then\n TORCH=2.7.0\nfi\npip install torch==$TORCH")
    assert demands(one) == {"torch": None}


def test_words_in_a_variable_stand_where_it_was_set() -> None:
    one = case('PACKAGES="torch==2.7.0 torchvision==0.22.0"\npip install $PACKAGES')
    assert [(asked.written, asked.place.line, asked.place.column) for asked in one.requirements] == [
        ("torch==2.7.0", 1, 11),
        ("torchvision==0.22.0", 1, 24),
    ]


def test_words_in_an_array_too() -> None:
    one = case('PACKAGES=(\n  torch==2.7.0  # the newest\n  "torchvision==0.22.0"\n)\npip install "${PACKAGES[@]}"')
    assert demands(one) == {"torch": "==2.7.0", "torchvision": "==0.22.0"}
    assert [asked.place.line for asked in one.requirements] == [2, 3]


def test_commands_into_one_environment_are_one_case() -> None:
    one = case(
        "pip install --upgrade pip\npip install torch==2.7.0\npip install torchvision==0.22.0\npip install numpy==2.0"
    )
    assert demands(one) == {"pip": "", "torch": "==2.7.0", "torchvision": "==0.22.0", "numpy": "==2.0"}
    assert one.place.line == 2


@pytest.mark.parametrize(
    "text",
    [
        "pip install torch==2.7.0\npip install torch==2.6.0 torchvision==0.21.0",
        "if a; then\n pip install torch==2.7.0\nelse\n pip install torchvision==0.21.0\nfi",
        "case $1 in\n a) pip install torch==2.7.0 ;;\n b) pip install torchvision==0.21.0 ;;\nesac",
        "pip install torch==2.7.0 || pip install torch==2.6.0",
        "pip install torch==2.7.0\npip uninstall -y torch\npip install torchvision==0.21.0",
        "conda create -n a python=3.10\npip install torch==2.7.0\nconda activate b\npip install torchvision==0.21.0",
        "cpu() {\n pip install torch==2.7.0\n}\ncuda() {\n pip install torchvision==0.21.0\n}",
        "cpu:\n\tpip install torch==2.7.0\ncuda:\n\tpip install torchvision==0.21.0",
        "if a; then\n pip install torch==2.7.0\nfi\npip install torchvision==0.21.0",
    ],
)
def test_alternatives_do_not_mix(text: str) -> None:
    found = cases(text)
    assert len(found) == 2
    assert not any(
        {"torch", "torchvision"} <= set(demands(one)) for one in found if demands(one).get("torch") == "==2.7.0"
    )


def test_what_a_branch_installed_is_not_mixed_with_what_was_there() -> None:
    first, inner, last = cases(
        "pip install torch==2.6.0\nif new; then\n pip install torch==2.7.0\nfi\npip install torchvision==0.21.0"
    )
    assert demands(first) == {"torch": "==2.6.0"}
    assert demands(inner) == {"torch": "==2.7.0"}
    assert demands(last) == {"torchvision": "==0.21.0"}


def test_a_branch_goes_on_with_what_was_there() -> None:
    outer, inner = cases("pip install torch==2.6.0\nif more; then\n pip install torchvision==0.21.0\nfi")
    assert demands(outer) == {"torch": "==2.6.0"}
    assert demands(inner) == {"torch": "==2.6.0", "torchvision": "==0.21.0"}


def test_a_package_from_another_index_is_tied_to_it() -> None:
    one = case(f"pip install torch==2.7.0 --index-url {WHEELS}/cu126\npip install xformers --index-url {WHEELS}/cu128")
    assert [index.url for index in one.indexes] == [f"{WHEELS}/cu126"]
    assert [asked.source for asked in one.requirements] == [None, f"{WHEELS}/cu128"]


@pytest.mark.parametrize(
    ("making", "specifier"),
    [
        ("conda create -n work python=3.10 -y", "==3.10.*"),
        ("conda create -n work python=3.10.14\nconda activate work", "==3.10.14"),
        ("python3.11 -m venv .venv\nsource .venv/bin/activate", "==3.11.*"),
        ("py -3.12 -m venv venv", "==3.12.*"),
        ("uv venv --python 3.12", "==3.12.*"),
        ("uv python pin 3.12\nuv venv", "==3.12.*"),
        ("virtualenv -p python3.9 env", "==3.9.*"),
        ("pyenv local 3.11.4", "==3.11.4"),
        ("if [ ! -d venv ]; then python3.10 -m venv venv; fi\n. venv/bin/activate", "==3.10.*"),
    ],
)
def test_the_python_of_an_environment_holds_for_what_follows(making: str, specifier: str) -> None:
    (wish,) = case(f"{making}\npip install torch==2.7.0").pythons
    assert wish.specifier == specifier


@pytest.mark.parametrize(
    "text",
    [
        "conda create -n one python=3.10\nconda activate two\npip install torch",
        "python3.10 -m venv venv\ndeactivate\npip install torch",
        "if a; then\n conda create -n one python=3.10\nelse\n conda create -n two python=3.12\nfi\npip install torch",
        "conda create -n one\npip install torch",
    ],
)
def test_the_python_of_another_environment_does_not(text: str) -> None:
    assert case(text).pythons == ()


def test_the_folder_of_pip_names_its_environment() -> None:
    (wish,) = case("python3.13 -m venv env\n./env/bin/pip install torch==2.1.0").pythons
    assert (wish.specifier, wish.written, wish.place.line) == ("==3.13.*", "python3.13", 1)


def test_conda_has_its_own_names() -> None:
    one = case(
        "conda install pytorch==2.1.0 torchvision=0.16.0 pytorch-cuda=12.1 cudnn=8.9 python=3.10 -c pytorch -c nvidia"
    )
    assert demands(one) == {"torch": "==2.1.0", "torchvision": "==0.16.0"}
    assert {asked.manager for asked in one.requirements} == {"conda"}
    assert [(cuda.version, cuda.written) for cuda in one.cudas] == [("12.1", "pytorch-cuda=12.1")]
    assert [cudnn.version for cudnn in one.cudnns] == ["8.9"]
    assert [wish.specifier for wish in one.pythons] == ["==3.10.*"]


def test_poetry_has_its_own_signs() -> None:
    assert demands(case("poetry add torch@^2.6 torchvision@latest")) == {"torch": "<3,>=2.6", "torchvision": ""}


def test_a_document_has_prompts_and_commented_commands() -> None:
    text = (
        "(work) me@host:~$ pip install torch==2.7.0\n# or\n# pip install torch==2.6.0\n"
        "PS C:\\> pip install torch==2.5.0"
    )
    found = cases(text, is_run=False)
    assert [(demands(one)["torch"], one.comment) for one in found] == [
        ("==2.7.0", False),
        ("==2.6.0", True),
        ("==2.5.0", False),
    ]


def test_a_remark_sets_alternatives_apart_in_a_document_only() -> None:
    text = "# for CUDA\npip install torch==2.7.0\n# for the CPU\npip install torchvision==0.21.0"
    assert len(cases(text, is_run=False)) == 2
    assert len(cases(text)) == 1


def test_a_forgotten_sign_of_continuation_is_seen() -> None:
    one = case(f"pip install torch==2.7.0\n  torchvision==0.22.0\n  --index-url {WHEELS}/cu126", is_run=False)
    assert len(one.requirements) == 2
    assert one.indexes


@pytest.mark.parametrize(
    "hostile", ["pip " + "$(a" * 9000, "pip install " + "'\"" * 9000, "pip\n" + "if (\n" * 9000, "A=(\npip\n" * 9000]
)
def test_hostile_texts_are_only_text(hostile: str) -> None:
    assert cases(hostile) == ()
