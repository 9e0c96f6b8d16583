"""How much each defect matters: the one place where severities stand.

A rule names the circumstance under which it found its defect, and this table says what that is worth. It holds the
contract's first principle in numbers: an environment that works yields no error and no warning, so what may work
is a note, what hinders one use or one of several GPUs is a warning, and an error is what keeps torch from its work.
"""

from __future__ import annotations

from envdoctor.model.finding import Severity

NOTE, WARNING, ERROR = Severity.NOTE, Severity.WARNING, Severity.ERROR

ALWAYS = "always"
"""The circumstance of a rule that knows one only."""

SHOWN = "a kernel test shows it"
"""The circumstance of a defect that the software itself reported when kernels ran; its rules are those of
`smoke_causes.SIGNS`."""

TEXTS = "said.texts"
"""The fact that holds what software said in a paste."""

SAID = "the software itself reports it"
"""The circumstance of a defect that a paste shows by the words of the software that failed of it."""

DECLARED = "a file declares it"
"""The circumstance of a defect that stands in a file before anything is installed."""

SEVERITIES: dict[str, dict[str, Severity]] = {
    # The driver and the devices.
    "compat-libcuda-mismatch": {"CUDA does not start": ERROR, SHOWN: ERROR, SAID: ERROR},
    "cuda-init-stale-driver-state": {ALWAYS: ERROR, SHOWN: ERROR, SAID: ERROR},
    "cuda-visible-devices-empty": {
        "emptied on purpose": NOTE,
        "names what is not there": WARNING,
        "a GPU was asked for": ERROR,
        SAID: ERROR,
    },
    "driver-missing": {
        "where nobody asked for a GPU": NOTE,
        "on a bare host": ERROR,
        "a GPU was asked for": ERROR,
        SAID: ERROR,
    },
    "driver-query-failed": {
        "CUDA works": WARNING,
        "NVML does not answer in time": WARNING,
        "CUDA does not start": ERROR,
        SAID: ERROR,
    },
    "driver-too-old": {ALWAYS: ERROR, SHOWN: ERROR, SAID: ERROR},
    "driver-too-old-for-gpu": {
        "another visible GPU is served": WARNING,
        "no visible GPU is served": ERROR,
        SAID: ERROR,
    },
    "fabric-manager-not-running": {ALWAYS: ERROR, SHOWN: ERROR, SAID: ERROR},
    "gpu-lost": {ALWAYS: ERROR, SHOWN: ERROR, SAID: ERROR},
    "mig": {"no instance": WARNING, "instances that CUDA does not enumerate": WARNING, SAID: ERROR},
    "no-gpu-in-container": {
        "where nobody asked for a GPU": NOTE,
        "a GPU was asked for": ERROR,
        "without the compute libraries": ERROR,
        SAID: ERROR,
        DECLARED: NOTE,
    },
    "no-nvidia-gpu": {"where nobody asked for a GPU": NOTE, "a GPU was asked for": ERROR, SAID: ERROR},
    "nvml-driver-library-mismatch": {"CUDA works": WARNING, "CUDA does not start": ERROR, SAID: ERROR},
    "wsl-driver": {
        "where nobody asked for a GPU": NOTE,
        "a GPU was asked for": ERROR,
        "CUDA does not start": ERROR,
        SHOWN: ERROR,
        SAID: ERROR,
    },
    # The build of torch and its kernels.
    "cpu-only-build": {"a policy says CPU": NOTE, ALWAYS: ERROR, SHOWN: ERROR, SAID: ERROR},
    "cpu-lacks-instructions": {
        "some functions end the program": WARNING,
        "torch does not load": ERROR,
        SHOWN: ERROR,
        SAID: ERROR,
    },
    "gpu-arch-dropped": {
        "cuDNN alone dropped it": WARNING,
        "another visible GPU is served": WARNING,
        "no visible GPU is served": ERROR,
        SHOWN: ERROR,
        SAID: ERROR,
    },
    "gpu-arch-not-in-wheel": {
        "reported to run, by no source vouched for": WARNING,
        "served by PTX of an older CUDA": WARNING,
        "its CUDA came before the GPU": WARNING,
        "another visible GPU is served": WARNING,
        "no visible GPU is served": ERROR,
        SHOWN: ERROR,
        SAID: ERROR,
    },
    "pinned-index-overridden": {ALWAYS: NOTE},
    "rocm-arch-unsupported": {
        "an integrated GPU beside a served one": NOTE,
        "another GPU is served": WARNING,
        "no GPU is served": ERROR,
        SHOWN: ERROR,
        SAID: ERROR,
    },
    "wrong-index-url": {
        "torch is as it should be": NOTE,
        "it gave this machine its CPU build": WARNING,
        SAID: ERROR,
        DECLARED: ERROR,
    },
    # The packages beside torch.
    "conda-pip-mix": {
        "both installed torch": WARNING,
        "a partner of the other installer": WARNING,
        "its partners do not load": ERROR,
        SAID: ERROR,
        DECLARED: ERROR,
    },
    "cuda-package-pin-broken": {
        "newer than the pin": NOTE,
        "older than the pin, or of another CUDA": WARNING,
        DECLARED: ERROR,
        SAID: ERROR,
    },
    "duplicate-torch-install": {
        "hidden behind the environment's own": NOTE,
        "a newer one before the system's": NOTE,
        "hides the environment's own": WARNING,
        "twice in one folder": WARNING,
        "its partners do not load": ERROR,
        SAID: ERROR,
    },
    "gpu-too-old-for-triton": {ALWAYS: NOTE, SHOWN: ERROR, SAID: ERROR},
    "mixed-cu-packages": {
        "side by side": NOTE,
        "in one another's files": WARNING,
        "lacks what is needed of it": ERROR,
        SAID: ERROR,
        DECLARED: ERROR,
    },
    "mkl-incompatible": {ALWAYS: ERROR, SHOWN: ERROR, SAID: ERROR},
    "numpy2-abi": {ALWAYS: ERROR, SHOWN: ERROR, SAID: ERROR, DECLARED: ERROR},
    "abi-undefined-symbol": {
        "an optional part": NOTE,
        "its import only warns": WARNING,
        "it does not load": ERROR,
        SHOWN: ERROR,
        SAID: ERROR,
    },
    "ext-arch-missing": {
        "a part of it": NOTE,
        "another visible GPU is served": WARNING,
        "no visible GPU is served": ERROR,
        SHOWN: ERROR,
        SAID: ERROR,
    },
    "matrix-row-contradicted": {ALWAYS: NOTE},
    "torch-shadowed-by-local-module": {
        "for programs started in this folder": WARNING,
        "for every program": ERROR,
        SAID: ERROR,
    },
    "package-files-damaged": {
        "leftovers of an interrupted change": NOTE,
        "changed since it was installed": NOTE,
        "files are gone": WARNING,
        "its record is moved aside": WARNING,
        "torch is not whole": ERROR,
        SAID: ERROR,
    },
    "python-unsupported": {
        "one feature": NOTE,
        "torch does not load": ERROR,
        SHOWN: ERROR,
        SAID: ERROR,
        DECLARED: ERROR,
    },
    "torch-not-installed": {
        "where nobody asked for torch": NOTE,
        "torch was asked for": ERROR,
        SHOWN: ERROR,
        SAID: ERROR,
    },
    "torch-torchaudio-mismatch": {"may not load": WARNING, "does not load": ERROR, SAID: ERROR, DECLARED: ERROR},
    "torch-torchvision-mismatch": {
        "may not load": WARNING,
        "does not load": ERROR,
        SHOWN: ERROR,
        SAID: ERROR,
        DECLARED: ERROR,
    },
    "triton-mismatch": {
        "another patch of that release": NOTE,
        "another release": ERROR,
        SHOWN: ERROR,
        SAID: ERROR,
        DECLARED: ERROR,
    },
    "triton-unavailable": {ALWAYS: WARNING, SHOWN: ERROR, SAID: ERROR},
    # Libraries and the loader.
    "cuda-libs-shadowed-by-ld-library-path": {
        "newer, or of the same release": NOTE,
        "older, or of unknown version": WARNING,
        "lacks what is needed of it": ERROR,
        SHOWN: ERROR,
        SAID: ERROR,
    },
    "cudnn-shadowed-by-ld-library-path": {
        "whole, and not older": NOTE,
        "of unknown version": WARNING,
        "older, or of two releases": ERROR,
        SHOWN: ERROR,
        SAID: ERROR,
    },
    "cudnn-version-mismatch": {
        "of unknown version": WARNING,
        "older, or of two releases": ERROR,
        SHOWN: ERROR,
        SAID: ERROR,
        DECLARED: ERROR,
    },
    "libstdcxx-too-old": {"an optional part": NOTE, ALWAYS: ERROR, SHOWN: ERROR, SAID: ERROR},
    "missing-libGL": {ALWAYS: ERROR, SHOWN: ERROR, SAID: ERROR},
    "nccl-version-conflict": {
        "newer, or of the same release": NOTE,
        "older, or of unknown version": WARNING,
        "lacks what is needed of it": ERROR,
        SHOWN: ERROR,
        SAID: ERROR,
    },
    "glibc-too-old": {"an optional part": NOTE, ALWAYS: ERROR, SHOWN: ERROR, SAID: ERROR},
    "missing-windows-runtime-dll": {ALWAYS: ERROR, SAID: ERROR},
    "shared-library-missing": {
        "an optional part": NOTE,
        "its import only warns": WARNING,
        ALWAYS: ERROR,
        SHOWN: ERROR,
        SAID: ERROR,
    },
    "toolkit-build-mismatch": {ALWAYS: NOTE, SAID: ERROR},
    # The container, the host and other platforms.
    "nccl-shm-too-small": {ALWAYS: ERROR, SAID: ERROR},
    "p2p-iommu-hang": {ALWAYS: ERROR, SAID: ERROR},
    "dev-shm-too-small": {ALWAYS: NOTE, SAID: ERROR, DECLARED: WARNING},
    "api-removed": {DECLARED: NOTE},
    "compiler-not-in-image": {DECLARED: WARNING},
    "image-tag-does-not-exist": {"its publisher deleted it": NOTE, DECLARED: ERROR, SAID: ERROR},
    "open-ssh": {DECLARED: NOTE},
    "runs-as-root": {DECLARED: NOTE},
    "shell-form-entrypoint": {DECLARED: NOTE},
    "macos-too-old-for-mps": {ALWAYS: WARNING, SAID: ERROR},
    "matrix-too-old": {ALWAYS: NOTE},
    "memlock-limit-too-low": {ALWAYS: NOTE, SAID: ERROR},
    "x86-python-on-apple-silicon": {ALWAYS: WARNING, SAID: ERROR},
    # What a policy demands.
    "requirement-not-met": {ALWAYS: ERROR},
    # Kernels that ran.
    "smoke-crashed": {ALWAYS: ERROR},
    "smoke-failed": {ALWAYS: ERROR},
    "smoke-slow": {ALWAYS: WARNING},
    "smoke-timed-out": {ALWAYS: ERROR},
    "smoke-wrong-numbers": {ALWAYS: ERROR},
}
