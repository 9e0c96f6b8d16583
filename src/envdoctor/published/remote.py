"""A wheel read in part: the list at the end of the archive, then single members."""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

from envdoctor.published.local import existing, path_of
from envdoctor.published.trouble import Refused
from envdoctor.published.unreachable import Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from remotezip import PartialBuffer

    from envdoctor.published.session import Reply, Session

MOST_BYTES = 256 * 1024 * 1024
"""Bytes of one part; the list of torch 2.14.0 has 1.2 MB, its libtorch_python.so 10 MB (34 MB unpacked)."""

CONTENT_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})", re.ASCII)
OTHER_PARTS = "sends other parts of the file than were asked for"
NO_RANGES = "gives no parts of files (no ranges), so the wheel would have to be downloaded whole"


@contextmanager
def opened(url: str, session: Session) -> Iterator[zipfile.ZipFile]:
    """Open a wheel for reading single members. Raises `Unreachable`, also for what goes wrong inside the block."""
    from remotezip import RemoteZip, RemoteZipError

    path = path_of(url)
    try:
        local = zipfile.ZipFile(existing(path)) if path is not None else None
        with local or RemoteZip(url, session=session, fetcher=Parts) as archive:
            yield archive
    # What a damaged or hostile archive makes zipfile raise, and OSError for a file of this machine.
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, OverflowError):
        raise Unreachable("holds an archive that cannot be read") from None
    except (RemoteZipError, ValueError, OSError):
        raise Unreachable("cannot be read as a wheel") from None


def member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes | None:
    """Return a member of at most `limit` bytes; None where there is none of that name. Raises `Unreachable`."""
    try:
        info = archive.getinfo(name)
    except KeyError:
        return None
    if max(info.file_size, info.compress_size) > limit:
        raise Unreachable(f"holds a {name.rpartition('/')[2]} of more than {limit >> 10} KiB")
    with archive.open(info) as file:
        return file.read(info.file_size)  # without a number zipfile unpacks all there is, whatever size it names


class Parts:
    """What `remotezip.RemoteZip` fetches with: it asks for ranges through our session, bounded and with retries."""

    def __init__(self, url: str, session: Session, support_suffix_range: bool = True) -> None:  # noqa: ARG002
        self._url = url
        self._session = session

    def fetch(self, data_range: tuple[int, int | None], stream: bool = False) -> PartialBuffer:
        """Return the bytes from the first to the last position, or with (-N, None) the last N. Raises `Unreachable`."""
        from remotezip import PartialBuffer

        first, last = data_range
        if last is None:
            reply, begins = self._end(-first)
        else:
            reply, begins = self._part(f"{first}-{last}")
            if begins != first or len(reply.body) != last - first + 1:
                raise Unreachable(OTHER_PARTS)
        return PartialBuffer(io.BytesIO(reply.body), begins, len(reply.body), stream)

    def _end(self, count: int) -> tuple[Reply, int]:
        """Return the last bytes; a server that knows no "the last N" is asked for the length first."""
        try:
            reply, begins = self._part(f"-{count}")
        except Refused:
            total = int(self._part("0-0")[0].headers["content-range"].rpartition("/")[2])
            return self._part(f"{max(0, total - count)}-{total - 1}")
        return reply, begins

    def _part(self, words: str) -> tuple[Reply, int]:
        headers = {"Range": f"bytes={words}", "Accept-Encoding": "identity"}
        try:
            reply = self._session.ask(self._url, headers, limit=MOST_BYTES, usable=(206,))
        except Refused as problem:
            if problem.status == 200:  # the whole file, of which not a byte was read
                raise Refused(NO_RANGES, 200) from None
            raise
        match = CONTENT_RANGE.fullmatch(reply.headers.get("content-range", ""))
        if match is None or int(match[2]) - int(match[1]) + 1 != len(reply.body):
            raise Unreachable(OTHER_PARTS)
        if words.startswith("-") and int(match[3]) != int(match[2]) + 1:
            raise Unreachable(OTHER_PARTS)
        return reply, int(match[1])
