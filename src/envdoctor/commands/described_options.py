"""The options that describe a machine instead of looking at one, for every command that takes one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from envdoctor.commands import options

if TYPE_CHECKING:
    from collections.abc import Callable

    Function = TypeVar("Function", bound=Callable[..., Any])  # type: ignore[explicit-any, unused-ignore]

PLATFORMS = (
    "linux-x86_64", "linux-aarch64", "linux-aarch64-jetson", "windows-x86_64", "macos-arm64", "macos-x86_64",
)  # fmt: skip
OTHER_WORDS = {
    "linux-amd64": "linux-x86_64", "linux-x64": "linux-x86_64", "linux-64": "linux-x86_64",
    "linux-arm64": "linux-aarch64", "jetson": "linux-aarch64-jetson",
    "windows-amd64": "windows-x86_64", "win-amd64": "windows-x86_64", "win-64": "windows-x86_64",
    "osx-arm64": "macos-arm64", "darwin-arm64": "macos-arm64", "macos-aarch64": "macos-arm64",
    "osx-64": "macos-x86_64", "darwin-x86_64": "macos-x86_64",
}  # fmt: skip
"""What conda, Go, pip's tags and people call these platforms."""


def describing(function: Function) -> Function:
    """Add what `describe.Description` holds, by the same names."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


_OPTIONS = (
    click.option(
        "--driver", callback=options.filled, metavar="VERSION", help="Describe a machine: its NVIDIA driver version."
    ),
    click.option(
        "--gpu",
        "gpus",
        callback=options.filled,
        multiple=True,
        metavar="NAME",
        help="Describe a machine: a GPU by name. Repeatable.",
    ),
    click.option(
        "--compute-capability",
        "capabilities",
        callback=options.filled,
        multiple=True,
        metavar="X.Y",
        help="Describe a machine: a GPU. Repeatable.",
    ),
    click.option("--python-version", callback=options.filled, metavar="X.Y", help="Describe a machine: its Python."),
    click.option(
        "--platform",
        callback=options.one_of(PLATFORMS, OTHER_WORDS),
        metavar="OS-ARCH",
        help=f"Describe a machine: {', '.join(PLATFORMS)}.",
    ),
    click.option("--glibc", callback=options.filled, metavar="X.Y", help="Describe a machine: its C library."),
)
