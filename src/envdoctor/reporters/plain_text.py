"""Text of the machine made harmless: it may come from a stranger's snapshot or a device's own name."""

from __future__ import annotations

import re

from envdoctor.codec.credentials import strip_credentials

LONGEST = 300
"""Characters shown of one text of the machine; a path or a sentence stays far below."""

# GitHub's runner obeys "::command::" where a line begins, after any blanks, and "##[command]" anywhere in a
# line (actions/runner, src/Runner.Common/ActionCommand.cs); Azure Pipelines and TeamCity have "##vso[" and
# "##teamcity[". A blank may become a line break when text is wrapped.
_COMMAND_START = re.compile(r"(?<!\S)::")
_COMMAND_ANYWHERE = re.compile(r"##(?=[A-Za-z]*\[)")


def safe(text: str, limit: int | None = LONGEST) -> str:
    r"""Return `text` as one line that a terminal or a CI log can only show, never obey.

    Whatever is not printable (control characters, escape sequences, line breaks, text direction marks, lone
    surrogates) becomes visible, as in `\x1b`. Credentials are taken out. With a `limit` in characters, a
    longer text is shortened in the middle and says so.
    """
    text = strip_credentials(text)
    if limit is not None and len(text) > limit:
        text = _shortened(text, limit)
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else visible(letter) for letter in text)
    return without_commands(text)


def without_commands(line: str) -> str:
    """Return `line` such that no CI system takes a part of it for a command; printable text stays readable."""
    if "::" in line:
        line = _COMMAND_START.sub(r":\\x3a", line)
    if "##" in line:
        line = _COMMAND_ANYWHERE.sub(r"#\\x23", line)
    return line


def visible(letter: str) -> str:
    r"""Return the escape of one character as Python writes it: `\x1b`, `\u202e`, `\U000e0001`."""
    code = ord(letter)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _shortened(text: str, limit: int) -> str:
    left_out = len(text) - limit
    head = limit * 2 // 3
    return f"{text[:head]} [... {left_out} characters left out ...] {text[head + left_out :]}"
