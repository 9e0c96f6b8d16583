"""What kind of environment it is, who made it, and the layers of its sys.path: recorded trees and real ones."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from envdoctor.host.host import Host
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.probes import distributions, environment_kind, interpreter, layers
from recorded_tree import TOLD, Tree, look_at, value
from standin.pythons import python

if TYPE_CHECKING:
    from envdoctor.probes.looking import Facts

PROBES = (interpreter, environment_kind, layers)
SYSTEM = "/usr/lib/python3/dist-packages"
LOCAL = "/usr/local/lib/python3.11/dist-packages"
PLAIN = "home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11.7\n"
BY_VIRTUALENV = PLAIN + "virtualenv = 20.35.4\n"
BY_UV = "home = /usr/bin\nimplementation = CPython\nuv = 0.9.8\nversion_info = 3.11.7\n" + PLAIN


def interpreter_of(
    tree: Tree, prefix: str, *others: str, base: str | None = None, site: str | None = None, **told: object
) -> str:
    """Let the interpreter tell a prefix; its own folder of packages comes first on sys.path."""
    own = site or f"{prefix}/lib/python3.11/site-packages"
    for folder in (own, *others):
        tree.folder(folder)
    tree.python({**TOLD, "prefix": prefix, "base_prefix": base or prefix, "path": [own, *others], **told})
    return own


def kind(facts: Facts) -> tuple[str, str | None]:
    manager = facts["python.manager"]
    assert not isinstance(manager, Unknown)
    return value(facts, "python.environment"), manager.value if isinstance(manager, Known) else None  # type: ignore[return-value]


def kinds(facts: Facts) -> list[str]:
    return [row["kind"] for row in value(facts, "python.layers")]


@pytest.mark.parametrize(
    ("prefix", "config", "marks", "manager"),
    [
        ("/home/u/env", PLAIN, (), "venv"),
        ("/home/u/env", PLAIN + "command = /usr/bin/python3 -m venv /home/u/env\n", (), "venv"),
        ("/home/u/env", BY_VIRTUALENV, (), "virtualenv"),
        ("/home/u/p/.venv", BY_UV, (), "uv"),
        ("/home/u/p/.venv", BY_UV, ("/home/u/p/uv.lock", "/home/u/p/pdm.lock"), "uv"),
        ("/home/u/p/.venv", BY_UV, ("/home/u/p/poetry.lock",), "uv"),
        ("/home/u/p/.venv", BY_UV, ("/home/u/p/.pdm-python",), "pdm"),
        ("/home/u/p/.venv", BY_VIRTUALENV, ("/home/u/p/pdm.lock",), "pdm"),
        ("/home/u/p/.venv", BY_VIRTUALENV, ("/home/u/p/poetry.lock",), "poetry"),
        ("/home/u/p/.venv", BY_VIRTUALENV, ("/home/u/p/poetry.toml",), "poetry"),
        ("/home/u/p/other", BY_VIRTUALENV, ("/home/u/p/poetry.lock",), "virtualenv"),
        ("/home/u/.cache/pypoetry/virtualenvs/p-W1bXqPcv-py3.11", BY_VIRTUALENV, (), "poetry"),
        ("/Users/u/Library/Caches/pypoetry/virtualenvs/p-W1bXqPcv-py3.11", BY_VIRTUALENV, (), "poetry"),
        ("/home/u/.local/share/pdm/venvs/p-OE5UEAVY-3.11", BY_VIRTUALENV, (), "pdm"),
        ("/home/u/.local/share/hatch/env/virtual/p/oZ3NyA-x/p", BY_VIRTUALENV, (), "hatch"),
        ("/home/u/.local/share/hatch/env/virtual/p/oZ3NyA-x/p", BY_UV, (), "hatch"),
        ("/home/u/.local/share/virtualenvs/p-abc", BY_VIRTUALENV, ("{}/.project",), "pipenv"),
        ("/home/u/.local/share/pipx/venvs/tool", BY_UV, ("{}/pipx_metadata.json",), "pipx"),
        ("/home/u/.local/pipx/venvs/tool", PLAIN, (), "pipx"),
        ("/home/u/.local/share/uv/tools/tool", BY_UV, ("{}/uv-receipt.toml",), "uv"),
        ("/home/u/p/.tox/py311", BY_VIRTUALENV, (), "tox"),
        ("/home/u/p/.venv", PLAIN, ("{}/rye-venv.json",), "rye"),
    ],
)
def test_who_made_a_virtual_environment(
    tree: Tree, prefix: str, config: str, marks: tuple[str, ...], manager: str
) -> None:
    own = interpreter_of(tree, prefix, base="/usr")
    tree.file(f"{prefix}/pyvenv.cfg", config)
    for mark in marks:
        tree.file(mark.format(prefix))
    seen = tree.look(PROBES)
    assert kind(seen) == ("venv", manager)
    assert value(seen, "python.layers") == [{"folder": own, "kind": "environment"}]
    assert value(seen, "python.system_site") is False


@pytest.mark.parametrize(
    ("text", "manager"),
    [
        ('[tool.poetry]\nname = "p"\n', "poetry"),
        ('[project]\nname = "p"\n\n[tool.poetry.dependencies]\ntorch = "^2.9"\n', "poetry"),
        ('[project]\ndescription = "not [tool.poetry]"\n', "venv"),
        ("\x00\xff" * 1000, "venv"),
    ],
)
def test_a_project_of_poetry_is_told_by_its_pyproject(tree: Tree, text: str, manager: str) -> None:
    interpreter_of(tree, "/home/u/p/.venv", base="/usr")
    tree.file("/home/u/p/.venv/pyvenv.cfg", PLAIN)
    tree.file("/home/u/p/pyproject.toml", text)
    assert kind(tree.look(PROBES)) == ("venv", manager)


def test_a_pyproject_that_is_a_fifo_is_not_opened(tree: Tree) -> None:
    interpreter_of(tree, "/home/u/p/.venv", base="/usr")
    tree.file("/home/u/p/.venv/pyvenv.cfg", PLAIN)
    os.mkfifo(tree.root / "home/u/p/pyproject.toml")
    assert kind(tree.look(PROBES)) == ("venv", "venv")


@pytest.mark.parametrize(
    ("prefix", "marks", "expected"),
    [
        ("/opt/conda", ("conda-meta/history", "condabin/conda", "pkgs/urls.txt"), ("conda-base", "conda")),
        ("/opt/conda", ("conda-meta/history", "pkgs/urls.txt"), ("conda-base", "conda")),
        ("/opt/conda/envs/ml", ("conda-meta/history",), ("conda", "conda")),
        ("/opt/conda/envs/ml", ("conda-meta/history", "pkgs/x"), ("conda", "conda")),
        ("/data/my-env", ("conda-meta/history",), ("conda", "conda")),
        ("/home/u/p/.pixi/envs/default", ("conda-meta/history",), ("conda", "pixi")),
        ("/home/u/elsewhere", ("conda-meta/pixi",), ("conda", "pixi")),
    ],
)
def test_environments_of_conda(tree: Tree, prefix: str, marks: tuple[str, ...], expected: tuple[str, str]) -> None:
    own = interpreter_of(tree, prefix)
    for mark in marks:
        tree.file(f"{prefix}/{mark}")
    seen = tree.look(PROBES)
    assert kind(seen) == expected
    assert value(seen, "python.layers") == [{"folder": own, "kind": "environment"}]
    assert isinstance(seen["python.system_site"], Absent)


@pytest.mark.parametrize(
    ("prefix", "expected", "layer"),
    [
        ("/usr/local", ("standalone", None), "environment"),
        ("/opt/python/cp311-cp311", ("standalone", None), "environment"),
        ("/home/u/.pyenv/versions/3.11.7", ("standalone", "pyenv"), "environment"),
        ("/srv/py/versions/3.11.7", ("standalone", "pyenv"), "environment"),
        (
            "/home/u/.local/share/uv/python/cpython-3.11.7-linux-x86_64-gnu",
            ("standalone", "uv"),
            "environment",
        ),
        ("/usr", ("system", None), "system"),
        ("/nix/store/abc-python3-3.11.7-env", ("system", "nix"), "system"),
        ("/opt/homebrew/Cellar/python@3.11/3.11.7/Frameworks/3.11", ("system", "homebrew"), "system"),
        ("/Library/Developer/CommandLineTools/Library/Frameworks/3.9", ("system", None), "system"),
        ("/Library/Frameworks/Python.framework/Versions/3.11", ("standalone", None), "environment"),
    ],
)  # fmt: skip
def test_a_python_of_no_environment(tree: Tree, prefix: str, expected: tuple[str, str | None], layer: str) -> None:
    tree.set(PYENV_ROOT="/srv/py")
    interpreter_of(tree, prefix)
    seen = tree.look(PROBES)
    assert kind(seen) == expected
    assert kinds(seen) == [layer]
    assert isinstance(seen["python.system_site"], Absent)


def test_homebrew_keeps_packages_outside_its_own_prefix(tree: Tree) -> None:
    tree.machine["os"] = "macos"
    prefix = "/opt/homebrew/opt/python@3.11/Frameworks/Python.framework/Versions/3.11"
    interpreter_of(tree, prefix, site="/opt/homebrew/lib/python3.11/site-packages", externally_managed=True)
    seen = tree.look(PROBES)
    assert (kind(seen), kinds(seen)) == (("system", "homebrew"), ["system"])
    assert value(seen, "python.externally_managed") is True


def test_debian_with_packages_of_apt_pip_user_and_pythonpath(tree: Tree) -> None:
    user = "/home/u/.local/lib/python3.11/site-packages"
    extra = "/home/u/src"
    interpreter_of(tree, "/usr", user, LOCAL, SYSTEM, site=extra, user_site=user, externally_managed=True)
    seen = tree.look(PROBES)
    assert kind(seen) == ("system", None)
    assert kinds(seen) == ["other", "user", "dist-packages", "dist-packages"]
    assert value(seen, "python.user_site") == user


@pytest.mark.parametrize("told", [{}, {"user_site": "/home/u/.local/lib/python3.11/site-packages"}])
def test_the_site_of_the_user_is_known_by_its_place_too(tree: Tree, told: dict[str, Any]) -> None:
    user = "/home/u/.local/lib/python3.11/site-packages"
    interpreter_of(tree, "/usr", SYSTEM, site=user, **told)
    assert value(tree.look(PROBES), "python.user_site") == user


def test_a_site_of_the_user_that_is_not_on_sys_path(tree: Tree) -> None:
    interpreter_of(tree, "/usr", SYSTEM, user_site=None)
    assert isinstance(tree.look(PROBES)["python.user_site"], Absent)


@pytest.mark.parametrize(
    ("config", "system"),
    [
        (PLAIN.replace("false", "true"), True),
        (PLAIN.replace("false", "TRUE"), True),
        (PLAIN, False),
        ("home = /usr/bin\n", True),
        (None, True),
    ],
)
def test_an_environment_on_top_of_the_system(tree: Tree, config: str | None, system: bool) -> None:
    interpreter_of(tree, "/home/u/env", LOCAL, SYSTEM, "/home/u/checkout", base="/usr")
    if config is not None:
        tree.file("/home/u/env/pyvenv.cfg", config)
    seen = tree.look(PROBES)
    assert value(seen, "python.environment") == "venv"
    assert kinds(seen) == ["environment", "dist-packages", "dist-packages", "other"]
    assert value(seen, "python.system_site") is system


def test_the_packages_of_a_standalone_python_below_an_environment(tree: Tree) -> None:
    base = "/home/u/.pyenv/versions/3.11.7"
    interpreter_of(tree, "/home/u/env", f"{base}/lib/python3.11/site-packages", base=base)
    tree.file("/home/u/env/pyvenv.cfg", PLAIN.replace("false", "true"))
    assert kinds(tree.look(PROBES)) == ["environment", "system"]


def test_an_environment_of_an_old_virtualenv(tree: Tree) -> None:
    own = interpreter_of(tree, "/home/u/old")
    tree.file(own.replace("site-packages", "orig-prefix.txt"), "/usr")
    assert kind(tree.look(PROBES)) == ("venv", "virtualenv")


def test_windows(tree: Tree) -> None:
    tree.machine["os"] = "windows"
    prefix, base = "C:\\projects\\p\\.venv", "C:\\Python311"
    site, user = f"{prefix}\\Lib\\site-packages", "C:\\Users\\u\\AppData\\Roaming\\Python\\Python311\\site-packages"
    for folder in (site, user, f"{base}\\Lib\\site-packages"):
        tree.folder(folder.replace("\\", "/").replace(":", ""))
    tree.file("/C/projects/p/.venv/pyvenv.cfg", BY_VIRTUALENV.replace("false", "true"))
    tree.file("/C/projects/p/poetry.lock")
    path = [prefix, site, user, base, f"{base}\\Lib\\site-packages"]
    tree.python({**TOLD, "prefix": prefix, "base_prefix": base, "path": path, "user_site": user})
    seen = tree.look(PROBES)
    assert kind(seen) == ("venv", "poetry")
    assert kinds(seen) == ["environment", "environment", "user", "system", "system"]


def test_nothing_is_concluded_where_the_interpreter_did_not_answer(tree: Tree) -> None:
    tree.says("interpreter", code=None, trouble="did not answer within 10 s")
    seen = tree.look(PROBES)
    assert all(isinstance(seen[name], Unknown) for name in (*environment_kind.FACTS, *layers.FACTS))


def test_a_prefix_that_may_not_be_read_is_still_an_environment(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    interpreter_of(tree, "/closed/env", base="/usr")

    def denied(self: Host, path: str, *limit: int) -> Any:
        raise PermissionError(13, "Permission denied", path)

    host = tree.host()
    monkeypatch.setattr(Host, "listdir", denied)
    monkeypatch.setattr(Host, "read", denied)
    monkeypatch.setattr(Host, "is_file", lambda self, path: False)
    seen = look_at(host, "/closed/env/bin/python", PROBES)
    assert kind(seen) == ("venv", "venv")
    assert value(seen, "python.system_site") is False


# Real environments.


def real(executable: str | Path, **environ: str) -> Facts:
    host = Host(environ={"PATH": os.environ["PATH"], **environ})
    return look_at(host, str(executable), (*PROBES, distributions))


@pytest.mark.parametrize("version", ["3.8", "3.9", "3.10", "3.11", "3.12", "3.13"])
def test_real_pythons_and_their_environments(version: str, tmp_path: Path) -> None:
    base = real(python(version))
    assert value(base, "python.environment") in ("standalone", "system", "conda-base")
    assert value(base, "python.base_prefix") == value(base, "python.prefix")
    assert value(base, "python.bits") == 64
    for name, flags in (("alone", []), ("stacked", ["--system-site-packages"])):
        path = tmp_path / name
        subprocess.run([python(version), "-m", "venv", "--without-pip", "--symlinks", *flags, str(path)], check=True)
        seen = real(path / "bin" / "python")
        assert kind(seen) == ("venv", "venv")
        assert value(seen, "python.base_prefix") == value(base, "python.prefix")
        assert value(seen, "python.system_site") is bool(flags)
        assert kinds(seen)[0] == "environment"
        assert ("system" in kinds(seen) or "dist-packages" in kinds(seen)) is bool(flags)
        assert value(seen, "python.has_pip") is (bool(flags) and value(base, "python.has_pip"))


def test_a_real_environment_of_uv(tmp_path: Path) -> None:
    beside = Path(sys.executable).parent / "uv"
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv is None:
        pytest.skip("no uv")
    words = [uv, "venv", "--offline", "--no-config", "--quiet", "--python", sys.executable, str(tmp_path / "env")]
    subprocess.run(words, check=True)
    seen = real(tmp_path / "env" / "bin" / "python")
    assert kind(seen) == ("venv", "uv")
    assert (value(seen, "python.has_pip"), value(seen, "python.system_site")) == (False, False)


def test_pythonpath_and_pth_files_are_layers_of_others(tmp_path: Path) -> None:
    path = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(path)], check=True)
    site = next((path / "lib").glob("python3*")) / "site-packages"
    for folder in ("extra", "checkout"):
        (tmp_path / folder).mkdir()
    (site / "__editable__.demo-1.0.pth").write_text(f"{tmp_path / 'checkout'}\n")
    seen = real(path / "bin" / "python", PYTHONPATH=str(tmp_path / "extra"))
    assert value(seen, "python.layers") == [
        {"folder": str(tmp_path / "extra"), "kind": "other"},
        {"folder": str(site), "kind": "environment"},
        {"folder": str(tmp_path / "checkout"), "kind": "other"},
    ]


def test_a_real_site_of_the_user(tmp_path: Path) -> None:
    base = python(f"{sys.version_info.major}.{sys.version_info.minor}")
    folder = tmp_path / f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    folder.mkdir(parents=True)
    seen = real(base, PYTHONUSERBASE=str(tmp_path), HOME=str(tmp_path))
    assert value(seen, "python.user_site") == str(folder)
    assert kinds(seen)[value(seen, "python.site_packages").index(str(folder))] == "user"
    hidden = real(base, PYTHONUSERBASE=str(tmp_path), HOME=str(tmp_path), PYTHONNOUSERSITE="1")
    assert isinstance(hidden["python.user_site"], Absent)
