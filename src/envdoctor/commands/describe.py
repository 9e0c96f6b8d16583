"""A machine described by options instead of looked at."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envdoctor.commands.failure import Unusable
from envdoctor.model.fact import Absent, Fact, Known, Unknown
from envdoctor.model.machine import parse_capability
from envdoctor.model.snapshot import Snapshot

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix

SOURCE = "command line"
KINDS = {"windows": "windows", "macos": "macos"}
DRIVER = re.compile(r"\d{3}(\.\d{1,3}){0,2}")
PYTHON = re.compile(r"3\.(\d{1,2})(\.\d{1,2})?(t?)")
GLIBC = re.compile(r"2\.\d{1,2}")


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
        platform = self.platform or "linux-x86_64"
        facts: dict[str, Fact] = {
            "host.os": Known(platform.partition("-")[0], SOURCE),
            "host.platform": Known(platform, SOURCE),
            "host.kind": Known(self._kind(platform), SOURCE),
            "host.libc": Known(f"glibc {self._glibc()}", SOURCE) if self.glibc else Unknown("not described"),
            "python.tag": Known(self._tag(), SOURCE) if self.python_version else Absent("not described"),
            "torch.version": Absent("the machine is described, not looked at"),
            "torchvision.version": Absent("the machine is described, not looked at"),
            "torchaudio.version": Absent("the machine is described, not looked at"),
            "driver.version": Known(self._driver(), SOURCE) if self.driver else Absent("not described"),
        }
        api = matrix.driver_cuda(self._driver()) if self.driver else None
        facts["driver.cuda_version"] = Known(api, "matrix") if api else Absent("not described")
        facts.update(self._gpus(matrix))
        return Snapshot(facts)

    def _kind(self, platform: str) -> str:
        """Return the kind of host that such a platform stands for: it decides where a driver is installed."""
        if platform == "linux-aarch64" and (self.driver or self.gpus or self.capabilities):
            return "sbsa"
        return KINDS.get(platform.partition("-")[0], "jetson" if platform.endswith("-jetson") else "bare")

    def _gpus(self, matrix: Matrix) -> dict[str, Fact]:
        named = [(name, self._capability_of(name, matrix)) for name in self.gpus]
        named += [(f"a GPU of compute capability {text}", self._capability(text)) for text in self.capabilities]
        count = len(named)
        facts: dict[str, Fact] = {
            "gpu.count": Known(count, SOURCE),
            "gpu.visible": Known([*range(count)], SOURCE),
        }
        for index, (name, capability) in enumerate(named):
            facts[f"gpu.{index}.name"] = Known(name, SOURCE)
            facts[f"gpu.{index}.compute_capability"] = Known(capability, SOURCE)
        return facts

    def _capability_of(self, name: str, matrix: Matrix) -> str:
        model = matrix.gpu(name)
        if model is None:
            near = matrix.gpu_names_near(name)
            hint = f"did you mean {' or '.join(near[:3])}?" if near else "name its --compute-capability instead"
            raise Unusable(f"--gpu {name}: unknown to this matrix; {hint}")
        return f"{model.capability[0]}.{model.capability[1]}"

    def _capability(self, text: str) -> str:
        capability = parse_capability(text)
        if capability is None:
            raise Unusable(f"--compute-capability {text}: not one; write it like 8.6")
        if not (2, 0) <= capability < (20, 0):
            raise Unusable(
                f"--compute-capability {text}: no NVIDIA GPU has it; `nvidia-smi --query-gpu=compute_cap` tells"
            )
        return text

    def _driver(self) -> str:
        if not DRIVER.fullmatch(self.driver or ""):
            raise Unusable(f"--driver {self.driver}: not a driver version; write it like 535.104.05")
        return self.driver or ""

    def _glibc(self) -> str:
        if not GLIBC.fullmatch(self.glibc or ""):
            raise Unusable(f"--glibc {self.glibc}: not a version of glibc; write it like 2.28")
        return self.glibc or ""

    def _tag(self) -> str:
        match = PYTHON.fullmatch(self.python_version or "")
        if match is None:
            raise Unusable(f"--python-version {self.python_version}: not a version; write it like 3.11")
        return f"cp3{match[1]}{match[3]}"
