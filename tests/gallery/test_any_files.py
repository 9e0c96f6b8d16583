"""Whatever the files of a machine hold, every probe answers: no text of theirs makes one fail, and no rule crashes."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_hostile_looks import BEGINNINGS, FILES

from envdoctor.codec.snapshot import decode, encode
from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.model.fact import Unknown
from envdoctor.probes.look import PROBES, look
from envdoctor.probes.target import Target
from recorded_tree import DRIVER_MARKER, MARKER, SITE, TOLD, Tree

MATRIX = load_matrix()

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the names of a recorded Linux are no file names there")

PIECES = [
    "", "\n", "\r\n", " ", "\t", ":", "=", "-", "--", "/", "\\", "[", "]", "{", "}", '"', "'", "#", ",", ";", "@",
    "%40", "\0",
    "\x1b[31m", "\ufffd", "0", "1", "-1", "9" * 5000, "1e999", "NaN", "null", "true", "3.11", "535.104.05", "0x10de",
    "x" * 300,
    "Requires-Dist: torch==2.9.1\n", "Tag: cp311-cp311-any\n", "__version__ = ", "'2.9.1+cu128'",
    "cuda: Optional[str] = ",
    "model name\t: x\n", "flags\t\t: avx avx2\n", "Features\t: asimd\n", "CPU implementer\t: 0x41\n",
    "MemTotal:  1 kB\n",
    "Max locked memory  65536  65536  bytes\n", "Max open files  unlimited  unlimited  files\n", "max 100000",
    "100000 100000",
    "0::/docker/abc\n", "12:cpu:/kubepods\n", "overlay / overlay rw 0 0\n", "ID=ubuntu\nVERSION_ID=",
    "gfx_target_version 110000\n",
    '{"cuda": {"version": "12.8"}}', "CUDA Version 12.8", "#define CUDA_VERSION 12080\n", "home = /usr\n", "uv = 0.5\n",
    "include-system-site-packages = true\n", "[global]\nindex-url = https://u:p@h/simple\n",
    '{"channel": "conda-forge"}',
    "nvidia/cudnn/lib/libcudnn.so.9,sha256=x,1\n", "# R36 (release), REVISION: 4.0\n", "\x7fELF", "ld.so-1.7.0\0",
]  # fmt: skip

TEXT = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=8).map("".join)
CONTENT = st.one_of(
    TEXT.map(lambda text: text.encode("utf-8", "surrogatepass")), st.binary(max_size=64), st.just(b"\xff" * 70_000)
)
WORD: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "version", "gpu"]), inner),
    max_leaves=5,
)
NVML_KEYS = ["status", "driver", "cuda", "count", "gpu", "name", "uuid", "capability", "memory", "pci",
"mig_devices", "state",
             "refused", "failed", "code", "error", "mig_mode", "throttle", "ecc", "end", "init", "version",
             "library", "device",
             "missing"]  # fmt: skip
TOLD_KEYS = [*TOLD, "user_site", "prefixes", "translated", "cpu_brand", "arm64", "os_version", "affinity",
"base_executable",
             "flags", "bits", "machine"]  # fmt: skip


def line(words: dict[str, Any]) -> str:
    return f"{DRIVER_MARKER}{json.dumps(words)}\n"


ANSWERS = st.lists(st.dictionaries(st.sampled_from(NVML_KEYS), WORD, max_size=6).map(line) | TEXT, max_size=4).map(
    "".join
)


@given(
    files=st.dictionaries(st.sampled_from(FILES), CONTENT, max_size=8),
    kept=st.booleans(),
    os=st.sampled_from(["linux", "linux", "linux", "windows", "macos"]),
    machine=st.sampled_from(["x86_64", "aarch64", "arm64", ""]),
    environ=st.dictionaries(st.sampled_from(["PATH", "CUDA_HOME", "LD_LIBRARY_PATH", "PIP_INDEX_URL", "UV_INDEX", "CXX",
                                             "NVIDIA_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES", "HOME", "CONDA_PREFIX"]),
                            TEXT.map(lambda text: text.replace("\0", "")), max_size=4),
    nvml=ANSWERS,
    libcuda=ANSWERS,
    smi=TEXT,
    told=st.dictionaries(st.sampled_from(TOLD_KEYS), WORD, max_size=3),
)  # fmt: skip
def test_any_machine_can_be_looked_at(
    files: dict[str, bytes], kept: bool, os: str, machine: str, environ: dict[str, str], nvml: str, libcuda: str,
    smi: str,
    told: dict[str, Any],
) -> None:  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        tree = Tree(Path(folder))
        tree.machine |= {"os": os, "machine": machine}
        for path, content in files.items():
            beginning = BEGINNINGS.get(path, "").encode() if kept else b""
            tree.file(path, beginning + content)
        tree.file(f"{SITE}/torch-2.9.1.dist-info/RECORD")
        tree.set(**environ)
        # What the interpreter must tell to be one; anything else may be missing or absurd.
        tree.says(
            "interpreter", MARKER + json.dumps({**told, "version": "3.11.7", "tag": "cp311", "path": [SITE]}) + "\n"
        )
        tree.says("nvml", nvml)
        tree.says("libcuda", libcuda)
        tree.says("nvidia-smi", smi)
        seen = look(tree.host(), Target("/venv/bin/python", "named by --python"), timeout=60)
    failed = {
        name: fact.reason
        for name, fact in seen.facts.items()
        if isinstance(fact, Unknown) and fact.reason.startswith("probe ")
    }
    assert failed == {}
    documented = {name for probe in PROBES for name in probe.FACTS if ".N." not in name}
    assert documented <= set(seen.facts)
    assert diagnose(seen, MATRIX).crashed == ()
    assert set(decode(json.loads(json.dumps(encode(seen)))).facts) == set(seen.facts)
