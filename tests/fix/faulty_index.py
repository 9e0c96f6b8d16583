"""An index on the loopback that serves wheels of a few bytes or megabytes, and fails as a test says."""

from __future__ import annotations

import base64
import hashlib
import io
import random
import socket
import struct
import threading
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Iterator

HALF = 2


class Fault(Enum):
    """What goes wrong with the files of one project."""

    CUT = "the connection is closed in the midst of the body"
    RESET = "the connection is reset in the midst of the body"
    STALL = "the body stops in its midst"
    WRONG_HASH = "the page states another hash"
    BROKEN_ZIP = "the wheel is half of one, with its own hash"
    NOT_FOUND = "the file is gone"
    FORBIDDEN = "the file is refused"
    SERVER = "the server has a fault of its own"


@dataclass
class FaultyIndex:
    """`wheels` by file name; `faults` by project; `asked` are the paths of files and pages, in order.

    `login` is `user:password` where the server demands one; `status` is the answer to every page, 200 for the page.
    With `metadata` the pages offer each wheel's METADATA by itself (PEP 658), so that a resolver needs no file;
    `kept` lets installers keep what they got.
    """

    port: int
    wheels: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    login: str = ""
    metadata: bool = True
    kept: bool = False
    status: int = 200
    ending: threading.Event = field(default_factory=threading.Event)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.base}/simple"

    @property
    def flat(self) -> str:
        return f"{self.base}/flat/"

    def add(
        self, name: str, version: str, requires: tuple[str, ...] = (), size: int = 0, tag: str = "py3-none-any"
    ) -> None:
        file, content = wheel(name, version, requires, size, tag)
        self.wheels[file] = content

    def files_asked(self) -> list[str]:
        return [path for path in self.asked if path.endswith(".whl")]

    def page(self, project: str) -> bytes | None:
        files = [file for file in self.wheels if not project or project_of(file) == project]
        offered = 'data-dist-info-metadata="true" data-core-metadata="true"' if self.metadata else ""
        links = (f'<a {offered} href="/files/{quote(file)}#sha256={self._hash(file)}">{file}</a><br>' for file in files)
        return f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode() if files else None

    def body(self, file: str) -> bytes:
        content = self.wheels[file]
        return content[: len(content) // HALF] if self.faults.get(project_of(file)) is Fault.BROKEN_ZIP else content

    def _hash(self, file: str) -> str:
        wrong = self.faults.get(project_of(file)) is Fault.WRONG_HASH
        return "0" * 64 if wrong else hashlib.sha256(self.body(file)).hexdigest()


def project_of(file: str) -> str:
    return file.partition("-")[0].replace("_", "-").lower()


def wheel(
    name: str, version: str, requires: tuple[str, ...] = (), size: int = 0, tag: str = "py3-none-any"
) -> tuple[str, bytes]:
    """File name and content of a wheel whose package holds `size` bytes that cannot be compressed."""
    folder = name.replace("-", "_")
    info = f"{folder}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {one}\n" for one in requires)
    files = {
        f"{folder}/__init__.py": f"__version__ = {version!r}\n".encode(),
        f"{folder}/weights.bin": random.Random(f"{name} {version}").randbytes(size),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}".encode(),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
    }
    record = "".join(f"{path},sha256={_digest(content)},{len(content)}\n" for path, content in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return f"{folder}-{version}-{tag}.whl", packed.getvalue()


def metadata(packed: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith("/METADATA")))


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


@contextmanager
def faulty_index() -> Iterator[FaultyIndex]:
    """Serve until the block ends; nothing of it is left then."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = unquote(self.path.partition("?")[0])
            here.asked.append(path)
            expected = "Basic " + base64.b64encode(unquote(here.login).encode()).decode()
            if here.login and self.headers.get("Authorization") != expected:
                self.answer(401, b"who are you", {"WWW-Authenticate": 'Basic realm="wheels"'})
            elif path.startswith("/files/"):
                self.file(path.rpartition("/")[2])
            elif here.status != 200:
                self.answer(here.status, b"no")
            else:
                page = here.page("" if path.startswith("/flat") else path.strip("/").rpartition("/")[2])
                self.answer(200 if page else 404, page or b"no such project", {"Content-Type": "text/html"})

        do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

        def file(self, name: str) -> None:
            fault = here.faults.get(project_of(name))
            status = {Fault.NOT_FOUND: 404, Fault.FORBIDDEN: 403, Fault.SERVER: 500}.get(fault) if fault else None
            if name.endswith(".metadata"):
                self.answer(200, metadata(here.wheels[name.removesuffix(".metadata")]))
            elif status or name not in here.wheels:
                self.answer(status or 404, b"no", fault=fault)
            else:
                self.answer(200, here.body(name), {"Content-Type": "application/octet-stream"}, fault)

        def answer(
            self, status: int, body: bytes, more: dict[str, str] | None = None, fault: Fault | None = None
        ) -> None:
            self.send_response(status)
            kept = {"Cache-Control": "max-age=3600"} if status == 200 and here.kept else {}
            # Said, not only done: a client would send its next request on a connection that is about to go.
            close = {"Connection": "close"} if fault else {}
            for name, value in {**(more or {}), **kept, **close, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            broken = fault in (Fault.CUT, Fault.RESET, Fault.STALL)
            try:
                if self.command != "HEAD":
                    self.wfile.write(body[: len(body) // HALF] if broken else body)
                    self.wfile.flush()
                if fault is Fault.STALL:
                    here.ending.wait(60)
                if fault is Fault.RESET:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    socket.close(self.connection.detach())
            except OSError:  # the installer has gone
                broken = True
            self.close_connection = self.close_connection or broken

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """An installer that goes away in the midst of an answer is no fault of the test."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    here = FaultyIndex(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield here
    finally:
        here.ending.set()
        server.shutdown()
        server.server_close()
        thread.join()
