"""What prose claims: sentences, lists, tables and what typesetting leaves of them, and what is no claim."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envdoctor.diagnose.declared import judge_declared
from envdoctor.matrix.load import load_matrix
from envdoctor.readers.declared.texts.markdown import read

if TYPE_CHECKING:
    from envdoctor.model.declared import Case

MATRIX = load_matrix()


def claims(text: str, name: str = "post.md") -> list[Case]:
    return [case for case in read(text, name).cases if case.claim]


def told(text: str, name: str = "post.md") -> dict[tuple[str, int], str]:
    """The findings of a text: rule and line, and the message."""
    diagnosis, _ = judge_declared([read(text, name)], MATRIX)
    return {(one.rule, one.location.line if one.location else 0): one.message for one in diagnosis.findings}


PAIR = "torch-torchvision-mismatch"
AUDIO = "torch-torchaudio-mismatch"
INDEX = "wrong-index-url"
CUDNN = "cudnn-version-mismatch"


@pytest.mark.parametrize(
    ("text", "rule", "says"),
    [
        ("PyTorch 2.6 comes with torchvision 0.17 here.", PAIR, "0.21.0"),
        ("Installed are torch 2.6.0 + torchvision 0.17.0 + torchaudio 2.1.0.", AUDIO, "2.6.0"),
        ("The image holds PyTorch v2.6, CUDA 12.1 and cuDNN 8.", INDEX, "11.8, 12.4 and 12.6"),
        ("The image holds PyTorch v2.6, CUDA 12.1 and cuDNN 8.", CUDNN, "cuDNN 9"),
        ("PyTorch 2.7 with CUDA 12.1", INDEX, "cu118, cu126 and cu128"),
        ("The 2.7 with CUDA 12.1 is the torch of this guide.", INDEX, "cu118, cu126 and cu128"),
        ("PyTorch 2.8 officially supports 11.8 and 12.1.", INDEX, "cu126, cu128 and cu129"),
        ("```\nPyTorch   CUDA\n2.7.0     12.1\n```", INDEX, "cu118, cu126 and cu128"),
        ("PyTorch 2.8 officially supports CUDA 11.8 and 12.1.", INDEX, "cu126, cu128 and cu129"),
        ("官方的 PyTorch 2.8 支持 CUDA 11.8 和 12.1。", INDEX, "cu126, cu128 and cu129"),
        ("镜像不仅集成了 PyTorch\uff082.7.0\uff09\uff0c还有 torchvision\uff080.18.0\uff09。", PAIR, "0.22.0"),
        ("PyTorch 2.7 wird mit CUDA 12.1 ausgeliefert.", INDEX, "cu118, cu126 and cu128"),
        ("PyTorch 2.7 est livré avec CUDA 12.1.", INDEX, "cu118, cu126 and cu128"),
        ("PyTorch 2.7 имеет CUDA 12.1.", INDEX, "cu118, cu126 and cu128"),
        ("イメージには PyTorch 2.7 と CUDA 12.1 が入っている。", INDEX, "cu118, cu126 and cu128"),
        ("It is **torch** `2.8.0` and\n**torchvision** `0.19.0`.", PAIR, "0.23.0"),
        ("Take `torch 2.7.0` (cu121).", INDEX, "cu118, cu126 and cu128"),
        ("Start from pytorch/pytorch:2.7.0-cuda11.8-cudnn8-runtime here.", "image-tag-does-not-exist", "cudnn9"),
        ("基础镜像\uff1anvidia/cuda:12.1-devel-ubuntu22.04", "image-tag-does-not-exist", "12.1.0 and 12.1.1"),
    ],
)
def test_a_sentence_is_judged_as_a_command_is(text: str, rule: str, says: str) -> None:
    found = told(text)
    assert [message for (name, _), message in found.items() if name == rule and says in message], found


@pytest.mark.parametrize(
    "text",
    [
        "PyTorch 2.6 does not support CUDA 12.1.",
        "PyTorch 2.5 used CUDA 12.1; PyTorch 2.6 moved to CUDA 12.6.",
        "Since PyTorch 2.6 there is no wheel for CUDA 12.1.",
        "Does PyTorch 2.6 work with CUDA 12.1?",
        "PyTorch 2.6 支持 CUDA 12.1 吗\uff1f",
        "PyTorch 2.6 不支持 CUDA 12.1。",
        "PyTorch >= 2.6 and CUDA 12.1",
        "PyTorch 2.6+ with CUDA 12.1",
        "PyTorch 2.6 or later, CUDA 12.1",
        "PyTorch 2.6 and CUDA 12.1 or newer",
        "PyTorch 2.6 及以上\uff0cCUDA 12.1",
        "Tested with PyTorch 2.6 and CUDA 12.1.",
        "We use PyTorch 2.6 on machines with CUDA 12.1.",
        "PyTorch 2.6 runs where the driver supports CUDA 12.2.",
        "PyTorch 2.6 with a CUDA 12.1 toolkit installed builds the kernels.",
        "PyTorch 2.6.0a0 with CUDA 12.1",
        "PyTorch 2.6 for Jetson with CUDA 12.1",
        "The conda-forge build of PyTorch 2.6 with CUDA 12.1",
        "PyTorch 2.6 needs 12.1 GB of memory with CUDA 12.4.",
        "TensorFlow 2.18 uses CUDA 12.1, PyTorch 2.6 does too.",
        "PyTorch Lightning 2.6 with CUDA 12.1",
        "torchvision 0.17 and torchvision 0.18 both exist beside torch 2.6",
        "cu92 is supported up to PyTorch 1.8.1.",
        "pytorch/pytorch:2.7.0-cuda11.8-cudnn8-runtime does not exist.",
        "docker pull pytorch/pytorch:<version>-cuda12.1-cudnn8-runtime",
    ],
)
def test_what_compares_refuses_asks_or_leaves_open_claims_nothing(text: str) -> None:
    assert told(text) == {}


def test_a_correct_text_is_read_and_silent() -> None:
    text = "PyTorch 2.7.1 with torchvision 0.22.1, CUDA 11.8, 12.6 and 12.8, cuDNN 9.5 and Python 3.12.\n"
    (case,) = claims(text)
    assert [(one.name, one.specifier) for one in case.requirements] == [
        ("torch", "==2.7.1"),
        ("torchvision", "==0.22.1"),
    ]
    assert [one.version for one in case.cudas] == ["11.8", "12.6", "12.8"]
    assert [one.version for one in case.cudnns] == ["9.5"]
    assert [one.specifier for one in case.pythons] == ["==3.12.*"]
    assert told(text) == {}


def test_places_are_those_of_the_versions() -> None:
    text = "# Title\n\nThe **torch** is 2.6.0,\nthe torchvision 0.17.0 there.\n"
    (case,) = claims(text)
    torch, vision = case.requirements
    lines = text.split("\n")
    assert lines[torch.place.line - 1][torch.place.column - 1 :].startswith("2.6.0")
    assert lines[vision.place.line - 1][vision.place.column - 1 :].startswith("0.17.0")


TABLES = {
    "markdown": "| PyTorch 版本 | torchvision | CUDA |\n|---|---|---|\n| 2.7.0 | 0.18.0 | 12.1 |\n",
    "markdown with names and marks": "| **PyTorch** | `torchvision` | CUDA |\n|:-:|---|---|\n"
    "| v2.7.0 | 0.18.0 | CUDA 12.1 |\n",
    "html": "<table>\n<tr><th>PyTorch</th><th>torchvision</th><th>CUDA</th></tr>\n"
    "<tr><td>2.7.0</td><td>0.18.0</td><td>12.1</td></tr>\n</table>\n",
    "blanks": "PyTorch   torchvision   CUDA\n2.7.0     0.18.0        12.1\n",
    "tabs": "PyTorch\ttorchvision\tCUDA\n2.7.0\t0.18.0\t12.1\n",
    "rst": "+---------+-------------+------+\n| PyTorch | torchvision | CUDA |\n+=========+=============+======+\n"
    "| 2.7.0   | 0.18.0      | 12.1 |\n+---------+-------------+------+\n",
    "channels": "| torch | torchvision | CUDA |\n|--|--|--|\n| 2.7.0 | 0.18.0 | cu121 |\n",
}


@pytest.mark.parametrize("name", TABLES)
def test_a_row_of_a_table_is_a_claim(name: str) -> None:
    file = "post.txt" if name in ("rst", "blanks", "tabs") else "post.md"
    found = told(TABLES[name], file)
    assert {rule for rule, _ in found} == {PAIR, INDEX}, found


def test_a_table_whose_first_column_names_things() -> None:
    text = "| Package | Version |\n|---|---|\n| torch | 2.7.0+cu118 |\n| torchvision | 0.18.0 |\n| numpy | 1.24.3 |\n"
    assert list(told(text)) == [(PAIR, 4)]


@pytest.mark.parametrize(
    "text",
    [
        "| torch | torchvision | Python |\n|--|--|--|\n| `2.3` | `0.18` | `>=3.8`, `<=3.12` |\n"
        "| `<=1.0` | `0.2` | `==2.7` |\n",
        "| PyTorch | Stable CUDA |\n|--|--|\n| 2.6 | CUDA 11.8, CUDA 12.4, CUDNN 9.1.0.70 |\n"
        "| 2.4 | CUDA 11.8, 12.1 |\n",
        "| PyTorch | CUDA | Driver |\n|--|--|--|\n| 2.6 | 12.1 | 535 |\n",
        "| PyTorch | minimum CUDA |\n|--|--|\n| 2.6 | 12.1 |\n",
        "| PyTorch | CUDA |\n|--|--|\n| 2.4.x / 2.6.x | 12.1 |\n| 2.6 | 11.8+ |\n| 2.6 nightly | 12.1 |\n",
        "| GPU | PyTorch | CUDA |\n|--|--|--|\n| A100 | 2.6 | 12.1 |\n",
    ],
)
def test_a_correct_table_or_one_of_machines_is_silent(text: str) -> None:
    assert told(text) == {}


def test_a_list_is_one_claim() -> None:
    found = told("- PyTorch: 2.8.0\n- torchvision: 0.19.0\n- NumPy: 2.1\n")
    assert list(found) == [(PAIR, 2)]


def test_the_cuda_of_a_list_counts_where_the_list_is_of_an_image() -> None:
    items = "- PyTorch 2.8.0\n- CUDA 12.1\n"
    assert (INDEX, 5) in told(f"The image contains these:\n\n\n{items}")
    assert told(f"## Requirements\n\n{items}") == {}


def test_a_heading_names_the_torch_of_the_list_below_it() -> None:
    found = told("## PyTorch-CUDA v2.7\n\n- CUDA 12.1\n- cuDNN 8\n")
    assert set(found) == {(INDEX, 3), (CUDNN, 4)}
    assert told("## PyTorch v2.7\n\nSomething else.\n\n## Driver\n\n- CUDA 12.1\n") == {}


def test_signs_that_typesetting_lost() -> None:
    found = told(
        "pip install torch2.8.0 torchvision0.19.0 torchaudio2.8.0 --index-url https://download.pytorch.org/whl/cu121\n"
    )
    assert set(found) == {(PAIR, 1), (INDEX, 1)}
    assert "0.23.0" in found[(PAIR, 1)]


def test_rows_that_typesetting_glued() -> None:
    found = told("PyTorch 版本torchvision 版本CUDA 支持2.8.00.19.012.1pip install x\n")
    assert set(found) == {(PAIR, 1), (INDEX, 1)}


def test_a_corrected_line_keeps_the_rest() -> None:
    from envdoctor.diagnose.correcting import with_replacements

    text = "PyTorch 2.6 ships torchvision 0.17 in it.\n"
    _, flaws = judge_declared([read(text, "a.md")], MATRIX)
    (found,) = with_replacements(flaws, {"a.md": text})
    assert found.replacement == "PyTorch 2.6 ships torchvision 0.21.0 in it."


def test_the_cuda_of_a_claim_is_never_rewritten_unasked() -> None:
    _, flaws = judge_declared([read("PyTorch 2.7 with CUDA 12.1\n", "a.md")], MATRIX)
    assert [one.safe for flaw in flaws for one in flaw.amendments] == [False]


def test_commands_and_prose_are_not_told_twice() -> None:
    diagnosis, _ = judge_declared([read("Run `pip install torch==2.6.0 torchvision==0.17.0` now.\n", "a.md")], MATRIX)
    assert [one.rule for one in diagnosis.findings] == [PAIR]


def test_histories_claim_nothing_by_their_prose() -> None:
    assert claims("- PyTorch 2.6 with CUDA 12.1\n", "docs/CHANGELOG.md") == []
