"""Articles and notebooks."""

from __future__ import annotations

import json
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from envdoctor.readers.declared.texts import markdown, notebook
from envdoctor.readers.declared.texts.text_blocks import divided_markdown

if TYPE_CHECKING:
    from envdoctor.model.declared import Case


def cases(text: str, name: str = "README.md") -> tuple[Case, ...]:
    return tuple(one for one in markdown.read(dedent(text), name).cases if not one.claim)


def versions(text: str, name: str = "README.md") -> list[str]:
    """The demands of every case, after looking that each stands where its place says."""
    lines = dedent(text).split("\n")
    found = cases(text, name)
    for case in found:
        for one in case.requirements:
            assert lines[one.place.line - 1][one.place.column - 1 :].startswith(one.written)
    return [" ".join(f"{one.name}{one.specifier}" for one in case.requirements) for case in found]


@pytest.mark.parametrize(
    "text",
    [
        "```bash\npip install torch==2.7.0\n```",
        "~~~\n$ pip install torch==2.7.0\nCollecting torch\n~~~",
        "1. Install:\n\n   ```sh\n   pip install torch==2.7.0\n   ```\n",
        "> ```\n> pip install torch==2.7.0\n> ```",
        "Install\n\n    pip install torch==2.7.0\n",
        '=== "pip"\n\n    ```bash\n    pip install torch==2.7.0\n    ```\n',
        "<details>\n<summary>pip</summary>\n```bash\npip install torch==2.7.0\n```\n</details>",
        "<pre><code>pip install torch==2.7.0</code></pre>",
        "Run `pip install torch==2.7.0` first.",
        "| what | how |\n|---|---|\n| pip | `pip install torch==2.7.0` |",
        "pip install torch==2.7.0",
        "- pip install torch==2.7.0",
        "```diff\n-pip install torch==2.6.0\n+pip install torch==2.7.0\n```",
        "```requirements\ntorch==2.7.0\n```",
        '```toml\n[project]\nname = "a"\nversion = "1"\ndependencies = ["torch==2.7.0"]\n```',
        "```yaml\njobs:\n  a:\n    steps:\n      - run: pip install torch==2.7.0\n```",
        "```dockerfile\nFROM python:3.12\nRUN pip install torch==2.7.0\n```",
        "```dockerfile\nRUN pip install torch==2.7.0\n```",
        "The wheels (`pip install\ntorch==2.7.0`) are next.",
        "- by hand (`pip install torch==2.7.0\n  --no-deps`) then",
        "> by hand: `uv pip install\n> torch==2.7.0`",
    ],
)
def test_code_is_found_wherever_it_stands(text: str) -> None:
    assert versions(text) == ["torch==2.7.0"]


@pytest.mark.parametrize(
    "text",
    [
        "Do not run `pip install torch==2.7.0`.",
        "Instead of `pip install torch==2.7.0` build it.",
        "This does not work:\n\n```\npip install torch==2.7.0\n```",
        "```\n$ pip install torch==2.7.0\nERROR: No matching distribution found for torch==2.7.0\n```",
        "```python\nimport torch\n```",
        "Nothing here.",
        "",
    ],
)
def test_what_nobody_shall_run_gives_no_case(text: str) -> None:
    assert versions(text) == []


def test_a_commented_command_is_marked() -> None:
    first, second = cases("```bash\npip install torch==2.7.0\n# pip install torch==2.6.0\n```")
    assert (first.comment, second.comment) == (False, True)


def test_blocks_are_cases_of_their_own_and_share_a_python_within_a_section() -> None:
    text = """
        ## Install

        1. Make it:

        ```bash
        conda create -n work python=3.10
        ```

        2. Fill it:

        ```bash
        pip install torch==2.7.0
        ```

        ## Elsewhere

        ```powershell
        pip install torchvision==0.22.0
        ```
        """
    first, second = cases(text)
    assert [wish.specifier for wish in first.pythons] == ["==3.10.*"]
    assert (second.pythons, second.platform) == ((), "windows-x86_64")


def test_restructured_text_has_indented_blocks() -> None:
    text = """
        Install
        =======

        Use this:

        .. code-block:: bash

            pip install torch==2.7.0 \\
                torchvision==0.22.0

        or ``pip install torch`` where nothing else is there.
        """
    assert versions(text, "install.rst") == ["torch==2.7.0 torchvision==0.22.0"]


def test_a_dockerfile_in_an_article_is_read_as_one() -> None:
    text = "```dockerfile\nARG TORCH=2.7.0\nFROM python:3.12\nARG TORCH\nRUN pip install torch==${TORCH}\n```"
    (case,) = (one for one in cases(text) if one.requirements)
    assert case.label.startswith("stage")
    assert case.base is not None
    assert case.base.reference == "python:3.12"
    assert [one.specifier for one in case.requirements] == ["==2.7.0"]


def test_tables_of_a_tool_in_an_article_are_read_as_pyproject() -> None:
    tables = '[tool.pixi.workspace]\nplatforms = ["linux-64"]\n[tool.pixi.pypi-dependencies]\ntorch = "==2.7.0"'
    (case,) = cases(f"```toml\n{tables}\n```")
    assert [(one.name, one.specifier) for one in case.requirements] == [("torch", "==2.7.0")]


def test_prose_is_what_is_no_code() -> None:
    text = "# Title\n\nTorch 2.7 with `CUDA`\n\n```\npip install torch\n```\n\n| a |\n|---|\n| b |\n"
    assert list(divided_markdown(text).prose) == [
        (1, "# Title"),
        (3, "Torch 2.7 with `CUDA`"),
        (9, "| a |"),
        (10, "|---|"),
        (11, "| b |"),
    ]


def test_a_notebook_is_one_script_with_places_in_its_file() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["Run `pip install torch==2.5.0`"]},
        {
            "cell_type": "code",
            "source": ["import os\n", "!pip install torch==2.7.0 \\\n", "  numpy==2.0\n", "torch = 1"],
        },
        {"cell_type": "code", "source": ["%%bash\n", "pip install torchvision==0.22.0"]},
        {"cell_type": "code", "source": "%pip install torchaudio==2.7.0"},
    ]
    text = json.dumps({"cells": cells}, indent=1)
    script, article = notebook.read(text, "a.ipynb").cases
    assert [(one.name, one.specifier) for one in script.requirements] == [
        ("torch", "==2.7.0"),
        ("numpy", "==2.0"),
        ("torchvision", "==0.22.0"),
        ("torchaudio", "==2.7.0"),
    ]
    lines = text.split("\n")
    for one in (*script.requirements[:3], *article.requirements):
        assert one.written in lines[one.place.line - 1]
    assert article.requirements[0].specifier == "==2.5.0"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cells": 3}', '{"cells": ', "[" * 100_000])
def test_what_is_no_notebook_is_said_in_one_line(text: str) -> None:
    trouble = notebook.read(text, "a.ipynb").trouble
    assert trouble
    assert "\n" not in trouble


@pytest.mark.parametrize(
    "piece", ["`", "> ", "- ", "[[", "|a|\n|-|\n", "<div>\n", "```\n", "pip install `a` ", "\x00\ufeff\n"]
)
def test_hostile_articles_are_only_text(piece: str) -> None:
    assert markdown.read(piece * 20_000, "a.md").format == "Markdown"


@pytest.mark.parametrize(
    "text",
    [
        "`pip install torch==2.7.0` fails there.",
        "`torch==2.7.0` does not exist, nor `pip install torch==2.7.0`.",
        "`pip install torch==2.6.0` → `pip install` without a version",
        "`pip install torch==2.7.0` 会失败",
        "a ` alone and, a line on,\na ` alone: torch==2.7.0",
    ],
)
def test_code_that_is_refused_is_not_followed(text: str) -> None:
    assert versions(text) == []
