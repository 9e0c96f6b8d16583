"""uv: `uv pip install --python PATH`, for environments that hold no pip."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envdoctor.plan.installers.order import Order


def argv(order: Order) -> tuple[str, ...]:
    """Return the command. `--reinstall-package` names each package, so that nothing else is touched."""
    again: tuple[str, ...] = ()
    if order.again:
        names = [re.split(r"[=~<>!\[; ]", requirement)[0] for requirement in order.requirements]
        again = (*(word for name in names for word in ("--reinstall-package", name)), "--no-deps")
    index = ("--index-url", order.index_url) if order.index_url else ()
    return ("uv", "pip", "install", "--python", order.python, *again, *index, *order.requirements)
