"""Commands put into Dockerfiles: in the final stage, beside what installs packages, once, and nothing else changed."""

from __future__ import annotations

import random

import pytest

from envdoctor.fix.dockerfile import Unpatchable, commands_of, instructions, patch, patched, to_be_added
from envdoctor.model.change import Installs, Into, Removes
from envdoctor.model.plan import Applicability, Edit, Step
from envdoctor.readers.declared.images.dockerfile_instructions import Instruction

NEW = "python -m pip install torch==2.9.1+cu126"
RUN = f"RUN {NEW}\n"


def at(marked: str) -> None:
    """Check that the line goes to where `@` stands in a Dockerfile, and nowhere once it is there."""
    text = marked.replace("@", "")
    expected = marked.replace("@", RUN)
    assert patched(text, [NEW]) == expected
    assert patched(expected, [NEW]) == expected


@pytest.mark.parametrize(
    "marked",
    [
        "FROM a\n@",
        "FROM a\nRUN pip install x\n@RUN make\nCMD run\n",
        "FROM a\nRUN uv sync --frozen\nRUN pip3 install -r r.txt\n@USER me\nCMD run\n",
        "FROM a\nUSER me\nRUN pip install --user x\n@CMD run\n",
        "FROM a\nRUN apt-get update\nCOPY . /app\n@\nENTRYPOINT run\n".replace("@\n", "\n@"),
        "FROM a\nWORKDIR /app\n@# who it runs as\n# in the end\nUSER me\nCMD run\n",
        "FROM a AS b\nRUN pip install x\nFROM c\nCOPY --from=b /venv /venv\n@CMD run\n",
        "FROM a AS b\nRUN pip install x\nFROM c\nCOPY --from=b /venv /venv\n@",
        "FROM a\nONBUILD RUN pip install x\n@CMD run\n",
        "FROM a\nRUN pip install \\\n    x \\\n  # why y\n\n    y\n@CMD run\n",
        "FROM a\nRUN <<EOF\npip install x\nCMD no\nEOF\n@CMD run\n",
        "FROM a\nRUN cat <<'A' <<-B > f && pip install x\nA b\nA\n\t\tB\n@CMD run\n",
        'FROM a\nRUN ["pip", "install", "x", "<<EOF"]\n@CMD run\n',
        "FROM a\nRUN echo pip; echo install\n@CMD run\n",
        "FROM a\n# RUN pip install x\n\n@CMD run\n",
        "from a\nrun pip install x\n@cmd run\n",
        "# escape=`\nFROM a\nRUN pip install `\n  x\n@CMD run\n",
        "# syntax=docker/dockerfile:1\n# escape=`\nFROM a\nRUN pip install c:\\\n@CMD run\n",
        "# only a comment\n# escape=`\nFROM a\nRUN pip install \\\n  x\n@CMD run\n",
        "\ufeffFROM a\nRUN\tpip install x\n@CMD run\n",
        "FROM a\nRUN --mount=type=cache,target=/root/.cache conda install -y x\n@CMD run\n",
    ],
)
def test_where_the_line_goes(marked: str) -> None:
    at(marked)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_stay_as_they_are(end: str) -> None:
    text = end.join(("FROM a", "RUN pip install x", "CMD run", ""))
    after = patched(text, [NEW])
    assert after == end.join(("FROM a", "RUN pip install x", f"RUN {NEW}", "CMD run", ""))
    assert patched(text.removesuffix(end), [NEW]) == after.removesuffix(end)
    assert patched(end.join(("FROM a", "RUN pip install x")), [NEW]) == end.join(
        ("FROM a", "RUN pip install x", f"RUN {NEW}", "")
    )


def test_it_is_not_added_again_however_it_is_written() -> None:
    text = f"FROM a\nRUN --mount=type=cache,target=/c \\\n  {NEW.replace(' install', '  install')}\nCMD run\n"
    assert patched(text, [NEW]) == text
    assert patch(text, [NEW]) is None
    assert patched(text, [NEW, "other"]) == text.replace("CMD", "RUN other\nCMD")


def test_in_another_stage_it_is_not_there() -> None:
    at(f"FROM a\n{RUN.replace('RUN', 'RUN ')}FROM b\n@CMD run\n")


def test_packages_of_root_are_installed_as_root() -> None:
    text = "FROM a AS base\nUSER me\nFROM base\nCOPY . /app\nCMD run\n"
    assert patched(text, [NEW]) == text.replace("CMD", f"USER root\n{RUN}USER me\nCMD")
    assert patched(text.replace("USER me", "USER 0:0"), [NEW]) == text.replace("USER me", "USER 0:0").replace(
        "CMD", f"{RUN}CMD"
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "there is no FROM in it"),
        ("RUN x\n", "there is no FROM in it"),
        ("FROM a\nRUN <<EOF\nx\n", "the here-document EOF does not end"),
        ("FROM a\nRUN x \\\n", "its last line is one that goes on"),
    ],
)
def test_what_is_no_whole_dockerfile_is_left_alone(text: str, why: str) -> None:
    with pytest.raises(Unpatchable, match=why):
        patched(text, [NEW])


def test_a_command_of_two_lines_is_refused() -> None:
    with pytest.raises(Unpatchable):
        patched("FROM a\n", ["a\nCMD evil"])


def test_the_change_as_a_diff() -> None:
    change = patch("FROM a\nRUN pip install x\nCMD run\n", [NEW], "docker/Dockerfile")
    assert change is not None
    assert change.file == "docker/Dockerfile"
    assert f"\n RUN pip install x\n+RUN {NEW}\n CMD run" in change.diff


def test_what_an_image_runs_of_a_plan() -> None:
    def step(*argv: str, change: object = None, edit: Edit | None = None) -> Step:
        return Step("x", Applicability.UNSAFE, "", argv, edit, change)  # type: ignore[arg-type]

    steps = (
        step("/v/bin/python", "-m", "pip", "uninstall", "--yes", "x", change=Removes(("x",))),
        step("/v/bin/python", "-m", "pip", "install", "torch>=2", change=Installs(("torch>=2",))),
        step("uv", "pip", "install", "--python", "/v/bin/python", "torch", change=Installs(("torch",))),
        step("python", "-m", "venv", "new", change=Installs((), Into.NEW)),
        step("sudo", "reboot"),
        step("docker", "build", ".", edit=Edit("Dockerfile", f"FROM a\n{RUN}"), change=Installs((), Into.IMAGE)),
    )
    assert commands_of(steps) == (
        "/v/bin/python -m pip uninstall --yes x",
        "/v/bin/python -m pip install --no-cache-dir 'torch>=2'",
        "uv pip install --no-cache --python /v/bin/python torch",
        NEW,
    )
    without_a_file = to_be_added((NEW,))
    assert without_a_file.edit == Edit("Dockerfile", RUN)
    assert without_a_file.applicability is Applicability.MANUAL


def test_lines_of_instructions() -> None:
    text = "# c\n\nFROM a AS b\n\nRUN x \\\n  y\nCOPY <<EOF /z\nRUN no\nEOF\nUSER me"
    assert instructions(text) == (
        Instruction("FROM", "a AS b", 2, 3, 3),
        Instruction("RUN", "x   y", 4, 6, 6),
        Instruction("COPY", "<<EOF /z", 6, 9, 7),
        Instruction("USER", "me", 9, 10, 10),
    )


def test_any_file_keeps_its_lines() -> None:
    """Lines put together at random, as a seeded search: what is added is added whole, and nothing is lost."""
    pieces = (
        "FROM a",
        "RUN pip install x \\",
        "  y",
        "# c",
        "",
        "RUN <<E",
        "E",
        "USER me",
        "CMD [",
        "\\",
        "ONBUILD RUN x",
    )
    chance = random.Random(7)
    added = 0
    for _ in range(3000):
        lines = [chance.choice(pieces) for _ in range(chance.randint(1, 9))]
        text = chance.choice(("\n", "\r\n")).join(lines)
        try:
            after = patched(text, [NEW])
        except Unpatchable:
            continue
        kept = [line.rstrip("\r") for line in after.split("\n")]
        extra = [line for line in kept if line in (f"RUN {NEW}", "USER root")]
        assert f"RUN {NEW}" in extra
        added += 1
        assert patched(after, [NEW]) == after
        rest = iter(kept)
        assert all(line in rest for line in lines)
    assert added > 500
