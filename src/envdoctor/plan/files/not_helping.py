"""What people try against defects of libraries and extensions, and why it gains nothing here.

Each sentence is worked out from the rows that the finding rests on; where a row does not say, nothing is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.plan.rows import package_of, rows, said

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine

ON_PATH = ("LD_LIBRARY_PATH", "LD_PRELOAD")


def not_helping(machine: Machine, causes: list[Finding]) -> Iterator[str]:
    """Yield sentences on findings, in their order of causes within a rule."""
    rules = {finding.rule for finding in causes}
    about = {rule: [one.subject for one in causes if one.rule == rule] for rule in rules}
    if rules & {"cudnn-shadowed-by-ld-library-path", "cuda-libs-shadowed-by-ld-library-path", "nccl-version-conflict"}:
        yield from _reinstalling_what_is_hidden(machine)
    if "abi-undefined-symbol" in rules:
        yield from _driver_for_symbols(machine, about["abi-undefined-symbol"])
    if "ext-arch-missing" in rules:
        yield from _driver_for_kernels(machine, about["ext-arch-missing"])
    if "missing-libGL" in rules:
        yield from _reinstalling_opencv(machine)


def _reinstalling_what_is_hidden(machine: Machine) -> Iterator[str]:
    for row in rows(machine.snapshot, "libraries.shadowed"):
        library, how, file = said(row, "library"), said(row, "how"), said(row, "file")
        if library and file and how in ON_PATH:
            yield f"reinstalling torch, since {library} is taken from {file} by {how} whatever is installed"
            return


def _driver_for_symbols(machine: Machine, packages: list[str]) -> Iterator[str]:
    """What an object lacks of torch is no matter of the driver, nor of the same wheel once more."""
    for row in rows(machine.snapshot, "libraries.undefined"):
        package, version, thing = package_of(row), said(row, "version"), said(row, "object")
        if thing and package in packages and said(row, "provider") == "torch":
            again = f" or the same wheel of {package}{f' {version}' if version else ''}"
            yield f"a newer driver{again}, since {thing} lacks what another torch defines"
            return


def _driver_for_kernels(machine: Machine, packages: list[str]) -> Iterator[str]:
    for row in rows(machine.snapshot, "extensions.kernels"):
        package = package_of(row)
        alike = [one for one in rows(machine.snapshot, "extensions.kernels") if package_of(one) == package]
        if package in packages and not any(one.get("ptx") for one in alike):
            yield f"a newer driver, since {package} holds machine code alone and a driver compiles none of it anew"
            return


def _reinstalling_opencv(machine: Machine) -> Iterator[str]:
    for row in rows(machine.snapshot, "libraries.missing"):
        library = said(row, "library")
        if library and "opencv" in package_of(row):
            yield f"reinstalling {package_of(row)} or torch, since {library} is a library of the system"
            return
