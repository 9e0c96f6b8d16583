"""Why an installer failed, in one sentence with what to do; it is picked out of what the installer said.

The words are those of pip 23.0.1, 24.2 and 26.3 (at the second degree of verbosity, in which alone it says why it
passed over an index) and of uv 0.13.9, each brought to fail by an index on the loopback or by a full disk; those of
poetry and pdm are of their sources. The order counts: what has no space left, or no network, is often wrapped into
"failed to download", and what pip could not fetch ends as a version that it did not find.
"""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from envdoctor.host.process import signal_name

if TYPE_CHECKING:
    from envdoctor.fix.installing import Ran

MOST_SAID = 64 * 1024
"""Characters of the end of what it said that are searched."""

MOST_LINE = 1000
"""Characters of one line that are searched."""

LONGEST = 300
"""Characters of an installer's own line that are repeated."""

AGAIN = "run it again: what was downloaded whole is in the installer's cache and is not fetched a second time"


class Cause(NamedTuple):
    """Words that give a cause away, and the sentence for it.

    Out of the groups that matched: `{}` is the first, `{named}` that in brackets, `{of}` and `{at}` with these words
    before, all three nothing where none matched; `{both}` are two groups. `{denied}` is the path of a refusal.
    """

    words: re.Pattern[str]
    sentence: str


def _cause(words: str, sentence: str) -> Cause:
    return Cause(re.compile(words, re.IGNORECASE), sentence)


_WRAPPED = re.compile(r"(?<=\S)\n {9}(?=\S)")
"""Where uv goes on with what stands behind `cause: `, whose lines it keeps to 80 columns."""

_SOON = r"[\s\S]{0,3000}?"
"""What stands between two things that a message says; bounded, so that no text takes long."""

_PACKAGE = r"[`'\"]?([A-Za-z0-9][\w.-]*(?:==[^\s`'\",;)]+)?)"

CAUSES = (
    _cause(
        r"file `([^`]+)`: No space left on device|to (/\S+): No space left|No space left on device: '([^']+)'",
        "no space left on the disk that holds {}: free some there and run it again",
    ),
    _cause(
        r"No space left on device|\[Errno 28\]|os error 28\b|not enough space on the disk|NoSpaceLeft",
        "no space left on the disk: that of the environment, of the installer's cache, or of temporary files, which "
        "TMPDIR puts elsewhere; free some and run it again",
    ),
    _cause(
        r"Disk quota exceeded|\[Errno 122\]|os error 122\b",
        "your disk quota is used up: free some space, or name a folder on another disk with --into",
    ),
    _cause(
        rf"/([^/\s#]{{1,200}}\.whl)#sha256=([0-9a-f]{{64}})\b{_SOON}Expected sha256 \2|DO NOT MATCH THE HASHES"
        r"|Hash mismatch for `([^`]+)`|Hash for (\S+) .{0,200}not found in known hashes|HashMismatch"
        r"|hashes? (?:do|does) not match",
        "what was downloaded{named} has another hash than the index states: the download broke off, or the file was "
        "changed on its way; run it again, and if it says the same, use another index",
    ),
    _cause(
        r"407 Proxy|Tunnel connection failed|proxy connection error|Cannot connect to proxy|Unable to connect to proxy"
        r"|ProxyError|tunnel error|unsuccessful tunnel",
        "the proxy refused or could not be reached: look at HTTPS_PROXY, HTTP_PROXY and ALL_PROXY and at the proxy in "
        "the installer's configuration",
    ),
    _cause(
        r"\b401 (?:Client )?(?:Error|Unauthorized)|HTTP error 401|Credentials not correct",
        "the index wants a user and a password, or other ones than it got: put them before its host in its address, or "
        "into ~/.netrc",
    ),
    _cause(
        r"(?:(https?://\S+): )?403 (?:Client Error|Forbidden)|HTTP error 403 while getting (\S+)"
        r"|\(403 Forbidden\) for url \(([^)]+)",
        "the index refused access (403){at}: name user and password in its address, or use another index",
    ),
    _cause(
        r"\b429 (?:Client Error|Too Many)|too many 429",
        "the index takes no more requests just now (429): wait some minutes and run it again",
    ),
    _cause(
        r"(?:(https?://\S+): )?\b50\d (?:Server Error|Internal Server|Bad Gateway|Service Unavailable|Gateway Time)"
        r"|too many 5\d\d error responses|HTTP error 5\d\d while getting (\S+)|HTTP status server error",
        "the index has a fault of its own just now{at} (a server error): run it again later, or use another index",
    ),
    _cause(
        r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|invalid peer certificate|UnknownIssuer"
        r"|self[- ]signed certificate",
        "the certificate of the index is not trusted here: behind a proxy that opens TLS, name its certificate with "
        "PIP_CERT or SSL_CERT_FILE",
    ),
    _cause(
        r"SSLError|\[SSL[:\]]|received corrupt message of type|check_hostname requires|problem confirming the ssl",
        "no encrypted connection with the index came about: https may not be what answers at its address",
    ),
    _cause(
        r"The repository located at (\S+) is not a trusted or secure host",
        "pip passes over {}, because its address begins with http and it is not trusted: use https, or name it in "
        "PIP_TRUSTED_HOST",
    ),
    _cause(
        r"network was disabled|Network connectivity is disabled",
        "the installer is told to stay offline: take `offline` out of its configuration, or UV_OFFLINE",
    ),
    _cause(
        r"Failed to resolve '([^']+)'|host='([^']+)', port=\d+\)[^\n]*(?:Errno -\d|getaddrinfo)|"
        r"Name or service not known|Temporary failure in name resolution|getaddrinfo failed|nodename nor servname"
        r"|dns error|No address associated with hostname",
        "no network, or none to the index: the name of its host{named} cannot be resolved",
    ),
    _cause(
        r"Connection refused|Network is unreachable|No route to host|\[Errno 11[13]\]|\[Errno 101\]",
        "no network, or none to the index: nothing answers at its address",
    ),
    _cause(
        r"ConnectTimeout|Connection to \S+ timed out|os error 110\b|\[Errno 110\]",
        "no network, or none to the index: it did not answer in time",
    ),
    _cause(
        rf"Failed to download `([^`]+)`{_SOON}(?:network timeout|timed out)|Read timed out|ReadTimeout"
        r"|operation timed out|network timeout",
        f"the index stopped answering in the midst of a download{{of}}: {AGAIN}",
    ),
    _cause(
        rf"Failed to download `([^`]+)`{_SOON}(?:error decoding response body|Connection reset|end of file before)"
        r"|incomplete-download|IncompleteRead|ConnectionResetError|Connection reset by peer|Connection broken"
        r"|Connection aborted|error decoding response body|RemoteDisconnected|connection closed before message",
        f"the connection with the index broke off in the midst of a download{{of}}: {AGAIN}",
    ),
    _cause(
        r"Wheel '([^']+)' located at .* is invalid|Failed to download `([^`]+)`\s+cause: Failed to extract archive"
        r"|Because (\S+) has an invalid package format|BadZipFile|Failed to read from zip|Failed to extract archive",
        "what came as {} is no whole wheel: the download broke off, or the index holds a damaged file; run it again, "
        "and if it says the same, use another index",
    ),
    _cause(
        r"HTTP error 404 while getting (\S+)|\(404 Not Found\) for url \((\S+?\.whl)",
        "the index lists a file that it does not have{at}: use another index",
    ),
    _cause(
        r"externally[- ]managed",
        "this Python belongs to the system (PEP 668): make a virtual environment and repair that",
    ),
    _cause(
        r"Read-only file system|\[Errno 30\]|os error 30\b",
        "a file system that is needed is read-only{denied}: make it writable, or have the repaired copy elsewhere "
        "(--into)",
    ),
    _cause(
        r"Permission denied|\[Errno 13\]|os error 13\b|Operation not permitted|Access is denied",
        "permission denied{denied}: the environment, the installer's cache and the folder for temporary files have "
        "to be yours",
    ),
    _cause(
        r"No module named pip\b",
        "there is no pip in this environment: ask for uv (--installer uv), or put pip there (python -m ensurepip)",
    ),
    _cause(
        r"conflict is caused by:\s*([^\n]+)\n\s*([^\n]+)",
        "what is to be installed does not go together: {both}",
    ),
    _cause(
        r"cause: (Because all versions of [^\n]+)|(Because [^\n]+ depends on [^\n]+)",
        "what is to be installed does not go together: {}",
    ),
    _cause(
        r"Skipping link: none of the wheel's tags \(([^)]{1,200})\) are compatible[^\n]*/([\w.]+)-[^\n/]*\.whl"
        rf"{_SOON}No matching distribution found for \2\b",
        "the index has this release for other systems or Pythons alone ({}): another release or another Python is "
        "needed",
    ),
    _cause(
        rf"Because {_PACKAGE} has no wheels with a matching",
        "the index has {} for other systems or Pythons alone: another release or another Python is needed",
    ),
    _cause(
        rf"No matching distribution found for {_PACKAGE}|there is no version of {_PACKAGE}|"
        rf"Because {_PACKAGE} was not found in|Could not find a matching version of package {_PACKAGE}"
        rf"|Unable to find candidates for {_PACKAGE}|Unable to find a resolution because.*? {_PACKAGE}",
        "the index has no {}: look at its address, and whether a mirror is up to date",
    ),
    _cause(
        rf"Failed (?:building wheel|to build) (?:for )?{_PACKAGE}|metadata-generation-failed|subprocess-exited",
        "{} has no wheel for this system and could not be built from its source",
    ),
    _cause(r"MemoryError|Cannot allocate memory|os error 12\b", "memory ran out: end other programs and run it again"),
)

_ANOTHER_TRY = re.compile(r"^\s*(?:WARNING: Retrying \(Retry\(total=[1-9]|Incremented Retry|warning:)")
_PASSED_OVER = re.compile(r"^\s*(?:Could not fetch URL|WARNING: Retrying)")
_DENIED = (
    re.compile(r"(?:Permission denied|Read-only file system|Operation not permitted)[^\n]*?'((?:/|[A-Z]:)[^'\n]+)'"),
    re.compile(r"(?:file|directory|at|to) [`'\"]([^`'\"\n]+)[`'\"][^\n]*(?:denied|Read-only|permitted)"),
)
_FOUND_NONE = "(from versions: none)"
_ERROR = re.compile(
    # Behind pip's "ERROR: Exception:" follows a traceback, which ends with what it was.
    r"^(?!ERROR: Exception:$)(?:error|cause|caused by|CondaError|\[?[\w.]*(?:Error|Exception)\]?)\b:?",
    re.IGNORECASE,
)


def reason(ran: Ran) -> str:
    """Return the sentence; what is not recognised is the installer's own last error, and where all it said is kept."""
    where = f"; all it said is in {ran.log}" if ran.log else ""
    if ran.exit is None:
        return f"{ran.trouble or 'the installer was not started'}{where if ran.said else ''}"
    if ran.exit < 0:
        return _killed(-ran.exit) + where
    said = _final(ran.said)
    for cause in CAUSES:
        match = cause.words.search(said)
        if match:
            return _filled(cause.sentence, match, said) + where
    return f"{_last_error(said)} (exit {ran.exit}){where}"


def _killed(number: int) -> str:
    name = signal_name(number)
    if number == getattr(signal, "SIGKILL", None):
        return f"the installer was killed ({name}): by somebody, or by the system because memory ran out"
    return f"the installer was ended by {name}"


def _final(said: str) -> str:
    """Leave out what was tried again, and an index that was passed over where another one had the package."""
    lines = [line[:MOST_LINE] for line in said[-MOST_SAID:].splitlines() if not _ANOTHER_TRY.match(line)]
    if _FOUND_NONE not in said:
        lines = [line for line in lines if not _PASSED_OVER.match(line)]
    return _WRAPPED.sub(" ", "\n".join(lines))


def _filled(sentence: str, match: re.Match[str], said: str) -> str:
    found = [" ".join(group.split())[:LONGEST].rstrip(":.,") for group in match.groups() if group]
    first = found[0].partition("#")[0] if found else ""
    name = unquote(first.rpartition("/")[2]) if first.endswith(".whl") else first
    denied = next((one for one in (pattern.search(said) for pattern in _DENIED) if one), None)
    fillings = {
        "{}": name or "a file",
        "{named}": f" ({name})" if name else "",
        "{of}": f" of {name}" if name else "",
        "{at}": f" at {first}" if first else "",
        "{both}": " and ".join(found),
        "{denied}": f" ({denied[1]})" if denied else "",
    }
    for mark, filling in fillings.items():
        sentence = sentence.replace(mark, filling)
    return sentence


def _last_error(said: str) -> str:
    """Return the last line that calls itself an error, else the last one."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if _ERROR.match(line)]
    chosen = (errors or lines or ["the installer said nothing"])[-1]
    return chosen if len(chosen) <= LONGEST else f"{chosen[:LONGEST]}..."
