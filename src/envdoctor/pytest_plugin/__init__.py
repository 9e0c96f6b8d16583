"""The pytest plugin: `pytest --envdoctor`, and markers for tests that need a GPU (docs/how-to/pytest.md).

pytest loads it in every run where envdoctor is installed, so this file imports nothing but pytest: the rest waits
until somebody asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.pytest_plugin.hooks import Gate, MarkedTests

if TYPE_CHECKING:
    import pytest

OPTIONS = ("envdoctor_policy", "envdoctor_profile", "envdoctor_fail_on", "envdoctor_strict")

MARKERS = (
    "requires_gpu(count=1, memory=None): skip the test unless so many NVIDIA GPUs are visible to CUDA, each with at "
    'least that memory ("16 GiB"). (envdoctor)',
    "requires_compute_capability(capability): skip the test unless every visible NVIDIA GPU has at least that compute "
    'capability ("8.0"). (envdoctor)',
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and the settings."""
    group = parser.getgroup("envdoctor", "the environment the tests run in (envdoctor)")
    group.addoption(
        "--envdoctor",
        action="store_true",
        help="Judge this interpreter, its torch and the GPUs first; run no test where that finds an error.",
    )
    group.addoption("--envdoctor-policy", metavar="FILE", help="The same by this policy. Default: that of the rootdir.")
    group.addoption("--envdoctor-profile", metavar="NAME", help="The same with this profile: core, cpu, gpu, your own.")
    group.addoption(
        "--envdoctor-fail-on",
        metavar="SEVERITY",
        help="The same, and run no test from this severity on: error, warning, note or never.",
    )
    group.addoption(
        "--envdoctor-strict",
        action="store_true",
        help="The same, and run no test where a fact that is needed cannot be found out.",
    )
    parser.addini("envdoctor", "Whether every run is one with --envdoctor.", type="bool", default=False)
    parser.addini("envdoctor_profile", "The profile of runs with --envdoctor.", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers and what acts on them, and the gate where it is asked for."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    marked = MarkedTests(config)
    config.pluginmanager.register(marked, "envdoctor-marked-tests")
    options = config.option
    asked = options.envdoctor or config.getini("envdoctor") or any(getattr(options, name) for name in OPTIONS)
    if asked and not marked.worker:
        config.pluginmanager.register(Gate(config, marked), "envdoctor-gate")
