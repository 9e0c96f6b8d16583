"""Records that are there more than once, and what interrupted installations left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.fact import Known
from envdoctor.probes.distributions import in_family
from envdoctor.probes.installed import records
from envdoctor.probes.layers import kind_of
from envdoctor.probes.printable import printable

if TYPE_CHECKING:
    from envdoctor.model.fact import Value
    from envdoctor.probes.distributions import Distribution
    from envdoctor.probes.looking import Facts, Looking

FACTS = {
    "packages.duplicates": "torch, its partners, nvidia-*, numpy and triton where one is recorded more than once: "
    "each record, in the order of sys.path, with the kind of its folder and its installer",
    "packages.leftovers": "entries that pip moved aside (~orch) and did not take away: name and folder",
}

MOST = 500
"""Records listed at most."""


def look(at: Looking) -> Facts:
    """Compare what the listing of distributions found."""
    if at.unlisted:
        return dict.fromkeys(FACTS, at.unlisted)
    left: list[Value] = [{"name": printable(name), "site": site} for name, site in at.leftovers]
    rows: list[Value] = []
    for name, found in at.by_name.items():
        if len(found) > 1 and in_family(name):
            # A package may carry a dist-info and an egg-info of the same version: that is one installation.
            once = {(one.site, one.version): one for one in reversed(_without_builds(at, found))}
            if len(once) > 1 and len(rows) < MOST:
                rows += [_row(at, one) for one in [*reversed(once.values())][:MOST]]
    return {"packages.duplicates": Known(rows[:MOST], "dist-info"), "packages.leftovers": Known(left, "files")}


def _without_builds(at: Looking, found: list[Distribution]) -> list[Distribution]:
    """Leave out what a build left in a checkout that is installed as a link: the installer's record is of the same."""
    if any(one.of_checkout for one in found) and any(records.links_checkout(at.host, one) for one in found[:MOST]):
        return [one for one in found if not one.of_checkout]
    return found


def _row(at: Looking, one: Distribution) -> Value:
    return {
        "name": one.name,
        "version": one.version,
        "site": one.site,
        "kind": kind_of(at, one.site),
        "installer": records.installer(at.host, one),
    }
