"""Wheels of a few hundred bytes that say what torch's say."""

from __future__ import annotations

import io
import zipfile

FLAGS = b"sm_75 sm_80 sm_86 sm_90 sm_100 sm_120"


def library(flags: bytes | None = FLAGS) -> bytes:
    """Something like libtorch_python.so: words about sm_90 everywhere, the flags once between NULs."""
    text = b"\x7fELF\0needs sm_90 or newer\0sm_80 is old, compute_80 too\0use_cxx11_abi_1\0\0\0"
    return (
        text + ((flags + b"\0\0\0") if flags is not None else b"") + b"/src/torch/csrc/cuda/Module.cpp\0" + bytes(5000)
    )


def metadata(name: str, version: str, *requires: str, python: str = ">=3.10") -> bytes:
    lines = "".join(f"Requires-Dist: {line}\n" for line in requires)
    head = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\nRequires-Python: {python}\n"
    return f"{head}{lines}\nThe text of it.\n".encode()


def version_py(version: str, cuda: str | None, hip: str | None = None) -> bytes:
    return (
        f"from typing import Optional\n\n__version__ = {version!r}\ndebug = False\n"
        f"cuda: Optional[str] = {cuda!r}\nhip: Optional[str] = {hip!r}\n"
    ).encode()


def torch_wheel(
    version: str = "2.14.0",
    cuda: str | None = "13.0",
    *,
    local: str = "cu130",
    flags: bytes | None = FLAGS,
    hip: str | None = None,
    library_name: str = "torch/lib/libtorch_python.so",
) -> bytes:
    return wheel(
        {
            "torch/version.py": version_py(f"{version}+{local}", cuda, hip),
            library_name: library(flags),
            f"torch-{version}.dist-info/METADATA": metadata(
                "torch", version, "filelock", 'nvidia-cudnn-cu13==9.24.0.43; platform_system == "Linux"'
            ),
        }
    )


def wheel(members: dict[str, bytes]) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return whole.getvalue()
