"""Machines as they are met, recorded as files and answers, looked at and judged as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.model.fact import Absent, Known
from envdoctor.model.finding import Verdict
from envdoctor.model.machine import Wishes
from envdoctor.probes.look import look
from envdoctor.probes.target import Target
from recorded_tree import SITE, TOLD, Tree, lines

if TYPE_CHECKING:
    from pathlib import Path

    from envdoctor.model.finding import Diagnosis
    from envdoctor.model.snapshot import Snapshot

MATRIX = load_matrix()
BUS = "/sys/bus/pci/devices"
CPU = "processor\t: 0\nmodel name\t: AMD EPYC 7742\nflags\t\t: fpu sse4_1 sse4_2 avx avx2 fma hypervisor\n"
ARM_CPU = "processor\t: 0\nFeatures\t: fp asimd atomics asimddp\nCPU implementer\t: 0x41\nCPU part\t: 0xd40\n"
LIMITS = (
    "Max stack size            8388608              unlimited            bytes\n"
    "Max open files            1024                 1048576              files\n"
    "Max locked memory         8388608              8388608              bytes\n"
)
DOCKER = {"/.dockerenv": "", "/proc/mounts": "overlay / overlay rw,lowerdir=/var/lib/docker/overlay2/l/AB 0 0\n"}
MODULE = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build\n"
NO_NVML = {"status": 12, "error": "NVML Shared Library Not Found"}
NOT_LOADED = {"status": 9, "error": "Driver Not Loaded"}
NO_LIBCUDA = {"missing": "libcuda.so.1: cannot open shared object file: No such file or directory"}


class Recorded(Tree):
    """A Linux machine with a torch and, as it stands here, neither an NVIDIA GPU nor a driver."""

    def __init__(self, root: Path, torch: str = "2.9.1+cpu", machine: str = "x86_64") -> None:
        super().__init__(root)
        self.machine |= {"machine": machine, "cpus": 8, "disks": {"/dev/shm": [2**35, 2**35]}}
        self.python({**TOLD, "executable": "/venv/bin/python", "machine": machine, "bits": 64, "prefix": "/venv"})
        for path, content in {
            "/proc/sys/kernel/osrelease": "6.8.0-45-generic\n",
            "/proc/cpuinfo": CPU if machine == "x86_64" else ARM_CPU,
            "/proc/meminfo": "MemTotal:       65536000 kB\n",
            "/proc/self/limits": LIMITS,
            "/proc/mounts": "/dev/sda2 / ext4 rw 0 0\n",
            "/etc/os-release": 'ID=ubuntu\nVERSION_ID="24.04"\n',
            "/venv/pyvenv.cfg": "home = /usr/bin\ninclude-system-site-packages = false\n",
            "/venv/bin/python": "",
        }.items():
            self.file(path, content)
        self.folder("/dev/shm")
        self.folder(BUS)
        self.torch(torch)
        self.driver([NO_NVML], [NO_LIBCUDA])

    def torch(self, version: str) -> None:
        local = version.partition("+")[2]
        cuda = f"{local[2:-1]}.{local[-1]}" if local.startswith("cu") else None
        text = f"__version__ = '{version}'\ndebug = False\ncuda = {cuda!r}\ngit_version = '{'0f' * 20}'\nhip = None\n"
        self.file(f"{SITE}/torch/version.py", text)
        self.file(f"{SITE}/torch/__init__.py")
        info = f"{SITE}/torch-{version}.dist-info"
        self.file(f"{info}/METADATA", f"Metadata-Version: 2.4\nName: torch\nVersion: {version}\n")
        tag = f"Tag: cp311-cp311-manylinux_2_28_{self.machine['machine']}\n"
        self.file(f"{info}/WHEEL", f"Wheel-Version: 1.0\n{tag}")
        self.file(f"{info}/INSTALLER", "pip\n")
        self.file(f"{info}/RECORD", "torch/version.py,,\n")

    def driver(self, nvml: list[dict[str, Any]], cuda: list[dict[str, Any]]) -> None:
        self.says("nvml", lines(*nvml))
        self.says("libcuda", lines(*cuda))

    def card(self, driver: str | None = "nvidia", device: str = "0x2204", address: str = "0000:01:00.0") -> None:
        for name, text in (("vendor", "0x10de\n"), ("class", "0x030000\n"), ("device", f"{device}\n")):
            self.file(f"{BUS}/{address}/{name}", text)
        if driver:
            (self.root / BUS.lstrip("/") / address / "driver").symlink_to(f"../../../bus/pci/drivers/{driver}")

    def files(self, files: dict[str, str]) -> None:
        for path, content in files.items():
            self.file(path, content)

    def seen(self) -> Snapshot:
        return look(self.host(), Target("/venv/bin/python", "VIRTUAL_ENV"))


def judged(tree: Recorded, wishes: Wishes | None = None) -> tuple[Snapshot, Diagnosis]:
    snapshot = tree.seen()
    diagnosis = diagnose(snapshot, MATRIX, wishes)
    assert diagnosis.crashed == ()
    return snapshot, diagnosis


def found(diagnosis: Diagnosis) -> list[tuple[str, str]]:
    return [(one.severity.word, one.rule) for one in diagnosis.findings]


def assert_silent(diagnosis: Diagnosis, *notes: str) -> None:
    """No error, no warning, no doubt; `notes` are the rules that may say something."""
    assert found(diagnosis) == [("note", rule) for rule in notes]
    assert [(one.rule, one.fact, one.reason) for one in diagnosis.skipped if one.is_gap] == []
    assert diagnosis.verdict is Verdict.HEALTHY


def gpu(index: int = 0, name: str = "NVIDIA A100-SXM4-80GB", **told: Any) -> dict[str, Any]:
    uuid = f"GPU-0000000{index}-aaaa-4000-8000-00000000000{index}"
    ordinary = {"gpu": index, "status": 0, "name": name, "uuid": uuid, "capability": "8.0", "memory": 80 * 2**30}
    return {**ordinary, "pci": f"00000000:0{index + 1}:00.0", **told}


def device(ordinal: int, index: int, **told: Any) -> dict[str, Any]:
    uuid = gpu(index)["uuid"].removeprefix("GPU-")
    return {"device": ordinal, "name": "A", "capability": "8.0", "uuid": uuid, "pci": f"0000:0{index + 1}:00.0", **told}


def nvml(*gpus: dict[str, Any], version: str = "580.95.05") -> list[dict[str, Any]]:
    return [{"status": 0}, {"driver": version}, {"cuda": 13000}, {"count": len(gpus)}, *gpus, {"end": True}]


LIBCUDA = "/usr/lib/libcuda.so.580.95.05"


def cuda(*devices: dict[str, Any], init: int = 0, library: str = LIBCUDA) -> list[dict[str, Any]]:
    start = [{"library": library}, {"version": 13000}, {"init": init}]
    return [*start, {"count": len(devices)}, *devices, {"end": True}] if init == 0 else start


def test_a_machine_without_a_gpu(tmp_path: Path) -> None:
    assert_silent(judged(Recorded(tmp_path))[1])


def test_a_machine_with_a_gpu(tmp_path: Path) -> None:
    tree = Recorded(tmp_path, "2.9.1+cu128")
    tree.card()
    tree.files({"/proc/driver/nvidia/version": MODULE, "/dev/nvidia0": "", "/dev/nvidiactl": "", "/dev/nvidia-uvm": ""})
    tree.driver(nvml(gpu()), cuda(device(0, 0)))
    assert_silent(judged(tree)[1])


# Jobs that are given some of a machine's GPUs by their control group.


def test_gpus_that_a_job_was_not_given_are_no_defect(tmp_path: Path) -> None:
    """NVML counts every GPU of the machine and answers 4 (no permission) for those that the group withholds."""
    tree = Recorded(tmp_path, "2.9.1+cu128")
    tree.set(CUDA_VISIBLE_DEVICES="0", SLURM_JOB_ID="12")
    withheld = [{"gpu": index, "status": 4, "error": "Insufficient Permissions"} for index in (0, 2, 3)]
    tree.driver(nvml(*withheld, gpu(1)), cuda(device(0, 1)))
    snapshot, diagnosis = judged(tree)
    assert snapshot["gpu.visible"] == Known([1], "libcuda")
    assert_silent(diagnosis)


@pytest.mark.parametrize("lists", [True, False])
def test_a_job_without_gpus_on_a_machine_with_some(tmp_path: Path, lists: bool) -> None:
    """NVML counts GPUs it may not open, or none; their files are there and may not be opened."""
    tree = Recorded(tmp_path)
    tree.card()
    tree.files({"/proc/driver/nvidia/version": MODULE, "/dev/nvidia0": "", "/dev/nvidiactl": ""})
    tree.machine["denied"] = ["/dev/nvidia0"]
    withheld = {"gpu": 0, "status": 4, "error": "Insufficient Permissions"}
    tree.driver(nvml(*([withheld] if lists else [])), cuda(init=100))
    snapshot, diagnosis = judged(tree)
    assert snapshot["device.nodes"] == Known(["nvidiactl"], "/dev")
    assert_silent(diagnosis)
    asked = judged(tree, Wishes(require_gpu=True))[1]
    assert found(asked)[0] == ("error", "no-nvidia-gpu")
    assert asked.verdict is Verdict.BROKEN


def test_a_card_that_the_driver_does_not_list_and_may_be_opened(tmp_path: Path) -> None:
    tree = Recorded(tmp_path, "2.9.1+cu128")
    tree.card()
    tree.files({"/proc/driver/nvidia/version": MODULE, "/dev/nvidia0": "", "/dev/nvidiactl": ""})
    tree.driver(nvml(), cuda(init=100))
    assert found(judged(tree)[1])[0] == ("error", "driver-query-failed")


# The driver's libraries where no GPU is to be reached.

PARTS = {
    "a container of an image that holds a driver's libraries, on a host with GPUs": [NOT_LOADED],
    "the same without NVML": [NO_NVML],
}


@pytest.mark.parametrize("hidden", [None, ""])
@pytest.mark.parametrize("init", [100, 999, 34])
@pytest.mark.parametrize("said", PARTS.values(), ids=PARTS)
def test_libraries_of_a_driver_in_a_container_without_gpus(
    tmp_path: Path, said: list[dict[str, Any]], init: int, hidden: str | None
) -> None:
    tree = Recorded(tmp_path)
    tree.card()
    tree.files({**DOCKER, "/proc/driver/nvidia/version": MODULE, "/sys/module/nvidia/version": "580.95.05\n"})
    tree.driver(said, cuda(init=init, library="/usr/lib/x86_64-linux-gnu/libcuda.so.535.183.01"))
    if hidden is not None:
        tree.set(CUDA_VISIBLE_DEVICES=hidden)
    snapshot, diagnosis = judged(tree)
    assert isinstance(snapshot["gpu.count"], Absent)
    assert_silent(diagnosis)
    wanted = Recorded(tmp_path / "cuda", "2.9.1+cu128")
    wanted.machine = tree.machine
    wanted.card()
    wanted.files({**DOCKER, "/proc/driver/nvidia/version": MODULE})
    assert_silent(judged(wanted)[1], "no-gpu-in-container")


@pytest.mark.parametrize("hidden", [None, "", "0"])
@pytest.mark.parametrize("init", [100, 999, 34])
@pytest.mark.parametrize("said", [NOT_LOADED, NO_NVML])
def test_libraries_of_a_driver_on_a_machine_without_gpus(
    tmp_path: Path, said: dict[str, Any], init: int, hidden: str | None
) -> None:
    """A CI runner with a driver package, with the compat libraries of an image, or with a toolkit's stub."""
    tree = Recorded(tmp_path)
    tree.driver([said], cuda(init=init))
    if hidden is not None:
        tree.set(CUDA_VISIBLE_DEVICES=hidden)
    assert_silent(judged(tree)[1])


def test_a_sandbox_without_sys(tmp_path: Path) -> None:
    tree = Recorded(tmp_path)
    (tree.root / BUS.lstrip("/")).rmdir()
    for folder in ("sys/bus/pci", "sys/bus", "sys"):
        (tree.root / folder).rmdir()
    assert_silent(judged(tree)[1])
    tree.files({**DOCKER, "/proc/mounts": ""})
    assert_silent(judged(tree)[1])


# A driver whose module is not loaded.

SMI = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest ...\n"


@pytest.mark.parametrize("init", [100, 999])
def test_a_module_that_is_not_loaded_is_a_missing_driver(tmp_path: Path, init: int) -> None:
    tree = Recorded(tmp_path, "2.9.1+cu128")
    tree.card(driver=None)
    tree.driver([NOT_LOADED], cuda(init=init))
    tree.set(PATH="/usr/bin")
    tree.file("/usr/bin/nvidia-smi").chmod(0o755)
    tree.says("nvidia-smi", SMI, code=9)
    snapshot, diagnosis = judged(tree)
    assert isinstance(snapshot["driver.version"], Absent)
    assert found(diagnosis)[:1] == [("error", "driver-missing")]
    assert diagnosis.verdict is Verdict.BROKEN
    assert [one.rule for one in diagnosis.skipped if one.is_gap] == []


def test_a_module_without_its_libraries(tmp_path: Path) -> None:
    """The kernel module alone is installed: nothing that CUDA programs load."""
    tree = Recorded(tmp_path, "2.9.1+cu128")
    tree.card()
    tree.files(
        {
            "/proc/driver/nvidia/version": MODULE,
            "/sys/module/nvidia/version": "580.95.05\n",
            "/dev/nvidia0": "",
            "/dev/nvidiactl": "",
        }
    )
    diagnosis = judged(tree)[1]
    assert found(diagnosis)[:1] == [("error", "driver-query-failed")]
    assert "libcuda" in diagnosis.findings[0].message


# Processors seen through an emulation.


def test_an_image_for_intel_on_an_arm_host(tmp_path: Path) -> None:
    """Emulated by QEMU the processor's file can be that of the host."""
    tree = Recorded(tmp_path, "2.1.2+cpu")
    tree.files({**DOCKER, "/proc/cpuinfo": ARM_CPU})
    snapshot, diagnosis = judged(tree)
    assert not isinstance(snapshot["cpu.flags"], Known)
    assert_silent(diagnosis)


# WSL2.


def wsl(tmp_path: Path, torch: str = "2.9.1+cu128") -> Recorded:
    tree = Recorded(tmp_path, torch)
    tree.files({"/proc/sys/kernel/osrelease": "5.15.153.1-microsoft-standard-WSL2\n", "/dev/dxg": "",
                "/usr/lib/wsl/lib/libcuda.so.1": ""})  # fmt: skip
    return tree


LENT = "/usr/lib/wsl/drivers/nv_dispi.inf_amd64_0123456789abcdef/libcuda.so.1.1"


def test_wsl_with_a_gpu(tmp_path: Path) -> None:
    tree = wsl(tmp_path)
    tree.driver(nvml(gpu(), version="581.29"), cuda(device(0, 0), library=LENT))
    assert_silent(judged(tree)[1])


def test_an_unknown_error_under_wsl_is_no_stale_module(tmp_path: Path) -> None:
    tree = wsl(tmp_path)
    tree.driver(nvml(gpu(), version="581.29"), cuda(init=999, library=LENT))
    diagnosis = judged(tree)[1]
    assert found(diagnosis)[:1] == [("error", "driver-query-failed")]
    assert "nvidia_uvm" not in diagnosis.findings[0].message


def test_wsl_1_has_no_gpu(tmp_path: Path) -> None:
    tree = Recorded(tmp_path)
    tree.file("/proc/sys/kernel/osrelease", "4.4.0-19041-Microsoft\n")
    assert_silent(judged(tree)[1])


# Containers.

IN_CONTAINERS = {
    "a pod of Kubernetes with a GPU by its UUID": {
        "NVIDIA_VISIBLE_DEVICES": "GPU-00000000-aaaa-4000-8000-000000000000"
    },
    "CDI": {"NVIDIA_VISIBLE_DEVICES": "void"},
    "vast.ai": {
        "NVIDIA_VISIBLE_DEVICES": "GPU-00000000-aaaa-4000-8000-000000000000,GPU-1",
        "CUDA_VISIBLE_DEVICES": "0",
    },
    "a volume mount of the device plugin": {"NVIDIA_VISIBLE_DEVICES": "/var/run/nvidia-container-devices"},
}


@pytest.mark.parametrize("environ", IN_CONTAINERS.values(), ids=IN_CONTAINERS)
def test_containers_with_their_gpu(tmp_path: Path, environ: dict[str, str]) -> None:
    tree = Recorded(tmp_path, "2.9.1+cu128")
    tree.card()
    tree.card(address="0000:02:00.0")
    tree.files({**DOCKER, "/proc/driver/nvidia/version": MODULE, "/dev/nvidia0": "", "/dev/nvidiactl": ""})
    tree.set(**environ, NVIDIA_DRIVER_CAPABILITIES="compute,utility")
    tree.driver(nvml(gpu()), cuda(device(0, 0)))
    assert_silent(judged(tree)[1])


def test_a_linux_container_with_a_passed_gpu_in_proxmox(tmp_path: Path) -> None:
    """The libraries are installed inside, the module is the host's."""
    tree = Recorded(tmp_path, "2.9.1+cu128")
    tree.card()
    tree.files({"/run/systemd/container": "lxc\n", "/proc/driver/nvidia/version": MODULE, "/dev/nvidia0": "",
                "/dev/nvidiactl": "", "/dev/nvidia-uvm": ""})  # fmt: skip
    tree.driver(nvml(gpu()), cuda(device(0, 0)))
    assert_silent(judged(tree)[1])


def test_singularity_without_nv_on_a_node_with_gpus(tmp_path: Path) -> None:
    tree = Recorded(tmp_path, "2.9.1+cu128")
    tree.card()
    tree.folder("/.singularity.d")
    tree.files({"/proc/driver/nvidia/version": MODULE, "/dev/nvidia0": "", "/dev/nvidiactl": ""})
    snapshot, diagnosis = judged(tree)
    assert snapshot["container.runtime"] == Known("singularity", "/.singularity.d")
    assert_silent(diagnosis, "no-gpu-in-container")


def test_anybody_s_variable_named_container_is_no_container(tmp_path: Path) -> None:
    tree = Recorded(tmp_path, "2.9.1+cu128")
    tree.card(driver=None)
    tree.set(container="uploads")
    snapshot, diagnosis = judged(tree)
    assert snapshot["host.kind"] == Known("bare", "no mark of a container, WSL or Jetson")
    assert found(diagnosis)[0] == ("error", "driver-missing")


# Cards that are not this system's.


@pytest.mark.parametrize("holder", ["vfio-pci", "nvgrace_gpu_vfio_pci", "xen-pciback"])
def test_a_card_kept_for_virtual_machines(tmp_path: Path, holder: str) -> None:
    tree = Recorded(tmp_path)
    tree.card(driver=holder)
    assert_silent(judged(tree)[1])


# Jetson.


def test_a_jetson_without_nvml(tmp_path: Path) -> None:
    tree = Recorded(tmp_path, "2.9.1+cpu", machine="aarch64")
    tree.files({"/etc/nv_tegra_release": "# R35 (release), REVISION: 4.1, GCID: 33958178, BOARD: t186ref\n",
                "/dev/nvgpu/igpu0/as": "", "/proc/sys/kernel/osrelease": "5.10.120-tegra\n"})  # fmt: skip
    tree.driver([NO_NVML], cuda(device(0, 0, name="Orin", capability="8.7"), library="/usr/lib/libcuda.so.1.1"))
    snapshot, diagnosis = judged(tree)
    assert snapshot["host.kind"] == Known("jetson", "/etc/nv_tegra_release")
    assert diagnosis.verdict is not Verdict.UNDETERMINED


def test_a_vgpu_with_the_media_engine(tmp_path: Path) -> None:
    tree = Recorded(tmp_path, "2.9.1+cu128")
    tree.card()
    tree.files({"/proc/driver/nvidia/version": MODULE, "/dev/nvidia0": "", "/dev/nvidiactl": ""})
    tree.driver(nvml(gpu(name="NVIDIA A30-1-6CME")), cuda(device(0, 0)))
    snapshot, diagnosis = judged(tree)
    assert snapshot["host.kind"] == Known("vm-vgpu", "gpu.0.name")
    assert_silent(diagnosis)


def test_a_vgpu_for_graphics_beside_a_cpu_build(tmp_path: Path) -> None:
    tree = Recorded(tmp_path)
    tree.card()
    tree.files({"/proc/driver/nvidia/version": MODULE, "/dev/nvidia0": "", "/dev/nvidiactl": ""})
    tree.driver(nvml(gpu(name="GRID T4-2B", capability="7.5")), cuda(init=100))
    assert_silent(judged(tree)[1])
    asked = judged(tree, Wishes(require_gpu=True))[1]
    assert asked.findings[0].rule == "driver-query-failed"
    assert "licence" in asked.findings[0].message


# Drivers that tell half.


@pytest.mark.parametrize("status", [3, 17, 999])
def test_nvml_that_refuses_while_cuda_works_is_a_warning(tmp_path: Path, status: int) -> None:
    """No source tells the driver's version; that CUDA enumerates the GPU is enough."""
    tree = Recorded(tmp_path, "2.9.1+cu128")
    tree.driver([{"status": status, "error": "refused"}], cuda(device(0, 0, name="NVIDIA A100-SXM4-80GB")))
    diagnosis = judged(tree)[1]
    assert found(diagnosis) == [("warning", "driver-query-failed")]
    assert diagnosis.verdict is Verdict.WARNINGS


def test_a_driver_that_does_not_tell_its_version(tmp_path: Path) -> None:
    tree = Recorded(tmp_path, "2.9.1+cu128")
    tree.driver(nvml(gpu(), version=""), cuda(device(0, 0)))
    assert_silent(judged(tree)[1])


@pytest.mark.parametrize("init", [100, 304])
def test_nvml_that_starts_and_does_not_count(tmp_path: Path, init: int) -> None:
    tree = Recorded(tmp_path, "2.9.1+cu128")
    tree.card()
    tree.files({"/proc/driver/nvidia/version": MODULE, "/dev/nvidia0": "", "/dev/nvidiactl": ""})
    failed = {"failed": "count", "code": 999, "error": "Unknown Error"}
    tree.driver([{"status": 0}, {"driver": "580.95.05"}, failed], cuda(init=init))
    assert found(judged(tree)[1])[0] == ("error", "driver-query-failed")


def test_a_stale_state_in_a_job_that_was_given_one_of_two_gpus(tmp_path: Path) -> None:
    tree = Recorded(tmp_path, "2.9.1+cu128")
    tree.files({"/proc/driver/nvidia/version": MODULE, "/dev/nvidia1": "", "/dev/nvidiactl": "", "/dev/nvidia-uvm": ""})
    withheld = {"gpu": 0, "status": 4, "error": "Insufficient Permissions"}
    tree.driver(nvml(withheld, gpu(1)), cuda(init=999))
    assert found(judged(tree)[1]) == [("error", "cuda-init-stale-driver-state")]
