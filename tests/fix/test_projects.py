"""What a manager of a project is told so that it changes the copy, the place where torch is named, and nothing else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from envdoctor.fix.foreseeing import foreseen
from envdoctor.fix.manifests import Unmergeable, read
from envdoctor.fix.projects import answered, asked, commands, environment_for, files_of, prepare
from envdoctor.model.plan import Applicability, Edit, Step

if TYPE_CHECKING:
    from pathlib import Path

SET = ("torch==2.9.1+cu126", "torchvision==0.24.1+cu126")
UV = ("uv", "add", "--project", "/p", *SET)
POETRY = ("poetry", "-C", "/p", "add", "--source", "pytorch-cu126", *SET)
PDM = ("pdm", "add", "-p", "/p", *SET)
MAIN = '[project]\nname = "p"\ndependencies = ["torch>=2.5", "torchvision"]\n'
GROUP = (
    '[project]\nname = "p"\n[dependency-groups]\ngpu = ["Torch[opt-einsum]>=2.5", {include-group = "dev"}]\ndev = []\n'
)
EXTRA = '[project]\nname = "p"\n[project.optional-dependencies]\ngpu = ["torch ~= 2.5 ; sys_platform == \'linux\'"]\n'

CARRIED_OUT = [
    (UV, MAIN, ["uv add --raw --no-install-local --project /p"]),
    (UV, '[project]\nname = "p"\n', ["uv add --raw --no-install-local --project /p"]),
    (UV, MAIN + '[dependency-groups]\ndev = ["torch"]\n', ["uv add --raw --no-install-local --project /p"]),
    (UV, EXTRA, ["uv add --raw --optional gpu --no-install-local --project /p"]),
    (UV, GROUP, ["uv add --raw --no-sync --group gpu --project /p", "uv sync --project /p --inexact --only-group gpu"]),
    (
        UV,
        '[project]\nname = "p"\n[tool.uv]\ndev-dependencies = ["torch"]\n',
        ["uv add --raw --no-sync --dev --project /p", "uv sync --project /p --inexact --only-dev"],
    ),
    (
        POETRY,
        MAIN,
        ["poetry -C /p add --lock --source pytorch-cu126", "poetry -C /p update --only main torch torchvision"],
    ),
    (
        POETRY,
        '[tool.poetry.group.gpu.dependencies]\ntorch = "*"\n',
        [
            "poetry -C /p add --lock --group gpu --source pytorch-cu126",
            "poetry -C /p update --only gpu torch torchvision",
        ],
    ),
    (PDM, MAIN, ["pdm add --no-sync -p /p", "pdm sync -p /p --no-self --prod"]),
    (PDM, GROUP, ["pdm add --no-sync -dG gpu -p /p", "pdm sync -p /p --no-self --no-default -G gpu"]),
    (PDM, EXTRA, ["pdm add --no-sync -G gpu -p /p", "pdm sync -p /p --no-self --prod -G gpu"]),
    (("pdm", "add", *SET), MAIN, ["pdm add --no-sync", "pdm sync --no-self --prod"]),
]


@pytest.mark.parametrize(("argv", "manifest", "expected"), CARRIED_OUT)
def test_the_command_goes_where_the_project_names_torch(
    argv: tuple[str, ...], manifest: str, expected: list[str]
) -> None:
    done = commands(argv[0], argv, read(manifest, "pyproject.toml"))
    assert [" ".join(word for word in one if "==" not in word) for one in done] == expected
    assert [word for word in done[0] if "==" in word] == list(SET)


def test_a_command_that_installs_nothing_is_left_as_it_is() -> None:
    argv = ("poetry", "source", "add", "--priority", "explicit", "pytorch-cu126", "https://a")
    assert commands("poetry", argv, {}) == (argv,)


@pytest.mark.parametrize(
    ("argv", "manifest", "told"),
    [
        (
            UV,
            '[project]\nname = "p"\n[project.optional-dependencies]\ncpu = ["torch"]\ncu126 = ["torch"]\n',
            "names torch in the extra cpu and the extra cu126, between which only a person can choose",
        ),
        (
            UV,
            '[project]\nname = "p"\ndependencies = ["torch"]\n[dependency-groups]\ndev = ["torchvision"]\n',
            "names torch in its dependencies and torchvision in the group dev, which one command cannot serve",
        ),
        (UV, "[tool.uv.workspace]\nmembers = []\n", "no [project] table"),
        (POETRY, EXTRA, "poetry cannot put the extra gpu alone into an environment"),
    ],
)
def test_what_no_command_can_do_is_said(argv: tuple[str, ...], manifest: str, told: str) -> None:
    with pytest.raises(Unmergeable) as caught:
        commands(argv[0], argv, read(manifest, "pyproject.toml"))
    assert told in str(caught.value)


@pytest.mark.parametrize("tool", ["uv", "poetry", "pdm"])
def test_no_variable_of_the_user_leads_elsewhere(tool: str) -> None:
    user = {
        "HOME": "/h", "VIRTUAL_ENV": "/x/.venv", "CONDA_PREFIX": "/c", "CONDA_DEFAULT_ENV": "base",
        "UV_PYTHON": "3.9", "UV_PROJECT_ENVIRONMENT": "/x/.venv", "UV_NO_SOURCES": "1",
        "PDM_PYTHON": "/usr/bin/python3", "PDM_IGNORE_ACTIVE_VENV": "1", "PDM_USE_VENV": "false",
        "POETRY_VIRTUALENVS_PATH": "/elsewhere",
    }  # fmt: skip
    child = environment_for(tool, "/x/new", user)
    assert child["HOME"] == "/h"
    assert "/x/.venv" not in (child.get("VIRTUAL_ENV"), child.get("UV_PROJECT_ENVIRONMENT") if tool == "uv" else None)
    if tool == "uv":
        assert child["UV_PROJECT_ENVIRONMENT"] == "/x/new"
        assert not {"UV_PYTHON", "UV_NO_SOURCES"} & set(child)
    else:
        assert child["VIRTUAL_ENV"] == "/x/new"
        assert "CONDA_DEFAULT_ENV" not in child
    if tool == "pdm":
        assert (child["PDM_IGNORE_SAVED_PYTHON"], child["PDM_USE_VENV"]) == ("1", "1")
        assert not {"PDM_PYTHON", "PDM_IGNORE_ACTIVE_VENV"} & set(child)
    if tool == "poetry":
        assert child["POETRY_VIRTUALENVS_PATH"] == "/x/new.none"


@pytest.mark.parametrize(
    ("said", "held"),
    [
        ("/x/new\n", True),
        ("INFO: Inside an active virtualenv /x/new, reusing it.\n/x/new/bin/python\n", True),
        ("/x/new/bin/python3.11\n", True),
        ("/x/.venv\n", False),
        ("INFO: Inside an active virtualenv /x/new, reusing it.\n/x/.venv/bin/python\n", False),
        ("/x/newer\n", False),
        ("", False),
    ],
)
def test_where_a_manager_works_is_read_from_its_answer(said: str, held: bool) -> None:
    assert answered(said, "/x/new") is held


def test_the_question_names_the_project() -> None:
    assert [asked(tool, "/p").count("/p") for tool in ("uv", "poetry", "pdm")] == [1, 1, 1]


def test_the_lock_file_of_a_workspace_is_in_its_root(tmp_path: Path) -> None:
    member = tmp_path / "packages" / "p"
    member.mkdir(parents=True)
    assert files_of("uv", str(member)) == (str(member / "pyproject.toml"), str(member / "uv.lock"))
    (tmp_path / "uv.lock").touch()
    assert files_of("uv", str(member)) == (str(member / "pyproject.toml"), str(tmp_path / "uv.lock"))
    assert [path.rpartition("/")[2] for path in files_of("pdm", "/p")] == [
        *("pyproject.toml", "pdm.lock", ".pdm-python")
    ]


def test_what_is_prepared_is_one_diff_of_the_edit_and_the_managers_own_change(tmp_path: Path) -> None:
    manifest = tmp_path / "pyproject.toml"
    manifest.write_bytes(MAIN.replace("\n", "\r\n").encode())
    edit = Edit("pyproject.toml", '[tool.uv.sources]\ntorch = { index = "pytorch-cu126" }\n')
    told = prepare("uv", str(tmp_path), [Step("install-wheels", Applicability.UNSAFE, "", UV, edit)], {})
    assert told.commands == ((*UV[:2], "--raw", "--no-install-local", *UV[2:]),)
    assert list(told.files) == [str(manifest), str(tmp_path / "uv.lock")]
    written = told.files[str(manifest)]
    assert written is not None
    assert written.startswith(MAIN.replace("\n", "\r\n"))
    assert told.files[str(tmp_path / "uv.lock")] is None
    changed = [line for line in told.diffs[0].diff.splitlines() if line.startswith(("+", "-"))]
    assert changed[2:] == [
        '-dependencies = ["torch>=2.5", "torchvision"]',
        '+dependencies = ["torch==2.9.1+cu126", "torchvision==0.24.1+cu126"]',
        "+",
        "+[tool.uv.sources]",
        '+torch = { index = "pytorch-cu126" }',
    ]
    assert manifest.read_bytes() == MAIN.replace("\n", "\r\n").encode()


def test_a_manifest_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(b"[project]\nname = '\xff'\n")
    with pytest.raises(Unmergeable, match=r"pyproject\.toml is not UTF-8"):
        prepare("uv", str(tmp_path), [], {})


def test_a_manifest_that_would_take_minutes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(MAIN + "# and so on\n" * 100_000)
    with pytest.raises(Unmergeable, match="is too long"):
        prepare("uv", str(tmp_path), [], {})


def installing(argv: tuple[str, ...]) -> list[Step]:
    edit = Edit("pyproject.toml", '[tool.uv.sources]\ntorch = { index = "pytorch-cu126" }\n')
    return [Step("install-wheels", Applicability.UNSAFE, "", argv, edit if argv[0] == "uv" else None)]


@pytest.mark.parametrize("name", ["pyproject.toml", "uv.lock"])
@pytest.mark.parametrize("made", ["link", "fifo"])
def test_what_could_not_be_put_back_is_refused_and_not_waited_for(tmp_path: Path, name: str, made: str) -> None:
    (tmp_path / "pyproject.toml").write_text(MAIN)
    (tmp_path / name).unlink(missing_ok=True)
    if made == "link":
        (tmp_path / name).symlink_to(tmp_path / "elsewhere")
    else:
        os.mkfifo(tmp_path / name)
    with pytest.raises(Unmergeable, match=f"{name} is no plain file"):
        prepare("uv", str(tmp_path), installing(UV), {})


@pytest.mark.parametrize("argv", [UV, PDM])
def test_the_conditions_of_a_requirement_stay(tmp_path: Path, argv: tuple[str, ...]) -> None:
    argv = tuple(str(tmp_path) if word == "/p" else word for word in argv)
    manifest = tmp_path / "pyproject.toml"
    manifest.write_text(MAIN.replace("torch>=2.5", "torch>=2.5 ; sys_platform == 'linux'"))
    told = prepare(argv[0], str(tmp_path), installing(argv), {})
    assert told.commands[0][-2:] == (f"{SET[0]}; sys_platform == 'linux'", SET[1])
    assert f'+dependencies = ["{SET[0]}; sys_platform == \'linux\'", "{SET[1]}"]' in told.diffs[0].diff
    manifest.write_text(MAIN.replace('"torch>', '"torch<2; sys_platform == \'darwin\'", "torch>'))
    with pytest.raises(Unmergeable, match="names torch under several conditions"):
        prepare(argv[0], str(tmp_path), installing(argv), {})


WORKSPACE = '[tool.uv.workspace]\nmembers = ["packages/*"]\nexclude = ["packages/old"]\n'


@pytest.mark.parametrize("root", ["", '[project]\nname = "root"\ndependencies = ["q"]\n\n'])
def test_the_member_of_a_workspace_that_names_torch_is_changed(tmp_path: Path, root: str) -> None:
    (tmp_path / "pyproject.toml").write_text(root + WORKSPACE)
    for name, text in (("p", MAIN), ("old", MAIN), ("q", '[project]\nname = "q"\n')):
        (tmp_path / "packages" / name).mkdir(parents=True)
        (tmp_path / "packages" / name / "pyproject.toml").write_text(text)
    argv = tuple(str(tmp_path) if word == "/p" else word for word in UV)
    told = prepare("uv", str(tmp_path), installing(argv), {})
    member = tmp_path / "packages" / "p"
    assert told.commands[0][-4:] == ("--project", str(member), *SET)
    assert [one.file for one in told.diffs] == ["packages/p/pyproject.toml"]
    assert [path for path, text in told.files.items() if text is not None] == [str(member / "pyproject.toml")]
    assert str(tmp_path / "uv.lock") in told.files
    (tmp_path / "packages" / "q" / "pyproject.toml").write_text(MAIN)
    with pytest.raises(Unmergeable, match="packages/p and packages/q of its workspace name torch"):
        prepare("uv", str(tmp_path), installing(argv), {})


def test_a_lock_file_of_another_name_is_left_to_a_person(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(MAIN)
    with pytest.raises(Unmergeable, match="PDM_LOCKFILE names another lock file"):
        prepare("pdm", str(tmp_path), installing(PDM), {"PDM_LOCKFILE": "gpu.lock"})


def test_a_byte_order_mark_stays(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(f"\ufeff{MAIN}", encoding="utf-8")
    written = prepare("uv", str(tmp_path), installing(UV), {}).files[str(tmp_path / "pyproject.toml")]
    assert written is not None
    assert written.startswith(f"\ufeff{MAIN}")


def test_the_table_of_an_older_poetry_project_has_version_and_source() -> None:
    text = '[tool.poetry]\nname = "p"\n\n[tool.poetry.dependencies]\npython = "^3.10"\ntorch = ">=2.5"\n'
    said = read(foreseen(text, "poetry", [POETRY]), "pyproject.toml")["tool"]["poetry"]["dependencies"]
    assert said["torch"] == {"version": "2.9.1+cu126", "source": "pytorch-cu126"}
    assert said["torchvision"] == {"version": "0.24.1+cu126", "source": "pytorch-cu126"}
    assert said["python"] == "^3.10"
