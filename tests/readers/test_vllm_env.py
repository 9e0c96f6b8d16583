"""vLLM's report: PyTorch's keys, padded, and the variables of the environment at its end."""

from __future__ import annotations

from envdoctor.model.fact import Known
from envdoctor.probes.environment import VARIABLES
from envdoctor.readers.paste.cleaning import clean
from envdoctor.readers.paste.environment import collect_env, vllm_env

PASTE = """==============================
        System Info
==============================
OS                           : Ubuntu 22.04.5 LTS (x86_64)

==============================
       PyTorch Info
==============================
PyTorch version              : 2.7.0+cu128
Is debug build               : False
CUDA used to build PyTorch   : 12.8

==============================
       CUDA / GPU Info
==============================
Is CUDA available            : True
GPU models and configuration :
GPU 0: NVIDIA L4
GPU 1: NVIDIA L4

Nvidia driver version        : 570.86.15

==============================
         vLLM Info
==============================
vLLM Version                 : 0.9.1
vLLM Build Flags:
  CUDA Archs: Not Set; ROCm: Disabled; Neuron: Disabled
GPU Topology:
  GPU0 GPU1 CPU Affinity

==============================
     Environment Variables
==============================
LD_LIBRARY_PATH=/usr/local/cuda/lib64:/opt/lib
CUDA_VISIBLE_DEVICES=1
NCCL_CUMEM_ENABLE=0
PYTORCH_CUDA_ALLOC_CONF=https://me:word@mirror.example
VLLM_USE_V1=1
"""


def test_padded_keys_are_those_of_pytorch() -> None:
    found = {one.name: one.fact.value for one in collect_env.read(clean(PASTE)).stated if isinstance(one.fact, Known)}
    assert found["torch.version"] == "2.7.0+cu128"
    assert found["torch.cuda"] == "12.8"
    assert found["host.version"] == "ubuntu 22.04"
    assert (found["gpu.1.name"], found["gpu.count"], found["driver.version"]) == ("NVIDIA L4", 2, "570.86.15")


def test_variables() -> None:
    reading = vllm_env.read(clean(PASTE))
    assert {one.name: one.fact.value for one in reading.stated if isinstance(one.fact, Known)} == {
        "env.LD_LIBRARY_PATH": "/usr/local/cuda/lib64:/opt/lib",
        "env.CUDA_VISIBLE_DEVICES": "1",
        "env.PYTORCH_CUDA_ALLOC_CONF": "https://mirror.example",
    }
    assert {one.name: one.line for one in reading.stated}["env.CUDA_VISIBLE_DEVICES"] == 36


def test_an_assignment_elsewhere_is_not_vllms() -> None:
    assert vllm_env.read(clean("CUDA_VISIBLE_DEVICES=1\nLD_LIBRARY_PATH=/usr/lib")).stated == ()


def test_only_variables_that_are_facts() -> None:
    assert set(VARIABLES) >= vllm_env.VARIABLES
