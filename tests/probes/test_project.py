"""Whose project an environment belongs to, by the files beside it, and whether its packages may be changed."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from envdoctor.host.host import Host
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.probes import environment_kind, interpreter, layers, project
from recorded_tree import TOLD, Tree, look_at, value

if TYPE_CHECKING:
    from pathlib import Path

    from envdoctor.probes.looking import Facts

PROBES = (interpreter, environment_kind, project, layers)
PLAIN = "home = /usr/bin\ninclude-system-site-packages = false\n"
BY_UV = PLAIN + "uv = 0.13.8\n"
BY_VIRTUALENV = PLAIN + "virtualenv = 20.35.4\n"


def seen(tree: Tree, prefix: str, config: str | None = PLAIN, **told: object) -> Facts:
    own = f"{prefix}/lib/python3.11/site-packages"
    tree.folder(own)
    if config is not None:
        tree.file(f"{prefix}/pyvenv.cfg", config)
    tree.python({**TOLD, "prefix": prefix, "base_prefix": "/usr", "path": [own], **told})
    return tree.look(PROBES)


def kept(facts: Facts) -> tuple[str, str] | None:
    if isinstance(facts["python.project"], Absent):
        assert isinstance(facts["python.project_tool"], Absent)
        return None
    return value(facts, "python.project"), value(facts, "python.project_tool")


@pytest.mark.parametrize(
    ("config", "files", "tool"),
    [
        (BY_UV, {"uv.lock": ""}, "uv"),
        (PLAIN, {"uv.lock": ""}, "uv"),
        (BY_UV, {"pyproject.toml": "[project]\nname = 'p'\n\n[[tool.uv.index]]\nname = 'a'\n"}, "uv"),
        (BY_UV, {"pyproject.toml": "[tool.uv]\n"}, "uv"),
        (BY_UV, {"pyproject.toml": "[tool.uv]\npackage = false\nmanaged = false  # by hand\n", "uv.lock": ""}, None),
        (BY_UV, {"pyproject.toml": "[tool.uv]\n\n[tool.other]\nmanaged = false\n", "uv.lock": ""}, "uv"),
        (BY_UV, {"pyproject.toml": "[tool.uv_build]\n"}, None),
        (BY_UV, {"pyproject.toml": "[project]\nname = 'p'\n"}, None),
        (BY_UV, {"pyproject.toml": "description = '[tool.uv]'\n"}, None),
        (BY_UV, {"pyproject.toml": "[tool.poetry]\n", "poetry.lock": ""}, None),
        (BY_VIRTUALENV, {"pyproject.toml": "[tool.poetry]\n"}, "poetry"),
        (BY_VIRTUALENV, {"poetry.lock": ""}, "poetry"),
        (BY_VIRTUALENV, {"pyproject.toml": "[tool.pdm.build]\n"}, "pdm"),
        (BY_UV, {".pdm-python": "", "pyproject.toml": "[tool.uv]\n"}, "pdm"),
        (BY_UV, {"uv.lock": "", "pdm.lock": "", "poetry.lock": ""}, "uv"),
        (PLAIN, {}, None),
    ],
)
def test_the_files_beside_an_environment_tell_whose_it_is(
    tree: Tree, config: str, files: dict[str, str], tool: str | None
) -> None:
    for name, text in files.items():
        tree.file(f"/home/u/p/{name}", text)
    assert kept(seen(tree, "/home/u/p/.venv", config)) == (("/home/u/p", tool) if tool else None)


@pytest.mark.parametrize("prefix", ["/home/u/p/env", "/home/u/.cache/pypoetry/virtualenvs/p-W1bXqPcv-py3.11"])
def test_an_environment_elsewhere_does_not_tell_its_project(tree: Tree, prefix: str) -> None:
    tree.file("/home/u/p/uv.lock")
    assert kept(seen(tree, prefix, BY_VIRTUALENV)) is None


def test_an_environment_of_pixi_lies_in_its_project(tree: Tree) -> None:
    prefix = "/home/u/p/.pixi/envs/gpu"
    tree.file(f"{prefix}/conda-meta/history")
    assert kept(seen(tree, prefix, None, base_prefix=prefix)) == ("/home/u/p", "pixi")


def test_a_windows_project(tree: Tree) -> None:
    tree.machine["os"] = "windows"
    tree.file("/C/code/p/uv.lock")
    tree.file("/C/code/p/.venv/pyvenv.cfg", BY_UV)
    site = "C:\\code\\p\\.venv\\Lib\\site-packages"
    tree.folder("/C/code/p/.venv/Lib/site-packages")
    tree.python({**TOLD, "prefix": "C:\\code\\p\\.venv", "base_prefix": "C:\\Python311", "path": [site]})
    tree.machine["denied"] = [site]
    facts = tree.look(PROBES)
    assert kept(facts) == ("C:/code/p", "uv")
    assert value(facts, "python.prefix_writable") is False


def test_a_folder_that_may_not_be_written_to(tree: Tree) -> None:
    tree.machine["denied"] = ["/opt/venv/lib/python3.11/site-packages"]
    assert value(seen(tree, "/opt/venv"), "python.prefix_writable") is False
    assert value(seen(tree, "/opt/other"), "python.prefix_writable") is True


def test_nothing_is_told_where_the_interpreter_did_not_answer(tree: Tree) -> None:
    tree.says("interpreter", code=None, trouble="did not answer within 10 s")
    facts = tree.look(PROBES)
    assert all(isinstance(facts[name], Unknown) for name in project.FACTS)


def test_a_real_environment(tmp_path: Path) -> None:
    path = tmp_path / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(path)], check=True)
    (tmp_path / "uv.lock").touch()
    facts = look_at(Host(environ={"PATH": os.environ["PATH"]}), str(path / "bin" / "python"), PROBES)
    assert kept(facts) == (str(tmp_path), "uv")
    assert facts["python.prefix_writable"] == Known(True, "access(2)")
