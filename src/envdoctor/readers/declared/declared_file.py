"""What a reader of declared files answers."""

from __future__ import annotations

from envdoctor.model.declared_file import DeclaredFile

__all__ = ["DeclaredFile"]
