"""Credentials in text: found by their place in a URL or by their published prefix, and taken out.

Every pattern is bounded or stops at the next delimiter, so the time is linear in the text: a snapshot may
come from a stranger.
"""

from __future__ import annotations

import re

REMOVED = "removed"

# RFC 3986 section 3.2: userinfo stands between "//" and the last "@" before the path.
_USER_INFO = re.compile(r"""(?<=://)[^\s/?#"'<>]*@""")

_PARAMETER = re.compile(r"""([?&;#])([\w.%-]{1,64})=([^&#;\s"'<>]*)""")
_SECRET_NAME = re.compile(r"token|secret|passw|pwd|auth|key|sig|credential", re.IGNORECASE)

# Prefixes as their issuers publish them: GitHub (docs.github.com, "About authentication to GitHub"),
# Hugging Face ("User access tokens"), the Python package index (its help page, "API token"), GitLab ("Token
# overview"), AWS ("IAM identifiers", unique ID prefixes).
_TOKEN = re.compile(
    r"(?<![A-Za-z0-9])"
    r"(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_\w{20,255}|hf_[A-Za-z0-9]{20,255}"
    r"|pypi-[\w-]{40,1024}|glpat-[\w-]{20,255}|(?:AKIA|ASIA)[A-Z0-9]{16})"
)


def strip_credentials(text: str) -> str:
    """Return `text` without user info of URLs, without secret URL parameters and without known tokens.

    `https://me:word@mirror/simple` becomes `https://mirror/simple`; `?token=abc` becomes `?token=removed`.
    Applying it twice is applying it once.
    """
    if "://" in text:
        text = _USER_INFO.sub("", text)
    if "=" in text:
        text = _PARAMETER.sub(_without_secret, text)
    return _TOKEN.sub(REMOVED, text)


def _without_secret(match: re.Match[str]) -> str:
    if not _SECRET_NAME.search(match[2]):
        return match[0]
    return f"{match[1]}{match[2]}={REMOVED}"
