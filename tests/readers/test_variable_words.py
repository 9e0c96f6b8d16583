"""Environment variables where people set or show them."""

from __future__ import annotations

import pytest

from envdoctor.model.fact import Known
from envdoctor.probes.environment import VARIABLES
from envdoctor.readers.paste.written.variable_words import NAMES, variables_in


def test_the_allow_list_is_that_of_a_look_at_a_machine() -> None:
    assert set(NAMES) == set(VARIABLES)


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("export LD_LIBRARY_PATH=/usr/local/cuda/lib64:$LD_LIBRARY_PATH", "LD_LIBRARY_PATH",
         "/usr/local/cuda/lib64:$LD_LIBRARY_PATH"),
        ("CUDA_VISIBLE_DEVICES=0,3 python train.py --x", "CUDA_VISIBLE_DEVICES", "0,3"),
        ("env: export CUDA_VISIBLE_DEVICES = 1", "CUDA_VISIBLE_DEVICES", "1"),
        ("set CUDA_VISIBLE_DEVICES=-1", "CUDA_VISIBLE_DEVICES", "-1"),
        ("export CUDA_VISIBLE_DEVICES=", "CUDA_VISIBLE_DEVICES", ""),
        ('$env:CUDA_PATH = "C:\\CUDA\\v12.1"', "CUDA_PATH", "C:\\CUDA\\v12.1"),
        ("setenv CUDA_HOME /opt/cuda-11.8", "CUDA_HOME", "/opt/cuda-11.8"),
        ("ENV CUDA_HOME /usr/local/cuda", "CUDA_HOME", "/usr/local/cuda"),
        ("os.environ['CUDA_VISIBLE_DEVICES'] = '2'", "CUDA_VISIBLE_DEVICES", "2"),
        ("docker run -e NVIDIA_VISIBLE_DEVICES=void x", "NVIDIA_VISIBLE_DEVICES", "void"),
        ("fails with CUDA_VISIBLE_DEVICES=7", "CUDA_VISIBLE_DEVICES", "7"),
        ("works with CUDA_VISIBLE_DEVICES=0 but fails with CUDA_VISIBLE_DEVICES=1", "CUDA_VISIBLE_DEVICES", "1"),
        ("echo $CUDA_HOME -> /usr/local/cuda-12.1", "CUDA_HOME", "/usr/local/cuda-12.1"),
    ],
)  # fmt: skip
def test_a_variable_is_read_in_the_forms_of_shells_and_files(text: str, name: str, value: str) -> None:
    assert [(key, fact.value) for key, fact in variables_in(text, "") if isinstance(fact, Known)] == [
        (f"env.{name}", value)
    ]


def test_an_echo_is_answered_by_the_next_line() -> None:
    assert dict(variables_in("$ echo $LD_LIBRARY_PATH", "/opt/x/lib")) == {
        "env.LD_LIBRARY_PATH": Known("/opt/x/lib", "a shell")
    }


@pytest.mark.parametrize(
    "text",
    [
        "works with NCCL_P2P_DISABLE=1",
        "should I set CUDA_VISIBLE_DEVICES=0?",
        "export HF_TOKEN=hf_abcdefghijklmnopqrst",
        "MY_CUDA_HOME=/x",
        "export CUDA_HOME=$(dirname $(which nvcc))",
        "CUDA_VISIBLE_DEVICES changed inside the process has no effect",
    ],
)
def test_what_is_not_set_where_it_fails_states_nothing(text: str) -> None:
    assert list(variables_in(text, "")) == []


def test_a_credential_in_a_listed_value_is_taken_out() -> None:
    ((_, fact),) = variables_in("export UV_TORCH_BACKEND=https://me:secret@mirror.example/whl", "")
    assert isinstance(fact, Known)
    assert "secret" not in str(fact.value)
