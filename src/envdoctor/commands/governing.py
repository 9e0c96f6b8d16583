"""What governs one run: the policy that applies, with what the command line says over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from envdoctor.commands.failure import Unusable
from envdoctor.model.demand import UNMET

if TYPE_CHECKING:
    from envdoctor.diagnose.governed import Governed
    from envdoctor.model.finding import Diagnosis
    from envdoctor.model.machine import Wishes
    from envdoctor.model.policy import Policy

VARIABLE = "ENVDOCTOR_POLICY"
MEANING = "the policy that holds, where `--policy` names none; nothing else is looked for then"


class Rulings(NamedTuple):
    """A policy and the command line as one: the names of `select` and `ignore` are not checked here.

    `today` is the day by which ignores expire, as ISO 8601 writes it.
    """

    policy: Policy
    fail_on: str
    strict: bool
    select: tuple[str, ...]
    ignore: tuple[str, ...]
    today: str

    @property
    def selected(self) -> frozenset[str]:
        """The rules to run, none for all."""
        return frozenset(self.select)

    @property
    def left_out(self) -> frozenset[str]:
        """The rules not to run."""
        return frozenset(self.ignore)

    @property
    def smoke(self) -> bool | None:
        """Whether the policy has kernels run, None where it does not say."""
        return self.policy.smoke

    def wishes(self, require_gpu: bool) -> Wishes:
        """Return what is asked of the machine; `require_gpu` where the command line asks for a GPU."""
        from envdoctor.model.machine import Wishes

        if not (self.policy.demands or self.policy.device or self.policy.smoke):
            return Wishes(require_gpu=require_gpu)
        from envdoctor.policy.wishes import wishes_of

        return wishes_of(self.policy, require_gpu=require_gpu)

    def govern(self, diagnosis: Diagnosis) -> Governed:
        """Weigh a diagnosis."""
        from envdoctor.diagnose.governed import govern

        return govern(diagnosis, self.policy, self.today)


def rulings_of(
    *,
    policy_file: str | None = None,
    profile: str | None = None,
    locked: bool = False,
    fail_on: str | None = None,
    strict: bool = False,
    select: tuple[str, ...] = (),
    ignore: tuple[str, ...] = (),
    nearby: bool = True,
    folder: str | None = None,
) -> Rulings:
    """Read the policy that applies and lay the command line over it; the arguments are the options of that name.

    `nearby` where a policy that nobody named is looked for around `folder`, by itself the working directory. Raises
    `Unusable` with what is wrong in a file.
    """
    from time import gmtime, strftime

    policy = _policy(policy_file, profile, locked, nearby, folder)
    rulings = Rulings(
        policy=policy,
        fail_on=fail_on or policy.fail_on or "error",
        strict=strict or bool(policy.strict),
        select=select or _with_demands(policy),
        ignore=(*policy.leave_out, *ignore),
        today=strftime("%Y-%m-%d", gmtime()),
    )
    if rulings.select and rulings.selected <= rulings.left_out:
        raise Unusable(
            "no rule is left to run: what is selected (--select, select) is left out too (--ignore, leave-out)"
        )
    if policy.demands and UNMET in policy.leave_out:
        raise Unusable(f"leave-out: {UNMET}: nothing of what the policy demands would be judged")
    return rulings


def _policy(policy_file: str | None, profile: str | None, locked: bool, nearby: bool, folder: str | None) -> Policy:
    """Read what applies. Raises `Unusable`."""
    import os

    from envdoctor.commands.settings import settings_file
    from envdoctor.model.policy import CORE, Policy
    from envdoctor.policy import find

    named_by = "--policy"
    if policy_file is None and nearby and VARIABLE in os.environ:
        policy_file, named_by = os.environ[VARIABLE], VARIABLE
        if not policy_file.strip():
            raise Unusable(f"{VARIABLE}: the value is empty")
    settings = settings_file(os.environ)
    of_user = os.path.join(os.path.dirname(settings), "profiles") if settings else None
    folders = find.folders_above(os.path.abspath(folder)) if folder else find.here()
    if not (policy_file or profile or locked):
        # Most runs end here; what reads files is not imported for them.
        try:
            if not nearby or find.nothing_near(folders, settings, of_user, CORE):
                return Policy()
        except find.Unreadable:
            pass  # told below, in the words of a mistake
    from envdoctor.policy.gather import Asked, policy_of
    from envdoctor.policy.mistake import PolicyError
    from envdoctor.policy.names import Names
    from envdoctor.policy.profiles import Places

    shipped = os.path.join(os.path.dirname(os.path.dirname(__file__)), "profiles")
    asked = Asked(policy_file, named_by, profile, locked, nearby, settings)
    try:
        return policy_of(asked, Places(folders, of_user, shipped), Names(_rules, _tests))
    except PolicyError as problem:
        raise Unusable(str(problem)) from None


def _with_demands(policy: Policy) -> tuple[str, ...]:
    """Return the rules that a policy selects: where it demands something, that is always judged."""
    return (*policy.select, *((UNMET,) if policy.select and policy.demands else ()))


def _rules() -> list[str]:
    from envdoctor.rules.rule import all_rules

    return [rule.name for rule in all_rules()]


def _tests() -> list[str]:
    """Return the names of the kernel tests that a check runs."""
    from envdoctor.smoke.child.catalogue import all_cases

    return [case.name for case in all_cases() if case.belongs_to("quick")]
