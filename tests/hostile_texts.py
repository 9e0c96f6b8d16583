"""Text that wants to be more than text, and machines all of whose words are such text.

Every reporter is tried on all of it (`test_every_reporter.py`); a text that ever got through joins this table.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Fact, Known, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from envdoctor.model.fact import Value
    from envdoctor.model.snapshot import Snapshot

SHORT = {
    "title and clear screen": "\x1b]0;owned\x07\x1b[2J\x1b[31mred",
    "OSC 8 link": "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "OSC 52 clipboard": "\x1b]52;c;cm0gLXJmIH4=\x07",
    "C1 controls": "\x9b31m\x90q\x9c\x85",
    "rich markup": "[bold red]markup[/bold red] [/] [link=https://evil.example]x[/link] [red",
    "GitHub error": "::error file=setup.py,line=1::you are hacked",
    "GitHub commands on lines of their own": "one\n::add-mask::x\r\n  ::stop-commands::y\r::set-output name=a::b",
    "GitHub command behind a blank": "words that fill a line until it is wrapped ::warning::here",
    "old GitHub command": "##[error]x ##[set-env name=PATH]y",
    "encoded line break": "x%0A::warning::y%0D%0A::error::z %25",
    "Azure and TeamCity": "##vso[task.setvariable variable=a]b ##teamcity[message text='x']",
    "GitLab section": "\x1b[0Ksection_start:1:x\r\x1b[0Kheading",
    "HTML": "</pre><script>alert(1)</script><img src=x onerror=alert(1)><a href='javascript:alert(1)'>x</a>",
    "Markdown": "| a | b |\n|---|---|\n![x](https://evil.example/x.png) [y](javascript:alert(1)) `` ``` @everyone",
    "XML": "]]><!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>&a;<![CDATA[",
    "invalid UTF-8": "caf\udce9 \ud800 \udfff",
    "NUL": "a\x00b",
    "bidirectional": "\u202egnp.exe\u202c \u2066\u2067\u2068x\u2069 \u200e\u200f\u061c",
    "zero width": "to\u200brch\u200c\u200d\u2060\ufeff\u00ad",
    "tags and private use": "\U000e0001\U000e0041 \ue000 \U0010ffff",
    "line ends of every kind": "a\nb\rc\x0bd\x0ce\x1cf\x1dg\x1eh\u2028i\u2029j\x85k",
    "backspaces": "good\x08\x08\x08\x08evil\x7f",
    "combining flood": "Z" + "\u0335\u0316\u0348" * 500,
    "format braces": "{0.__class__.__mro__} {} {{x}} %s %(x)s %n ${HOME} $(id) `id`",
    "quotes": "'\"\\'\\\" ; rm -rf ~ && echo \\",
    "credentials": "https://me:hunter2@mirror.example/simple?token=hunter2",
    "blanks": "\u3000\xa0\t \u2003",
    "nothing": "",
}
"""What the text tries, and the text."""

LONG = {
    "one word of a megabyte": "A" * 1_000_000,
    "words of a megabyte": "word ::error:: " * 66_000,
    "a megabyte of escapes": "\x1b[31m" * 200_000,
    "a megabyte of marks": "a" + "\u0301" * 1_000_000,
    "a megabyte of line ends": "\n" * 1_000_000,
    "a megabyte of brackets": "[" * 1_000_000,
}

TEXTS = {**SHORT, **LONG}

EVERYTHING = " ".join(text for name, text in SHORT.items() if name != "combining flood")
"""All that is short in one text."""


LIVE = {
    "workflow command": re.compile(r"(?m)^[ \t]*::|##\[|##(?:vso|teamcity)\["),
    "escape sequence": re.compile("[\x1b\x9b]"),
    "HTML": re.compile(r"<\s*(?:script|img|a|!DOCTYPE|!ENTITY|/pre)\b", re.IGNORECASE),
    "Markdown": re.compile(r"!?\[[^\]]*\]\((?:https?|javascript):|^\|---", re.MULTILINE),
}
"""What is obeyed by the one or the other that shows a report."""

PLAIN = {form: {"HTML", "Markdown"} for form in ("terminal", "json", "github", "gitlab", "prometheus", "openmetrics")}
"""What a format cannot bring to life, because nothing that shows it reads such markup; all else must be inert in it."""

UNSEEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
"""Unicode categories of control, format, surrogate and private characters, and of line and paragraph separators."""


def assert_harmless(text: str, form: str = "terminal") -> None:
    """No control character but the line break, nothing that changes the direction, nothing that is obeyed."""
    text.encode("utf-8")
    wrong = {letter for letter in set(text) - {"\n"} if unicodedata.category(letter) in UNSEEN}
    assert not wrong, [hex(ord(letter)) for letter in wrong]
    if form == "github":  # its own commands are meant to be obeyed, what they carry is not
        text = re.sub(r"(?m)^::(?:error|warning|notice) [^:\n]*::", "", text)
    if form in ("markdown", "github-summary"):  # within a fence nothing is markup, and nothing but the fence ends it
        text = re.sub(r"(?ms)^```sh$.*?^```$", "", text)
        assert "```" not in text
    live = {
        name: match[0] for name, one in LIVE.items() if name not in PLAIN.get(form, ()) if (match := one.search(text))
    }
    assert not live


def poisoned(snapshot: Snapshot, poison: Callable[[str], str], *only: str) -> Snapshot:
    """The machine with `poison` applied to every word of its facts, or of those named: values, keys and reasons."""
    return snapshot.having(
        {name: _fact(fact, poison) for name, fact in snapshot.facts.items() if not only or name in only}
    )


def unknown(snapshot: Snapshot, reason: str) -> Snapshot:
    """The machine of which nothing is known, for that reason."""
    return snapshot.having({name: Unknown(reason) for name in snapshot.facts})


def _fact(fact: Fact, poison: Callable[[str], str]) -> Fact:
    if isinstance(fact, Known):
        return Known(_value(fact.value, poison), poison(fact.source))
    return Absent(poison(fact.reason)) if isinstance(fact, Absent) else Unknown(poison(fact.reason))


def _value(value: Value, poison: Callable[[str], str]) -> Value:
    if isinstance(value, str):
        return poison(value)
    if isinstance(value, list):
        return [_value(item, poison) for item in value]
    if isinstance(value, dict):
        return {poison(key): _value(item, poison) for key, item in value.items()}
    return value
