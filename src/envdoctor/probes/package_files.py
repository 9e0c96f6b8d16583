"""Files of torch and of what it is used with that are not as their installer recorded them.

Asked are torch, its partners, the CUDA libraries it requires and the known extensions; sizes always, content with
`--deep` alone, as that reads gigabytes. Not asked are packages whose builder or distribution changes files after the
record is written (conda, Linux distributions, Nix), editable installations, and two records of one name in a folder.

Whether a damaged file is one that `import` reads is told by the objects that need it (DT_NEEDED, from torch's own
ones on), for modules of torch by a list of long-lived ones that it imports at once. Measured with 2.13.0 and 2.14.1:
each of them is in `sys.modules` after `import torch`.
"""

from __future__ import annotations

import os
import posixpath
import re
import time
from typing import TYPE_CHECKING

from envdoctor.binary.dynamic import read_dynamic
from envdoctor.binary.image import NotElf
from envdoctor.model.fact import Known
from envdoctor.probes.distributions import TRITON, required_name
from envdoctor.probes.extensions import KNOWN
from envdoctor.probes.installed import records
from envdoctor.probes.installed.provenance import PIP, STORES
from envdoctor.probes.installed.recorded_files import Difference, Entry, compare, defect, entries, is_shared
from envdoctor.probes.printable import printable
from envdoctor.probes.symlinks import resolved

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.model.fact import Value
    from envdoctor.probes.distributions import Distribution
    from envdoctor.probes.looking import Facts, Looking

FACTS = {
    "packages.damaged": "torch, its partners, its CUDA libraries and known extensions where recorded files are gone or "
    "changed: package, version, files checked, how many are missing or changed, and the first of them with what "
    "is wrong, the sizes, and whether importing torch (or that package) reads it; `deep` where content was compared",
}

PARTNERS = ("torchvision", "torchaudio", *TRITON)
MOST_PACKAGES = 300
MOST_FILES_TOGETHER = 30_000
MOST_ROWS = 50
MOST_NAMED = 5
"""Files named of one package."""
LONGEST_PATH = 300

AT_ONCE = re.compile(
    r"torch/(?:__init__|version|_utils|_utils_internal|_tensor|_tensor_str|_tensor_docs|_torch_docs|_storage_docs"
    r"|_jit_internal|_ops|_classes|_linalg_utils|_lobpcg|_lowrank|_namedtensor_internals|_sources|_guards|functional"
    r"|hub|library|overrides|quasirandom|random|return_types|serialization|storage|torch_version|types"
    r"|_weights_only_unpickler"
    r"|(?:amp|autograd|backends|cuda|distributed|distributions|fft|futures|fx|jit|linalg|multiprocessing|nn"
    r"|nn/modules|nn/parallel|nn/utils|optim|package|sparse|special|utils|utils/data)/__init__"
    r"|nn/(?:functional|init|parameter|_reduction|grad|common_types)"
    r"|nn/modules/(?:_functions|activation|adaptive|batchnorm|channelshuffle|container|conv|distance|dropout|flatten"
    r"|fold|instancenorm|linear|loss|module|normalization|padding|pixelshuffle|pooling|rnn|sparse|transformer"
    r"|upsampling|utils)"
    r"|optim/(?:adam|adamw|lr_scheduler|optimizer|sgd)|cuda/(?:graphs|memory|random|streams|_utils)"
    r"|autograd/(?:function|functional|grad_mode|graph|profiler|variable)|utils/(?:_pytree|hooks))\.py"
)
"""Modules that `import torch` runs, none of which it does without."""

LOOKED_FOR = "torch/bin/torch_shm_manager"
"""A program that `import torch` does not start, and fails without."""

OWN_OBJECTS = re.compile(
    r"torch/(?:_C\.[^/]*(?:so|pyd)"
    r"|lib/lib(?:torch_global_deps|torch|torch_cpu|torch_cuda|torch_python|c10|c10_cuda|shm)\.(?:so|dylib)"
    r"|lib/[^/]+\.dll)"
)
"""torch's objects that its import loads; on Windows it loads every DLL of that folder itself (torch/__init__.py)."""

OPENED_LATER = re.compile(r"lib(?:cudnn|nvrtc|nvJitLink)(?!.*alt)[^/]*\.so")
"""CUDA libraries that no object needs by name, and that others open when they are used."""

VARIANT = re.compile(r"(?:cuda|cu|rocm|hip|xpu|ffmpeg|core|sm_?)\d")
"""Libraries of which one is chosen at run time; images are slimmed of the others."""

ORDER = ("truncated", "missing", "unreadable", "size", "hash")


def look(at: Looking) -> Facts:
    """Compare records with files, and content with digests where that was asked for."""
    if at.unlisted:
        return {"packages.damaged": at.unlisted}
    listed: dict[Distribution, list[Entry]] = {}
    found: dict[Distribution, list[Difference]] = {}
    left = MOST_FILES_TOGETHER
    for dist in _asked(at):
        at.in_time()
        its = entries(at.host, dist.folder)
        left -= len(its or ())
        if left < 0:
            break
        if its:
            listed[dist], found[dist] = its, [*compare(at.host, dist.site, its, at.in_time)]
    _add_broken(at, listed, found)
    if at.deep:
        begun = time.monotonic()
        _compare_content(at, listed, found)
        at.deadline += time.monotonic() - begun  # what still has to answer shall not pay for it
    rows: list[Value] = []
    if any(found.values()):
        needed = _needed(at, listed)
        for dist, differences in found.items():
            counting = [one for one in differences if _counts(dist, one, needed) and not _of_another(dist, one, listed)]
            if counting and len(rows) < MOST_ROWS:
                rows.append(_row(at, dist, counting, len(listed[dist]), needed))
    return {"packages.damaged": Known(rows, "RECORD")}


def _asked(at: Looking) -> Iterator[Distribution]:
    """Yield the distributions whose records are compared."""
    location = at.text("torch.location")
    site = location[:-6] if location and location.replace("\\", "/").endswith("/torch") else None
    torch = at.recorded("torch", site, at.text("torch.version")) if site else at.distribution("torch")
    wanted = dict.fromkeys((*PARTNERS, *_libraries(at), *sorted(KNOWN & at.by_name.keys())))
    names = [name for name in wanted if name in at.by_name]
    first = [torch] if torch else []
    for dist in (*first, *(at.by_name[name][0] for name in names[:MOST_PACKAGES])):
        twins = [one for one in at.by_name[dist.name] if one.site == dist.site]
        if (len(twins) == 1 or dist is torch) and not _changed_by_its_builder(at, dist):
            yield dist


def _libraries(at: Looking) -> Iterator[str]:
    """Yield the names of the CUDA libraries that torch requires, directly or through cuda-toolkit."""
    for line in (*at.texts("torch.requires"), *at.texts("nvidia.toolkit_requires")):
        name = required_name(line)
        if name.startswith(("nvidia-", "cuda-")):
            yield name


def _changed_by_its_builder(at: Looking, dist: Distribution) -> bool:
    """Whether files were changed after the record was written, or lie elsewhere.

    conda sets RPATHs and strips; distributions and Nix patch; an editable installation has a record of its hook.
    """
    # A profile of Guix is a folder of links into the store.
    if not dist.folder.endswith(".dist-info") or resolved(at.host, dist.folder).startswith(STORES):
        return True
    installer = records.installer(at.host, dist)
    of_the_system = dist.site.startswith(("/usr/lib/", "/usr/lib64/")) or dist.site.endswith("/dist-packages")
    if installer in ("conda", "rpm") or (of_the_system and installer not in PIP):
        return True
    return records.links_checkout(at.host, dist)


def _add_broken(
    at: Looking, listed: dict[Distribution, list[Entry]], found: dict[Distribution, list[Difference]]
) -> None:
    """Add shared objects of the recorded size that cannot be read as such, unless they were installed so."""
    broken = set(at.unreadable)
    if not broken:
        return
    from envdoctor.probes.installed.file_hashes import Expected, differing

    for dist, its in listed.items():
        known = {one.path for one in found[dist]}
        for entry in its:
            if f"{dist.site}/{entry.path}" not in broken or entry.path in known or entry.size is None:
                continue
            place = at.host.path(f"{dist.site}/{entry.path}")
            what = defect(place, entry.path, entry.size, entry.size)
            if what == "truncated" and differing([Expected(place, entry.size, entry.digest)], at.progress):
                found[dist].append(Difference(entry.path, what, entry.size, entry.size))


def _compare_content(
    at: Looking, listed: dict[Distribution, list[Entry]], found: dict[Distribution, list[Difference]]
) -> None:
    """Add the files whose content is not the recorded one."""
    from envdoctor.probes.installed.file_hashes import Expected, differing

    owners: dict[str, tuple[Distribution, Entry]] = {}
    disputed: set[str] = set()
    for dist, its in listed.items():
        known = {one.path for one in found[dist]}
        for entry in its:
            place = at.host.path(f"{dist.site}/{entry.path}")
            # A size that differs was told already, be it by line ends alone.
            if entry.path not in known and entry.size is not None and _size(place) == entry.size:
                owner = owners.setdefault(place, (dist, entry))
                if owner[1].digest != entry.digest:
                    disputed.add(place)  # two packages put a file there, and either may have been last
    wanted = [
        Expected(place, entry.size or 0, entry.digest) for place, (_, entry) in owners.items() if place not in disputed
    ]
    for place in sorted(differing(wanted, at.progress)):
        dist, entry = owners[place]
        what = defect(place, entry.path, entry.size, entry.size or 0)
        if what:
            found[dist].append(Difference(entry.path, what, entry.size, entry.size))


def _size(place: str) -> int | None:
    try:
        return os.stat(place).st_size
    except (OSError, ValueError):
        return None


def _needed(at: Looking, listed: dict[Distribution, list[Entry]]) -> frozenset[str]:
    """Return the paths in records of the shared objects that `import torch` loads, by what each needs."""
    by_name: dict[str, tuple[str, str]] = {}
    waiting: list[tuple[str, str]] = []
    for dist, its in listed.items():
        for entry in its:
            if is_shared(entry.path) and (dist.name == "torch" or dist.name.startswith(("nvidia-", "cuda-"))):
                by_name.setdefault(posixpath.basename(entry.path), (dist.site, entry.path))
                if dist.name == "torch" and OWN_OBJECTS.fullmatch(entry.path):
                    waiting.append((dist.site, entry.path))
    needed = {path for _, path in waiting}
    while waiting:
        site, path = waiting.pop()
        try:
            names = read_dynamic(at.host.path(f"{site}/{path}")).needed
        except NotElf:  # gone or damaged itself
            continue
        for name in names:
            if name in by_name and by_name[name][1] not in needed:
                needed.add(by_name[name][1])
                waiting.append(by_name[name])
    return frozenset(needed)


def _counts(dist: Distribution, one: Difference, needed: frozenset[str]) -> bool:
    """Whether a difference is a defect, and not what makes an image small."""
    if one.path in needed:
        return True
    if dist.name.startswith("nvidia-"):
        # Their modules are empty and some belong to several packages; of the libraries torch uses some.
        return is_shared(one.path) and (
            not one.unusable or OPENED_LATER.match(posixpath.basename(one.path)) is not None
        )
    if dist.name == "torch":
        return one.path.startswith("torch/")  # not torchgen and functorch, which it does without
    return not (one.what == "missing" and is_shared(one.path) and VARIANT.search(posixpath.basename(one.path)))


def _of_another(dist: Distribution, one: Difference, listed: dict[Distribution, list[Entry]]) -> bool:
    """Whether the file on disk is that of another package, which records the same path with that size."""
    if one.found is None or one.what == "hash":
        return False
    return any(
        entry.path == one.path and entry.size == one.found
        for other, its in listed.items()
        if other is not dist and other.site == dist.site
        for entry in its
    )


def _loads(dist: Distribution, path: str, needed: frozenset[str]) -> bool:
    """Whether importing torch reads the file, or for a package beside torch, importing that package."""
    if dist.name == "torch" or dist.name.startswith(("nvidia-", "cuda-")):
        return path in needed or path == LOOKED_FOR or AT_ONCE.fullmatch(path) is not None
    return re.fullmatch(r"[^/]+/(?:__init__\.py|_C[^/]*\.(?:so|pyd))", path) is not None


def _row(at: Looking, dist: Distribution, found: list[Difference], checked: int, needed: frozenset[str]) -> Value:
    """Return the row of one package; the worst of its files are named first."""

    def rank(one: Difference) -> tuple[bool, bool, int, str]:
        return (not one.unusable, not _loads(dist, one.path, needed), ORDER.index(one.what), one.path)

    named: list[Value] = [
        {
            "file": printable(one.path[:LONGEST_PATH]),
            "what": one.what,
            "recorded": one.recorded,
            "found": one.found,
            "loads": _loads(dist, one.path, needed),
        }
        for one in sorted(found, key=rank)[:MOST_NAMED]
    ]
    missing = sum(one.what == "missing" for one in found)
    return {
        "package": dist.name,
        "version": dist.version,
        "checked": checked,
        "deep": at.deep,
        "missing": missing,
        "changed": len(found) - missing,
        "files": named,
    }
