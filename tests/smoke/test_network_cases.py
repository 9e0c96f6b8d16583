"""The tests of convolutions, attention, training, compiled code and torchvision see what is wrong, and only that."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

import envdoctor.smoke.child

pytestmark = pytest.mark.real

CHILD = Path(envdoctor.smoke.child.__file__).parent

RUN = """
import importlib.util, json, sys, tempfile
from importlib import import_module

folder, order = sys.argv[1], json.loads(sys.argv[2])
spec = importlib.util.spec_from_file_location(
    "envdoctor_smoke", folder + "/__init__.py", submodule_search_locations=[folder])
package = importlib.util.module_from_spec(spec)
sys.modules["envdoctor_smoke"] = package
spec.loader.exec_module(package)
running = import_module("envdoctor_smoke.running")
cases = {case.name: case for case in import_module("envdoctor_smoke.catalogue").all_cases()}

import torch
F = torch.nn.functional
kept = []

def replace(owner, name, make):
    kept.append((owner, name, getattr(owner, name)))
    setattr(owner, name, make(getattr(owner, name)))

def largest_one_wrong(tensor):
    size = tensor.detach().abs()
    return tensor * (1 + 0.01 * (size == size.max()))

def one_gradient_wrong(place):
    "Changes the largest number of the gradient of one argument."
    def make(function):
        def changed(*args, **kwargs):
            args = list(args)
            args[place] = args[place].clone()
            args[place].register_hook(largest_one_wrong)
            return function(*args, **kwargs)
        return changed
    return make

def result(change):
    "Changes what a function returns."
    return lambda function: lambda *args, **kwargs: change(function(*args, **kwargs))

for fault, name, full, seed in order:
    exec(fault)
    with tempfile.TemporaryDirectory() as folder:
        told = running.run_one(torch, cases[name], "cpu", {"seed": seed, "devices": [], "full": full, "folder": folder})
    while kept:
        setattr(*kept.pop())
    print("told " + json.dumps(told), flush=True)
"""

QUICK = ("convolution", "sdpa-math", "sdpa-flash", "amp-training", "nms", "roi-align", "decode-jpeg")
SEEDS = (1, 22, 333)

VISION = "from torchvision import io, ops; "
WRONG = {
    "a convolution is 1 % off": ("convolution", "replace(F, 'conv2d', result(lambda r: r * 1.01))"),
    "one element of a convolution is 1 % off": ("convolution", "replace(F, 'conv2d', result(largest_one_wrong))"),
    "the other spelling of a convolution is wrong": ("convolution", "replace(torch, 'conv2d', result(torch.neg))"),
    "a convolution has a NaN": (
        "convolution",
        "replace(F, 'conv2d', result(lambda r: r.index_fill(1, torch.tensor([1]), float('nan'))))",
    ),
    "one gradient of a convolution's input is wrong": ("convolution", "replace(F, 'conv2d', one_gradient_wrong(0))"),
    "one gradient of a convolution's weight is wrong": ("convolution", "replace(F, 'conv2d', one_gradient_wrong(1))"),
    "attention is 1 % off": ("sdpa-flash", "replace(F, 'scaled_dot_product_attention', result(lambda r: r * 1.01))"),
    "attention has a NaN": (
        "sdpa-math",
        "replace(F, 'scaled_dot_product_attention', result(lambda r: r + (r == r.max()) * float('nan')))",
    ),
    "attention sees later keys": (
        "sdpa-math",
        "replace(F, 'scaled_dot_product_attention', lambda f: lambda q, k, v, is_causal: f(q, k, v))",
    ),
    "one gradient of the keys is wrong": (
        "sdpa-flash",
        "replace(F, 'scaled_dot_product_attention', one_gradient_wrong(1))",
    ),
    "one gradient of the queries is wrong": (
        "sdpa-math",
        "replace(F, 'scaled_dot_product_attention', one_gradient_wrong(0))",
    ),
    "a linear layer is 1 % off": ("amp-training", "replace(F, 'linear', result(lambda r: r * 1.01))"),
    "one gradient of a weight is wrong": ("amp-training", "replace(F, 'linear', one_gradient_wrong(1))"),
    "an optimizer does nothing": ("amp-training", "replace(torch.optim.SGD, 'step', lambda f: lambda self: None)"),
    "an optimizer climbs": (
        "amp-training",
        "replace(torch.optim.SGD, '__init__', lambda f: lambda self, p, lr: f(self, p, lr=lr, maximize=True))",
    ),
    "compiled code is 1 % off": (
        "compile",
        "replace(torch, 'compile', lambda f: lambda g, fullgraph: lambda x, y: g(x, y) * 1.01)",
    ),
    "nms keeps one box less": ("nms", VISION + "replace(ops, 'nms', result(lambda r: r[:-1]))"),
    "nms changes the order": ("nms", VISION + "replace(ops, 'nms', result(lambda r: r.flip(0)))"),
    "nms takes another threshold": (
        "nms",
        VISION + "replace(ops, 'nms', lambda f: lambda boxes, scores, threshold: f(boxes, scores, threshold + 0.05))",
    ),
    "one number of roi_align is 1 % off": (
        "roi-align",
        VISION + "replace(ops, 'roi_align', result(largest_one_wrong))",
    ),
    "one gradient of roi_align is wrong": (
        "roi-align",
        VISION + "replace(ops, 'roi_align', result(lambda r: (r.register_hook(largest_one_wrong), r)[1]))",
    ),
    "an image is a pixel further on": (
        "decode-jpeg",
        VISION + "replace(io, 'decode_jpeg', result(lambda r: r.roll(1, 2)))",
    ),
    "an image is blue instead of red": (
        "decode-jpeg",
        VISION + "replace(io, 'decode_jpeg', result(lambda r: r.flip(0)))",
    ),
}


def _python(kind: str) -> str:
    folder = os.environ.get(f"ENVDOCTOR_TEST_{kind}_ENV")
    if not folder:
        pytest.skip(f"ENVDOCTOR_TEST_{kind}_ENV names no environment (make test-real makes it)")
    return str(Path(folder) / "bin" / "python")


def _run(python: str, *order: tuple[str, str, bool, int], **environ: str) -> list[dict[str, Any]]:
    """Run tests one after the other in one process: fault, name, whether at full size, seed."""
    argv = [python, "-B", "-c", RUN, str(CHILD), json.dumps(order)]
    ran = subprocess.run(argv, capture_output=True, text=True, env={**os.environ, **environ}, timeout=900)
    told = [json.loads(line[5:]) for line in ran.stdout.splitlines() if line.startswith("told ")]
    assert len(told) == len(order), ran.stderr
    return told


@pytest.fixture(scope="module")
def healthy() -> list[dict[str, Any]]:
    return _run(
        _python("CUDA"), *(("", name, full, seed) for name in QUICK for full in (False, True) for seed in SEEDS)
    )


@pytest.fixture(scope="module")
def faulty() -> dict[str, dict[str, Any]]:
    told = _run(_python("CUDA"), *((fault, name, False, 1) for name, fault in WRONG.values()))
    return dict(zip(WRONG, told, strict=True))


def test_what_is_right_passes_far_below_its_bound(healthy: list[dict[str, Any]]) -> None:
    assert [told for told in healthy if told["status"] != "passed"] == []
    assert all(told["error"] <= told["bound"] / 2 for told in healthy if told["bound"] is not None)


@pytest.mark.parametrize("fault", WRONG)
def test_what_is_wrong_is_seen(faulty: dict[str, dict[str, Any]], fault: str) -> None:
    assert faulty[fault]["status"] == "wrong-numbers", faulty[fault]
    assert faulty[fault]["message"]


def test_an_operator_that_is_not_there_fails_in_its_own_words() -> None:
    gone = "raise_it = RuntimeError('operator torchvision::nms does not exist')\n"
    gone += "class Finder:\n    def find_spec(self, name, path=None, target=None):\n"
    gone += "        if name == 'torchvision.ops': raise raise_it\n"
    gone += "sys.meta_path.insert(0, Finder())"
    for told in _run(_python("CUDA"), (gone, "nms", False, 1), ("", "roi-align", False, 1)):
        assert (told["status"], told["exception"]) == ("failed", "RuntimeError")
        assert told["message"] == "operator torchvision::nms does not exist"


def test_attention_that_the_device_does_not_have_is_no_failure() -> None:
    for told in _run(_python("CPU"), *(("", name, False, 1) for name in ("sdpa-efficient", "sdpa-cudnn"))):
        assert (told["status"], told["message"]) == ("skipped", "torch has no such kernel for this device.")


def test_torchvision_that_is_not_installed_is_no_failure() -> None:
    for told in _run(_python("CPU"), *(("", name, False, 1) for name in ("nms", "roi-align", "decode-jpeg"))):
        assert (told["status"], told["message"]) == ("skipped", "torchvision is not installed")


@pytest.mark.parametrize(
    ("fault", "environ", "reason"),
    [
        ("", {"PATH": "/nonexistent"}, "there is no C++ compiler: "),
        ("", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, "the locale is for ASCII alone, "),
        (
            "import sysconfig\nfor scheme in sysconfig._INSTALL_SCHEMES.values(): scheme['include'] = '/nonexistent'",
            {},
            "Python's headers are not installed: ",
        ),
        (
            "def refuse(*_, **__): raise RuntimeError('torch.compile is not supported on Python 3.15+')\n"
            "replace(torch, 'compile', lambda f: refuse)",
            {},
            "torch cannot compile with this Python: ",
        ),
        ("", {"TORCHDYNAMO_DISABLE": "1"}, "TORCHDYNAMO_DISABLE=1 switches torch.compile off"),
    ],
)
def test_what_compiling_needs_is_told_apart_from_what_is_broken(
    fault: str, environ: dict[str, str], reason: str
) -> None:
    (told,) = _run(_python("CPU"), (fault, "compile", False, 1), **environ)
    assert told["status"] == "skipped", told
    assert told["message"].startswith(reason)


@pytest.mark.parametrize(
    "setting",
    [
        "torch.set_default_device('meta')",
        "torch.set_default_dtype(torch.float64)",
        "torch.set_grad_enabled(False)",
        "torch.autocast('cpu', dtype=torch.bfloat16).__enter__()",
        "mode = torch.inference_mode(); mode.__enter__()",
    ],
)
def test_settings_of_a_whole_process_are_no_failure(setting: str) -> None:
    """A `sitecustomize` may have made them."""
    for told in _run(_python("CPU"), *((setting, name, False, 1) for name in ("convolution", "amp-training"))):
        assert told["status"] == "passed", told


def test_code_that_cannot_be_compiled_is_a_failure(tmp_path: Path) -> None:
    compiler = tmp_path / "g++"
    compiler.write_text(
        '#!/bin/sh\ncase "$*" in *--version*|-v) exec /usr/bin/g++ "$@";; esac\necho broken >&2\nexit 1\n'
    )
    compiler.chmod(0o755)
    (told,) = _run(_python("CPU"), ("", "compile", False, 1), CXX=str(compiler))
    assert told["status"] == "failed"
    assert "broken" in told["message"]
