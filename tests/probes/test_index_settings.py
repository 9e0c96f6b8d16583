"""Index settings of pip, uv and conda: which files and variables count, and that no credential is kept."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envdoctor.codec.redact import redacted
from envdoctor.codec.snapshot import encode
from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.model.fact import Known, Unknown
from envdoctor.model.plan import Plan, Status
from envdoctor.model.report import Report
from envdoctor.model.snapshot import Snapshot
from envdoctor.probes import environment, index_settings, interpreter
from envdoctor.probes.index_files import conda, pip, uv
from envdoctor.reporters import REPORTERS
from envdoctor.rules.example_machine import HEALTHY, snapshot
from recorded_tree import Tree, value
from standin.command import run_cli

if TYPE_CHECKING:
    from envdoctor.probes.looking import Facts

HOME = "/home/me"
CU128 = "https://download.pytorch.org/whl/cu128"


def look(tree: Tree) -> Facts:
    return tree.look((interpreter, index_settings))


def told(tree: Tree) -> list[tuple[str, str, str, str]]:
    entries = value(look(tree), "index.settings")
    return [(one["tool"], one["setting"], one["value"], one["from"]) for one in entries]


def test_nothing_is_set(tree: Tree) -> None:
    assert told(tree) == []
    tree.set(HOME=HOME, PIP_INDEX_URL="", UV_INDEX=" ")
    assert told(tree) == []


@pytest.mark.parametrize(
    ("variable", "text", "entries"),
    [
        ("PIP_INDEX_URL", f"{CU128}/", [("pip", "index-url", f"{CU128}/")]),
        (
            "PIP_EXTRA_INDEX_URL",
            f"https://me:word@mirror.example/simple {CU128}",
            [("pip", "extra-index-url", "https://mirror.example/simple"), ("pip", "extra-index-url", CU128)],
        ),
        ("PIP_FIND_LINKS", "/srv/wheels", [("pip", "find-links", "/srv/wheels")]),
        ("PIP_NO_INDEX", "1", [("pip", "no-index", "1")]),
        ("UV_DEFAULT_INDEX", "https://mirror.example/simple", [("uv", "index-url", "https://mirror.example/simple")]),
        ("UV_INDEX_URL", CU128, [("uv", "index-url", CU128)]),
        ("UV_INDEX", f"pytorch={CU128}", [("uv", "extra-index-url", CU128)]),
        ("UV_EXTRA_INDEX_URL", CU128, [("uv", "extra-index-url", CU128)]),
        ("UV_FIND_LINKS", "/a,/b", [("uv", "find-links", "/a"), ("uv", "find-links", "/b")]),
        ("UV_TORCH_BACKEND", "cu128", [("uv", "torch-backend", "cu128")]),
        (
            "CONDA_CHANNELS",
            "nvidia,conda-forge",
            [("conda", "channels", "nvidia"), ("conda", "channels", "conda-forge")],
        ),
    ],
)
def test_a_variable(tree: Tree, variable: str, text: str, entries: list[tuple[str, str, str]]) -> None:
    tree.set(**{variable: text})
    assert told(tree) == [(*entry, variable) for entry in entries]


PIP_CONF = f"""
# a comment
[global]
timeout = 60
index_url: https://me:word@mirror.example/simple
extra-index-url =
    {CU128}
    https://second.example/simple

[install]
no-index = true
[download]
index-url = https://other.example/simple
"""


def test_pip_reads_the_files_of_its_documentation(tree: Tree) -> None:
    places = [
        "/etc/xdg/pip/pip.conf",
        "/etc/pip.conf",
        f"{HOME}/.pip/pip.conf",
        f"{HOME}/.config/pip/pip.conf",
        "/venv/pip.conf",
    ]
    for number, place in enumerate(places):
        tree.file(place, f"[global]\nindex-url = https://{number}.example/simple\n")
    tree.set(HOME=HOME)
    assert [origin for *_, origin in told(tree)] == places
    tree.file("/named.conf", "[global]\nindex-url = https://named.example/simple\n")
    tree.set(PIP_CONFIG_FILE="/named.conf")
    assert [origin for *_, origin in told(tree)] == ["/named.conf", *places[:2], places[-1]]
    tree.set(PIP_CONFIG_FILE="/dev/null")
    assert told(tree) == []


def test_a_pip_file(tree: Tree) -> None:
    tree.file("/etc/pip.conf", PIP_CONF)
    assert [entry[1:3] for entry in told(tree)] == [
        ("index-url", "https://mirror.example/simple"),
        ("extra-index-url", CU128),
        ("extra-index-url", "https://second.example/simple"),
        ("no-index", "true"),
    ]


UV_TOML = f"""
find-links = ["/srv/wheels"]
[[index]]
name = "pytorch"
url = "https://me:word@mirror.example/whl/cu128"
[[index]]
url = "{CU128}"
explicit = true
[[index]]
url = "https://mirror.example/simple"
default = true
[pip]
torch-backend = "cu128"
no-index = false
"""


def test_a_uv_file(tree: Tree) -> None:
    tree.file(f"{HOME}/.config/uv/uv.toml", UV_TOML)
    tree.set(HOME=HOME)
    assert [entry[:3] for entry in told(tree)] == [
        ("uv", "find-links", "/srv/wheels"),
        ("uv", "torch-backend", "cu128"),
        ("uv", "extra-index-url", "https://mirror.example/whl/cu128"),
        ("uv", "explicit-index", CU128),
        ("uv", "index-url", "https://mirror.example/simple"),
    ]
    tree.set(UV_NO_CONFIG="1")
    assert told(tree) == []
    tree.file("/one.toml", f'index-url = "{CU128}"')
    tree.set(UV_NO_CONFIG="", UV_CONFIG_FILE="/one.toml")
    assert told(tree) == [("uv", "index-url", CU128, "/one.toml")]


CONDARC = """
channels:
  - conda-forge   # first
  - https://conda.example/t/me-123-abc/channel
  - "https://me:word@conda.example/private"
channel_alias: https://me:word@conda.example
ssl_verify: true
default_channels: [nvidia, 'pytorch']
envs_dirs:
  - /srv/envs
"""


def test_a_conda_file(tree: Tree) -> None:
    tree.file("/opt/conda/.condarc", CONDARC)
    tree.set(CONDA_EXE="/opt/conda/bin/conda")
    assert [entry[1:3] for entry in told(tree)] == [
        ("channels", "conda-forge"),
        ("channels", "https://conda.example/t/removed/channel"),
        ("channels", "https://conda.example/private"),
        ("channel-alias", "https://conda.example"),
        ("default-channels", "nvidia"),
        ("default-channels", "pytorch"),
    ]


def test_conda_reads_the_active_environment_and_the_user(tree: Tree) -> None:
    for place in (f"{HOME}/.condarc", "/env/.condarc", "/named/condarc"):
        tree.file(place, "channels: [nvidia]\n")
    tree.set(HOME=HOME, CONDA_PREFIX="/env", CONDARC="/named/condarc")
    assert [origin for *_, origin in told(tree)] == [f"{HOME}/.condarc", "/env/.condarc", "/named/condarc"]


def test_macos_has_folders_of_its_own(tree: Tree) -> None:
    tree.machine["os"] = "macos"
    support = "Library/Application Support/pip/pip.conf"
    for place in (f"/{support}", f"/Users/me/{support}", "/Users/me/.config/pip/pip.conf"):
        tree.file(place, f"[global]\nindex-url = {CU128}\n")
    tree.set(HOME="/Users/me")
    assert [origin for *_, origin in told(tree)] == [f"/{support}", f"/Users/me/{support}"]


def test_windows_has_folders_of_its_own(tree: Tree) -> None:
    tree.machine["os"] = "windows"
    tree.file("/C/Users/me/AppData/Roaming/pip/pip.ini", f"[global]\nindex-url = {CU128}\n")
    tree.file("/C/Users/me/AppData/Roaming/uv/uv.toml", f'index-url = "{CU128}"\n')
    tree.file("/C/Users/me/.condarc", "channels: [nvidia]\n")
    tree.file("/C/miniforge3/.condarc", "channels: [conda-forge]\n")
    tree.set(APPDATA=r"C:\Users\me\AppData\Roaming", USERPROFILE=r"C:\Users\me")
    tree.set(CONDA_EXE=r"C:\miniforge3\Scripts\conda.exe")
    assert [entry[::2] for entry in told(tree)] == [
        ("pip", CU128),
        ("uv", CU128),
        ("conda", "conda-forge"),
        ("conda", "nvidia"),
    ]


# ---- files that are none ----------------------------------------------------------------------------


def test_a_file_that_cannot_be_read_is_unknown_and_costs_nothing_else(tree: Tree) -> None:
    os.mkfifo(tree.folder("/etc") / "pip.conf")
    facts = look(tree)
    assert facts["index.settings"] == Unknown("/etc/pip.conf cannot be read")
    tree.set(UV_TORCH_BACKEND="cpu")
    assert told(tree) == [("uv", "torch-backend", "cpu", "UV_TORCH_BACKEND")]


@pytest.mark.parametrize("place", ["/etc/pip.conf", "/etc/uv/uv.toml", "/etc/conda/.condarc"])
def test_an_endless_file_is_not_read(tree: Tree, place: str) -> None:
    with tree.file(place).open("wb") as file:
        file.truncate(2**30)  # sparse: a gigabyte that takes no room
    assert isinstance(look(tree)["index.settings"], Unknown)


@pytest.mark.parametrize(
    ("place", "content"),
    [
        ("/etc/uv/uv.toml", b"not toml ["),
        ("/etc/uv/uv.toml", b"a=" + b"[" * 5000),
        ("/etc/uv/uv.toml", b"\xff\xfe\x00"),
    ],
)
def test_what_is_no_toml_is_unknown(tree: Tree, place: str, content: bytes) -> None:
    tree.file(place, content)
    assert look(tree)["index.settings"] == Unknown(f"{place} cannot be read")


def test_a_circle_of_links_a_folder_and_a_home_that_is_none(tree: Tree) -> None:
    (tree.folder("/etc") / "pip.conf").symlink_to("pip.conf")
    assert told(tree) == []
    (tree.root / "etc" / "pip.conf").unlink()
    tree.folder("/etc/pip.conf")
    assert isinstance(look(tree)["index.settings"], Unknown)
    tree.set(HOME="/nowhere\0", PIP_INDEX_URL=CU128)
    assert told(tree) == [("pip", "index-url", CU128, "PIP_INDEX_URL")]


def test_many_values_are_bounded(tree: Tree) -> None:
    tree.set(PIP_EXTRA_INDEX_URL="https://mirror.example/simple " * 5000)
    assert len(told(tree)) == index_settings.MOST


@given(st.text(max_size=200) | st.text("[]=:- \n\t#;channels\"'indexurl", max_size=200))
def test_the_readers_take_any_text(text: str) -> None:
    assert all(name in (*("index-url", "extra-index-url"), "find-links", "no-index") for name, _ in pip(text))
    assert all(name.startswith(("channel", "default-channel")) for name, _ in conda(text))
    try:
        found = list(uv(text))
    except ValueError:
        found = []
    assert all(isinstance(one, str) for _, one in found)


# ---- credentials ------------------------------------------------------------------------------------

MATRIX = load_matrix()
SECRET = "Zz9SECRETzZ"
PART = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=10)


def outputs(facts: Facts) -> list[str]:
    """Everything envdoctor could write of these facts, redacted and not."""
    whole = Snapshot({**snapshot(HEALTHY).facts, **facts}, taken="2026-11-21T10:00:00Z", envdoctor="0.1.0")
    written = []
    for one in (whole, redacted(whole, HOME, "me", "host")):
        diagnosis = diagnose(one, MATRIX)
        plan = Plan(Status.NOTHING_TO_DO)
        report = Report(one, diagnosis, plan, 0, MATRIX.revision, MATRIX.newest_torch, "0.1.0")
        written += [json.dumps(encode(one)), *(make()(report, verbose=True) for make in REPORTERS.values())]
    return written


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(["https://", "http://", "", "//", "https:/", "https:\\\\", "git+https://"]),
    PART,
    PART,
    st.sampled_from(["@", "%40"]),
    st.sampled_from(["mirror.example/simple", "mirror.example\\simple", "download.pytorch.org/whl/cu125"]),
)
def test_user_info_is_in_no_output(scheme: str, first: str, second: str, at: str, place: str) -> None:
    """Whatever stands in it, wherever the setting stands."""
    address = f"{scheme}{first}{SECRET}:{second}{SECRET}{at}{place}"
    if "://" in first + second:  # with a blank before it, that is an address of its own
        return
    line = " ".join(address.split())  # a file holds a value in one line
    with tempfile.TemporaryDirectory() as folder:
        tree = Tree(Path(folder))
        tree.file("/etc/pip.conf", f"[global]\nindex-url = {line}\nextra-index-url =\n  {line}\n")
        tree.file("/etc/uv/uv.toml", f"index-url = {json.dumps(line)}\nfind-links = [{json.dumps(line)}]\n")
        tree.file("/etc/conda/.condarc", f"channels:\n  - {line}\nchannel_alias: {line}\ndefault_channels: [{line}]\n")
        tree.set(**dict.fromkeys(index_settings.VARIABLES, address))
        facts = tree.look((environment, interpreter, index_settings))
    assert isinstance(facts["index.settings"], Known)
    assert [text for text in outputs(facts) if SECRET in text] == []


@pytest.mark.parametrize("args", [["snapshot"], ["check", "--format", "json"], ["check", "--verbose"], ["check"]])
def test_user_info_is_in_no_output_of_the_command_line(args: list[str], tmp_path: Path) -> None:
    """The real one, on this machine, with a real file and real variables."""
    (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = https://me:{SECRET}@mirror.example/whl/cu125\n")
    (tmp_path / "uv.toml").write_text(f'index-url = "https://me:{SECRET}@mirror.example/simple"\n')
    variables = {
        "PIP_CONFIG_FILE": str(tmp_path / "pip.conf"),
        "UV_CONFIG_FILE": str(tmp_path / "uv.toml"),
        "PIP_EXTRA_INDEX_URL": f"https://{SECRET}@mirror.example/simple https://download.pytorch.org/whl/cu125",
        "UV_INDEX": f"name=me:{SECRET}@mirror.example/simple",
        "PYTHONPATH": f"{os.environ.get('PYTHONPATH', '')}:https://me:{SECRET}@mirror.example/x",
    }
    said = run_cli([*args, *(["--python", sys.executable])], variables)
    assert said.exit_code in (0, 1)
    assert "mirror.example" in said.stdout or args[0] == "check"
    assert SECRET not in said.stdout + said.stderr


def test_a_named_file_with_user_info_in_its_name(tree: Tree) -> None:
    tree.set(UV_CONFIG_FILE=f"https://me:{SECRET}@mirror.example/uv.toml")
    os.mkfifo(tree.folder(f"/https:/me:{SECRET}@mirror.example") / "uv.toml")
    fact = look(tree)["index.settings"]
    assert isinstance(fact, Unknown)
    assert SECRET not in fact.reason
