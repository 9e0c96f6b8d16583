"""What a paste can state beyond what a look at a machine finds: the facts of its own."""

from __future__ import annotations

FACTS = {
    "said.texts": "what software said of failures by itself, each text with its line in the paste",
    "said.cuda_available": "what torch.cuda.is_available() gave, or `Is CUDA available` of collect_env",
    "said.device_count": "what torch.cuda.device_count() gave",
    "said.torch_versions": "other releases of torch that the paste speaks of",
    "said.no_nvidia_gpu": "true where its writer says that the machine has no NVIDIA GPU",
    "said.wants_gpu": "true where its writer misses the GPU",
    "said.container_gpus": "whether the container was started with GPUs, where the command is shown",
    "said.after_suspend": "true where its writer says that it began after the machine was suspended",
    "said.image": "the container image it happens in",
    "said.taken_elsewhere": "true where its writer says that what is shown was taken on another machine (a login node)",
    "said.installs": "commands that installed torch: tool, command, the indexes it names, line",
    "said.mps_available": "what torch.backends.mps.is_available() gave",
    "said.xpu_available": "what torch.xpu.is_available() gave, or `Is XPU available` of collect_env",
    "said.mps_built": "what torch.backends.mps.is_built() gave",
    "toolkit.system_cudnn": "libraries of cuDNN in the folders of the system: path and version",
}
