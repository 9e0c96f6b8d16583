"""The table of keys: what may stand in a policy, a profile and a lock.

The reader, the JSON Schema, the suggestions and docs/reference/policy.md are made of it. The demands themselves, most
of the keys, are in `model.demand`.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.demand import KEYS as DEMANDS

if TYPE_CHECKING:
    from collections.abc import Mapping

FAIL_ON = ("error", "warning", "note", "never")
SEVERITIES = ("error", "warning", "note")
DEVICES = ("cpu", "cuda")


class Form(Enum):
    """What a key holds. `RULES`, `TESTS` and `PROBES` are lists of names; `TESTS` may also be true or false."""

    TEXT = "text"
    WORD = "word"
    SWITCH = "true or false"
    RULES = "rules"
    TESTS = "tests"
    PROBES = "probes"
    DEMAND = "demand"
    PACKAGES = "packages"
    SEVERITIES = "severities"
    IGNORES = "ignores"


class Key(NamedTuple):
    """A key: what it holds, what it means, and how it is written, as TOML after the equals sign.

    `words` are those that a `WORD` may be; `profile_only` where a policy cannot have it.
    """

    name: str
    form: Form
    meaning: str
    example: str
    words: tuple[str, ...] = ()
    profile_only: bool = False


SETTINGS = (
    Key("profile", Form.TEXT, "the profile that this file builds on: a name, or the path of a file", '"gpu"'),
    Key("device", Form.WORD, "what torch shall compute on: a build for the CPU, or a GPU that is usable", '"cuda"',
        DEVICES),
    Key("fail-on", Form.WORD, "lowest severity that makes the exit code 1", '"warning"', FAIL_ON),
    Key("strict", Form.SWITCH, "exit code 3 where a fact that is needed cannot be found out", "true"),
    Key("smoke", Form.TESTS, "whether kernels are run; or the kernel tests that must pass, by name or by what several "
        "names begin with", '["matmul", "sdpa-flash"]'),
    Key("select", Form.RULES, "the rules to run, and no others", '["driver-too-old", "cpu-only-build"]'),
    Key("leave-out", Form.RULES, "rules not to run", '["dev-shm-too-small"]'),
)  # fmt: skip

TABLES = (
    Key("packages", Form.PACKAGES, "distributions, each with the versions that will do", 'vllm = ">=0.11"'),
    Key("severity", Form.SEVERITIES, "rules, each with the severity that its findings have here",
        'duplicate-torch-install = "error"', SEVERITIES),
    Key("ignore", Form.IGNORES, "findings that do not count, each with its reason", 'rule = "mig"'),
)  # fmt: skip

OF_PROFILES = (
    Key("description", Form.TEXT, "what the profile is for, in a sentence", '"Training nodes."', profile_only=True),
    Key("without", Form.PROBES, "what is not looked at: names of probes", '["symbols", "kernels"]', profile_only=True),
)

KEYS = (
    *SETTINGS,
    *(Key(one.name, Form.DEMAND, one.meaning, f'"{one.example}"') for one in DEMANDS),
    *TABLES,
    *OF_PROFILES,
)
"""In the order in which they are documented."""

BY_NAME = {key.name: key for key in KEYS}

IGNORE_KEYS = {
    "rule": "the rule whose findings do not count",
    "reason": "why, for those who read it later; never empty",
    "subject": 'which of them: the subject of the finding, with * for any text ("gpu:*"); all where it is not there',
    "expires": "the last day on which it holds, as 2027-01-31; without it there is no end",
}

PROBES: Mapping[str, tuple[str, ...]] = {
    "amd": (),
    "compiled_objects": (),
    "compiler": (),
    "cpu": ("cpus",),
    "duplicates": (),
    "extensions": ("numpy",),
    "index_settings": (),
    "kernels": (),
    "layers": (),
    "limits": ("cpus", "memory", "shm", "memlock"),
    "loader": ("cudnn", "nccl"),
    "local_modules": (),
    "package_files": (),
    "symbols": (),
    "toolkits": ("cuda-toolkit",),
    "windows_runtime": (),
}
"""The probes that may be left out, each with the demands that nothing else answers.

Without one of them the others still tell the truth, only less of it, and what is typed against a finding stays right.
"""

ESSENTIAL = (
    "conda_records",
    "container",
    "dependents",
    "distributions",
    "driver",
    "environment",
    "environment_kind",
    "host_kind",
    "host_system",
    "interpreter",
    "nvidia_packages",
    "partners",
    "pci",
    "project",
    "torch_build",
)
"""The others: what they tell decides what the rest means, or what is typed."""

OTHER_WORDS = {
    "arch": "compute-capability",
    "base": "profile",
    "capability": "compute-capability",
    "cores": "cpus",
    "cpu": "cpus",
    "cpu-count": "cpus",
    "cuda-runtime": "cuda",
    "cuda-version": "cuda",
    "cuda-home": "cuda-toolkit",
    "cudnn-version": "cudnn",
    "dev-shm": "shm",
    "/dev/shm": "shm",
    "disable": "leave-out",
    "driver-version": "driver",
    "exclude": "leave-out",
    "extend": "profile",
    "extends": "profile",
    "failon": "fail-on",
    "gpu": "gpus",
    "gpu-count": "gpus",
    "inherit": "profile",
    "kernels": "smoke",
    "libc": "glibc",
    "nccl-version": "nccl",
    "num-gpus": "gpus",
    "nvcc": "cuda-toolkit",
    "nvidia-driver": "driver",
    "python-version": "python",
    "pytorch": "torch",
    "ram": "memory",
    "requires-python": "python",
    "rules": "select",
    "severities": "severity",
    "shm-size": "shm",
    "skip": "leave-out",
    "sm": "compute-capability",
    "tests": "smoke",
    "toolkit": "cuda-toolkit",
    "torch-version": "torch",
    "ulimit": "memlock",
    "vram": "gpu-memory",
}
"""What other tools, or people, call a key."""

OTHER_VALUES = {"gpu": "cuda", "info": "note", "none": "never", "off": "never", "warn": "warning"}
"""The same of what a key may be."""

ENCLOSING = ("demand", "demands", "env", "environment", "policy", "require", "requirement", "requirements", "requires")
"""Tables into which people put demands: here they stand beside the other keys."""
