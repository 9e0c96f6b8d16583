"""What compilers say where something of theirs is missing, in their own words, and what is a failure all the same."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any, NoReturn

import pytest

from envdoctor.smoke.child.bench import Bench
from envdoctor.smoke.child.case import Unavailable
from envdoctor.smoke.child.cases import compiled_code


def compile_with(monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    """Run the test with a torch whose compiler says that."""

    def refuse(*_: object, **__: object) -> NoReturn:
        raise RuntimeError(f"CppCompileError: C++ compile error\n\nCommand:\ng++ -std=c++20 a.cpp\n\nOutput:\n{words}")

    for name in compiled_code.SWITCHED_OFF:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(sys.modules, "torch._inductor.config", SimpleNamespace(cpp=SimpleNamespace()))  # type: ignore[arg-type]
    torch: Any = ModuleType("torch")
    torch.compile = refuse
    torch.Generator = lambda: SimpleNamespace(manual_seed=lambda _: None)
    compiled_code.run(torch, Bench(torch, "cpu", devices=[]))


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("g++: fatal error: cannot execute \u2018cc1plus\u2019: execvp: No such file or directory", "is not whole: "),
        ("g++: fatal error: cannot execute 'cc1plus': posix_spawnp: No such file or directory", "is not whole: "),
        ("g++: error: unrecognized command line option '-std=c++20'; did you mean '-std=c++2a'?", "is too old for "),
        ("error: invalid value 'c++20' in '-std=c++20'", "is too old for "),
        ("/usr/bin/ld: cannot find -lgomp: No such file or directory", "OpenMP is not installed: "),
        ("g++: fatal error: Killed signal terminated program cc1plus", "memory ran out for the compiler: "),
        ("g++: internal compiler error: File size limit exceeded signal terminated program as", "(ulimit -f) "),
    ],
)
def test_a_compiler_that_lacks_something_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, words: str, reason: str
) -> None:
    with pytest.raises(Unavailable) as told:
        compile_with(monkeypatch, words)
    assert reason in str(told.value)
    assert str(told.value).endswith(words)


@pytest.mark.parametrize(
    "words",
    [
        "a.cpp:3:1: error: 'at' was not declared in this scope",
        "fatal error: torch/csrc/inductor/cpp_prefix.h: No such file or directory",
        "/usr/bin/ld: cannot find -ltorch_cpu: No such file or directory",
    ],
)
def test_code_that_is_not_c_plus_plus_is_one(monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    with pytest.raises(RuntimeError, match="C\\+\\+ compile error"):
        compile_with(monkeypatch, words)
