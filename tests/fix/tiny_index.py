"""A real index server of tiny wheels, for the real pip and uv.

The server is pypiserver on 127.0.0.1: `<base>/whl/<channel>/<project>/` is laid out as the wheel index of PyTorch is,
`<base>/simple/<project>/` as the package index, and `<base>/flat/<channel>/` is the bare folder of the same wheels.
The wheels hold a torch that can be imported: it loads a library which needs one of an `nvidia-*` package.
"""

from __future__ import annotations

import base64
import hashlib
import io
import sys
import threading
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from standin.build import build_shared_object
from standin.environment import torch_version_file
from standin.wheels import RELEASES, partner_requires, take_apart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

TAG = f"cp{sys.version_info.major}{sys.version_info.minor}"
PLATFORM = "manylinux_2_28_x86_64"

BYSTANDERS = {"filelock": "3.12.0", "typing-extensions": "4.12.2", "numpy": "1.26.4", "bystander": "1.0"}
"""What each environment holds beside the torch set."""

NEWER = {"filelock": "9.9.9", "typing-extensions": "9.9.9", "numpy": "2.9.9", "bystander": "2.0"}
"""Newer ones, which every channel holds as the real ones do, and which no fix may bring in."""

IMPORTED = """\
import ctypes
import os
import sys

from torch.version import __version__ as __version__
from torch import nn, version

if version.cuda:
    ctypes.CDLL(os.path.join(os.path.dirname(__file__), "lib", "libtorch_cuda.so"))


class cuda:
    is_available = staticmethod(lambda: False)
    device_count = staticmethod(lambda: 0)
"""


def write_wheel(
    folder: Path,
    name: str,
    version: str,
    files: Mapping[str, str | bytes],
    requires: Sequence[str] = (),
    *,
    tag: str = "py3-none-any",
    scripts: Mapping[str, str] | None = None,
) -> Path:
    """Write a wheel into a folder; `scripts` are console scripts, by name `module:function`."""
    distribution = name.replace("-", "_")
    info = f"{distribution}-{version}.dist-info"
    lines = "".join(f"Requires-Dist: {line}\n" for line in requires)
    pure = str(tag == "py3-none-any").lower()
    contents: dict[str, str | bytes] = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{lines}\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: {pure}\nTag: {tag}\n",
    }
    if scripts:
        listed = "".join(f"{script} = {where}\n" for script, where in scripts.items())
        contents[f"{info}/entry_points.txt"] = f"[console_scripts]\n{listed}"
    record = ""
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{distribution}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, content in contents.items():
            data = content.encode() if isinstance(content, str) else content
            archive.writestr(path, data)
            record += f"{path},sha256={_digest(data)},{len(data)}\n"
        archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return wheel


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


class Wheels:
    """Folders of tiny wheels, `<root>/<channel>` each, and `<root>/simple`; raises `CannotCompile`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._objects: dict[str, bytes] = {}
        self._scratch = root / "objects"

    def channel(self, channel: str, releases: Iterable[str], *, cuda: str | None, public: bool = False) -> None:
        """Fill a channel with these releases of torch and all that they require; without local version if `public`."""
        folder = self.root / ("simple" if public else channel)
        for release in releases:
            self._release(folder, release, channel, cuda, public=public)
        for others in (BYSTANDERS, NEWER):
            for name, version in others.items():
                module = name.replace("-", "_")
                files = {f"{module}/__init__.py": f"__version__ = {version!r}\ndef main(): print({version!r})\n"}
                scripts = {"bystander": "bystander:main"} if name == "bystander" else None
                write_wheel(folder, name, version, files, scripts=scripts)

    def _release(self, folder: Path, release: str, channel: str, cuda: str | None, *, public: bool) -> None:
        build = take_apart(f"{release}+{channel}")
        known = RELEASES[release]
        local = "" if public else f"+{channel}"
        files: dict[str, str | bytes] = {
            "torch/__init__.py": IMPORTED,
            "torch/version.py": torch_version_file(f"{release}+{channel}", cuda, known.git),
            "torch/nn/__init__.py": "class Linear:\n    pass\n",
            "torch/_tensor.py": "class Tensor:\n    pass\n",
            "torchgen/__init__.py": "",
        }
        if cuda:
            major = cuda.partition(".")[0]
            home = "cu13" if major == "13" else "cuda_runtime"
            needed = f"libcudart.so.{'11.0' if major == '11' else major}"
            runpath = f"$ORIGIN/../../nvidia/{home}/lib"
            files["torch/lib/libtorch_cuda.so"] = self._object("libtorch_cuda.so", ("libc.so.6", needed), runpath)
            for name, version in build.nvidia_packages.items():
                own: dict[str, str | bytes] = {f"nvidia/{name.replace('-', '_')}.txt": version}
                if "cudnn" in name or "nccl" in name:
                    soname = "libcudnn.so.9" if "cudnn" in name else "libnccl.so.2"
                    path = f"nvidia/{soname[3:].partition('.')[0]}/lib/{soname}"
                    told_apart = b"x" * sum(int(part) for part in version.split("."))  # by size
                    own[path] = self._object(soname, ("libc.so.6",)) + told_apart
                if "runtime" in name:
                    own[f"nvidia/{home}/lib/{needed}"] = self._object(needed, ("libc.so.6",))
                write_wheel(folder, name, version, own)
            write_wheel(folder, "triton", known.triton, {"triton/__init__.py": f"__version__ = {known.triton!r}\n"})
        else:
            files["torch/lib/libtorch_cpu.so"] = self._object("libtorch_cpu.so", ("libc.so.6",))
        tag = f"{TAG}-{TAG}-{PLATFORM}"
        write_wheel(
            folder, "torch", f"{release}{local}", files, build.requires, tag=tag, scripts={"torchrun": "torch:cuda"}
        )
        for name, version in (("torchvision", known.torchvision), ("torchaudio", known.torchaudio)):
            if version:
                told = f"__version__ = '{version}+{channel}'\ncuda = {cuda!r}\n"
                own = {
                    f"{name}/__init__.py": "import torch\nfrom .version import __version__\n",
                    f"{name}/version.py": told,
                }
                write_wheel(
                    folder, name, f"{version}{local}", own, ("numpy", *partner_requires(name, version)), tag=tag
                )

    def _object(self, soname: str, needs: tuple[str, ...], runpath: str = "") -> bytes:
        key = f"{soname} {needs} {runpath}"
        if key not in self._objects:
            path = self._scratch / soname
            build_shared_object(path, needs, runpath=(runpath,) if runpath else ())
            self._objects[key] = path.read_bytes()
        return self._objects[key]


CHANNELS = {
    "cpu": (None, ("2.13.0", "2.14.1")),
    "cu118": ("11.8", ("2.5.1", "2.6.0", "2.7.1")),
    "cu121": ("12.1", ("2.1.2", "2.5.1")),
    "cu124": ("12.4", ("2.5.1", "2.6.0")),
    "cu126": ("12.6", ("2.9.1", "2.13.0", "2.14.0", "2.14.1", "2.15.0")),
    "cu128": ("12.8", ("2.8.0", "2.9.1", "2.10.0", "2.11.0")),
    "cu129": ("12.9", ("2.8.0", "2.9.1", "2.14.0", "2.14.1")),
    "cu130": ("13.0", ("2.9.1", "2.13.0", "2.14.0", "2.14.1", "2.15.0")),
    "cu132": ("13.2", ("2.14.1", "2.15.0")),
}
"""Channel to its CUDA release and the torch releases that the tiny index has of it."""


class _Quiet(WSGIRequestHandler):
    def log_message(self, *about: Any) -> None:
        pass


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


@dataclass
class Index:
    """A running index: `base` is what `--index-base` takes, `flat` the same as bare folders.

    `faults` makes it err with whole files, by a part of their names: "cut" closes after half of one, "wrong" sends
    another wheel than the page's hash is of, "stall" waits once, for `let_go`, in the midst of one. `asked` are the
    paths that were asked for.
    """

    url: str
    asked: list[str] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)
    let_go: threading.Event = field(default_factory=threading.Event)
    stalled: threading.Event = field(default_factory=threading.Event)

    @property
    def base(self) -> str:
        return f"{self.url}/whl"

    @property
    def flat(self) -> str:
        return f"{self.url}/flat"


def _spoiled(body: Iterable[bytes], part: str, index: Index) -> Iterator[bytes]:
    whole, fault = b"".join(body), index.faults[part]
    if fault == "wrong":
        yield _of_another_day(whole)
        return
    if fault == "stall":
        del index.faults[part]  # once
    yield whole[: len(whole) // 2]
    if fault == "stall":
        index.stalled.set()
        index.let_go.wait(60)
        yield whole[len(whole) // 2 :]


def _of_another_day(wheel: bytes) -> bytes:
    """The same files as a wheel of the same length: whole, and not the one that the page means."""
    other = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(wheel)) as read, zipfile.ZipFile(other, "w") as written:
        for info in read.infolist():
            written.writestr(zipfile.ZipInfo(info.filename, (2001, 1, 1, 0, 0, 0)), read.read(info))
    assert len(other.getvalue()) == len(wheel)
    return other.getvalue()


def _once(digest: Callable[[Any], str | None]) -> Callable[[Any], str | None]:
    """Digest each file once: pypiserver does it for every page, and a real wheel has a gigabyte."""
    known: dict[str, str | None] = {}

    def remembered(package: Any) -> str | None:
        if package.fn not in known:
            known[package.fn] = digest(package)
        return known[package.fn]

    return remembered


@contextmanager
def serving(root: Path) -> Iterator[Index]:
    """Serve the folders below `root` by pypiserver on a free port of 127.0.0.1 until the context ends."""
    from pypiserver import app_from_config
    from pypiserver.config import Config

    apps = {}
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        config = Config.default_with_overrides(roots=[folder], disable_fallback=True, backend_arg="simple-dir")
        config.backend.digest = _once(config.backend.digest)
        apps[folder.name] = app_from_config(config)
    index = Index("")

    def front(environ: dict[str, Any], respond: Callable[..., Any]) -> Iterable[bytes]:
        path = str(environ["PATH_INFO"])
        index.asked.append(path)
        kind, _, rest = path.lstrip("/").partition("/")
        name, _, rest = ("simple", "", rest) if kind == "simple" else rest.partition("/")
        app = apps.get(name)
        if app is None or (kind == "flat" and rest and not rest.startswith("packages/")):
            respond("404 Not Found", [("Content-Type", "text/plain")])
            return [b"no such page\n"]
        mount = "/simple" if kind == "simple" else f"/{kind}/{name}"
        if rest.startswith("packages/"):
            inside = f"/{rest}"
        elif kind == "flat":
            inside = "/packages/"
        else:
            inside = f"/simple/{rest}" if rest else "/simple/"
        body = app({**environ, "SCRIPT_NAME": mount, "PATH_INFO": inside}, respond)
        whole = environ["REQUEST_METHOD"] == "GET" and inside.startswith("/packages/") and "HTTP_RANGE" not in environ
        part = next((part for part in index.faults if part in inside), None) if whole else None
        return body if part is None else _spoiled(body, part, index)

    server = make_server("127.0.0.1", 0, front, server_class=_Server, handler_class=_Quiet)
    index.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield index
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
