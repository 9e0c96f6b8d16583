"""What Dockerfiles and compose files say of how containers are built and run: notes, and silence about the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envdoctor.diagnose.declared import judge_declared
from envdoctor.matrix.load import load_matrix
from envdoctor.readers.declared.images import compose, dockerfile

if TYPE_CHECKING:
    from envdoctor.model.declared import Flaw

MATRIX = load_matrix()
RULES = (
    "compiler-not-in-image",
    "dev-shm-too-small",
    "no-gpu-in-container",
    "open-ssh",
    "runs-as-root",
    "shell-form-entrypoint",
)
RUNTIME = "FROM pytorch/pytorch:2.7.0-cuda12.6-cudnn9-runtime\n"
DEVEL = "FROM pytorch/pytorch:2.7.0-cuda12.6-cudnn9-devel\n"


def found(text: str) -> list[Flaw]:
    reader = compose if text.startswith("services:") else dockerfile
    diagnosis, flaws = judge_declared([reader.read(text, "file")], MATRIX, select=RULES)
    assert diagnosis.crashed == ()
    return list(flaws)


def said(text: str) -> list[str]:
    return [f"{one.finding.severity.word} {one.finding.rule}" for one in found(text)]


@pytest.mark.parametrize(
    "run",
    [
        "RUN pip install flash-attn --no-build-isolation\n",
        "RUN uv pip install flash-attn==2.8.3 --no-build-isolation\n",
        "RUN pip install -v git+https://git.example/nvidia/apex\n",
        "RUN pip install mamba-ssm causal-conv1d\n",
        "RUN FORCE_CUDA=1 pip install .\n",
        "ENV FORCE_CUDA=1\nRUN pip install .\n",
        'RUN CMAKE_ARGS="-DGGML_CUDA=on" pip install llama-cpp-python\n',
        "RUN cd /src && nvcc -o a a.cu\n",
    ],
)
def test_what_is_compiled_needs_a_compiler(run: str) -> None:
    assert said(RUNTIME + run) == ["warning compiler-not-in-image"]
    assert said(DEVEL + run) == []


def test_the_image_with_the_compiler_is_named() -> None:
    (flaw,) = found("FROM nvidia/cuda:12.6.3-base-ubuntu24.04\nRUN pip install flash-attn --no-build-isolation\n")
    (change,) = flaw.amendments
    assert change.new == "nvidia/cuda:12.6.3-devel-ubuntu24.04"
    assert not change.safe


@pytest.mark.parametrize(
    "rest",
    [
        "RUN pip install torch torchvision\n",
        "RUN pip install apex\n",
        "RUN pip install .\n",
        "RUN python setup.py install\n",
        "RUN nvcc --version || true\n",
        "RUN apt-get install -y cuda-nvcc-12-6\nRUN pip install flash-attn --no-build-isolation\n",
        "RUN conda install -c nvidia cuda-toolkit && pip install flash-attn --no-build-isolation\n",
        "COPY --from=build /usr/local/cuda /usr/local/cuda\nRUN pip install flash-attn\n",
        "ENV FLASH_ATTENTION_SKIP_CUDA_BUILD=TRUE\nRUN pip install flash-attn\n",
        "RUN pip install https://wheels.example/flash_attn-2.8.3-cp311-cp311-linux_x86_64.whl\n",
    ],
)
def test_what_is_not_compiled_or_has_its_compiler_is_no_finding(rest: str) -> None:
    assert said(RUNTIME + rest) == []


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("ENTRYPOINT python serve.py\n", ["note shell-form-entrypoint"]),
        ("ENTRYPOINT exec python serve.py\n", []),
        ('ENTRYPOINT ["python", "serve.py"]\n', []),
        ("CMD python serve.py\n", []),
        ('EXPOSE 8000\nCMD ["python", "serve.py"]\n', ["note runs-as-root"]),
        ('EXPOSE 8000\nUSER root\nCMD ["python", "serve.py"]\n', ["note runs-as-root"]),
        ('EXPOSE 8000\nUSER app\nCMD ["python", "serve.py"]\n', []),
        ('EXPOSE 8000\nUSER 1000:1000\nCMD ["python", "serve.py"]\n', []),
        ('EXPOSE 8000\nENTRYPOINT ["/docker-entrypoint.sh"]\n', []),
        ('CMD ["python", "train.py"]\n', []),
        ('USER app\nEXPOSE 22\nCMD ["/usr/sbin/sshd", "-D"]\n', ["note open-ssh"]),
        ("USER app\nEXPOSE 22\n", ["note open-ssh"]),
        ("RUN apt-get install -y openssh-client\n", []),
    ],
)
def test_notes_on_an_image(rest: str, expected: list[str]) -> None:
    assert said(DEVEL + rest) == expected


def test_of_what_computes_nothing_we_do_not_speak() -> None:
    assert said("FROM node:22\nEXPOSE 22 80\nENTRYPOINT npm start\n") == []


def test_the_list_for_a_simple_entrypoint() -> None:
    (flaw,) = found(DEVEL + "ENTRYPOINT python serve.py --port 80\n")
    assert [one.new for one in flaw.amendments] == ['["python", "serve.py", "--port", "80"]']
    (flaw,) = found(DEVEL + "ENTRYPOINT cd /app && python serve.py $PORT\n")
    assert flaw.amendments == ()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("command: python train.py", ["note no-gpu-in-container"]),
        ("gpus: all", []),
        ("environment: [NVIDIA_VISIBLE_DEVICES=all]", []),
        ("gpus: all\ncommand: torchrun --nproc-per-node=4 train.py", ["warning dev-shm-too-small"]),
        ("gpus: all\ncommand: vllm serve m --tensor-parallel-size 2", ["warning dev-shm-too-small"]),
        ("gpus: all\ncommand: python train.py --num-workers 8", ["note dev-shm-too-small"]),
        ("gpus: all\nshm_size: 64m\ncommand: python train.py --num-workers 8", ["note dev-shm-too-small"]),
        ("gpus: all\nshm_size: 8gb\ncommand: torchrun --nproc-per-node=4 train.py", []),
        ("gpus: all\nipc: host\ncommand: torchrun --nproc-per-node=4 train.py", []),
        ("gpus: all\ncommand: torchrun --nproc-per-node=1 train.py", []),
        ("gpus: all\ncommand: python train.py --num-workers 0", []),
        ("gpus: all\ncommand: gunicorn app --workers 4", []),
        ("gpus: all\nuser: root\nports: ['8000:8000']\ncommand: python s.py", ["note runs-as-root"]),
        ("gpus: all\nports: ['8000:8000']\ncommand: python s.py", []),
        ("gpus: all\nports: ['2222:22']", ["note open-ssh"]),
    ],
)
def test_notes_on_a_service(body: str, expected: list[str]) -> None:
    image = "nvcr.io/nvidia/pytorch:24.01-py3"
    text = f"services:\n  web:\n    image: {image}\n" + "".join(f"    {line}\n" for line in body.splitlines())
    assert said(text) == expected


def test_a_service_without_cuda_needs_no_gpu() -> None:
    assert said("services:\n  db:\n    image: postgres:17\n    ports: ['5432:5432']\n    user: root\n") == []
