"""Credentials in text: found by their place in a URL or by their published prefix, and taken out.

Every pattern is bounded, stops at the next delimiter or cannot fail once begun, so the time is linear in the
text: a snapshot may come from a stranger.
"""

from __future__ import annotations

import re

REMOVED = "removed"

# A stretch without white space or quotes may hold several URLs, set apart by a comma, a semicolon or a bar.
_STRETCH = re.compile(r"""[^\s"'<>]+""")
_NEXT_URL = re.compile(r"(?<=[,;|])(?=[A-Za-z][A-Za-z0-9+.-]{0,30}://)")
_AUTHORITY_ENDS = re.compile(r"[/?#]|$")
_HOST_AND_PORT = re.compile(r"(?:\[[0-9A-Fa-f:.%]*\]|[^\[\]:@/?#]*)(?::[0-9]{1,5})?(?:/|$)")

# "%40" where the host should be is an "@" that somebody encoded with the password, maybe more than once.
_ENCODED_USER = re.compile(r"""://[^\s"'<>/?#@]*%(?:25)*40""")

_PARAMETER = re.compile(r"""([?&;#])([\w.%-]{1,64})=([^&#;\s"'<>]*)""")
_SECRET_NAME = re.compile(r"token|secret|passw|pwd|auth|key|sig|credential", re.IGNORECASE)

# NAME=value outside a URL: options, environment assignments, configuration lines. "PWD" is a folder, and
# "==" asks for a version.
_NAME = r"(?:token|passw(?:or)?d|passphrase|secret|api[_-]?key|access[_-]?key)="
_QUOTED = re.compile(rf"""({_NAME}(["']))(?=[^\s"'])(?:(?!\2)[^\r\n])+""", re.IGNORECASE)
_ASSIGNMENT = re.compile(rf"""({_NAME}\\?["']?)(?!=)[^\s&"'<>]+""", re.IGNORECASE)
# RFC 9110 section 11.6.2: a scheme and whatever it takes, to the end of the line.
_HEADER = re.compile(r"""(authorization["']?[ \t]{0,8}[:=][ \t]{0,8}["']?)(?=[^\s"'<>])[^\r\n"'<>]+""", re.IGNORECASE)
_BEARER = re.compile(r"(?<![A-Za-z0-9])(bearer[ \t]{1,8})[A-Za-z0-9._~+/=-]{16,}", re.IGNORECASE)

# Prefixes as their issuers publish them: GitHub (docs.github.com, "About authentication to GitHub"),
# Hugging Face ("User access tokens"), the Python package index (its help page, "API token"), GitLab ("Token
# overview"), AWS ("IAM identifiers", unique ID prefixes); "sk-" is what several model services use. A JSON Web Token
# (RFC 7519) begins with the base64 of '{"'.
_TOKEN = re.compile(
    r"(?<![A-Za-z0-9])"
    r"(?:gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{16,}|hf_[A-Za-z0-9]{16,}|sk-[\w-]{16,}"
    r"|pypi-[\w-]{40,}|glpat-[\w-]{16,}|(?:AKIA|ASIA)[A-Z0-9]{16}|eyJ[\w-]{16,}(?:\.[\w-]*){0,2})"
)


def strip_credentials(text: str) -> str:
    """Return `text` without user info of URLs, secret parameters and assignments, headers and known tokens.

    `https://me:word@mirror/simple` becomes `https://mirror/simple`; `?token=abc` becomes `?token=removed`;
    `Authorization: Bearer abc` becomes `Authorization: removed`. Applying it twice is applying it once.
    """
    text = _without_users(text)
    if "=" in text:
        text = _PARAMETER.sub(_without_secret, text)
        text = _QUOTED.sub(rf"\1{REMOVED}", text)
        text = _ASSIGNMENT.sub(rf"\1{REMOVED}", text)
    text = _HEADER.sub(rf"\1{REMOVED}", text)
    text = _BEARER.sub(rf"\1{REMOVED}", text)
    text = _TOKEN.sub(REMOVED, text)
    # Again: what was removed may have hidden an "@" behind a "/".
    return _without_users(text)


def _without_users(text: str) -> str:
    if "://" not in text:
        return text
    if "@" in text:
        text = _STRETCH.sub(_without_user_info, text)
    return _ENCODED_USER.sub("://", text) if "%" in text else text


def _without_user_info(match: re.Match[str]) -> str:
    if "://" not in match[0] or "@" not in match[0]:
        return match[0]
    return "".join(_stripped_url(url) for url in _NEXT_URL.split(match[0]))


def _stripped_url(url: str) -> str:
    """Take the user info out of one URL and whatever stands around it.

    RFC 3986 section 3.2 ends user info at the last "@" before the path. People also paste passwords with "/",
    "?" or "#" in them, so that a ":" which begins no port makes everything to the last "@" a password.
    """
    last = url.rfind("@")
    last_but_one = url.rfind("@", 0, max(last, 0))
    kept: list[str] = []
    done = 0
    while 0 <= (scheme_ends := url.find("://", done)) < last:
        begins = scheme_ends + 3
        # "git+https://host/project.git@branch": this "@" begins a revision.
        revision = url.endswith(".git", begins, last) and "git+" in url[max(done, scheme_ends - 10) : scheme_ends]
        kept.append(url[done:begins])
        done = _user_info_ends(url, begins, last_but_one if revision else last)
    return "".join(kept) + url[done:]


def _user_info_ends(url: str, begins: int, last: int) -> int:
    """Return where the host begins; `last` is where a password may end at most."""
    delimiter = _AUTHORITY_ENDS.search(url, begins)
    path = delimiter.start() if delimiter else len(url)
    host = max(begins, url.rfind("@", begins, path) + 1)
    if ":" not in url[begins:path] or (":" not in url[begins:host] and _HOST_AND_PORT.match(url, host)):
        return host
    return max(host, last + 1)


def _without_secret(match: re.Match[str]) -> str:
    if not _SECRET_NAME.search(match[2]):
        return match[0]
    return f"{match[1]}{match[2]}={REMOVED}"
