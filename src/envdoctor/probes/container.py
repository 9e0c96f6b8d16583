"""The container this is, by the marks that runtimes leave, and what its image asks of the driver.

Sources: systemd's container interface (the variable `container`, /run/host/container-manager), podman-run(1)
(/run/.containerenv), Kubernetes ("Accessing the API from a Pod"), cgroups(7), and the store folders of
containerd, Docker and containers/storage that an overlay root names in /proc/mounts.

Flatpak and snap confine one program on a system that is all there; they are no containers here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Fact, Known

if TYPE_CHECKING:
    from envdoctor.host.host import Host
    from envdoctor.probes.looking import Facts, Looking

FACTS = {
    "container.runtime": "what runs the container: docker, podman, kubernetes, containerd, singularity, ..., other",
    "container.nvidia_require": "what the image demands of the driver: NVIDIA_REQUIRE_* name to expression",
}

NONE = Absent("no mark of a container")

SECRETS = ("/run/secrets/kubernetes.io", "/var/run/secrets/kubernetes.io")

RUNTIMES = frozenset(
    {
        *("apptainer", "containerd", "crio", "docker", "enroot", "lxc", "lxc-libvirt", "nerdctl", "oci", "podman"),
        *("pouch", "rkt", "singularity", "systemd-nspawn"),
    }
)
"""What containers with a system of their own call themselves in the variable `container`, which may be anybody's."""

CONFINED = frozenset({"flatpak", "snap", "wsl", "proot"})
"""Values of systemd's container interface that stand for no container with a system of its own."""

NAMED = {"oci": "podman", "lxc-libvirt": "lxc", "crio": "cri-o", "apptainer": "singularity"}
"""What runtimes call themselves there, in the words of the fact."""

CGROUPS = (
    # Longest names first: a pod of Kubernetes also says containerd.
    ("kubepods", "kubernetes"),
    ("/ecs/", "docker"),
    ("docker", "docker"),
    ("buildkit", "docker"),
    ("libpod", "podman"),
    ("containerd", "containerd"),
    ("crio-", "cri-o"),
    ("lxc", "lxc"),
    ("machine.slice/systemd-nspawn", "systemd-nspawn"),
)
"""Control groups that process 1 of a container is in, and init of a machine never."""

STORES = (
    ("/containerd/", "containerd"),
    ("/buildkit/", "docker"),
    ("/docker/", "docker"),
    ("/containers/storage/", "podman"),
)
"""Folders in which runtimes keep the layers of an overlay root."""

MADE_FOR_IT = ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf")
"""Files that every runtime mounts one by one, because they differ by container."""

REQUIRE = r"NVIDIA_REQUIRE_[A-Z0-9_]{1,60}"
MOST_REQUIRED = 16
LONGEST_REQUIRED = 4096


def look(at: Looking) -> Facts:
    """Read the marks of the runtime and the demands in the environment."""
    required = [name for name in at.host.environ if re.fullmatch(REQUIRE, name)][:MOST_REQUIRED]
    return {
        "container.runtime": runtime(at.host),
        "container.nvidia_require": Known(
            {name: at.host.environ[name][:LONGEST_REQUIRED] for name in sorted(required)}, "environment"
        )
        if required
        else Absent("no NVIDIA_REQUIRE_* is set"),
    }


def runtime(host: Host) -> Fact:
    """Tell the runtime by the most telling mark; Absent outside of containers."""
    if host.os != "linux":
        return Absent(f"containers are looked for on Linux, this is {host.os}")
    return _by_files_of_pods(host) or _by_name(host) or _by_files(host) or _by_cgroup(host) or _by_mounts(host) or NONE


def _by_files_of_pods(host: Host) -> Known | None:
    if "KUBERNETES_SERVICE_HOST" in host.environ:
        return Known("kubernetes", "KUBERNETES_SERVICE_HOST")
    mark = next((path for path in SECRETS if host.exists(path)), None)
    return Known("kubernetes", mark) if mark else None


def _by_name(host: Host) -> Known | None:
    """Read what the runtime calls itself; Distrobox and Toolbx stand before the podman or docker below them."""
    for mark, name in (("/run/.toolboxenv", "toolbx"), ("/usr/bin/distrobox-host-exec", "distrobox")):
        if host.is_file(mark):
            return Known(name, mark)
    told = host.environ.get("container", "")
    if told in RUNTIMES:
        return Known(NAMED.get(told, told), "the variable container")
    for path in ("/run/host/container-manager", "/run/systemd/container"):
        told = text(host, path, 100).strip()
        if re.fullmatch(r"[a-z][a-z0-9-]{1,30}", told) and told not in CONFINED:
            return Known(NAMED.get(told, told), path)
    return None


def _by_files(host: Host) -> Known | None:
    for variable in ("APPTAINER_CONTAINER", "SINGULARITY_CONTAINER"):
        if variable in host.environ:
            return Known("singularity", variable)
    if host.is_dir("/.singularity.d"):
        return Known("singularity", "/.singularity.d")
    if host.exists("/run/.containerenv"):
        return Known("podman", "/run/.containerenv")
    if host.exists("/.dockerenv") and not _on_a_disk(text(host, "/proc/mounts")):
        return Known("docker", "/.dockerenv")
    return None


def _on_a_disk(mounts: str) -> bool:
    """Whether the root is a disk of its own and nothing was mounted for a container.

    An image that was exported and made a virtual machine or a WSL distribution keeps its /.dockerenv.
    """
    root, places = _root(mounts)
    return root[:1] != [] and root[0].startswith("/dev/") and places.isdisjoint(MADE_FOR_IT)


def _by_cgroup(host: Host) -> Known | None:
    groups = text(host, "/proc/1/cgroup")
    name = next((name for mark, name in CGROUPS if mark in groups), None)
    return Known(name, "/proc/1/cgroup") if name else None


def _by_mounts(host: Host) -> Known | None:
    """Tell by the root: an overlay alone is also what a live system or a read-only one stands on."""
    mounts = text(host, "/proc/mounts")
    if "lxcfs /proc/" in mounts:
        return Known("lxc", "/proc/mounts")
    root, places = _root(mounts)
    if len(root) < 4 or root[2] != "overlay":
        return None
    store = next((name for mark, name in STORES if mark in root[3]), None)
    if store is None and places.isdisjoint(MADE_FOR_IT):
        return None
    return Known(store or "other", "/proc/mounts")


def _root(mounts: str) -> tuple[list[str], set[str]]:
    """Return the fields of the mount at `/` (the last one counts) and every place something is mounted at."""
    lines = [line.split(" ") for line in mounts.splitlines()]
    roots = [fields for fields in lines if len(fields) > 2 and fields[1] == "/"]
    return roots[-1] if roots else [], {fields[1] for fields in lines if len(fields) > 1}


def text(host: Host, path: str, limit: int = 65536) -> str:
    """Return the text of a small file, nothing where it cannot be read."""
    try:
        return host.read(path, limit)
    except OSError:
        return ""
