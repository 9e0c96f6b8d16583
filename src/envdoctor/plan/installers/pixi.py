"""pixi: `pixi add`, of conda-forge's builds or, where torch came from wheels, of a wheel with its index.

Without a declared CUDA pixi resolves torch to its CPU build, whatever the machine has (pixi's PyTorch guide). The
table [system-requirements] is what every pixi reads; from 0.71 on an entry of `workspace.platforms` is preferred.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.conda import CONDA_FORGE
from envdoctor.model.plan import Edit
from envdoctor.plan.installers import conda
from envdoctor.plan.installers.order import Command

if TYPE_CHECKING:
    from envdoctor.matrix.tables import Wheel
    from envdoctor.plan.installers.order import Order

NOTE = (
    "pixi add writes the manifest and pixi.lock; an environment that is not the default one needs `--feature NAME` too"
)


def command(order: Order, wheel: Wheel) -> Command:
    """Return the command for conda-forge's build."""
    edit = None
    if wheel.cuda:
        edit = Edit("pixi.toml", f'[system-requirements]\ncuda = "{wheel.cuda.partition(".")[0]}"\n')
    # A manifest states its channels itself: packages are named without one.
    specs = [spec.removeprefix(f"{CONDA_FORGE}::") for spec in conda.specs(order, wheel)]
    return Command((*_add(order), *specs), NOTE, edit)


def of_wheels(order: Order) -> tuple[Command, ...]:
    """Return the command for wheels, which pixi keeps apart from conda's packages."""
    if order.find_links:  # which `pixi add` has no option for
        edit = Edit("pixi.toml", f'[pypi-options]\nfind-links = [{{ url = "{order.find_links}" }}]\n')
        return (Command((*_add(order), "--pypi", *order.requirements), NOTE, edit),)
    index = ("--index", order.index_url) if order.index_url else ()
    return (Command((*_add(order), "--pypi", *index, *order.requirements), NOTE),)


def _add(order: Order) -> tuple[str, ...]:
    return ("pixi", "add", *(("--manifest-path", order.project) if order.project else ()))
