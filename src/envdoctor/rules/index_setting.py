"""The settings of `index.settings`, read with types."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from envdoctor.model.fact import Value
    from envdoctor.model.machine import Machine

OFFICIAL_HOSTS = ("download.pytorch.org", "download-r2.pytorch.org")

# A mirror keeps the end of the path; several call the root "pytorch-wheels". "whl/nightly/cu132" and "whl/test/cu132"
# are other indexes.
_CHANNEL = r"(?:^|/)(?:whl|pytorch-wheels)/(cpu|xpu|cu[0-9]{2,4}|rocm[0-9.]{1,8})(?:/simple)?/?$"
INDEXES = frozenset({"index-url", "extra-index-url"})
LINKS = "find-links"
"""How a flat mirror is configured."""


class Setting(NamedTuple):
    """One setting: `origin` is the variable or the file it stands in."""

    tool: str
    kind: str
    value: str
    origin: str

    @property
    def row(self) -> dict[str, Value]:
        """The setting as `index.settings` holds it."""
        return {"tool": self.tool, "setting": self.kind, "value": self.value, "from": self.origin}

    @property
    def in_environment(self) -> bool:
        """Whether a variable holds it rather than a file."""
        return re.fullmatch(r"[A-Z_]+", self.origin) is not None

    @property
    def channel(self) -> str | None:
        """The channel of the PyTorch index, or of a mirror of it, that an index setting names."""
        return self._channel if self.kind in INDEXES else None

    @property
    def channel_of_links(self) -> str | None:
        """The channel that a flat folder of a mirror of the PyTorch index holds, as its path says."""
        return self._channel if self.kind == LINKS else None

    @property
    def _channel(self) -> str | None:
        match = re.search(_CHANNEL, self.value)
        return match[1] if match and not self.value.endswith("\n") else None

    @property
    def official(self) -> bool:
        """Whether it names PyTorch's own host."""
        return (
            re.fullmatch(r"https?://([^/]*)/.*", self.value) is not None and self.value.split("/")[2] in OFFICIAL_HOSTS
        )


def settings_of(machine: Machine) -> tuple[Setting, ...]:
    """Return the settings in their order; an entry of another form is left out."""
    found = []
    for entry in machine.items("index.settings"):
        if isinstance(entry, dict):
            words = [entry.get(name) for name in ("tool", "setting", "value", "from")]
            texts = [word for word in words if isinstance(word, str)]
            if len(texts) == len(words):
                found.append(Setting(*texts))
    return tuple(found)


def cuda_of(channel: str) -> tuple[int, int] | None:
    """Read "cu126" as (12, 6); None for a channel that is not of that form."""
    match = re.fullmatch(r"cu(\d{2})(\d)", channel)
    return (int(match[1]), int(match[2])) if match else None
