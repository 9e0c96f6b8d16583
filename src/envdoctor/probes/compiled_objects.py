"""The compiled objects of installed distributions that load into a Python with torch, and when each is loaded.

Nobody can list every package that compiles against torch, so a distribution is looked into where its WHEEL says that
it is compiled and one of these holds: it is a known one, it requires torch, or it was built on this machine (its tag
names no manylinux). Of its files only those count that need torch's libraries, or CUDA's where the distribution
requires torch or was built here: others find CUDA in ways of their own. A table holds the few whose objects concern a
GPU without torch, and the few whose way of loading no name tells. Roles are told by names, as most
packages keep to the same ones.

Sources: the wheels bitsandbytes 0.50.2, fbgemm-gpu 1.9.0, sgl-kernel 0.3.21, torchao 0.18.0, torchaudio 2.11.0,
torchcodec 0.17.0, torchvision 0.24.1 to 0.29.1, vllm 0.33.0, xformers 0.0.35 and the modules of theirs that load them;
the `__init__.py` of pyg-lib and of torch-scatter and its kin in their repositories.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections import Counter
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.binary.dynamic import DynamicSection, dynamic_of
from envdoctor.binary.image import NotElf, opened
from envdoctor.binary.symbols import Symbols
from envdoctor.model.fact import Absent, Known
from envdoctor.probes.distributions import TRITON, in_family
from envdoctor.probes.extensions import KNOWN
from envdoctor.probes.installed import records
from envdoctor.probes.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envdoctor.binary.image import Image
    from envdoctor.model.fact import Value
    from envdoctor.probes.distributions import Distribution
    from envdoctor.probes.looking import Facts, Looking

FACTS = {
    "extensions.objects": "distributions with compiled objects that load into a Python with torch: name to how many "
    "are loaded with it (entry), are alternatives of one another (variant), or belong to one feature (optional)",
}

COMPILED_PARTNERS = frozenset({"torchvision", "torchaudio", "torchtext", "torchdata"})
WITHOUT_TORCH = re.compile(r"bitsandbytes$|opencv-")
"""Distributions whose objects count although they need no library of torch: one holds device code, the other is
imported beside torch everywhere and is known for what it needs of the system (libGL)."""

MOST_PACKAGES = 500
MOST_OBJECTS = 64
"""Objects read of one distribution; fbgemm-gpu, which has most of those seen, has 19."""
MOST_RECORDED = 5000
"""Lines of one RECORD that may name one."""
MOST_UNCERTAIN = 8
"""Objects read of a distribution that says nothing of torch before it is left alone."""
MOST_FOLDERS = 64
"""Folders listed of a distribution that has no list of its files: a checkout, an egg."""

NOT_INSTALLED = frozenset({"build", "csrc", "docs", "examples", "tests", "third_party"})
"""Folders of a checkout that nothing is imported from."""

OBJECT = re.compile(r"\.so(?:\.\d[\d.]{0,20})?$")
PYTHON_TAG = re.compile(r"\.cpython-(\d+t?)(?:-[\w-]+)?\.so$|\.pypy\w*-[\w-]+\.so$")
MODULE = re.compile(r"\.(?:cpython-\d+t?(?:-[\w-]+)?|abi3t?)\.so$")
MAIN = re.compile(r"_C(?:_stable)?(?:_libtorch)?\.(?:[\w-]+\.)?so$")
"""What most packages call the module that holds their operators (torchvision, xformers, detectron2, vllm)."""
ALTERNATIVE = re.compile(r"(?<![A-Za-z])(?:cpu|cuda|rocm|hip|xpu|mps|npu)(?![A-Za-z])[\d.]*|\d[\d.]*[a-z]?(?![A-Za-z])")
"""What differs in the names of alternatives: a device, a version, an architecture."""

TORCH_LIBRARIES = ("libtorch", "libc10")
CUDA_LIBRARIES = (
    "libcudart.", "libcublas", "libcudnn", "libcufft.", "libcurand.", "libcusolver", "libcusparse", "libnccl.",
    "libnvrtc.", "libnvJitLink.",
)  # fmt: skip
TORCH_SYMBOLS = ("_ZN3c10", "_ZN2at", "_ZN5torch", "aoti_torch_")


class Role(Enum):
    """When an object is loaded."""

    ENTRY = "entry"
    """When the package is imported."""
    VARIANT = "variant"
    """One of several alternatives, of which one is chosen at run time."""
    OPTIONAL = "optional"
    """By one feature, or tried and done without."""


class Needs(Enum):
    """Whose libraries an object needs."""

    TORCH = "torch"
    CUDA = "CUDA, and not torch"
    NEITHER = "neither"


EXCEPTIONS: tuple[tuple[str, re.Pattern[str], Role | None], ...] = tuple(
    (package, re.compile(pattern), role)
    for package, pattern, role in (
        # asmjit.so and fbgemm.so are needed by the others; all of them are loaded by path (fbgemm_gpu/__init__.py).
        ("fbgemm-gpu", r"fbgemm_gpu/\w+\.so$", Role.ENTRY),
        ("opencv-", r"cv2/cv2\.", Role.ENTRY),
        ("opencv-", r"", None),  # Qt's plugins
        # Loaded by path from __init__.py: that for CUDA if it is there, which is linked as that for the CPU is.
        ("torch-", r"torch_(?:scatter|sparse|cluster|spline_conv)/_\w+_(?:cuda|cpu)\.so$", Role.ENTRY),
        ("pyg-lib", r"pyg_lib/libpyg\.so$", Role.ENTRY),
        ("sgl-kernel", r"sgl_kernel/sm\d+/", Role.VARIANT),
        ("sgl-kernel", r"", Role.OPTIONAL),
        # Each is tried, and a torch that it does not fit is only logged (torchao/__init__.py).
        ("torchao", r"", Role.OPTIONAL),
        ("torchaudio", r"torchaudio/lib/(?:lib|_)torchaudio\.", Role.ENTRY),
        ("torchaudio", r"torchaudio_", Role.OPTIONAL),
        # Loaded with the package, with or without FFmpeg (load_image_library); the others when they are used.
        ("torchcodec", r"libtorchcodec_image\.so$", Role.ENTRY),
        ("torchcodec", r"_(?:heic|pybind_ops)\.so$", Role.OPTIONAL),
    )
)
"""Names of which the general rule would think wrongly: beginning of the package's name, the path in it, the role
(None: of no concern)."""


class CompiledObject(NamedTuple):
    """One compiled object: `path` on the machine, `shown` below its folder of packages.

    `package` is the normalised name of its distribution and `version` that distribution's, empty for a module that no
    distribution records; `of_torch` says that it needs torch's libraries.
    """

    path: str
    shown: str
    package: str
    version: str
    role: Role
    of_torch: bool


def look(at: Looking) -> Facts:
    """Find the objects, for the probes that read them, and count them."""
    if at.host.os != "linux":
        return dict.fromkeys(FACTS, Absent("not an ELF platform"))
    if at.unlisted:
        return dict.fromkeys(FACTS, at.unlisted)
    found: list[CompiledObject] = []
    counts: dict[str, Value] = {}
    dependents = _dependents(at)
    for name, (first, *_) in at.by_name.items():
        at.in_time()
        if (in_family(name) and name not in COMPILED_PARTNERS) or name in TRITON:
            continue
        known = name in KNOWN or name in COMPILED_PARTNERS or name.startswith("opencv-")
        objects = _objects(at, first, known=known, requires_torch=name in dependents)
        if objects:
            found += objects
            counts[name] = {role.value: sum(one.role is role for one in objects) for role in Role}
        if len(counts) == MOST_PACKAGES:
            break
    for one in _unrecorded(at, {one.path for one in found}):
        found.append(one)
        counts.setdefault(one.package, {role.value: int(role is one.role) for role in Role})
    at.objects = tuple(found)
    return {"extensions.objects": Known(counts, "RECORD")}


def _unrecorded(at: Looking, found: set[str]) -> Iterator[CompiledObject]:
    """Yield modules that lie in a folder of packages by themselves and need torch, as `build_ext --inplace` makes them.

    They go by the name they are imported by.
    """
    for site in at.texts("python.site_packages"):
        try:
            names = at.host.listdir(site)
        except OSError:
            continue
        modules = [name for name in names if MODULE.search(name) and _may_load(name, at.text("python.tag"))]
        for name in modules[:MOST_OBJECTS]:
            path = posixpath.join(site, name)
            if path not in found and needs_of(at.host.path(path)) is Needs.TORCH:
                yield CompiledObject(path, printable(name), name.partition(".")[0], "", Role.ENTRY, of_torch=True)


def _dependents(at: Looking) -> set[str]:
    """The names of those whose metadata demands torch."""
    return {name for row in at.rows("torch.dependents") if isinstance(name := row.get("name"), str)}


def _objects(at: Looking, one: Distribution, *, known: bool, requires_torch: bool) -> list[CompiledObject]:
    """The compiled objects of a distribution; `known` by its name, or `requires_torch` by its metadata."""
    said = known or requires_torch
    tags = _compiled_for(at, one)
    built_here = tags is not None and not requires_torch and _built_here(tags, at, one)
    if tags is None or not (said or built_here):
        return []
    base, files = _files(at, one, said=said)
    with_cuda = requires_torch or built_here
    roles = roles_of(one.name, [path for path in files if _may_load(path, at.text("python.tag"))])
    found: list[CompiledObject] = []
    for number, path in enumerate(sorted(roles, key=_loading_order)[:MOST_OBJECTS]):
        if number == MOST_UNCERTAIN and not (said or found):
            break
        at.in_time()
        whole = posixpath.normpath(posixpath.join(base, path))
        needs = needs_of(at.host.path(whole))
        if needs is None:
            at.unreadable.append(whole)
        of_torch = needs is Needs.TORCH
        if of_torch or (needs is Needs.CUDA and with_cuda) or (needs is not None and WITHOUT_TORCH.match(one.name)):
            shown = printable(path if base == one.site else whole)
            found.append(CompiledObject(whole, shown, one.name, one.version, roles[path], of_torch))
    return found


def _compiled_for(at: Looking, one: Distribution) -> list[str] | None:
    """The tags of a compiled distribution, None for one of Python alone; an egg-info tells neither."""
    if not one.folder.endswith(".dist-info"):
        return []
    try:
        text = at.host.read(os.path.join(one.folder, "WHEEL"), 8192)
    except (OSError, ValueError):
        return []
    if re.search(r"^Root-Is-Purelib: *true", text, re.MULTILINE | re.IGNORECASE):
        return None
    return re.findall(r"^Tag: *(\S{1,200})", text, re.MULTILINE)


def _built_here(tags: list[str], at: Looking, one: Distribution) -> bool:
    """Whether it was compiled outside a package index, which takes no wheel for plain `linux`; conda's are left out."""
    local = any(tag.rpartition("-")[2].startswith("linux_") for tag in tags)
    return (local and records.installer(at.host, one) != "conda") or one.site.endswith(".egg")


def _files(at: Looking, one: Distribution, *, said: bool) -> tuple[str, list[str]]:
    """The shared objects of a distribution, and the folder below which their paths are told."""
    if one.site.endswith(".egg"):
        return one.site, [*_listed(at, one.site)]
    listed = _recorded(at, one)
    if listed:
        return one.site, listed
    checkout = _checkout(at, one)
    if checkout:
        return checkout, [*_listed(at, checkout)]
    if listed is None and said:  # conda's and Debian's records may be without a list of files
        return one.site, [*_listed(at, one.site, one.name.replace("-", "_"))]
    return one.site, []


def _recorded(at: Looking, one: Distribution) -> list[str] | None:
    """The shared objects that RECORD lists, None where there is none to read."""
    try:
        text = at.host.read(os.path.join(one.folder, "RECORD"))
    except (OSError, ValueError):
        return None
    lines = "\n".join(_lines_of_objects(text))
    return [path for path in records.parse_record(lines) if OBJECT.search(path)]


def _lines_of_objects(text: str) -> Iterator[str]:
    """Yield the lines that may name shared objects; the others are most, and are not even parted."""
    end = 0
    for _ in range(MOST_RECORDED):
        place = text.find(".so", end)
        if place < 0:
            return
        start, end = text.rfind("\n", 0, place) + 1, text.find("\n", place)
        if end < 0:
            end = len(text)
        yield text[start:end]


def _checkout(at: Looking, one: Distribution) -> str | None:
    """The folder to which an editable installation leads, None for another installation."""
    if not records.links_checkout(at.host, one):
        return None
    said = re.search(r'"url"\s{0,20}:\s{0,20}"file://(/[^"\\]{1,4000})"', records.direct_url(at.host, one))
    if said is None:
        return None
    from urllib.parse import unquote

    return unquote(said[1]).rstrip("/")


def _listed(at: Looking, base: str, below: str = "") -> Iterator[str]:
    """The shared objects in a folder and in what it holds two folders deep, as paths from `base`."""
    waiting = [(below, 0)]
    for _ in range(MOST_FOLDERS):
        if not waiting:
            return
        folder, depth = waiting.pop(0)
        try:
            names = at.host.listdir(posixpath.join(base, folder))
        except OSError:
            continue
        for name in names:
            path = posixpath.join(folder, name)
            if OBJECT.search(name):
                yield path
            elif depth < 2 and "." not in name and name not in NOT_INSTALLED and at.host.is_dir(f"{base}/{path}"):
                waiting.append((path, depth + 1))


def _may_load(path: str, tag: str | None) -> bool:
    """Whether a Python of that tag (cp311) loads the object itself: neither a vendored library nor another's module."""
    if any(folder.endswith(".libs") for folder in path.split("/")):
        return False
    python = PYTHON_TAG.search(path)
    return python is None or tag is None or python[1] == tag.removeprefix("cp")


def roles_of(package: str, paths: Iterable[str]) -> dict[str, Role]:
    """The role of each shared object of a distribution, by its path below the folder of packages.

    Alternatives have names that are equal but for a version, a device or an architecture. Of the rest a module that
    Python imports, and a `_C`, is loaded with its package, unless it lies deep inside; beside a `_C` of the package
    itself the other modules belong to features.
    """
    kept = [path for path in paths if (_of_table(package, path) or ("",))[0] is not None]
    alike = Counter(map(_stem, kept))
    mains = {path for path in kept if _depth(path) <= 1 and MAIN.match(posixpath.basename(path))}
    return {path: _role(package, path, alternatives=alike[_stem(path)], mains=mains) for path in kept}


def _role(package: str, path: str, *, alternatives: int, mains: set[str]) -> Role:
    by_table = _of_table(package, path)
    if by_table and by_table[0]:
        return by_table[0]
    if alternatives > 1:
        return Role.VARIANT
    if mains:
        return Role.ENTRY if path in mains else Role.OPTIONAL
    imported = MODULE.search(path) or MAIN.match(posixpath.basename(path))
    return Role.ENTRY if imported and _depth(path) <= 2 else Role.OPTIONAL


def _of_table(package: str, path: str) -> tuple[Role | None] | None:
    """The role that the table gives, None where it says nothing."""
    return next(((role,) for start, like, role in EXCEPTIONS if package.startswith(start) and like.search(path)), None)


def _stem(path: str) -> str:
    """A path without what tells alternatives apart; the tag of a Python is no alternative."""
    return ALTERNATIVE.sub("#", MODULE.sub("", path).replace("_", " "))


def _depth(path: str) -> int:
    """How many folders deep an object lies, that of the sources (`src`) not counted."""
    return path.removeprefix("src/").count("/")


def _loading_order(path: str) -> tuple[bool, str]:
    """Libraries come before the modules that need them by name (`torchaudio/lib/libtorchaudio.so`)."""
    return not posixpath.basename(path).startswith("lib"), path


def needs_of(path: str) -> Needs | None:
    """Whose libraries the object at the real path needs; torch's also where it names their symbols alone.

    None for what is no readable object.
    """
    try:
        with opened(path) as image:
            needed = dynamic_of(image).needed
            if any(library.startswith(TORCH_LIBRARIES) for library in needed):
                return Needs.TORCH
            if MODULE.search(path) and _wants_symbols(image):
                return Needs.TORCH
            return Needs.CUDA if any(library.startswith(CUDA_LIBRARIES) for library in needed) else Needs.NEITHER
    except NotElf:
        return None


def _wants_symbols(image: Image) -> bool:
    lacking = Symbols(image, DynamicSection(image)).undefined()
    return any(symbol.name.startswith(TORCH_SYMBOLS) and not symbol.weak for symbol in lacking)
