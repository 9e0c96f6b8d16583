from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from envdoctor.matrix import load
from envdoctor.matrix.compile import compiled
from envdoctor.matrix.load import load_matrix, read_toml
from envdoctor.matrix.matrix import Matrix
from envdoctor.matrix.rows import MatrixError

ROOT = Path(__file__).resolve().parents[2]


def everything(matrix):
    tables = (
        "releases",
        "past_releases",
        "partners",
        "past_partners",
        "cuda_floors",
        "toolkits",
        "driver_branches",
        "generations",
        "sources",
    )
    found = {name: getattr(matrix, name) for name in (*tables, "cudnn_support", "gpus", "tegra", "revision")}
    return found, {version: matrix.wheels(version) for version in (*matrix.past_versions, *matrix.versions)}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package folder of its own, where `load_matrix` looks."""
    folder = tmp_path / "src" / "envdoctor"
    folder.mkdir(parents=True)
    monkeypatch.setattr(load, "_PACKAGE", folder)
    return folder


def test_compiled_form_equals_the_written_one(package, written):
    (package / "compat_matrix.json").write_text(compiled(written), encoding="utf-8")
    assert everything(load_matrix()) == everything(load_matrix(written))


def test_rows_of_history_become_objects_when_an_old_release_is_asked_for(written):
    matrix = Matrix(read_toml(written), "x")
    matrix.wheel(matrix.newest_torch, "cu132", "linux-x86_64")
    matrix.partner("torchvision", "0.29.1")
    assert "history" not in vars(matrix)
    assert matrix.wheel("1.7.1", "cu110", "linux-x86_64").cuda == "11.0"
    assert "history" in vars(matrix)


@pytest.mark.parametrize("damage", [3, "text", []])
def test_a_damaged_history_is_one_line(package, written, damage):
    document = json.loads(compiled(written))
    (package / "compat_matrix.json").write_text(json.dumps({**document, "history": damage}))
    matrix = load_matrix()
    assert matrix.wheel("2.14.0", "cu126", "linux-x86_64") is not None
    with pytest.raises(MatrixError, match=r"^compat_matrix\.json: history: must be a table$"):
        matrix.wheels("1.7.1")


def test_a_file_of_the_user_needs_no_history(tmp_path, written):
    document = read_toml(written)
    del document["history"]
    matrix = Matrix(document, "mine")
    assert (matrix.past_versions, matrix.past_releases, matrix.past_partners) == ((), (), {})
    assert matrix.wheels("1.7.1") == ()
    assert matrix.partner("torchvision", "0.8.2") is None


def test_order_of_places(package, written):
    with pytest.raises(MatrixError, match=r"^compat_matrix\.toml: not found"):
        load_matrix()
    top = package.parent.parent / "compat_matrix.toml"
    top.write_bytes(written.read_bytes())
    assert load_matrix().revision == "2026-11-22"
    beside = package / "compat_matrix.toml"
    beside.write_text('revision = "2026-12-01"\n')
    assert load_matrix().revision == "2026-12-01"
    (package / "compat_matrix.json").write_text('{"revision": "2026-12-02"}')
    assert load_matrix().revision == "2026-12-02"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no row"),
        (b"revision = ", "not TOML: Invalid value (at end of document)"),
        (b'revision = "2026-11-21"\n[torch\n', "line 2"),
        (b"revision = 3\n", "revision: must be text"),
        (b"# \xff", "not UTF-8 (byte 2)"),
        (b"\xff\xfe#\x00", "begins with a byte order mark"),
        (b"a = " + b"[" * 100_000, "not TOML"),
        (b"x" * (load.MOST_BYTES + 1), "larger than 4 MiB, not a matrix"),
        (b'surprise = "1"\n', "surprise: unknown key"),
        (b"python_tags = 1.5\n", "python_tags: must be a table"),
        (b"revision = 1" + b"0" * 5000, "not TOML"),
        (b'"two\\nlines\\u001b[31m" = 1', "two lines [31m: unknown key"),
        # tomllib reads it and the law refuses it; tomli, which stands in before 3.11, gives up on the nesting.
        (b"glibc.floors." + b"a." * 2_000 + b'b = "1"\n', "must be text" if sys.version_info >= (3, 11) else "nested"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(tmp_path, content, message):
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(MatrixError) as caught:
        load_matrix(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_path_that_is_no_file_is_one_line(tmp_path):
    with pytest.raises(MatrixError, match="not a file"):
        load_matrix(tmp_path)
    with pytest.raises(MatrixError, match="cannot be read: No such file or directory"):
        load_matrix(tmp_path / "none.toml")
    with pytest.raises(MatrixError, match="cannot be read"):
        load_matrix(Path("nul\0byte"))
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(MatrixError, match="not a file"):
            load_matrix(tmp_path / "pipe")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read any file")
def test_a_file_without_permission_is_one_line(tmp_path, written):
    path = tmp_path / "mine.toml"
    path.write_bytes(written.read_bytes())
    path.chmod(0)
    with pytest.raises(MatrixError, match="cannot be read: Permission denied"):
        load_matrix(path)


def test_a_damaged_compiled_form_is_one_line(package):
    target = package / "compat_matrix.json"
    for content in ("{", "[]", '"text"', "[" * 100_000):
        target.write_text(content)
        with pytest.raises(MatrixError) as caught:
            load_matrix()
        assert "\n" not in str(caught.value)


def test_the_build_hook_adds_the_compiled_form_to_standard_wheels_only(written):
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    hook = module.MatrixHook(str(ROOT), {}, None, None, "", "wheel")
    data = {"force_include": {}}
    hook.initialize("editable", data)
    assert data["force_include"] == {}
    hook.initialize("standard", data)
    (made, place), *others = data["force_include"].items()
    assert (place, others) == ("envdoctor/compat_matrix.json", [])
    assert json.loads(Path(made).read_text(encoding="utf-8"))["revision"] == load_matrix(written).revision
    hook.finalize("standard", data, "")
    assert not Path(made).parent.exists()


def test_the_compiled_form_needs_no_toml_reader(tmp_path, written):
    package = tmp_path / "envdoctor"
    package.symlink_to(ROOT / "src" / "envdoctor")
    target = tmp_path / "compat_matrix.json"
    target.write_text(compiled(written), encoding="utf-8")
    script = (
        "import sys; from pathlib import Path; from envdoctor.matrix.load import read_json\n"
        "from envdoctor.matrix.matrix import Matrix\n"
        f"m = Matrix(read_json(Path({str(target)!r})), 'x'); m.wheels(m.newest_torch); m.driver_cuda('535.1')\n"
        "print(*sorted({'tomllib', 'tomli', 'packaging', 'difflib', 'envdoctor.matrix.laws'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == ""
