"""Names that the pinned release no longer has, in code of articles, scripts, Dockerfiles and notebooks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from envdoctor.diagnose.declared import judge_declared
from envdoctor.matrix.load import load_matrix
from envdoctor.model.finding import Severity
from envdoctor.readers.declared.commands import shell
from envdoctor.readers.declared.images import dockerfile
from envdoctor.readers.declared.texts import markdown, notebook
from envdoctor.rules.declared.api_names import GONE

if TYPE_CHECKING:
    from envdoctor.model.declared_file import DeclaredFile

MATRIX = load_matrix()


def told(file: DeclaredFile) -> list[tuple[int, str]]:
    diagnosis, _ = judge_declared([file], MATRIX, select=("api-removed",))
    assert all(one.severity is Severity.NOTE for one in diagnosis.findings)
    return [(one.location.line if one.location else 0, one.message) for one in diagnosis.findings]


def article(pins: str, *code: str) -> DeclaredFile:
    lines = "\n".join(code)
    return markdown.read(f"```\npip install {pins}\n```\n\n```python\n{lines}\n```\n", "post.md")


@pytest.mark.parametrize(
    ("pins", "code", "says"),
    [
        ("torch==2.9.0", "import torch.distributed.launch", "deprecated in torch 2.9.0"),
        ("torch==2.6.0", "with torch.cuda.amp.autocast():", "torch.amp.autocast"),
        ("torch==2.6.0", "from torch.cuda.amp import GradScaler, autocast", "torch.amp.GradScaler"),
        ("torch==2.1.0", "from torch._six import string_classes", "gone since 2.0.0"),
        ("torchvision==0.17.0", "import torchvision.transforms.functional_tensor as F", "gone since 0.17.0"),
        ("torchvision==0.20.0", "torchvision.models.resnet50(pretrained=True)", "weights"),
        ("torchaudio==2.9.0", "torchaudio.set_audio_backend('sox_io')", "torchaudio 2.9.0"),
        ("albumentations==1.4.0", "albumentations.IAAPerspective()", "gone since 1.4.0"),
        ("albumentations==2.0.8", "albumentations.RandomResizedCrop(height=2, width=2)", "size=(height, width)"),
    ],
)
def test_a_name_that_the_pinned_release_lost(pins: str, code: str, says: str) -> None:
    found = told(article(pins, code))
    assert found
    assert all(line == 6 for line, _ in found)
    assert any(says in message for _, message in found), found


@pytest.mark.parametrize(
    ("pins", "code"),
    [
        ("torch==2.3.1", "with torch.cuda.amp.autocast():"),
        ("torch==1.13.1", "from torch._six import string_classes"),
        ("torch", "with torch.cuda.amp.autocast():"),
        ("torch>=2.6", "with torch.cuda.amp.autocast():"),
        ("torchvision==0.16.2", "import torchvision.transforms.functional_tensor"),
        ("torchvision==0.20.0", "torchvision.models.resnet50(pretrained=False)"),
        ("torchvision==0.20.0", "timm.create_model('resnet50', pretrained=True)"),
        ("torchvision==0.20.0", "# torchvision.models.resnet50(pretrained=True)"),
        ("torchaudio==2.8.0", "torchaudio.info('a.wav')"),
        ("torchaudio==2.9.0", "torchaudio.load('a.wav')"),
        ("albumentations==1.3.1", "albumentations.Cutout()"),
        ("albumentations==2.0.8", "albumentations.HorizontalFlip()"),
        ("albumentations==2.0.8", "albumentations.RandomResizedCrop(size=(2, 2))"),
        ("numpy==1.26.4", "torch.cuda.amp.autocast()"),
    ],
)
def test_what_the_release_has_or_the_file_does_not_pin_is_silent(pins: str, code: str) -> None:
    assert told(article(pins, code)) == []


def test_imports_give_names_their_meaning() -> None:
    found = told(
        article(
            "torchvision==0.24.0 albumentations==2.0.8",
            "import albumentations as A",
            "from torchvision import models as zoo",
            "pipeline = A.Compose([A.Cutout(), A.GaussNoise(var_limit=3)])",
            "net = zoo.resnet18(pretrained=True)",
        )
    )
    assert [line for line, _ in found] == [8, 8, 9]


def test_a_library_pinned_twice_and_differently_is_left_open() -> None:
    text = (
        "```\npip install torch==2.0.0\n```\n```\npip install torch==2.6.0\n```\n```\ntorch.cuda.amp.autocast()\n```\n"
    )
    assert told(markdown.read(text, "post.md")) == []


def test_a_command_of_a_script_and_of_a_dockerfile() -> None:
    script = "pip install torch==2.6.0\npython -m torch.distributed.launch train.py\n"
    assert [line for line, _ in told(shell.read(script, "run.sh"))] == [2]
    image = 'FROM pytorch/pytorch:2.7.0-cuda12.8-cudnn9-runtime\nCMD ["python", "-m", "torch.distributed.launch"]\n'
    assert [line for line, _ in told(dockerfile.read(image, "Dockerfile"))] == [2]


def test_a_cell_of_a_notebook() -> None:
    source = ["!pip install torchaudio==2.9.0\n", "import torchaudio\n", "torchaudio.info('a.wav')"]
    text = json.dumps({"cells": [{"cell_type": "code", "source": source}]}, indent=1)
    ((line, _),) = told(notebook.read(text, "a.ipynb"))
    assert "torchaudio.info" in text.split("\n")[line - 1]


def test_every_row_names_its_source_and_what_to_take() -> None:
    assert all(one.source and one.instead and one.since for one in GONE)
    assert all(bool(one.seen) is one.deprecated for one in GONE)
