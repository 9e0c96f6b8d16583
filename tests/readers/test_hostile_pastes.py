"""Pastes that want to cost time or memory, and the bounds and shortcuts by which reading one stays cheap."""

from __future__ import annotations

import re
import time
from importlib import import_module
from pkgutil import iter_modules

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envdoctor.model.paste import Line
from envdoctor.readers import paste
from envdoctor.readers.paste import all_readers, ends
from envdoctor.readers.paste.all_readers import readings
from envdoctor.readers.paste.assembling import Pasted, assemble
from envdoctor.readers.paste.cleaning import MOST_LETTERS, clean
from envdoctor.readers.paste.ends import read_ends
from envdoctor.readers.pattern import Pattern
from hostile_texts import SHORT

# ---- time -----------------------------------------------------------------------------------------

PIECES = {
    "one letter": "a",
    "digits and points": "1.",
    "blanks": " ",
    "wide blanks": "\u3000",
    "words": "word ",
    "numbers": "1 ",
    "walls": "| ",
    "rules of a box": "+-=",
    "quotes": "> ",
    "prompts": ">>> ",
    "braces": "{[(",
    "fences": "``` ",
    "entities": "&gt;&lt;",
    "tags": "<br><pre ",
    "colours": "\x1b[31m",
    "titles without an end": "\x1b]0;",
    "folders": "/opt/a",
    "folders of Windows": "C:\\a\\",
    "pins": "torch==2.1.0 ",
    "pins without a version": "torch== ",
    "versions": "torch 2.1.0, ",
    "drivers": "driver nvidia version ",
    "GPUs": "RTX 3090 Ti Super ",
    "laptops": "GeForce GTX 1080 Ti Max-Q Laptop GPU 8GB ",
    "keys": "PyTorch version: ",
    "keys and values": "OS: x CUDA used to build PyTorch: 12.1 ",
    "rows": "[pip3] torch==2.1.0 ",
    "addresses of a bus": "00000000:07:00.0 ",
    "memory": "2MiB / 81251MiB ",
    "identifiers": "GPU 0: NVIDIA A100 (UUID: ",
    "MIG": "MIG 1g.5gb Device 0: ",
    "errors": "RuntimeError: CUDA error: ",
    "warnings": "UserWarning: with CUDA capability sm_",
    "complaints": "torchvision 0.15.2 requires torch==2.0.1, but you have ",
    "installations": "Requirement already satisfied: torch in /opt (from a) ",
    "wheels": "torch-2.1.0-cp311-",
    "frames": 'File "/a/b.py", line 1 ',
    "variables": "CUDA_VISIBLE_DEVICES=",
    "questions": "torch.cuda.is_available() ",
    "containers": "docker run --gpus ",
    "images": "nvidia/cuda:",
    "commands": "pip install torch -f ",
    "secrets": "https://a:b@c?token=",
    "users": "http://a@b@",
    "flags": "flags : avx lahf_lm ",
    "denials": "I do not have an NVIDIA GPU, it cannot find the ",
    "systems": "Ubuntu Linux version ",
    "libraries": "libcudnn.so.8 => ",
    "builds": "- pytorch=1.9.0=py3.8_cuda11.1 ",
    "Chinese": "显卡驱动系统",
    "Turkish": "İ",
}
"""What the lines are made of: the beginnings of everything that is looked for, again and again."""

TIMES, AT_MOST = 8, 28
"""How much larger the second paste is, and how much longer it may take; what grows with the square takes 64 times."""

NOISE = 0.004
"""Seconds below which a measurement tells nothing."""


def read(text: str) -> Pasted:
    return assemble(readings(read_ends(text)[0]))


def seconds(text: str) -> float:
    """Processor time, which other processes do not add to; the better of two."""
    taken = []
    for _ in range(2):
        begin = time.process_time()
        read(text)
        taken.append(time.process_time() - begin)
    return min(taken)


def made_of(piece: str, length: int) -> str:
    return (piece * (length // len(piece) + 1))[:length]


@pytest.mark.parametrize("piece", PIECES.values(), ids=PIECES.keys())
@pytest.mark.parametrize("shape", ["longer lines", "more lines"])
def test_the_time_grows_with_the_paste(piece: str, shape: str) -> None:
    longer, more = (TIMES, 1) if shape == "longer lines" else (1, TIMES)
    small, large = (f"{made_of(piece, 300 * size)}\n" * 10 * count for size, count in ((1, 1), (longer, more)))
    read(small)  # compiles what it needs
    assert seconds(large) < AT_MOST * max(seconds(small), NOISE)


# ---- what is read of a long one -------------------------------------------------------------------


def test_a_long_paste_is_read_at_its_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ends, "MOST_LINES", 10)
    text = "".join(f"line {number}\n" for number in range(1, 31))
    lines, count = read_ends(text)
    assert [line.number for line in lines] == [1, 2, 3, 4, 5, 26, 27, 28, 29, 30]
    assert all(line.text == f"line {line.number}" for line in lines)
    assert count == 10


@pytest.mark.parametrize("last", ["", "\n", "\r\n", "\n\n"])
def test_a_paste_within_the_bounds_is_read_whole(last: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ends, "MOST_LINES", 10)
    text = "\n".join(f"line {number}" for number in range(1, 8)) + last
    assert read_ends(text) == (clean(text), None)


def test_no_line_is_read_in_part_where_its_beginning_would_say_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ends, "MOST_CHARACTERS", 100)
    text = "torch 2.10.0 is what I have\n" * 20
    lines, count = read_ends(text)
    assert {line.text for line in lines} == {"torch 2.10.0 is what I have"}
    assert count == len(lines) == 2
    assert [line.number for line in lines] == [1, 20]


@pytest.mark.parametrize("feed", ["", "\n", "\r", "\r\n"])
def test_one_long_line_is_read_in_part(feed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ends, "MOST_CHARACTERS", 2 * MOST_LETTERS)
    lines, count = read_ends("torch 2.6.0 " + "x" * MOST_LETTERS * 9 + feed)
    assert lines[0].text.startswith("torch 2.6.0 ")
    assert sum(len(line.text) for line in lines) <= 2 * MOST_LETTERS
    assert count == len(lines)


def test_what_began_and_what_ended_a_long_log_are_found() -> None:
    log = "PyTorch version: 2.6.0+cu126\nIs CUDA available: False\n" + "step 1, loss 0.1\n" * 60_000
    found = read(log + "RuntimeError: NVML_SUCCESS == r INTERNAL ASSERT FAILED\n")
    assert found.snapshot.known("torch.version") == "2.6.0+cu126"
    assert found.lines["said.texts"] == 60_003


@pytest.mark.parametrize("text", SHORT.values(), ids=SHORT.keys())
def test_a_text_that_wants_more_is_text(text: str) -> None:
    for words in (text, f"PyTorch version: {text}\nIs debug build: {text}\nGPU 0: {text}", f"RuntimeError: {text}"):
        assert "hunter2" not in repr(read(words))


# ---- shortcuts ------------------------------------------------------------------------------------


def patterns() -> dict[str, Pattern]:
    """Every pattern with words, by its module and name."""
    found = {}
    for module in iter_modules(paste.__path__):
        for name, value in vars(import_module(f"{paste.__name__}.{module.name}")).items():
            several = value.items() if isinstance(value, dict) else [("", value)]
            for key, one in several:
                if isinstance(one, Pattern) and one.words:
                    found[f"{module.name}.{name}{key}"] = one
    return found


def without_conditions(source: str) -> str:
    """The expression without what has to stand around a match or must not: it matches all that the other does."""
    kept, depths, at, depth, in_class = "", [], 0, 0, False
    while at < len(source):
        step = 2 if source[at] == "\\" else 1
        letters = source[at : at + step]
        if letters == "[" or (letters == "]" and in_class):
            in_class = letters == "["
        elif letters == "(" and not in_class:
            depth += 1
            if source.startswith(("(?=", "(?!", "(?<!"), at):
                depths.append(depth)
        inside = bool(depths)
        if letters == ")" and not in_class:
            depths = [one for one in depths if one != depth]
            depth -= 1
        kept += "" if inside else letters
        at += step
    return kept.replace("(?<=", "(?:").replace("$", "").replace("\\b", "")


@pytest.mark.parametrize("pattern", patterns().values(), ids=patterns().keys())
@settings(max_examples=10, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_match_of_a_pattern_holds_one_of_its_words(pattern: Pattern, data: st.DataObject) -> None:
    ascii_alone = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
    wider = re.compile(without_conditions(pattern.pattern), pattern.flags)
    text = data.draw(st.from_regex(wider, fullmatch=True, alphabet=ascii_alone))
    assert any(word in text.lower() for word in pattern.words)


READ_BY = {
    "environment.vllm_env": "vLLM Version : 0.8.0\nCUDA_VISIBLE_DEVICES=0",
    "environment.accelerate_env": "- `Accelerate` version: 0.31.0\n- PyTorch version (GPU?): 2.6.0 (True)",
    "environment.ds_report": "torch version .................... 2.6.0",
    "environment.library_env": "sys.platform: linux\nPyTorch: 2.6.0",
    "environment.lightning_env": "* CUDA:\n    - GPU:\n        - Tesla T4\n    - available: True\n    - version: 12.1",
    "environment.xformers_info": "pytorch.version: 2.6.0\npytorch.cuda: available",
    "tools.nvidia_smi_query": "driver_version\n535.104.05",
    "listings.pip_freeze": "torch==2.6.0",
    "listings.pip_log": " + torch==2.6.0",
    "listings.conda_env": "prefix: /opt/conda/envs/a",
    "tools.nvcc": "Cuda compilation tools, release 12.2, V12.2.140",
    "tools.ldd": "/opt/a.so:\n\tlibcudart.so.12 => not found\n\tlibc.so.6 => /lib/libc.so.6 (0x00007f00)",
}
"""Of each reader that is left out at times the least that it reads."""


@pytest.mark.parametrize("name", all_readers.WORDS)
def test_a_reader_is_left_out_only_where_it_would_find_nothing(name: str) -> None:
    lines = [Line(number, text) for number, text in enumerate(READ_BY[name].split("\n"), start=1)]
    alone = import_module(f"{paste.__name__}.{name}").read(lines)
    assert alone.stated or alone.packages or alone.claimed
    assert any(word in READ_BY[name].lower() for word in all_readers.WORDS[name])
    assert alone.format in {one.format for one in readings(lines)}
