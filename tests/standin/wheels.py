"""What torch wheels are made of: the little that a stub installation must state to be believed.

Figures are those of the METADATA and `torch/version.py` of the wheels on the public index, read 2026-11-21.
They stand here, and are not asked of the matrix, so that a wrong matrix row cannot agree with itself.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Release:
    """One torch release: the local version of its default Linux x86_64 wheel, and its partners.

    `cudnn` and `nccl` are those of the default wheel, `git` the commit all its wheels are built from.
    """

    default: str
    torchvision: str
    torchaudio: str | None
    triton: str
    cudnn: str
    nccl: str
    git: str


RELEASES = {
    "2.1.2": Release(
        "cu121", "0.16.2", "2.1.2", "2.1.0", "8.9.2.26", "2.18.1", "a8e7c98cb95ff97bb30a728c6b2a1ce6bff946eb"
    ),
    "2.5.1": Release(
        "cu124", "0.20.1", "2.5.1", "3.1.0", "9.1.0.70", "2.21.5", "a8d6afb511a69687bbb2b7e88a3cf67917e1697e"
    ),
    "2.6.0": Release(
        "cu124", "0.21.0", "2.6.0", "3.2.0", "9.1.0.70", "2.21.5", "2236df1770800ffea5697b11b0bb0d910b2e59e1"
    ),
    "2.7.1": Release(
        "cu126", "0.22.1", "2.7.1", "3.3.1", "9.5.1.17", "2.26.2", "e2d141dbde55c2a4370fac5165b0561b6af4798b"
    ),
    "2.8.0": Release(
        "cu128", "0.23.0", "2.8.0", "3.4.0", "9.10.2.21", "2.27.3", "a1cb3cc05d46d198467bebbb6e8fba50a325d4e7"
    ),
    "2.9.1": Release(
        "cu128", "0.24.1", "2.9.1", "3.5.1", "9.10.2.21", "2.27.5", "5811a8d7da873dd699ff6687092c225caffcf1bb"
    ),
    "2.10.0": Release(
        "cu128", "0.25.0", "2.10.0", "3.6.0", "9.10.2.21", "2.27.5", "449b1768410104d3ed79d3bcfe4ba1d65c7f22c0"
    ),
    "2.11.0": Release(
        "cu130", "0.26.0", "2.11.0", "3.6.0", "9.19.0.56", "2.28.9", "70d99e998b4955e0049d13a98d77ae1b14db1f45"
    ),
    "2.12.1": Release(
        "cu130", "0.27.1", None, "3.7.1", "9.20.0.48", "2.29.7", "7269437d655783a26cba32aa88195b741ff496aa"
    ),
    "2.13.0": Release(
        "cu130", "0.28.0", None, "3.7.1", "9.20.0.48", "2.29.7", "cf30153c4c131c8164ee7798e5022d810682e2cb"
    ),
    "2.14.0": Release(
        "cu130", "0.29.0", None, "3.8.0", "9.24.0.43", "2.30.7", "08187d9e0fba026dc8217405802ab5381dc88d90"
    ),
    "2.14.1": Release(
        "cu130", "0.29.1", None, "3.8.0", "9.24.0.43", "2.30.7", "5c4886908584029761b579af026dcfb627c84070"
    ),
    "2.15.0": Release(
        "cu132", "0.29.2", None, "3.9.0", "9.26.0.51", "2.30.7", "d0f2af8b66b20da4baa50644c0cd3f887a2eae2e"
    ),
}

UNKNOWN_GIT = "0" * 40

RUNTIMES = {
    "11.7": "11.7.99",
    "12.1": "12.1.105",
    "12.4": "12.4.127",
    "12.6": "12.6.77",
    "12.8": "12.8.90",
    "13.0": "13.0.96",
}
"""CUDA release to the version of the cuda-runtime distribution its wheels pin."""


@dataclass(frozen=True, slots=True)
class Build:
    """A torch version text taken apart: `2.9.1+cu128` has release, local version and CUDA runtime."""

    release: str
    local: str | None
    cuda: str | None

    @property
    def channel(self) -> str | None:
        """`cu128`, `cpu`; None where the local version names no channel."""
        return self.local if self.cuda or self.local == "cpu" else None

    @property
    def known(self) -> Release | None:
        """The row of this release, None for one that is not in the table."""
        return RELEASES.get(self.release)

    @property
    def requires(self) -> tuple[str, ...]:
        """The `Requires-Dist` lines: two that every build has, those of the CUDA libraries and of triton."""
        always = ("filelock", "typing-extensions>=4.10.0")
        if not self.cuda or not self.known:
            return always
        linux = 'platform_system == "Linux"'
        pins = [f"{name}=={version}; {linux}" for name, version in self.nvidia_packages.items()]
        return (*always, *pins, f"triton{self.triton_pin}; {linux}")

    @property
    def triton_pin(self) -> str | None:
        """The specifier torch states for triton: exact up to 2.13, a compatible release from 2.14 on."""
        if not self.known:
            return None
        exact = tuple(int(part) for part in self.release.split(".")) < (2, 14)
        return f"{'==' if exact else '~='}{self.known.triton}"

    @property
    def nvidia_packages(self) -> dict[str, str]:
        """The CUDA library distributions an installer would bring, name to version.

        From CUDA 13 the toolkit libraries carry no suffix, cuDNN and NCCL do. cuDNN and NCCL are those of the
        default wheel of the release: other channels of it may pin others.
        """
        if not self.cuda or not self.known:
            return {}
        major = self.cuda.split(".")[0]
        suffix = f"-cu{major}" if int(major) < 13 else ""
        return {
            f"nvidia-cuda-runtime{suffix}": RUNTIMES.get(self.cuda, f"{self.cuda}.0"),
            f"nvidia-cudnn-cu{major}": self.known.cudnn,
            f"nvidia-nccl-cu{major}": self.known.nccl,
        }


def take_apart(torch: str) -> Build:
    """Read a version as `torch.__version__` prints it: `2.9.1+cu128`, `2.13.0+cpu`, `2.6.0a0+ecf3bae.nv25.01`."""
    release, _, local = torch.partition("+")
    digits = local[2:] if local.startswith("cu") and local[2:].isdigit() else ""
    return Build(release, local or None, f"{digits[:-1]}.{digits[-1]}" if digits else None)


def partner_requires(name: str, version: str) -> tuple[str, ...]:
    """The `Requires-Dist` of a torchvision or torchaudio on torch: exact up to torchvision 0.29.0.

    Later torchvision takes any torch from 2.14.0 on, and torchaudio 2.11.0 states none; no line for a version
    that is not in the table.
    """
    if name == "torchvision" and version in ("0.29.1", "0.29.2"):
        return ("torch>=2.14.0",)
    if name == "torchaudio" and version == "2.11.0":
        return ()
    partners = {getattr(row, name): release for release, row in RELEASES.items()}
    return (f"torch=={partners[version]}",) if version in partners else ()
