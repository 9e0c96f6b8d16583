"""conda and mamba: the builds of conda-forge, chosen by build string and `cuda-version`.

Only torch and its partners are asked of conda-forge by name, so that everything else stays on the channels that the
environment has. Partners are asked for without a version: conda-forge does not build each pair that PyTorch releases
(torch 2.8 has torchvision 0.24, none has 0.16.2), and its torchvision requires the torch it was built with (recipes of
conda-forge/torchvision-feedstock, 2023-09 to 488ecd9 of 2026-08-01).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.conda import CONDA_FORGE, build_string
from envdoctor.matrix.versions import minor
from envdoctor.plan.installers.order import Command

if TYPE_CHECKING:
    from envdoctor.matrix.tables import Wheel
    from envdoctor.plan.installers.order import Order

NOTE = "what else conda changes for it, it lists before it asks"
OF_CONDA_FORGE = {"torch": "pytorch", "torchvision": "torchvision", "torchaudio": "torchaudio"}
"""What conda-forge calls the packages of the torch set."""


def command(order: Order, wheel: Wheel, program: str) -> Command:
    """Return the command for an existing environment."""
    where = ("--prefix", order.prefix) if order.prefix else ()
    return Command((program, "install", *where, "--channel", CONDA_FORGE, *specs(order, wheel)), NOTE)


def new_environment(order: Order, wheel: Wheel, python: str, program: str) -> Command:
    """Return the command that makes an environment "torch" with this set; `python` is a release, "3.12"."""
    made = ("create", "--name", "torch", "--channel", CONDA_FORGE, f"python={python}")
    return Command((program, *made, *specs(order, wheel)), "the present environment stays as it is")


def specs(order: Order, wheel: Wheel) -> tuple[str, ...]:
    """Return match specifications: torch by release and kind of build, its partners by name.

    torch 2.13.0 for CUDA 12.9 is "conda-forge::pytorch=2.13.0=cuda129*" and "cuda-version=12.9", which keeps the CUDA
    libraries to that release. Of a release that conda-forge is not known to have, any CUDA build will do.
    """
    partners = (f"{CONDA_FORGE}::{OF_CONDA_FORGE[name]}" for name in order.packages if name != "torch")
    any_build = "cuda*" if wheel.cuda else "cpu*"
    kind = build_string(wheel.cuda) if wheel.channel == CONDA_FORGE else any_build
    found = (f"{CONDA_FORGE}::{OF_CONDA_FORGE['torch']}={wheel.torch}={kind}", *partners)
    return (*found, "cuda-version={}.{}".format(*minor(wheel.cuda))) if wheel.cuda else found
