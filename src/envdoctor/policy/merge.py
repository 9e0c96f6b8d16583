"""Several layers as one policy: the nearest says the most (docs/adr/0016-policy-profile-lock.md)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from envdoctor.model.demand import BY_NAME, KEYS, PACKAGE, SMOKE, Demand, Kind
from envdoctor.model.policy import CORE, Policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    T = TypeVar("T")

_ORDER = {key.name: number for number, key in enumerate(KEYS)}


def merged(layers: Sequence[Policy], profile: str = CORE) -> Policy:
    """Lay policies over each other, the nearest to the user last.

    A demand takes the place of one of the same key, and `smoke` is one key however many tests it names; so do
    severities and what has one value, `select` among it. Ignores and what is left out add up.
    """
    demands: dict[str, tuple[Demand, ...]] = {}
    for layer in layers:
        if layer.smoke is not None:
            demands.pop(SMOKE, None)
        own: dict[str, tuple[Demand, ...]] = {}
        for one in layer.demands:
            own[one.key] = (*own.get(one.key, ()), one)
        demands |= own
    return Policy(
        demands=tuple(one for key in sorted(demands, key=_place) for one in demands[key]),
        severities={rule: severity for layer in layers for rule, severity in layer.severities.items()},
        ignores=_added(layer.ignores for layer in layers),
        fail_on=_nearest([layer.fail_on for layer in layers]),
        strict=_nearest([layer.strict for layer in layers]),
        smoke=_nearest([layer.smoke for layer in layers]),
        device=_nearest([layer.device for layer in layers]),
        select=_nearest([layer.select or None for layer in layers]) or (),
        leave_out=_added(layer.leave_out for layer in layers),
        without=_added(layer.without for layer in layers),
        profile=profile,
        files=_added(layer.files for layer in layers),
    )


def with_lock(policy: Policy, lock: Policy) -> Policy:
    """Lay a lock over a policy whose demands hold beside those of the lock: a lock must not loosen what was tightened.

    Two comparisons of one key become one, and of names those that both admit.
    """
    both = merged((policy, lock), policy.profile)
    demanded = {one.key: one for one in policy.demands if one.key != SMOKE}
    joined = [_joined(demanded.pop(one.key, one), one) for one in lock.demands if one.key != SMOKE]
    smoke = dict.fromkeys(one for layer in (policy, lock) for one in layer.demands if one.key == SMOKE)
    demands = sorted((*demanded.values(), *joined, *smoke), key=lambda one: _place(one.key))
    run = True if True in (policy.smoke, lock.smoke) else both.smoke
    return replace(both, demands=tuple(demands), device=policy.device or lock.device, smoke=run)


def _joined(demand: Demand, lock: Demand) -> Demand:
    if demand.specifier == lock.specifier:
        return demand
    written, key = f"{demand.written} and {lock.written}", BY_NAME.get(lock.key)
    if key is not None and key.kind is Kind.NAME:  # none is left where they contradict each other
        admitted = [name for name in demand.specifier.split(",") if name in lock.specifier.split(",")]
        return Demand(lock.key, ",".join(admitted), written, demand.place)
    return Demand(lock.key, f"{demand.specifier},{lock.specifier}", written, demand.place)


def _place(key: str) -> tuple[int, str]:
    """Where a demand stands: as documented, then distributions by name, then tests."""
    return (len(KEYS) + (not key.startswith(PACKAGE)) if key not in _ORDER else _ORDER[key], key)


def _nearest(said: Sequence[T | None]) -> T | None:
    return next((one for one in reversed(said) if one is not None), None)


def _added(parts: Iterable[tuple[T, ...]]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(one for part in parts for one in part))
