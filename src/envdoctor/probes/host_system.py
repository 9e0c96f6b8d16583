"""The operating system and what kind of machine this is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Known, Unknown

if TYPE_CHECKING:
    from envdoctor.host.host import Host
    from envdoctor.probes.looking import Facts, Looking

FACTS = {
    "host.os": "operating system: linux, macos or windows",
    "host.platform": "operating system and architecture as the matrix names them: linux-x86_64, ...",
    "host.kernel": "release of the running kernel",
    "host.kind": "bare, container, wsl2 or jetson",
}

CONTAINER_FILES = {"/.dockerenv": "docker", "/run/.containerenv": "podman", "/.singularity.d": "singularity"}


CONTAINER_TEXTS = {
    "/proc/1/cgroup": ("docker", "kubepods", "containerd", "lxc", "libpod"),
    "/proc/mounts": ("overlay / overlay ",),  # the root of containerd and CRI-O, which leave no file of their own
}


def look(at: Looking) -> Facts:
    """Read the kernel's own files and the marks that container runtimes leave."""
    host = at.host
    kernel = _text(host, "/proc/sys/kernel/osrelease").strip()
    return {
        "host.os": Known(host.os, "interpreter"),
        "host.platform": Known(f"{host.os}-{host.machine}", "uname"),
        "host.kernel": Known(kernel, "/proc/sys/kernel/osrelease") if kernel else Unknown("no /proc to read"),
        "host.kind": _kind(host, kernel),
    }


def _text(host: Host, path: str) -> str:
    """Return the text of a small file, nothing where it cannot be read."""
    try:
        return host.read(path, 65536)
    except OSError:
        return ""


def _kind(host: Host, kernel: str) -> Known | Absent:
    """Tell the kinds whose drivers live elsewhere; everything else is `bare`."""
    if host.exists("/etc/nv_tegra_release"):
        return Known("jetson", "/etc/nv_tegra_release")
    for mark, runtime in CONTAINER_FILES.items():
        if host.exists(mark):
            return Known("container", f"{mark} ({runtime})")
    for variable in ("KUBERNETES_SERVICE_HOST", "container"):  # the second: systemd's container interface
        if variable in host.environ:
            return Known("container", variable)
    for path, marks in CONTAINER_TEXTS.items():
        if any(mark in _text(host, path) for mark in marks):
            return Known("container", path)
    if "microsoft" in kernel.lower():  # the WSL kernel names itself so; WSL1 has no CUDA at all
        return Known("wsl2", "/proc/sys/kernel/osrelease")
    return Known("bare", "no mark of a container, WSL2 or Jetson")
