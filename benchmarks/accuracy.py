"""How often triage and lint are right: over folders of labelled cases, with a list of what was taken for what.

    python benchmarks/accuracy.py --cases FOLDER... --lint FOLDER... [--write docs/reference/accuracy.md] [-v]

A folder of pastes holds JSON files with `text`, `cause` (a rule name, or one of QUIET) and `label_confidence`, or texts
beside a labels.toml (tests/pastes). A folder of declarations holds JSON files with `filename`, `text`, `expected` (rows
of `rule`, `lines`, `fix`), `allowed` and `confidence`, or files beside an expected.toml (tests/declarations). Each case
is judged by the command line in a process of its own, as a user would.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

QUIET = frozenset({"not-an-env-problem", "oom-not-env"})
SERIOUS = ("error", "warning")
SECONDS = 120

PAGE = """<!-- Written by `python benchmarks/accuracy.py --write`; changes by hand are lost. -->

# How often triage and lint are right

Each case is judged by `envdoctor triage` or `envdoctor lint` in a process of its own. "Public" are real threads and
files whose cause was labelled by others, who keep the other half of them back; they are not part of this
repository. "Our own" stand in `tests/pastes` and `tests/declarations`: written from the facts of further threads
and files, and what was wrong about them when they were first seen has been mended since, so their figures say what
does not break again, not what to expect of new ones. The confidence is that of the label: high where the thread or
the software states the cause, medium where somebody inferred it.

Of threads and files that nobody had looked at before, counted before anything was mended: {fresh}

"""


@dataclass(frozen=True)
class Paste:
    """A labelled paste."""

    name: str
    text: str
    cause: str
    confidence: str


@dataclass(frozen=True)
class Expected:
    """A defect that has to be found: `rule` may be None where any serves that names `image`."""

    rule: str | None
    lines: tuple[int, ...]
    words: tuple[str, ...]
    image: str = ""


@dataclass(frozen=True)
class Declared:
    """A labelled file. `allowed` are rules that are neither required nor a false alarm."""

    name: str
    filename: str
    text: bytes
    expected: tuple[Expected, ...]
    allowed: frozenset[str] = frozenset()
    required: bool = True


@dataclass(frozen=True)
class Judged:
    """What was said of a case, the root cause first; `trouble` where nothing was."""

    document: dict = field(default_factory=dict)
    trouble: str = ""

    @property
    def findings(self) -> list[dict]:
        """The findings in the order of the report."""
        return self.document.get("findings", [])

    @property
    def rules(self) -> list[str]:
        """Their rules, each once."""
        return list(dict.fromkeys(one["rule"] for one in self.findings))


def judged(command: str, filename: str, text: bytes) -> Judged:
    """Judge a text in a file of that name by the command line."""
    folder = tempfile.mkdtemp()
    try:
        path = Path(folder, filename)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
        said = subprocess.run(
            [sys.executable, "-m", "envdoctor", command, "--format", "json", str(path)],
            capture_output=True, text=True, check=False, timeout=SECONDS,
        )  # fmt: skip
    finally:
        shutil.rmtree(folder)
    try:
        return Judged(json.loads(said.stdout))
    except ValueError:
        return Judged(trouble=said.stderr[-300:])


def each(command: str, cases: list, text_of: Callable) -> list[tuple]:
    """Judge every case, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        return list(zip(cases, pool.map(lambda case: judged(command, *text_of(case)), cases), strict=True))


def pastes_of(folder: Path) -> Iterator[Paste]:
    """Read a folder of pastes."""
    labels = folder / "labels.toml"
    if labels.exists():
        for name, label in tomllib.loads(labels.read_text(encoding="utf-8")).items():
            text = (folder / f"{name}.txt").read_text(encoding="utf-8")
            yield Paste(name, text, label["cause"], label["confidence"])
        return
    for path in sorted(folder.glob("*.json")):
        case = json.loads(path.read_text(encoding="utf-8"))
        yield Paste(case["id"], case["text"], case["cause"], case["label_confidence"])


def declared_of(folder: Path) -> Iterator[Declared]:
    """Read a folder of declarations."""
    table = folder / "expected.toml"
    if table.exists():
        wanted = tomllib.loads(table.read_text(encoding="utf-8"))
        for path in sorted(path for path in folder.rglob("*") if path.is_file() and path != table):
            name = path.relative_to(folder).as_posix()
            rows = wanted.get(name, {"found": []})["found"]
            expected = tuple(Expected(row["rule"], (row["line"],), (row["correction"],)) for row in rows)
            yield Declared(name, name, path.read_bytes(), expected)
        return
    for path in sorted(folder.glob("*.json")):
        case = json.loads(path.read_text(encoding="utf-8"))
        expected = tuple(
            Expected(row["rule"], tuple(row["lines"]), tuple(row["fix"]), row.get("image", ""))
            for row in case["expected"]
        )
        yield Declared(
            case["id"], case["filename"], case["text"].encode(), expected, frozenset(case["allowed"]),
            case["confidence"] == "high",
        )  # fmt: skip


def triage_lines(title: str, folder: Path, tell: Callable[[str], None]) -> list[str]:
    """Count first findings and those within three, by the confidence of the label, and list the confusions."""
    told = each("triage", list(pastes_of(folder)), lambda case: ("paste.txt", case.text.encode()))
    head = "| label | cases | first finding right | within three | no error where nothing is wrong |"
    lines = [f"## Triage, {title}", "", head, "|---|---|---|---|---|"]
    for confidence in ("high", "medium", "low"):
        own = [one for one in told if one[0].confidence == confidence]
        wrong = [one for one in own if one[0].cause not in QUIET]
        first = sum(said.rules[:1] == [case.cause] for case, said in wrong)
        three = sum(case.cause in said.rules[:3] for case, said in wrong)
        quiet = [one for one in own if one[0].cause in QUIET]
        silent = sum(is_right(case, said) for case, said in quiet)
        if own:
            cells = (_of(first, wrong), _of(three, wrong), _of(silent, quiet))
            lines.append(f"| {confidence} | {len(own)} | {' | '.join(cells)} |")
    missed = [(case, said) for case, said in told if not is_right(case, said)]
    for case, said in missed:
        tell(f"{case.name} ({case.confidence}): {case.cause}, and {said.rules or said.trouble or 'nothing'} was found")
    confused = Counter((case.cause, (said.rules or ["nothing"])[0]) for case, said in missed)
    if confused:
        lines += ["", "Taken for something else:", "", "| cause | first finding | times |", "|---|---|---|"]
        lines += [f"| {cause} | {found} | {times} |" for (cause, found), times in sorted(confused.items())]
    return [*lines, ""]


def is_right(case: Paste, said: Judged) -> bool:
    """Whether the first finding is the cause, or, where nothing is wrong, whether no error is told."""
    if case.cause in QUIET:
        return bool(said.document) and all(one["severity"] != "error" for one in said.findings)
    return said.rules[:1] == [case.cause]


def lint_lines(title: str, folder: Path, tell: Callable[[str], None]) -> list[str]:
    """Count defects found with the right correction, and what was said that nobody expects."""
    told = each("lint", list(declared_of(folder)), lambda case: (case.filename, case.text))
    found = wanted = alarms = silent = 0
    for case, said in told:
        for expected in case.expected:
            hit = any(meets(finding, expected, said.document) for finding in said.findings)
            wanted += case.required
            found += hit and case.required
            if not hit:
                tell(f"{case.name}: {expected.rule or expected.image} is missed; {said.rules} {said.trouble}")
        false = [finding for finding in said.findings if is_false_alarm(finding, case)]
        for finding in false:
            tell(f"{case.name}: false alarm, {finding['rule']}: {finding['message']}")
        alarms += len(false)
        silent += not case.expected and not false and bool(said.document)
    consistent = sum(not case.expected for case, _ in told)
    return [
        f"## Lint, {title}", "",
        "| files | defects found with the right correction | consistent files in peace | false alarms |",
        "|---|---|---|---|",
        f"| {len(told)} | {found} of {wanted} | {silent} of {consistent} | {alarms} |", "",
    ]  # fmt: skip


def meets(finding: dict, expected: Expected, document: dict) -> bool:
    """Whether a finding is the expected one: rule, line, and a right correction in its words or the plan."""
    if finding["rule"] != expected.rule if expected.rule else expected.image not in finding["message"]:
        return False
    place = finding["location"]
    if place is None or not set(range(place["line"], place["end_line"] + 1)) & set(expected.lines):
        return False
    told = f"{finding['message']} {finding['replacement']} {json.dumps(document['plan'])}"
    return any(word in told for word in expected.words)


def is_false_alarm(finding: dict, case: Declared) -> bool:
    """Whether a finding above a note is neither expected nor allowed."""
    images = [one.image for one in case.expected if one.image]
    named = {one.rule for one in case.expected} | case.allowed
    return (
        finding["severity"] in SERIOUS
        and finding["rule"] not in named
        and not any(image in finding["message"] for image in images)
    )


def _of(count: int, among: list) -> str:
    return f"{count} of {len(among)} ({count / len(among):.0%})" if among else "-"


def main() -> int:
    """Judge the folders that are named, print the tables, and write them where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=Path, nargs="*", default=[], help="folders of labelled pastes")
    parser.add_argument("--lint", type=Path, nargs="*", default=[], help="folders of labelled declarations")
    parser.add_argument("--write", type=Path, help="write the tables to this page")
    parser.add_argument("--fresh", default="", help="for the page: what was right of unseen threads and files")
    parser.add_argument("-v", "--verbose", action="store_true", help="show what was wrong")
    told = parser.parse_args()
    tell = print if told.verbose else lambda _: None
    lines: list[str] = []
    for kind, folders in ((triage_lines, told.cases), (lint_lines, told.lint)):
        for folder in folders:
            ours = (folder / "labels.toml").exists() or (folder / "expected.toml").exists()
            lines += kind("our own" if ours else "public", folder, tell)
    print("\n".join(lines))
    if told.write:
        told.write.write_text(PAGE.format(fresh=told.fresh) + "\n".join(lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
