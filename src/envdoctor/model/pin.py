"""What somebody besides the machine demands of a package of the torch set."""

from __future__ import annotations

from dataclasses import dataclass

PINNED = ("torch", "torchvision", "torchaudio", "triton")
"""The packages of the torch set that others pin, as their normalised names."""


@dataclass(frozen=True, slots=True)
class Pin:
    """A requirement that a plan stays within.

    `package` is one of `PINNED`, `specifier` a version specifier
    (PEP 440, "==2.9.0" or ">=2.6,<2.9", never empty), `by` who demands it, for the user: "--torch", "vllm 0.11.0",
    "constraints.txt, line 3".
    """

    package: str
    specifier: str
    by: str

    @property
    def text(self) -> str:
        """The demand in words: "vllm 0.11.0 requires torch==2.9.0"."""
        return f"{self.by} requires {self.package}{self.specifier}"
