"""What a policy may demand of an environment: the keys, and the facts that answer each."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envdoctor.model.place import Place


class Kind(Enum):
    """What the words of a demand are.

    `VERSION`, `COUNT` and `CAPABILITY` are comparisons (">=2.6,<2.9"; a number alone means that number and what begins
    with it: "2.9" is "==2.9.*", "8" GPUs are exactly 8). `SIZE` is one in KiB to TiB or KB to TB (">=32 GiB"; alone it
    means at least). `NAME` is a text that has to be the same, or one of a list.
    """

    VERSION = "version"
    COUNT = "count"
    CAPABILITY = "capability"
    SIZE = "size"
    NAME = "name"


class DemandKey(NamedTuple):
    """A key of a policy.

    `facts` hold what is compared (`gpu.N.` for each visible GPU), `example` is how it is written.
    """

    name: str
    kind: Kind
    facts: tuple[str, ...]
    meaning: str
    example: str

    @property
    def of_each_gpu(self) -> bool:
        """Whether every visible GPU has to meet it."""
        return self.facts[0].startswith("gpu.N.")


KEYS = (
    DemandKey("python", Kind.VERSION, ("python.version",), "version of the interpreter", ">=3.10"),
    DemandKey("torch", Kind.VERSION, ("torch.version",), "version of torch", ">=2.6,<2.9"),
    DemandKey("torchvision", Kind.VERSION, ("torchvision.version",), "version of torchvision", ">=0.24"),
    DemandKey("torchaudio", Kind.VERSION, ("torchaudio.version",), "version of torchaudio", "2.9.1"),
    DemandKey("triton", Kind.VERSION, ("triton.version",), "version of triton", ">=3.5"),
    DemandKey("numpy", Kind.VERSION, ("numpy.version",), "version of NumPy", "<3"),
    DemandKey("channel", Kind.NAME, ("torch.channel",), "wheel channel of torch: cu126, cpu, ...", "cu126"),
    DemandKey("cuda", Kind.VERSION, ("torch.cuda",), "CUDA runtime that torch was built for", ">=12.4"),
    DemandKey("cudnn", Kind.VERSION, ("cudnn.version",), "cuDNN that torch would load", ">=9.1"),
    DemandKey("nccl", Kind.VERSION, ("nccl.version",), "NCCL that torch would load", ">=2.21"),
    DemandKey("cuda-toolkit", Kind.VERSION, ("toolkit.home_version",),
              "CUDA toolkit that torch would compile extensions with", "12.6"),
    DemandKey("driver", Kind.VERSION, ("driver.version",), "driver version", ">=550"),
    DemandKey("cuda-driver-api", Kind.VERSION, ("driver.cuda_version",), "CUDA driver API version", ">=12.4"),
    DemandKey("gpus", Kind.COUNT, ("gpu.visible",), "GPUs that CUDA programs may see", ">=1"),
    DemandKey("compute-capability", Kind.CAPABILITY, ("gpu.N.compute_capability",),
              "compute capability of every visible GPU", ">=8.0"),
    DemandKey("gpu-memory", Kind.SIZE, ("gpu.N.memory_mib",), "memory of every visible GPU", ">=40 GiB"),
    DemandKey("cpus", Kind.COUNT, ("cpu.count", "cgroup.cpus"),
              "processors that the process may use", ">=8"),
    DemandKey("memory", Kind.SIZE, ("host.memory_bytes", "cgroup.memory_bytes"),
              "memory that the process may use", ">=32 GiB"),
    DemandKey("shm", Kind.SIZE, ("shm.total_bytes",), "size of /dev/shm", ">=8 GiB"),
    DemandKey("memlock", Kind.SIZE, ("limits.memlock_bytes",), "memory that a process may lock (ulimit -l)", ">=1 GiB"),
    DemandKey("glibc", Kind.VERSION, ("host.libc",), "C library", ">=2.28"),
    DemandKey("platform", Kind.NAME, ("host.platform",), "system and architecture", "linux-x86_64"),
)  # fmt: skip
"""In the order in which they are documented and written."""

BY_NAME = {key.name: key for key in KEYS}

PACKAGE = "packages."
"""Begins the key of a demand on a distribution that has no key of its own: `packages.vllm`."""

UNMET = "requirement-not-met"
"""The rule that judges demands."""

SMOKE = "smoke"
"""The key of a demand for a kernel test that must pass; its specifier is the name of the test."""


class Demand(NamedTuple):
    """One line of a policy that the environment has to meet.

    `key` is a name in `BY_NAME`, `packages.NAME`, or `smoke`. `specifier` is what is compared, as PEP 440 writes it
    whatever the kind (sizes in bytes: ">=34359738368"; counts and capabilities as versions: ">=8.0"), for a `NAME` the
    names that will do, divided by commas, and the name of a test for `smoke`. `written` is what the policy says,
    `place` where.
    """

    key: str
    specifier: str
    written: str
    place: Place | None = None

    @property
    def subject(self) -> str:
        """How a finding names what is demanded; of a property of GPUs it names each GPU instead (`demand_of`)."""
        if self.key == SMOKE:
            return f"{SMOKE}:{self.specifier}"
        if self.key == "shm":
            return "/dev/shm"
        package = self.key.removeprefix(PACKAGE)
        return self.key if package in BY_NAME else package  # `packages.torch` is not `torch`


OF_GPU = {"compute-capability": "", "gpu-memory": "/memory"}
"""What follows "gpu:N" in the subject of a demand on a property of GPUs."""


def demand_of(subject: str, demands: Iterable[Demand]) -> Demand | None:
    """Return the demand that a finding of `requirement-not-met` is about; None where it is about none of them."""
    gpu, slash, about = subject.partition("/")
    if gpu.startswith("gpu:"):
        key = next((key for key, end in OF_GPU.items() if end == slash + about), "")
        return next((one for one in demands if one.key == key), None)
    return next((one for one in demands if one.subject == subject), None)
