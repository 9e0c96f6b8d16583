"""A machine described by options instead of looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envdoctor.commands import described_gpus
from envdoctor.commands import described_values as values
from envdoctor.commands.failure import Unusable
from envdoctor.model.fact import Absent, Fact, Known, Unknown
from envdoctor.model.snapshot import Snapshot

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.tables import GpuModel

SOURCE = "command line"
KINDS = {"windows": "windows", "macos": "macos"}


@dataclass(frozen=True, slots=True)
class Description:
    """What the user said of a machine; None and empty for what was not said."""

    driver: str | None
    gpus: tuple[str, ...]
    capabilities: tuple[str, ...]
    python_version: str | None
    platform: str | None
    glibc: str | None

    @property
    def given(self) -> bool:
        """Whether anything was described at all."""
        return any((self.driver, self.gpus, self.capabilities, self.python_version, self.platform, self.glibc))

    def snapshot(self, matrix: Matrix) -> Snapshot:
        """Return the described machine, without any torch. Raises `Unusable` for words that mean nothing."""
        models = [described_gpus.model(name, matrix) for name in self.gpus]
        platform = self._platform(models)
        driver = values.driver(self.driver, matrix) if self.driver else None
        facts: dict[str, Fact] = {
            "host.os": Known(platform.partition("-")[0], SOURCE),
            "host.platform": Known(platform, SOURCE),
            "host.kind": Known(self._kind(platform), SOURCE),
            "host.libc": Known(f"glibc {values.glibc(self.glibc)}", SOURCE) if self.glibc else Unknown("not described"),
            "python.version": Absent("not described"),
            "python.tag": Absent("not described"),
            "torch.version": Absent("the machine is described, not looked at"),
            "torchvision.version": Absent("the machine is described, not looked at"),
            "torchaudio.version": Absent("the machine is described, not looked at"),
            "torch.dependents": Absent("the machine is described, not looked at"),
            "driver.version": Known(driver, SOURCE) if driver else Absent("not described"),
        }
        if self.python_version:
            version, tag = values.python_version(self.python_version, matrix)
            facts |= {"python.version": Known(version, SOURCE), "python.tag": Known(tag, SOURCE)}
        api = matrix.driver_cuda(driver) if driver else None
        facts["driver.cuda_version"] = Known(api, "matrix") if api else Absent("not described")
        facts.update(self._gpus(models, matrix))
        return Snapshot(facts)

    def _platform(self, models: list[GpuModel]) -> str:
        """Return the platform, which a board with a GPU of its own tells. Raises `Unusable` for two that contradict."""
        told = self.platform
        for name, model in zip(self.gpus, models, strict=True):
            board = described_gpus.platform(model)
            if board is None:
                continue
            # To its wheels a Jetson is any Linux on Arm.
            if told is not None and not board.startswith(told):
                raise Unusable(f"--gpu {name} --platform {told}: that GPU is part of a board; did you mean {board}?")
            told = board
        told = told or "linux-x86_64"
        if told.startswith("macos") and (self.driver or self.gpus or self.capabilities):
            raise Unusable(f"--platform {told}: there is no NVIDIA driver for it, and no torch for NVIDIA GPUs")
        if self.glibc and not told.startswith("linux"):
            raise Unusable(f"--glibc {self.glibc}: a C library of Linux, which {told} has not")
        return told

    def _kind(self, platform: str) -> str:
        """Return the kind of host that such a platform stands for: it decides where a driver is installed."""
        if platform == "linux-aarch64" and (self.driver or self.gpus or self.capabilities):
            return "sbsa"
        return KINDS.get(platform.partition("-")[0], "jetson" if platform.endswith("-jetson") else "bare")

    def _gpus(self, models: list[GpuModel], matrix: Matrix) -> dict[str, Fact]:
        # By the name that was typed where that is known to be this one, since other facts are looked up by it.
        named = [
            (name if matrix.gpu(name) else model.name, "{}.{}".format(*model.capability))
            for name, model in zip(self.gpus, models, strict=True)
        ]
        stated = [values.capability(text, matrix) for text in self.capabilities]
        named += [(f"a GPU of compute capability {one}", one) for one in stated]
        count = len(named)
        facts: dict[str, Fact] = {
            "gpu.count": Known(count, SOURCE),
            "gpu.visible": Known([*range(count)], SOURCE),
        }
        for index, (name, capability) in enumerate(named):
            facts[f"gpu.{index}.name"] = Known(name, SOURCE)
            facts[f"gpu.{index}.compute_capability"] = Known(capability, SOURCE)
        return facts
