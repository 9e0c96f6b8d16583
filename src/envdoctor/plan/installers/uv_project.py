"""uv with a project: pyproject.toml names the index, `uv add` pins the build and writes uv.lock.

The index must be there and `explicit` before `uv add` runs. `uv add --index NAME=URL` writes it as one that every
package may come from, and looks up the whole set in it first: an unrelated package of the lock is replaced by the
copy that the PyTorch index carries (seen with uv 0.13.9 and a loopback index). Once pinned, `uv sync` and `uv lock
--upgrade` keep the build.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.plan import Edit
from envdoctor.plan.installers.order import Command

if TYPE_CHECKING:
    from envdoctor.plan.installers.order import Order


def commands(order: Order) -> tuple[Command, ...]:
    """Return `uv add`, after the edit that gives these packages an index of their own."""
    where = ("--project", order.project) if order.project else ()
    edit = Edit("pyproject.toml", _sources(order)) if order.index_url else None
    note = (
        "uv add pins it in pyproject.toml and uv.lock, so that uv sync keeps it; other packages stay as they are locked"
    )
    if edit:
        note = f"in pyproject.toml the channel's index serves {' and '.join(order.packages)} alone; {note}"
    return (Command(("uv", "add", *where, *order.requirements), note, edit),)


def _sources(order: Order) -> str:
    pinned = "".join(f'{name} = {{ index = "{order.index_name}" }}\n' for name in order.packages)
    flat = 'format = "flat"\n' if order.find_links else ""
    return (
        f'[[tool.uv.index]]\nname = "{order.index_name}"\nurl = "{order.find_links or order.index_url}"\n'
        f"{flat}explicit = true\n\n"
        f"[tool.uv.sources]\n{pinned}"
    )
