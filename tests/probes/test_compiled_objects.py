"""Which compiled objects are found, and in which role."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envdoctor.host.host import Host
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.probes import compiled_objects
from envdoctor.probes.compiled_objects import Role, roles_of
from hostile_texts import TEXTS
from tiny_torch import EMPTY, SUFFIX, TinyTorch, calling, cc, look_at

if TYPE_CHECKING:
    from pathlib import Path

    from envdoctor.probes.looking import Looking

OF_WHEELS: dict[str, dict[str, str]] = {
    "torchvision": {
        "torchvision/_C.so": "entry",
        "torchvision/image.so": "optional",
    },
    "torchvision ": {
        "torchvision/_C_stable.so": "entry",
        "torchvision/image_stable.so": "optional",
    },
    "torchaudio": {
        "torchaudio/lib/_torchaudio.abi3.so": "entry",
        "torchaudio/lib/libtorchaudio.abi3.so": "entry",
        "torchaudio/lib/torchaudio_prefixctc.abi3.so": "optional",
    },
    "torchaudio ": {
        "torchaudio/lib/_torchaudio.so": "entry",
        "torchaudio/lib/_torchaudio_sox.so": "optional",
        "torchaudio/lib/libtorchaudio.so": "entry",
        "torchaudio/lib/libtorchaudio_sox.so": "optional",
        "torio/lib/_torio_ffmpeg4.so": "variant",
        "torio/lib/_torio_ffmpeg5.so": "variant",
        "torio/lib/libtorio_ffmpeg4.so": "variant",
        "torio/lib/libtorio_ffmpeg5.so": "variant",
    },
    "torchcodec": {
        "torchcodec/libtorchcodec_core4.so": "variant",
        "torchcodec/libtorchcodec_core9.so": "variant",
        "torchcodec/libtorchcodec_custom_ops4.so": "variant",
        "torchcodec/libtorchcodec_custom_ops9.so": "variant",
        "torchcodec/libtorchcodec_heic.so": "optional",
        "torchcodec/libtorchcodec_image.so": "entry",
        "torchcodec/libtorchcodec_pybind_ops.so": "optional",
    },
    "bitsandbytes": {
        "bitsandbytes/libbitsandbytes_cpu.so": "variant",
        "bitsandbytes/libbitsandbytes_cuda118.so": "variant",
        "bitsandbytes/libbitsandbytes_cuda132.so": "variant",
        "bitsandbytes/libbitsandbytes_rocm714.so": "variant",
        "bitsandbytes/libbitsandbytes_xpu2026.so": "variant",
    },
    "xformers": {"xformers/_C.so": "entry"},
    "flash-attn": {f"flash_attn_2_cuda{SUFFIX}": "entry"},
    "flash-attn-3": {"flash_attn_3/_C.abi3.so": "entry"},
    "vllm": {
        "vllm/_C_stable_libtorch.abi3.so": "entry",
        "vllm/_moe_C_stable_libtorch.abi3.so": "optional",
        "vllm/_flashmla_C.abi3.so": "optional",
        "vllm/cumem_allocator.abi3.so": "optional",
        "vllm/third_party/deep_gemm/_C_extension.abi3.so": "optional",
        "vllm/vllm_flash_attn/_vllm_fa2_C.abi3.so": "variant",
        "vllm/vllm_flash_attn/_vllm_fa3_C.abi3.so": "variant",
    },
    "vllm ": {"vllm/_C.abi3.so": "entry", "vllm/_moe_C.abi3.so": "optional"},
    "sgl-kernel": {
        "deep_gemm/deep_gemm_cpp.abi3.so": "optional",
        "sgl_kernel/flash_ops.abi3.so": "optional",
        "sgl_kernel/sm100/common_ops.abi3.so": "variant",
        "sgl_kernel/sm90/common_ops.abi3.so": "variant",
    },
    "fbgemm-gpu": {
        "fbgemm_gpu/asmjit.so": "entry",
        "fbgemm_gpu/fbgemm_gpu_py.so": "entry",
        "fbgemm_gpu/fbgemm_gpu_tbe_training_backward_pt2.so": "entry",
    },
    "torchao": {"torchao/_C_cutlass_90a.abi3.so": "optional"},
    "torch-scatter": {
        "torch_scatter/_version_cpu.so": "entry",
        "torch_scatter/_version_cuda.so": "entry",
        "torch_scatter/_scatter_cpu.so": "entry",
        "torch_scatter/_scatter_cuda.so": "entry",
    },
    "torch-cluster": {"torch_cluster/_version_cpu.so": "entry"},
    "pyg-lib": {"pyg_lib/libpyg.so": "entry"},
    "mmcv": {f"mmcv/_ext{SUFFIX}": "entry"},
    "transformer-engine": {f"transformer_engine/wheel_lib/transformer_engine_torch{SUFFIX}": "entry"},
    "deepspeed": {f"deepspeed/ops/adam/cpu_adam_op{SUFFIX}": "optional"},
    "apex": {f"amp_C{SUFFIX}": "entry", f"fused_layer_norm_cuda{SUFFIX}": "entry"},
    "opencv-python": {"cv2/cv2.abi3.so": "entry"},
    "my-ops": {f"my_ops{SUFFIX}": "entry", "libmy_ops_host.so": "optional"},
}
"""Objects of real wheels (a space tells two releases apart) and of one that nobody knows."""


@pytest.mark.parametrize("package", OF_WHEELS)
def test_roles_as_the_packages_load_them(package: str) -> None:
    expected = OF_WHEELS[package]
    assert {path: role.value for path, role in roles_of(package.strip(), expected).items()} == expected


def test_what_is_of_no_concern_has_no_role() -> None:
    assert roles_of("opencv-python", ["cv2/cv2.abi3.so", "cv2/qt/plugins/platforms/libqxcb.so"]) == {
        "cv2/cv2.abi3.so": Role.ENTRY
    }


@given(st.text(max_size=30), st.lists(st.text(max_size=60)))
def test_any_names_have_roles(package: str, paths: list[str]) -> None:
    assert set(roles_of(package, paths)) <= set(paths)


@pytest.fixture
def torch(tmp_path: Path) -> TinyTorch:
    return TinyTorch(tmp_path / "site")


def seen(at: Looking) -> list[tuple[str, str, str]]:
    return [(one.package, one.shown, one.role.value) for one in at.objects]


def test_an_extension_that_nobody_knows_is_found_by_its_tag(torch: TinyTorch) -> None:
    torch.extension(f"my_ops{SUFFIX}", calling([EMPTY]))
    torch.record("my_ops", "0.1", [f"my_ops{SUFFIX}", "my_ops_notes.so.txt"])
    at = torch.look()
    (one,) = at.objects
    assert (one.package, one.version, one.role, one.of_torch) == ("my-ops", "0.1", Role.ENTRY, True)
    assert one.path == str(torch.site / f"my_ops{SUFFIX}")
    assert at.facts["extensions.objects"] == Known({"my-ops": {"entry": 1, "variant": 0, "optional": 0}}, "RECORD")


@pytest.mark.parametrize(
    ("how", "found"),
    [
        ({"tag": "cp311-cp311-manylinux_2_28_x86_64"}, False),
        ({"tag": "cp311-cp311-manylinux_2_28_x86_64", "requires": ["torch>=2.9"]}, True),
        ({"tag": "py3-none-any", "pure": True, "requires": ["torch"]}, False),
        ({"INSTALLER": "conda\n"}, False),
        ({"INSTALLER": "uv\n"}, True),
    ],
)
def test_which_distributions_are_looked_into(torch: TinyTorch, how: dict[str, object], found: bool) -> None:
    torch.extension(f"my_ops/fast{SUFFIX}", calling([EMPTY]))
    torch.record("my_ops", "0.1", [f"my_ops/fast{SUFFIX}"], **how)  # type: ignore[arg-type]
    assert bool(torch.look().objects) == found


def test_only_what_needs_torch_counts(torch: TinyTorch) -> None:
    cc(torch.site / "pkg" / f"fast{SUFFIX}", "int answer;\n")
    cc(torch.site / "pkg" / f"by_symbol{SUFFIX}", calling([EMPTY]))
    cc(torch.site / "pkg" / f"weakly{SUFFIX}", calling([], weak=[EMPTY]))
    (torch.site / "pkg" / f"damaged{SUFFIX}").write_bytes(b"\x7fELF\x02\x01\x01")
    names = ("fast", "by_symbol", "weakly", "damaged", "gone")
    torch.record("pkg", "1", [f"pkg/{name}{SUFFIX}" for name in names])
    assert seen(torch.look()) == [("pkg", f"pkg/by_symbol{SUFFIX}", "entry")]


@pytest.mark.parametrize(
    ("how", "found"),
    [({}, True), ({"requires": ["torch"], "tag": "cp311-cp311-manylinux_2_28_x86_64"}, True),
     ({"tag": "cp311-cp311-manylinux_2_28_x86_64"}, False)],
)  # fmt: skip
def test_what_needs_cuda_alone_counts_where_torch_is_meant(
    torch: TinyTorch, how: dict[str, object], found: bool
) -> None:
    """Packages such as cupy and onnxruntime find CUDA in ways of their own; what was built here does not."""
    stub = cc(torch.site.parent / "libcudart.so.12", "int cuda;\n", "-Wl,-soname,libcudart.so.12")
    cc(torch.site / f"cupy{SUFFIX}", "int answer;\n", "-Wl,--no-as-needed", str(stub))
    torch.record("cupy-cuda12x", "1", [f"cupy{SUFFIX}"], **how)  # type: ignore[arg-type]
    assert [one.of_torch for one in torch.look().objects] == ([False] if found else [])


def test_a_module_that_nobody_recorded_counts_where_it_needs_torch(torch: TinyTorch) -> None:
    torch.extension(f"inplace{SUFFIX}", calling([EMPTY]))
    torch.extension("inplace.cpython-38-x86_64-linux-gnu.so", calling([EMPTY]))
    cc(torch.site / f"_cffi_backend{SUFFIX}", "int answer;\n")
    torch.extension(f"recorded{SUFFIX}", calling([EMPTY]))
    torch.record("recorded", "0.1", [f"recorded{SUFFIX}"])
    at = torch.look(tag="cp311")
    assert [(one.package, one.version, one.role) for one in at.objects] == [
        ("recorded", "0.1", Role.ENTRY),
        ("inplace", "", Role.ENTRY),
    ]


def test_libraries_of_a_few_packages_count_without_torch(torch: TinyTorch) -> None:
    cc(torch.site / "bitsandbytes" / "libbitsandbytes_cuda130.so", "int answer;\n")
    cc(torch.site / "cv2" / "cv2.abi3.so", "int answer;\n")
    torch.record("bitsandbytes", "0.50.2", ["bitsandbytes/libbitsandbytes_cuda130.so"], tag="py3-none-manylinux_2_24")
    torch.record("opencv_python_headless", "5.0", ["cv2/cv2.abi3.so"], tag="cp37-abi3-manylinux_2_28_x86_64")
    found = torch.look().objects
    assert [(one.package, one.role.value, one.of_torch) for one in found] == [
        ("bitsandbytes", "optional", False),
        ("opencv-python-headless", "entry", False),
    ]


def test_modules_of_another_python_and_vendored_libraries_do_not_count(torch: TinyTorch) -> None:
    names = [
        f"ops{mark}.so" for mark in (".cpython-310-x86_64-linux-gnu", ".cpython-311-x86_64-linux-gnu", ".abi3", "")
    ]
    for name in (*names, "ops.libs/libvendored-12345678.so.1"):
        torch.extension(name, calling([EMPTY]))
    torch.record("ops", "1", [*names, "ops.libs/libvendored-12345678.so.1"])
    assert [one.shown for one in torch.look(tag="cp311").objects] == [
        "ops.abi3.so",
        "ops.cpython-311-x86_64-linux-gnu.so",
        "ops.so",
    ]


def test_a_library_comes_before_the_module_that_needs_it_by_name(torch: TinyTorch) -> None:
    names = ["torchaudio/lib/_torchaudio.so", "torchaudio/lib/libtorchaudio.so"]
    for name in names:
        torch.extension(name, calling([EMPTY]))
    torch.record("torchaudio", "2.8.0", names, tag="cp311-cp311-manylinux_2_28_x86_64")
    assert [one.shown for one in torch.look().objects] == names[::-1]


def test_an_editable_installation_is_looked_for_in_its_checkout(torch: TinyTorch, tmp_path: Path) -> None:
    checkout = tmp_path / "my check%out"
    for place in (f"src/my_ops/_C{SUFFIX}", f"build/lib/_C{SUFFIX}"):
        (checkout / place).parent.mkdir(parents=True)
        shutil.copy(torch.extension("made.so", calling([EMPTY])), checkout / place)
    url = json.dumps({"url": f"file://{tmp_path}/my%20check%25out", "dir_info": {"editable": True}})
    torch.record("my_ops", "0.1", ["__editable__.my_ops.pth"], **{"direct_url.json": url})
    assert seen(torch.look()) == [("my-ops", str(checkout / "src" / "my_ops" / f"_C{SUFFIX}"), "entry")]


def test_an_egg_of_setup_py_install(torch: TinyTorch) -> None:
    egg = torch.site / "my_ops-0.1-py3.11-linux-x86_64.egg"
    shutil.copytree(torch.extension("pkg/_C.so", calling([EMPTY])).parent, egg / "my_ops")
    (egg / "EGG-INFO").mkdir()
    at = look_at([str(torch.site), str(egg)], "cp311", {})
    assert seen(at) == [("my-ops", "my_ops/_C.so", "entry")]


def test_a_known_package_without_a_list_of_files(torch: TinyTorch) -> None:
    torch.extension("torchvision/_C.so", calling([EMPTY]))
    (torch.site / "torchvision-0.29.1-py3.11.egg-info").mkdir()
    assert seen(torch.look()) == [("torchvision", "torchvision/_C.so", "entry")]


def test_torch_itself_is_not_among_them(torch: TinyTorch) -> None:
    torch.record("torch", "2.14.1", ["torch/lib/libtorch.so", f"torch/_C{SUFFIX}"])
    assert torch.look().objects == ()


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_hostile_lists_of_files(torch: TinyTorch, text: str) -> None:
    torch.extension("my_ops.so", calling([EMPTY]))
    info = torch.record("my_ops", "0.1", [])
    raw = text.encode("utf-8", "surrogatepass")
    for name in ("WHEEL", "direct_url.json"):
        (info / name).write_bytes(raw)
    (info / "RECORD").write_bytes(raw + b"\n../../../../.." + raw + b".so,,\nmy_ops.so,,\n")
    (info / "METADATA").write_text("Name: my_ops\nRequires-Dist: torch\n\n")
    assert all(one.shown.isprintable() for one in torch.look().objects)


def test_where_there_is_nothing_to_look_at(tmp_path: Path) -> None:
    windows = Host(str(tmp_path), os_name="windows", recorded={})
    assert isinstance(look_at([], "cp311", {}, windows).facts["extensions.objects"], Absent)
    at = look_at([], "cp311", {})
    at.facts["python.site_packages"] = Unknown("it did not answer")
    assert isinstance(compiled_objects.look(at)["extensions.objects"], Unknown)
    at.facts["python.site_packages"] = Known([], "test")
    at.denied = ("/closed",)
    said = compiled_objects.look(at)["extensions.objects"]
    assert isinstance(said, Unknown)
    assert re.search("/closed", said.reason)
