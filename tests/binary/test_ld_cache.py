from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envdoctor.binary.ld_cache import ENTRY, HEADER, NEW_MAGIC, NotCache, conf_folders, parse_cache, read_cache

if TYPE_CHECKING:
    from pathlib import Path

LDCONFIG = shutil.which("ldconfig") or shutil.which("ldconfig", path="/sbin:/usr/sbin")
needs_ldconfig = pytest.mark.skipif(LDCONFIG is None, reason="no ldconfig")


def written(rows: list[tuple[str, str]], flags: int = 2) -> bytes:
    """A cache as ldconfig of glibc 2.32 and later writes it, without extensions."""
    strings = HEADER.size + ENTRY.size * len(rows)
    texts, entries = b"", b""
    for soname, path in rows:
        key = strings + len(texts)
        texts += soname.encode() + b"\0"
        value = strings + len(texts)
        texts += path.encode() + b"\0"
        entries += ENTRY.pack(0x0303, key, value, 0, 0)
    return HEADER.pack(NEW_MAGIC, len(rows), len(texts), flags, 0) + entries + texts


SAMPLE = written([("libcudart.so.12", "/opt/a/libcudart.so.12"), ("libz.so.1", "/lib/libz.so.1")])


def test_every_path_of_a_name_is_kept_in_order() -> None:
    data = written([("liba.so", "/lib64/liba.so"), ("libb.so", "/lib/libb.so"), ("liba.so", "/lib/liba.so")])
    assert parse_cache(data) == {"liba.so": ("/lib64/liba.so", "/lib/liba.so"), "libb.so": ("/lib/libb.so",)}


@pytest.mark.parametrize("entries", [0, 1, 2, 3])
def test_the_new_format_behind_an_old_one(entries: int) -> None:
    old = b"ld.so-1.7.0\0" + struct.pack("<I", entries) + bytes(12 * entries)
    old += bytes(-len(old) % 8)
    assert parse_cache(old + SAMPLE) == parse_cache(SAMPLE)


@needs_ldconfig
@pytest.mark.parametrize("layout", ["new", "compat"])
def test_agrees_with_ldconfig(tmp_path: Path, layout: str) -> None:
    cache = tmp_path / "cache"
    made = subprocess.run([str(LDCONFIG), "-X", "-c", layout, "-C", str(cache)], capture_output=True, text=True)
    if not cache.exists():
        pytest.skip(f"ldconfig wrote no cache: {made.stderr}")
    printed = subprocess.run(
        [str(LDCONFIG), "-p", "-C", str(cache)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "LC_ALL": "C"},
    ).stdout
    expected: dict[str, list[str]] = {}
    for soname, path in re.findall(r"^\t(\S+) \(.*\) => (.*)$", printed, re.MULTILINE):
        expected.setdefault(soname, []).append(path)
    assert {soname: list(paths) for soname, paths in read_cache(str(cache)).items()} == expected
    assert expected


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a glibc loader cache"),
        (b"\x7fELF", "not a glibc loader cache"),
        (SAMPLE[:40], "not a glibc loader cache"),
        (SAMPLE[:60], "truncated"),
        (SAMPLE[:-40], "a name lies outside"),
        (SAMPLE[:20] + b"\xff\xff\xff\xff" + SAMPLE[24:], "truncated"),
        (SAMPLE[:52] + b"\0\0\0\0" + SAMPLE[56:], "a name lies outside"),
        (written([], flags=3), "big-endian"),
        (b"ld.so-1.7.0\0\xff\xff\xff\xff", "before 2001"),
        (b"ld.so-1.7.0", "truncated"),
    ],
)
def test_other_bytes_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(NotCache, match=reason):
        parse_cache(data)


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo", tmp_path / "nothing", "a\0b"):
        with pytest.raises(NotCache) as caught:
            read_cache(str(path))
        assert caught.value.reason


def read_or_refused(data: bytes) -> bool:
    """Whether the bytes give at most the paths they have room for, or a refusal with its reason."""
    try:
        return sum(len(paths) for paths in parse_cache(data).values()) <= len(data) // ENTRY.size
    except NotCache as error:
        return bool(error.reason)


@given(st.lists(st.tuples(st.integers(0, len(SAMPLE) - 1), st.integers(0, 255)), max_size=6), st.integers(0, 64))
def test_mutations_are_read_or_refused(changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(SAMPLE)
    for place, value in changes:
        data[place] = value
    assert read_or_refused(bytes(data[: len(data) - cut]))


@given(st.binary(max_size=300))
def test_noise_is_refused(noise: bytes) -> None:
    for data in (noise, b"ld.so-1.7.0\0" + noise, NEW_MAGIC + noise):
        assert read_or_refused(data)


def folders_of(files: dict[str, str]) -> tuple[str, ...]:
    def read(path: str) -> str:
        if path not in files:
            raise FileNotFoundError(path)
        return files[path]

    def listdir(path: str) -> list[str]:
        return [os.path.basename(file) for file in files if os.path.dirname(file) == path]

    return conf_folders("/etc/ld.so.conf", read, listdir)


def test_conf_with_includes() -> None:
    files = {
        "/etc/ld.so.conf": "include /etc/ld.so.conf.d/*.conf\ninclude local.conf gone.conf\nhwcap 1 nosegneg\n",
        "/etc/ld.so.conf.d/cuda.conf": "# CUDA\n/usr/local/cuda/lib64\n/opt/a:/opt/b, /opt/c=libc6 # trailing\n",
        "/etc/ld.so.conf.d/readme.txt": "/not/this\n",
        "/etc/local.conf": "/opt/a\nrelative\n",
    }
    assert folders_of(files) == ("/usr/local/cuda/lib64", "/opt/a", "/opt/b", "/opt/c")


def test_conf_that_includes_itself_ends() -> None:
    assert folders_of({"/etc/ld.so.conf": "/opt/a\ninclude /etc/*.conf\ninclude /etc/ld.so.conf\n"}) == ("/opt/a",)


def test_no_conf_is_no_folder() -> None:
    assert folders_of({}) == ()


@needs_ldconfig
@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_folders_for_a_processor(tmp_path: Path) -> None:
    """Ldconfig itself writes the cache, with one library in a folder for every processor and in two for some."""
    levels = ("x86-64-v4", "x86-64-v3", "x86-64-v2")
    if os.uname().machine != "x86_64":
        pytest.skip("the levels are those of x86-64")
    top = tmp_path / "lib"
    folders = [top / f"glibc-hwcaps/{level}" for level in ("x86-64-v4", "x86-64-v2")]
    argv = ["cc", "-shared", "-nostdlib", "-xc", "/dev/null", "-Wl,-soname,libleaf.so.3", "-o"]
    for folder in (top, *folders):
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([*argv, folder / "libleaf.so.3"], check=True, capture_output=True)
    (tmp_path / "conf").write_text(f"{top}\n")
    cache = str(tmp_path / "cache")
    ran = subprocess.run([str(LDCONFIG), "-X", "-C", cache, "-f", tmp_path / "conf"], capture_output=True, check=False)
    plain, of_4, of_2 = (f"{folder}/libleaf.so.3" for folder in (top, *folders))
    if ran.returncode or of_4.encode() not in (tmp_path / "cache").read_bytes():
        pytest.skip("this ldconfig knows no glibc-hwcaps")
    assert read_cache(cache, levels)["libleaf.so.3"] == (of_4, of_2, plain)
    assert read_cache(cache, levels[1:])["libleaf.so.3"] == (of_2, plain)
    assert read_cache(cache, ())["libleaf.so.3"] == (plain,)
    first, *rest = read_cache(cache)["libleaf.so.3"]
    assert first == plain
    assert set(rest) == {of_4, of_2}
