"""Words about packages: whom they blame, which torch a partner was made for, and what an index could have given."""

from __future__ import annotations

import pytest

from envdoctor.commands.pasted import of_content
from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.rules.said.questions_of_packages import blames

MATRIX = load_matrix()


def _first(text: str) -> str | None:
    paste, _ = of_content(text.encode(), "paste.txt")
    return next((finding.rule for finding in diagnose(paste.snapshot, MATRIX).findings), None)


@pytest.mark.parametrize(
    ("words", "blamed"),
    [
        ("OSError: /env/torchvision/image.so: undefined symbol: _ZN3c10", True),
        ("OSError: /env/lib/libtorchvision.so: undefined symbol: _ZN3c10", True),
        ("RuntimeError: operator torchvision::nms does not exist", True),
        ("undefined symbol when importing torchvision", True),
        ("undefined symbol with PyTorch 1.12 / torchvision 0.13", False),
        ('Error loading "C:\\torch\\lib\\fbgemm.dll" or one of its dependencies. torchvision is not there yet', False),
        ("WinError 126, and again after pip install torch torchvision torchaudio", False),
    ],
)
def test_a_partner_is_blamed_by_its_files_and_modules_and_not_by_a_list(words: str, blamed: bool) -> None:
    assert blames(words, "torchvision") is blamed


def test_a_torchvision_that_goes_with_the_torch_of_pip_tells_of_two_torches() -> None:
    dump = (
        "PyTorch version: 2.6.0+cu124\nCUDA used to build PyTorch: 12.4\nIs CUDA available: True\n\n"
        "Versions of relevant libraries:\n[pip3] torch=={}\n[pip3] torchvision==0.23.0\n"
        "RuntimeError: operator torchvision::nms does not exist"
    )
    assert _first(dump.format("2.8.0")) == "duplicate-torch-install"
    assert _first(dump.format("2.6.0")) == "torch-torchvision-mismatch"


@pytest.mark.parametrize(
    ("offered", "rule"),
    [("2.1.2, 2.2.0, 2.2.1, 2.2.2", "x86-python-on-apple-silicon"), ("2.3.0, 2.3.1", "python-unsupported")],
)
def test_what_pip_offers_on_an_apple_processor_tells_for_which_the_python_is(offered: str, rule: str) -> None:
    words = (
        "ERROR: Could not find a version that satisfies the requirement torch==2.4.1 (from versions: {})\nMac Mini M4"
    )
    assert _first(words.format(offered)) == rule


def test_the_cuda_runtime_that_an_extension_misses_is_of_another_torch() -> None:
    words = "libcudart.so.11.0: cannot open shared object file: No such file or directory"
    assert _first(f"ImportError: {words}") == "abi-undefined-symbol"
    frame = 'File "/env/lib/python3.8/site-packages/torch/__init__.py", line 196, in _load_global_deps\n'
    assert _first(f"{frame}OSError: {words}") == "shared-library-missing"


def test_a_part_of_torch_that_its_releases_lost_is_asked_for_by_an_extension() -> None:
    words = "ImportError: libtorch_cuda_cu.so: cannot open shared object file: No such file or directory"
    assert _first(words) == "abi-undefined-symbol"
    assert _first(f"torchaudio error: {words}") == "torch-torchaudio-mismatch"


def test_modules_of_one_torch_over_the_compiled_part_of_another() -> None:
    words = "AttributeError: type object 'torch._C._distributed_c10d.ProcessGroup' has no attribute 'Options'"
    assert _first(words) == "duplicate-torch-install"
    assert (
        _first(f"torch==2.7.0+cpu was there, then\nconda install -c conda-forge torchinfo\n{words}") == "conda-pip-mix"
    )


def test_a_circle_of_imports_is_a_file_called_torch_unless_it_is_torch_itself() -> None:
    words = "AttributeError: partially initialized module 'torch' has no attribute 'cuda'"
    assert _first(words) == "torch-shadowed-by-local-module"
    own = "ImportError: cannot import name '_VF' from partially initialized module 'torch' (/app/torch/__init__.py)"
    assert _first(own) is None


@pytest.mark.parametrize(("channel", "rule"), [("cu114", "wrong-index-url"), ("cu117", None)])
def test_an_index_of_a_cuda_that_torch_never_had_gives_the_cpu_build_of_windows(channel: str, rule: str | None) -> None:
    text = (
        "Windows 10, GTX 1080 Ti\n"
        f"pip3 install torch --extra-index-url https://download.pytorch.org/whl/{channel}\n"
        ">>> torch.cuda.is_available()\nFalse\n"
    )
    assert _first(text) == rule


def test_what_an_installer_did_not_find_is_not_installed() -> None:
    words = "pip install triton==2.3.0\nERROR: No matching distribution found for triton==2.3.0"
    assert _first(f"on windows\n{words}") == "triton-unavailable"


def test_an_index_that_gave_torch_and_has_no_partner_is_the_wrong_one_whatever_the_python() -> None:
    words = "ERROR: No matching distribution found for torchaudio"
    command = "pip install --index-url https://download.pytorch.org/whl/cu132 torch torchvision torchaudio"
    assert _first(f"{command}\n{words}") == "wrong-index-url"
    assert _first(words) == "python-unsupported"


def test_an_apple_processor_that_people_write_small_runs_an_intel_python() -> None:
    dump = (
        "Collecting environment information...\nPyTorch version: 1.13.1\nOS: macOS 12.6 (x86_64)\n\n"
        "Python version: 3.10 (64-bit runtime)\nPython platform: macOS-10.16-x86_64-i386-64bit\n"
    )
    assert _first(f"on my m1 Macbook it is slow\n{dump}") == "x86-python-on-apple-silicon"
    assert _first(f"on my Macbook it is slow\n{dump}") is None
