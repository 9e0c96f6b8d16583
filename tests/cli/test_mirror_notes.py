"""What a plan says of a mirror, and of a configuration that would lead past it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from envdoctor.commands import planning
from envdoctor.commands.index_base import IndexBase
from envdoctor.matrix.load import load_matrix
from envdoctor.model.machine import Machine
from envdoctor.rules.index_setting import Setting
from machines import machine_snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from envdoctor.model.fact import Value

MATRIX = load_matrix()
TORCH = "torch-{}+cu126-cp311-cp311-manylinux_2_28_x86_64.whl"
V100: dict[str, Any] = {"driver": "580.65.06", "gpus": ["Tesla V100-SXM2-16GB"], "torch": "2.14.0+cu130"}


def notes(base: IndexBase, *settings: dict[str, Value], layout: str = "auto", **machine: Any) -> list[str]:
    described = {**V100, "overrides": {"index.settings": list(settings)}, **machine}
    plan = planning.plan(
        Machine(machine_snapshot(**described)), MATRIX, live=True, installer=machine.get("installer"), base=base,
        layout=layout,
    )  # fmt: skip
    return [line for line in plan.because if "the mirror" in line or "is told in" in line]


@pytest.fixture
def flat(tmp_path: Path) -> IndexBase:
    """A folder with torch 2.14.0 for CUDA 12.6 and no torchvision."""
    channel = tmp_path / "whl" / "cu126"
    channel.mkdir(parents=True)
    (channel / TORCH.format("2.14.0")).touch()
    return IndexBase(channel.parent.as_uri(), "--index-base")


def test_a_flat_mirror_is_called_one_and_what_it_lacks_is_named(flat: IndexBase) -> None:
    first, second = notes(flat)
    assert "is flat: it is handed over as find-links" in first
    assert (
        second == f"the mirror {flat.url} has no torchvision 0.29.0+cu126 for cp311 on linux-x86_64, nor any other "
        "release of it"
    )


def test_an_older_release_that_is_there_is_named_with_the_wish_for_it(flat: IndexBase, tmp_path: Path) -> None:
    (tmp_path / "whl" / "cu126" / TORCH.format("2.14.0")).rename(tmp_path / "whl" / "cu126" / TORCH.format("2.9.1"))
    told = notes(flat)[1]
    assert (
        "has no torch 2.14.0+cu126 for cp311 on linux-x86_64; its newest there is 2.9.1+cu126 (--torch 2.9.1)" in told
    )


def test_a_flat_mirror_that_is_configured_as_an_index_is_named(flat: IndexBase) -> None:
    mine = Setting("pip", "index-url", f"{flat.url}/cu126", "/etc/pip.conf")
    other = Setting("pip", "extra-index-url", "https://mirror.example/simple", "PIP_EXTRA_INDEX_URL")
    links = Setting("uv", "find-links", f"{flat.url}/cu126/", "UV_FIND_LINKS")
    said = [line for line in notes(flat, mine.row, other.row, links.row) if "as an index, which it is not" in line]
    assert len(said) == 1
    assert said[0].startswith(f"pip is told in /etc/pip.conf of {flat.url}/cu126 as an index")


@pytest.mark.parametrize(("has_pip", "warned"), [(False, True), (True, False)])
def test_a_backend_of_uv_leads_past_the_mirror_where_uv_is_asked(has_pip: bool, warned: bool, flat: IndexBase) -> None:
    backend = Setting("uv", "torch-backend", "cu126", "UV_TORCH_BACKEND").row
    for layout in ("auto", "flat", "projects"):
        said = notes(flat, backend, layout=layout, has_pip=has_pip)
        assert any("UV_TORCH_BACKEND" in line for line in said) == warned


def test_pytorch_s_own_index_is_not_asked() -> None:
    assert notes(IndexBase()) == []


def test_an_index_of_all_packages_is_known_by_its_name() -> None:
    (said,) = notes(IndexBase("http://127.0.0.1:9/simple", "--index-base"))
    assert "an index of all packages has no folder for each channel" in said


def test_a_plan_that_takes_nothing_from_the_mirror_asks_nothing(flat: IndexBase) -> None:
    assert notes(IndexBase("http://127.0.0.1:9/whl"), torch="2.14.0+cu126", torchvision=None) == []
