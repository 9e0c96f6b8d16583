"""Redaction: a snapshot that can be shown to strangers and still tells the same story.

Replaced are names of people, the host name and the identities of GPUs; versions, package names and paths
below a home stay, because the rules read them. Two rules of thumb hold throughout: a name is replaced only as
a whole word, and a name that also means something else ("root", "torch", "ubuntu") only where it can be nothing
but a person's. A snapshot may come from a stranger: all of it takes time linear in the text, so no pattern begins
with a repetition and none is tried again inside what it has passed over.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import replace
from typing import TYPE_CHECKING

from envdoctor.codec.credentials import strip_credentials
from envdoctor.model.fact import Absent, Known, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from envdoctor.model.fact import Fact, Value
    from envdoctor.model.snapshot import Snapshot

SOMEBODY = "redacted-user"
SOMEWHERE = "redacted-host"

# Names people and hosts do carry, and that a report or a path also uses in another sense.
_ORDINARY_WORDS = """
    aarch64 admin administrator amd64 app apps arm64 bare bin build builder cache channel ci cloud cluster code
    common conda container core cpu cuda current data debian debug default desktop dev device devices dist docker
    download driver env error etc fedora file files gpu guest home host include index install jetson jovyan kernel
    laptop lib lib64 library linux local localhost mac machine main mambauser manylinux master media mig mnt model
    module name nix nobody node none notebook null nvidia nvml opt package packages path pip pkgs private proc
    program project projects public py pypi python python3 pytorch redacted removed remote rocky root run runner
    sbin scratch server service share shared site source src srv start store sys system temp test tests tmp tool
    tools torch torchaudio torchvision training triton ubuntu unknown user users usr var vagrant value venv version
    virtual visible vm volume whl windows work worker workspace wsl x86
"""
_ORDINARY = frozenset(_ORDINARY_WORDS.split())
_SHARED_HOMES = frozenset({"shared", "public", "default", "linuxbrew", "all users", SOMEBODY, "~"})

# Facts whose words are data for the rules: a host called "a100" must not rename the GPU.
_DATA = re.compile(
    r"(?:.*\.)?(?:name|version|dist_version|library_version|cuda_version|provenance|channel|cuda|hip|git|local|tag"
    r"|requires|compute_capability|pci)|driver\.version\..*|host\.(?:os|platform|kind|libc|virtualization)"
    r"|packages\.installed|nvidia\.(?:packages|toolkit_requires)|extensions\.packages|opencv\.packages"
    r"|pci\.nvidia|device\.nodes|env\.[A-Z]+_VISIBLE_DEVICES|cpu\..*|amd\.gpus|windows\.missing_runtime"
    r"|container\.(?:runtime|nvidia_require)|python\.(?:environment|manager|machine)"
    r"|torch\.(?:wheel_tags|installer|rocm_archs)|toolkit\.home_because"
)
_TOLD_BY_TESTS = frozenset({"message", "output", "warnings", "trace", "reason", "file"})
"""Keys of the rows of `smoke.*` that hold what software said; the others hold names of tests, devices and libraries."""
_DEVICE_LISTS = (
    "env.CUDA_VISIBLE_DEVICES",
    "env.HIP_VISIBLE_DEVICES",
    "env.NVIDIA_VISIBLE_DEVICES",
    "env.ROCR_VISIBLE_DEVICES",
)

_HEX4 = "[0-9a-fA-F]{4}"
_UUID = rf"[0-9a-fA-F]{{8}}-{_HEX4}-{_HEX4}-{_HEX4}-[0-9a-fA-F]{{12}}"
# The forms of the CUDA C++ Programming Guide, "CUDA Environment Variables": GPU-<uuid>, MIG-<uuid>, and for old
# drivers MIG-GPU-<uuid>/<instance>/<instance>. CUDA takes any unambiguous beginning of them.
# A whole identity is one wherever it stands; a beginning has to be a word of its own.
_DEVICE = re.compile(rf"(GPU|MIG)-({_UUID})|(?<![A-Za-z0-9])(GPU|MIG)-([0-9a-fA-F][0-9a-fA-F-]*)(?![A-Za-z0-9_-])")
_BARE_UUID = re.compile(_UUID)
_PSEUDONYM = re.compile(r"(?:GPU|MIG)-redacted-(\d{1,6})")
_FEWEST_DIGITS = 8
"""Hexadecimal digits that make a beginning recognisable outside a device list ("GPU-0" is not one)."""

_HOME_PARENT = re.compile(r"(/(?:home|Users)/+)([^/\\\s:;,\"'()\[\]{}<>|*?=]+)")
_WINDOWS_HOME_PARENT = re.compile(
    r"((?<=[\\/])(?:Users|Documents and Settings)[\\/]+)"
    r"([^\\/:*?\"<>|;,\r\n]{1,64}(?=[\\/])|[^\\/:*?\"'<>|;,\s()\[\]{}]+)",
    re.IGNORECASE,
)
# Letters and digits of any script; "_" joins names as "." does ("backup_alice").
_WORD_BEGINS = r"(?<![^\W_])(?<!-)"
_WORD_ENDS = r"(?![^\W_]|-)"
_PATH_ENDS = r"(?=$|[/\\\s:;,\"'()\[\]{}<>|=]|\.(?:\s|$))"


def redacted(
    snapshot: Snapshot, home: str | None, user: str | tuple[str, ...] | None, hostname: str | None
) -> Snapshot:
    """Return `snapshot` without names of people, hosts and devices; the names of the facts stay.

    `home`, `user` and `hostname` are those of the machine the snapshot was taken on, None where not known
    (homes of anybody and device identities are replaced all the same); `user` may be several names of one
    person. Names are found in any case. One device has one pseudonym throughout. Redacting twice changes
    nothing more.
    """
    return Redactor(snapshot, home, user, hostname).snapshot(snapshot)


class Redactor:
    """The replacements for one machine; use the same one for everything that is saved together."""

    def __init__(
        self, snapshot: Snapshot, home: str | None, user: str | tuple[str, ...] | None, hostname: str | None
    ) -> None:
        ordinary = _ORDINARY | _packages(snapshot)
        self._home = _home_pattern(home)
        self._user = _user_pattern((user,) if isinstance(user, str) else user or (), ordinary)
        self._host = _host_pattern(hostname, ordinary)
        self._devices = _Devices(snapshot)

    def snapshot(self, snapshot: Snapshot) -> Snapshot:
        """Return `snapshot` without the names, marked as redacted."""
        facts = {name: self.fact(name, fact) for name, fact in snapshot.facts.items()}
        return replace(snapshot, facts=facts, redacted=True)

    def text(self, text: str) -> str:
        """Return prose (a reason, a source, a message) without the names."""
        return self._devices.hide(self._hide_words(self._hide_places(text)))

    def fact(self, name: str, fact: Fact) -> Fact:
        """Return the fact called `name` without the names."""
        if isinstance(fact, Absent):
            return Absent(self.text(fact.reason))
        if isinstance(fact, Unknown):
            return Unknown(self.text(fact.reason))
        return Known(self.value(name, fact.value), self.text(fact.source))

    def value(self, name: str, value: Value) -> Value:
        """Return the value of the fact called `name` without the names."""
        whole = name in _DEVICE_LISTS

        def data(text: str) -> str:
            return self._devices.hide(self._hide_places(text), whole)

        def words(text: str) -> str:
            return self._devices.hide(self._hide_words(self._hide_places(text)), whole)

        if name.startswith("smoke."):
            return _smoke_mapped(value, words, data)
        return _mapped(value, data if _DATA.fullmatch(name) else words, data)

    def _hide_places(self, text: str) -> str:
        text = strip_credentials(text)
        if "/" not in text and "\\" not in text:
            return text
        if self._home:
            text = self._home.sub("~", text)
        text = _WINDOWS_HOME_PARENT.sub(_hide_owner, text)
        return _HOME_PARENT.sub(_hide_owner, text)

    def _hide_words(self, text: str) -> str:
        if self._host:
            text = self._host.sub(SOMEWHERE, text)
        if self._user:
            text = self._user.sub(SOMEBODY, text)
        return text


class _Devices:
    """Pseudonyms for the GPUs and MIG instances of one snapshot, numbered as they are met."""

    def __init__(self, snapshot: Snapshot) -> None:
        texts = [part for name in sorted(snapshot.facts) for part in _texts(snapshot.facts[name])]
        taken = [int(number) for part in texts for number in _PSEUDONYM.findall(part)]
        self._next = max(taken, default=0) + 1
        self._names: dict[str, str] = {}
        met = dict.fromkeys(identity for part in texts for identity in _identities(part, _FEWEST_DIGITS))
        for name in _DEVICE_LISTS:
            met.update(dict.fromkeys(identity for part in _texts(snapshot[name]) for identity in _identities(part, 1)))
        self._sorted = sorted(met)
        # Long before short, so that a beginning met earlier still finds the device it belongs to.
        for identity in sorted(met, key=len, reverse=True):
            self._name(identity)

    def hide(self, text: str, every: bool = False) -> str:
        """Replace device identities; with `every` also beginnings too short to be told from words."""

        def pseudonym(match: re.Match[str]) -> str:
            identity = _identity(match)
            if identity not in self._names and not every and _digits(identity) < _FEWEST_DIGITS:
                return match[0]
            return self._name(identity)

        text = _DEVICE.sub(pseudonym, text)
        return _BARE_UUID.sub(self._bare, text) if self._names and "-" in text else text

    def _bare(self, match: re.Match[str]) -> str:
        for prefix in ("GPU", "MIG"):
            name = self._names.get(f"{prefix}-{match[0].lower()}")
            if name:
                return name
        return match[0]

    def _name(self, identity: str) -> str:
        name = self._names.get(identity)
        if name is None:
            name = self._owner(identity)
            if name is None:
                name = f"{identity[:3]}-redacted-{self._next}"
                self._next += 1
            self._names[identity] = name
        return name

    def _owner(self, beginning: str) -> str | None:
        """Return the name of the one device whose identity begins so, None where there is none or several.

        What begins alike stands together in the sorted list, and the second name met ends the search. Names
        repeat only along the beginnings of one identity, so the search is short.
        """
        owner = None
        for index in range(bisect_left(self._sorted, beginning), len(self._sorted)):
            if not self._sorted[index].startswith(beginning):
                break
            name = self._names.get(self._sorted[index])
            if owner and name and name != owner:
                return None
            owner = owner or name
        return owner


def _identities(text: str, fewest: int) -> Iterator[str]:
    for match in _DEVICE.finditer(text):
        identity = _identity(match)
        if _digits(identity) >= fewest:
            yield identity


def _identity(match: re.Match[str]) -> str:
    return f"{match[1] or match[3]}-{(match[2] or match[4]).lower()}"


def _digits(identity: str) -> int:
    return len(identity) - 3 - identity.count("-")


def _hide_owner(match: re.Match[str]) -> str:
    return match[0] if match[2].lower() in _SHARED_HOMES else match[1] + SOMEBODY


def _home_pattern(home: str | None) -> re.Pattern[str] | None:
    home = (home or "").rstrip("/\\")
    # "/" and "C:" are nobody's; a redacted home would make the second pass differ from the first.
    if len(home) < 3 or home.startswith("~") or SOMEBODY in home:
        return None
    if "\\" not in home:
        return re.compile(rf"(?<![\w.~-]){re.escape(home)}{_PATH_ENDS}")
    pattern = r"[\\/]+".join(re.escape(part) for part in re.split(r"[\\/]+", home))
    # A share begins with separators; a run of them is tried from its beginning only.
    begins = r"(?<![\\/])" if home[0] in "\\/" else ""
    return re.compile(rf"(?<![\w.~-]){begins}{pattern}{_PATH_ENDS}", re.IGNORECASE)


def _user_pattern(users: tuple[str, ...], ordinary: frozenset[str]) -> re.Pattern[str] | None:
    names = {user for user in users if _telling(user, ordinary)}
    if not names:
        return None
    either = "|".join(re.escape(name) for name in sorted(names, key=lambda name: (-len(name), name)))
    return re.compile(rf"{_WORD_BEGINS}(?:{either}){_WORD_ENDS}", re.IGNORECASE)


def _telling(word: str, ordinary: frozenset[str]) -> bool:
    return len(word) >= 3 and word.isprintable() and word.lower() not in ordinary and not word.isdigit()


def _host_pattern(hostname: str | None, ordinary: frozenset[str]) -> re.Pattern[str] | None:
    hostname = hostname or ""
    short = hostname.partition(".")[0]
    forms = [form for form in (hostname, short) if _telling(form, ordinary)]
    if not forms:
        return None
    # Whatever domain follows is as telling as the name.
    either = "|".join(re.escape(form) for form in forms)
    return re.compile(rf"{_WORD_BEGINS}(?:{either})(?:\.[A-Za-z][A-Za-z0-9-]*)*{_WORD_ENDS}", re.IGNORECASE)


def _packages(snapshot: Snapshot) -> frozenset[str]:
    names: set[str] = set()
    for fact_name in ("packages.installed", "nvidia.packages"):
        fact = snapshot[fact_name]
        if isinstance(fact, Known) and isinstance(fact.value, dict):
            for name in fact.value:
                names |= {name.lower(), name.lower().replace("-", "_")}
    return frozenset(names)


def _texts(fact: Fact) -> Iterator[str]:
    if isinstance(fact, Known):
        yield from _strings(fact.value)
        yield fact.source
    else:
        yield fact.reason


def _strings(value: Value) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        parts: Iterable[Value] = value if isinstance(value, list) else [*value, *value.values()]
        for part in parts:
            yield from _strings(part)


def _smoke_mapped(value: Value, words: Callable[[str], str], data: Callable[[str], str]) -> Value:
    """Change the rows of a fact about tests: a person called "sort" must not rename the test of that name."""
    if isinstance(value, list):
        return [_smoke_mapped(row, words, data) for row in value]
    if isinstance(value, dict):
        return {key: _mapped(item, words if key in _TOLD_BY_TESTS else data, data) for key, item in value.items()}
    return _mapped(value, data, data)


def _mapped(value: Value, change: Callable[[str], str], change_key: Callable[[str], str]) -> Value:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_mapped(item, change, change_key) for item in value]
    if isinstance(value, dict):
        table: dict[str, Value] = {}
        alike: dict[str, int] = {}
        for key, item in value.items():
            new = word = change_key(key)
            while new in table:  # two homes may become one word; neither entry may be lost
                alike[word] = alike.get(word, 1) + 1
                new = f"{word}'{alike[word]}"
            table[new] = _mapped(item, change, change_key)
        return table
    return value
