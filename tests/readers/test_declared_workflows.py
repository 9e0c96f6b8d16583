"""Workflows of continuous integration."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from envdoctor.readers.declared.commands import workflows

if TYPE_CHECKING:
    from envdoctor.model.declared import Case

WHEELS = "https://download.pytorch.org/whl"


def cases(text: str) -> tuple[Case, ...]:
    declared = workflows.read(dedent(text), "ci.yml")
    assert declared.trouble is None
    return declared.cases


def found(text: str) -> list[tuple[str, ...]]:
    """Of every case: its demands, its Python, its platform."""
    return [
        (
            *(f"{one.name}{one.specifier}" for one in case.requirements),
            *(wish.specifier for wish in case.pythons),
            case.platform,
        )
        for case in cases(text)
    ]


def test_a_matrix_gives_a_case_for_every_combination_that_it_makes() -> None:
    text = """
        on: [push]
        jobs:
          test:
            runs-on: ${{ matrix.os }}
            strategy:
              matrix:
                os: [ubuntu-latest, windows-2022]
                python: ["3.10", "3.13"]
                torch: ["2.4.1"]
                exclude:
                  - {os: windows-2022, python: "3.13"}
                  - {os: ubuntu-latest, python: "3.13"}
                include:
                  - {os: ubuntu-latest, python: "3.13", torch: "2.7.0"}
            steps:
              - uses: actions/setup-python@v5
                with:
                  python-version: ${{ matrix.python }}
              - run: pip install torch==${{ matrix.torch }}
        """
    assert found(text) == [
        ("torch==2.4.1", "==3.10.*", "linux-x86_64"),
        ("torch==2.4.1", "==3.10.*", "windows-x86_64"),
        ("torch==2.7.0", "==3.13.*", "linux-x86_64"),
    ]
    assert "python=3.13" in cases(text)[2].label


def test_an_included_value_joins_the_combinations_it_changes_nothing_of() -> None:
    text = """
        jobs:
          test:
            strategy:
              matrix:
                torch: ["2.6.0", "2.7.0"]
                include:
                  - {torch: "2.6.0", vision: "0.21.0"}
                  - {torch: "2.7.0", vision: "0.22.0"}
            steps:
              - run: pip install torch==${{ matrix.torch }} torchvision==${{ matrix.vision }}
        """
    assert found(text) == [("torch==2.6.0", "torchvision==0.21.0", ""), ("torch==2.7.0", "torchvision==0.22.0", "")]


def test_values_may_be_mappings_and_a_matrix_may_be_nothing_but_includes() -> None:
    text = """
        jobs:
          a:
            strategy: {matrix: {set: [{torch: "2.6.0", cuda: cu126}]}}
            steps:
              - run: pip install torch==${{ matrix.set.torch }}+${{ matrix.set.cuda }}
          b:
            strategy: {matrix: {include: [{torch: "2.5.0"}, {torch: "2.4.0"}]}}
            steps:
              - run: pip install torch==${{matrix.torch}}
          c:
            strategy: {matrix: "${{ fromJson(needs.a.outputs.m) }}"}
            steps:
              - run: pip install torch==${{ matrix.torch }}
        """
    assert found(text) == [("torch==2.6.0+cu126", ""), ("torch==2.5.0", ""), ("torch==2.4.0", ""), ("torchNone", "")]


def test_defaults_of_inputs_are_filled_in_at_the_place_of_the_command() -> None:
    text = """
        inputs:
          torch: {default: "2.7.0"}
          cuda: {default: cu126}
        runs:
          using: composite
          steps:
            - run: |
                echo install

                pip install torch==${{ inputs.torch }} --index-url WHEELS/${{ inputs.cuda }}
              shell: bash
        """.replace("WHEELS", WHEELS)
    (case,) = cases(text)
    (torch,) = case.requirements
    assert (torch.specifier, torch.written) == ("==2.7.0", "torch==${{ inputs.torch }}")
    line = dedent(text).split("\n")[torch.place.line - 1]
    assert line[torch.place.column - 1 :].startswith(torch.written)
    assert case.indexes[0].url == f"{WHEELS}/cu126"


@pytest.mark.parametrize(
    "script",
    [
        "run: pip install torch==2.7.0 torchvision==0.22.0",
        'run: "pip install torch==2.7.0 torchvision==0.22.0"',
        "run: >-\n          pip install torch==2.7.0\n          torchvision==0.22.0",
        "run: |\n          pip install torch==2.7.0 \\\n            torchvision==0.22.0\n          true",
        "run: pip install torch==2.7.0\n          torchvision==0.22.0",
        "run: |\n          pip install torch==2.7.0\n      - run: pip install torchvision==0.22.0",
    ],
)
def test_places_hold_in_every_style_of_text(script: str) -> None:
    text = f"jobs:\n  a:\n    steps:\n      - {script}\n"
    (case,) = workflows.read(text, "ci.yml").cases
    assert [one.specifier for one in case.requirements] == ["==2.7.0", "==0.22.0"]
    for one in case.requirements:
        assert text.split("\n")[one.place.line - 1][one.place.column - 1 :].startswith(one.written)


def test_a_condition_that_cannot_be_told_makes_a_branch() -> None:
    text = """
        jobs:
          a:
            strategy: {matrix: {device: [cpu, gpu]}}
            steps:
              - run: pip install torch==2.6.0
                if: matrix.device == 'cpu'
              - run: pip install torch==2.7.0
                if: ${{ matrix.device != 'cpu' }}
              - run: pip install torchvision==0.9.0
                if: github.event_name == 'push'
        """
    assert found(text) == [
        ("torch==2.6.0", ""),
        ("torch==2.6.0", "torchvision==0.9.0", ""),
        ("torch==2.7.0", ""),
        ("torch==2.7.0", "torchvision==0.9.0", ""),
    ]


def test_environment_and_container_belong_to_a_job() -> None:
    text = """
        env: {TORCH: "2.7.0", PIP_EXTRA_INDEX_URL: "WHEELS/cu126"}
        jobs:
          a:
            container: {image: "pytorch/pytorch:2.7.0-cuda12.6-cudnn9-runtime"}
            env: {VISION: "0.22.0"}
            steps:
              - run: pip install torch==$TORCH torchvision==${{ env.VISION }}
          b:
            container: pytorch/pytorch:2.6.0-cuda12.6-cudnn9-runtime
            steps:
              - run: python test.py
        """.replace("WHEELS", WHEELS)
    first, second = cases(text)
    assert [one.specifier for one in first.requirements] == ["==2.7.0", "==0.22.0"]
    assert (first.indexes[0].url, first.indexes[0].place.line) == (f"{WHEELS}/cu126", 2)
    assert first.base
    assert first.base.reference == "pytorch/pytorch:2.7.0-cuda12.6-cudnn9-runtime"
    assert second.base
    assert second.requirements == ()


def test_a_job_of_gitlab_runs_what_stands_before_it_too() -> None:
    text = """
        image: python:3.12-slim
        variables:
          TORCH: "2.1.0"
        before_script:
          - python -m pip install --upgrade pip
        test:
          parallel:
            matrix:
              - VISION: ["0.16.0", "0.15.0"]
          script:
            - pip install torch==$TORCH
            - pip install torchvision==$VISION
        """
    assert found(text) == [
        ("pip", "torch==2.1.0", "torchvision==0.16.0", "==3.12.*", ""),
        ("pip", "torch==2.1.0", "torchvision==0.15.0", "==3.12.*", ""),
    ]


def test_azure_and_circle_have_their_own_words() -> None:
    azure = """
        jobs:
          - job: test
            pool: {vmImage: windows-2022}
            strategy:
              matrix:
                old: {torch: "2.6.0"}
            steps:
              - task: UsePythonVersion@0
                inputs: {versionSpec: "3.12"}
              - script: pip install torch==$(torch)
        """
    assert found(azure) == [("torch==2.6.0", "==3.12.*", "windows-x86_64")]
    circle = """
        jobs:
          test:
            docker: [{image: "cimg/python:3.11"}]
            steps:
              - checkout
              - run: {name: install, command: pip install torch==2.7.0}
        """
    assert found(circle) == [("torch==2.7.0", "")]


@pytest.mark.parametrize(
    "text", ["", "a: 1", "- b", "jobs:\n  a:\n    uses: ./other.yml\n", "jobs: {a: {steps: [1, [2]]}}"]
)
def test_a_file_without_commands_declares_nothing(text: str) -> None:
    assert workflows.read(text, "ci.yml") == (workflows.FORMAT, (), (), None)


def test_what_is_no_yaml_is_said_in_one_line() -> None:
    trouble = workflows.read("jobs: [", "ci.yml").trouble
    assert trouble
    assert "\n" not in trouble


def test_a_matrix_that_makes_too_much_is_cut_and_said_so() -> None:
    axes = "".join(f"        k{number}: [1, 2, 3, 4, 5, 6, 7, 8]\n" for number in range(10))
    used = " ".join(f"${{{{ matrix.k{number} }}}}" for number in range(10))
    text = f"jobs:\n  a:\n    strategy:\n      matrix:\n{axes}    steps:\n" + f"    - run: echo {used}\n" * 200
    assert workflows.read(text, "ci.yml").trouble == "its matrices make more than was read"


def test_combinations_that_differ_in_nothing_used_are_one() -> None:
    text = """
        jobs:
          a:
            strategy: {matrix: {shard: [1, 2, 3], torch: ["2.7.0"]}}
            steps:
              - run: pip install torch==${{ matrix.torch }}
        """
    assert found(text) == [("torch==2.7.0", "")]
