"""What a policy asks of the machine, as the wishes that rules and the planner know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.machine import Wishes
from envdoctor.model.pin import Pin

if TYPE_CHECKING:
    from envdoctor.model.demand import Demand
    from envdoctor.model.policy import Policy


PARTNERS = ("torchvision", "torchaudio")
"""Packages that a plan brings along where they are demanded."""


def wishes_of(policy: Policy, *, require_gpu: bool = False) -> Wishes:
    """Return the wishes of a policy: a GPU, torch and its partners within its demands, and the demands themselves."""
    return Wishes(
        require_gpu=require_gpu or asks_for_gpu(policy),
        cuda=not policy.wants_cpu and (asks_for_gpu(policy) or any(map(_is_of_cuda, policy.demands))),
        torch=next((one.specifier for one in policy.demands if one.key == "torch"), None),
        partners=tuple(one.key for one in policy.demands if one.key in PARTNERS),
        pins=tuple(Pin(one.key, _public(one.specifier), _by(one)) for one in policy.demands if one.key in PARTNERS),
        demands=policy.demands,
        cpu=policy.wants_cpu,
        needs_torch=bool(policy.device or policy.smoke),
    )


def asks_for_gpu(policy: Policy) -> bool:
    """Whether it demands a GPU: to compute on, at least one, or a property of GPUs."""
    from packaging.specifiers import SpecifierSet

    return policy.device == "cuda" or any(
        one.key in ("compute-capability", "gpu-memory")
        or (one.key == "gpus" and not SpecifierSet(one.specifier).contains("0"))
        for one in policy.demands
    )


def _is_of_cuda(demand: Demand) -> bool:
    """Whether builds with CUDA alone meet a demand, wherever they were put together."""
    if demand.key == "channel":
        return all(one.startswith("cu") for one in demand.specifier.split(","))
    return demand.key == "cuda"


def _public(specifier: str) -> str:
    """Return a specifier without the local part of its versions: the channel of torch is that of its partners too."""
    return ",".join(part.partition("+")[0] for part in specifier.split(","))


def _by(demand: Demand) -> str:
    return f"{demand.place.file}, line {demand.place.line}" if demand.place else "the policy"
