"""What the dynamic loader does not find, by `ldd`, and the cuDNN of the system by the names of its files.

    ldd .../site-packages/torch/lib/libtorch_cuda.so
            libcudart.so.12 => not found
            libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f...)
    libcudnn.so.8 (libc6,x86-64) => /usr/lib/x86_64-linux-gnu/libcudnn.so.8        (ldconfig -p)

`ldd` starts a process of its own: what is compiled against torch finds its libraries only after `import torch`, and
the libraries of CUDA that torch has loaded by then. That `ldd` misses these is no defect.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.fact import Known
from envdoctor.model.paste import Reading, Stated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envdoctor.model.fact import Value
    from envdoctor.model.paste import Line

FORMAT = "ldd"

_LIBRARY = r"(lib[\w+-]{1,60}\.so(?:\.[\w.]{1,20})?)"
_MISSING = rf"{_LIBRARY}\s{{1,4}}=>\s{{1,4}}not found"
_FOUND = rf"\s{{0,12}}{_LIBRARY}\s{{1,4}}=>\s{{1,4}}/\S{{1,400}}\s{{1,4}}\(0x[0-9a-f]{{4,16}}\)"
_SUBJECT = (
    r"\bldd\s{1,4}(?:-\w\s{1,3})?(/?\S{1,400}\.so[\w.]{0,20}|/\S{1,400})|^\s{0,4}(/\S{1,400}\.so[\w.]{0,20}):\s{0,4}$"
)
_PACKAGE = r"(?:^|/)(?:site|dist)-packages/((torch|[\w.]{2,60})/\S{1,300})"
_OF_TORCH = r"lib(?:torch|c10|caffe2|shm)\w{0,40}\.so\S{0,20}"
_WITH_TORCH = (
    rf"{_OF_TORCH}|lib(?:cudart|cublas|cublasLt|cudnn\w{{0,40}}|cufft|curand|cusolver|cusparse|cusparseLt|nccl|nvJitLink"
    r"|nvrtc|cupti|cuda|nvshmem_host|cufile|nvToolsExt|python3\S{0,10}|iomp5|gomp|mkl_\w{1,30})[.-]\S{0,20}"
)
_SYSTEM_CUDNN = r"(?<![\w.])(/(?:usr|opt|lib)[^\s:,'\"]{0,300}/libcudnn\.so\.(\d{1,2}\.\d{1,2}\.\d{1,3}))(?![\w.])"
_LONGEST = 600
_MOST_ROWS = 64


class _Subject(NamedTuple):
    """What ldd was asked about: its path below the folder of packages, and the package; empty where it is in none."""

    object: str
    package: str


NOTHING = _Subject("", "")


def read(lines: Sequence[Line]) -> Reading:
    """State what a compiled object of a package does not find, but for what `import torch` brings it."""
    missing: list[Value] = []
    cudnn: list[Value] = []
    first: dict[str, int] = {}
    claimed: set[int] = set()
    subject = NOTHING
    for line in lines:
        text = line.text
        if ".so" not in text or len(text) > _LONGEST:
            continue
        asked = re.search(_SUBJECT, text) if "ldd " in text or text.rstrip().endswith(":") else None
        if asked:
            subject = _subject(asked[1] or asked[2])
        lack = re.search(_MISSING, text) if "not found" in text else None
        if lack and subject.package and not _comes_with_torch(lack[1], subject):
            row: Value = {"object": subject.object, "library": lack[1], "package": subject.package, "role": "entry"}
            if len(missing) < _MOST_ROWS and row not in missing:
                missing.append(row)
            first.setdefault("libraries.missing", line.number)
        if lack or re.fullmatch(_FOUND, text):
            claimed.add(line.number)
        on_disk = re.search(_SYSTEM_CUDNN, text) if "libcudnn.so." in text else None
        if on_disk and len(cudnn) < _MOST_ROWS:
            cudnn.append({"path": on_disk[1], "version": on_disk[2]})
            first.setdefault("toolkit.system_cudnn", line.number)
    rows = {"libraries.missing": missing, "toolkit.system_cudnn": cudnn}
    stated = [Stated(name, Known(found, FORMAT), first[name]) for name, found in rows.items() if found]
    if claimed:
        stated.append(Stated("host.os", Known("linux", FORMAT), min(claimed)))
    return Reading(FORMAT, tuple(stated), claimed=frozenset(claimed))


def _subject(path: str) -> _Subject:
    package = re.search(_PACKAGE, path)
    if package:
        return _Subject(package[1], package[2])
    name = posixpath.basename(path)
    return _Subject(f"torch/lib/{name}", "torch") if re.fullmatch(_OF_TORCH, name) else NOTHING


def _comes_with_torch(library: str, subject: _Subject) -> bool:
    if subject.package == "torch":
        return re.fullmatch(_OF_TORCH, library) is not None or library.startswith("libcuda.so")
    return re.fullmatch(_WITH_TORCH, library) is not None
