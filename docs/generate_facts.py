"""Write docs/reference from what the code says of itself: facts, environment variables, keys, and a page for each rule.

The JSON Schema of policies is made of the same table of keys as their page, and written with it.

python docs/generate_facts.py            writes the pages
python docs/generate_facts.py --check    says whether they are up to date, and the command that mends them
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from envdoctor.commands import governing, index_base
from envdoctor.commands.rule_pages import page_of
from envdoctor.matrix.load import load_matrix
from envdoctor.model.demand import KEYS as DEMANDS
from envdoctor.policy import schema
from envdoctor.policy.keys import IGNORE_KEYS, KEYS, Form
from envdoctor.probes.environment import VARIABLES
from envdoctor.probes.index_settings import VARIABLES as INDEX_VARIABLES
from envdoctor.probes.look import PROBES
from envdoctor.published import store
from envdoctor.readers.paste import facts as paste_facts
from envdoctor.reporters.lines import joined
from envdoctor.reporters.terminal import finding_lines
from envdoctor.rules.groups import grouped
from envdoctor.rules.rule import all_rules
from envdoctor.smoke import facts as smoke_facts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envdoctor.model.demand import DemandKey
    from envdoctor.policy.keys import Key
    from envdoctor.reporters.page import RulePage
    from envdoctor.rules.rule import Rule

REFERENCE = Path(__file__).parent / "reference"
POLICY_SCHEMA = Path(__file__).parents[1] / "src" / "envdoctor" / "codec" / "schemas" / "policy-1.json"
COMMAND = "python docs/generate_facts.py"
RULE_FOLDER = "rules"
FACTS_STAND_IN = (
    "the FACTS of src/envdoctor/probes, src/envdoctor/smoke/facts.py and src/envdoctor/readers/paste/facts.py"
)


def mark(source: str) -> str:
    """Return the first line of a page: where it comes from."""
    return f"<!-- Written by `{COMMAND}` from {source}; changes by hand are lost. -->"


def cell(text: str) -> str:
    """Return text as one cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table."""
    lines = [head, ("---",) * len(head), *rows]
    return (
        "\n".join(f"| {' | '.join(row)} |" for row in lines).replace("| --- ", "|---").replace("--- |", "---|") + "\n"
    )


def facts_page() -> str:
    """Return the page of the facts: one table a probe, in the order in which they look, and one of the battery."""
    parts = [
        f"""{mark(FACTS_STAND_IN)}

# Facts

What `envdoctor snapshot` writes under `facts`, and what the evidence of a finding names. A fact is in one of
three states: `known` (a value and its source), `absent` (looked for in a place that can tell, and not
there) or `unknown` (it could not be found out, with the reason). `N` is the index of a GPU in the driver's
order. Those of the battery stand only where it was run, by `check` or `smoke`, those of a paste only where
`triage` read one.
"""
    ]
    for module in (*PROBES, smoke_facts, paste_facts):
        title = (module.__doc__ or "").strip().splitlines()[0].rstrip(".")
        rows = [(f"`{name}`", meaning.replace("|", "\\|")) for name, meaning in module.FACTS.items()]
        parts.append(f"## {title}\n\n{table(('fact', 'meaning'), rows)}")
    return "\n".join(parts)


def environment_page() -> str:
    """Return the page of the environment variables that are read."""
    index_rows = [(f"`{name}`", f"{tool}: {setting}") for name, (tool, setting, _) in INDEX_VARIABLES.items()]
    return "\n".join(
        [
            f"""{mark("the tables of src/envdoctor/probes")}

# Environment variables

These and no others become facts, `env.NAME`, so a token in the environment stays where it is. A URL in a
value loses its user info before that.
""",
            table(("variable", "what it says"), [(f"`{name}`", cell(text)) for name, text in VARIABLES.items()]),
            """## Indexes

These become entries of `index.settings`, beside the configuration files of pip, uv and conda. Of an address only host
and path are kept, without user info, query and path segments that are tokens.
""",
            table(("variable", "tool and setting"), index_rows),
            f"""## What reading an index keeps

`matrix verify` and `matrix refresh` ask the index that pip or uv is configured for, with all that is configured
of it and of the network: certificates, proxies, logins in `netrc` or in an address. What they read they remember.

{table(("variable", "what it says"), [(f"`{store.VARIABLE}`", store.MEANING)])}""",
            f"""## What is demanded

A policy is looked for around the working directory (docs/how-to/policy.md). An image or a CI system that has one
for everything it runs names it.

{table(("variable", "what it says"), [(f"`{governing.VARIABLE}`", governing.MEANING)])}""",
            f"""## Where wheels of PyTorch come from

`check`, `plan` and `fix` name the PyTorch wheel index in their commands. A mirror of it is named by `--index-base`,
else by this variable, else by `index-base = "..."` in `~/.config/envdoctor/envdoctor.toml` (`$XDG_CONFIG_HOME`, on
Windows `%APPDATA%`). Files of a project are not asked: a repository that was cloned must not say where packages come
from.

{table(("variable", "what it says"), [(f"`{index_base.VARIABLE}`", index_base.MEANING)])}""",
        ]
    )


def policy_page() -> str:
    """Return the page of what may stand in a policy."""
    settings = [one for one in KEYS if one.form is not Form.DEMAND]
    demands = [
        (f"`{one.name}`", cell(one.meaning), f'`{one.name} = "{one.example}"`', facts_of(one)) for one in DEMANDS
    ]
    return "\n".join(
        [
            f"""{mark("src/envdoctor/policy/keys.py and src/envdoctor/model/demand.py")}

# Keys of a policy

A policy, a profile and a lock are one format, TOML. In `envdoctor.toml`, in a profile and in `envdoctor.lock` the keys
stand at the top, in `pyproject.toml` below `[tool.envdoctor]`. How to begin: docs/how-to/policy.md. A key that is not
here is an error. As a JSON Schema: `envdoctor.policy/1`, src/envdoctor/codec/schemas/policy-1.json.

## Demands

What the environment has to be; the rule [`requirement-not-met`](rules/requirement-not-met.md) judges them. Versions are
compared as PEP 440 does: `">=2.6,<2.9"`. A number alone means that number and what begins with it: `"2.9"` is 2.9 and
every 2.9.x, `"2.14.0+cu126"` that build alone, `gpus = 8` eight of them; `"*"` any version. Sizes have a unit, KiB to
TiB (1024) or KB to TB (1000), and alone mean at least. A number with a point needs quotes: TOML reads 2.10 as 2.1.
""",
            table(("key", "what is demanded", "example", "facts"), demands),
            """## The others
""",
            table(
                ("key", "what it says", "example"),
                [(f"`{one.name}`", cell(one.meaning) + profile_only(one), example_of(one)) for one in settings],
            ),
            """## Entries of `[[ignore]]`
""",
            table(("key", "what it says"), [(f"`{name}`", cell(text)) for name, text in IGNORE_KEYS.items()]),
        ]
    )


def facts_of(demand: DemandKey) -> str:
    """Return the facts that answer a demand."""
    return ", ".join(f"`{name}`" for name in demand.facts)


def profile_only(key: Key) -> str:
    """Return a remark on a key that stands in profiles alone."""
    return " (in a profile alone)" if key.profile_only else ""


def example_of(key: Key) -> str:
    """Return how a key is written."""
    if key.form in (Form.PACKAGES, Form.SEVERITIES):
        return f"`[{key.name}]` `{key.example}`"
    return (
        "`[[ignore]]`, and below it those that follow" if key.form is Form.IGNORES else f"`{key.name} = {key.example}`"
    )


def rules_page(rules: tuple[Rule, ...]) -> str:
    """Return the list of the rules, in groups."""
    parts = [
        f"""{mark("src/envdoctor/rules")}

# Rules

One name for one defect; a name is never changed and never used again. In a terminal: `envdoctor rules`, and
`envdoctor explain RULE` for a page. The severity is the worst one; each page says when it is less.
"""
    ]
    for title, members in grouped(rules):
        rows = [(f"[`{one.name}`]({RULE_FOLDER}/{one.name}.md)", one.worst.word, cell(one.summary)) for one in members]
        parts.append(f"## {title}\n\n{table(('rule', 'at worst', 'what it finds'), rows)}")
    return "\n".join(parts)


def rule_page(page: RulePage) -> str:
    """Return the page of one rule."""
    parts = [mark(f"src/envdoctor/rules/{page.rule.replace('-', '_')}.py"), f"# {page.rule}", page.text]
    rows = [(cell(when), word) for when, word in page.severities]
    parts += ["## Severity", table(("when", "severity"), rows).rstrip()]
    if page.finding is not None:
        shown = joined(finding_lines(page.finding, 80), colour=False).rstrip()
        parts += ["## Example", page.lead]
        parts += [f"```text\n{text}\n```" for text in (page.file.rstrip(), shown) if text]
    parts += ["## It is silent about", "\n".join(f"- {title}" for title in page.quiet)]
    if page.reads:
        parts += ["## Facts it reads", ", ".join(f"`{name}`" for name in page.reads) + " ([facts](../facts.md))"]
    if page.explains:
        links = ", ".join(f"[`{name}`]({name}.md)" for name in page.explains)
        parts += ["## Rules whose findings it explains", links]
    return "\n\n".join(parts) + "\n"


def pages() -> dict[str, str]:
    """Return every page by its path below docs/reference."""
    rules, matrix = all_rules(), load_matrix()
    written = {
        "facts.md": facts_page(),
        "environment.md": environment_page(),
        "policy.md": policy_page(),
        "rules.md": rules_page(rules),
    }
    return written | {f"{RULE_FOLDER}/{rule.name}.md": rule_page(page_of(rule, matrix)) for rule in rules}


def left_over(wanted: dict[str, str]) -> list[Path]:
    """Return the pages of rules that are no more."""
    return sorted(path for path in (REFERENCE / RULE_FOLDER).glob("*.md") if f"{RULE_FOLDER}/{path.name}" not in wanted)


def main(arguments: list[str]) -> int:
    """Write or check the pages; return the exit code."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write(f"usage: {COMMAND} [--check]\n")
        return 2
    wanted = pages()
    paths = {REFERENCE / name: text for name, text in wanted.items()} | {POLICY_SCHEMA: schema.schema_text()}
    stale = [path for path, text in paths.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    stale += left_over(wanted)
    if arguments:
        for path in stale:
            name = path.relative_to(Path(__file__).parents[1]).as_posix()
            sys.stderr.write(f"{name} is not what the code says; mend it with: {COMMAND}\n")
        return 1 if stale else 0
    for path in stale:
        if path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(paths[path], encoding="utf-8")
        else:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
