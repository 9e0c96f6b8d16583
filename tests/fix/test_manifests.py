"""What a plan says in a manifest, merged into it: all else keeps its lines, and a second time changes nothing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from envdoctor.fix.manifests import Unmergeable, diff, edited, read
from envdoctor.plan.installers import pdm, uv_project
from envdoctor.plan.installers.order import Order

if TYPE_CHECKING:
    from envdoctor.model.plan import Edit

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

URL = "https://download.pytorch.org/whl/cu126"
ORDER = Order("python", ("torch==2.9.1+cu126", "torchvision==0.24.1+cu126"), URL)


def edit_of(tool: str) -> Edit:
    (command,) = {"uv": uv_project, "pdm": pdm}[tool].commands(ORDER)
    assert command.edit is not None
    return command.edit


ENTRY = f'[[tool.uv.index]]\nname = "pytorch-cu126"\nurl = "{URL}"\nexplicit = true\n'
PINS = 'torch = { index = "pytorch-cu126" }\ntorchvision = { index = "pytorch-cu126" }\n'
SOURCES = f"[tool.uv.sources]\n{PINS}"

MERGED = {
    "nothing of uv's": ('[project]\nname = "p"\n', f'[project]\nname = "p"\n\n{ENTRY}\n{SOURCES}'),
    "no line end at the end": ('[project]\nname = "p"', f'[project]\nname = "p"\n\n{ENTRY}\n{SOURCES}'),
    "no line end behind an index": (
        '[project]\nname = "p"\n\n[[tool.uv.index]]\nname = "main"\nurl = "https://a"',
        f'[project]\nname = "p"\n\n[[tool.uv.index]]\nname = "main"\nurl = "https://a"\n\n{ENTRY}\n{SOURCES}',
    ),
    "between tables, and the comment of the next one": (
        '[project]\nname = "p"\n\n[tool.uv]\nmanaged = true  # yes\n\n# How it is built.\n'
        "[build-system]\nrequires = []\n",
        f'[project]\nname = "p"\n\n[tool.uv]\nmanaged = true  # yes\n\n{ENTRY}\n{SOURCES}\n'
        "# How it is built.\n[build-system]\nrequires = []\n",
    ),
    "beside the index that is there": (
        '[project]\nname = "p"\n\n[[tool.uv.index]]\nname = "main"\nurl = "https://a"\ndefault = true\n\n'
        "[tool.ruff]\nline-length = 80\n",
        '[project]\nname = "p"\n\n[[tool.uv.index]]\nname = "main"\nurl = "https://a"\ndefault = true\n\n'
        f"{ENTRY}\n{SOURCES}\n[tool.ruff]\nline-length = 80\n",
    ),
    "an index of that name, another source, a source of something else": (
        '[project]\nname = "p"\n\n[[tool.uv.index]]\nname = "pytorch-cu126"  # ours\nurl = "https://old"\n\n'
        '[tool.uv.sources]\n# the CPU build\nTorch = { index = "pytorch-cpu" } # for now\nq = { path = "../q" }\n',
        f'[project]\nname = "p"\n\n[[tool.uv.index]]\nname = "pytorch-cu126"  # ours\nurl = "{URL}"\n'
        "explicit = true\n\n"
        '[tool.uv.sources]\n# the CPU build\nTorch = { index = "pytorch-cu126" } # for now\nq = { path = "../q" }\n'
        'torchvision = { index = "pytorch-cu126" }\n',
    ),
    "one source in a list": (
        '[project]\nname = "p"\n\n[tool.uv.sources]\ntorch = [\n  { index = "pytorch-cpu" },\n]\n',
        f'[project]\nname = "p"\n\n{SOURCES}\n{ENTRY}',
    ),
    "a table for a source": (
        '[project]\nname = "p"\n\n[tool.uv.sources.torch]\nindex = "a"\n\n[tool.uv.sources.q]\npath = "../q"\n',
        f'[project]\nname = "p"\n\n{SOURCES}\n[tool.uv.sources.q]\npath = "../q"\n\n{ENTRY}',
    ),
    "dotted keys": (
        '[project]\nname = "p"\n\n[tool.uv]\nsources.torch.index = "a"\nsources.q.path = "../q"\n',
        '[project]\nname = "p"\n\n[tool.uv]\nsources.torch = { index = "pytorch-cu126" }\n'
        f'sources.torchvision = {{ index = "pytorch-cu126" }}\nsources.q.path = "../q"\n\n{ENTRY}',
    ),
    "tables in several places": (
        '[tool.uv]\nmanaged = true\n\n[project]\nname = "p"\n\n[tool.uv.sources]\nq = { path = "../q" }\n\n'
        '[tool.ruff]\nline-length = 80\n\n[[tool.uv.index]]\nname = "a"\nurl = "https://a"\n',
        '[tool.uv]\nmanaged = true\n\n[project]\nname = "p"\n\n[tool.uv.sources]\nq = { path = "../q" }\n'
        f"{PINS}\n"
        f'[tool.ruff]\nline-length = 80\n\n[[tool.uv.index]]\nname = "a"\nurl = "https://a"\n\n{ENTRY}',
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MERGED)
def test_a_manifest_says_it_and_keeps_its_own_lines(name: str) -> None:
    before, after = MERGED[name]
    assert edited(before, edit_of("uv"), "uv") == after
    assert edited(after, edit_of("uv"), "uv") == after


@pytest.mark.parametrize(
    "text",
    [
        '[project]\nname = "p"\n[tool.uv]\nindex = [\n  {name="main", url="https://a"},\n]\n'
        'sources = {torch = {index="main"}}\n',
        '[project]\nname = "p"\n[tool]\nuv = { index = [{name="a", url="https://a"}], sources = {q={path="../q"}} }\n',
        'tool.uv.sources.torch = {index="x"}\n[project]\nname = "p"\n',
    ],
)
def test_forms_that_have_no_headers_are_understood(text: str) -> None:
    after = tomllib.loads(edited(text, edit_of("uv"), "uv"))
    assert after["tool"]["uv"]["sources"]["torch"] == {"index": "pytorch-cu126"}
    assert after["tool"]["uv"]["index"][-1] == {"name": "pytorch-cu126", "url": URL, "explicit": True}


def test_pdm_finds_its_sources_in_one_place() -> None:
    """Version 2.29.3 of it stops with KeyAlreadyPresent where another table stands between them."""
    text = '[[tool.pdm.source]]\nname = "main"\nurl = "https://a"\n\n[build-system]\nrequires = []\n'
    after = edited(text, edit_of("pdm"), "pdm")
    assert after.index("[build-system]") > after.index("pytorch-cu126")
    assert tomllib.loads(after)["tool"]["pdm"]["source"][1] == {
        "name": "pytorch-cu126",
        "url": URL,
        "include_packages": ["torch", "torchvision"],
        "exclude_packages": ["*"],
    }


def test_an_index_that_was_a_bare_folder_is_none_any_more() -> None:
    text = '[project]\nname = "p"\n\n[[tool.uv.index]]\nname = "pytorch-cu126"\nurl = "https://a"\nformat = "flat"\n'
    (entry,) = tomllib.loads(edited(text, edit_of("uv"), "uv"))["tool"]["uv"]["index"]
    assert entry == {"name": "pytorch-cu126", "url": URL, "explicit": True}


def test_windows_line_ends_and_a_byte_order_mark_stay() -> None:
    before = '\ufeff[project]\r\nname = "p"\r\n'
    after = edited(before, edit_of("uv"), "uv")
    assert after.startswith(before)
    assert after.count("\n") == after.count("\r\n")
    assert edited(after, edit_of("uv"), "uv") == after


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[project\n", "pyproject.toml cannot be read: Expected ']'"),
        ('[project]\nname = "p"\nname = "q"\n', "pyproject.toml cannot be read: Cannot overwrite"),
        ("a = " + "[" * 5000, "pyproject.toml cannot be read: "),
        ("[tool.uv.workspace]\nmembers = []\n", "pyproject.toml has no [project] table that uv could add to"),
        ('[project]\nname = "p"\n[tool]\nuv = 1\n', "is written in a way that is left to a person"),
        ('[project]\nname = "p"\n[tool.uv]\nindex = "a"\n', "is written in a way that is left to a person"),
        (
            '[project]\nname = "p"\n[tool.uv.sources]\n'
            'torch = [{ index = "a", marker = "sys_platform == \'linux\'" }]\n',
            "takes torch from sources that hold under conditions",
        ),
        (
            '[project]\nname = "p"\n[tool.uv.sources]\n'
            'torch = [{ index = "a", extra = "x" }, { index = "b", extra = "y" }]\n',
            "takes torch from sources that hold under conditions",
        ),
        (
            '[project]\nname = "p"\n' + '[[tool.uv.index]]\nname = "pytorch-cu126"\nurl = "https://a"\n' * 2,
            "names pytorch-cu126 2 times",
        ),
    ],
)
def test_what_only_a_person_can_change_is_said_in_a_line(text: str, told: str) -> None:
    with pytest.raises(Unmergeable) as caught:
        edited(text, edit_of("uv"), "uv")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_diff_names_the_file_and_its_lines() -> None:
    before, after = MERGED["one source in a list"]
    told = diff("pyproject.toml", before, after)
    assert told.file == "pyproject.toml"
    assert told.diff.splitlines()[:2] == ["--- a/pyproject.toml", "+++ b/pyproject.toml"]
    assert '-  { index = "pytorch-cpu" },' in told.diff.splitlines()
    assert diff("pyproject.toml", before, before).diff == ""


KEYS = st.sampled_from(["name", "index", "sources", "torch", "q", "url", "marker", "uv", "a-b"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.integers(), st.text(alphabet='ab "\n#\\[]é', max_size=6), st.booleans()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=6,
)
HEADERS = st.sampled_from(
    [
        "[tool.uv]",
        "[tool.uv.sources]",
        "[[tool.uv.index]]",
        "[tool.ruff]",
        "[tool]",
        "[dependency-groups]",
        "# a word",
        "",
    ]
)


def line(key: str, value: Any) -> str:
    return f"{key} = {toml(value)}"


def toml(value: Any) -> str:
    """A value on one line, in a few of the ways that people write it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{escaped}"'
    if isinstance(value, dict):
        return "{" + ", ".join(line(key, one) for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",\n  ".join(map(toml, value)) + "]"
    return str(value)


PARTS = st.lists(st.tuples(HEADERS, st.dictionaries(KEYS, VALUES, max_size=3)), max_size=6)


@given(PARTS, st.sampled_from(["uv", "pdm"]), st.booleans(), st.booleans())
@example([("[[tool.uv.index]]", {"name": "pytorch-cu126", "url": "x"})], "uv", True, True)
@example([("# a word", {}), ("[tool.uv.sources]", {"q": {"path": "a"}}), ("# a word", {})], "uv", False, False)
def test_any_manifest_is_merged_once_or_refused(
    parts: list[tuple[str, dict[str, Any]]], tool: str, windows: bool, ends: bool
) -> None:
    lines = ["[project]", 'name = "p"']
    for header, cells in parts:
        lines += [header, *(line(key, value) for key, value in cells.items())]
    text = "\n".join(lines) + ("\n" if ends else "")
    text = text.replace("\n", "\r\n") if windows else text
    edit = edit_of(tool)
    try:
        after = edited(text, edit, tool)
    except Unmergeable:
        return
    assert edited(after, edit, tool) == after
    was, now = tomllib.loads(text), tomllib.loads(after)
    if tool == "uv":
        assert [one for one in now["tool"]["uv"]["index"] if one.get("name") == "pytorch-cu126"]
        assert now["tool"]["uv"]["sources"]["torch"] == {"index": "pytorch-cu126"}
        for holder in (was, now):
            for key in ("index", "sources"):
                holder.get("tool", {}).get("uv", {}).pop(key, None)
    else:
        assert "pytorch-cu126" in [one.get("name") for one in now["tool"]["pdm"]["source"]]
    for holder in (was, now):
        for name in ("uv", "pdm"):
            if holder.get("tool", {}).get(name) in ({}, None) or name == "pdm":
                holder.get("tool", {}).pop(name, None)
        if holder.get("tool") == {}:
            holder.pop("tool")
    assert was == now
    if windows:
        assert after.count("\n") == after.count("\r\n")


def test_reading_is_the_standard_librarys() -> None:
    assert read('\ufeff[project]\nname = "p"\n', "pyproject.toml") == {"project": {"name": "p"}}
