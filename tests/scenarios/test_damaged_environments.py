"""Real environments made from real wheels and then damaged: the right first finding, file and symbol named.

What the interpreter itself says when it imports the package is the truth that each test holds beside it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sysconfig
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from real_clone import Clone, clone, real_environment

from envdoctor.binary.image import opened
from envdoctor.binary.symbols import Symbols
from machines import Said, run_cli

pytestmark = pytest.mark.real

CUDA, CPU, CUDA_12 = "ENVDOCTOR_TEST_CUDA_ENV", "ENVDOCTOR_TEST_CPU_ENV", "ENVDOCTOR_TEST_CUDA12_ENV"


def checked(at: Clone, **environ: str) -> dict[str, Any]:
    said: Said = run_cli(["check", "--python", str(at.python), "--format", "json"], environ)
    assert said.exit_code in (0, 1), said.stderr
    report: dict[str, Any] = said.json()
    assert report["crashed"] == []
    return report


def first(report: dict[str, Any]) -> tuple[str, str, str]:
    finding = report["findings"][0]
    return finding["rule"], finding["severity"], finding["message"]


def above_notes(report: dict[str, Any]) -> list[str]:
    return [finding["rule"] for finding in report["findings"] if finding["severity"] != "note"]


@pytest.fixture
def cuda(tmp_path: Path) -> Clone:
    return clone(real_environment(CUDA), tmp_path / "env")


@pytest.fixture
def cpu(tmp_path: Path) -> Clone:
    return clone(real_environment(CPU), tmp_path / "env")


@pytest.fixture
def cuda_12(tmp_path: Path) -> Clone:
    return clone(real_environment(CUDA_12), tmp_path / "env")


def module(at: Clone, name: str, source: str, *flags: str, torch: Clone | None = None, link: bool = True) -> Path:
    """Compile an extension module into the environment, against the headers and libraries of `torch` or its own."""
    home = (torch or at).site / "torch"
    suffix = at.run("import sysconfig; print(sysconfig.get_config_var('EXT_SUFFIX'))").stdout.strip()
    target = at.site / f"{name}{suffix}"
    text = at.folder / f"{name}.cpp"
    text.write_text(source)
    libraries = [f"-L{home}/lib", "-ltorch", "-ltorch_cpu", "-lc10", "-ltorch_python"] if link else []
    includes = [
        f"-I{home}/include",
        f"-I{home}/include/torch/csrc/api/include",
        f"-I{sysconfig.get_paths()['include']}",
    ]
    argv = ["c++", "-std=c++20", "-O0", "-shared", "-fPIC", "-o", target, text, *includes, *flags]
    # A linker that keeps only what is used would leave torch's libraries out, which every real extension names.
    subprocess.run([*argv, "-Wl,--no-as-needed", *libraries], check=True, capture_output=True, text=True)
    record(at, name, "1.0", target)
    return target


def record(at: Clone, name: str, version: str, *files: Path, requires: tuple[str, ...] = ()) -> None:
    """Write the record that `pip install` leaves of a package with these files."""
    info = at.site / f"{name}-{version}.dist-info"
    info.mkdir()
    lines = "".join(f"Requires-Dist: {line}\n" for line in requires)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{lines}")
    (info / "WHEEL").write_text("Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp311-cp311-linux_x86_64\n")
    (info / "INSTALLER").write_text("pip\n")
    (info / "RECORD").write_text(
        "".join(f"{file.relative_to(at.site)},,{file.stat().st_size}\n" for file in files)
        + f"{info.name}/METADATA,,\n{info.name}/RECORD,,\n"
    )


MINIMAL = """
#include <Python.h>
#include <stdexcept>
{declarations}
static PyObject* call(PyObject*, PyObject*) {{ {body} Py_RETURN_NONE; }}
static PyMethodDef methods[] = {{{{"call", call, METH_NOARGS, nullptr}}, {{nullptr, nullptr, 0, nullptr}}}};
static PyModuleDef definition = {{PyModuleDef_HEAD_INIT, "{name}", nullptr, -1, methods}};
PyMODINIT_FUNC PyInit_{name}() {{ return PyModule_Create(&definition); }}
"""


def test_the_undamaged_ones_are_silent(cuda: Clone) -> None:
    report = checked(cuda)
    assert above_notes(report) == []
    assert report["skipped"] == []


def test_torchvision_of_another_release(cuda: Clone) -> None:
    cuda.install("torchvision==0.27.1")
    assert cuda.run("import torch, torchvision").returncode != 0
    report = checked(cuda)
    rule, severity, message = first(report)
    assert (rule, severity) == ("torch-torchvision-mismatch", "error")
    assert "0.27.1" in message
    rows = report["snapshot"]["facts"]["libraries.undefined"]["value"]
    said = cuda.run(
        "import ctypes, glob, torch\nctypes.CDLL(glob.glob(torch.__path__[0] + '/../torchvision/_C*.so')[0])"
    )
    lost = re.search(r"undefined symbol: (\w+)", said.stderr)
    if lost:
        assert {row["package"] for row in rows} == {"torchvision"}
        assert any(lost[1] in {symbol["name"] for symbol in row["symbols"]} or row["count"] > 5 for row in rows)
    else:
        assert rows == []


def test_the_same_without_metadata_is_proved_by_its_symbols(cuda: Clone) -> None:
    cuda.install("torchvision==0.27.1")
    metadata = cuda.one("torchvision-0.27.1*.dist-info/METADATA")
    text = "".join(
        line for line in metadata.read_text().splitlines(True) if not line.startswith("Requires-Dist: torch")
    )
    cuda.replace(metadata, text.replace("Version: 0.27.1", "Version: 9.9.9").encode())
    report = checked(cuda)
    assert above_notes(report)[0] in ("abi-undefined-symbol", "torch-torchvision-mismatch")


def gone(old: Clone, new: Clone) -> str:
    """A function of libtorch_cpu.so that one torch defines and the other does not."""
    argv = ["readelf", "-W", "--dyn-syms", str(old.site / "torch/lib/libtorch_cpu.so")]
    names = [
        line.split()[7].partition("@")[0]
        for line in subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()
        if " FUNC " in line and " GLOBAL " in line and " UND " not in line and "_ZN3c10" in line
    ]
    with ExitStack() as stack:
        others = [Symbols(stack.enter_context(opened(str(path)))) for path in new.site.glob("torch/lib/lib*.so")]
        return next(name for name in sorted(names) if not any(other.defines(name) for other in others))


def test_an_extension_compiled_against_another_torch(cuda: Clone, tmp_path: Path) -> None:
    other = clone(real_environment(CUDA_12), tmp_path / "other")
    symbol = gone(other, cuda)
    source = MINIMAL.format(name="custom_ops", declarations=f'extern "C" void {symbol}();', body=f"{symbol}();")
    module(cuda, "custom_ops", source, torch=other)
    said = cuda.run("import torch, custom_ops")
    assert f"undefined symbol: {symbol}" in said.stderr
    report = checked(cuda)
    rule, severity, message = first(report)
    assert (rule, severity) == ("abi-undefined-symbol", "error")
    assert "custom_ops" in message
    row = report["snapshot"]["facts"]["libraries.undefined"]["value"][0]
    assert symbol in {told["name"] for told in row["symbols"]}
    shown = subprocess.run(["c++filt", symbol], capture_output=True, text=True, check=True).stdout.strip()
    assert shown.partition("(")[0] in message


def test_the_same_extension_compiled_against_this_torch_is_silent(cuda: Clone) -> None:
    source = "#include <torch/extension.h>\n" + (
        'static at::Tensor twice(at::Tensor x) { TORCH_CHECK(x.dim() > 0, "a scalar"); return x * 2; }\n'
        'PYBIND11_MODULE(custom_ops, m) { m.def("twice", &twice); }\n'
    )
    module(cuda, "custom_ops", source, "-DTORCH_EXTENSION_NAME=custom_ops")
    said = cuda.run("import torch, custom_ops; print(custom_ops.twice(torch.ones(1)).item())")
    assert said.stdout == "2.0\n", said.stderr
    assert above_notes(checked(cuda)) == []


def test_an_extension_with_the_old_string_abi(cuda: Clone) -> None:
    source = MINIMAL.format(
        name="custom_ops",
        declarations="#include <c10/util/Exception.h>",
        body='c10::detail::torchCheckFail("f", "file", 1, std::string("old"));',
    )
    module(cuda, "custom_ops", source, "-D_GLIBCXX_USE_CXX11_ABI=0")
    said = cuda.run("import torch, custom_ops")
    assert "undefined symbol" in said.stderr
    report = checked(cuda)
    rule, severity, message = first(report)
    assert (rule, severity) == ("abi-undefined-symbol", "error")
    assert "c10::" in message
    assert report["snapshot"]["facts"]["libraries.undefined"]["value"][0]["string_abi"] == "old"
    assert "std::string" in message


def test_an_extension_for_another_cuda(cuda: Clone, tmp_path: Path) -> None:
    stub = tmp_path / "libcudart.so.12"
    argv = ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", stub, "-Wl,-soname,libcudart.so.12"]
    subprocess.run(argv, input="int cudaRuntimeGetVersion(int* v) { return *v; }", text=True, check=True)
    source = MINIMAL.format(
        name="custom_ops",
        declarations='extern "C" int cudaRuntimeGetVersion(int*);',
        body="int v; cudaRuntimeGetVersion(&v);",
    )
    module(cuda, "custom_ops", source, str(stub))
    said = cuda.run("import torch, custom_ops")
    assert "libcudart.so.12: cannot open shared object file" in said.stderr
    rule, severity, message = first(checked(cuda))
    assert (rule, severity) == ("shared-library-missing", "error")
    assert "custom_ops" in message
    assert "libcudart.so.12" in message


def test_cudnn_removed(cuda: Clone) -> None:
    cuda.remove("nvidia/cudnn/lib/libcudnn.so.9")
    assert "libcudnn.so.9: cannot open shared object file" in cuda.run("import torch").stderr
    rule, severity, message = first(checked(cuda))
    assert (rule, severity) == ("package-files-damaged", "error")
    assert "libcudnn.so.9" in message


def test_cudnn_uninstalled(cuda: Clone) -> None:
    cuda.remove("nvidia/cudnn")
    cuda.remove("nvidia_cudnn_cu13-*.dist-info")
    rule, severity, message = first(checked(cuda))
    assert (rule, severity) == ("shared-library-missing", "error")
    assert "libcudnn.so.9" in message


@pytest.mark.parametrize("size", [0, 100, 4096, 100_000_000])
def test_nccl_truncated(cuda: Clone, size: int) -> None:
    cuda.truncate(cuda.one("nvidia/nccl/lib/libnccl.so.2"), size)
    assert cuda.run("import torch").returncode != 0
    rule, severity, message = first(checked(cuda))
    assert (rule, severity) == ("package-files-damaged", "error")
    assert "libnccl.so.2" in message


@pytest.mark.parametrize("what", ["torch/nn", "torch/_tensor.py", "torch/lib/libc10.so", "torch/_C.*.so"])
def test_torch_half_deleted(cuda: Clone, what: str) -> None:
    cuda.remove(what)
    assert cuda.run("import torch; torch.nn.Linear(1, 1)").returncode != 0
    rule, severity, message = first(checked(cuda))
    assert (rule, severity) == ("package-files-damaged", "error")
    assert Path(what).name.partition(".*")[0] in message


def test_a_slimmed_image_is_silent(cuda: Clone) -> None:
    for pattern in ("torch/include", "torch/test", "torch/share", "nvidia/cu13/include", "**/*.pyi", "**/*.a"):
        cuda.remove(pattern)
    assert cuda.run("import torch, torchvision").returncode == 0
    assert above_notes(checked(cuda)) == []


def which_cudnn(at: Clone, **environ: str) -> set[str]:
    """The files of cuDNN that are mapped once it was asked for its version and a handle; the latter may end it."""
    code = (
        "import ctypes, torch\ncudnn, handle = ctypes.CDLL('libcudnn.so.9'), ctypes.byref(ctypes.c_void_p())\n"
        "for name, given in ('GetVersion', ()), ('Create', (handle,)), ('CreateTensorDescriptor', (handle,)):\n"
        "    getattr(cudnn, 'cudnn' + name)(*given)\n"
        "    print(open('/proc/self/maps').read(), flush=True)"
    )
    return set(re.findall(r"(/\S*libcudnn\S*)", at.run(code, **environ).stdout))


def second_cudnn(at: Clone, folder: Path) -> Path:
    """Copies of the environment's cuDNN in a folder of their own, told apart by a build id of their own."""
    folder.mkdir()
    for path in at.site.glob("nvidia/cudnn/lib/libcudnn*.so.9"):
        (folder / path.name).symlink_to(path)
    return folder


def test_the_same_cudnn_on_ld_library_path_is_silent(cuda: Clone, tmp_path: Path) -> None:
    folder = second_cudnn(cuda, tmp_path / "second")
    assert above_notes(checked(cuda, LD_LIBRARY_PATH=str(folder))) == []


def other_cudnn(at: Clone, folder: Path, requirement: str) -> Path:
    """Another release of cuDNN, unpacked beside the environment."""
    argv = [at.python, "-m", "pip", "install", "-qq", "--no-deps", "--target", folder, requirement]
    subprocess.run(argv, check=True)
    return folder / "nvidia" / "cudnn" / "lib"


def test_a_second_cudnn_that_the_loader_does_not_prefer(cuda: Clone, tmp_path: Path) -> None:
    """Torch 2.14.1 and the libcudnn.so.9 of 9.24 carry DT_RPATH, which comes before LD_LIBRARY_PATH."""
    second = other_cudnn(cuda, tmp_path / "other", "nvidia-cudnn-cu13==9.12.0.46")
    for path in second.glob("*"):
        if path.name not in ("libcudnn.so.9", "libcudnn_graph.so.9", "libcudnn_ops.so.9"):
            path.unlink()
    taken = which_cudnn(cuda, LD_LIBRARY_PATH=str(second))
    assert {Path(path).parent for path in taken} == {cuda.one("nvidia/cudnn/lib")}
    assert len(taken) == 3
    assert above_notes(checked(cuda, LD_LIBRARY_PATH=str(second))) == []


def test_a_second_cudnn_whose_engines_the_loader_prefers(cuda: Clone, tmp_path: Path) -> None:
    """In cuDNN 9.24 it is libcudnn_graph.so.9 that opens the engines, and it carries DT_RUNPATH."""
    second = other_cudnn(cuda, tmp_path / "other", "nvidia-cudnn-cu13==9.12.0.46")
    report = checked(cuda, LD_LIBRARY_PATH=str(second))
    rule, severity, message = first(report)
    assert (rule, severity) == ("cudnn-shadowed-by-ld-library-path", "error")
    assert str(second) in message
    rows = report["snapshot"]["facts"]["libraries.shadowed"]["value"]
    assert {row["library"] for row in rows} == {
        "libcudnn_engines_precompiled.so.9", "libcudnn_engines_runtime_compiled.so.9", "libcudnn_heuristic.so.9"
    }  # fmt: skip
    assert {row["needed_by"] for row in rows} == {"nvidia/cudnn/lib/libcudnn_graph.so.9"}


def test_a_second_cudnn_that_the_loader_prefers(cuda_12: Clone, tmp_path: Path) -> None:
    """Torch 2.9.1's cuDNN 9.10 carries DT_RUNPATH, so that its parts are looked for on LD_LIBRARY_PATH first."""
    second = other_cudnn(cuda_12, tmp_path / "other", "nvidia-cudnn-cu12==9.1.0.70")
    taken = which_cudnn(cuda_12, LD_LIBRARY_PATH=str(second))
    assert str(second / "libcudnn_graph.so.9") in taken
    said = cuda_12.run("import torch; torch.backends.cudnn.version()", LD_LIBRARY_PATH=str(second))
    assert "cuDNN version incompatibility" in said.stderr
    report = checked(cuda_12, LD_LIBRARY_PATH=str(second))
    rule, severity, message = first(report)
    assert (rule, severity) == ("cudnn-shadowed-by-ld-library-path", "error")
    assert str(second) in message
    rows = report["snapshot"]["facts"]["libraries.shadowed"]["value"]
    assert {row["file"] for row in rows} >= taken - {str(cuda_12.one("nvidia/cudnn/lib/libcudnn.so.9"))}


def test_a_cpu_torch_beside_a_cuda_torchvision(cpu: Clone) -> None:
    cpu.install("torchvision==0.28.0")
    assert cpu.run("import torch, torchvision").returncode != 0
    rule, severity, message = first(checked(cpu))
    assert (rule, severity) == ("torch-torchvision-mismatch", "error")
    assert "torchvision" in message


def test_newer_glibc_needs(cuda: Clone, tmp_path: Path) -> None:
    """An object that was linked on a system with a glibc that does not exist yet."""
    script, stub = tmp_path / "versions", tmp_path / "libc.so.6"
    script.write_text("GLIBC_2.99 { global: from_the_future; local: *; };")
    argv = ["cc", "-shared", "-fPIC", "-nostdlib", "-x", "c", "-", "-o", stub, "-Wl,-soname,libc.so.6"]
    subprocess.run(
        [*argv, f"-Wl,--version-script={script}"],
        input="int from_the_future(void) { return 1; }",
        text=True,
        check=True,
    )
    source = MINIMAL.format(
        name="custom_ops", declarations='extern "C" int from_the_future();', body="from_the_future();"
    )
    module(cuda, "custom_ops", source, str(stub))
    assert "version `GLIBC_2.99' not found" in cuda.run("import torch, custom_ops").stderr
    rule, severity, message = first(checked(cuda))
    assert (rule, severity) == ("glibc-too-old", "error")
    assert "GLIBC_2.99" in message
    assert "custom_ops" in message


MULTI_VARIANT = ["torchvision", "torchaudio", "xformers", "bitsandbytes", "torchcodec"]


def test_packages_of_many_variants_are_silent(cuda_12: Clone) -> None:
    """xformers, bitsandbytes, torchaudio and torchcodec, each with objects for systems that are not this one."""
    said = cuda_12.run("import torch, torchvision, torchaudio, xformers, bitsandbytes")
    assert said.returncode == 0, said.stderr
    report = checked(cuda_12)
    assert above_notes(report) == []
    assert report["skipped"] == []
    installed = report["snapshot"]["facts"]["packages.installed"]["value"]
    assert set(MULTI_VARIANT) <= set(installed)


def test_xformers_of_another_cuda_is_a_warning_as_its_import_goes_on(cuda: Clone) -> None:
    cuda.install("xformers==0.0.35")
    said = cuda.run("import torch, xformers.ops")
    assert said.returncode == 0, said.stderr
    assert "can't load C++/CUDA extensions" in said.stderr
    rule, severity, message = first(checked(cuda))
    assert (rule, severity) == ("shared-library-missing", "warning")
    assert "`import xformers` warns and goes on" in message


def test_hashes_are_compared_on_request(cuda: Clone) -> None:
    path = cuda.one("torch/lib/libc10_cuda.so")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    cuda.replace(path, bytes(content))
    assert "package-files-damaged" not in above_notes(checked(cuda))
    said = run_cli(["check", "--python", str(cuda.python), "--format", "json", "--deep"])
    named = [finding["message"] for finding in json.loads(said.stdout)["findings"]]
    assert any("libc10_cuda.so" in message for message in named), named


def as_the_package_index_has_it(argv: list[str]) -> list[str] | None:
    """A printed command without the wheel index of PyTorch, which tests do not reach; None for what only that has."""
    place = argv.index("--index-url") if "--index-url" in argv else None
    left = argv if place is None else [*argv[:place], *argv[place + 2 :]]
    if any(word.endswith("+cpu") for word in left):
        return None
    return [re.sub(r"(==[0-9.]+)\+cu[0-9]+$", r"\1", word) for word in left]


def damage(at: Clone, what: str) -> None:
    if what == "truncated nccl":
        at.truncate(at.one("nvidia/nccl/lib/libnccl.so.2"), 4096)
    elif what == "removed cudnn":
        at.remove("nvidia/cudnn/lib/libcudnn.so.9")
    elif what == "uninstalled cudnn":
        at.remove("nvidia/cudnn")
        at.remove("nvidia_cudnn_cu13-*.dist-info")
    elif what == "half a torch":
        at.remove("torch/nn")
        at.remove("torch/lib/libc10.so")
    else:
        at.install("torchvision==0.27.1")


@pytest.mark.parametrize(
    "what", ["truncated nccl", "removed cudnn", "uninstalled cudnn", "half a torch", "another torchvision"]
)
def test_the_plan_mends_it(cuda: Clone, what: str) -> None:
    """The printed command, carried out: the environment is healthy, and imports."""
    damage(cuda, what)
    assert cuda.run("import torch, torchvision; torch.nn.Linear(1, 1)").returncode != 0
    plan = checked(cuda)["plan"]
    assert plan["proved"] is True
    before = cuda.one("torch/version.py").stat().st_ino
    for step in plan["steps"]:
        argv = as_the_package_index_has_it(step["argv"])
        assert argv is not None
        assert argv[0] == str(cuda.python)
        subprocess.run([*argv, "-qq", "--disable-pip-version-check"], check=True)
    if what != "half a torch":
        assert cuda.one("torch/version.py").stat().st_ino == before  # nobody downloads a gigabyte for a small file
    assert above_notes(checked(cuda)) == []
    said = cuda.run("import torch, torchvision; torch.nn.Linear(1, 1)")
    assert said.returncode == 0, said.stderr


def test_the_plan_for_a_hidden_cudnn_mends_it(cuda_12: Clone, tmp_path: Path) -> None:
    second = other_cudnn(cuda_12, tmp_path / "other", "nvidia-cudnn-cu12==9.1.0.70")
    plan = checked(cuda_12, LD_LIBRARY_PATH=f"{second}:/opt/of mine")["plan"]
    assert plan["proved"] is None  # the other folder may bring one too
    (step,) = plan["steps"]
    assert step["argv"] == ["export", "LD_LIBRARY_PATH=/opt/of mine"]
    environ = {"LD_LIBRARY_PATH": "/opt/of mine"}
    assert above_notes(checked(cuda_12, **environ)) == []
    said = cuda_12.run("import torch; torch.backends.cudnn.version()", **environ)
    assert said.returncode == 0, said.stderr


def test_the_plan_for_a_cuda_torchvision_names_the_build_for_the_cpu(cpu: Clone) -> None:
    """Which only the wheel index of PyTorch has: it is proved in thought, and not carried out here."""
    cpu.install("torchvision==0.28.0")
    plan = checked(cpu)["plan"]
    assert plan["proved"] is True
    (step,) = plan["steps"]
    assert step["argv"][-2:] == ["torch==2.13.0+cpu", "torchvision==0.28.0+cpu"]
    assert as_the_package_index_has_it(step["argv"]) is None
