"""For which torch a package says it was built."""

from __future__ import annotations

import pytest

from envdoctor.probes import distributions
from envdoctor.probes.binding.built_for import built_for
from envdoctor.probes.compiled_objects import CompiledObject, Role
from hostile_texts import TEXTS
from recorded_tree import SITE, Tree


def said(tree: Tree, name: str, version: str, requires: str = "", json: str | None = None) -> tuple[str | None, ...]:
    tree.file(f"{SITE}/{name}-{version}.dist-info/METADATA", f"Name: {name}\n{requires}\n")
    if json is not None:
        tree.file(f"{SITE}/{name}/cpp_lib.json", json)
    one = CompiledObject(f"{SITE}/{name}/_C.so", f"{name}/_C.so", name, version, Role.ENTRY, of_torch=True)
    records = [*distributions.installed_in(tree.host(), [SITE], [], [])]
    return built_for(tree.host(), [record for record in records if record.name == name], one)


@pytest.mark.parametrize(
    ("version", "torch"),
    [
        ("2.7.4.post1+cu12torch2.5cxx11abiFALSE", "torch 2.5+cu12"),
        ("2.1.2+pt25cu124", "torch 2.5+cu124"),
        ("2.1.2+pt210cu128", "torch 2.10+cu128"),
        ("0.17.5+torch260cu126", "torch 2.6.0+cu126"),
        ("0.21.0+torch2100cu128", "torch 2.10.0+cu128"),
        ("0.6+18f6958pt2.6.0cu124", "torch 2.6.0+cu124"),
        ("0.24.1+cu126", None),
        ("1.0+script2.5", None),
        ("1.0", None),
    ],
)
def test_the_local_version(tree: Tree, version: str, torch: str | None) -> None:
    assert said(tree, "ops", version) == ((torch, "its version") if torch else (None, None))


@pytest.mark.parametrize(
    ("line", "torch"),
    [
        ("torch==2.9.1", "torch 2.9.1"),
        ("torch (==2.9.1)", "torch 2.9.1"),
        ('torch == 2.9.1 ; platform_system == "Linux"', "torch 2.9.1"),
        ("torch===2.9.1+cu128", "torch 2.9.1+cu128"),
        ("torch>=2.9", None),
        ("torch==2.9.*", None),
        ("torchvision==0.24.1", None),
        ('torch==2.9.1; extra == "test"', None),
    ],
)
def test_the_requirements(tree: Tree, line: str, torch: str | None) -> None:
    assert said(tree, "torchvision", "0.24.1", f"Requires-Dist: {line}\n") == (
        (torch, "METADATA") if torch else (None, None)
    )


def test_the_file_of_xformers_comes_first(tree: Tree) -> None:
    json = '{"version": {"cuda": 1208, "hip": null, "torch": "2.10.0+cu128", "python": "3.10.19"}, "env": {}}'
    told = said(tree, "xformers", "0.0.35", "Requires-Dist: torch==2.9.0\n", json)
    assert told == ("torch 2.10.0+cu128", "cpp_lib.json")


@pytest.mark.parametrize("json", ["", "[]", "{}", '{"version": 1}', '{"version": {"torch": 2}}', "[" * 9999])
def test_a_file_that_says_nothing(tree: Tree, json: str) -> None:
    assert said(tree, "xformers", "0.0.35", json=json) == (None, None)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_hostile_text(tree: Tree, text: str) -> None:
    raw = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    told, _ = said(tree, "ops", "1.0", f"Requires-Dist: torch=={raw}\n", f'{{"version": {{"torch": "2.1.0{raw}"}}}}')
    assert told is None or told.isprintable()
