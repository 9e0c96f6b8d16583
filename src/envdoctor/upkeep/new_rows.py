"""Rows for what the matrix does not know yet, as the index and the wheels tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from envdoctor.matrix.reading import CPU, PLATFORMS
from envdoctor.upkeep import cells
from envdoctor.upkeep.evidence import PACKAGE_INDEX, Build, Missing, Seen
from envdoctor.upkeep.partner_rows import PARTNERS, build_of, partner_of
from envdoctor.upkeep.toml_text import inline, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.upkeep.evidence import Evidence
    from envdoctor.upkeep.named_lists import NamedLists

METADATA = "wheel-metadata"
FLAGS = "wheel-flags"
CHANNEL_METADATA = "channel-metadata"
CHANNEL_FLAGS = "channel-flags"
SOURCES = {
    METADATA: "file list, METADATA and torch/version.py of the wheels on the package index",
    FLAGS: "CUDA_ARCH_FLAGS string inside torch/lib/libtorch_python.so of the wheel on the package index",
    CHANNEL_METADATA: "file list, METADATA and torch/version.py of the wheels on the PyTorch wheel index",
    CHANNEL_FLAGS: "CUDA_ARCH_FLAGS string inside torch/lib/libtorch_python.so of the wheel on the PyTorch wheel index",
}
"""The sources a row of ours may name, for a file that has them not yet."""

FIRST_SEEN = "# The index names no upload days: this is the day on which the release was first seen.\n"


class Author(NamedTuple):
    """Who writes: the matrix as it was, what was read, the names of lists, and the day."""

    matrix: Matrix
    evidence: Evidence
    lists: NamedLists
    day: str

    def release(self, version: str) -> str | Missing:
        """The tables of a new torch release with its default channels; Missing where a wheel could not be read."""
        files = self.evidence.release(PACKAGE_INDEX, "torch", version)
        if isinstance(files, Missing):
            return files
        here = [name for name in PLATFORMS if any(file.platform == name for file in files)]
        builds: dict[str, Seen] = {}
        for platform in here:
            seen = self.evidence.wheel(Build(PACKAGE_INDEX, "torch", version, platform))
            if isinstance(seen, Missing):
                return Missing(f"{platform}: {seen.reason}")
            builds[platform] = seen
        if not builds:
            return Missing("no wheel for a platform of the matrix")
        contents = next(iter(builds.values())).contents
        released = cells.released(files)
        row = {"released": released or self.day, "requires_python": contents.requires_python or ""}
        for name in PARTNERS:
            partner = partner_of(self.matrix, version, released, name, self.evidence)
            if partner is not None:
                row[name] = partner
        pinned = cells.triton(contents)
        if pinned is not None:
            row["triton"] = pinned.specifier
            if pinned.python_below is not None:
                row["triton_python_below"] = pinned.python_below
        row |= {"source": METADATA, "certainty": "verified"}
        lines = [] if released else [FIRST_SEEN]
        lines += [f'[torch."{version}"]\n', *(f"{key} = {quoted(value)}\n" for key, value in row.items())]
        lines += [f"{platform:<14} = {self.platform(version, platform, seen)}\n" for platform, seen in builds.items()]
        channels = dict.fromkeys(cells.channel(seen.contents) for seen in builds.values())
        return "".join([*lines, *(self.channel(version, one, builds) for one in channels if one != CPU)])

    def platform(self, version: str, platform: str, seen: Seen) -> str:
        """The row of a platform: its default channel, Pythons and platform tags."""
        found = self.evidence.release(PACKAGE_INDEX, "torch", version)
        here = () if isinstance(found, Missing) else tuple(file for file in found if file.platform == platform)
        name = self.lists.pythons(cells.python_tags(here))
        return inline(
            {"default": cells.channel(seen.contents), "python": name, "tags": list(cells.platform_tags(here))}
        )

    def channel(self, version: str, channel: str, builds: Mapping[str, Seen]) -> str:
        """The table of a default channel, which the wheels of these platforms tell, with a blank line in front."""
        mine = {name: seen for name, seen in builds.items() if cells.channel(seen.contents) == channel}
        platform, seen = next(iter(mine.items()))
        toolkit = cells.toolkit(seen.contents, platform)
        row = {
            "cuda": toolkit.version if toolkit else None,
            "cudnn": cells.library(seen.contents, "cudnn", platform),
            "nccl": cells.library(seen.contents, "nccl", platform),
        }
        lines = [f'\n[torch."{version}".{channel}]\n']
        lines += [f"{key} = {quoted(value)}\n" for key, value in row.items() if value is not None]
        lines += [f'standing = "stable"\nsource = "{METADATA}"\ncertainty = "verified"\n']
        lines += [f"{name:<14} = {self.build(seen)}\n" for name, seen in mine.items()]
        return "".join(lines)

    def build(self, seen: Seen) -> str:
        """The row of a build: its architecture list, where it was read."""
        kernels = cells.kernels(seen.contents)
        if kernels is None:
            return inline({"source": METADATA, "certainty": "inferred"})
        return inline({"architectures": self.lists.kernels(kernels), "source": FLAGS, "certainty": "verified"})

    def partner(self, name: str, version: str) -> str | Missing:
        """The row of a new torchvision or torchaudio; Missing where its wheel could not be read."""
        files = self.evidence.release(PACKAGE_INDEX, name, version)
        build = build_of(name, version, self.evidence)
        if isinstance(files, Missing) or build is None:
            return Missing("no wheel for a platform of the matrix")
        seen = self.evidence.wheel(build)
        if isinstance(seen, Missing):
            return seen
        row = {
            "released": cells.released(files) or self.day,
            "torch": cells.torch_requirement(seen.contents) or "",
            "python": self.lists.pythons(cells.python_tags(files)),
        }
        return inline(row)


def source_row(key: str, day: str) -> str:
    """The row of a source of ours."""
    return inline({"date": day, "text": SOURCES[key]})
