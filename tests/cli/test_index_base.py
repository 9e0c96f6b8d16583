"""Where the base of the wheel index is named: the option, the variable, the user's file; and what it may not be."""

from __future__ import annotations

from pathlib import Path

import pytest

from envdoctor.commands.failure import Unusable
from envdoctor.commands.index_base import IndexBase, index_base
from machines import run_cli

CASES = Path(__file__).parents[1] / "cases"
MIRROR = "https://mirror.example/pytorch/whl"


def settings(folder: Path, text: str | bytes) -> dict[str, str]:
    """The variables of a user whose settings hold a text."""
    path = folder / "envdoctor" / "envdoctor.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return {"XDG_CONFIG_HOME": str(folder)}


def test_without_a_word_it_is_pytorch_s_own() -> None:
    base = index_base(None, {})
    assert (base, base.official, base.secret) == (IndexBase(), True, None)
    assert index_base("https://download.pytorch.org/whl/", {}).official


def test_the_option_comes_before_the_variable_and_that_before_the_file(tmp_path: Path) -> None:
    file = settings(tmp_path, f'# mine\nindex-base = "{MIRROR}/file/"\n')
    variable = {**file, "ENVDOCTOR_INDEX_BASE": f"{MIRROR}/variable"}
    assert index_base(None, file) == IndexBase(f"{MIRROR}/file", str(tmp_path / "envdoctor" / "envdoctor.toml"))
    assert index_base(None, variable) == IndexBase(f"{MIRROR}/variable", "ENVDOCTOR_INDEX_BASE")
    assert index_base(f"{MIRROR}/option/", variable) == IndexBase(f"{MIRROR}/option", "--index-base")


def test_the_file_stands_in_the_home_where_no_other_folder_is_named(tmp_path: Path) -> None:
    settings(tmp_path / ".config", f'index-base = "{MIRROR}"')
    assert index_base(None, {"HOME": str(tmp_path)}).url == MIRROR
    assert index_base(None, {"HOME": str(tmp_path), "XDG_CONFIG_HOME": "relative"}).official
    assert index_base(None, {"HOME": "\0"}).official


def test_a_project_does_not_say_where_packages_come_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "envdoctor.toml").write_text(f'index-base = "{MIRROR}"')
    (tmp_path / "pyproject.toml").write_text(f'[tool.envdoctor]\nindex-base = "{MIRROR}"')
    monkeypatch.chdir(tmp_path)
    assert index_base(None, {}).official


def test_a_login_is_kept_apart() -> None:
    base = index_base("https://me:p%40ss@mirror.example:8443/whl/", {})
    assert base.url == "https://mirror.example:8443/whl"
    assert base.asked == base.secret == "https://me:p%40ss@mirror.example:8443/whl"
    assert "p%40ss" not in repr(base)
    assert (
        index_base("https://me:word@files.example/basic/my-org/whl", {}).url == "https://files.example/basic/my-org/whl"
    )


def test_a_folder_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "my wheels"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    assert index_base(str(folder), {}).url == folder.as_uri()
    assert index_base("./my wheels", {}).url == folder.as_uri()
    assert index_base(folder.as_uri(), {}).url == folder.as_uri()
    variables = settings(tmp_path, 'index-base = "./my wheels"')
    with pytest.raises(Unusable, match="by its whole path"):
        index_base(None, variables)


REFUSED = {
    "": "the value is empty",
    "mirror.example/whl": "not a URL",
    "https://": "not a URL",
    "https://[/whl": "not a URL",
    "https://host:99999/whl": "not a URL",
    "https://host/a b": "not a URL",
    "ftp://host/whl": "not a URL",
    "./nothing": "no such folder",
    "https://host/whl?token=hunter2": "no query",
    "https://host/whl#x": "no query and no fragment",
    "https://host/whl/cu126": "the index of one channel; the base is https://host/whl",
    "https://host/whl/cu126/simple/": "the index of one channel; the base is https://host/whl",
    "https://me:hunter2@host/whl/cpu": "the base is https://host/whl",
    "https://me:hunter2 3@host/whl": "not a URL",
    "https://me:hunter2@host:99999/whl": "not a URL",
    "https://host/t/hunter2/whl": "seems to hold a token",
    "https://host/ghp_hunter2hunter2hunter2/whl": "seems to hold a token",
    "https://host/a1hunter2b3c4d5e6f7/whl": "seems to hold a token",
}


@pytest.mark.parametrize("said", REFUSED)
def test_what_is_no_base_is_refused_in_a_line_that_gives_nothing_away(said: str) -> None:
    for named in ({"option": said, "environ": {}}, {"option": None, "environ": {"ENVDOCTOR_INDEX_BASE": said}}):
        with pytest.raises(Unusable) as caught:
            index_base(**named)  # type: ignore[arg-type]
        line = caught.value.message
        assert line.startswith("--index-base" if named["option"] is not None else "ENVDOCTOR_INDEX_BASE")
        assert REFUSED[said] in line
        assert "hunter2" not in line
        assert "\n" not in line


@pytest.mark.parametrize(
    "path", ["pytorch_wheels_2025", "cu126-wheels-2025", "artifactory/api/pypi/pytorch-remote", "~me/whl", "a%20b"]
)
def test_an_ordinary_path_is_no_token(path: str) -> None:
    assert index_base(f"https://mirror.example/{path}", {}).url == f"https://mirror.example/{path}"


BAD_FILES = {
    "index_base = 'x'": "index_base: unknown; did you mean index-base?",
    "policy = 'x'": "policy: unknown; it may hold index-base",
    "[tool.envdoctor]\nindex-base = 'x'": "tool: unknown",
    "index-base = 3": "not a text in quotes",
    "index-base = ''": "index-base: the value is empty",
    "index-base = 'cu126'": "not a URL",
    "index-base = 'https://me:hunter2": "not TOML",
    "index-base = x": "not TOML (line 1, column 14)",
    "a = [" + "[" * 5000: "not TOML",
    b"\xff\xfe": "not UTF-8",
    b"#" * 70_000: "larger than 64 KiB",
}


@pytest.mark.parametrize("text", BAD_FILES, ids=range(len(BAD_FILES)))
def test_settings_that_cannot_be_used_are_named(text: str | bytes, tmp_path: Path) -> None:
    with pytest.raises(Unusable) as caught:
        index_base(None, settings(tmp_path, text))
    assert caught.value.message.startswith(str(tmp_path / "envdoctor" / "envdoctor.toml"))
    assert BAD_FILES[text] in caught.value.message
    assert "hunter2" not in caught.value.message


def test_settings_that_are_no_file_are_named(tmp_path: Path) -> None:
    (tmp_path / "envdoctor" / "envdoctor.toml").mkdir(parents=True)
    with pytest.raises(Unusable, match="not a regular file"):
        index_base(None, {"XDG_CONFIG_HOME": str(tmp_path)})


@pytest.mark.parametrize("words", [
    ["plan", "--driver", "535.104.05"], ["check", "--snapshot", str(CASES / "default-wheel-on-a100" / "snapshot.json")],
])  # fmt: skip
def test_a_mistake_in_the_variable_is_told_by_each_command(words: list[str]) -> None:
    said = run_cli(words, {"ENVDOCTOR_INDEX_BASE": "https://me:hunter2@host/whl/cu126"})
    assert (said.exit_code, said.stdout) == (2, "")
    assert said.stderr == (
        "envdoctor: ENVDOCTOR_INDEX_BASE https://host/whl/cu126: that is the index of one channel; the base is "
        "https://host/whl\n"
    )


def test_a_saved_machine_is_told_of_the_mirror_too() -> None:
    case = str(CASES / "v100-under-cuda-13" / "snapshot.json")
    variables = {"ENVDOCTOR_INDEX_BASE": "http://127.0.0.1:9/whl"}
    checked = run_cli(["check", "--snapshot", case, "--format", "json"], variables).json()["plan"]
    planned = run_cli(["plan", "--from", case, "--format", "json"], variables).json()
    assert checked["target"]["index_url"].startswith("http://127.0.0.1:9/whl/")
    assert (checked["steps"], checked["because"]) == (planned["steps"], planned["because"])
