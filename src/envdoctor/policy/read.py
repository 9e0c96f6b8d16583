"""One file of a policy, a profile or a lock as a `Layer`: every key known, every name one that exists."""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.demand import BY_NAME as DEMANDS
from envdoctor.model.demand import PACKAGE, SMOKE, Demand, Kind
from envdoctor.model.finding import Severity
from envdoctor.model.names import normalised
from envdoctor.model.policy import Ignore, Policy
from envdoctor.policy.document import Decimal
from envdoctor.policy.keys import (
    BY_NAME,
    ENCLOSING,
    ESSENTIAL,
    IGNORE_KEYS,
    KEYS,
    OTHER_VALUES,
    OTHER_WORDS,
    PROBES,
    Form,
    Key,
)
from envdoctor.policy.mistake import near, short
from envdoctor.policy.words import NoDemand, specifier_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from envdoctor.policy.document import Document
    from envdoctor.policy.names import Names
    from envdoctor.policy.places import Path

_DISTRIBUTION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Layer(NamedTuple):
    """What one file says. `profile` is the name it builds on, None where it names none."""

    policy: Policy
    profile: str | None = None


def read(document: Document, names: Names, *, is_profile: bool = False) -> Layer:
    """Read a document. Raises `PolicyError` with the first mistake of it."""
    return _Reader(document, names, is_profile).layer()


class _Reader:
    """Reads one document; a method for each form of a key."""

    def __init__(self, document: Document, names: Names, is_profile: bool) -> None:
        self.document = document
        self.names = names
        self.is_profile = is_profile

    def layer(self) -> Layer:
        """Read every key."""
        for name, value in self.document.keys.items():
            self.refuse_unknown(name, value)
        smoke, tests = self.smoke()
        policy = Policy(
            demands=(*self.demands(), *self.packages(), *tests),
            severities=self.severities(),
            ignores=self.ignores(),
            fail_on=self.word("fail-on"),
            strict=self.switch("strict"),
            smoke=smoke,
            device=self.word("device"),
            select=self.rules("select"),
            leave_out=self.rules("leave-out"),
            without=self.probes(),
            files=(self.document.file,),
        )
        self.text("description")
        return Layer(policy, self.text("profile"))

    def refuse_unknown(self, name: str, value: object) -> None:
        """Raise `PolicyError` for a key that is not in the table, or not for this file."""
        key = BY_NAME.get(name)
        if key is None:
            raise self.document.wrong((name,), f"{short(name)}: unknown; {self.advice(name, value)}")
        if key.profile_only and not self.is_profile:
            raise self.document.wrong((name,), f"{name}: stands in a profile alone (.envdoctor/profiles/NAME.toml)")

    def advice(self, name: str, value: object) -> str:
        """Return what to write in place of an unknown key."""
        plain = name.strip().lower().replace("_", "-")
        if plain in BY_NAME:
            return f"did you mean {plain}?"
        if plain in OTHER_WORDS:
            return f"did you mean {OTHER_WORDS[plain]}?"
        if plain in ("index-base", "index-url", "index", "extra-index-url"):
            return "a policy does not say where packages come from; --index-base or ENVDOCTOR_INDEX_BASE does"
        if plain in ENCLOSING:
            return f"demands stand {'directly below [tool.envdoctor]' if self.document.within else 'at the top'}"
        if name == "tool" and isinstance(value, dict):
            return "the keys stand at the top of this file, without [tool.envdoctor]"
        known = [key.name for key in KEYS if self.is_profile or not key.profile_only]
        return near(name, known, "a distribution stands below [packages]; docs/reference/policy.md has all keys")

    def text(self, name: str) -> str | None:
        """Return a text that is not empty, None where the key is not there."""
        value = self.document.keys.get(name)
        if value is None:
            return None
        if not isinstance(value, str) or isinstance(value, Decimal):
            raise self.document.wrong((name,), f"{name}: not a text in quotes; write {_written(BY_NAME[name])}")
        if not value.strip():
            raise self.document.wrong((name,), f"{name}: the value is empty")
        return value.strip()

    def word(self, name: str) -> str | None:
        """Return one of a few words."""
        value = self.text(name)
        return None if value is None else self.one_of(value, BY_NAME[name].words, (name,), name)

    def one_of(self, value: str, words: Collection[str], path: Path, what: str) -> str:
        """Return a word that is one of those."""
        if value not in words:
            other = OTHER_VALUES.get(value)
            otherwise = f"it is one of {', '.join(words)}"
            advice = f"did you mean {other}?" if other in words else near(value, words, otherwise)
            raise self.document.wrong(path, f'{what}: "{short(value)}" is unknown; {advice}')
        return value

    def switch(self, name: str) -> bool | None:
        """Return true or false."""
        value = self.document.keys.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.document.wrong((name,), f"{name}: neither true nor false, without quotes")
        return value

    def named(self, path: Path, value: object, what: str, example: str) -> tuple[str, ...]:
        """Return the texts of a list, each once."""
        if not isinstance(value, list) or not all(type(one) is str and one.strip() for one in value):
            raise self.document.wrong(path, f"{what}: not a list of names; write {example}")
        return tuple(dict.fromkeys(one.strip() for one in value))

    def rules(self, name: str) -> tuple[str, ...]:
        """Return names of rules."""
        value = self.document.keys.get(name)
        if value is None:
            return ()
        found = self.named((name,), value, name, _written(BY_NAME[name]))
        if name == "select" and not found:
            raise self.document.wrong((name,), "select: names no rule; without this key all of them are run")
        for rule in found:
            self.known_rule(rule, (name,), name)
        return found

    def known_rule(self, rule: str, path: Path, what: str) -> None:
        """Raise `PolicyError` for a rule that does not exist."""
        known = self.names.rules()
        if rule not in known:
            advice = near(rule, known, "`envdoctor rules` lists them")
            raise self.document.wrong(path, f'{what}: no rule is called "{short(rule)}"; {advice}')

    def probes(self) -> tuple[str, ...]:
        """Return the names of probes that are left out."""
        value = self.document.keys.get("without")
        if value is None:
            return ()
        found = self.named(("without",), value, "without", _written(BY_NAME["without"]))
        for probe in found:
            if probe in ESSENTIAL:
                raise self.document.wrong(
                    ("without",), f'without: "{probe}" cannot be left out: the rest would mean something else'
                )
            if probe not in PROBES:
                advice = near(probe.replace("-", "_"), PROBES, f"it may name {', '.join(PROBES)}")
                raise self.document.wrong(("without",), f'without: no probe is called "{short(probe)}"; {advice}')
        return found

    def smoke(self) -> tuple[bool | None, tuple[Demand, ...]]:
        """Return whether kernels are run, and the tests that must pass."""
        value = self.document.keys.get(SMOKE)
        if value is None or isinstance(value, bool):
            return value, ()
        found = self.named((SMOKE,), value, SMOKE, f"true, false or {_written(BY_NAME[SMOKE])}")
        if not found:
            raise self.document.wrong((SMOKE,), "smoke: names no test; write true or false")
        known = self.names.tests()
        for name in found:
            if not any(test == name or test.startswith(f"{name}-") for test in known):
                families = [test.rpartition("-")[0] for test in known if "-" in test]
                advice = near(name, dict.fromkeys((*families, *known)), "`envdoctor smoke --list` lists them")
                raise self.document.wrong((SMOKE,), f'smoke: no test of a check is called "{short(name)}"; {advice}')
        place = self.document.place((SMOKE,))
        return True, tuple(Demand(SMOKE, name, name, place) for name in found)

    def demands(self) -> Iterable[Demand]:
        """Yield the demands that have a key of their own, in the order of the table."""
        for name, key in DEMANDS.items():
            if name in self.document.keys:
                yield self.demand(name, key.kind, self.document.keys[name], (name,), _written(BY_NAME[name]))

    def demand(self, name: str, kind: Kind, value: object, path: Path, example: str) -> Demand:
        """Return the demand of one key; `path` is where it stands."""
        bare = str(path[-1])
        if isinstance(value, Decimal):
            advice = f'write {bare} = "{short(value)}" (without quotes 2.10 would be 2.1)'
            raise self.document.wrong(path, f"{bare}: a number with a point needs quotes; {advice}")
        if isinstance(value, list) and kind is Kind.NAME:
            words = ", ".join(self.named(path, value, bare, example))
        elif type(value) is int and kind in (Kind.COUNT, Kind.VERSION, Kind.CAPABILITY):
            words = str(value)
        elif type(value) is int and kind is Kind.SIZE:
            raise self.document.wrong(path, f'{bare}: {value} has no unit; write it like {bare} = ">=8 GiB"')
        elif type(value) is str:
            words = " ".join(value.split())
        else:
            raise self.document.wrong(path, f"{bare}: not a text in quotes; write it like {example}")
        try:
            return Demand(name, specifier_of(kind, words, bare), words, self.document.place(path))
        except NoDemand as problem:
            raise self.document.wrong(path, f"{bare}: {problem}") from None

    def table(self, name: str) -> dict[str, object]:
        """Return a table, an empty one where the key is not there."""
        value = self.document.keys.get(name, {})
        if not isinstance(value, dict):
            header = ".".join((*map(str, self.document.within), name))
            raise self.document.wrong((name,), f"{name}: not a table; write [{header}] and a line below it for each")
        return value

    def packages(self) -> Iterable[Demand]:
        """Yield the demands on distributions."""
        seen: dict[str, str] = {}
        for name, value in self.table("packages").items():
            path = ("packages", name)
            plain = normalised(name)
            if not _DISTRIBUTION.fullmatch(name):
                raise self.document.wrong(path, f"packages: {short(name)}: not the name of a distribution")
            if plain in DEMANDS:
                raise self.document.wrong(
                    path, f"packages: {name} has a key of its own; write {plain} beside the others"
                )
            if plain in seen:
                raise self.document.wrong(path, f"packages: {name} is {seen[plain]} once more")
            seen[plain] = name
            yield self.demand(f"{PACKAGE}{plain}", Kind.VERSION, value, path, _written(BY_NAME["packages"]))

    def severities(self) -> dict[str, Severity]:
        """Return rule to severity."""
        found = {}
        for rule, value in self.table("severity").items():
            path = ("severity", rule)
            self.known_rule(rule, path, "severity")
            if type(value) is not str:
                raise self.document.wrong(path, f'severity: {rule}: not a text in quotes; write {rule} = "warning"')
            found[rule] = Severity[self.one_of(value, BY_NAME["severity"].words, path, f"severity: {rule}").upper()]
        return found

    def ignores(self) -> tuple[Ignore, ...]:
        """Return the findings that do not count."""
        value = self.document.keys.get("ignore", [])
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            header = ".".join((*map(str, self.document.within), "ignore"))
            raise self.document.wrong(
                ("ignore",),
                f"ignore: each entry needs a rule and a reason, below a line [[{header}]]; rules that are not to run "
                "stand in leave-out",
            )
        return tuple(self.ignore(number, entry) for number, entry in enumerate(value))

    def ignore(self, number: int, entry: dict[str, object]) -> Ignore:
        """Return one entry."""
        path: Path = ("ignore", number)
        texts: dict[str, str] = {}
        for name, value in entry.items():
            at = (*path, name)
            if name not in IGNORE_KEYS:
                advice = near(name, IGNORE_KEYS, f"it may hold {', '.join(IGNORE_KEYS)}")
                raise self.document.wrong(at, f"ignore: {short(name)}: unknown; {advice}")
            if name == "expires":
                texts[name] = self.day(value, at)
            elif type(value) is not str or not value.strip():
                raise self.document.wrong(at, f"ignore: {name}: not a text in quotes, or an empty one")
            else:
                texts[name] = " ".join(value.split())
        for name in ("rule", "reason"):
            if name not in texts:
                raise self.document.wrong(path, f"ignore: {name} is missing: {IGNORE_KEYS[name]}")
        self.known_rule(texts["rule"], (*path, "rule"), "ignore")
        return Ignore(
            texts["rule"], texts["reason"], texts.get("subject", ""), texts.get("expires"), self.document.place(path)
        )

    def day(self, value: object, path: Path) -> str:
        """Return a day as ISO 8601 writes it."""
        if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
            return value.isoformat()
        if type(value) is str and _DAY.fullmatch(value):
            try:
                return datetime.date.fromisoformat(value).isoformat()
            except ValueError:
                pass
        raise self.document.wrong(path, "ignore: expires: not a day; write it like expires = 2027-01-31")


def _written(key: Key) -> str:
    """Return a line as an example."""
    return key.example if key.form is Form.PACKAGES else f"{key.name} = {key.example}"
