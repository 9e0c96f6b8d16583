"""Whatever text the files of an environment hold, its readers answer: no input makes one raise or grow."""

from __future__ import annotations

import json
import os
import re
import string
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from envdoctor.model.fact import Known
from envdoctor.probes import (
    conda_records,
    distributions,
    duplicates,
    environment_kind,
    extensions,
    interpreter,
    layers,
    nvidia_packages,
    partners,
    torch_build,
)
from envdoctor.probes.conda_records import channel_name
from envdoctor.probes.installed import pyvenv, records
from envdoctor.probes.installed.provenance import FINDER, MAPPED
from recorded_tree import SITE, TOLD, Tree

PROBES = (
    interpreter,
    environment_kind,
    layers,
    distributions,
    duplicates,
    conda_records,
    torch_build,
    partners,
    nvidia_packages,
    extensions,
)
ODD = st.sampled_from(
    ["\x1b[31m", "::error::", "<b>", "[red]", "\u202e", "\x00", "\r\n", "\n\n", ",", '"', "=", ": ", "-"]
)
TEXT = st.lists(st.one_of(st.text(max_size=30), ODD), max_size=12).map("".join)
NAME = st.text(string.ascii_letters + string.digits, min_size=1, max_size=12)
VERSION = st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){0,3}(a0|\.post1|\.dev20261101)?(\+[a-z0-9.]{1,12})?", fullmatch=True)


@given(TEXT, st.sampled_from(["", ".dist-info", ".egg-info"]))
def test_any_name_of_an_entry(text: str, ending: str) -> None:
    told = distributions.parse_entry(text + ending)
    if told is not None:
        name, version = told
        assert name == distributions.normalised(name)
        assert (name + version).isascii()
        assert (name + version).isprintable()
        assert version in text


@given(NAME, VERSION)
def test_what_an_installer_writes_is_read_back(name: str, version: str) -> None:
    assert distributions.parse_entry(f"{name}-{version}.dist-info") == (name.lower(), version)
    assert distributions.parse_entry(f"{name}-{version}-py3.11.egg-info") == (name.lower(), version)
    assert conda_records.parse_name(f"{name}-{version}-py_0.json") == (name, version, "py_0")


@given(TEXT)
def test_any_pyvenv_cfg(text: str) -> None:
    told = pyvenv.parse(text)
    assert len(told) <= pyvenv.MOST
    assert all(key == key.strip().lower() for key in told)


@given(st.dictionaries(NAME.map(str.lower), NAME, max_size=10), st.sampled_from(["=", " = ", "  =  "]))
def test_settings_of_pyvenv_cfg_are_read_back(settings_of_it: dict[str, str], between: str) -> None:
    text = "".join(f"{key}{between}{value}\n" for key, value in settings_of_it.items())
    assert pyvenv.parse(text) == settings_of_it


def test_a_pyvenv_cfg_without_end() -> None:
    assert len(pyvenv.parse("".join(f"k{number} = v\n" for number in range(100_000)))) == pyvenv.MOST


@given(TEXT)
def test_any_record(text: str) -> None:
    listed = records.parse_record(text)
    assert len(listed) <= len(text.splitlines())
    assert all(path and (size is None or size >= 0) for path, (_, size) in listed.items())


@given(st.text(string.ascii_letters + '/,"._ ', min_size=1, max_size=40), st.integers(0, 10**15 - 1))
def test_a_line_of_a_record_is_read_back(path: str, size: int) -> None:
    quoted = '"' + path.replace('"', '""') + '"' if "," in path or '"' in path else path
    assert records.parse_record(f"{quoted},sha256=x,{size}") == {path: ("sha256=x", size)}


@given(TEXT)
def test_any_channel(text: str) -> None:
    name = channel_name(text)
    assert 0 < len(name) <= 80
    assert name.isprintable()
    assert not set(name) & set("@/:?")


CONTENT = st.one_of(
    TEXT.map(lambda text: text.encode("utf-8", "replace")),
    st.binary(max_size=200),
    st.dictionaries(st.sampled_from(["url", "dir_info", "archive_info", "channel", "editable"]), TEXT, max_size=4).map(
        lambda told: json.dumps(told).encode()
    ),
    st.lists(st.tuples(st.sampled_from(["Requires-Dist: torch", "Tag", "Version", "x,y,3"]), TEXT), max_size=4).map(
        lambda rows: "\n".join(map(": ".join, rows)).encode("utf-8", "replace")
    ),
)
FILES = (
    "/venv/pyvenv.cfg",
    "/venv/conda-meta/pytorch-2.9.1-0.json",
    f"{SITE}/torch/version.py",
    f"{SITE}/torch-2.9.1.dist-info/METADATA",
    f"{SITE}/torch-2.9.1.dist-info/WHEEL",
    f"{SITE}/torch-2.9.1.dist-info/INSTALLER",
    f"{SITE}/torch-2.9.1.dist-info/direct_url.json",
    f"{SITE}/__editable___torch_finder.py",
    f"{SITE}/torch.egg-info/PKG-INFO",
    f"{SITE}/torch.egg-info/requires.txt",
    f"{SITE}/numpy/__init__.py",
    f"{SITE}/numpy/version.py",
    f"{SITE}/vllm-0.11.0.dist-info/METADATA",
    f"{SITE}/nvidia_cudnn_cu12-9.dist-info/RECORD",
    f"{SITE}/nvidia_cudnn_cu13-9.dist-info/RECORD",
    f"{SITE}/cuda_toolkit-13.dist-info/METADATA",
)
ENTRY = st.text(min_size=1, max_size=60).filter(lambda name: "/" not in name and "\0" not in name and name.strip("."))


@settings(max_examples=80, deadline=None)
@given(
    st.dictionaries(st.sampled_from(FILES), CONTENT),
    st.lists(st.tuples(ENTRY, st.sampled_from(["", ".dist-info", ".egg-info"])), max_size=6),
)
def test_any_environment_tells_every_fact(files: dict[str, bytes], entries: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        tree = Tree(Path(folder))
        tree.python({**TOLD, "base_prefix": "/usr", "machine": "x86_64", "bits": 64})
        for path, content in files.items():
            tree.file(path, content)
        site = os.fsencode(tree.folder(SITE))
        for name, ending in entries:
            os.makedirs(os.path.join(site, f"{name}{ending}".encode("utf-8", "replace")[:255]), exist_ok=True)
        seen = tree.look(PROBES)
    for probe in PROBES:
        assert set(probe.FACTS) - {"host.libc"} <= set(seen)
    assert isinstance(seen["packages.installed"], Known)
    assert isinstance(seen["python.environment"], Known)
    assert len(json.dumps({name: getattr(fact, "value", None) for name, fact in seen.items()})) < 100_000


def test_what_is_one_megabyte_long_is_read_in_linear_time() -> None:
    """No assert on time: a pattern that goes back over what it read would not end here."""
    long = "torch" * 200_000
    assert re.fullmatch(FINDER, f"__editable___torch_{long}finder.py") is None
    assert re.search(MAPPED, f"'torch': '{long}" * 3) is None
    assert re.search(MAPPED, "'torch'" + " " * 1_000_000) is None
    assert channel_name("/" * 1_000_000) == "unknown"
    assert channel_name("https://" + long) == "unknown"
    assert records.parse_record("," * 1_000_000) == {"," * 999_998: ("", None)}
    assert distributions.parse_entry("-" * 1_000_000 + ".dist-info") is None
    assert pyvenv.parse("=" * 1_000_000) == {}
