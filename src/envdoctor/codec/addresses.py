"""Addresses of package indexes without what opens them.

Here the text is known to be an address, so more can be taken out than `credentials.strip_credentials` dares in
running text: only what has the form of a host and of ordinary path segments is kept. Time is linear in the text.
"""

from __future__ import annotations

import re

from envdoctor.codec.credentials import REMOVED, strip_credentials

LONGEST = 300
"""Characters kept of one address."""

# "%40" is an "@", also when it was encoded twice; the same for ":" and "/".
_AT = re.compile(r"%(?:25){0,4}40")
_COLON = re.compile(r"%(?:25){0,4}3[Aa]")
_SLASH = re.compile(r"%(?:25){0,4}2[Ff]")
# Only schemes that indexes have: "user:/word@host" has none.
_SCHEME = re.compile(r"(?:git\+)?(?:https?|ftp|file|s3|gs|ssh|oci):[/\\]{1,3}", re.IGNORECASE)
_LOCAL = re.compile(r"(?:/(?![/\\])|\.{1,2}[/\\]|~[/\\]|[A-Za-z]:[/\\])[^:]*")
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]{2,45}\]|[\w.-]{1,253})(?::[0-9]{1,5})?")
_NAMED = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,63})=(?=[A-Za-z][A-Za-z0-9+.-]{0,20}:)")
"""uv lets an index have a name: "pytorch=https://..."."""

# "/t/TOKEN/" is conda's; "/basic/TOKEN/" that of a hosting service.
_BEFORE_SECRET = frozenset({"t", "basic", "token", "tokens", "auth", "key"})
# Long, and letters mixed with digits: an entitlement token or a key stands in the path of some hosts. Words joined by
# hyphens are a name, unless they also mix capitals with small letters.
_LOOKS_SECRET = re.compile(
    r"(?=[^0-9]*[0-9])(?=[^A-Za-z]*[A-Za-z])"
    r"(?:[A-Za-z0-9_~=%+]{16,}|(?=[^A-Z]*[A-Z])(?=[^a-z]*[a-z])[A-Za-z0-9_~=%+-]{20,})"
)


def split_addresses(value: str, *, commas: bool = False) -> list[str]:
    """Return the addresses of a list, each stripped.

    The list is set apart by white space, with `commas` by commas as well. A part with an "@" and no scheme is the
    rest of a password with a blank in it, and belongs to the address before it.
    """
    parts: list[str] = []
    for part in re.split(r"[\s,]+" if commas else r"\s+", value):
        if not part:
            continue
        if "@" in _AT.sub("@", part) and not _SCHEME.match(_NAMED.sub("", part)):
            while parts:
                part = f"{parts.pop()} {part}"
                if _SCHEME.match(_NAMED.sub("", part)):
                    break
        parts.append(part)
    return [strip_address(part) for part in parts]


def strip_address(address: str) -> str:
    """Return one URL, path or channel name without user info, query, fragment and path segments that are tokens.

    What stands where the host should and has not the form of one becomes the word "removed". Applying it twice is
    applying it once.
    """
    address = address.strip()
    if _LOCAL.fullmatch(address):
        return strip_credentials(address)[:LONGEST].strip()
    named = _NAMED.match(address)
    name, address = (named[0], address[named.end() :]) if named else ("", address)
    address = _COLON.sub(":", _SLASH.sub("/", _AT.sub("@", address)))
    scheme = _SCHEME.match(address)
    # A name before user info may be a part of it.
    before = (name if scheme else "") + (scheme[0].replace("\\", "/") if scheme else "")
    rest = address[scheme.end() :] if scheme else address
    rest = rest[rest.rfind("@") + 1 :].replace("\\", "/")
    rest = re.split(r"[?#]", rest, maxsplit=1)[0]
    host, slash, path = rest.partition("/")
    if host and not _HOST.fullmatch(host):
        host = REMOVED
    return strip_credentials(f"{before}{host}{slash}{_plain_path(path)}")[:LONGEST].strip()


def _plain_path(path: str) -> str:
    kept: list[str] = []
    for segment in path[: 4 * LONGEST].split("/"):
        secret = (kept and kept[-1].lower() in _BEFORE_SECRET and segment) or _LOOKS_SECRET.fullmatch(segment)
        kept.append(REMOVED if secret else segment)
    return "/".join(kept)
