"""Which of the sets that serve is taken: keep what works, change least, stay within pins, then newest.

`ORDER` is the whole order. The choice and the words that give its reason are both read from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from envdoctor.matrix.serving import kernels_of
from envdoctor.matrix.versions import parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from envdoctor.matrix.serving import Need
    from envdoctor.plan.candidates import Candidate


Merit = int | tuple[int, ...]


class Criterion(NamedTuple):
    """What is compared: the greater `merit` wins. `words` say why the chosen one stands before the other."""

    merit: Callable[[Candidate, str | None, Need], Merit]
    words: str


RATHER = "{chosen} rather than {other}: "

ORDER: tuple[Criterion, ...] = (
    Criterion(
        lambda one, _installed, _need: one.proven,
        RATHER + "a source tells what it holds, while {other} is {certainty} alone",
    ),
    Criterion(
        lambda one, _installed, need: all(
            kernels_of(one.wheel, capability) == "sass" for capability in need.capabilities
        ),
        RATHER + "machine code for every GPU, where the other has PTX to be compiled",
    ),
    Criterion(
        lambda one, _installed, _need: -len(one.lacking),
        RATHER + "there is no {lacking} for the other",
    ),
    Criterion(
        lambda one, _installed, _need: -len(one.strained),
        RATHER + "{strained}",
    ),
    Criterion(
        lambda one, installed, _need: one.release.version == installed,
        "kept torch {release}, which is installed; {other} is the newest that fits",
    ),
    Criterion(
        lambda one, _installed, _need: one.wheel.standing != "unadvertised",
        RATHER + "the channel of the other is not one that PyTorch names",
    ),
    Criterion(
        lambda one, _installed, _need: parts(one.release.version),
        RATHER + "newest release",
    ),
    Criterion(
        lambda one, _installed, need: one.release.default_channel.get(need.platform) == one.wheel.channel,
        RATHER + "the channel of a plain install",
    ),
    Criterion(
        lambda one, _installed, _need: parts(one.wheel.cuda or "0"),
        RATHER + "newest CUDA",
    ),
)


def best(found: Iterable[Candidate], installed: str | None, need: Need, *, proven: bool = False) -> Candidate | None:
    """Return the candidate that serves and stands first; `installed` is the public version of the present torch.

    `proven` leaves those out that no source speaks for.
    """
    return foremost([one for one in found if not one.obstacles and (one.proven or not proven)], installed, need)


def foremost(found: Iterable[Candidate], installed: str | None, need: Need) -> Candidate | None:
    """Return the first of candidates by the order, whether they serve or not; None of none."""
    left = list(found)
    for criterion in ORDER:
        if len(left) < 2:
            break
        merits = [criterion.merit(one, installed, need) for one in left]
        most = max(merits)
        left = [one for one, merit in zip(left, merits, strict=True) if merit == most]
    return left[0] if left else None


def choice(found: Iterable[Candidate], chosen: Candidate, installed: str | None, need: Need) -> tuple[str, ...]:
    """Say by which criterion the chosen one stands before what a user would ask about.

    That is the best newer release that serves too, and the best other channel of the same release: two lines at most.
    """
    serving = [one for one in found if not one.obstacles]
    number = parts(chosen.release.version)
    newer = foremost([one for one in serving if parts(one.release.version) > number], installed, need)
    beside = foremost(
        [one for one in serving if one.release is chosen.release and one.wheel is not chosen.wheel], installed, need
    )
    reasons = (_why(chosen, other, installed, need) for other in (newer, beside) if other is not None)
    return tuple(reason for reason in reasons if reason is not None)


def _why(chosen: Candidate, other: Candidate, installed: str | None, need: Need) -> str | None:
    """Word the first criterion by which one candidate goes before another; None where they are equals."""
    same = chosen.release is other.release
    decisive = next((by for by in ORDER if by.merit(chosen, installed, need) != by.merit(other, installed, need)), None)
    if decisive is None:
        return None
    return decisive.words.format(
        chosen=chosen.build if same else chosen.version,
        other=other.build if same else other.version,
        release=chosen.release.version,
        certainty=other.certainty,
        lacking=" and no ".join(other.lacking),
        strained="; ".join(pin.text for pin in other.strained if pin not in chosen.strained),
    )
