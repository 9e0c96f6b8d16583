"""A mirror on the loopback that lays the same wheels out in each way there is, asks for a login, and errs as told."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LAYOUTS = ("projects", "flat", "page", "json")
"""The folders below the server, each a base: pages a project, one folder a channel, one page for all, PEP 691."""


@dataclass
class Mirror:
    """A running mirror of the folders of wheels below `root`: `<root>/<channel>`, and `<root>/simple`.

    Every path but `/simple/` wants `login`, "user:password" as it is decoded, where there is one. `hidden` are the
    beginnings of file names that it lacks. `page` answers every page in their place: a status, headers, a body.
    `asked` are the paths in their order.
    """

    root: Path
    port: int
    login: str = ""
    hidden: tuple[str, ...] = ()
    wrong_hash: bool = False
    links: str = ""
    page: tuple[int, dict[str, str], bytes] | None = None
    asked: list[str] = field(default_factory=list)

    def base(self, layout: str, login: str = "") -> str:
        """The address of a base, with a login as it stands in addresses."""
        return f"http://{login and f'{login}@'}127.0.0.1:{self.port}/{layout}"

    @property
    def simple(self) -> str:
        """The index of all packages, which everybody may ask."""
        return f"http://127.0.0.1:{self.port}/simple/"

    def wheels(self, channel: str, project: str = "") -> list[Path]:
        """The wheels of a channel, of one project where that is named."""
        found = sorted((self.root / channel).glob(f"{project.replace('-', '_')}-*.whl" if project else "*.whl"))
        return [path for path in found if not path.name.startswith(self.hidden or "\0")]

    def linked(self, path: Path, kind: str) -> tuple[str, str]:
        """The address of a wheel, below the channel, and its hash as the mirror tells it."""
        digest = "0" * 64 if self.wrong_hash else hashlib.sha256(path.read_bytes()).hexdigest()
        return f"{self.links}/{kind}/{path.parent.name}/{quote(path.name)}", digest

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """What it says to a path."""
        parts = path.strip("/").split("/")
        if len(parts) > 1 and parts[-1].endswith(".whl"):
            file = self.root / parts[-2] / parts[-1]
            return (200, {"Content-Type": "application/octet-stream"}, file.read_bytes()) if file.is_file() else GONE
        if self.page is not None and parts[0] != "simple":
            return self.page
        kind, channel, project = (*parts, "", "")[:3]
        at = kind
        if kind == "simple":
            kind, channel, project = "projects", "simple", channel
        if kind == "page":
            wheels = [one for folder in self.root.iterdir() for one in self.wheels(folder.name) if parts[1:] == [PAGE]]
        elif bool(project) != (kind in ("projects", "json")) or not channel:
            return GONE
        else:
            wheels = self.wheels(channel, project)
        if not wheels:
            return GONE
        links = [(one.name, *self.linked(one, at)) for one in wheels]
        if kind == "json":
            files = [{"filename": name, "url": url, "hashes": {"sha256": told}} for name, url, told in links]
            body = {"meta": {"api-version": "1.0"}, "name": project, "files": files}
            return 200, {"Content-Type": "application/vnd.pypi.simple.v1+json"}, json.dumps(body).encode()
        lines = (f'<a href="{url}#sha256={told}">{name}</a><br>' for name, url, told in links)
        return 200, {"Content-Type": "text/html"}, f"<!DOCTYPE html><body>{''.join(lines)}</body>".encode()


PAGE = "torch_stable.html"
GONE = (404, {"Content-Type": "text/plain"}, b"no such page")
WHO = (401, {"WWW-Authenticate": 'Basic realm="wheels"'}, b"who are you")


@contextmanager
def mirroring(root: Path) -> Iterator[Mirror]:
    """Serve until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = unquote(self.path.partition("?")[0])
            here.asked.append(path)
            given = self.headers.get("Authorization", "")
            expected = f"Basic {base64.b64encode(here.login.encode()).decode()}"
            may = not here.login or path.startswith("/simple/") or given == expected
            status, headers, body = here.answer(path) if may else WHO
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """An installer that goes away in the midst of an answer is no fault of the test."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    here = Mirror(root, server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
