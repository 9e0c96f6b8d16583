"""`envdoctor fix`: show what a plan would change; carry it out in a copy, prove it, swap; or put everything back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from envdoctor.codec.addresses import strip_address
from envdoctor.commands import options
from envdoctor.commands.failure import Unusable
from envdoctor.plan.installers import NAMES

if TYPE_CHECKING:
    from envdoctor.cli import Invocation

NOT_AGAIN = ("apply_it", "rollback", "yes", "into", "form", "outputs", "verbose")
"""Options that say nothing of what is to be done."""


@click.command(name="fix")
@options.examining
@options.matrix
@options.reporting
@click.option("--apply", "apply_it", is_flag=True, help="Carry it out: in a copy that is verified, then swapped.")
@click.option("--rollback", is_flag=True, help="Put the environment back that the last fix replaced.")
@click.option("--yes", is_flag=True, help="Do not ask; needed where standard input is no terminal.")
@click.option("--allow-ci", is_flag=True, help="Carry it out although CI is set.")
@click.option(
    "--into",
    callback=options.filled,
    metavar="DIR",
    help="Leave the repaired copy in this new folder, and the environment as it is.",
)
@click.option("--smoke/--no-smoke", default=True, help="Run kernels in the copy before it counts as repaired.")
@options.wishing
@click.option(
    "--installer",
    callback=options.one_of(NAMES),
    metavar="NAME",
    help=f"Use this installer: {', '.join(NAMES)}.",
)
@options.mirror
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    python: str | None,
    timeout: float,
    matrix_file: str | None,
    form: str,
    outputs: tuple[str, ...],
    verbose: bool,
    apply_it: bool,
    rollback: bool,
    yes: bool,
    allow_ci: bool,
    into: str | None,
    smoke: bool,
    torch: str | None,
    partners: str,
    constraint_files: tuple[str, ...],
    installer: str | None,
    index_base: str | None,
    index_layout: str,
) -> int:
    """Show what the plan for an environment would change; with --apply carry it out and prove it, or put all back.

    The environment is never changed where it stands. A copy is made beside it, in ENVIRONMENT.envdoctor; only torch,
    its partners and what they require are changed there; the copy has to import torch, run kernels and pass `pip
    check`; then the two are swapped, and the old one is kept for --rollback. Whatever fails, the environment is as it
    was; whenever it is killed, it is the old one or the repaired one, whole.

    \b
    envdoctor fix                                  what would change, and the commands
    envdoctor fix --apply                          asks, then does it
    envdoctor fix --apply --yes --python .venv     without asking
    envdoctor fix --apply --into .venv-new         leave the repaired copy there
    envdoctor fix --rollback                       the environment as it was before
    envdoctor fix --apply --index-base https://mirror.example/pytorch/whl

    Environments of the system, of Nix, of conda's base or of somebody else are not changed: the commands are shown.
    Drivers, shell profiles and other users' files are never touched, and sudo is never used.

    Exit code 0 when it was applied, there is nothing to do, or for a dry run; 1 when it failed and everything was put
    back; 2 when it was refused, or for unusable input.
    """
    from envdoctor.commands import deliver
    from envdoctor.commands.consent import Consent

    deliver.one_writer_each(outputs, None)
    if rollback and (apply_it or into or torch or partners or constraint_files or installer or index_base):
        raise Unusable("--rollback puts back what was there, and takes none of the options that plan a change")
    if into and not apply_it:
        raise Unusable("--into says where --apply leaves the copy; add --apply")
    consent = Consent(yes, allow_ci)
    if rollback:
        from envdoctor.commands.way_back import roll_back

        report, seen = roll_back(python, consent), None
    else:
        from envdoctor.commands.fix_case import Wanted
        from envdoctor.commands.fixing import fix

        wishes = (torch, partners, constraint_files, installer, index_base, index_layout)
        wanted = Wanted(python, timeout, matrix_file, *wishes, into, smoke)
        report, seen = fix(invocation, wanted, consent if apply_it else None)
    from envdoctor.commands.fix_report import show

    return show(report, seen, form, outputs, verbose=verbose, again=_again(click.get_current_context()))


def _again(context: click.Context) -> tuple[str, ...]:
    """Return the options that were given, for the command that carries out what was shown; no address with a login."""
    given: list[str] = []
    for option in context.command.params:
        name, value = option.name or "", context.params.get(option.name or "")
        if context.get_parameter_source(name) is not ParameterSource.COMMANDLINE or name in NOT_AGAIN:
            continue
        if isinstance(option, click.Option) and option.is_flag:
            given.append(option.opts[0] if value else option.secondary_opts[0])
            continue
        for one in value if isinstance(value, tuple) else (value,):
            said = strip_address(str(one)) if name == "index_base" else str(one)
            given += (option.opts[-1], said)
    return tuple(given)
