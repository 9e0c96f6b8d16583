"""How a mirror is laid out, asked of servers that answer well, badly and not at all."""

from __future__ import annotations

import base64
import gzip
import json
import threading
import time
import warnings
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from loopback import Answer, Loopback

from envdoctor.published import layout as layouts
from envdoctor.published.fetching import HTML, JSON, Page
from envdoctor.published.layout import Probe, probe
from envdoctor.published.links import files_of
from envdoctor.published.sizes import size_of_wheel

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

TORCH = "torch-2.8.0+cu126-cp311-cp311-manylinux_2_28_x86_64.whl"
VISION = "torchvision-0.23.0+cu126-cp311-cp311-manylinux_2_28_x86_64.whl"
OLD = "torch-2.7.1+cu126-cp311-cp311-manylinux_2_28_x86_64.whl"
WANTED = {"torch": "2.8.0+cu126", "torchvision": "0.23.0+cu126"}
SHA = "0" * 64


def page(*names: str, tail: str = "") -> bytes:
    links = (f'<a href="{name.replace("+", "%2B")}{tail}">{name}</a>' for name in names)
    return f"<!DOCTYPE html><html><body>{'<br>'.join(links)}</body></html>".encode()


def ask(server: Loopback, base: str = "/whl", **options: Any) -> Probe:
    given = {"python": "cp311", "platform": "linux-x86_64", "seconds": 3.0, **options}
    return probe(f"{server.base}{base}", "cu126", given.pop("wanted", WANTED), **given)


FLAT_PAGES = {
    "percent": page(TORCH, VISION),
    "entity": page(TORCH, VISION).replace(b"%2B", b"&#43;"),
    "plain": page(TORCH, VISION).replace(b"%2B", b"+"),
    "nested": page(f"torch/{TORCH}", f"torchvision/{VISION}"),
    "absolute": page(f"/whl/cu126/{TORCH}", f"/whl/cu126/{VISION}"),
    "cut texts, capitals": f"<PRE><A HREF='{TORCH}'>torch-2.8..&gt;</A> 12-Mar\n<A\nHREF={VISION}>x".encode(),
    "with a base": f'<base href="/files/"><a href="{TORCH}">x</a><a href="{VISION}">x</a>'.encode(),
}  # fmt: skip


def test_a_page_a_project(server: Loopback) -> None:
    server.answers = {
        "/whl/cu126/torch/": Answer(page(OLD, TORCH, tail=f"#sha256={SHA}")),
        "/whl/cu126/torchvision/": Answer(page(VISION, tail=f"#sha256={SHA}")),
    }
    found = ask(server)
    assert (found.layout, found.reason, found.hosts, found.hashed, found.metadata) == ("projects", "", (), True, False)
    assert [one.file.filename for one in found.wanted if one.file] == [TORCH, VISION]
    assert server.paths() == ["/whl/cu126/torch/", "/whl/cu126/torchvision/"]


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("case", FLAT_PAGES)
def test_a_flat_page(case: str, status: int, server: Loopback) -> None:
    server.answers = {
        "/whl/cu126/torch/": Answer(b"no", status=status), "/whl/cu126/": Answer(FLAT_PAGES[case]),
    }  # fmt: skip
    found = ask(server)
    assert found.layout == "flat"
    assert [one.file.filename for one in found.wanted if one.file] == [TORCH, VISION]
    assert not found.hashed


def test_one_page_for_all_channels(server: Loopback) -> None:
    other = TORCH.replace("cu126", "cu128")
    server.answers = {"/whl/torch_stable.html": Answer(page(f"cu128/{other}", f"cu126/{TORCH}", f"cu126/{VISION}"))}
    found = ask(server)
    assert found.layout == "page"
    assert [one.file.filename for one in found.wanted if one.file] == [TORCH, VISION]
    server.answers = {"/whl/torch_stable.html": Answer(page(f"cu128/{other}"))}
    assert ask(server).layout is None


def test_the_json_form(server: Loopback) -> None:
    def document(name: str) -> Answer:
        entry = {"filename": name, "url": name.replace("+", "%2B"), "hashes": {"sha256": SHA}, "core-metadata": True}
        odd: list[object] = [{"filename": 3}, {"url": 4}, "no", {"url": "http://["}, {"url": "a.whl", "yanked": True}]
        said = {"meta": {"api-version": "1.1"}, "name": "torch", "files": [*odd, entry]}
        return Answer(json.dumps(said).encode(), JSON)

    server.answers = {"/whl/cu126/torch/": document(TORCH), "/whl/cu126/torchvision/": document(VISION)}
    found = ask(server)
    assert (found.layout, found.hashed, found.metadata) == ("projects", True, True)


def test_a_packed_and_redirected_page(server: Loopback) -> None:
    server.answers = {
        "/whl/cu126/torch/": Answer(status=302, headers={"Location": "/there/torch/"}),
        "/there/torch/": Answer(gzip.compress(page(TORCH)), headers={"Content-Encoding": "gzip"}),
        "/there/torch/x": Answer(),
    }
    found = ask(server, wanted={"torch": WANTED["torch"]})
    assert found.layout == "projects"
    assert found.wanted[0].file is not None
    assert found.wanted[0].file.url.startswith(f"{server.base}/there/torch/")


def test_links_to_other_hosts_are_named_without_what_opens_them(server: Loopback) -> None:
    server.answers = {"/whl/cu126/torch/": Answer(page(f"https://me:word@files.example:8443/whl/{TORCH}?key=abc"))}
    found = ask(server, wanted={"torch": WANTED["torch"]})
    assert found.hosts == ("files.example",)
    assert "word" not in repr(found)
    assert "abc" not in repr(found)


def test_what_is_not_there_for_this_python_is_told_with_the_newest_that_is(server: Loopback) -> None:
    for python, platform, newest in (
        ("cp311", "linux-x86_64", "2.7.1+cu126"), ("cp313", "linux-x86_64", None), ("cp311", "windows-x86_64", None),
    ):  # fmt: skip
        server.answers = {"/whl/cu126/": Answer(page(OLD, VISION))}
        torch, vision = ask(server, python=python, platform=platform).wanted
        assert (torch.file, torch.known, torch.newest) == (None, True, newest)
        assert (vision.file is not None) == (newest is not None)
    server.answers = {"/whl/cu126/torch/": Answer(page(TORCH)), "/whl/cu126/torchvision/": Answer(status=500)}
    torch, vision = ask(server).wanted
    assert (vision.known, vision.file) == (False, None)


def test_a_version_without_local_part_is_any_build_of_the_release(server: Loopback) -> None:
    server.answers = {"/whl/cu126/": Answer(page(OLD, TORCH))}
    for version, filename in (("2.8.0", TORCH), ("2.8.0+cpu", None)):
        (torch,) = ask(server, wanted={"torch": version}).wanted
        assert (torch.file.filename if torch.file else None) == filename


def test_a_withdrawn_wheel_is_there_for_who_names_it(server: Loopback) -> None:
    """As PEP 592 has it: an exact version is installed, though it is not what anybody is offered."""
    withdrawn = f'<a data-yanked="" href="{TORCH}">x</a>'.encode()
    server.answers = {"/whl/cu126/torch/": Answer(withdrawn + page(OLD))}
    (torch,) = ask(server, wanted={"torch": WANTED["torch"]}).wanted
    assert torch.file is not None
    assert torch.newest == "2.7.1+cu126"


def test_wheels_of_the_stable_abi_fit_later_pythons() -> None:
    files = files_of(
        Page("https://m/", HTML, page("torchvision-0.30.0+cu126-cp310-abi3-manylinux_2_28_x86_64.whl")),
        ("torchvision",),
    )
    assert [layouts._fits(files[0], python, "linux-x86_64") for python in ("cp39", "cp310", "cp314", None)] == [
        False, True, True, True,
    ]  # fmt: skip


NOTHING = {
    "no such page": (Answer(b"no", status=404), True, "/cu126/torch/ has no such page or file (status 404)"),
    "a page without wheels": (Answer(b"<html>Welcome</html>"), True, "lists no wheel of torch"),
    "refused": (Answer(b"no", status=403), True, "refuses access (status 403)"),
    "a login is asked for": (Answer(b"no", status=401), True, "asks for a login (status 401)"),
    "failing": (Answer(b"no", status=503), False, "failed (status 503)"),
    "no page of links": (Answer(b"{}", "application/json"), False, "which is no page of links"),
    "no JSON": (Answer(b"{", JSON), False, "cannot be read"),
    "redirected for ever": (Answer(status=302, headers={"Location": "/whl/cu126/torch/"}), False, "without end"),
    "cut off": (Answer(b"x" * 100, cut=10), False, "broke off"),
    "packed badly": (Answer(b"no gzip", headers={"Content-Encoding": "gzip"}), False, "unpacked"),
}


@pytest.mark.parametrize("case", NOTHING)
def test_what_each_address_answered_is_said(case: str, server: Loopback) -> None:
    answer, answered, reason = NOTHING[case]
    server.answers = dict.fromkeys(("/whl/cu126/torch/", "/whl/cu126/", "/whl/torch_stable.html"), answer)
    found = ask(server)
    assert (found.layout, found.answered) == (None, answered)
    assert reason in found.reason
    assert server.base not in found.reason


def test_a_server_that_is_not_there_or_says_nothing(server: Loopback) -> None:
    nobody = probe("http://127.0.0.1:9/whl", "cu126", WANTED, python=None, platform="linux-x86_64", seconds=3)
    assert (nobody.layout, nobody.answered) == (None, False)
    assert "connection refused" in nobody.reason

    def silent(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(1.5)

    server.answers = {"/whl/cu126/torch/": silent}
    found = ask(server, seconds=0.3)
    assert (found.layout, found.answered) == (None, False)
    assert "fell silent" in found.reason


def test_a_server_that_drips_its_answer_is_not_waited_for(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """Piece by piece in time, so that no timeout of a socket ends it: the head of an answer."""
    ended = threading.Event()

    def dripping(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Endless: ")
        while not ended.wait(0.05):
            handler.wfile.write(b"x")

    server.answers = {"/whl/cu126/torch/": dripping}
    monkeypatch.setattr(layouts, "MOST_SECONDS", 0.5)
    try:
        found = ask(server)
    finally:
        ended.set()
    assert (found.layout, found.answered) == (None, False)
    assert "did not answer within 0.5 s" in found.reason


def test_a_login_opens_it_and_shows_nowhere(server: Loopback) -> None:
    def guarded(handler: BaseHTTPRequestHandler) -> None:
        right = base64.b64encode(b"me:p@ss").decode()
        body = page(TORCH, VISION) if handler.headers.get("Authorization") == f"Basic {right}" else b"no"
        handler.send_response(200 if body != b"no" else 401)
        handler.send_header("Content-Type", "text/html")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    server.answers = {"/whl/cu126/": guarded}
    host = server.base.removeprefix("http://")
    found = probe(f"http://me:p%40ss@{host}/whl", "cu126", WANTED, python="cp311", platform="linux-x86_64")
    assert found.layout == "flat"
    assert "p@ss" not in repr(found)
    assert "p%40ss" not in repr(found)
    without = ask(server)
    assert (without.layout, without.answered) == (None, True)
    assert "asks for a login" in without.reason


def test_sizes_are_asked_for_without_a_download(server: Loopback) -> None:
    wheel = f"/whl/cu126/{TORCH.replace('+', '%2B')}"
    server.answers = {"/whl/cu126/": Answer(page(TORCH, VISION)), wheel: Answer(b"x" * 1234)}
    found = ask(server, sizes=True)
    assert [one.size for one in found.wanted] == [1234, None], "that torchvision is linked and is not there"
    assert size_of_wheel(f"{server.base}{wheel}") == 1234
    assert size_of_wheel("http://127.0.0.1:9/a.whl") is None


def test_folders_of_this_machine(tmp_path: Path) -> None:
    def at(folder: Path) -> Probe:
        return probe(folder.as_uri(), "cu126", WANTED, python="cp311", platform="linux-x86_64", sizes=True)

    flat, projects = tmp_path / "flat it" / "cu126", tmp_path / "projects" / "cu126" / "torch"
    flat.mkdir(parents=True)
    projects.mkdir(parents=True)
    for name in (TORCH, VISION):
        (flat / name).write_bytes(b"12345")
    (projects / "index.html").write_bytes(page(TORCH))
    (projects / TORCH).write_bytes(b"123")
    found = at(flat.parent)
    assert (found.layout, found.hashed, [one.size for one in found.wanted]) == ("flat", True, [5, 5])
    assert (at(projects.parents[1]).layout, at(projects.parents[1]).wanted[0].size) == ("projects", 3)
    nothing = at(tmp_path / "nothing")
    assert (nothing.layout, "is not there" in nothing.reason) == (None, True)
    assert size_of_wheel((flat / TORCH).as_uri()) == 5


def test_a_real_index_server(tmp_path: Path) -> None:
    """The pages of pypiserver, whose "/simple/" stands where the folder of a channel would."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it brings a module that Python 3.13 has no more
        import pypiserver

    for name in (TORCH, OLD, VISION):
        (tmp_path / name).write_bytes(name.encode())
    app = pypiserver.app(roots=[str(tmp_path)], disable_fallback=True)
    with make_server("127.0.0.1", 0, app, handler_class=_Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        base = f"http://127.0.0.1:{server.server_port}"
        found = probe(base, "simple", WANTED, python="cp311", platform="linux-x86_64", sizes=True)
        server.shutdown()
        thread.join()
    assert (found.layout, found.hosts) == ("projects", ())
    assert [one.file.filename for one in found.wanted if one.file] == [TORCH, VISION]
    assert [one.size for one in found.wanted] == [len(TORCH), len(VISION)]


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


HOSTILE = {
    "links that never end": b"<a href=x>" * 200_000,
    "tags that never end": b"<a " * 500_000,
    "quotes that never end": b'<a href="' * 300_000,
    "declarations": b"<!" * 1_000_000,
    "comments": b"<!--" * 500_000,
    "attributes": b"<a " + b"x=y " * 500_000 + b">",
    "many links": page(*[TORCH] * 60_000),
    "bytes": bytes(range(256)) * 8000,
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_pages_do_no_harm(case: str) -> None:
    """No clock: what takes quadratic time never ends on pages of this size."""
    found = files_of(Page("https://mirror.example/whl/cu126/", HTML, HOSTILE[case]), ("torch",))
    assert len(found) == (case == "many links")


@pytest.mark.parametrize(
    "href",
    ["javascript:alert(1)/" + TORCH, "data:text/html," + TORCH, "file:///etc/" + TORCH, "http://[/" + TORCH,
     "//" + TORCH, "mailto:" + TORCH, "http://host:99999999/" + TORCH, ""],
)  # fmt: skip
def test_a_link_to_nowhere_is_no_wheel(href: str) -> None:
    assert files_of(Page("https://mirror.example/", HTML, f'<a href="{href}">x</a>'.encode()), ("torch",)) == ()


def test_what_a_link_says_of_its_file() -> None:
    told = 'data-requires-python="&gt;=3.10" data-dist-info-metadata="true" data-yanked=""'
    said = f'<a href="{TORCH}#sha256={SHA}" {told}>x</a>'
    (file,) = files_of(Page("https://mirror.example/", HTML, said.encode()), ("torch",))
    assert (file.sha256, file.requires_python, file.metadata, file.yanked) == (SHA, ">=3.10", True, "")
    assert file.url == f"https://mirror.example/{TORCH}"
