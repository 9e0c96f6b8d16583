"""Asking a server that answers well, badly, late or not at all; each trouble is one line without an address."""

from __future__ import annotations

import gzip
import re
import socket
import subprocess
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING

import pytest
from loopback import Answer

from envdoctor import __version__
from envdoctor.published import session as asking
from envdoctor.published.fetching import FRESH_SECONDS, MOST_BYTES, fetch_page
from envdoctor.published.session import Session
from envdoctor.published.settings import Settings
from envdoctor.published.store import Store
from envdoctor.published.trouble import Dead
from envdoctor.published.unreachable import NotThere, Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loopback import Loopback

TEXT = b'<a href="torch-2.14.0-cp312-cp312-win_amd64.whl">torch</a>'


def reason(session: Session, url: str) -> str:
    with pytest.raises(Unreachable) as caught:
        fetch_page(session, url)
    said = caught.value.reason
    assert "\n" not in said
    assert "://" not in said
    assert "127.0.0.1" not in said
    return said


def test_a_page_is_read_and_we_say_who_asks(server: Loopback, session: Session) -> None:
    server.answers["/simple/torch/"] = Answer(TEXT)
    page = fetch_page(session, f"{server.base}/simple/torch/")
    assert (page.body, page.kind, page.url) == (TEXT, "text/html", f"{server.base}/simple/torch/")
    ((_, headers),) = server.asked
    assert headers["user-agent"] == f"envdoctor/{__version__}"
    assert headers["accept"].startswith("application/vnd.pypi.simple.v1+json")
    assert session.received == len(TEXT)


def test_a_packed_page_is_unpacked(server: Loopback, session: Session) -> None:
    server.answers["/p/"] = Answer(gzip.compress(TEXT), headers={"Content-Encoding": "gzip"})
    assert fetch_page(session, f"{server.base}/p/").body == TEXT


STATUSES = {
    401: "asks for a login",
    403: "refuses access",
    429: "asks to come back later",
    204: "gives no usable answer",
}


@pytest.mark.parametrize("status", STATUSES)
def test_a_refusal_is_said_and_not_tried_again(server: Loopback, session: Session, status: int) -> None:
    server.answers["/p/"] = Answer(b"", status=status)
    assert reason(session, f"{server.base}/p/") == f"{STATUSES[status]} (status {status})"
    assert len(server.asked) == 1


def test_what_is_not_there_is_another_answer_than_silence(server: Loopback, session: Session) -> None:
    with pytest.raises(NotThere):
        fetch_page(session, f"{server.base}/nothing/")


def test_a_server_that_fails_is_asked_three_times(server: Loopback, session: Session) -> None:
    server.answers["/p/"] = Answer(b"", status=503)
    assert reason(session, f"{server.base}/p/") == "failed (status 503)"
    assert len(server.asked) == 3


def test_a_page_that_breaks_off_is_asked_for_again(server: Loopback, session: Session) -> None:
    def second_time(handler: BaseHTTPRequestHandler) -> None:
        server.answers["/p/"] = Answer(TEXT)
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(TEXT)))
        handler.end_headers()
        handler.wfile.write(TEXT[:10])
        handler.close_connection = True

    server.answers["/p/"] = second_time
    assert fetch_page(session, f"{server.base}/p/").body == TEXT
    assert len(server.asked) == 2


def test_a_server_that_always_breaks_off_is_given_up(server: Loopback, session: Session) -> None:
    server.answers["/p/"] = Answer(TEXT, cut=10)
    assert reason(session, f"{server.base}/p/") == "broke off the connection"
    assert len(server.asked) == 3


def test_a_server_that_falls_silent_is_not_waited_for_twice(server: Loopback) -> None:
    server.answers["/p/"] = lambda _: time.sleep(2)
    with Session(Settings(), Store(None), seconds=0.3) as hasty:
        assert reason(hasty, f"{server.base}/p/") == "fell silent for 0.3 s"
    assert len(server.asked) == 1


def test_a_server_that_drips_is_given_up(server: Loopback, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/html")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b"1\r\n<\r\n")
            time.sleep(0.05)

    server.answers["/p/"] = drip
    monkeypatch.setattr(asking, "WHOLE_SECONDS", 0.1)
    assert reason(session, f"{server.base}/p/").startswith("is too slow")


def test_one_that_drips_into_a_length_it_named_is_given_up(
    server: Loopback, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A block of the body would take hours to fill, and a clock that is looked at between blocks would never strike."""

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/html")
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b"<")
            time.sleep(0.05)

    server.answers["/p/"] = drip
    monkeypatch.setattr(asking, "WHOLE_SECONDS", 0.1)
    assert reason(session, f"{server.base}/p/").startswith("is too slow")


def test_a_page_that_unpacks_without_end_is_given_up(server: Loopback, session: Session) -> None:
    body = gzip.compress(bytes(MOST_BYTES + 1), 9)
    server.answers["/p/"] = Answer(body, headers={"Content-Encoding": "gzip"})
    assert reason(session, f"{server.base}/p/") == "sends more than 16 MiB"


def test_what_is_packed_badly_is_said(server: Loopback, session: Session) -> None:
    server.answers["/p/"] = Answer(b"not packed at all", headers={"Content-Encoding": "gzip"})
    assert reason(session, f"{server.base}/p/") == "sent what cannot be unpacked"


def test_what_is_no_page_of_links_is_said(server: Loopback, session: Session) -> None:
    server.answers["/p/"] = Answer(b"\x89PNG", kind="image/png")
    assert reason(session, f"{server.base}/p/") == "answers with 'image/png', which is no page of links"


def test_a_redirect_is_followed_and_links_start_from_its_end(server: Loopback, session: Session) -> None:
    server.answers["/p/"] = Answer(status=301, headers={"Location": "/elsewhere/torch/"})
    server.answers["/elsewhere/torch/"] = Answer(TEXT)
    assert fetch_page(session, f"{server.base}/p/").url == f"{server.base}/elsewhere/torch/"


@pytest.mark.parametrize("location", ["/p/", "file:///etc/passwd", "http://[", "nosuch://x"])
def test_a_redirect_that_leads_nowhere_is_said(server: Loopback, session: Session, location: str) -> None:
    server.answers["/p/"] = Answer(status=302, headers={"Location": location})
    assert reason(session, f"{server.base}/p/") in (
        "sends from one address to the next without end",
        "has an address that cannot be used",
    )


@pytest.mark.parametrize("url", ["http://[/p/", "http://", "nosuch://host/p/", "http://a b/", "http://host:99999/", ""])
def test_an_address_that_is_none_is_said(session: Session, url: str) -> None:
    assert reason(session, url) in ("has an address that cannot be used", "cannot be asked (InvalidURL)")


def test_a_dead_host_is_asked_once(session: Session) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, and nobody listens
        port = closed.getsockname()[1]
        assert reason(session, f"http://127.0.0.1:{port}/torch/") == "cannot be reached: connection refused"
    with pytest.raises(Dead):  # though somebody might listen by now
        fetch_page(session, f"http://127.0.0.1:{port}/torchvision/")


def test_a_name_that_does_not_exist_is_said(session: Session) -> None:
    assert (
        reason(session, "http://no-such-host.invalid/") == "cannot be found: no network, or a name that does not exist"
    )


def test_a_login_is_given_to_its_host_alone(server: Loopback, session: Session) -> None:
    """Also for addresses on a page, which are relative or spell the host out without it."""
    other = server.base.replace("127.0.0.1", "localhost")
    server.answers["/p/"] = Answer(TEXT)
    server.answers["/away/"] = Answer(status=302, headers={"Location": f"{other}/p/"})
    plain = session.without_login(f"{server.base.replace('//', '//me:wo%2Frd@')}/p/")
    assert plain == f"{server.base}/p/"
    for url in (plain, f"{other}/p/", f"{server.base}/away/"):
        fetch_page(session, url)
    sent = [(path, headers.get("authorization")) for path, headers in server.asked]
    login = "Basic bWU6d28vcmQ="
    assert sent == [("/p/", login), ("/p/", None), ("/away/", login), ("/p/", None)]
    assert "wo" not in repr(session)


def test_a_login_from_netrc_is_used(
    server: Loopback, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password wo/rd\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server.answers["/p/"] = Answer(TEXT)
    fetch_page(session, f"{server.base}/p/")
    assert server.asked[0][1]["authorization"] == "Basic bWU6d28vcmQ="


def test_cookies_are_neither_kept_nor_sent(server: Loopback, session: Session) -> None:
    server.answers["/p/"] = Answer(TEXT, headers={"Set-Cookie": "track=1"})
    fetch_page(session, f"{server.base}/p/")
    fetch_page(session, f"{server.base}/p/")
    assert ["cookie" in headers for _, headers in server.asked] == [False, False]


def test_a_page_is_remembered_and_then_asked_about(server: Loopback, store: Store) -> None:
    clock = [1000.0]
    server.answers["/p/"] = Answer(TEXT, headers={"ETag": '"one"', "Last-Modified": "Sat, 21 Nov 2026 10:00:00 GMT"})

    def page() -> bytes:
        with Session(Settings(), store, now=lambda: clock[0]) as session:
            return fetch_page(session, f"{server.base}/p/").body

    assert page() == TEXT
    assert page() == TEXT
    assert len(server.asked) == 1
    clock[0] += FRESH_SECONDS
    server.answers["/p/"] = Answer(b"", status=304)
    assert page() == TEXT
    assert server.asked[1][1]["if-none-match"] == '"one"'
    assert server.asked[1][1]["if-modified-since"] == "Sat, 21 Nov 2026 10:00:00 GMT"
    assert page() == TEXT
    assert len(server.asked) == 2, "what was confirmed is fresh again"
    clock[0] += FRESH_SECONDS
    server.answers["/p/"] = Answer(b"new")
    assert page() == b"new"
    clock[0] = 5.0  # the clock was set back
    assert page() == b"new"
    assert len(server.asked) == 4


def test_an_old_page_is_no_answer_when_the_index_is_away(server: Loopback, store: Store) -> None:
    clock = [1000.0]
    server.answers["/p/"] = Answer(TEXT)
    with Session(Settings(), store, now=lambda: clock[0]) as session:
        fetch_page(session, f"{server.base}/p/")
        clock[0] += FRESH_SECONDS
        server.answers["/p/"] = Answer(status=500)
        assert reason(session, f"{server.base}/p/") == "failed (status 500)"


def test_who_logs_in_otherwise_does_not_get_the_page_of_another(server: Loopback, store: Store) -> None:
    server.answers["/p/"] = Answer(TEXT)
    for user in ("", "me:word@", "you:word@"):
        with Session(Settings(), store) as session:
            fetch_page(session, session.without_login(f"{server.base.replace('//', f'//{user}')}/p/"))
    assert len(server.asked) == 3


def test_a_304_that_nobody_asked_for_is_no_page(server: Loopback, session: Session) -> None:
    server.answers["/p/"] = Answer(b"", status=304)
    assert reason(session, f"{server.base}/p/") == "gives no usable answer (status 304)"


def test_a_proxy_of_pip_is_used(server: Loopback) -> None:
    server.answers["http://index.example/p/"] = Answer(TEXT)
    with Session(Settings(proxy=server.base), Store(None)) as session:
        assert fetch_page(session, "http://index.example/p/").body == TEXT


def test_a_dead_proxy_is_said() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        proxy = f"http://me:word@127.0.0.1:{closed.getsockname()[1]}"
        with Session(Settings(proxy=proxy), Store(None)) as session:
            assert reason(session, "http://index.example/p/") == "is behind a proxy that does not answer or refuses"


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The server's address over TLS, and the file of its certificate, which nobody knows."""
    import ssl
    import threading
    from http.server import HTTPServer

    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    made = subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)),
        ],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("openssl makes no certificate here")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(TEXT)

        def log_message(self, *_: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    here = HTTPServer(("127.0.0.1", 0), Handler)
    here.socket = context.wrap_socket(here.socket, server_side=True, do_handshake_on_connect=False)
    here.handle_error = lambda *_: None  # type: ignore[method-assign]
    threading.Thread(target=here.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"https://localhost:{here.server_address[1]}", str(certificate)
    here.shutdown()
    here.server_close()


def test_a_certificate_nobody_knows_is_said(secure: tuple[str, str]) -> None:
    url, certificate = secure
    with Session(Settings(), Store(None)) as session:
        assert reason(session, url) == "has a certificate that cannot be verified"
    for settings in (
        Settings(certificates=certificate),
        Settings(trusted=("localhost",)),
        Settings(trusted=(re.sub("https://", "", url),)),
    ):
        with Session(settings, Store(None)) as session:
            assert fetch_page(session, url).body == TEXT


def test_a_file_of_certificates_that_is_gone_is_said(secure: tuple[str, str]) -> None:
    with Session(Settings(certificates="/no/such/file.pem"), Store(None)) as session:
        assert reason(session, secure[0]) == "needs a file of certificates that cannot be read"


def test_a_page_on_the_disk_is_read(tmp_path: Path, session: Session) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "index.html").write_bytes(TEXT)
    url = (tmp_path / "torch").as_uri()
    assert fetch_page(session, url) == fetch_page(session, f"{url}/")
    assert fetch_page(session, url).url == f"{url}/"
    with pytest.raises(NotThere):
        fetch_page(session, (tmp_path / "torchvision").as_uri())
