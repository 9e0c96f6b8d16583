"""A mirror asked for what a plan takes from it: how it is laid out, and what a user should know of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.commands.index_base import BY_ITSELF
from envdoctor.model.change import Installs
from envdoctor.rules.index_setting import INDEXES, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.commands.index_base import IndexBase
    from envdoctor.model.layout import Layout
    from envdoctor.model.machine import Machine
    from envdoctor.model.plan import Plan
    from envdoctor.published.layout import Probe, Wanted
    from envdoctor.rules.index_setting import Setting

TORCH_SET = ("torch", "torchvision", "torchaudio")


class Mirror(NamedTuple):
    """`layout` is None where no command takes anything from the mirror, or it did not tell.

    `notes` are sentences about the mirror, `for_typing` what somebody has to know who types the commands by hand.
    `missing` are the builds that have to come from it and that it does not have.
    """

    layout: Layout | None
    notes: tuple[str, ...] = ()
    probe: Probe | None = None
    for_typing: tuple[str, ...] = ()
    missing: tuple[Wanted, ...] = ()


def asked(base: IndexBase, plan: Plan, machine: Machine, layout: str, *, sizes: bool = False) -> Mirror:
    """Ask the mirror for what a plan would take from it; nothing is asked where the plan takes nothing from there.

    `layout` is what the user says of it, "auto" where nothing: otherwise it is believed and not asked.
    """
    found = _taken(plan, base.url)
    if found is None:
        return Mirror(None)
    for_typing = (*_overridden(plan, machine), *((BY_ITSELF,) if base.secret else ()))
    if layout != "auto":
        return Mirror("flat" if layout == "flat" else "projects", for_typing=for_typing)
    from envdoctor.published import layout as published

    channel, wanted = found
    told = published.probe(
        base.asked, channel, wanted, python=machine.told("python.tag"), platform=machine.wheel_platform, sizes=sizes
    )
    fetched = {name for name, version in wanted.items() if not _stays(name, version, plan, machine)}
    missing = tuple(one for one in told.wanted if one.known and one.file is None and one.project in fetched)
    notes = (*_notes(told, base, channel, machine), *(_lacking(one, base, machine) for one in missing))
    return Mirror(told.layout, notes, told, for_typing, missing)


def lacking(found: Mirror, base: IndexBase, machine: Machine, *, alone: bool) -> str | None:
    """Say what a plan names and the mirror has not; None where it has all of it, or that is not certain.

    `alone` where the installer takes it from nowhere else: beside a flat mirror it asks its own index too.
    """
    told = found.probe
    if told is None or base.official or not (alone or told.layout == "projects"):
        return None
    return next((_lacking(one, base, machine) for one in found.missing), None)


def _taken(plan: Plan, base: str) -> tuple[str, dict[str, str]] | None:
    """Return the channel that a plan takes wheels from, and these builds; of the first way out that takes any."""
    for one in (plan, *plan.alternatives):
        # The address may stand in a step of its own: `poetry source add`.
        if not any(base in word for step in one.steps for word in (*step.argv, step.edit.text if step.edit else "")):
            continue
        for change in (step.change for step in one.steps):
            if not isinstance(change, Installs) or change.channel is None:
                continue
            named = [re.fullmatch(r"([a-z]+)==(\S+)", line) for line in change.requirements]
            wanted = {match[1]: match[2] for match in named if match and match[1] in TORCH_SET}
            if wanted:
                return change.channel, wanted
    return None


def _stays(name: str, version: str, plan: Plan, machine: Machine) -> bool:
    """Whether an installer finds a build installed already, so that nobody has to have it."""
    again = any(
        step.change.again and any(line.startswith(f"{name}==") for line in step.change.requirements)
        for step in plan.steps
        if isinstance(step.change, Installs)
    )
    there = machine.told("torch.dist_version" if name == "torch" else f"{name}.version") or ""
    return not again and version in (there, there.partition("+")[0])


def _notes(told: Probe, base: IndexBase, channel: str, machine: Machine) -> Iterator[str]:
    if told.layout is None:
        yield from _not_told(told, base, channel)
        return
    if told.layout != "projects":
        what = "one page of links for all channels" if told.layout == "page" else "flat"
        yield (
            f"the mirror {base.url} is {what}: it is handed over as find-links, for as an index an installer finds "
            "nothing there; what torch requires comes from there or from the index that the installer is configured for"
        )
        yield from _as_an_index(base, machine)
    if told.hosts:
        yield f"links of the mirror lead to {' and '.join(told.hosts)}, which has to be reachable too"
    if not told.hashed:
        yield "the mirror tells no sha256 of its wheels, so an installer cannot see that one was damaged on its way"


def _not_told(told: Probe, base: IndexBase, channel: str) -> Iterator[str]:
    hint = ""
    if base.url.endswith(("/simple", "/pypi")):
        hint = "; an index of all packages has no folder for each channel, which --index-base needs"
    what = "shows nothing of torch for " + channel if told.answered else "could not be asked"
    yield (
        f"the mirror {base.url} {what}, and is taken for one with a page a project ({told.reason}){hint}; "
        "--index-layout says it otherwise"
    )


def _overridden(plan: Plan, machine: Machine) -> Iterator[str]:
    """Say that uv would go elsewhere than to the mirror that its command names."""
    backend = next((one for one in _settings(machine) if one.kind == "torch-backend" and one.tool == "uv"), None)
    if backend is not None and any(step.argv[:1] == ("uv",) for step in plan.steps):
        yield (
            f"uv is told in {backend.origin} to take torch from the backend {backend.value}, and so passes over every "
            "mirror, that of this command too: take it away first (`env -u UV_TORCH_BACKEND uv ...` where it is the "
            "variable)"
        )


def _settings(machine: Machine) -> tuple[Setting, ...]:
    return settings_of(machine) if machine.is_known("index.settings") else ()


def _as_an_index(base: IndexBase, machine: Machine) -> Iterator[str]:
    """Name what takes the flat mirror for an index: nothing is found there, and torch comes from elsewhere."""
    for one in _settings(machine):
        if one.kind in INDEXES and f"{one.value}/".startswith(f"{base.url}/"):
            yield (
                f"{one.tool} is told in {one.origin} of {one.value} as an index, which it is not: there it finds "
                "nothing, and takes a plain torch from elsewhere without a word; it has to be find-links there too"
            )


def _lacking(one: Wanted, base: IndexBase, machine: Machine) -> str:
    python = machine.told("python.tag") or "this Python"
    what = f"the mirror {base.url} has no {one.project} {one.version} for {python} on {machine.wheel_platform}"
    if one.newest is None:
        return f"{what}, nor any other release of it"
    wish = f" (--torch {one.newest.partition('+')[0]})" if one.project == "torch" else ""
    return f"{what}; its newest there is {one.newest}{wish}"
