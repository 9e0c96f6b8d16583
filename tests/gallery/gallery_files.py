"""What of a case is a file under tests/cases, and how it is written."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

from envdoctor import __version__
from envdoctor.cli import Invocation, group
from envdoctor.codec import snapshot as snapshot_document

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gallery_case import Case

    from envdoctor.model.snapshot import Snapshot

FOLDER = Path(__file__).parents[1] / "cases"
REFRESH = "ENVDOCTOR_REFRESH=1 python -m pytest tests/gallery"


def written(snapshot: Snapshot) -> str:
    """The snapshot as a file, one fact a line, so that a changed fact is one changed line."""
    document = snapshot_document.encode(snapshot)
    facts = document.pop("facts")
    assert isinstance(facts, dict)
    head = json.dumps(document, indent=1)[:-2]
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(fact)}" for name, fact in facts.items())
    return f'{head},\n "facts": {{\n{lines}\n }}\n}}\n'


def said(case: Case, *words: str) -> tuple[int, str]:
    """Exit code and standard output of `envdoctor check --snapshot` on the committed file of a case."""
    path = str(FOLDER / case.name / "snapshot.json")
    argv = ["check", "--snapshot", path, *case.options, *words]
    result = CliRunner().invoke(group, argv, obj=Invocation(), catch_exceptions=False, standalone_mode=False)
    return result.return_value or 0, result.stdout


def terminal(case: Case) -> str:
    """The whole report at 80 columns, no colour; what a release of ours or of the matrix changes is scrubbed."""
    return scrubbed(said(case)[1])


def diagnosis(case: Case) -> str:
    """The whole JSON report; the machine in it must be the committed one, and is not written a second time."""
    code, text = said(case, "--format", "json")
    document = json.loads(text)
    assert document["exit_code"] == code
    assert document["snapshot"] == json.loads((FOLDER / case.name / "snapshot.json").read_text(encoding="utf-8"))
    document["snapshot"] = "snapshot.json"
    document["matrix"] = {"revision": "REVISION", "newest_torch": "NEWEST"}
    document["envdoctor"] = "VERSION"
    return scrubbed(json.dumps(document, indent=1) + "\n")


def scrubbed(text: str) -> str:
    """Text without our own version and the date of the matrix."""
    text = re.sub(
        rf"\benvdoctor {re.escape(__version__)} - matrix \d{{4}}-\d\d-\d\d", "envdoctor VERSION - matrix REVISION", text
    )
    return re.sub(r"(this matrix \()\d{4}-\d\d-\d\d\)", r"\1REVISION)", text)


def table(cases: Iterable[Case]) -> str:
    """The page of the gallery: a line a machine."""
    lines = [
        "<!-- Written by the tests; changes by hand are lost. -->",
        "",
        "# The gallery of machines",
        "",
        "Each folder is one machine: `snapshot.json` is all that a look at it gives, `terminal.txt` and",
        "`diagnosis.json` are what `envdoctor check --snapshot` says of it. The machines are described in",
        "`tests/gallery`; where one is after a public thread, that is named. Written anew by:",
        "",
        f"    {REFRESH}",
        "",
        "| machine | what it is | first finding | why | after |",
        "|---|---|---|---|---|",
    ]
    for case in sorted(cases, key=lambda one: (not one.healthy, one.name)):
        first = f"`{case.first}` ({case.severity})" if case.first else "none"
        options = f" `{' '.join(case.options)}`" if case.options else ""
        cells = (f"[{case.name}]({case.name})", f"{case.what}.{options}", first, case.why, case.source or "")
        lines.append(_row(cells))
    return "\n".join(lines) + "\n"


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def differences(name: str, text: str) -> dict[str, Any]:
    """The first line in which a committed file and `text` differ, for a message; empty where they are equal."""
    path = FOLDER / name
    committed = path.read_text(encoding="utf-8") if path.is_file() else None
    if committed == text:
        return {}
    if committed is None:
        return {"file": name, "is": "missing"}
    for number, (old, new) in enumerate(zip(committed.splitlines(), text.splitlines(), strict=False), 1):
        if old != new:
            return {"file": name, "line": number, "committed": old, "now": new}
    return {"file": name, "lines": (committed.count("\n"), text.count("\n"))}
