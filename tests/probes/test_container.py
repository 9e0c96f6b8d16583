"""Containers by the marks of their runtimes, and what only looks like one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envdoctor.model.fact import Absent, Known
from envdoctor.probes import container, host_kind, host_system
from recorded_tree import value

if TYPE_CHECKING:
    from recorded_tree import Tree

PROBES = (container, host_system, host_kind)

DISK = "/dev/sda2 / ext4 rw,relatime 0 0\nproc /proc proc rw 0 0\n"
HOSTS = (
    "/dev/sda2 /etc/resolv.conf ext4 rw 0 0\n/dev/sda2 /etc/hostname ext4 rw 0 0\n/dev/sda2 /etc/hosts ext4 rw 0 0\n"
)
DOCKER = "overlay / overlay rw,lowerdir=/var/lib/docker/overlay2/l/AB:/var/lib/docker/overlay2/l/CD,upperdir=x 0 0\n"
CONTAINERD = (
    "overlay / overlay rw,relatime,lowerdir=/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/9/fs,"
    "upperdir=/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/10/fs 0 0\n"
)
BUILDAH = "overlay / overlay rw,lowerdir=/home/me/.local/share/containers/storage/overlay/l/QX,upperdir=y 0 0\n"
NAMELESS = "overlay / overlay rw,lowerdir=/data/layers/1,upperdir=/data/layers/2 0 0\n"
LIVE_USB = "/cow / overlay rw,relatime,lowerdir=/filesystem.squashfs,upperdir=/cow/upper,workdir=/cow/work 0 0\n"
LIVE_FEDORA = "LiveOS_rootfs / overlay rw,relatime,lowerdir=/run/rootfsbase,upperdir=/run/overlayfs 0 0\n"
LIVE_DEBIAN = (
    "overlay / overlay rw,noatime,lowerdir=/run/live/rootfs/filesystem.squashfs/,upperdir=/run/live/o/rw 0 0\n"
)

FILES: dict[str, tuple[dict[str, str], str]] = {
    "docker": ({"/.dockerenv": "", "/proc/mounts": DOCKER + HOSTS}, "docker"),
    "docker whose mounts cannot be read": ({"/.dockerenv": ""}, "docker"),
    "docker on devicemapper": ({"/.dockerenv": "", "/proc/mounts": DISK + HOSTS}, "docker"),
    "docker build with BuildKit": ({"/proc/mounts": DOCKER + HOSTS}, "docker"),
    "podman": ({"/run/.containerenv": 'engine="podman-4.9.3"\n', "/proc/mounts": BUILDAH}, "podman"),
    "buildah": ({"/proc/mounts": BUILDAH}, "podman"),
    "toolbx": ({"/run/.toolboxenv": "", "/run/.containerenv": ""}, "toolbx"),
    "distrobox": ({"/usr/bin/distrobox-host-exec": "#!/bin/sh\n", "/run/.containerenv": ""}, "distrobox"),
    "a pod on containerd": (
        {"/run/secrets/kubernetes.io/serviceaccount/token": "", "/proc/mounts": CONTAINERD + HOSTS},
        "kubernetes",
    ),
    "a pod, by the older path": ({"/var/run/secrets/kubernetes.io/serviceaccount/token": ""}, "kubernetes"),
    "a pod on CRI-O": ({"/run/secrets/kubernetes.io/x": "", "/run/.containerenv": ""}, "kubernetes"),
    "a pod by its control group": ({"/proc/1/cgroup": "0::/kubepods.slice/cri-containerd-12.scope\n"}, "kubernetes"),
    "containerd, by the layers of its root": ({"/proc/mounts": CONTAINERD + HOSTS}, "containerd"),
    "containerd, by its control group": ({"/proc/1/cgroup": "4:memory:/containerd/abc\n"}, "containerd"),
    "docker, by its control group": ({"/proc/1/cgroup": "4:memory:/docker/0123456789ab\n"}, "docker"),
    "ECS": ({"/proc/1/cgroup": "4:memory:/ecs/task/0123\n"}, "docker"),
    "lxc, by its control group": ({"/proc/1/cgroup": "4:memory:/lxc.payload.web/init.scope\n"}, "lxc"),
    "lxc, by lxcfs": ({"/proc/mounts": DISK + "lxcfs /proc/cpuinfo fuse.lxcfs rw 0 0\n"}, "lxc"),
    "lxc, as systemd wrote it down": ({"/run/systemd/container": "lxc\n"}, "lxc"),
    "systemd-nspawn": ({"/run/host/container-manager": "systemd-nspawn\n"}, "systemd-nspawn"),
    "one that systemd has no name for": ({"/run/systemd/container": "container-other\n"}, "container-other"),
    "singularity": ({"/.singularity.d/runscript": ""}, "singularity"),
    "an overlay with files mounted for it": ({"/proc/mounts": NAMELESS + HOSTS}, "other"),
}


@pytest.mark.parametrize(("files", "runtime"), FILES.values(), ids=FILES)
def test_a_runtime_is_known_by_what_it_leaves(tree: Tree, files: dict[str, str], runtime: str) -> None:
    for path, content in files.items():
        tree.file(path, content)
    seen = tree.look(PROBES)
    assert value(seen, "container.runtime") == runtime
    assert value(seen, "host.kind") == "container"


VARIABLES = {
    "kubernetes": {"KUBERNETES_SERVICE_HOST": "10.0.0.1"},
    "podman": {"container": "oci"},
    "systemd-nspawn": {"container": "systemd-nspawn"},
    "lxc": {"container": "lxc"},
    "singularity": {"APPTAINER_CONTAINER": "/images/torch.sif"},
}


@pytest.mark.parametrize(("runtime", "environ"), VARIABLES.items(), ids=VARIABLES)
def test_a_runtime_is_known_by_what_it_sets(tree: Tree, runtime: str, environ: dict[str, str]) -> None:
    tree.set(**environ)
    seen = tree.look(PROBES)
    assert (value(seen, "container.runtime"), value(seen, "host.kind")) == (runtime, "container")


NO_CONTAINERS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "an ordinary machine": ({"/proc/mounts": DISK, "/proc/1/cgroup": "0::/init.scope\n"}, {}),
    "a machine that runs docker": ({"/proc/mounts": DISK + DOCKER.replace(" / ", " /var/lib/docker/x/merged ")}, {}),
    "a machine that runs lxcfs": ({"/proc/mounts": DISK + "lxcfs /var/lib/lxcfs fuse.lxcfs rw 0 0\n"}, {}),
    "a live system of Ubuntu": ({"/proc/mounts": LIVE_USB}, {}),
    "a live system of Fedora": ({"/proc/mounts": LIVE_FEDORA}, {}),
    "a live system of Debian": ({"/proc/mounts": LIVE_DEBIAN}, {}),
    "Flatpak": ({"/.flatpak-info": "", "/run/host/container-manager": "flatpak\n"}, {"container": "flatpak"}),
    "a snap": ({"/proc/mounts": DISK}, {"container": "snap", "SNAP": "/snap/code/1"}),
    "WSL with systemd": ({"/run/systemd/container": "wsl\n", "/proc/mounts": DISK}, {}),
    "an exported image as a virtual machine": ({"/.dockerenv": "", "/proc/mounts": DISK}, {}),
    "a variable of that name that means something else": ({}, {"container": "My Box; rm -rf /"}),
}


@pytest.mark.parametrize(("files", "environ"), NO_CONTAINERS.values(), ids=NO_CONTAINERS)
def test_what_looks_like_a_container_and_is_none(tree: Tree, files: dict[str, str], environ: dict[str, str]) -> None:
    for path, content in files.items():
        tree.file(path, content)
    tree.set(**environ)
    seen = tree.look(PROBES)
    assert seen["container.runtime"] == Absent("no mark of a container")
    assert value(seen, "host.kind") == "bare"


def test_the_demands_of_an_image_are_bounded(tree: Tree) -> None:
    tree.set(
        NVIDIA_REQUIRE_CUDA="cuda>=12.6 " + "brand=tesla,driver>=535 " * 1000, NVIDIA_REQUIRE_JETPACK="csv-mounts=all"
    )
    tree.set(NVIDIA_REQUIREMENT="no", NVIDIA_REQUIRE_lower="no")
    found = value(tree.look((container,)), "container.nvidia_require")
    assert list(found) == ["NVIDIA_REQUIRE_CUDA", "NVIDIA_REQUIRE_JETPACK"]
    assert found["NVIDIA_REQUIRE_CUDA"].startswith("cuda>=12.6 brand=tesla")
    assert len(found["NVIDIA_REQUIRE_CUDA"]) == container.LONGEST_REQUIRED


def test_no_demand_is_no_fact(tree: Tree) -> None:
    assert tree.look((container,))["container.nvidia_require"] == Absent("no NVIDIA_REQUIRE_* is set")


@pytest.mark.parametrize("system", ["windows", "macos"])
def test_other_systems_are_no_containers(tree: Tree, system: str) -> None:
    tree.machine["os"] = system
    tree.file("/.dockerenv")
    seen = tree.look(PROBES)
    assert isinstance(seen["container.runtime"], Absent)
    assert isinstance(seen["host.kind"], Known)
    assert seen["host.kind"].value == system
