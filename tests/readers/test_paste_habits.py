"""How people and logs write: messages that wrap, scripts without blanks, services of compose, machines that slept."""

from __future__ import annotations

import pytest

from envdoctor.readers.paste import error_texts
from envdoctor.readers.paste.cleaning import clean
from envdoctor.readers.paste.tools import host_tools
from envdoctor.readers.paste.written import prose, session
from paste_lines import lines_of, values_of


def _said(text: str) -> list[str]:
    return [" ".join(one.text.split()) for one in error_texts.read(lines_of(text)).said]


def test_a_message_that_a_log_wrapped_with_a_hanging_indent_is_one() -> None:
    text = (
        "17:22:50-122539 ERROR    Could not load torch: a version of cuDNN that is incompatible was\n"
        "                         found, and one possibility is a conflicting one in\n"
        "                         LD_LIBRARY_PATH."
    )
    assert _said(text)[0].endswith("a conflicting one in LD_LIBRARY_PATH.")


def test_a_message_that_was_wrapped_within_a_sentence_is_one() -> None:
    text = "RuntimeError: DataLoader worker (pid 47) is killed by signal: Bus\nerror. It may be that no room is\nleft."
    assert "signal: Bus error. It may be" in _said(text)[0]


def test_code_of_a_traceback_does_not_carry_on_a_message() -> None:
    text = "ERROR: it failed\n    raise RuntimeError('this cannot be')\nValueError: not found"
    assert _said(text)[0] == "ERROR: it failed raise RuntimeError('this cannot be')"


@pytest.mark.parametrize(
    "text",
    [
        "AMD GPU를 사용 중입니다",
        "AMDのGPUではなくAMD GPUです",
        "我用的是AMD Radeon RX 580显卡",
        "I have an AMD graphics card",
    ],
)
def test_gpus_of_amd_alone_are_no_nvidia_gpu_in_any_script(text: str) -> None:
    assert values_of(prose.read(lines_of(text)))["said.no_nvidia_gpu"] is True


@pytest.mark.parametrize("text", ["显卡是RTX3090显卡", "제 GPU는 RTX 3090입니다", "RTX3090です"])
def test_names_of_gpus_are_read_where_no_blank_stands_beside_them(text: str) -> None:
    assert "3090" in str(values_of(prose.read(lines_of(text)))["gpu.0.name"])


@pytest.mark.parametrize(
    "text",
    [
        "torch loses the GPU after suspend",
        "since the laptop woke up from sleep, cuda is gone",
        "after hibernating, no GPU",
    ],
)
def test_that_the_machine_slept_is_a_fact(text: str) -> None:
    assert values_of(prose.read(lines_of(text)))["said.after_suspend"] is True


@pytest.mark.parametrize(
    "text",
    [
        "when resuming from checkpoint the GPU runs out of memory",
        "the GPU idles after time.sleep(5)",
        "the gpu is fine",
    ],
)
def test_programs_that_sleep_and_resume_are_another_thing(text: str) -> None:
    assert "said.after_suspend" not in values_of(prose.read(lines_of(text)))


@pytest.mark.parametrize(
    ("text", "platform"),
    [("$ uname -m\naarch64", "linux-aarch64"), ("% uname -m\narm64", "macos-arm64"), ("arch\nx86_64", "linux-x86_64")],
)
def test_the_processor_is_the_answer_of_uname(text: str, platform: str) -> None:
    assert values_of(host_tools.read(lines_of(text)))["host.platform"] == platform


def test_a_word_alone_is_no_answer_of_uname() -> None:
    assert "host.platform" not in values_of(host_tools.read(lines_of("wheels for\naarch64")))


@pytest.mark.parametrize(
    "text", ["app_worker_1 exited with code 1", "web-1 exited with code 137", "started docker-compose up"]
)
def test_services_of_compose_run_in_containers(text: str) -> None:
    found = values_of(session.read(lines_of(text)))
    assert found["container.runtime"] == "docker"
    assert "said.container_gpus" not in found


def test_a_process_that_ended_is_no_service_of_compose() -> None:
    assert "container.runtime" not in values_of(session.read(lines_of("python exited with code 1")))


@pytest.mark.parametrize("name", ["[rank0]: ", "(RayWorkerVllm pid=5021) ", "(W rank=1 pid=7) "])
def test_the_name_of_a_process_before_a_line_is_taken_away(name: str) -> None:
    text = f'{name}  File "x.py", line 3, in f\n{name}RuntimeError: no\n'
    assert [line.text for line in clean(text)][:2] == ['  File "x.py", line 3, in f', "RuntimeError: no"]


@pytest.mark.parametrize("text", ["[rank of it]: 3", "(torch) $ python", "[1] 67900 IOT instruction", "(pid unknown)"])
def test_other_brackets_at_the_start_of_a_line_stay(text: str) -> None:
    assert [line.text for line in clean(text)] == [text]
