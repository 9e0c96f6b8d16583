"""poetry: a source of explicit priority, then `poetry add --source`, which pins the build and writes poetry.lock.

With any other priority every package of the project may come from the PyTorch index, which carries copies of many.
A source of that name is updated where there is one already (poetry 2.5.1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.plan.installers.order import Command

if TYPE_CHECKING:
    from envdoctor.plan.installers.order import Order


def commands(order: Order) -> tuple[Command, ...]:
    """Return the commands: the source where a channel's index is wanted, and what to add from it.

    None for a folder of links: poetry reads single pages, and takes for one what ends with ".html" (poetry 2.5.1).
    """
    poetry = ("poetry", "-C", order.project) if order.project else ("poetry",)
    note = "poetry add pins it in pyproject.toml and poetry.lock; other packages stay as they are locked"
    if order.find_links and not order.find_links.endswith(".html"):
        return ()
    if order.index_url is None:
        return (Command((*poetry, "add", *order.requirements), note),)
    url = order.find_links or order.index_url
    source = (*poetry, "source", "add", "--priority", "explicit", order.index_name, url)
    named = "names the channel's index in pyproject.toml; only packages that ask for it come from there"
    return (
        Command(source, named, installs=False),
        Command((*poetry, "add", "--source", order.index_name, *order.requirements), note),
    )
