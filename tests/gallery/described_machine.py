"""Whole machines out of short descriptions: the kind of machine, the environment on it, and what is special.

machine(WINDOWS, python="3.12.4", gpus=["NVIDIA GeForce RTX 4070"], driver="581.29", torch="2.9.1+cu128")
machine(UBUNTU, DOCKER, env={"NVIDIA_VISIBLE_DEVICES": "all"})

A layer is a dictionary of the same words as the keywords; later ones win, and their `env` and `overrides` add up.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from envdoctor.model.fact import Absent, Fact, Known, Unknown, Value
from envdoctor.model.snapshot import Snapshot
from machines import TAKEN, facts
from ordinary import ordinary, source_of

if TYPE_CHECKING:
    from collections.abc import Mapping

Layer: TypeAlias = "Mapping[str, Any]"

OWN = (
    "prefix",
    "base",
    "environment",
    "manager",
    "env",
    "overrides",
    "tags",
    "installer",
    "packages",
    "sites",
    "taken",
)
"""Words beside those of `machines.facts`; `sites` are pairs of a folder and the kind of layer it is."""

GONE = Absent("not there")
NOT_ASKED = Absent("not set")


def machine(*layers: Layer, **described: Any) -> Snapshot:
    """A snapshot with every documented fact of the described machine.

    `prefix` is the folder of the environment and `base` that of the Python under it, `env` environment variables,
    `packages` further distributions, `tags` and `installer` those of torch's own wheel. `overrides` come last; a
    plain value is a known one, None an absence.
    """
    words: dict[str, Any] = {"env": {}, "overrides": {}, "packages": {}}
    for layer in (*layers, described):
        for word, value in layer.items():
            words[word] = {**words[word], **value} if word in ("env", "overrides", "packages") else value
    own = {word: words.pop(word) for word in OWN if word in words}
    seen = {**facts(**words)}
    bare = set(ordinary(seen))
    seen = {name: fact for name, fact in seen.items() if name not in bare or name.startswith("env.CUDA_VISIBLE")}
    system = _text(seen, "host.os")
    seen |= _environment(own, words.get("python", "3.11.7"), system, seen)
    seen |= _system(system, _text(seen, "host.kind"), seen, own)
    seen |= {f"env.{name}": Known(value, "environment") for name, value in own["env"].items()}
    for name, fact in ordinary(seen).items():
        seen.setdefault(name, fact)
    seen |= _wheel(own, seen)
    for name, value in own["overrides"].items():
        seen[name] = _fact(name, value)
    return Snapshot(seen, taken=own.get("taken", TAKEN), envdoctor="0.1.0", redacted=True)


def changed(snapshot: Snapshot, **overrides: Value | Fact) -> Snapshot:
    """The same machine with other facts; `__` stands for the dot."""
    return snapshot.having(
        {name: _fact(name, value) for key, value in overrides.items() for name in (key.replace("__", "."),)}
    )


def without(snapshot: Snapshot, *names: str) -> Snapshot:
    """The same machine with some facts absent."""
    return snapshot.having(dict.fromkeys(names, GONE))


def taken(snapshot: Snapshot, when: str) -> Snapshot:
    """The same machine, looked at on another day."""
    return replace(snapshot, taken=when)


def _fact(name: str, value: Value | Fact) -> Fact:
    if isinstance(value, (Known, Absent, Unknown)):
        return value
    return GONE if value is None else Known(value, source_of(name))


def _text(seen: Mapping[str, Fact], name: str) -> str:
    fact = seen.get(name)
    return fact.value if isinstance(fact, Known) and isinstance(fact.value, str) else ""


def _environment(own: Layer, python: str, system: str, seen: Mapping[str, Fact]) -> dict[str, Fact]:
    """The interpreter and its folders."""
    prefix = own.get(
        "prefix", {"windows": r"C:\train\.venv", "macos": "/opt/train/.venv"}.get(system, "/srv/train/.venv")
    )
    minor = ".".join(python.split(".")[:2])
    if system == "windows":
        executable, site = rf"{prefix}\Scripts\python.exe", rf"{prefix}\Lib\site-packages"
        if "conda" in own.get("environment", ""):
            executable = rf"{prefix}\python.exe"
    else:
        executable, site = f"{prefix}/bin/python", f"{prefix}/lib/python{minor}/site-packages"
    layers: list[tuple[str, str]] = own.get("sites", [(site, "environment")])
    separator = "\\" if system == "windows" else "/"
    told: dict[str, Fact] = {
        "python.executable": Known(executable, "interpreter"),
        "python.prefix": Known(prefix, "interpreter"),
        "python.site_packages": Known([folder for folder, _ in layers], "interpreter"),
        "python.layers": Known([{"folder": folder, "kind": kind} for folder, kind in layers], "interpreter"),
        "python.environment": Known(own.get("environment", "venv"), "files"),
        "python.manager": Known(own["manager"], "files") if own.get("manager") else Absent("no mark of one"),
        "python.base_prefix": Known(own.get("base", r"C:\Python" if system == "windows" else "/usr"), "interpreter"),
    }
    if isinstance(seen["torch.location"], Known):
        told["torch.location"] = Known(f"{layers[0][0]}{separator}torch", "sys.path")
    if own["packages"]:
        installed = seen["packages.installed"]
        assert isinstance(installed, Known)
        assert isinstance(installed.value, dict)
        told["packages.installed"] = Known({**installed.value, **own["packages"]}, "dist-info")
        libraries = {
            name: version
            for name, version in {**installed.value, **own["packages"]}.items()
            if name.startswith(("nvidia-", "cuda-"))
        }
        told["nvidia.packages"] = Known(libraries, "dist-info")
        if "numpy" in own["packages"]:
            told["numpy.version"] = Known(own["packages"]["numpy"], "dist-info")
    return told


def _system(system: str, kind: str, seen: Mapping[str, Fact], own: Layer) -> dict[str, Fact]:
    """What a look at Windows, macOS, WSL2 or a container gives otherwise than one at a bare Linux machine."""
    if system == "linux":
        nobody = {"device": None, "address": None}
        cards = seen["pci.nvidia"]
        bound = "nvidia" if isinstance(seen.get("driver.version"), Known) else None
        listed = cards.value if isinstance(cards, Known) and isinstance(cards.value, list) else []
        told: dict[str, Fact] = {
            "pci.nvidia": Known([{**(card if isinstance(card, dict) else nobody), "driver": bound} for card in listed],
                                "/sys/bus/pci/devices")
        }  # fmt: skip
        if kind == "wsl2":
            told["pci.nvidia"] = Known([], "/sys/bus/pci/devices")
            told["host.kernel"] = Known("5.15.153.1-microsoft-standard-WSL2", "/proc/sys/kernel/osrelease")
            told |= dict.fromkeys(("driver.version.proc", "driver.version.sys"), Absent("no such file"))
            told["driver.library_version"] = Absent("libnvidia-ml.so.1 links to no file that carries a version")
            if isinstance(seen.get("driver.version"), Known):
                told["cuda.library_version"] = Unknown("libcuda.so.1 does not carry its version in its name")
        if kind == "jetson":
            told["pci.nvidia"] = Known([], "/sys/bus/pci/devices")
            told["device.nodes"] = Known(["nvgpu", "nvidia0", "nvidiactl"], "/dev")
            told["cuda.library_version"] = Unknown("libcuda.so.1.1 does not carry its version in its name")
            told["cuda.library"] = Known("/usr/lib/aarch64-linux-gnu/nvidia/libcuda.so.1.1", "libcuda")
        return told
    elsewhere = Absent(f"{system} has no such file")
    told = dict.fromkeys(("driver.version.proc", "driver.version.sys", "driver.library_version"), elsewhere)
    told |= dict.fromkeys(("pci.nvidia", "device.nodes"), Unknown(f"not read on {system}"))
    if isinstance(seen.get("torch.version"), Known):
        told["libraries.missing"] = Absent("not an ELF platform")
    told["host.kernel"] = Absent(f"{system} has no /proc")
    told["cuda.compat"] = Absent(f"{system} has no forward-compat libraries")
    if system == "windows" and isinstance(seen.get("driver.version"), Known):
        told["cuda.library"] = Known(r"C:\Windows\System32\nvcuda.dll", "libcuda")
        told["cuda.library_version"] = Unknown("the name of the file does not carry it")
    if system == "macos":
        limits = ("limits.memlock_bytes", "limits.stack_bytes", "limits.open_files")
        told |= dict.fromkeys(limits, Unknown("not read on macos"))
        told["shm.total_bytes"] = told["shm.free_bytes"] = Absent("there is no /dev/shm")
        # Its version.py names no CUDA, and its version has no local part.
        if isinstance(seen.get("torchvision.version"), Known):
            told["torchvision.cuda"] = Unknown("its files do not say for which CUDA it was built")
        if isinstance(seen.get("torch.version"), Known):
            told["torch.channel"] = Known("cpu", "torch.cuda")
    return told


PLATFORM_TAGS = {
    "windows-x86_64": "win_amd64",
    "macos-arm64": "macosx_11_0_arm64",
    "macos-x86_64": "macosx_10_9_x86_64",
}


def _wheel(own: Layer, seen: Mapping[str, Fact]) -> dict[str, Fact]:
    """What WHEEL and INSTALLER of torch say."""
    if not isinstance(seen.get("torch.version"), Known):
        return {}
    told: dict[str, Fact] = {"torch.installer": Known(own.get("installer", "pip"), "INSTALLER")}
    tag, platform = _text(seen, "python.tag"), PLATFORM_TAGS.get(_text(seen, "host.platform"))
    if "tags" in own:
        tags = [word.replace("TAG", f"{tag}-{tag}") for word in own["tags"] or ()]
        told["torch.wheel_tags"] = Known(tags, "WHEEL") if tags else Absent("there is no WHEEL")
    elif platform:
        told["torch.wheel_tags"] = Known([f"{tag}-{tag}-{platform}"], "WHEEL")
    if own.get("installer", "pip") is None:
        told["torch.installer"] = Absent("there is no INSTALLER")
    return told
