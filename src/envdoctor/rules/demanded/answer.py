"""What there is of one thing that a policy demands, and what of it is not as it is demanded."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from envdoctor.model.finding import Evidence

NO_TORCH = "torch-not-installed"


class Here(NamedTuple):
    """What there is of one thing that is demanded.

    `version` is compared with the specifier, None where there is nothing to compare. `words`, `cause` and `of_gpus`
    are those of `Unmet`. `evidence` stands for that of `facts` where those hold too much.
    """

    subject: str
    version: str | None
    words: str
    facts: tuple[str, ...]
    cause: str | None = None
    of_gpus: bool = False
    evidence: tuple[Evidence, ...] = ()


class Unmet(NamedTuple):
    """What is not as it is demanded: `words` are the end of the sentence that says what is demanded.

    `cause` names a rule that may explain it. `of_gpus` where a driver or a GPU is not there, which several may explain.
    """

    subject: str
    words: str
    evidence: tuple[Evidence, ...]
    cause: str | None = None
    of_gpus: bool = False
