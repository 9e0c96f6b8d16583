"""A package index and a PyTorch wheel index on 127.0.0.1, for real installers; both end with the test.

The default index holds torch 2.5.1 for CUDA 12.4 as the package index has it, without a local version. The channel
cu118 holds the same release for CUDA 11.8 and, as the real one does, copies of packages that have nothing to do with
torch: newer ones, which no plan may bring in.
"""

from __future__ import annotations

import shutil
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from wheel_folder import add_wheel

from standin.environment import torch_version_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GIT = "0" * 40
OLD_NUMPY, NEW_NUMPY = "1.26.4", "2.9.9"
OLD_LOCK, NEW_LOCK = "3.12.0", "9.9.9"
RUNTIMES = {"nvidia-cuda-runtime-cu12": "12.4.127", "nvidia-cuda-runtime-cu11": "11.8.89"}


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder and says nothing."""

    def log_request(self, *about: Any) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on a free port of 127.0.0.1 and yield its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def write_indexes(root: Path) -> None:
    """Write `simple`, the default index, and `whl/cu118`, a channel, below `root`.

    `flat/cu118` holds the wheels of that channel in one folder, and `page/torch_stable.html` links them all.
    """
    default, channel = root / "simple", root / "whl" / "cu118"
    _torch_set(default, "2.5.1", "0.20.1", "12.4", "nvidia-cuda-runtime-cu12")
    _torch_set(channel, "2.5.1+cu118", "0.20.1+cu118", "11.8", "nvidia-cuda-runtime-cu11")
    for index in (default, channel):
        add_wheel(index, "triton", "3.1.0", files={"triton/__init__.py": ""})
        for runtime, version in RUNTIMES.items():
            add_wheel(index, runtime, version, files={f"{runtime.replace('-', '_')}.py": ""})
        add_wheel(index, "numpy", OLD_NUMPY, files={"numpy/__init__.py": ""})
    add_wheel(default, "filelock", OLD_LOCK, files={"filelock/__init__.py": ""})
    add_wheel(channel, "numpy", NEW_NUMPY, files={"numpy/__init__.py": ""})
    add_wheel(channel, "filelock", NEW_LOCK, files={"filelock/__init__.py": ""})
    write_flat(channel, root / "flat" / "cu118")
    write_page(root / "flat" / "cu118", root / "page")


def write_flat(channel: Path, folder: Path) -> None:
    """Put the wheels of a channel into one folder, with a page that writes their plus sign as some mirrors do."""
    folder.mkdir(parents=True)
    for wheel in channel.glob("*/*.whl"):
        shutil.copy(wheel, folder)
    links = (f'<a href="{path.name.replace("+", "&#43;")}">{path.name[:20]}...</a>' for path in folder.glob("*.whl"))
    (folder / "index.html").write_text("<html><body>" + "<br>".join(links) + "</body></html>", encoding="utf-8")


def write_page(flat: Path, folder: Path) -> None:
    """Write the page of links for all channels: `torch_stable.html`, whose links begin with the channel."""
    shutil.copytree(flat, folder / flat.name, ignore=shutil.ignore_patterns("*.html"))
    (folder / flat.name / "index.html").write_text("not listed", encoding="utf-8")
    names = (f"{flat.name}/{path.name.replace('+', '%2B')}" for path in flat.glob("*.whl"))
    links = "".join(f'<a href="{name}">{name}</a><br>\n' for name in names)
    (folder / "torch_stable.html").write_text(links, encoding="utf-8")


def _torch_set(index: Path, torch: str, vision: str, cuda: str, runtime: str) -> None:
    tag = f"cu{cuda.replace('.', '')}"
    public, public_vision = torch.partition("+")[0], vision.partition("+")[0]
    files = {"torch/__init__.py": "", "torch/version.py": torch_version_file(f"{public}+{tag}", cuda, GIT)}
    requires = ("filelock", "triton==3.1.0", f"{runtime}=={RUNTIMES[runtime]}")
    add_wheel(index, "torch", torch, files=files, requires=requires)
    told = f"__version__ = '{public_vision}+{tag}'\ncuda = {cuda!r}\n"
    files = {"torchvision/__init__.py": "", "torchvision/version.py": told}
    add_wheel(index, "torchvision", vision, files=files, requires=("numpy", f"torch=={public}"))
