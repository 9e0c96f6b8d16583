"""`python.local_modules`, held to what the interpreter itself imports."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import time
from typing import TYPE_CHECKING, Any

import pytest

from envdoctor.host.host import Host
from envdoctor.probes import (
    distributions,
    environment,
    environment_kind,
    interpreter,
    layers,
    local_modules,
    torch_build,
)
from envdoctor.probes.looking import Looking
from envdoctor.probes.target import Target
from recorded_tree import TOLD, Tree, value
from standin.environment import Environment, install, make_environment

if TYPE_CHECKING:
    from pathlib import Path

    from envdoctor.probes.looking import Facts

PROBES = (interpreter, environment, environment_kind, layers, distributions, torch_build, local_modules)

WHERE = "import importlib.util as u; s = u.find_spec({name!r}); print(s.origin if s else None)"


@pytest.fixture(scope="module")
def environment_with_torch(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    made = make_environment(tmp_path_factory.mktemp("local") / "venv", "2.9.1+cu128")
    install(made, "numpy", "2.3.0", files={"numpy/__init__.py": "", "numpy/_core/__init__.py": ""})
    return made


def environ(**more: str) -> dict[str, str]:
    plain = {name: said for name, said in os.environ.items() if not name.startswith("PYTHON")}
    return {**plain, **more}


def seen(python: Path, cwd: Path | None, **more: str) -> Facts:
    host = Host(environ=environ(**more))
    at = Looking(host, Target(str(python), "named by --python"), deadline=time.monotonic() + 60)
    at.cwd = str(cwd) if cwd else None
    for probe in PROBES:
        at.facts.update(probe.look(at))
    return at.facts


def rows(python: Path, cwd: Path | None, **more: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = value(seen(python, cwd, **more), "python.local_modules")
    return found


def imported(python: Path, cwd: Path, name: str, **more: str) -> str:
    """What `python -c "import NAME"` started in that folder would load; nothing is run of it."""
    done = subprocess.run(
        [python, "-c", WHERE.format(name=name)],
        cwd=cwd,
        env=environ(**more),
        capture_output=True,
        text=True,
        check=True,
    )
    return os.path.normpath(os.path.join(cwd, done.stdout.strip()))


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("raise SystemExit('a local file was run')\n")


EXTENSION = sysconfig.get_config_var("EXT_SUFFIX") or ".so"


@pytest.mark.parametrize(
    ("files", "name", "expected"),
    [
        (["torch.py"], "torch", "torch.py"),
        (["torch/__init__.py"], "torch", "torch/__init__.py"),
        (["torch/__init__.py", "torch.py"], "torch", "torch/__init__.py"),
        ([f"torch{EXTENSION}"], "torch", f"torch{EXTENSION}"),
        ([f"torch{EXTENSION}", "torch.py"], "torch", f"torch{EXTENSION}"),
        (["torch.abi3.so"], "torch", "torch.abi3.so"),
        (["torch.pyc"], "torch", "torch.pyc"),
        (["torch/model.py"], "torch", None),  # no package: `import` passes over it
        (["torch"], "torch", None),
        (["pytorch.py", "torch.txt", "torch.ipynb", "Torch.py"], "torch", None),
        (["torchvision/__init__.py"], "torchvision", "torchvision/__init__.py"),
        (["numpy.py"], "numpy", "numpy.py"),
        (["triton/__init__.py"], "triton", "triton/__init__.py"),
    ],
)
@pytest.mark.parametrize("by", ["working directory", "PYTHONPATH"])
def test_what_import_meets_first(
    files: list[str], name: str, expected: str | None, by: str, environment_with_torch: Environment, tmp_path: Path
) -> None:
    python, site = environment_with_torch.python, environment_with_torch.site_packages
    write(tmp_path, *files)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    cwd = tmp_path if by == "working directory" else elsewhere
    more = {} if by == "working directory" else {"PYTHONPATH": f"{elsewhere}:{tmp_path}"}
    truth = imported(python, cwd, name, **more)
    found = rows(python, cwd, **more)
    if expected is None:
        assert truth == str(site / name / "__init__.py")
        assert found == []
    else:
        assert truth == str(tmp_path / expected)
        assert found == [{"module": name, "path": truth, "from": by, "hides": str(site / name)}]


def test_a_module_whose_package_is_not_installed_hides_nothing(
    environment_with_torch: Environment, tmp_path: Path
) -> None:
    write(tmp_path, "torchaudio.py")
    assert rows(environment_with_torch.python, tmp_path) == []


def test_a_python_that_may_not_look_into_the_working_directory(
    environment_with_torch: Environment, tmp_path: Path
) -> None:
    """PYTHONSAFEPATH keeps it out from Python 3.11 on; older ones do not know the variable."""
    write(tmp_path, "torch.py")
    python = environment_with_torch.python
    local = imported(python, tmp_path, "torch", PYTHONSAFEPATH="1") == str(tmp_path / "torch.py")
    assert local == (sys.version_info < (3, 11))
    assert bool(rows(python, tmp_path, PYTHONSAFEPATH="1")) == local


def test_the_folder_of_packages_as_working_directory(environment_with_torch: Environment) -> None:
    python, site = environment_with_torch.python, environment_with_torch.site_packages
    assert rows(python, site) == []
    assert rows(python, site.parent) == []


def test_a_link_to_the_folder_of_packages(environment_with_torch: Environment, tmp_path: Path) -> None:
    link = tmp_path / "packages"
    link.symlink_to(environment_with_torch.site_packages)
    assert rows(environment_with_torch.python, link) == []
    assert rows(environment_with_torch.python, None, PYTHONPATH=str(link)) == []


def test_another_whole_installation_is_no_local_module(environment_with_torch: Environment, tmp_path: Path) -> None:
    """`pip install --target`, or a checkout that was built in place: they import."""
    write(tmp_path, "torch/__init__.py", f"torch/_C{EXTENSION}")
    python = environment_with_torch.python
    assert rows(python, tmp_path) == []
    assert rows(python, None, PYTHONPATH=str(tmp_path)) == []
    assert value(seen(python, None, PYTHONPATH=str(tmp_path)), "torch.location") == str(tmp_path / "torch")


def test_the_installed_torch_is_told_where_a_local_one_hides_it(
    environment_with_torch: Environment, tmp_path: Path
) -> None:
    write(tmp_path, "torch/__init__.py")
    facts = seen(environment_with_torch.python, None, PYTHONPATH=str(tmp_path))
    assert value(facts, "torch.location") == str(environment_with_torch.site_packages / "torch")
    assert value(facts, "torch.version") == "2.9.1+cu128"
    assert [row["path"] for row in value(facts, "python.local_modules")] == [str(tmp_path / "torch/__init__.py")]


def test_a_torch_folder_alone_is_still_the_one_that_is_imported(tmp_path: Path) -> None:
    made = make_environment(tmp_path / "venv", None)
    write(tmp_path / "src", "torch/__init__.py")
    facts = seen(made.python, None, PYTHONPATH=str(tmp_path / "src"))
    assert value(facts, "torch.location") == str(tmp_path / "src" / "torch")
    assert value(facts, "python.local_modules") == []


def test_of_two_folders_that_are_no_installation_the_first_is_imported(tmp_path: Path) -> None:
    made = make_environment(tmp_path / "venv", None)
    write(tmp_path, "one/torch/__init__.py", "two/torch/__init__.py")
    path = f"{tmp_path / 'one'}:{tmp_path / 'two'}"
    assert imported(made.python, tmp_path, "torch", PYTHONPATH=path) == str(tmp_path / "one/torch/__init__.py")
    assert value(seen(made.python, None, PYTHONPATH=path), "torch.location") == str(tmp_path / "one/torch")


def test_a_folder_of_a_pth_file_comes_after_the_packages_beside_it(tmp_path: Path) -> None:
    made = make_environment(tmp_path / "venv", "2.9.1+cu128")
    write(tmp_path / "project", "torch.py")
    (made.site_packages / "project.pth").write_text(f"{tmp_path / 'project'}\n")
    assert imported(made.python, tmp_path, "torch").startswith(str(made.site_packages))
    assert rows(made.python, None) == []
    # One that inserts itself is met first, by every program.
    (made.site_packages / "project.pth").write_text(f"import sys; sys.path.insert(1, {str(tmp_path / 'project')!r})\n")
    assert imported(made.python, tmp_path, "torch") == str(tmp_path / "project" / "torch.py")
    assert [row["from"] for row in rows(made.python, None)] == ["sys.path"]


def test_an_empty_entry_of_pythonpath_is_the_working_directory(
    environment_with_torch: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "torch.py")
    monkeypatch.chdir(tmp_path)
    (row,) = rows(environment_with_torch.python, tmp_path, PYTHONPATH="/nowhere:")
    assert (row["from"], row["path"]) == ("PYTHONPATH", str(tmp_path / "torch.py"))


def test_a_recorded_machine_has_no_working_directory(tree: Tree) -> None:
    tree.file(f"{TOLD['path'][0]}/torch/__init__.py")
    tree.file(f"{TOLD['path'][0]}/torch-2.9.1.dist-info/METADATA")
    assert value(tree.look(PROBES), "python.local_modules") == []
