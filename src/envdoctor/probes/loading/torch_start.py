"""What `import torch` opens, in its order: read out of `torch/__init__.py`, which is never run.

`_load_global_deps` opens `torch/lib/libtorch_global_deps.so` for all to see. Where that fails, every release since 1.13
opens the CUDA libraries of the packages beside it by path and tries again; after 2.5.1 some are opened so in any case,
which of them differs by release (issues 138460 and 145580 of pytorch/pytorch). Then `torch/_C*.so` is opened.
Read here in the wheels of 1.10.2, 1.13.1, 2.0.1, 2.5.1, 2.13.0 and 2.14.1.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.binary.image import NotElf, opened
from envdoctor.binary.soname_search import How

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.binary.process import Opening, Process
    from envdoctor.host.host import Host

CHAIN = frozenset(
    f"{name}.so"
    for name in (
        "libtorch_global_deps",
        "libtorch",
        "libtorch_cpu",
        "libtorch_cuda",
        "libtorch_python",
        "libc10",
        "libc10_cuda",
        "libshm",
    )
)
"""torch's own objects that `import torch` cannot do without (DT_NEEDED of `torch/_C*.so`, and so on down)."""

MOST_TEXT = 64 * 1024
"""Bytes read of `torch/__init__.py`; what is looked for ends within the first 20,000 of that of 2.14.1."""
MOST_LIBRARIES = 64

PAIR = r"""["'](\w{1,40})["']\s{0,20}[,:]\s{0,20}(?:["']lib["'],\s{0,20})?["'](lib[\w-]{1,40}\.so\.[^"'\s]{1,40})["']"""
"""A folder and the pattern of a name: `("cublas", "libcublas.so.*[0-9]")`, `"cublas": "..."`; a path of 1.13."""

LAZY = ("libtorch_cuda_linalg.so", "libcaffe2_nvrtc.so")
"""What torch opens by name when it is needed (`at::DynamicLibrary`): linear algebra, compilation at run time."""
LARGEST_SHIM = 1024 * 1024
"""Bytes of a `libcudnn.so` that opens its parts by name: 129,240 in cuDNN 9.24."""
PART = rb"libcudnn_[a-z_]{1,40}\.so(?:\.\d{1,3})?(?=\0)"
FIRST_PARTS = ("libcudnn_graph.so", "libcudnn_ops.so")
"""In the order in which a program meets them, seen in the maps of processes with cuDNN 9.12 and 9.24: `cudnnCreate`
opens the first, `cudnnCreateTensorDescriptor` the second. The parts opened later find them by name, wherever they came
from."""
FURTHER_PARTS = ("engines_precompiled", "engines_runtime_compiled", "engines_tensor_ir", "heuristic")
"""Parts of cuDNN 9 that other parts open by name, which lie beside them where that release has them."""


class Preload(NamedTuple):
    """A library opened by path: `folder` of the package, and a glob `pattern` of the file."""

    folder: str
    pattern: str


class Preloading(NamedTuple):
    """What one release opens by path: `always` after libtorch_global_deps.so, `on_failure` of that.

    `always` happens only where a file is mapped whose path holds `mapped`, and for one of `cuda` where any are named.
    `strict`: the first that is not there ends it. `wide`: also in `nvidia/cu13/lib` and in folders beside torch.
    """

    always: tuple[Preload, ...] = ()
    on_failure: tuple[Preload, ...] = ()
    mapped: str = ""
    cuda: tuple[str, ...] = ()
    strict: bool = True
    wide: bool = False


def preloading(text: str) -> Preloading:
    """Read the text of a `torch/__init__.py`; one without such functions opens nothing by path."""
    start = text.find("def _preload_cuda")
    if start < 0:
        return Preloading()
    functions = re.split(r"^(?=if |else:|@)", text[start:], maxsplit=1, flags=re.MULTILINE)[0]
    before, _, load = functions.partition("def _load_global_deps")
    tried, _, failed = load.partition("except OSError")
    after = tried.partition("RTLD_GLOBAL")[2]
    named = _pairs(before)
    always = (_pairs(after) or named) if "_preload_cuda" in after else ()
    mapped = re.search(r"""["']([^"'\n]{1,80})["'] not in _maps""", after)
    cuda = re.search(r"version\.cuda (?:not )?in [\[(]([^\])\n]{0,200})", after)
    return Preloading(
        always=always,
        on_failure=(*named, *_pairs(failed)),
        mapped=mapped[1] if mapped else "",
        cuda=tuple(re.findall(r"""["']([\d.]{1,8})["']""", cuda[1])) if cuda else (),
        strict="required=False" not in after,
        wide="_get_cuda_dep_paths" in text,
    )


def _pairs(text: str) -> tuple[Preload, ...]:
    return tuple(Preload(folder, pattern) for folder, pattern in re.findall(PAIR, text)[:MOST_LIBRARIES])


@dataclass(frozen=True, slots=True)
class Torch:
    """One torch: the folder of packages `site` it lies in, all `sites` of its interpreter, CUDA of its build."""

    host: Host
    site: str
    sites: tuple[str, ...]
    cuda: str | None
    listed: dict[str, list[str]] = field(default_factory=dict, repr=False, compare=False)
    """Folders that were listed, and their names."""

    @property
    def objects(self) -> list[str]:
        """What its import opens, in order; of a torch half gone, those that are left."""
        library = f"{self.site}/torch/lib"
        first = f"{library}/libtorch_global_deps.so"
        rest = [path for path in self._named(library, "lib") if posixpath.basename(path) in CHAIN and path != first]
        every = (first, *self._named(f"{self.site}/torch", "_C."), *rest)
        return [path for path in every if self.host.is_file(path)]

    @property
    def partners(self) -> list[tuple[str, str]]:
        """The compiled modules of torchvision and torchaudio that load with them, in order: package and path."""
        found = []
        for site in self.sites:
            found += [
                ("torchvision", path)
                for path in self._named(f"{site}/torchvision", "_C")
                if posixpath.basename(path).startswith(("_C.", "_C_stable."))
            ]
            # torchaudio loads the first by path, then imports the second, which needs it by name.
            for start in ("libtorchaudio.", "_torchaudio."):
                found += [("torchaudio", path) for path in self._named(f"{site}/torchaudio/lib", start)]
        return found

    def start(self, process: Process) -> dict[str, Opening]:
        """Do in `process` what `import torch` does; tell what became of each object, by its path."""
        openings: dict[str, Opening] = {}
        release = preloading(self._text)
        for path in self.objects:
            if posixpath.basename(path) == "libtorch_global_deps.so":
                openings[path] = self._global(process, path, release)
            elif posixpath.basename(path) not in CHAIN or process.named(posixpath.basename(path)) is None:
                openings[path] = process.open(path)
        return openings

    def start_lazily(self, process: Process) -> None:
        """Open what torch and cuDNN open by name when it is first needed; what is not there is not missed.

        cuDNN comes first, as most programs meet it before they compile anything at run time.
        """
        for major in ("9", "8"):
            shim = process.named(f"libcudnn.so.{major}")
            if shim is not None:
                for name in sorted(self._parts(shim.path, major), key=_turn):
                    process.open_name(name, shim.path)
            graph = process.named(f"libcudnn_graph.so.{major}")
            if graph is not None:
                for part in FURTHER_PARTS:
                    name = f"libcudnn_{part}.so.{major}"
                    if self.host.is_file(f"{posixpath.dirname(graph.path)}/{name}"):
                        process.open_name(name, graph.path)
        engine = process.named("libcudnn_engines_runtime_compiled.so.9")
        compiler = self._compiler(process)
        if engine is not None and compiler is not None:
            process.open_name(compiler, engine.path)
        torch_cuda = process.named("libtorch_cuda.so")
        if torch_cuda is not None:
            for name in LAZY:
                process.open_name(name, torch_cuda.path)

    def _global(self, process: Process, path: str, release: Preloading) -> Opening:
        before = process.state
        opening = process.open(path, everywhere=True)
        if opening.lacking and release.on_failure:
            # The loader unloads what came with an object that lacks something.
            process.back_to(before)
            for library in self._found(release, release.on_failure, strict=False):
                process.open(library, how=How.TORCH)
            return process.open(path, everywhere=True)
        fits = not release.cuda or self.cuda is None or self.cuda in release.cuda
        if release.always and fits and self._is_mapped(process, release.mapped):
            for library in self._found(release, release.always, strict=release.strict):
                process.open(library, how=How.TORCH)
        return opening

    def _is_mapped(self, process: Process, part: str) -> bool:
        """Whether /proc/self/maps, which shows files without links and `..`, would hold `part`."""
        if "/" not in part:
            return any(name.startswith(part) for name in process.names)
        return any(part in posixpath.normpath(one.path) for one in process.present)

    def _found(self, release: Preloading, libraries: tuple[Preload, ...], *, strict: bool) -> Iterator[str]:
        """Yield the first file of each, in the order of sys.path."""
        for library in libraries:
            path = next((path for site in self.sites for path in self._candidates(release, library, site)), None)
            if path is not None:
                yield path
            elif strict and library.folder != "nvtx":
                return

    def _candidates(self, release: Preloading, library: Preload, site: str) -> Iterator[str]:
        folders = [f"{site}/nvidia/{library.folder}/lib"]
        if release.wide:
            folders += [f"{site}/nvidia/cu{self.cuda.partition('.')[0]}/lib"] if self.cuda else []
            folders.append(f"{site}/{library.folder}/lib")
        for folder in folders:
            for name in self._names(folder):
                if fnmatch.fnmatchcase(name, library.pattern):
                    yield f"{folder}/{name}"

    def _parts(self, shim: str, major: str) -> list[str]:
        """The parts that a `libcudnn.so` names in its own text."""
        try:
            with opened(self.host.path(shim)) as image:
                text = image.data[:LARGEST_SHIM] if image.size <= LARGEST_SHIM else b""
        except NotElf:
            return []
        names = [name.decode() for name in re.findall(PART, text)]
        return [*dict.fromkeys(name if name[-1].isdigit() else f"{name}.{major}" for name in names)]

    def _compiler(self, process: Process) -> str | None:
        """The soname of the NVRTC that fits, as torch's own stub for it needs it."""
        stub = f"{self.site}/torch/lib/libcaffe2_nvrtc.so"
        try:
            needed = process.files.dynamic(stub).needed
        except NotElf:
            return None
        return next((name for name in needed if name.startswith("libnvrtc.so.")), None)

    @property
    def _text(self) -> str:
        try:
            return self.host.read(f"{self.site}/torch/__init__.py", MOST_TEXT)
        except (OSError, ValueError):
            return ""

    def _named(self, folder: str, start: str) -> list[str]:
        """The paths of shared objects in `folder` whose names begin with `start`; none where it cannot be listed."""
        return [f"{folder}/{name}" for name in self._names(folder) if name.startswith(start) and name.endswith(".so")]

    def _names(self, folder: str) -> list[str]:
        if folder not in self.listed:
            try:
                self.listed[folder] = self.host.listdir(folder)
            except OSError:
                self.listed[folder] = []
        return self.listed[folder]


def _turn(part: str) -> int:
    """When a part of cuDNN is opened, beside the others of its kind."""
    return next((turn for turn, name in enumerate(FIRST_PARTS) if part.startswith(name)), len(FIRST_PARTS))


def find_torch(host: Host, sites: list[str], cuda: str | None, known: str | None = None) -> Torch | None:
    """The torch that is imported, from the folder of packages in which it is `known` to lie if it is there.

    A folder `torch` with nothing but leftovers is what pip leaves of a removed one.
    """
    site = next(
        (folder for folder in ([known] if known else []) + sites if host.is_file(f"{folder}/torch/__init__.py")), None
    )
    return Torch(host, site, tuple(sites), cuda) if site is not None else None
