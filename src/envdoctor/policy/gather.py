"""Every file that governs a run, read and laid over each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.policy import CORE, Policy
from envdoctor.policy import find
from envdoctor.policy.document import document, shown
from envdoctor.policy.keys import BY_NAME, PROBES, Form
from envdoctor.policy.merge import merged, with_lock
from envdoctor.policy.mistake import PolicyError
from envdoctor.policy.profiles import Named, layers_of, with_base

if TYPE_CHECKING:
    from envdoctor.policy.document import Document
    from envdoctor.policy.names import Names
    from envdoctor.policy.profiles import Places

DEMANDING = (Form.DEMAND, Form.PACKAGES, Form.TESTS)
"""What may stand in a lock, which nobody reads as one reads a policy: nothing in it takes a finding out."""


class Asked(NamedTuple):
    """What is asked for. `file` is a policy and `named_by` the option or variable that names it, None to look around.

    `nearby` where one that nobody names is looked for; `settings` is the user's own file, which is no policy.
    """

    file: str | None = None
    named_by: str = "--policy"
    profile: str | None = None
    locked: bool = False
    nearby: bool = True
    settings: str | None = None


def policy_of(asked: Asked, places: Places, names: Names) -> Policy:
    """Return the policy that applies. Raises `PolicyError`."""
    try:
        return _policy_of(asked, places, names)
    except find.Unreadable as problem:
        named_by = f"{asked.named_by} " if problem.path == asked.file else ""
        raise PolicyError(f"{named_by}{shown(problem.path)}", None, problem.why) from None


def _policy_of(asked: Asked, places: Places, names: Names) -> Policy:
    found = _policy(asked, places)
    own, named = with_base(found, names) if found else (Policy(), None)
    lock = with_base(_lock(places), names)[0] if asked.locked else None
    if asked.profile:
        profile: Named | None = Named(asked.profile, "--profile")
    else:
        profile = named or (Named(CORE, "") if asked.nearby else None)
    below = layers_of(profile, places, names) if profile else ()
    policy = merged((*below, own), profile.name if profile else CORE)
    if lock is not None:
        policy = with_lock(policy, lock)
    _refuse_unanswered(policy)
    return policy


def _refuse_unanswered(policy: Policy) -> None:
    """Raise `PolicyError` for a demand that nothing would answer: it would be left out with the probe, in silence."""
    for probe in policy.without:
        for demand in policy.demands:
            if demand.key in PROBES.get(probe, ()):
                place = demand.place
                raise PolicyError(
                    place.file if place else "the policy",
                    place.line if place else None,
                    f'{demand.key}: the profile {policy.profile} leaves out "{probe}", which tells it',
                )


def _policy(asked: Asked, places: Places) -> Document | None:
    """Return the policy that is named, else the nearest one."""
    if asked.file is not None:
        return _named(asked.file)
    if not asked.nearby:
        return None
    for path in find.policy_paths(places.folders, asked.settings):
        found = document(path, find.content_of(path))
        if found is not None:
            return found
    return None


def _named(path: str) -> Document:
    found = document(path, find.content_of(path))
    if found is None:
        raise PolicyError(path, None, "has no table [tool.envdoctor]")
    return found


def _lock(places: Places) -> Document:
    path = find.lock_above(places.folders)
    if path is None:
        upmost = places.folders[-1] if places.folders else "the working directory"
        where = "here" if len(places.folders) < 2 else f"here or above, up to {upmost}"
        raise PolicyError("--locked", None, f"no {find.LOCK} {where}; `envdoctor lock` writes one")
    lock = _named(path)
    if not lock.keys:
        raise PolicyError(lock.file, None, "demands nothing; `envdoctor lock` writes it anew")
    for name in lock.keys:
        if name in BY_NAME and name != "device" and BY_NAME[name].form not in DEMANDING:
            raise lock.wrong((name,), f"{name}: a lock demands, and says nothing else; write it into the policy")
    return lock
