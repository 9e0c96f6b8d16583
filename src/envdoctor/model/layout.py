"""How a mirror of the PyTorch wheel index lays its wheels out, as far as a command has to heed it."""

from __future__ import annotations

from typing import Literal, TypeAlias

Layout: TypeAlias = Literal["projects", "flat", "page"]
"""A page a project below each channel, as the PyTorch index itself (PEP 503, PEP 691) / one folder or page of links a
channel / one page of links for all channels, `torch_stable.html` at the root. Installers take the last two as
find-links alone."""
