"""What the dynamic loader would not find: the libraries that torch's own objects need directly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.fact import Unknown
from envdoctor.probes import libraries

if TYPE_CHECKING:
    from envdoctor.probes.looking import Facts, Looking

FACTS = {"libraries.missing": "shared libraries needed directly and found nowhere: object and library"}


def look(at: Looking) -> Facts:
    """Resolve the direct needs of torch, torchvision and torchaudio."""
    if isinstance(at.facts.get("python.site_packages"), Unknown):
        return {"libraries.missing": Unknown("the interpreter did not say where its packages are")}
    if at.denied and at.host.os == "linux":
        # It may hold torch, or the libraries that the rest would be found to lack.
        return {"libraries.missing": Unknown(f"{at.denied[0]} may not be read")}
    sites = at.texts("python.site_packages")
    location = at.text("torch.location")
    if location and location.endswith("/torch") and location[:-6] not in sites:
        sites = [location[:-6], *sites]  # the checkout to which an import hook leads
    return libraries.look(at.host, sites, at.text("python.prefix"), at.text("env.LD_LIBRARY_PATH"))
