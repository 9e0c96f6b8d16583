"""Whether it happens in a container, in which image, and with GPUs or without."""

from __future__ import annotations

import pytest

from envdoctor.model.fact import Known
from envdoctor.readers.paste.written.container_words import container_facts
from paste_lines import lines_of


def _told(text: str) -> dict[str, object]:
    return {
        one.name: one.fact.value for one in container_facts(lines_of(text), 100, "x") if isinstance(one.fact, Known)
    }


@pytest.mark.parametrize(
    ("text", "runtime"),
    [
        ("root@0123456789ab:/workspace# nvidia-smi", "docker"),
        ("this happens inside the docker container", "docker"),
        ("works on the host, but not in the container", "docker"),
        ("started from image someone/trainer:2.1-cuda12", "docker"),
        ("It runs in a pod", "kubernetes"),
        ("kubectl exec -it trainer -- bash", "kubernetes"),
        ("singularity exec image.sif python x.py", "singularity"),
        ("- docker, RTX 4080", "docker"),
        ("WARNING: The NVIDIA Driver was not detected.  GPU functionality will not be available.", "docker"),
    ],
)
def test_words_prompts_and_banners_tell_the_runtime(text: str, runtime: str) -> None:
    assert _told(text)["container.runtime"] == runtime


@pytest.mark.parametrize(
    "text",
    [
        "it works in the docker container",
        "not in docker, on the bare machine",
        "outside the container it hangs",
        "should I try it in a container?",
        "built from the project Dockerfile",
        "the DataContainer class of mmcv",
        "user@workstation:~$ ls",
    ],
)
def test_what_does_not_happen_in_one_states_none(text: str) -> None:
    assert _told(text) == {}


def test_the_command_tells_image_and_gpus() -> None:
    with_gpus = _told("docker run --rm --gpus all -it nvcr.io/nvidia/pytorch:24.05-py3 bash")
    assert with_gpus == {
        "said.container_gpus": True,
        "container.runtime": "docker",
        "said.image": "nvcr.io/nvidia/pytorch:24.05-py3",
    }
    assert _told("docker run -it someone/trainer:1 bash")["said.container_gpus"] is False
    assert _told("nvidia-docker run -it someone/trainer:1 bash")["said.container_gpus"] is True
    assert _told("singularity shell --nv x.sif")["said.container_gpus"] is True
