"""Compose files: images, what a command installs, and how a container is run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envdoctor.readers.declared.images.compose import read

if TYPE_CHECKING:
    from envdoctor.model.declared_container import ContainerSpec

IMAGE = "pytorch/pytorch:2.7.0-cuda12.6-cudnn9-runtime"


def service(body: str) -> ContainerSpec:
    text = f"services:\n  web:\n    image: {IMAGE}\n" + "".join(f"    {line}\n" for line in body.splitlines())
    (spec,) = read(text, "compose.yaml").containers
    return spec


def test_an_image_with_its_place() -> None:
    (case,) = read(f"services:\n  web:\n    image: '{IMAGE}'\n", "compose.yaml").cases
    assert case.base is not None
    assert (case.base.reference, case.base.place) == (IMAGE, ("compose.yaml", 3, 13, 0))
    assert case.label == "service web"


@pytest.mark.parametrize(
    ("line", "reference"),
    [
        ("image: nvidia/cuda:${TAG:-12.1-devel-ubuntu22.04}", "nvidia/cuda:12.1-devel-ubuntu22.04"),
        ("image: nvidia/cuda:${TAG}", None),
        ("image: me/app\n    build: .", None),
        ("build: .", None),
        ("image: [a]", None),
    ],
)
def test_an_image_that_is_open(line: str, reference: str | None) -> None:
    found = read(f"services:\n  web:\n    {line}\n", "compose.yaml").containers[0].image
    assert (found.reference if found else None) == reference


@pytest.mark.parametrize(
    ("body", "asks"),
    [
        ("gpus: all", True),
        ("runtime: nvidia", True),
        ("runtime: runc", False),
        ("deploy:\n  resources:\n    reservations:\n      devices:\n        - capabilities: [gpu]", True),
        ("deploy:\n  resources:\n    limits:\n      memory: 8g", False),
        ("devices:\n  - nvidia.com/gpu=all", True),
        ("devices:\n  - /dev/kfd", True),
        ("devices:\n  - /dev/ttyUSB0", False),
        ("extends:\n  file: gpu.yaml\n  service: gpu", True),
        ("command: python x.py", False),
    ],
)
def test_a_request_for_a_gpu(body: str, asks: bool) -> None:
    assert (service(body).gpu is not None) is asks


@pytest.mark.parametrize(
    ("body", "shm"),
    [
        ("shm_size: 8gb", "8gb"),
        ("shm_size: '${SHM:-2gb}'", "2gb"),
        ("tmpfs:\n  - /dev/shm:size=8g", "/dev/shm:size=8g"),
        ("volumes:\n  - type: tmpfs\n    target: /dev/shm", "/dev/shm"),
        ("volumes:\n  - ./a:/a", None),
    ],
)
def test_shared_memory(body: str, shm: str | None) -> None:
    spec = service(body)
    assert (spec.shm_size.text if spec.shm_size else None) == shm


def test_how_it_is_run() -> None:
    spec = service(
        "ipc: host\nuser: root\nports:\n  - '127.0.0.1:8080:80'\n  - target: 22\n  - 9000\n"
        "environment:\n  A: 1\ncommand: torchrun --nproc-per-node 4 'my train.py'"
    )
    assert spec.host_ipc
    assert spec.user is not None
    assert (spec.user.text, spec.published, spec.environment) == ("root", (80, 22, 9000), (("A", "1"),))
    assert spec.started == ("torchrun", "--nproc-per-node", "4", "my train.py")


@pytest.mark.parametrize(
    "command",
    [
        'command: bash -c "pip install torchvision==0.18.0 && python x.py"',
        "command: >\n  bash -c 'pip install torchvision==0.18.0\n  && python x.py'",
        "command:\n  - bash\n  - -c\n  - |\n    set -e\n    pip install torchvision==0.18.0\n    python x.py",
        "command: ['pip', 'install', 'torchvision==0.18.0']",
        "entrypoint: pip install torchvision==0.18.0",
    ],
)
def test_what_a_command_installs_stands_on_the_image(command: str) -> None:
    body = "".join(f"    {line}\n" for line in command.splitlines())
    (case,) = read(f"services:\n  web:\n    image: {IMAGE}\n{body}", "compose.yaml").cases
    assert [(one.name, one.specifier) for one in case.requirements] == [("torchvision", "==0.18.0")]
    assert case.base is not None
    assert case.base.reference == IMAGE


def test_what_is_merged_in_counts() -> None:
    text = f"x-gpu: &gpu\n  gpus: all\nservices:\n  web:\n    <<: *gpu\n    image: {IMAGE}\n"
    assert read(text, "c").containers[0].gpu is not None


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("", "there are no services in it"),
        ("services: {}\n", "there are no services in it"),
        ("services: 5\n", "there are no services in it"),
        ("a: [\n", "it is no YAML"),
        ("a: &a [*a, *a]\nservices:\n  w: *a\n", None),
        ("[" * 100, "nested"),
    ],
)
def test_a_file_that_is_none(text: str, trouble: str | None) -> None:
    found = read(text, "compose.yaml").trouble
    assert (trouble is None and found is None) or (trouble is not None and found is not None and trouble in found)
