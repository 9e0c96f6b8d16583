from __future__ import annotations

import glob
import os
import random
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envdoctor.binary.demangle import demangle, short

if TYPE_CHECKING:
    from pathlib import Path

# What c++filt of binutils 2.40 writes for each.
SAID = {
    "_Z1fv": "f()",
    "_Z1fSs": "f(std::basic_string<char, std::char_traits<char>, std::allocator<char> >)",
    "_ZN3c106detail14torchCheckFailEPKcS2_jRKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE": (
        "c10::detail::torchCheckFail(char const*, char const*, unsigned int, std::__cxx11::basic_string<char, "
        "std::char_traits<char>, std::allocator<char> > const&)"
    ),
    "_ZNSsC1Ev": "std::basic_string<char, std::char_traits<char>, std::allocator<char> >::basic_string()",
    "_ZNSt12length_errorD1Ev": "std::length_error::~length_error()",
    "_ZN3FooIiEC2IfEET_": "Foo<int>::Foo<float>(float)",
    "_ZNK3Foo3getEv": "Foo::get() const",
    "_ZNKR3Foo3getEv": "Foo::get() const &",
    "_ZNO3Foo3getEv": "Foo::get() &&",
    "_Z3maxIiET_S0_S0_": "int max<int>(int, int)",
    "_Z3minIJifEEvDpT_": "void min<int, float>(int, float)",
    "_Z3minIJEEvDpT_": "void min<>()",
    "_Z3fwdIRiEvOT_": "void fwd<int&>(int&)",
    "_Z3fwdIOiEvRT_": "void fwd<int&&>(int&)",
    "_Z3fwdIJRKifEEvDpOT_": "void fwd<int const&, float>(int const&, float&&)",
    "_Z1fPFvicE": "f(void (*)(int, char))",
    "_Z1fPFPFvvEiE": "f(void (*(*)(int))())",
    "_Z1fRA3_Ki": "f(int const (&) [3])",
    "_Z1fPA2_A3_i": "f(int (*) [2][3])",
    "_Z1fM3FooKFivE": "f(int (Foo::*)() const)",
    "_Z1fM3Fooi": "f(int Foo::*)",
    "_Z1fPKPVKc": "f(char const volatile* const*)",
    "_Z1fIXadL_Z1gvEEEvv": "void f<&(g())>()",
    "_Z1fILb1ELin5ELm7ELc97ELj3EEvv": "void f<true, -5, 7ul, (char)97, 3u>()",
    "_ZN1AcvT_IiEEv": "A::operator int<int>()",
    "_ZNK1AcvbEv": "A::operator bool() const",
    "_ZlsRSoRK1A": "operator<<(std::basic_ostream<char, std::char_traits<char> >&, A const&)",
    "_ZltI1AEbRKT_S3_": "bool operator< <A>(A const&, A const&)",
    "_ZN12_GLOBAL__N_11fEv": "(anonymous namespace)::f()",
    "_ZZ1fvE1x": "f()::x",
    "_ZZ1fvE1x_0": "f()::x",
    "_ZZ1fIiEvT_ENKUlvE_clEv": "f<int>(int)::{lambda()#1}::operator()() const",
    "_ZZ1fvENKUlT_E0_clIiEEDaS_": "auto f()::{lambda(auto:1)#2}::operator()<int>(int) const",
    "_ZN1fB5cxx11Ev": "f[abi:cxx11]()",
    "_ZTV1A": "vtable for A",
    "_ZTIN1A1BE": "typeinfo for A::B",
    "_ZTSPFivE": "typeinfo name for int (*)()",
    "_ZThn16_N1A1fEv": "non-virtual thunk to A::f()",
    "_ZTv0_n24_N1A1fEv": "virtual thunk to A::f()",
    "_ZTC1A0_1B": "construction vtable for B-in-A",
    "_ZGVZ1fvE1x": "guard variable for f()::x",
    "_ZTW1x": "TLS wrapper function for x",
    "_Z1fv.constprop.0": "f() [clone .constprop.0]",
    "_Z1fDF16_DF16bDnDi": "f(_Float16, std::bfloat16_t, decltype(nullptr), char32_t)",
    "_Z1fIiEDTplfp_Li1EET_": "decltype ({parm#1}+(1)) f<int>(int)",
    "_Z1fDoFvvE": "f(void () noexcept)",
    "_ZSt12construct_atIlJRKlEEDTgsnwcvPvLi0E_T_pispcl7declvalIT0_EEEEPS3_DpOS4_": (
        "decltype (::new ((void*)(0)) long((declval<long const&>)())) std::construct_at<long, long const&>"
        "(long*, long const&)"
    ),
    "_ZN1ACI11BIiEEf": "A::B(float)",
}

NOT_MANGLED = (
    "",
    "_",
    "_Z",
    "main",
    "f()",
    "_Z1",
    "_Z9f",
    "_Zzz",
    "_Z1fv ",
    "_Z1fS9_",
    "_Z1fT_",
    "_ZN1AE1",
    "_Z0",
    "_Z1f\udcff",
)


@pytest.mark.parametrize("name", SAID)
def test_a_name_as_c_plus_plus_filt_writes_it(name: str) -> None:
    assert demangle(name) == SAID[name]


@pytest.mark.skipif(shutil.which("c++filt") is None, reason="no c++filt")
def test_the_table_is_what_c_plus_plus_filt_says() -> None:
    done = subprocess.run(["c++filt", *SAID], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == list(SAID.values())


@pytest.mark.parametrize("name", NOT_MANGLED)
def test_other_names_stay_as_they_are(name: str) -> None:
    assert (demangle(name), short(name)) == (name, name)


def test_a_short_name_has_no_parameters() -> None:
    assert {name: short(name) for name in SHORT} == SHORT


SHORT = {
    "_ZN3c106detail14torchCheckFailEPKcS2_j": "c10::detail::torchCheckFail",
    "_ZNK2at10TensorBase4itemIfEET_v": "at::TensorBase::item<float>",
    "_ZZ1fIiEvT_ENKUlvE_clEv": "f<int>(int)::{lambda()#1}::operator()",
    "_ZN3c105ErrorD1Ev": "c10::Error::~Error",
    "_ZTIN3c105ErrorE": "typeinfo for c10::Error",
    "_ZN5torch3jit6thingsE": "torch::jit::things",
    "_Z1fv.cold": "f() [clone .cold]",
    "cudaMalloc": "cudaMalloc",
}


def test_names_that_double_themselves_end() -> None:
    # Each pair holds the one before twice.
    doubling = "_Z1f1AS_"
    for before in range(30):
        code = (
            "S_"
            if before == 0
            else f"S{'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ'[2 * before - 1]}_"
            if before < 18
            else "S_"
        )
        doubling += f"4pairI{code}{code}E"
    for name in (doubling, "_Z1f" + "P" * 5000 + "i", "_Z1f" + "1A" + "PS_" * 2000):
        assert len(demangle(name)) < 5_000_000
    for start in ("N", "Z", "I", "X", "F", "M", "A_", "1fI", "St", "DT", "cl", "ad", "L_Z"):
        assert demangle("_Z1f" + start * 5000)


@given(st.text(alphabet="_ZNKSIEJLXTFPROCDMAUBacdfgilnprstv0123456789.", max_size=60))
def test_noise_is_shown_or_left(noise: str) -> None:
    for name in ("_Z" + noise, "_ZN" + noise, "_Z1fI" + noise):
        assert demangle(name)
        assert short(name)


@given(st.sampled_from(sorted(SAID)), st.integers(0, 200), st.integers(0, 200), st.text(max_size=4))
def test_changed_names_are_shown_or_left(name: str, start: int, length: int, text: str) -> None:
    changed = name[:start] + text + name[start + length :]
    assert isinstance(demangle(changed), str)


LIBRARIES = (
    *("torch/lib/libc10.so", "torch/lib/libc10_cuda.so", "torch/lib/libtorch_python.so", "torch/lib/libtorch_cpu.so"),
    *("torch/lib/libtorch_cuda.so", "torchvision/*.so", "triton/_C/libtriton.so"),
)
SAMPLE = 20_000


@pytest.mark.real
@pytest.mark.skipif(shutil.which("c++filt") is None or shutil.which("nm") is None, reason="no binutils")
@pytest.mark.parametrize("library", LIBRARIES)
def test_real_names_are_written_as_c_plus_plus_filt_writes_them(library: str) -> None:
    """Of those that c++filt knows, 99.5 % alike; it errs itself in the rest.

    It takes the reference to a template parameter (`T_&&`) for what the same part stood for in another signature, and
    calls the constructor or destructor of a type it has referred back to by the name it read last.
    """
    if "ENVDOCTOR_TEST_CUDA_ENV" not in os.environ:
        pytest.skip("ENVDOCTOR_TEST_CUDA_ENV is not set")
    paths = glob.glob(f"{os.environ['ENVDOCTOR_TEST_CUDA_ENV']}/lib/python3*/site-packages/{library}")
    assert paths
    names: set[str] = set()
    for path in paths:
        listed = subprocess.run(["nm", "-D", "--format=posix", path], capture_output=True, text=True, check=True).stdout
        names.update(line.split()[0].partition("@")[0] for line in listed.splitlines())
    mangled = sorted(name for name in names if name.startswith("_Z"))
    taken = random.Random(5).sample(mangled, min(SAMPLE, len(mangled)))
    said = subprocess.run(["c++filt"], input="\n".join(taken), capture_output=True, text=True, check=True).stdout
    known = [(name, shown) for name, shown in zip(taken, said.splitlines(), strict=True) if name != shown]
    unlike = [(name, shown, demangle(name)) for name, shown in known if demangle(name) != shown]
    assert [name for name, _, ours in unlike if ours == name] == []
    assert len(unlike) <= len(known) * 0.005, unlike[:3]
    assert len(known) >= len(taken) * 0.95


@pytest.mark.skipif(shutil.which("c++filt") is None or shutil.which("nm") is None, reason="no binutils")
def test_the_names_of_the_standard_library(tmp_path: Path) -> None:
    found = glob.glob("/usr/lib/*/libstdc++.so.6") + glob.glob("/usr/lib64/libstdc++.so.6")
    if not found:
        pytest.skip("no libstdc++ in the system's folders")
    listed = subprocess.run(["nm", "-D", "--format=posix", found[0]], capture_output=True, text=True, check=True).stdout
    mangled = sorted({name for line in listed.splitlines() if (name := line.split("@")[0].split()[0]).startswith("_Z")})
    said = subprocess.run(["c++filt"], input="\n".join(mangled), capture_output=True, text=True, check=True).stdout
    assert mangled
    assert [pair for pair in zip(map(demangle, mangled), said.splitlines(), strict=True) if pair[0] != pair[1]] == []
