"""pdm: a source that serves these packages alone, then `pdm add`, which pins the build and writes pdm.lock.

`include_packages` by itself does not keep other packages away from a source: the next `pdm update` took a NumPy from
it, and with `exclude_packages = ["*"]` beside it none (pdm 2.29.3 and a loopback index).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.plan import Edit
from envdoctor.plan.installers.order import Command

if TYPE_CHECKING:
    from envdoctor.plan.installers.order import Order


def commands(order: Order) -> tuple[Command, ...]:
    """Return `pdm add`, after the edit that names the source."""
    where = ("-p", order.project) if order.project else ()
    edit = Edit("pyproject.toml", _source(order)) if order.index_url else None
    note = "pdm add pins it in pyproject.toml and pdm.lock; other packages stay as they are locked"
    if edit:
        note = f"in pyproject.toml the channel's index serves {' and '.join(order.packages)} alone; {note}"
    return (Command(("pdm", "add", *where, *order.requirements), note, edit),)


def _source(order: Order) -> str:
    served = ", ".join(f'"{name}"' for name in order.packages)
    kind = 'type = "find_links"\n' if order.find_links else ""
    return (
        f'[[tool.pdm.source]]\nname = "{order.index_name}"\n{kind}url = "{order.find_links or order.index_url}"\n'
        f'include_packages = [{served}]\nexclude_packages = ["*"]\n'
    )
