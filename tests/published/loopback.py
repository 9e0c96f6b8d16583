"""A server on the loopback that answers as a test says, badly too, and ends with it."""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HTML = "text/html; charset=utf-8"


@dataclass
class Answer:
    """What one address gives. `cut` ends the connection after that many bytes of the body."""

    body: bytes = b""
    kind: str = HTML
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    ranges: bool = False
    suffixes: bool = True


@dataclass
class Loopback:
    """`answers` by path, each an Answer or a function that writes to the handler; `asked` is what came in."""

    base: str
    answers: dict[str, Answer | Callable[[BaseHTTPRequestHandler], None]]
    asked: list[tuple[str, dict[str, str]]]

    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


def wanted(handler: BaseHTTPRequestHandler, answer: Answer) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers, for the range that is asked for if the answer has ranges."""
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", handler.headers.get("Range", ""))
    if not (answer.ranges and match):
        return answer.status, answer.body, {}
    size = len(answer.body)
    if not match[1] and not answer.suffixes:
        return 416, b"", {}
    first = int(match[1]) if match[1] else max(0, size - int(match[2]))
    last = min(int(match[2]), size - 1) if match[1] and match[2] else size - 1
    return 206, answer.body[first : last + 1], {"Content-Range": f"bytes {first}-{last}/{size}"}


@contextmanager
def loopback() -> Iterator[Loopback]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            here.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            answer = here.answers.get(path, Answer(b"no such page", status=404))
            if not isinstance(answer, Answer):
                answer(self)
                return
            status, body, headers = wanted(self, answer)
            self.send_response(status)
            for name, value in {"Content-Type": answer.kind, **answer.headers, **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body if answer.cut is None else body[: answer.cut])
            if answer.cut is not None:
                self.close_connection = True

        do_HEAD = do_GET  # noqa: N815 - as http.server calls it

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that hangs up early is what some tests are about."""

    with Server(("127.0.0.1", 0), Handler) as server:
        here = Loopback(f"http://127.0.0.1:{server.server_address[1]}", {}, [])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield here
        finally:
            server.shutdown()
            thread.join()
