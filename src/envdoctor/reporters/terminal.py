"""The report for people: what was seen, what it means, what to type.

The same text goes to a terminal, a pipe and a CI log; colour adds nothing that the words do not say. Our own
words are ASCII; text of the machine keeps its letters and loses everything that is not printable, so a caller
that writes to an ASCII stream sets `errors="backslashreplace"`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Severity, Verdict
from envdoctor.model.snapshot import NOT_LOOKED_AT
from envdoctor.reporters.finding_order import Told, told_in_order
from envdoctor.reporters.lines import SENTENCE, Line, joined, styled, wrapped
from envdoctor.reporters.machine_lines import machine_lines
from envdoctor.reporters.plain_text import safe
from envdoctor.reporters.plan_lines import FITS, command_line, plan_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envdoctor.model.finding import Crashed, Evidence, Finding
    from envdoctor.model.report import Report

NARROWEST = 40
BY_FIX = "Or have it done in a copy that is proved before it takes the environment's place, with a way back:"
MENDS = "To make it right, with this machine as it is:"
VALUE = 120
"""Characters of one value shown as evidence; the whole value is in the JSON document."""
WORDS = 300
"""Characters of a table shown as evidence in words: two rows with their paths."""
FEW = 6
"""Names of facts that stand in one sentence; all of them are told where `verbose` is asked for."""

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.NOTE: "bold blue"}


def render(report: Report, *, width: int = 80, colour: bool = False, verbose: bool = False) -> str:
    """Return the report as text of at most `width` columns (40 or more), commands and paths excepted.

    Commands stand unbroken on lines of their own, indented by four, quoted for a POSIX shell. `colour` adds
    ANSI styles to the same text; `verbose` adds evidence to notes and the rules that could not decide.
    """
    width = max(width, NARROWEST)
    if report.lint:
        from envdoctor.reporters.lint_lines import lint_lines

        lines = [*lint_lines(report, report.lint, width, verbose), *_ignored(report, width, verbose)]
        lines += crashed_lines(report.diagnosis.crashed, width)
        return joined(lines, colour=colour)
    return joined(_lines(report, width, verbose), colour=colour)


def finding_lines(finding: Finding, width: int) -> Iterator[Line]:
    """Yield one finding by itself, with its evidence, as a report shows it."""
    if finding.severity is Severity.NOTE:
        yield from _note(finding, width, verbose=True)
    else:
        yield from _finding(finding, width)


def findings_lines(findings: Sequence[Finding], width: int, verbose: bool) -> Iterator[Line]:
    """Yield all findings as a report shows them, causes before what follows from them and notes last."""
    serious, notes = _serious_and_notes(findings)
    yield from _serious_lines(serious, width, verbose)
    yield from _note_lines(notes, width, verbose)


def _serious_and_notes(findings: Sequence[Finding]) -> tuple[list[list[Told]], list[list[Told]]]:
    chains = list(_chains(told_in_order(findings)))
    serious = [chain for chain in chains if chain[0].finding.severity > Severity.NOTE]
    return serious, [chain for chain in chains if chain[0].finding.severity is Severity.NOTE]


def _serious_lines(chains: Sequence[Sequence[Told]], width: int, verbose: bool) -> Iterator[Line]:
    for one in (one for chain in chains for one in chain):
        if one.depth:
            yield from _consequence(one.finding, min(one.depth, 4), width, verbose)
        else:
            yield from _finding(one.finding, width)
        yield Line()


def _note_lines(chains: Sequence[Sequence[Told]], width: int, verbose: bool) -> Iterator[Line]:
    for root, *consequences in chains:
        yield from _note(root.finding, width, verbose)
        for one in consequences:
            yield from _explained(one.finding, width, verbose)
    if chains:
        yield Line()


def _lines(report: Report, width: int, verbose: bool) -> Iterator[Line]:
    overlay = f" with {safe(str(report.overlay))}" if report.overlay else ""
    title = f"envdoctor {safe(report.envdoctor)} - matrix {safe(report.matrix_revision)}{overlay}"
    yield Line(title, "bold", len(title))
    if report.paste:
        from envdoctor.reporters.paste_lines import head_lines

        yield from head_lines(report, report.paste, width)
    else:
        for statement in machine_lines(report.snapshot):
            yield from statement_lines(statement, width)
    if "smoke.tests" in report.snapshot.facts or "smoke.left_out" in report.snapshot.facts:
        from envdoctor.reporters.kernel_lines import kernel_lines

        for statement in kernel_lines(report.snapshot):
            yield from statement_lines(statement, width)
    if report.policy:
        from envdoctor.reporters.policy_lines import policy_in_words

        yield from wrapped(policy_in_words(report), width, "", "  ")
    if verbose and report.snapshot.taken:
        yield from wrapped(f"looked at {safe(report.snapshot.taken)}", width, "", "  ")
    yield Line()

    serious, notes = _serious_and_notes(report.diagnosis.findings)
    yield from _serious_lines(serious, width, verbose)
    if not serious:
        yield from wrapped(calm_sentence(report), width)
        yield Line()
    yield from _note_lines(notes, width, verbose)
    ignored = list(_ignored(report, width, verbose))
    yield from (*ignored, Line()) if ignored else ()
    gaps = list(_gaps(report, width, verbose)) if verbose or not report.paste else []
    yield from gaps
    if gaps:
        yield Line()
    wrong = report.diagnosis.verdict in (Verdict.BROKEN, Verdict.WARNINGS)
    yield from plan_lines(report.plan, MENDS if wrong else FITS, width, verbose)
    if report.fix and wrong:
        yield from (styled(line.text, "bold") for line in wrapped(BY_FIX, width))
        yield command_line(report.fix)
        yield Line()
    if report.paste:
        from envdoctor.reporters.paste_lines import ask_lines

        yield from ask_lines(report.paste, width)
    if serious or report.exit_code or report.diagnosis.verdict is not Verdict.HEALTHY:
        yield from wrapped(_last_sentence(report), width)


def _ignored(report: Report, width: int, verbose: bool) -> Iterator[Line]:
    """What a policy takes out of the findings; nothing, and no import, where none does."""
    if report.ignored:
        from envdoctor.reporters.policy_lines import ignored_lines

        yield from ignored_lines(report.ignored, width, verbose)


def _chains(told: Sequence[Told]) -> Iterator[list[Told]]:
    """Yield each root cause together with what follows from it."""
    chain: list[Told] = []
    for one in told:
        if one.depth == 0 and chain:
            yield chain
            chain = []
        chain.append(one)
    if chain:
        yield chain


def statement_lines(statement: Sequence[str], width: int) -> Iterator[Line]:
    """Put the parts of a statement on one line as far as they fit, the others below, indented."""
    line, indent = "", ""
    for part in statement:
        joined = f"{line}   {part}" if line else part
        if len(indent) + len(joined) <= width:
            line = joined
            continue
        if line:
            yield from wrapped(line, width, indent, "    ")
            indent = "  "
        line = part
    yield from wrapped(line, width, indent, "    ")


def _finding(finding: Finding, width: int) -> Iterator[Line]:
    yield _headline(finding, "")
    yield from wrapped(safe(finding.message, SENTENCE), width, "  ", "  ")
    yield from _seen(finding, width, "  ")
    yield from wrapped(f"more: envdoctor explain {safe(finding.rule)}", width, "  ", "        ")


def _consequence(finding: Finding, depth: int, width: int, verbose: bool) -> Iterator[Line]:
    indent = "    " * depth
    yield _headline(finding, indent, f", follows from {safe(finding.caused_by or '')}")
    yield from wrapped(safe(finding.message, SENTENCE), width, f"{indent}  ", f"{indent}  ")
    if verbose:
        yield from _seen(finding, width, f"{indent}  ")


def _headline(finding: Finding, indent: str, after: str = "") -> Line:
    word = finding.severity.word
    where = f", line {finding.location.line}" if finding.location else ""
    text = f"{indent}{word}  {safe(finding.rule)} ({safe(finding.subject)}){where}{after}"
    return Line(text, _STYLES[finding.severity], len(indent) + len(word))


def _note(finding: Finding, width: int, verbose: bool) -> Iterator[Line]:
    message = f"note  {safe(finding.message, SENTENCE)} ({safe(finding.rule)})"
    first, *others = wrapped(message, width, "", "      ")
    yield Line(first.text, _STYLES[Severity.NOTE], len("note"))
    yield from others
    if verbose:
        yield from _seen(finding, width, "      ")


def _explained(finding: Finding, width: int, verbose: bool) -> Iterator[Line]:
    """A note that another note explains says nothing new: its name is enough, and its words where all is asked for."""
    words = f": {safe(finding.message, SENTENCE)}" if verbose else ""
    yield from wrapped(f"from which follows {safe(finding.rule)}{words}", width, "      ", "      ")


def _seen(finding: Finding, width: int, indent: str) -> Iterator[Line]:
    if finding.evidence:
        text = "; ".join(dict.fromkeys(_shown(one, finding.subject) for one in finding.evidence))
        yield from wrapped(f"seen: {text}", width, indent, f"{indent}      ")


def _shown(evidence: Evidence, subject: str) -> str:
    name, source = safe(evidence.fact), safe(evidence.source)
    if evidence.value is None:
        return f"{name}: absent ({source})"
    if isinstance(evidence.value, (list, dict)):
        from envdoctor.reporters.evidence_rows import rows_in_words

        words = rows_in_words(evidence.fact, evidence.value, subject)
        if words is not None:
            return f"{name}: {safe(words, WORDS)} ({source})"
    if isinstance(evidence.value, str):
        value = evidence.value
    else:
        import json

        value = json.dumps(evidence.value, ensure_ascii=False)
    return f"{name} = {safe(value, VALUE)} ({source})"


def calm_sentence(report: Report) -> str:
    """Return what is said where nothing is wrong: how much could be seen, and whether something is ignored."""
    calm = _calm(report)
    if report.ignored:
        from envdoctor.reporters.policy_lines import ignored_in_words

        ignored = ignored_in_words(report.ignored)
        if ignored:
            return f"{calm.replace('Nothing', 'Nothing else', 1).rstrip('.')}; {ignored}."
    return calm


def _calm(report: Report) -> str:
    diagnosis = report.diagnosis
    if report.paste and report.paste.fine:
        return safe(report.paste.fine, SENTENCE)
    if diagnosis.verdict is Verdict.UNDETERMINED:
        return "Nothing wrong was found, but not enough could be seen to say that nothing is."
    left_out = sum(skipped.left_out for skipped in diagnosis.skipped)
    if left_out:
        were = "were" if left_out > 1 else "was"
        return f"Nothing wrong was found by the rules that were run; {left_out} {were} left out."
    if diagnosis.crashed or any(skipped.is_gap for skipped in diagnosis.skipped):
        return "Nothing wrong was found in what could be judged."
    return "Nothing is wrong."


def crashed_lines(rules: Sequence[Crashed], width: int) -> Iterator[Line]:
    """Yield our own crashes."""
    for crashed in rules:
        text = f"a bug in envdoctor: rule {safe(crashed.rule)} raised {safe(crashed.reason, SENTENCE)}"
        first, *others = wrapped(f"{text}; the other rules still ran", width, "", "  ")
        yield Line(first.text, _STYLES[Severity.ERROR], len("a bug in envdoctor"))
        yield from others


def _gaps(report: Report, width: int, verbose: bool) -> Iterator[Line]:
    """What could not be judged: our own crashes, then the rules that lacked a fact, one line a reason."""
    yield from crashed_lines(report.diagnosis.crashed, width)
    rules: dict[tuple[str, str], list[str]] = {}
    not_in_it: dict[str, list[str]] = {}
    for skipped in report.diagnosis.skipped:
        if skipped.left_out or not (skipped.is_gap or verbose):
            continue
        if skipped.fact is not None and skipped.reason == NOT_LOOKED_AT.reason:
            not_in_it.setdefault(skipped.fact, []).append(safe(skipped.rule))
        else:
            rules.setdefault((skipped.fact or "", skipped.reason), []).append(safe(skipped.rule))
    for (fact, reason), names in rules.items():
        because = f"{safe(fact)} is not known: " if fact else ""
        text = f"not judged: {', '.join(names)}, because {because}{safe(reason, SENTENCE)}"
        yield from wrapped(text, width, "", "  ")
    if not_in_it:
        yield from wrapped(_not_held(not_in_it, verbose, paste=report.paste is not None), width, "", "  ")


def _not_held(not_in_it: Mapping[str, Sequence[str]], verbose: bool, *, paste: bool) -> str:
    """One sentence for all rules that ask for facts that nobody looked for, or wrote of."""
    rules = sorted(name for names in not_in_it.values() for name in names)
    facts = sorted(safe(fact) for fact in not_in_it)
    told = ", ".join(rules) if verbose else f"{len(rules)} rule{'s' * (len(rules) > 1)}"
    shown = facts if verbose else facts[:FEW]
    others = f" and {len(facts) - len(shown)} more" if len(facts) > len(shown) else ""
    if paste:
        return f"not judged: {told}, because this paste does not tell {', '.join(shown)}{others}"
    return (
        f"not judged: {told}, because this snapshot does not hold {', '.join(shown)}{others} (saved by an older"
        " envdoctor?)"
    )


def _last_sentence(report: Report) -> str:
    diagnosis = report.diagnosis
    counts = []
    for severity in (Severity.ERROR, Severity.WARNING):
        number = sum(finding.severity == severity for finding in diagnosis.findings)
        if number:
            counts.append(f"{number} {severity.word}{'s' * (number > 1)}")
    if diagnosis.crashed:
        counts.append(f"{len(diagnosis.crashed)} of our own rules crashed")
    left_out = sum(skipped.left_out for skipped in diagnosis.skipped)
    if counts and left_out:
        counts.append(f"{left_out} rule{'s' * (left_out > 1)} left out")
    found = f"{', '.join(counts)}. " if counts else ""
    verdict = diagnosis.verdict.value
    if diagnosis.crashed and diagnosis.verdict is Verdict.HEALTHY:
        verdict += " as far as could be judged"
    return f"{found}Verdict: {verdict} (exit code {report.exit_code})."
