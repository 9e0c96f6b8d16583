"""How often triage and lint are right: over a folder of labelled cases, with a list of what was taken for what.

    python benchmarks/accuracy.py --cases FOLDER --lint FOLDER [--write docs/reference/accuracy.md] [-v]

A case of the first folder is a JSON file with `text` (a paste), `cause` (a rule name, or one of QUIET), and
`label_confidence`, or a text with a row of labels.toml, as in tests/pastes; of the second one with `filename`, `text`,
`expected` (rows of `rule`, `lines`, `fix`), `allowed` and `confidence`. Each is written to a file and judged by the
command line, as a user would.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

QUIET = frozenset({"not-an-env-problem", "oom-not-env"})
SERIOUS = ("error", "warning")


@dataclass(frozen=True)
class Judged:
    """A case and what was said of it, the root cause first."""

    case: dict
    document: dict | None
    code: int
    trouble: str

    @property
    def rules(self) -> list[str]:
        """The rules of the findings, each once, in the order of the report."""
        findings = self.document["findings"] if self.document else []
        return list(dict.fromkeys(one["rule"] for one in findings))

    @property
    def errors(self) -> list[str]:
        """Those that are errors."""
        findings = self.document["findings"] if self.document else []
        return [one["rule"] for one in findings if one["severity"] == "error"]


def run(argv: list[str], text: str, name: str) -> tuple[dict | None, int, str]:
    """Judge a text in a file of that name by the command line."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_text(text, encoding="utf-8")
        said = subprocess.run(
            [sys.executable, "-m", "envdoctor", *argv, "--format", "json", str(path)],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
    try:
        return json.loads(said.stdout), said.returncode, said.stderr
    except ValueError:
        return None, said.returncode, said.stderr


def triaged(case: dict) -> Judged:
    """Judge one paste."""
    return Judged(case, *run(["triage"], case["text"], "paste.txt"))


def linted(case: dict) -> Judged:
    """Judge one declared environment."""
    return Judged(case, *run(["lint"], case["text"], case["filename"]))


def each(judge, folder: Path) -> list[Judged]:
    """Judge every case of a folder, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(judge, cases_of(folder)))


def cases_of(folder: Path) -> list[dict]:
    """Read the cases of a folder: JSON files, or texts beside a labels.toml."""
    labels = folder / "labels.toml"
    if not labels.exists():
        return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    import tomllib

    return [
        {"id": name, "cause": label["cause"], "label_confidence": label["confidence"],
         "text": (folder / f"{name}.txt").read_text(encoding="utf-8")}
        for name, label in tomllib.loads(labels.read_text(encoding="utf-8")).items()
    ]  # fmt: skip


def triage_table(judged: list[Judged], verbose: bool) -> list[str]:
    """Count first findings and those within three, by the confidence of the label, and list the confusions."""
    lines = ["| label | cases | first finding | within three | quiet where nothing is wrong |", "|---|---|---|---|---|"]
    for confidence in ("high", "medium", "low"):
        own = [one for one in judged if one.case["label_confidence"] == confidence]
        wrong = [one for one in own if one.case["cause"] not in QUIET]
        quiet = [one for one in own if one.case["cause"] in QUIET]
        first = sum(one.rules[:1] == [one.case["cause"]] for one in wrong)
        three = sum(one.case["cause"] in one.rules[:3] for one in wrong)
        silent = sum(not one.errors and one.document is not None for one in quiet)
        lines.append(f"| {confidence} | {len(own)} | {_of(first, wrong)} | {_of(three, wrong)} | {_of(silent, quiet)} |")
    confused = Counter(
        (one.case["cause"], (one.rules or ["nothing"])[0]) for one in judged
        if (one.errors if one.case["cause"] in QUIET else one.rules[:1] != [one.case["cause"]])
    )  # fmt: skip
    lines += ["", "Taken for something else:", "", "| label | first finding | times |", "|---|---|---|"]
    lines += [f"| {label} | {found} | {times} |" for (label, found), times in sorted(confused.items())]
    if verbose:
        for one in judged:
            right = not one.errors if one.case["cause"] in QUIET else one.rules[:1] == [one.case["cause"]]
            if not right or one.document is None:
                print(one.case["id"], one.case["label_confidence"], one.case["cause"], "->", one.rules, one.trouble[-300:])
    return lines


def lint_table(judged: list[Judged], verbose: bool) -> list[str]:
    """Count defects found with the right correction, and what was said that nobody expects."""
    found = wanted = alarms = silent = 0
    missed: list[str] = []
    for one in judged:
        findings = one.document["findings"] if one.document else []
        for expected in one.case["expected"]:
            hit = any(_meets(finding, expected, one.document) for finding in findings)
            if one.case["confidence"] == "high":
                wanted += 1
                found += hit
            if not hit:
                missed.append(f"{one.case['id']} {one.case['confidence']}: {expected['rule'] or expected.get('defect')} is missed; {[(f['rule'], (f['location'] or {}).get('line'), f['message'][:160]) for f in findings]} {one.trouble[-200:]}")
        names = {expected["rule"] for expected in one.case["expected"]} | set(one.case["allowed"])
        images = [expected["image"] for expected in one.case["expected"] if expected.get("image")]
        false = [
            finding for finding in findings
            if finding["severity"] in SERIOUS and finding["rule"] not in names
            and not any(image in finding["message"] for image in images)
        ]  # fmt: skip
        alarms += len(false)
        silent += not one.case["expected"] and not false and one.document is not None
        missed += [f"{one.case['id']}: false alarm {f['rule']} line {(f['location'] or {}).get('line')}: {f['message'][:200]}" for f in false]
    consistent = sum(not one.case["expected"] for one in judged)
    if verbose:
        print("\n".join(missed))
    return [
        "| | |", "|---|---|",
        f"| files | {len(judged)} |",
        f"| defects found with the right correction | {found} of {wanted} |",
        f"| consistent files without a word above a note | {silent} of {consistent} |",
        f"| false alarms | {alarms} |",
    ]  # fmt: skip


def _meets(finding: dict, expected: dict, document: dict) -> bool:
    """Whether a finding is the expected one: rule, line, and a right correction in its words or the plan."""
    if expected["rule"] is not None and finding["rule"] != expected["rule"]:
        return False
    if expected["rule"] is None and expected["image"] not in finding["message"]:
        return False
    place = finding["location"]
    if place is None or not set(range(place["line"], place["end_line"] + 1)) & set(expected["lines"]):
        return False
    told = f"{finding['message']} {finding['replacement']} {json.dumps(document['plan'])}"
    return any(word in told for word in expected["fix"])


def _of(count: int, among: list[Judged]) -> str:
    return f"{count} of {len(among)} ({count / len(among):.0%})" if among else "-"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=Path, help="folder of labelled pastes")
    parser.add_argument("--lint", type=Path, help="folder of labelled declared environments")
    parser.add_argument("--write", type=Path, help="write the tables to a page")
    parser.add_argument("-v", "--verbose", action="store_true", help="show what was wrong")
    told = parser.parse_args()
    parts: list[str] = []
    if told.cases:
        parts += ["## Triage", "", *triage_table(each(triaged, told.cases), told.verbose), ""]
    if told.lint:
        parts += ["## Lint", "", *lint_table(each(linted, told.lint), told.verbose), ""]
    print("\n".join(parts))
    if told.write:
        told.write.write_text("\n".join(parts), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
