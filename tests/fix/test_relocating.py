"""A path is changed where it is that path, and the way back restores every byte."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tree_digest import tree_digest

from envdoctor.fix.relocating import is_plain, relocate

OLD = "/x/.venv"
NEW = "/x/.venv.envdoctor/new"


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """An environment that says it is at OLD."""
    (tmp_path / "env" / "lib" / "site-packages").mkdir(parents=True)
    return tmp_path / "env"


def written(environment: Path, text: str | bytes, name: str = "text") -> Path:
    path = environment / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    os.utime(path, ns=(1_500_000_000_000_000_001, 1_500_000_000_123_456_789))
    return path


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("#!/x/.venv/bin/python\n", "#!/x/.venv.envdoctor/new/bin/python\n"),
        (
            "#!/bin/sh\n'''exec' \"/x/.venv/bin/python\" \"$0\" \"$@\"\n' '''\n",
            "#!/bin/sh\n'''exec' \"/x/.venv.envdoctor/new/bin/python\" \"$0\" \"$@\"\n' '''\n",
        ),
        ("VIRTUAL_ENV=/x/.venv\nexport", "VIRTUAL_ENV=/x/.venv.envdoctor/new\nexport"),
        ("setenv VIRTUAL_ENV '/x/.venv'", "setenv VIRTUAL_ENV '/x/.venv.envdoctor/new'"),
        ("PATH=/a:/x/.venv:/b", "PATH=/a:/x/.venv.envdoctor/new:/b"),
        ("/x/.venv", "/x/.venv.envdoctor/new"),
        ('{"url": "file:///x/.venv/src/mine"}', '{"url": "file:///x/.venv.envdoctor/new/src/mine"}'),
        ("MAPPING = {'a': '/x/.venv/src/a'}\r\n", "MAPPING = {'a': '/x/.venv.envdoctor/new/src/a'}\r\n"),
        (b"\xff\xfe /x/.venv/\xe9", b"\xff\xfe /x/.venv.envdoctor/new/\xe9"),
    ],
)
def test_a_path_is_changed_as_texts_write_it(before: str | bytes, after: str | bytes, environment: Path) -> None:
    path = written(environment, before)
    was = tree_digest(environment)
    assert relocate(str(environment), OLD, NEW) == 1
    assert path.read_bytes() == (after if isinstance(after, bytes) else after.encode())
    now = tree_digest(environment)
    assert {name: seen._replace(content="") for name, seen in now.items()} == {
        name: seen._replace(content="") for name, seen in was.items()
    }
    assert relocate(str(environment), NEW, OLD) == 1
    assert tree_digest(environment) == was


@pytest.mark.parametrize(
    "text",
    [
        "/x/.venv2/bin", "/x/.venv-old", "/x/.venv.bak", "/x/.venv.envdoctor/old/bin", "/srv/x/.venv/bin", "a/x/.venv",
        "/x/.venvé", "file:///x/.venv%20b", "~/x/.venv", "/x/.ven", b"\0/x/.venv/bin", b"/x/.venv\xe9", "", "/X/.venv",
    ],
)  # fmt: skip
def test_what_is_another_path_or_no_text_stays(text: str | bytes, environment: Path) -> None:
    written(environment, text)
    was = tree_digest(environment)
    assert relocate(str(environment), OLD, NEW) == 0
    assert tree_digest(environment) == was


@pytest.mark.parametrize("name", ["m.cpython-311.pyc", "lib.so", "a.whl"])
def test_what_has_the_name_of_no_text_is_not_opened(name: str, environment: Path) -> None:
    written(environment, "/x/.venv/bin", name)
    assert relocate(str(environment), OLD, NEW) == 0


def test_a_large_text_stays(environment: Path) -> None:
    written(environment, b"/x/.venv/bin\n" * 400_000)
    assert relocate(str(environment), OLD, NEW) == 0


@pytest.mark.parametrize(
    ("old", "text"),
    [
        ("/x/my env", '"file:///x/my%20env/src" "/x/my env/bin"'),
        ("/x/it's", "VIRTUAL_ENV='/x/it'\"'\"'s'\n\"/x/it's/bin\""),
        ("/x/büro", '"/x/b\\u00fcro/bin" "/x/büro/bin" file:///x/b%C3%BCro/src'),
    ],
)
def test_the_spellings_of_an_odd_path(old: str, text: str, environment: Path) -> None:
    path = written(environment, text)
    was = tree_digest(environment)
    new = f"{old}.envdoctor/new"
    assert relocate(str(environment), old, new) == 1
    assert path.read_text().count(".envdoctor/new") == text.count("/x/")
    relocate(str(environment), new, old)
    assert tree_digest(environment) == was


@pytest.mark.parametrize(
    ("leads", "after"),
    [
        ("/x/.venv/lib", "/x/.venv.envdoctor/new/lib"),
        ("/x/.venv", "/x/.venv.envdoctor/new"),
        ("/x/.venv2/lib", "/x/.venv2/lib"),
        ("/usr/bin/python3", "/usr/bin/python3"),
        ("lib/python", "lib/python"),
        ("../lib", "../lib"),  # from bin
        ("../../base/python", "../../../base/python"),
        ("../../../y", "../../../../y"),
        ("../..", "../../.."),
        ("../../.venv/lib", "../../../.venv/lib"),
        ("./../../base/python", "./../../base/python"),  # no way back
    ],
)
def test_links_lead_to_the_same_thing_in_the_copy(leads: str, after: str, environment: Path) -> None:
    link = environment / "bin" / "link"
    link.parent.mkdir()
    link.symlink_to(leads)
    os.utime(link, ns=(1, 1_400_000_000_000_000_007), follow_symlinks=False)
    was = tree_digest(environment)
    relocate(str(environment), OLD, NEW)
    assert os.readlink(link) == after
    assert link.lstat().st_mtime_ns == 1_400_000_000_000_000_007
    relocate(str(environment), NEW, OLD)
    assert tree_digest(environment) == was


def test_a_link_is_not_written_through(environment: Path, tmp_path: Path) -> None:
    outside = written(tmp_path, "/x/.venv/bin", "cached.py")
    (environment / "cached.py").symlink_to(outside)
    assert relocate(str(environment), OLD, NEW) == 0
    assert outside.read_text() == "/x/.venv/bin"


def test_nor_a_further_name(environment: Path, tmp_path: Path) -> None:
    cached = written(tmp_path, "/x/.venv/bin", "cached.py")
    (environment / "linked.py").hardlink_to(cached)
    assert relocate(str(environment), OLD, NEW) == 1
    assert (environment / "linked.py").read_text() == "/x/.venv.envdoctor/new/bin"
    assert cached.read_text() == "/x/.venv/bin"


def test_what_is_read_only_is_rewritten_and_stays_read_only(environment: Path) -> None:
    path = written(environment, "/x/.venv/bin", "closed/text")
    path.chmod(0o444)
    path.parent.chmod(0o555)
    was = tree_digest(environment)
    assert relocate(str(environment), OLD, NEW) == 1
    assert tree_digest(environment)["closed"] == was["closed"]
    relocate(str(environment), NEW, OLD)
    assert tree_digest(environment) == was
    path.parent.chmod(0o755)


def digest(text: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}=" + base64.urlsafe_b64encode(hashlib.new(algorithm, text).digest()).rstrip(b"=").decode()


def test_record_tells_the_digests_of_what_was_rewritten(environment: Path) -> None:
    script, hook, same = b"#!/x/.venv/bin/python\n", b"'/x/.venv/src'\n", b"x = 1\n"
    written(environment, script, "bin/run")
    written(environment, script, "bin/of old pip")
    written(environment, script, "bin/a,b")
    written(environment, script, "bin/edited")
    written(environment, hook, "lib/site-packages/hook.py")
    written(environment, same, "lib/site-packages/same.py")
    lines = [
        f"../../bin/run,{digest(script)},{len(script)}",
        f"/x/.venv/bin/of old pip,{digest(script, 'sha512')},{len(script)}",
        f'"../../bin/a,b",{digest(script)},{len(script)}',
        f"../../bin/edited,{digest(b'as it was installed')},19",
        f"hook.py,{digest(hook)},{len(hook)}\r",
        f"same.py,{digest(same)},{len(same)}",
        f"__pycache__/hook.cpython-311.pyc,,\nother/run,{digest(same)},{len(same)}",
        "mine-1.0.dist-info/RECORD,,",
    ]
    record = written(environment, "\n".join(lines) + "\n", "lib/site-packages/mine-1.0.dist-info/RECORD")
    was = tree_digest(environment)
    assert relocate(str(environment), OLD, NEW) == 6

    moved, changed = script.replace(b".venv", b".venv.envdoctor/new"), hook.replace(b".venv", b".venv.envdoctor/new")
    assert record.read_bytes().decode().split("\n")[:-1] == [
        f"../../bin/run,{digest(moved)},{len(moved)}",
        f"/x/.venv.envdoctor/new/bin/of old pip,{digest(moved, 'sha512')},{len(moved)}",
        f'"../../bin/a,b",{digest(moved)},{len(moved)}',
        lines[3],
        f"hook.py,{digest(changed)},{len(changed)}\r",
        *"\n".join(lines[5:]).split("\n"),
    ]
    relocate(str(environment), NEW, OLD)
    assert tree_digest(environment) == was


def test_a_compiled_module_goes_where_size_and_time_would_not_tell(environment: Path) -> None:
    written(environment, "'/x/.venv/src'\n", "lib/hook.py")
    stale = written(environment, b"\0compiled", "lib/__pycache__/hook.cpython-311.pyc")
    other = written(environment, b"\0compiled", "lib/__pycache__/hook_two.cpython-311.pyc")
    relocate(str(environment), OLD, NEW)
    assert stale.exists()
    relocate(str(environment), NEW, "/y/.copy.envdoctor/new")
    assert not stale.exists()
    assert other.exists()


@pytest.mark.parametrize("path", ["/x/.venv", "/home/ü/a+b@c/.venv", "/x/a~b%c"])
def test_a_plain_path(path: str) -> None:
    assert is_plain(path)


@pytest.mark.parametrize("path", ["/x/my env", "/x/it's", '/x/"', "/x/$HOME", "/x/a\nb", "/x/a;b", ""])
def test_a_path_that_needs_quotation(path: str) -> None:
    assert not is_plain(path)


NAMES = st.text(st.sampled_from("ab.-_ 'é%:\"\\"), min_size=1, max_size=4).filter(lambda name: name not in (".", ".."))
PLACES = st.lists(NAMES, min_size=1, max_size=3).map(lambda names: "/" + "/".join(names))
PIECES = ("/", "file://", "'", '"', " ", "\n", "=", "a", ".envdoctor", "/new", ":", "\\", "é")
RELATIVE = st.lists(st.sampled_from(("..", "..", ".", "b", ".venv")), min_size=1, max_size=5).map("/".join)


@settings(max_examples=300)
@given(old=PLACES, data=st.data())
def test_there_and_back_is_as_it_was(old: str, data: st.DataObject) -> None:
    new = f"{old}.envdoctor/new"
    piece = st.sampled_from([old, quote(old), *PIECES])
    texts = data.draw(st.lists(st.lists(piece, max_size=8).map("".join), min_size=1, max_size=3))
    assume(not any(new in text or quote(new) in text for text in texts))
    with TemporaryDirectory() as folder:
        root = Path(folder)
        for number, text in enumerate(texts):
            (root / f"{number}").write_text(text)
        (root / "d").mkdir()
        (root / "d" / "link").symlink_to(data.draw(st.one_of(st.sampled_from([old, f"{old}/a", "/b"]), RELATIVE)))
        was = tree_digest(root)
        relocate(folder, old, new)
        relocate(folder, new, old)
        assert tree_digest(root) == was
