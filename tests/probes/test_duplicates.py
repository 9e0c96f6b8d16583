"""Records that are there more than once, and what interrupted installations left."""

from __future__ import annotations

import os
from typing import Any

from envdoctor.model.fact import Unknown
from envdoctor.probes import distributions, duplicates, environment_kind, interpreter, layers
from recorded_tree import SITE, TOLD, Tree, value

PROBES = (interpreter, environment_kind, layers, distributions, duplicates)
USER = "/home/u/.local/lib/python3.11/site-packages"
SYSTEM = "/usr/lib/python3/dist-packages"
LOCAL = "/usr/local/lib/python3.11/dist-packages"


def record(tree: Tree, entry: str, site: str = SITE, installer: str | None = "pip") -> None:
    tree.folder(f"{site}/{entry}")
    if installer:
        tree.file(f"{site}/{entry}/INSTALLER", f"{installer}\n")


def rows(tree: Tree, what: str = "duplicates") -> list[dict[str, Any]]:
    return value(tree.look(PROBES), f"packages.{what}")  # type: ignore[no-any-return]


def test_a_healthy_environment_has_none(tree: Tree) -> None:
    for entry in ("torch-2.9.1", "triton-3.5.1", "nvidia_cudnn_cu12-9.10.2.21", "numpy-2.3.0", "click-8.1"):
        record(tree, f"{entry}.dist-info")
    assert (rows(tree), rows(tree, "leftovers")) == ([], [])


def test_torch_of_the_user_and_of_pip_and_of_debian(tree: Tree) -> None:
    tree.python({**TOLD, "prefix": "/usr", "base_prefix": "/usr", "path": [USER, LOCAL, SYSTEM], "user_site": USER})
    record(tree, "torch-2.9.1.dist-info", USER)
    record(tree, "torch-2.8.0.dist-info", LOCAL, "uv")
    record(tree, "torch-2.6.0.egg-info", SYSTEM, None)
    assert rows(tree) == [
        {"name": "torch", "version": "2.9.1", "site": USER, "kind": "user", "installer": "pip"},
        {"name": "torch", "version": "2.8.0", "site": LOCAL, "kind": "dist-packages", "installer": "uv"},
        {"name": "torch", "version": "2.6.0", "site": SYSTEM, "kind": "dist-packages", "installer": None},
    ]


def test_an_environment_on_top_of_a_system_with_torch(tree: Tree) -> None:
    tree.python({**TOLD, "base_prefix": "/usr", "path": [SITE, LOCAL, SYSTEM]})
    tree.file("/venv/pyvenv.cfg", "include-system-site-packages = true\n")
    record(tree, "torch-2.9.1.dist-info")
    record(tree, "torch-2.6.0.dist-info", SYSTEM, None)
    assert [(row["version"], row["kind"]) for row in rows(tree)] == [
        ("2.9.1", "environment"),
        ("2.6.0", "dist-packages"),
    ]


def test_two_versions_in_one_folder_and_names_that_differ_by_spelling(tree: Tree) -> None:
    record(tree, "torch-2.9.1.dist-info")
    record(tree, "torch-2.8.0.dist-info")
    record(tree, "nvidia_cudnn_cu12-9.10.2.21.dist-info")
    record(tree, "nvidia-cudnn-cu12-9.1.0.70.dist-info")
    assert {(row["name"], row["version"]) for row in rows(tree)} == {
        ("torch", "2.9.1"),
        ("torch", "2.8.0"),
        ("nvidia-cudnn-cu12", "9.10.2.21"),
        ("nvidia-cudnn-cu12", "9.1.0.70"),
    }


def test_what_does_not_bear_on_torch_is_not_listed(tree: Tree) -> None:
    tree.python({**TOLD, "path": [SITE, SYSTEM]})
    for site in (SITE, SYSTEM):
        record(tree, "click-8.1.dist-info", site)
    assert rows(tree) == []


def test_one_installation_with_two_kinds_of_record_is_one(tree: Tree) -> None:
    record(tree, "torch-2.5.1-py3.11.egg-info", installer=None)
    record(tree, "torch-2.5.1.dist-info")
    assert rows(tree) == []


def test_a_folder_by_two_names_is_one(tree: Tree) -> None:
    record(tree, "torch-2.9.1.dist-info")
    os.symlink("lib", tree.root / "venv" / "lib64")  # as Fedora's venv does
    tree.python({**TOLD, "path": [SITE.replace("/lib/", "/lib64/"), SITE]})
    seen = tree.look(PROBES)
    assert value(seen, "packages.duplicates") == []
    assert value(seen, "packages.installed") == {"torch": "2.9.1"}


def test_a_loop_of_links_on_sys_path_costs_nothing_else(tree: Tree) -> None:
    os.symlink("loop", tree.root / "loop")
    tree.python({**TOLD, "path": ["/loop", SITE]})
    record(tree, "torch-2.9.1.dist-info")
    assert value(tree.look(PROBES), "packages.installed") == {"torch": "2.9.1"}


def test_leftovers_of_pip(tree: Tree) -> None:
    for entry in ("~orch", "~orch-2.8.0.dist-info", "~-rch", "-orch-2.8.0.dist-info", "-notes", "~"):
        tree.folder(f"{SITE}/{entry}")
    assert rows(tree, "leftovers") == [
        {"name": name, "site": SITE} for name in ("-orch-2.8.0.dist-info", "~-rch", "~orch", "~orch-2.8.0.dist-info")
    ]
    assert rows(tree) == []


def test_names_full_of_escapes_stay_one_line_of_text(tree: Tree) -> None:
    site = os.fsencode(tree.folder(SITE))
    for name in (b"~\x1b[31m::error::", b"~\xff", b"~" + b"x" * 254, b"~a\nb"):
        os.mkdir(os.path.join(site, name))
    names = [row["name"] for row in rows(tree, "leftovers")]
    assert len(names) == 4
    assert "~\\udcff" in names
    assert all(name.encode("utf-8") and len(name) < 300 for name in names)


def test_both_lists_are_bounded(tree: Tree) -> None:
    for number in range(duplicates.MOST + 10):
        tree.folder(f"{SITE}/~{number}")
        tree.folder(f"{SITE}/torch-{number}.dist-info")
    assert len(rows(tree)) == duplicates.MOST
    assert len(rows(tree, "leftovers")) == distributions.MOST_LEFT


def test_a_fifo_for_an_installer(tree: Tree) -> None:
    record(tree, "torch-2.9.1.dist-info", installer=None)
    record(tree, "torch-2.8.0.dist-info")
    os.mkfifo(tree.folder(f"{SITE}/torch-2.9.1.dist-info") / "INSTALLER")
    assert {row["version"]: row["installer"] for row in rows(tree)} == {"2.9.1": None, "2.8.0": "pip"}


def test_nothing_is_concluded_where_a_folder_may_not_be_read(tree: Tree, monkeypatch: Any) -> None:
    from envdoctor.host.host import Host

    def denied(self: Host, path: str) -> list[str]:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(Host, "listdir", denied)
    seen = tree.look(PROBES)
    assert {type(seen[name]) for name in duplicates.FACTS} == {Unknown}
