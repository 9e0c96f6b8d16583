"""Write docs/reference/facts.md: every fact a snapshot can hold, as the probes document them.

python docs/generate_facts.py            writes the page
python docs/generate_facts.py --check    says whether it is up to date, and the command that mends it
"""

from __future__ import annotations

import sys
from pathlib import Path

from envdoctor.probes.look import PROBES

PAGE = Path(__file__).parent / "reference" / "facts.md"
COMMAND = "python docs/generate_facts.py"

HEAD = f"""<!-- Written by `{COMMAND}` from the FACTS of src/envdoctor/probes; changes by hand are lost. -->

# Facts

What `envdoctor snapshot` writes under `facts`, and what the evidence of a finding names. A fact is in one of
three states: `known` (a value and its source), `absent` (looked for in a place that can tell, and not
there) or `unknown` (it could not be found out, with the reason). `N` is the index of a GPU in the driver's
order.
"""


def page() -> str:
    """Return the text of the page: one table a probe, in the order in which they look."""
    parts = [HEAD]
    for probe in PROBES:
        title = (probe.__doc__ or "").strip().splitlines()[0].rstrip(".")
        rows = [f"| `{name}` | {meaning.replace('|', chr(92) + '|')} |" for name, meaning in probe.FACTS.items()]
        parts.append("\n".join([f"## {title}", "", "| fact | meaning |", "|---|---|", *rows, ""]))
    return "\n".join(parts)


def main(arguments: list[str]) -> int:
    """Write or check the page; return the exit code."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write(f"usage: {COMMAND} [--check]\n")
        return 2
    text = page()
    if arguments:
        fresh = PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text
        if not fresh:
            sys.stderr.write(f"docs/reference/facts.md is not what the probes say; mend it with: {COMMAND}\n")
        return 0 if fresh else 1
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
