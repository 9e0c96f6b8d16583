"""Scripts of shells, cmd.exe and PowerShell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envdoctor.readers.declared.choosing import module_for, reader
from envdoctor.readers.declared.commands import batch, shell

if TYPE_CHECKING:
    from collections.abc import Callable

    from envdoctor.model.declared_file import DeclaredFile

WHEELS = "https://download.pytorch.org/whl"


def test_a_makefile_fills_in_its_variables() -> None:
    text = "TORCH := 2.7.0\n\ninstall:\n\t@pip install torch==$(TORCH) \\\n\t\ttorchvision==0.22.0\n"
    (case,) = shell.read(text, "Makefile").cases
    assert [(one.specifier, one.place.line) for one in case.requirements] == [("==2.7.0", 4), ("==0.22.0", 5)]
    assert case.platform == ""


def test_a_batch_file_continues_by_its_own_sign_and_is_for_windows() -> None:
    text = f"@echo off\nset INDEX={WHEELS}/cu126\ncall pip install torch==2.7.0 ^\n  --index-url %INDEX%\n"
    declared = batch.read(text, "install.bat")
    (case,) = declared.cases
    assert (declared.format, case.platform, case.place.last_line) == ("batch file", "windows-x86_64", 4)
    assert (case.indexes[0].url, case.indexes[0].written) == (f"{WHEELS}/cu126", "%INDEX%")


def test_a_command_in_a_variable_is_one() -> None:
    text = "set TORCH_COMMAND=pip install torch==2.7.0  torchvision==0.22.0\ncall start.bat\n"
    (case,) = batch.read(text, "user.bat").cases
    assert [(one.written, one.place.column) for one in case.requirements] == [
        ("torch==2.7.0", 31),
        ("torchvision==0.22.0", 45),
    ]


def test_branches_and_labels_of_a_batch_file_do_not_mix() -> None:
    text = (
        "pip install numpy==2.0\n"
        "if errorlevel 1 (\n  pip install torch==2.6.0\n) else (\n  pip install torchvision==0.9.0\n)\n"
        ":cpu\nrem pip install torch==1.0\npip install torchvision==0.8.0\nset /p V=Which?\n"
        ":other\npip install torch==%V%\n"
    )
    found = [{one.name: one.specifier for one in case.requirements} for case in batch.read(text, "x.cmd").cases]
    assert found == [
        {"numpy": "==2.0"},
        {"numpy": "==2.0", "torch": "==2.6.0"},
        {"numpy": "==2.0", "torchvision": "==0.9.0"},
        {"torchvision": "==0.8.0"},
        {"torch": None},
    ]


def test_powershell_has_its_own_variables_and_branches() -> None:
    text = (
        f'$Torch = "2.7.0"\n$env:PIP_INDEX_URL = "{WHEELS}/cu126"\n'
        "if (Test-Path gpu) {\n  & .\\venv\\Scripts\\python.exe -m pip install `\n    torch==$Torch\n} else {\n"
        "  pip install torch==2.6.0\n}\n"
    )
    declared = batch.read(text, "install.ps1")
    assert declared.format == "PowerShell script"
    gpu, cpu = declared.cases
    assert [one.specifier for one in (*gpu.requirements, *cpu.requirements)] == ["==2.7.0", "==2.6.0"]
    assert gpu.indexes[0].url == f"{WHEELS}/cu126"
    assert gpu.requirements[0].place.line == 5


def test_what_is_too_long_is_said() -> None:
    assert "characters" in (shell.read("true\n" * shell.MOST, "x.sh").trouble or "")
    assert "commands" in (shell.read("pip install a\n" * (shell.MOST_COMMANDS + 1), "x.sh").trouble or "")
    assert shell.read("", "x.sh") == shell.DeclaredFile(shell.FORMAT)


@pytest.mark.parametrize("read", [shell.read, batch.read])
@pytest.mark.parametrize("name", ["a.sh", "a.ps1", "a.bat"])
def test_an_empty_word_is_a_word(read: Callable[[str, str], DeclaredFile], name: str) -> None:
    text = '"" = 1\n""\n"" pip\nX="" \npip install "" torch==2.7.0\n'
    (found,) = read(text, name).cases
    assert [one.written for one in found.requirements] == ["torch==2.7.0"]


def test_images_that_a_script_starts_or_writes_down() -> None:
    text = (
        "# docker run pytorch/pytorch:a\ndocker run pytorch/pytorch:b sh\ncat > Dockerfile <<X\nFROM nvidia/cuda:c\nX\n"
    )
    told = [(one.base.reference, one.base.place.line) for one in shell.read(text, "a.sh").cases if one.base]
    assert told == [("pytorch/pytorch:b", 2), ("nvidia/cuda:c", 4)]


def test_the_images_of_a_manifest_for_a_cluster() -> None:
    text = (
        "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  # image: pytorch/pytorch:a\n  - image: pytorch/pytorch:b\n"
    )
    module = module_for("pod.yaml", text)
    assert module == "images.kubernetes"
    (found,) = reader(module)(text, "pod.yaml").cases
    assert found.base is not None
    assert found.base.reference == "pytorch/pytorch:b"
    assert found.base.place.line == 6
