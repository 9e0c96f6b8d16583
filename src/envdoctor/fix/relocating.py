"""An environment's own path in its own files, changed for that of a copy, and back again byte for byte.

What names the folder, read in environments of venv (3.8 to 3.13), virtualenv 21, uv 0.13, pip 20 to 26: scripts in
`bin` (`#!`, and the `/bin/sh` lines that pip and uv write where the path is long or has blanks), `activate*`,
`pyvenv.cfg`, `direct_url.json` and import hooks of editable projects below `src`. Others write it as well: kernels of
Jupyter, absolute links, RECORD with absolute paths. So every text is looked at, and no list of names is needed.

A text that is rewritten keeps owner, mode and times, and its line in RECORD gets the new digest and size, where the old
ones were right. It becomes a new file: the old one may have further names in the cache of uv.

Compiled modules (`.pyc`) are left alone: the path in them is set anew when they are loaded (`_fix_co_filename`, called
in CPython's Lib/importlib/_bootstrap_external.py), and that of a rewritten module is not used, as its size differs from
the one in the header (PEP 3147; PEP 552). Shared objects may name the folder in a run path: they find the same
libraries in the environment that they were built in. A path that leads to it through a link is another text, and stays.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.fix.attributes import copy_attributes, resemble
from envdoctor.fix.cloning import entries_below, open_up

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST = 4 * 1024 * 1024
"""Bytes of a text that is looked at; a RECORD may be larger."""

MOST_RECORD = 64 * 1024 * 1024
"""Bytes of a RECORD that is looked at; that of torch 2.14.1 has 1.5 MB."""

COMPILED = (".so", ".pyc", ".pyd", ".a", ".o", ".dll", ".whl", ".zip", ".gz", ".png")
"""Ends of names that no text has: such files are not opened."""

NAME = rb"\w.~+@%\x80-\xff-"
"""What goes on with a name: `/x/.venv2`, `/x/.venv.envdoctor` and `/srv/x/.venv` are no places of `/x/.venv`."""

ENTRY = re.compile(rb'^("(?:[^"]|"")*"|[^,"\r\n]*),(sha256|sha384|sha512)=([\w-]+),(\d+)(?=\r?$)', re.MULTILINE)
"""A line of RECORD ("Recording installed projects", PyPA specifications): path, algorithm, digest, size."""


class _Rewritten(NamedTuple):
    before: bytes
    after: bytes


def relocate(folder: str, old: str, new: str) -> int:
    """Change the path `old` for `new` in the texts and links of the environment in `folder`; return how many changed.

    All three are absolute and normal, without a slash at the end; `folder` is where the files are, whatever they say.
    A path is changed only where it ends: at a slash, a quotation mark, a blank, the end of a line. Where `new` stood in
    no file before, `relocate(folder, new, old)` afterwards restores every byte, mode and time, but for compiled modules
    where both are of one length. `new` is to need no quotation that `old` does not: `is_plain`. Raises OSError with the
    name of a file that cannot be read or written.
    """
    change = _Change(old, new)
    texts: dict[bytes, _Rewritten] = {}
    records: list[os.DirEntry[str]] = []
    touched: dict[str, os.stat_result] = {}
    links = 0
    for entry in entries_below(folder):
        if entry.is_symlink():
            leads = os.readlink(entry.path)
            moved = change.in_link(leads, os.path.relpath(entry.path, folder).count(os.sep))
            if moved != leads:
                _put_link(entry.path, moved, touched)
                links += 1
        elif not entry.is_file(follow_symlinks=False) or entry.name.endswith(COMPILED):
            continue
        elif entry.name == "RECORD" and os.path.dirname(entry.path).endswith(".dist-info"):
            records.append(entry)
        else:
            before = _read(entry, MOST)
            after = change.in_text(before)
            if after != before:
                _put(entry.path, after, touched)
                if len(after) == len(before):
                    _forget_compiled(entry.path)
                texts[os.fsencode(os.path.relpath(entry.path, folder))] = _Rewritten(before, after)
    rewritten = len(texts)
    for entry in records:
        before = _read(entry, MOST_RECORD)
        site = os.fsencode(os.path.relpath(os.path.dirname(os.path.dirname(entry.path)), folder))
        after = change.in_text(_with_digests(before, site, os.fsencode(old), texts))
        if after != before:
            _put(entry.path, after, touched)
            rewritten += 1
    for place, status in touched.items():
        resemble(place, status)
    return links + rewritten


def is_plain(path: str) -> bool:
    """Return whether every script can name a path as it is: without blanks, quotation marks and what shells read else.

    A path with one of those cannot take the place of one without: `#!` ends at a blank, `activate` would need quotes.
    """
    return re.fullmatch(r"[\w./+@%:,~-]+", path) is not None


class _Change:
    """One path for another, in whatever way a text spells it."""

    def __init__(self, old: str, new: str) -> None:
        self._old, self._new = old, new
        above = os.path.commonpath([os.path.dirname(old), os.path.dirname(new)])
        self._below_old, self._below_new = (len(os.path.relpath(one, above).split(os.sep)) for one in (old, new))
        # The first that fits counts: an address before the plain path that may end it.
        self._spelled = dict(zip(_spellings(old), _spellings(new), strict=True))
        ways = b"|".join(map(re.escape, self._spelled))
        # Of two places side by side the second goes with the name, as it does on the way back.
        ends = re.escape(os.fsencode(old)[-1:]) + re.escape(os.fsencode(new)[-1:])
        self._places = re.compile(b"(?<![" + ends + NAME + b"])(?:" + ways + b")(?![" + NAME + b"])")

    def in_text(self, text: bytes) -> bytes:
        """Return a text with the path changed; one with a NUL byte is none, and stays as it is."""
        if not any(spelled in text for spelled in self._spelled) or b"\0" in text:
            return text
        return self._places.sub(lambda found: self._spelled[found[0]], text)

    def in_link(self, leads: str, depth: int) -> str:
        """Return where a link leads afterwards that lies `depth` folders below the environment.

        A relative one that leads out of it, to what both places have above them, goes up as many folders more.
        """
        if os.path.isabs(leads):
            within = leads == self._old or leads.startswith(f"{self._old}{os.sep}")
            return self._new + leads[len(self._old) :] if within else leads
        parts = leads.split(os.sep)
        ups = next((number for number, part in enumerate(parts) if part != os.pardir), len(parts))
        if ups < depth + self._below_old:
            return leads
        return os.sep.join([os.pardir] * (ups - self._below_old + self._below_new) + parts[ups:])


def _spellings(path: str) -> tuple[bytes, ...]:
    """The ways in which texts write a path: an address (direct_url.json), as it is, in JSON, between shell quotes."""
    from json import dumps
    from urllib.parse import quote

    plain = os.fsencode(path)
    shell = plain.replace(b"'", b"'\"'\"'")  # as shlex.quote writes it into `activate`
    return b"file://" + quote(plain).encode(), plain, dumps(path)[1:-1].encode(), shell


def _with_digests(record: bytes, site: bytes, old: bytes, texts: Mapping[bytes, _Rewritten]) -> bytes:
    """Return a RECORD with the digests and sizes of what was rewritten; its paths start at the folder `site`.

    An entry that did not fit the text before is not made to fit it now.
    """
    names = {path.rpartition(b"/")[2] for path in texts}

    def renewed(line: re.Match[bytes]) -> bytes:
        path = line[1].strip(b'"').replace(b'""', b'"')
        if path.rpartition(b"/")[2] not in names:
            return line[0]
        path = path[len(old) + 1 :] if path.startswith(old + b"/") else os.path.normpath(os.path.join(site, path))
        text = texts.get(path)
        if text is None or (_digest(line[2], text.before), len(text.before)) != (line[3], int(line[4])):
            return line[0]
        return b"%s,%s=%s,%d" % (line[1], line[2], _digest(line[2], text.after), len(text.after))

    return ENTRY.sub(renewed, record) if texts else record


def _digest(algorithm: bytes, text: bytes) -> bytes:
    import hashlib
    from base64 import urlsafe_b64encode

    return urlsafe_b64encode(hashlib.new(algorithm.decode(), text).digest()).rstrip(b"=")


def _read(entry: os.DirEntry[str], most: int) -> bytes:
    """Return the content of a file, nothing of one that is larger than `most` bytes."""
    if entry.stat(follow_symlinks=False).st_size > most:
        return b""
    with open(entry.path, "rb") as opened:
        return opened.read()


def _put(path: str, text: bytes, touched: dict[str, os.stat_result]) -> None:
    """Give a file another content by putting a new one in its place; its folder goes to `touched` as it was."""
    made = _beside(path, touched)
    with open(made, "xb") as opened:
        opened.write(text)
    _replace(path, made)


def _put_link(path: str, leads: str, touched: dict[str, os.stat_result]) -> None:
    made = _beside(path, touched)
    os.symlink(leads, made)
    _replace(path, made)


def _replace(path: str, made: str) -> None:
    copy_attributes(path, made)
    resemble(made, os.lstat(path))
    os.replace(made, path)


def _beside(path: str, touched: dict[str, os.stat_result]) -> str:
    """Return a free name in the folder of `path`, which is opened for writing."""
    folder = os.path.dirname(path)
    if folder not in touched:
        touched[folder] = os.lstat(folder)
        open_up(folder)
    return os.path.join(folder, ".envdoctor~")


def _forget_compiled(module: str) -> None:
    """Remove what was compiled of a module that has another content, and the same time and size."""
    from glob import escape, glob

    folder, name = os.path.split(module)
    if name.endswith(".py"):
        for path in glob(os.path.join(escape(folder), "__pycache__", f"{escape(name[:-3])}.*.pyc")):
            os.unlink(path)
