"""What a person has to do, by rule: no command of ours reaches a driver, a reboot, a container's start or a system."""

from __future__ import annotations

BY_HAND: dict[str, tuple[str, str]] = {
    "nvml-driver-library-mismatch": (
        "reboot",
        "reboot the machine (of a container: its host), so that the kernel module of the installed driver is loaded",
    ),
    "gpu-lost": (
        "reboot",
        "reboot the machine; if the GPU is lost again, have its power, seating and cooling looked at",
    ),
    "driver-missing": (
        "install-system-package",
        "install the NVIDIA driver of the operating system (of a container: on its host) and reboot; where it is "
        "installed, see why its module is not loaded: `dmesg | grep -i nvrm`, the DKMS build, Secure Boot",
    ),
    "driver-query-failed": (
        "reboot",
        "run nvidia-smi and read `dmesg | grep -i -e nvrm -e xid`; where libcuda.so.1 is missing, install the "
        "libraries of this driver (Debian's libcuda1, Ubuntu's libnvidia-compute-NNN, RHEL's nvidia-driver-cuda); "
        "where nothing names another cause, restart the container or reboot the machine (WSL2: `wsl --shutdown` in "
        "Windows)",
    ),
    "fabric-manager-not-running": (
        "start-service",
        "install the nvidia-fabricmanager of exactly this driver's version and start it: `systemctl enable --now "
        "nvidia-fabricmanager` (of a container or a virtual machine: on its host)",
    ),
    "cuda-init-stale-driver-state": (
        "reboot",
        "end the programs that use the GPU and reload its module (`rmmod nvidia_uvm`, `modprobe nvidia_uvm`), or "
        "reboot; where /dev/nvidia-uvm is missing, `nvidia-modprobe -u -c 0`, and start a container with its GPUs anew",
    ),
    "compat-libcuda-mismatch": (
        "set-env",
        "take the folder of that libcuda out of LD_LIBRARY_PATH or out of /etc/ld.so.conf.d (then `ldconfig`), so that "
        "the driver's own is loaded, and check again: the driver alone may be too old for this torch",
    ),
    "mig": (
        "configure-mig",
        "make MIG instances (`nvidia-smi mig -cgi PROFILE -C`) and give this environment access to one, or switch MIG "
        "off (`nvidia-smi -i N -mig 0`)",
    ),
    "wsl-driver": (
        "mend-wsl",
        "remove every NVIDIA driver package from WSL2, install a present NVIDIA driver in Windows, then run "
        "`wsl --update` and `wsl --shutdown` there",
    ),
    "cuda-visible-devices-empty": ("unset-env", "unset it, or name GPUs that exist"),
    "no-gpu-in-container": (
        "start-container-with",
        "install the NVIDIA Container Toolkit on the host and start a new container with its GPU and libcuda: `docker "
        "run --gpus all`, `podman run --device nvidia.com/gpu=all`, `singularity exec --nv`, or `nvidia.com/gpu: 1` in "
        "the limits of the pod; NVIDIA_DRIVER_CAPABILITIES must hold compute",
    ),
    "glibc-too-old": (
        "rebuild-image",
        "use a system, or an image based on one, with the C library that this torch was built for (Debian 10, Ubuntu "
        "20.04, RHEL 8 and newer have glibc 2.28 or more; Alpine has none), or take Python and torch from conda-forge",
    ),
    "cpu-lacks-instructions": (
        "change-release",
        "install a torch release that runs on this processor (`envdoctor explain cpu-lacks-instructions` names them); "
        "in a virtual machine give the guest the processor of its host",
    ),
    "no-nvidia-gpu": (
        "start-container-with",
        "use a machine with an NVIDIA GPU, pass one into the container, or ask the batch system for one (Slurm: "
        "`--gpus=1`)",
    ),
    "gpu-too-old-for-triton": (
        "set-env",
        "do without torch.compile on this GPU: TORCHDYNAMO_DISABLE=1, or the program's own switch for it",
    ),
    "nccl-shm-too-small": (
        "start-container-with",
        "start a new container with more shared memory (`docker run --shm-size=8g` or `--ipc=host`; in Kubernetes an "
        "emptyDir of medium Memory at /dev/shm), or delete what killed programs left in /dev/shm; NCCL_SHM_DISABLE=1 "
        "does without it, slower",
    ),
    "p2p-iommu-hang": (
        "configure-firmware",
        "switch the IOMMU (VT-d, AMD-Vi) or ACS off in the BIOS, or start the kernel with iommu=pt; until then "
        "NCCL_P2P_DISABLE=1 lets NCCL take the way through the host",
    ),
    "conda-pip-mix": (
        "rebuild-environment",
        "make a new environment and bring torch, torchvision and torchaudio into it with one installer; in this one, "
        "remove those of the other first (`conda remove --force pytorch torchvision torchaudio`, or `python -m pip "
        "uninstall torch torchvision torchaudio`) and reinstall what stays",
    ),
    "duplicate-torch-install": (
        "uninstall-package",
        "uninstall the torch that is not meant, with the interpreter and in the folder that the finding names (`python "
        "-m pip uninstall torch` takes the first one of the path away; PYTHONNOUSERSITE=1 hides the user site); of two "
        "records in one folder uninstall both and install torch anew",
    ),
    "mkl-incompatible": ("install-with-conda", '`conda install "mkl<2024.1"` in this environment'),
    "macos-too-old-for-mps": (
        "upgrade-system",
        'upgrade macOS; until then torch works on the CPU (`device="cpu"`)',
    ),
    "missing-windows-runtime-dll": (
        "install-system-package",
        "install the Microsoft Visual C++ Redistributable 2015-2022 (x64) in Windows",
    ),
    "rocm-arch-unsupported": (
        "set-env",
        "use a ROCm build of torch that holds this architecture; for a GPU of the same family set "
        "HSA_OVERRIDE_GFX_VERSION to the nearest architecture it does hold",
    ),
    "wrong-index-url": (
        "set-env",
        "take the index that the finding names out of the configuration, or name the channel of the wheel wanted",
    ),
    "x86-python-on-apple-silicon": (
        "rebuild-environment",
        "install an arm64 Python (python.org, Homebrew in /opt/homebrew, Miniforge for arm64), check it by `python -c "
        '"import platform; print(platform.machine())"`, and make the environment anew with it',
    ),
}
"""What a person does, by rule: the kind of step and its words. None of these is a command of ours to run."""

AGAIN = (
    "run-again",
    "run `envdoctor smoke --test NAME -v` with the test's name, once more after a restart of the machine: what goes "
    "away was of the state of the GPU or its driver; where it stays, install the same torch with --force-reinstall, "
    "then another release of it",
)

AGAIN_ON_CPU = (
    "run-again",
    "run `envdoctor smoke --test NAME -v` with the test's name once more; where it fails again, install the same torch "
    "with --force-reinstall, then another release of it",
)
IMPORT_AGAIN = (
    "run-again",
    "install the module that the error names, where it names one; else install the same torch with --force-reinstall "
    "and all it requires, then another release of it; `envdoctor smoke` tells whether it is imported then",
)
"""The same where no GPU has a part in it."""

OF_KERNELS = {
    "smoke-crashed": AGAIN,
    "smoke-failed": AGAIN,
    "smoke-slow": (
        "run-again",
        "see that nothing else uses the GPU or holds it down (`nvidia-smi -q -d PERFORMANCE,CLOCK,POWER`), and run "
        "`envdoctor smoke` again",
    ),
    "smoke-timed-out": AGAIN,
    "smoke-wrong-numbers": (
        "run-again",
        "keep the device out of use until this is settled; run `envdoctor smoke --test NAME` several times: an error "
        "at other places each time points to the hardware (take overclocking back, test the memory with `dcgmi diag "
        "-r 3`), the same one to the software (install the same torch with --force-reinstall, then another release)",
    ),
}
"""The same for what kernel tests found, of which nobody knows the cause: only where nothing else is to be mended."""
