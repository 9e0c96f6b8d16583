"""Manifests of Kubernetes: the images that their containers start from."""

from __future__ import annotations

from envdoctor.model.declared_file import DeclaredFile
from envdoctor.readers.declared.images.container_images import image_cases

FORMAT = "Kubernetes manifest"

MOST = 4_000_000
"""Characters of a manifest that are read."""


def read(text: str, name: str) -> DeclaredFile:
    """Return the images of torch and CUDA that a manifest names; `name` is what to call it in places."""
    trouble = f"only its first {MOST} characters were read" if len(text) > MOST else None
    return DeclaredFile(FORMAT, tuple(image_cases(text[:MOST], name)), trouble=trouble)
