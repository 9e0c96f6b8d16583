"""Dockerfiles as declared cases: stages, variables, what a shell gets of a RUN, and where each word stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envdoctor.readers.declared.images.container_images import MOST, image_cases, images_in
from envdoctor.readers.declared.images.dockerfile import MOST_STAGES, read
from envdoctor.readers.declared.images.dockerfile_words import assignments, exec_form, filled

if TYPE_CHECKING:
    from envdoctor.model.declared import Case
    from envdoctor.model.declared_file import DeclaredFile

BASE = "FROM pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime\n"


def reading(text: str) -> DeclaredFile:
    return read(text, "Dockerfile")


def demands(case: Case) -> list[str]:
    return [f"{one.name}{one.specifier}" for one in case.requirements]


def only(text: str) -> Case:
    (case,) = reading(text).cases
    return case


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ("RUN pip install torch==2.6.0\n", ["torch==2.6.0"]),
        ("run pip install torch==2.6.0", ["torch==2.6.0"]),
        ("RUN --mount=type=cache,target=/c \\\n  --network=none \\\n  pip install torch==2.6.0\n", ["torch==2.6.0"]),
        ("RUN apt-get update && \\\n    # why\n\n    pip install \\\n  torch==2.6.0\n", ["torch==2.6.0"]),
        ('RUN ["pip", "install", "torch==2.6.0", "numpy>=2"]\n', ["torch==2.6.0", "numpy>=2"]),
        ('RUN ["/bin/bash", "-c", "pip install torch==2.6.0 && true"]\n', ["torch==2.6.0"]),
        ("RUN <<EOF\nset -e\npip install torch==2.6.0\nEOF\n", ["torch==2.6.0"]),
        ("RUN bash -ex <<'EOF'\npip install torch==2.6.0\nEOF\n", ["torch==2.6.0"]),
        ("RUN cat <<EOF > /f && pip install torch==2.6.0\npip install torch==1.0\nEOF\n", ["torch==2.6.0"]),
        ("RUN python <<EOF\npip install torch==1.0\nEOF\n", []),
        ("RUN <<EOF\n#!/usr/bin/env python3\npip install torch==1.0\nEOF\n", []),
        ("RUN <<EOF\n#!/bin/sh\npip install torch==2.6.0\nEOF\n", ["torch==2.6.0"]),
        ("# RUN pip install torch==1.0\n", []),
        ("COPY <<EOF /f\nRUN pip install torch==1.0\nEOF\n", []),
        ("CMD pip install torch==1.0\n", []),
        ("ENV V=2.6.0\nRUN pip install torch==$V\n", ["torch==2.6.0"]),
        ("ENV V 2.6.0\nRUN pip install torch==${V}\n", ["torch==2.6.0"]),
        ('ARG V="2.6.0"\nRUN pip install "torch==${V}"\n', ["torch==2.6.0"]),
        ("ARG V\nRUN pip install torch==$V\n", ["torchNone"]),
        (
            "RUN pip install torch==2.6.0\nRUN pip install torchvision==0.21.0\n",
            ["torch==2.6.0", "torchvision==0.21.0"],
        ),
    ],
)
def test_what_a_run_installs(run: str, expected: list[str]) -> None:
    case = only(BASE + run)
    assert demands(case) == expected
    assert case.base is not None
    assert case.base.reference == "pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime"


def test_words_stand_where_they_are_written() -> None:
    text = (
        BASE + 'RUN --mount=type=cache,target=/c pip install \\\n    torch==2.6.0\nRUN ["pip", "install", "numpy>=2"]\n'
    )
    lines = text.split("\n")
    for one in only(text).requirements:
        assert lines[one.place.line - 1][one.place.column - 1 :].startswith(one.written)


def test_the_sign_of_continued_lines_may_be_another() -> None:
    text = "# escape=`\nFROM a:1\nRUN pip install `\n  torch==2.6.0\n"
    assert demands(only(text)) == ["torch==2.6.0"]


def test_an_index_in_the_environment_holds_for_what_follows() -> None:
    text = BASE + "ENV PIP_INDEX_URL=https://me:secret@mirror.example/whl/cu121\nRUN pip install torch==2.6.0\n"
    (index,) = only(text).indexes
    assert index.url == "https://mirror.example/whl/cu121"
    assert index.place.line == 2


def test_a_stage_holds_what_it_starts_from() -> None:
    text = "FROM a:1 AS build\nRUN pip install torch==2.6.0\nFROM build\nRUN pip install torchvision==0.21.0\n"
    case = only(text)
    assert demands(case) == ["torch==2.6.0", "torchvision==0.21.0"]
    assert case.label == "stage 1"


def test_stages_beside_one_another_do_not_mix() -> None:
    text = (
        "FROM a:1 AS base\nRUN pip install torch==2.6.0\n"
        "FROM base AS one\nRUN pip install torchvision==0.21.0\nFROM base AS two\nRUN pip install torchvision==0.20.0\n"
    )
    assert [demands(case)[1:] for case in reading(text).cases] == [["torchvision==0.21.0"], ["torchvision==0.20.0"]]


def test_an_argument_before_the_first_from_names_the_image_where_it_stands() -> None:
    case = only("ARG BASE=nvidia/cuda:12.1-devel-ubuntu22.04\nFROM ${BASE}\n")
    assert case.base is not None
    assert (case.base.reference, case.base.place.line, case.base.place.column) == (
        "nvidia/cuda:12.1-devel-ubuntu22.04",
        1,
        10,
    )


@pytest.mark.parametrize("start", ["FROM $BASE\n", "ARG BASE\nFROM $BASE\n", "FROM scratch\n"])
def test_an_image_that_nobody_names_is_open(start: str) -> None:
    assert [case.base for case in reading(start + "RUN pip install torch\n").cases] == [None]


def test_arguments_put_a_tag_together() -> None:
    case = only("ARG CUDA=12.1\nARG OS=ubuntu22.04\nFROM nvidia/cuda:${CUDA}.0-devel-${OS} AS b\n")
    assert case.base is not None
    assert case.base.reference == "nvidia/cuda:12.1.0-devel-ubuntu22.04"
    assert case.base.written == "nvidia/cuda:${CUDA}.0-devel-${OS}"


@pytest.mark.parametrize(
    ("image", "run", "pythons"),
    [
        ("python:3.12-slim", "pip install torch", ["==3.12.*"]),
        ("python:3.11.9", "pip install torch", ["==3.11.*"]),
        ("docker.io/library/python:3.13", "pip install torch", ["==3.13.*"]),
        ("ghcr.io/astral-sh/uv:python3.12-bookworm-slim", "uv pip install torch", ["==3.12.*"]),
        ("python:3.12-slim", "conda install pytorch", []),
        ("python:3-slim", "pip install torch", []),
        ("me/python:3.12", "pip install torch", []),
    ],
)
def test_the_python_of_an_image_by_its_name(image: str, run: str, pythons: list[str]) -> None:
    assert [one.specifier for one in only(f"FROM {image}\nRUN {run}\n").pythons] == pythons


def test_platforms_and_what_is_copied_from_an_image() -> None:
    copies = "COPY --from=nvidia/cuda:12.1.1-base-ubuntu22.04 /a /b\nCOPY --from=x /a /b\n"
    text = f"FROM --platform=linux/arm64 a:1 AS x\n{copies}"
    stage, copied = reading(text).cases
    assert stage.platform == "linux-aarch64"
    assert copied.base is not None
    assert copied.base.place == (("Dockerfile"), 2, 13, 0)


def test_how_the_container_is_run() -> None:
    text = 'FROM a:1 AS b\nUSER me\nENV A=1\nFROM b\nEXPOSE 22 80/udp 8080/tcp\nENTRYPOINT ["x", "y"]\nCMD z z\n'
    (spec,) = reading(text).containers
    assert spec.user is not None
    assert (spec.user.text, spec.final, spec.published, spec.started) == ("me", True, (22, 8080), ("x", "y", "z z"))
    assert spec.variable("A") == "1"
    assert spec.command is not None
    assert spec.command.shell


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("", "there is no FROM in it"),
        ("hello\n", "there is no FROM in it"),
        (BASE + "RUN pip install torch==2.6.0\nRUN <<EOF\n", "the here-document EOF does not end"),
        ("FROM a\n" * (MOST_STAGES + 1), f"only its first {MOST_STAGES} stages were read"),
        (BASE + "\n" * 30_000, "only its first 20000 lines were read"),
    ],
)
def test_a_file_that_is_not_read_to_its_end_says_so(text: str, trouble: str) -> None:
    assert reading(text).trouble == trouble


def test_what_stands_before_the_trouble_is_read() -> None:
    assert demands(only(BASE + "RUN pip install torch==2.6.0\nRUN <<EOF\n")) == ["torch==2.6.0"]


@pytest.mark.parametrize(
    "text",
    [
        "FROM a\nENV A=x\n" + "ENV A=$A$A\n" * 60,
        "FROM a\nRUN " + "--a " * 50_000,
        "FROM a\nRUN [" + '"a",' * 50_000,
        "FROM a\nRUN " + "[" * 50_000,
        "FROM " + "$" * 50_000,
        "FROM " + "${" * 50_000,
        "".join(f"FROM s{number} AS s{number + 1}\n" for number in range(5000)),
        "FROM a AS b\nRUN pip install torch\n" + "FROM b\n" * 5000,
        "FROM nvidia/cuda:12.1" + "-cudnn8" * 5000,
        "FROM a\nRUN \x00\x1b]8;;\x07",
    ],
)
def test_hostile_text_ends(text: str) -> None:
    found = reading(text)
    assert len(found.cases) <= 2 * MOST_STAGES


def test_variables() -> None:
    known = {"A": "1", "B": ""}
    assert filled("x$A-${A}-${C:-d}-${B:-e}-${B-f}-${A:+g}-${C+h}", known) == "x1-1-d-e--g-"
    assert filled("\\$A", known) == "$A"
    assert filled("$C", known) is None
    assert filled("${A%1}", known) is None
    assert filled("$A" * 5000, known) is None
    assert [*assignments('A=1 B="two words" C')] == [("A", "1"), ("B", "two words")]
    assert exec_form('["a", 1]') is None
    assert exec_form('["a", "b"]') == ("a", "b")


def test_images_in_any_text() -> None:
    text = (
        "Run it:\n  docker run --gpus all nvidia/cuda:12.1-base-ubuntu22.04 nvidia-smi\n"
        "image: 'docker.io/pytorch/pytorch:2.7.0-cuda11.8-cudnn8-runtime'\n"
        "See https://hub.docker.com/r/nvidia/cuda and nvidia/cuda:${TAG}, nvidia/cuda:12.1.${X}.\n"
        "It starts from nvcr.io/nvidia/pytorch:24.01-py3.\n"
    )
    found = [*images_in(text, "README.md", 10)]
    assert [(one.reference, one.place.line) for one in found] == [
        ("nvidia/cuda:12.1-base-ubuntu22.04", 11),
        ("docker.io/pytorch/pytorch:2.7.0-cuda11.8-cudnn8-runtime", 12),
        ("nvcr.io/nvidia/pytorch:24.01-py3", 14),
    ]
    lines = text.split("\n")
    for one in found:
        assert lines[one.place.line - 10][one.place.column - 1 :].startswith(one.written)
    assert len([*images_in("nvidia/cuda:1 " * (MOST + 5), "x")]) == MOST


def test_images_of_a_script() -> None:
    text = "# docker run nvidia/cuda:12.1-base\nIMAGE=nvidia/cuda:12.1.1-base-ubi9\ndocker run $IMAGE\n"
    (case,) = image_cases(text, "run.sh")
    assert case.base is not None
    assert (case.base.reference, case.base.place) == ("nvidia/cuda:12.1.1-base-ubi9", ("run.sh", 2, 7, 0))


@pytest.mark.parametrize("name", ["ENV", "ARG", "RUN", "COPY", "USER", "EXPOSE", "SHELL", "CMD", "ENTRYPOINT"])
def test_an_instruction_without_words(name: str) -> None:
    assert only(f"FROM python:3.12\n{name}\nRUN pip install torch==2.7.0\n").requirements
