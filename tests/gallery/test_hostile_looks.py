"""Real looks at machines whose files, packages, driver and variables are hostile, by the real command line."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from envdoctor.codec.schema_files import NAMES, schema_text
from hostile_texts import EVERYTHING, LONG, SHORT, assert_harmless
from machines import Environment, install, make_environment, run_cli
from recorded_tree import MARKER, SITE, Tree, lines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SCHEMAS = {name: json.loads(schema_text(name)) for name in NAMES}
REGISTRY: Registry = Registry().with_resources(
    (schema["$id"], Resource.from_contents(schema)) for schema in SCHEMAS.values()
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="such file names exist on Linux alone")

FILE_NAMES = [
    text.replace("/", "|").replace("\0", "")[:200]
    for name, text in SHORT.items()
    if text.strip() and name != "credentials"  # no address is left of a name without slashes
]
"""What a file can be called: anything but NUL and the slash, in at most 255 bytes."""

VALUE = os.fsdecode(EVERYTHING.replace("\0", "").encode("utf-8", "surrogatepass"))
"""What a variable can hold."""


def encoded(name: str) -> str:
    """A name that fits into the 255 bytes of a file system; lone surrogates are bytes that are no UTF-8."""
    whole = name.encode("utf-8", "surrogatepass")[:200]
    return os.fsdecode(whole)


def report_of(argv: list[str], variables: Mapping[str, str], standin: Path | None = None) -> Any:
    """Both formats of a look, harmless and without a traceback; the JSON one parsed, and whole by its schema."""
    for form, verbose in (("terminal", True), ("terminal", False), ("json", False)):
        words = ["check", *argv, "--format", form, *(["--verbose"] if verbose else [])]
        said = run_cli(words, variables, standin=standin)
        assert said.exit_code in (0, 1), said.stderr[-2000:]
        assert not said.shows_traceback
        assert_harmless(said.stdout, form)
        assert_harmless(said.stderr, form)
        assert "hunter2" not in said.stdout + said.stderr
        if form == "terminal":
            assert len(said.stdout) < 200_000
        else:
            report = said.json()
    Draft202012Validator(SCHEMAS["envdoctor.diagnosis/1"], registry=REGISTRY).validate(report)
    assert report["crashed"] == []
    return report


def hostile_environment(folder: Path) -> Environment:
    """A real virtual environment below a folder of a hostile name, full of packages of hostile names and contents."""
    made = make_environment(folder / "plain" / "venv", "2.9.1+cu128")  # venv itself refuses such a name
    parent = (folder / "plain").rename(
        folder / os.fsdecode(b"\x1b]0;owned\x07\x1b[2J\n::error::\n##[error][red]caf\xe9")
    )
    environment = Environment(
        parent / "venv",
        parent / "venv" / "bin" / "python",
        parent / made.site_packages.relative_to(folder / "plain"),
    )
    site = environment.site_packages
    for name in FILE_NAMES:
        (site / encoded(f"{name}-1.0.dist-info")).mkdir(exist_ok=True)
        (site / encoded(f"evil-{name}.dist-info")).mkdir(exist_ok=True)
        (site / encoded(f"nvidia_evil-1{name}.egg-info")).write_text("x")
        (site / encoded(f"~orch{name}")).mkdir(exist_ok=True)
    demands = [f"torch; {VALUE}", VALUE, "torch==" + "9" * 100_000]
    encodable = [line.encode("utf-8", "replace").decode() for line in demands]
    install(environment, "xformers", "0.0.33", requires=encodable)
    install(environment, "numpy", "2.2.6", installer=encodable[1])
    info = next(site.glob("torch-*.dist-info"))
    (info / "INSTALLER").write_text(EVERYTHING, encoding="utf-8", errors="surrogatepass")
    (info / "WHEEL").write_text(
        f"Tag: {EVERYTHING}\nTag: {'cp311-' * 100_000}\n", encoding="utf-8", errors="surrogatepass"
    )
    (info / "direct_url.json").write_text(json.dumps({"url": EVERYTHING, "archive_info": {"hash": EVERYTHING}}))
    # Loops, and what hangs whoever opens it.
    (site / "loop-1.0.dist-info").symlink_to(site / "loop-1.0.dist-info")
    (site / "torchaudio").symlink_to(site)
    os.mkfifo(site / "bitsandbytes-1.0.dist-info")
    fifo = install(environment, "flash-attn", "2.8.3")
    for name in ("METADATA", "RECORD", "INSTALLER"):
        (fifo / name).unlink()
        os.mkfifo(fifo / name)
    assert stat.S_ISFIFO((fifo / "METADATA").stat().st_mode)
    return environment


def hostile_variables() -> dict[str, str]:
    names = ("NVIDIA_VISIBLE_DEVICES", "CUDA_HOME", "CUDA_PATH", "PYTHONPATH", "TORCH_CUDA_ARCH_LIST", "CXX",
             "PIP_INDEX_URL", "PIP_CONFIG_FILE", "UV_INDEX", "UV_TORCH_BACKEND", "CONDA_CHANNELS",
             "NVIDIA_REQUIRE_CUDA", "HF_HOME", "OMP_NUM_THREADS", "_CUDA_COMPAT_STATUS", "VIRTUAL_ENV",
             "CONDA_PREFIX")  # fmt: skip
    return dict.fromkeys(names, VALUE)


def test_a_hostile_environment_on_a_hostile_driver(tmp_path: Path, standin: Path) -> None:
    environment = hostile_environment(tmp_path)
    gpu = VALUE.replace(";", ",").replace("|", "!")[:90]
    variables = {**hostile_variables(), "STANDIN_DRIVER": "535.104.05", "STANDIN_CUDA": "12020",
                 "STANDIN_GPUS": f"{gpu}|8.0|81920;{gpu}::error::|9.0|81920"}  # fmt: skip
    report = report_of(["--python", str(environment.python)], variables, standin)
    facts = report["snapshot"]["facts"]
    assert facts["torch.version"]["value"] == "2.9.1+cu128"
    assert facts["gpu.count"]["value"] == 2
    assert "\x1b" in facts["gpu.0.name"]["value"]
    assert facts["extensions.packages"]["state"] == "known"


def test_a_driver_of_a_hostile_version(tmp_path: Path, standin: Path) -> None:
    environment = make_environment(tmp_path / "venv", "2.9.1+cu128")
    variables = {"STANDIN_DRIVER": VALUE[:70], "STANDIN_CUDA": "12020", "STANDIN_GPUS": "NVIDIA L4|8.9|23034",
                 "CUDA_VISIBLE_DEVICES": VALUE}  # fmt: skip
    report = report_of(["--python", str(environment.python)], variables, standin)
    assert report["verdict"] in ("undetermined", "warnings", "healthy", "broken")
    assert report["snapshot"]["facts"]["env.CUDA_VISIBLE_DEVICES"]["state"] == "known"


FILES = (
    "/etc/os-release", "/etc/ld.so.conf", "/etc/ld.so.cache", "/etc/pip.conf", "/etc/nv_tegra_release", "/.dockerenv",
    "/proc/cpuinfo", "/proc/meminfo", "/proc/mounts", "/proc/self/cgroup", "/proc/self/limits", "/proc/self/mountinfo",
    "/proc/1/cgroup", "/proc/sys/kernel/osrelease", "/proc/driver/nvidia/version", "/sys/module/nvidia/version",
    "/sys/bus/pci/devices/0000:01:00.0/vendor", "/sys/bus/pci/devices/0000:01:00.0/class",
    "/sys/bus/pci/devices/0000:01:00.0/device", "/sys/class/dmi/id/sys_vendor", "/sys/class/dmi/id/product_name",
    "/sys/class/kfd/kfd/topology/nodes/1/properties", "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/cpu.max",
    "/usr/local/cuda/version.json", "/usr/local/cuda/version.txt", "/usr/local/cuda/include/cuda.h",
    "/venv/pyvenv.cfg", "/venv/conda-meta/pytorch-2.9.1-evil.json", "/venv/conda-meta/history", "/venv/uv-receipt.toml",
    f"{SITE}/torch/__init__.py", f"{SITE}/torch/version.py", f"{SITE}/torchvision/version.py",
    f"{SITE}/torch-2.9.1.dist-info/METADATA", f"{SITE}/torch-2.9.1.dist-info/WHEEL",
    f"{SITE}/torch-2.9.1.dist-info/RECORD", f"{SITE}/torch-2.9.1.dist-info/INSTALLER",
    f"{SITE}/torchvision-0.24.1.dist-info/METADATA", f"{SITE}/triton-3.5.1.dist-info/METADATA",
    f"{SITE}/nvidia_cudnn_cu12-9.10.2.21.dist-info/RECORD", f"{SITE}/nvidia_cudnn_cu13-9.10.2.21.dist-info/RECORD",
    f"{SITE}/__editable___torch_2_9_1_finder.py", f"{SITE}/torch/lib/libtorch_cuda.so",
)  # fmt: skip
"""What a look may read of a machine."""

BEGINNINGS = {
    "/proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat\n",
    "/etc/os-release": "ID=ubuntu\nVERSION_ID=22.04",
    "/proc/cpuinfo": "model name\t: ",
    f"{SITE}/torch/version.py": "__version__ = '2.9.1+cu128'\ncuda: Optional[str] = '12.8'\n",
    f"{SITE}/torch-2.9.1.dist-info/METADATA": "Metadata-Version: 2.4\nRequires-Dist: ",
    "/sys/bus/pci/devices/0000:01:00.0/vendor": "0x10de\n",
    "/sys/bus/pci/devices/0000:01:00.0/class": "0x030200\n",
    "/venv/conda-meta/pytorch-2.9.1-evil.json": '{"channel": "',
}

CONTENTS: dict[str, Callable[[str], str]] = {
    "everything hostile at once": lambda path: EVERYTHING,
    "a plausible beginning": lambda path: BEGINNINGS.get(path, "") + EVERYTHING,
    "a megabyte of words": lambda path: BEGINNINGS.get(path, "") + LONG["words of a megabyte"],
    "a megabyte of escapes": lambda path: BEGINNINGS.get(path, "") + LONG["a megabyte of escapes"],
    "a megabyte of lines": lambda path: BEGINNINGS.get(path, "") + LONG["a megabyte of line ends"],
    "a megabyte of brackets": lambda path: BEGINNINGS.get(path, "") + LONG["a megabyte of brackets"],
}


@pytest.mark.parametrize("kind", CONTENTS)
def test_a_recorded_machine_whose_every_file_is_hostile(tmp_path: Path, kind: str) -> None:
    tree = Tree(tmp_path)
    for path in FILES:
        tree.file(path, CONTENTS[kind](path).encode("utf-8", "surrogatepass"))
    for name in FILE_NAMES:
        tree.file(f"/dev/{encoded('nvidia' + name)}")
        tree.folder(f"/usr/local/{encoded('cuda-' + name)}/compat")
    word = CONTENTS[kind]("")[:20_000]
    tree.set(**dict.fromkeys(("LD_LIBRARY_PATH", "CUDA_HOME", "PATH", "PIP_INDEX_URL", "CUDA_VISIBLE_DEVICES"), word))
    told = {"version": "3.11.7", "tag": "cp311", "prefix": "/venv", "path": [SITE, word, f"/{word}"], "libc": word,
            "user_site": word, "base_executable": word, "cpu_brand": word, "os_version": word,
            "prefixes": [word]}  # fmt: skip
    tree.says("interpreter", MARKER + json.dumps(told) + "\n")
    gpu = {
        "gpu": 0,
        "name": word,
        "uuid": word,
        "capability": word,
        "memory": 10**30,
        "pci": word,
        "mig_devices": [word] * 9,
    }
    tree.says("nvml", lines({"status": 0}, {"driver": word}, {"cuda": 12020}, {"count": 1}, gpu))
    tree.says(
        "libcuda", lines({"init": 0}, {"version": 12020}, {"library": word}, {"device": 0, "name": word}, {"end": True})
    )
    tree.says("nvidia-smi", word, error=word)
    tree.file("/venv/bin/python").chmod(0o755)
    tree.host()
    report_of(["--python", "/venv/bin/python"], {"ENVDOCTOR_SYSROOT": str(tmp_path)})


def test_a_saved_machine_of_hostile_words(tmp_path: Path) -> None:
    """Somebody else's snapshot, every text of which is hostile, and its names too."""
    case = Path(__file__).parents[1] / "cases" / "cuda-12-on-driver-470" / "snapshot.json"
    document = json.loads(case.read_text(encoding="utf-8"))
    facts = document["facts"]
    for fact in facts.values():
        for key in ("source", "reason"):
            if key in fact:
                fact[key] += EVERYTHING
    facts["gpu.0.name"]["value"] = EVERYTHING
    facts["python.executable"]["value"] += EVERYTHING
    facts[EVERYTHING] = {"state": "known", "value": {EVERYTHING: [EVERYTHING]}, "source": EVERYTHING}
    document["taken"] = document["envdoctor"] = EVERYTHING
    saved = tmp_path / "friend.json"
    saved.write_text(json.dumps(document))
    report = report_of(["--snapshot", str(saved)], {})
    assert report["findings"][0]["rule"] == "driver-too-old"
