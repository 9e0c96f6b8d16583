"""The packages of environments made from real wheels."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envdoctor.host.host import Host
from envdoctor.model.fact import Absent, Unknown
from envdoctor.probes.look import look
from envdoctor.probes.target import Target
from recorded_tree import value

if TYPE_CHECKING:
    from envdoctor.probes.looking import Facts

pytestmark = pytest.mark.real


def seen_in(variable: str) -> Facts:
    folder = os.environ.get(variable)
    if not folder:
        pytest.skip(f"{variable} names no environment (make test-real makes them)")
    python = str(Path(folder) / "bin" / "python")
    return dict(look(Host(), Target(python, "named by --python"), timeout=60).facts)


@pytest.mark.parametrize(
    ("variable", "provenance", "channel"),
    [("ENVDOCTOR_TEST_CUDA_ENV", "pypi", "cu130"), ("ENVDOCTOR_TEST_CPU_ENV", "pytorch-index", "cpu")],
)
def test_what_pip_installed(variable: str, provenance: str, channel: str) -> None:
    seen = seen_in(variable)
    assert (value(seen, "torch.provenance"), value(seen, "torch.channel")) == (provenance, channel)
    assert value(seen, "torch.installer") == "pip"
    assert value(seen, "torch.wheel_tags")[0].endswith("manylinux_2_28_x86_64")
    assert isinstance(seen["torch.editable"], Absent)
    for name in ("packages.duplicates", "packages.leftovers", "nvidia.clashes"):
        assert value(seen, name) == [], name
    assert (value(seen, "python.environment"), value(seen, "python.system_site")) == ("venv", False)
    kept = ("python.", "packages.", "torch.", "nvidia.", "numpy.", "opencv.", "extensions.")
    assert [name for name, fact in seen.items() if name.startswith(kept) and isinstance(fact, Unknown)] == []


def test_torch_pins_its_libraries_through_cuda_toolkit() -> None:
    seen = seen_in("ENVDOCTOR_TEST_CUDA_ENV")
    pins = value(seen, "nvidia.toolkit_requires")
    assert any(line.startswith("nvidia-cublas==") for line in pins)
    assert any(line.startswith("cuda-toolkit[") for line in value(seen, "torch.requires"))
