"""What the address of an index names: a channel of PyTorch's wheel index, a flat folder, or something not known.

Sources: pytorch/test-infra `s3_management/manage.py` for the layout of the wheel index (a page a project below each
channel, `torch_stable.html` with links to the wheels of all of them); pytorch issue 136939 for the end of that page;
the mirrors' own pages.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

OFFICIAL_HOSTS = ("download.pytorch.org", "download-r2.pytorch.org")

FLAT_MIRRORS = ("aliyun",)
"""Words in the hosts of mirrors whose `pytorch-wheels/CHANNEL` is one folder of wheels, without a page a project."""

ONE_PAGE = "torch_stable.html"

LAST_ON_ONE_PAGE = "2.3.1"
"""The newest torch on `torch_stable.html`, which was given up with 2.4 (pytorch issue 136939)."""

_ADDRESS = re.compile(r"[a-z]{3,5}://(?:[^/@\s]{0,200}@)?([^/\s]{1,200})(/[^\s?#]{0,300})?", re.ASCII | re.IGNORECASE)
_ROOT = r"/(?:whl|pytorch-wheels)"
_CHANNEL = re.compile(rf"{_ROOT}/(cpu|xpu|rocm[\d.]{{1,8}}|cu(?:da)?[-_]?[\d.]{{1,6}})(/[\w.-]{{0,60}})?/?$", re.ASCII)
_MIRROR_PATH = re.compile(r"/(?:pytorch/whl|pytorch-wheels)/")

Layout = Literal["projects", "project", "flat", "page"]
"""A page a project, the page of one project, a folder of wheels, a page of links to all wheels."""


class Address(NamedTuple):
    """What is known of an address: `channel` as it stands there ("cu121", "cuda12.1"), None for all channels."""

    channel: str | None
    layout: Layout


def read_address(url: str) -> Address | None:
    """Read the address of an index or of links; None where it is not PyTorch's index or a mirror of it."""
    found = _ADDRESS.match(url)
    if not found:
        return None
    host, path = found[1].lower(), found[2] or ""
    official = host.partition(":")[0] in OFFICIAL_HOSTS
    if not official and not _MIRROR_PATH.search(path):
        return None
    if path.endswith(f"/{ONE_PAGE}"):
        inner = re.search(rf"{_ROOT}/(cu\d{{2,3}}|cpu)/{re.escape(ONE_PAGE)}$", path, re.ASCII)
        return Address(inner[1] if inner else None, "page")
    named = _CHANNEL.search(path)
    if named:
        if any(word in host for word in FLAT_MIRRORS):
            return Address(named[1], "flat")
        return Address(named[1], "project" if named[2] and named[2] not in ("/", "/simple") else "projects")
    if re.search(rf"{_ROOT}/?$", path):
        return Address(None, "projects")
    return None
