"""`envdoctor triage`: judge somebody else's paste."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from envdoctor.commands import options

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Fact
    from envdoctor.model.finding import Diagnosis, Finding
    from envdoctor.model.machine import Machine
    from envdoctor.model.plan import Plan
    from envdoctor.model.snapshot import Snapshot
    from envdoctor.readers.paste.assembling import Pasted

OF_A_PLAIN_INSTALL = ("torch.cuda", "torch.channel", "torch.hip", "torchvision.requires", "torchaudio.requires")
"""What a plain install gives, where a paste tells a release and nothing more."""


@click.command(name="triage")
@click.argument("file", metavar="FILE|-")
@options.judging_others
@click.option(
    "--save-snapshot", callback=options.filled, metavar="FILE", help="Also save the machine that was read, as JSON."
)
@click.pass_obj
def command(
    _: object,
    *,
    file: str,
    matrix_file: str | None,
    form: str,
    outputs: tuple[str, ...],
    verbose: bool,
    policy_file: str | None,
    fail_on: str | None,
    strict: bool,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    save_snapshot: str | None,
) -> int:
    """Judge a paste: collect_env, nvidia-smi, pip list, a traceback, a few sentences, or any mix of them.

    Quoted, fenced, cut and coloured text is read as it comes. Nothing in it is run, opened or fetched. Every fact in
    the report names the line it was read on; what is not said is not guessed, and the report ends with what to ask
    for. With --format markdown it is a reply that can be posted.

    \b
    envdoctor triage issue.txt
    gh issue view 1234 --comments | envdoctor triage -
    envdoctor triage --format markdown issue.txt     a reply, ready to post
    envdoctor triage --save-snapshot seen.json -     to judge or compare later

    The exit code is 0 when nothing at or above --fail-on was found, 1 when something was, 2 for a file that is empty
    or no text, 3 with --strict where too little is told.
    """
    from dataclasses import replace

    from envdoctor import __version__
    from envdoctor.commands import deliver, pasted
    from envdoctor.commands.contradictions import contradictions
    from envdoctor.commands.governing import rulings_of
    from envdoctor.commands.knowledge import Knowledge
    from envdoctor.diagnose.asking import asks
    from envdoctor.diagnose.judge import diagnose
    from envdoctor.diagnose.other_matter import other_matter
    from envdoctor.diagnose.verdict import exit_code
    from envdoctor.model.asking import PasteView
    from envdoctor.model.finding import Verdict
    from envdoctor.model.machine import Machine
    from envdoctor.model.report import Report

    deliver.one_writer_each(outputs, save_snapshot, options.REPORTS, inputs=(file, matrix_file, policy_file))
    rulings = rulings_of(  # a policy of this project does not hold for a stranger's machine, unless it is named
        policy_file=policy_file, fail_on=fail_on, strict=strict, select=select, ignore=ignore, nearby=False
    )
    knowledge = Knowledge(matrix_file, rulings.select, rulings.ignore)
    knowledge.gather()
    matrix, chosen, left_out = knowledge.matrix, knowledge.selected, knowledge.ignored
    paste, cut = pasted.read(file)
    seen = paste.snapshot
    wishes = rulings.wishes(seen.known("said.wants_gpu") is True)
    diagnosis, ignored = rulings.govern(diagnose(seen, matrix, wishes, select=chosen, ignore=left_out))
    fine = other_matter(diagnosis, seen)
    if fine and seen.known("said.cuda_available") is True and diagnosis.verdict is Verdict.UNDETERMINED:
        diagnosis = replace(diagnosis, verdict=Verdict.HEALTHY)  # that it works outdoes what else could be wrong
    placed = replace(diagnosis, findings=tuple(_placed(one, paste, file) for one in diagnosis.findings))
    plan = _plan(diagnosis, Machine(seen, wishes), matrix)
    report = Report(
        snapshot=seen,
        diagnosis=placed,
        plan=plan,
        exit_code=exit_code(diagnosis, fail_on=rulings.fail_on, strict=rulings.strict),
        matrix_revision=matrix.revision,
        newest_torch=matrix.newest_torch,
        envdoctor=__version__,
        overlay=matrix.overlay_name,
        paste=PasteView(
            file,
            paste.formats,
            asks(diagnosis, seen, plan, other_matter=fine is not None),
            contradictions(paste),
            cut,
            fine or "",
        ),
        policy=rulings.policy if rulings.policy.says_anything else None,
        ignored=ignored,
        fail_on=rulings.fail_on,
        strict=rulings.strict,
    )
    deliver.deliver(report, form, outputs, verbose=verbose, save_snapshot=save_snapshot)
    return report.exit_code


def _placed(finding: Finding, paste: Pasted, file: str) -> Finding:
    """Return a finding with the place of the first fact it rests on that has one."""
    from dataclasses import replace

    from envdoctor.model.place import Place

    if finding.location is not None:
        return replace(finding, location=finding.location._replace(file=file))
    line = next((paste.lines[one.fact] for one in finding.evidence if one.fact in paste.lines), None)
    return finding if line is None else replace(finding, location=Place(file, line))


def _plan(diagnosis: Diagnosis, machine: Machine, matrix: Matrix) -> Plan:
    """Plan for the machine as far as it is told; what only a look could tell does not stand in the way."""
    from envdoctor.model.finding import Severity
    from envdoctor.model.machine import Machine
    from envdoctor.plan import remedies
    from envdoctor.plan.of_pastes import with_open_driver, without_facts
    from envdoctor.plan.proof import prove
    from envdoctor.plan.solve import Solver
    from envdoctor.rules.said import filled

    seen = machine.snapshot
    # A torch that the paste does not name is none to be installed.
    if not any(finding.severity > Severity.NOTE for finding in diagnosis.findings):
        return remedies.NOTHING
    described = Machine(_as_described(seen), machine.wishes)
    build = next(filled.machines(described, matrix), described).snapshot
    named = {name: build[name] for name in OF_A_PLAIN_INSTALL if name not in seen.facts}
    solver = Solver(Machine(described.snapshot.having(named), machine.wishes), matrix, live=False)
    platform = str(seen.known("host.platform") or "")
    plan = without_facts(remedies.plan_for(diagnosis, solver), diagnosis, platform)
    return with_open_driver(prove(plan, solver, lambda after: _judged(after, matrix, machine)))


def _judged(after: Snapshot, matrix: Matrix, machine: Machine) -> Diagnosis:
    """Judge a paste's machine as it would be: what software said of the old one is past."""
    from dataclasses import replace

    from envdoctor.diagnose.judge import diagnose

    facts = {name: fact for name, fact in after.facts.items() if not name.startswith("said.")}
    return diagnose(replace(after, facts=facts), matrix, machine.wishes)


def _as_described(snapshot: Snapshot) -> Snapshot:
    """Return the machine as `plan` takes one that is described by hand: what was not told is left open."""
    from envdoctor.model.fact import Absent, Known, Unknown

    told = Absent("the paste does not tell")
    names = ("python.version", "python.tag", "torch.dependents", "torchvision.version", "torchaudio.version",
             "torch.version", "driver.version", "driver.cuda_version")  # fmt: skip
    missing: dict[str, Fact] = {name: told for name in names if isinstance(snapshot[name], Unknown)}
    facts = {**missing, **_system(snapshot)}
    gpus = snapshot["gpu.count"]
    if isinstance(gpus, Unknown) and isinstance(snapshot["driver.version"], Known):
        facts |= {"gpu.count": Absent("the paste names no GPU"), "gpu.visible": Absent("the paste names no GPU")}
    return snapshot.having(facts)


def _system(snapshot: Snapshot) -> dict[str, Fact]:
    """Return the system that is planned for as far as the paste does not name it: Linux, and no container."""
    from envdoctor.model.fact import Known, Unknown

    told = snapshot.known("host.platform")
    platform = told if isinstance(told, str) else "linux-x86_64"
    system = platform.partition("-")[0]
    wanted = {
        "host.os": system,
        "host.platform": platform,
        "host.kind": {"windows": "windows", "macos": "macos"}.get(system, "bare"),
    }
    source = "what most pastes are of"
    return {name: Known(value, source) for name, value in wanted.items() if isinstance(snapshot[name], Unknown)}
