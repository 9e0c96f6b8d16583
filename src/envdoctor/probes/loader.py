"""What the dynamic loader would load and not find for `import torch` and for what is compiled against it."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from envdoctor.binary.image import NotElf, read_machine
from envdoctor.model.fact import Absent, Fact, Known, Unknown
from envdoctor.probes.loading.cuda_libraries import Libraries
from envdoctor.probes.loading.lacks import lacks_of, missing, open_partners
from envdoctor.probes.loading.place import loading
from envdoctor.probes.loading.torch_start import find_torch
from envdoctor.probes.printable import below

if TYPE_CHECKING:
    from envdoctor.probes.loading.place import Loading
    from envdoctor.probes.loading.torch_start import Torch
    from envdoctor.probes.looking import Facts, Looking

FACTS = {
    "libraries.missing": "shared libraries that are needed and found nowhere: object, library, package, and the role "
    "of what was to be loaded: entry (with its package), variant (one of several alternatives), optional",
    "libraries.loaded": "CUDA libraries and libstdc++ that `import torch` and what it opens later would load: library, "
    "file, by which rung of the loader's search (`how`), needed_by, package and version",
    "libraries.shadowed": "libraries the environment brings itself and in whose place another file is loaded: library, "
    "file, how, needed_by, version; instead_of, its package and version; whether the file is older; symbols it lacks "
    "(5 at most) and their count; the folder of LD_LIBRARY_PATH or file of LD_PRELOAD it came by",
    "cudnn.version": "version of the cuDNN that torch would load",
    "nccl.version": "version of the NCCL that torch would load",
}


def look(at: Looking) -> Facts:
    """Build the process of `import torch` in thought."""
    if at.unplaced:
        return dict.fromkeys(FACTS, at.unplaced)
    if at.host.os != "linux":
        return dict.fromkeys(FACTS, Absent("not an ELF platform"))
    if at.unlisted:
        # It may hold torch, or the libraries that the rest would be found to lack.
        return dict.fromkeys(FACTS, at.unlisted)
    sites = at.texts("python.site_packages")
    location = at.text("torch.location")
    known = location[:-6] if location and location.endswith("/torch") else None
    if known and known not in sites:
        sites = [known, *sites]  # the checkout to which an import hook leads
    torch = find_torch(at.host, sites, at.text("torch.cuda"), known)
    if torch is None:
        return dict.fromkeys(FACTS, Absent("torch is not installed"))
    objects = torch.objects
    if not objects:
        nothing: Fact = Absent("torch holds no compiled object")
        return {**dict.fromkeys(FACTS, nothing), "libraries.missing": Known([], "torch holds no compiled object")}
    try:
        machine = read_machine(at.host.path(objects[0]))
    except NotElf as error:
        return dict.fromkeys(FACTS, Unknown(f"{below(objects[0], sites)} is {error.reason}"))

    place = loading(at, machine, sites)
    process = place.begun()
    openings = torch.start(process)
    lacks = lacks_of(process, openings, "torch", "entry")
    imported = process.state
    torch.start_lazily(process)
    told = Libraries(at, process, sites)
    doubt = place.doubt(process)
    facts: Facts = dict.fromkeys(FACTS, Unknown(doubt)) if doubt else _of_cuda(told, torch, place)
    process.back_to(imported)

    at.openings = openings
    lacks += open_partners(at, torch, process)
    at.process = process
    at.unreadable += {posixpath.normpath(path) for one in openings.values() for path in one.unreadable}
    facts["libraries.missing"] = missing(at, lacks, doubt, sites)
    if place.own_loader(process) is not None:
        # What such a loader would find is not known, and so are the scopes of all.
        at.process, at.openings = None, {}
    return facts


def _of_cuda(told: Libraries, torch: Torch, place: Loading) -> Facts:
    plain = None
    if place.is_changed:
        plain = place.begun(plain=True)
        torch.start(plain)
        torch.start_lazily(plain)
    return {
        "libraries.loaded": told.loaded(),
        "libraries.shadowed": told.shadowed(plain),
        "cudnn.version": told.version("libcudnn.so", "cuDNN"),
        "nccl.version": told.version("libnccl.so", "NCCL"),
    }
