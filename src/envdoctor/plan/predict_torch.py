"""What a torch wheel will tell once it is installed, as far as the matrix knows its build."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.conda import CONDA_FORGE
from envdoctor.matrix.versions import minor
from envdoctor.model.fact import Absent, Fact, Known, Unknown
from envdoctor.plan.wheel_index import local_version

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.tables import Release, Wheel
    from envdoctor.model.fact import Value
    from envdoctor.model.snapshot import Snapshot

SOURCE = "after the plan"


def torch_facts(
    snapshot: Snapshot,
    version: str,
    matrix: Matrix,
    *,
    channel: str | None = None,
    cuda: str | None = None,
    of_image: bool,
) -> dict[str, Fact]:
    """Return the facts of torch in that version, and of the triton it brings.

    A version without a local part is the build of `channel`, of the index it comes from, or else the default build of
    the platform; `cuda` is that of a build of conda-forge. A build that the matrix has no row for keeps what it tells
    now, where it is the present one put there again; otherwise nothing but its version is known. `of_image` adds a
    Python that an image with this release may hold.
    """
    if channel == CONDA_FORGE:
        return _of_conda(snapshot, version, cuda)
    public, _, asked = version.partition("+")
    platform = _text(snapshot, "host.platform").removesuffix("-jetson")
    release = matrix.release(public)
    named = asked or channel
    build = named or (release.default_channel.get(platform) if release else None) or "cpu"
    wheel = matrix.wheel(public, build, platform)
    built = version if asked or release is None else public + local_version(public, build, platform)
    local = built.partition("+")[2]
    facts: dict[str, Fact] = {
        "torch.version": Known(built, SOURCE),
        "torch.dist_version": Known(version, SOURCE),
        "torch.location": _location(snapshot),
        "torch.editable": Absent("installed from a wheel"),
        "torch.provenance": Known("pytorch-index" if named else "pypi", SOURCE),
        "torch.installer": _kept(snapshot, "torch.installer", "pip"),
        "torch.rocm_archs": Absent("not a ROCm build"),
    }
    # Where versions carry no local part, two builds of a release are called alike.
    same = _text(snapshot, "torch.version") == built and _text(snapshot, "torch.channel") in ("", build)
    if same:
        names = ("torch.cuda", "torch.hip", "torch.local", "torch.channel", "torch.requires", "torch.git")
        facts |= {name: snapshot[name] for name in names}
    if release is None or wheel is None:
        return {**facts, "torch.wheel_tags": Unknown("this build has no row in the matrix")}
    image = _of_image(release, platform) if of_image else {}
    python = _text(snapshot.having(image), "python.tag")
    facts |= {
        "torch.cuda": Known("{}.{}".format(*minor(wheel.cuda)), SOURCE) if wheel.cuda else Absent("a CPU build"),
        "torch.hip": Absent("not a ROCm build"),
        "torch.local": Known(local, SOURCE) if local else Absent("no local version"),
        "torch.channel": Known(wheel.channel, SOURCE),
        # That Python, C library and wheel of an image go together was its makers' business.
        "torch.wheel_tags": Known([], SOURCE) if of_image else _tags(release, platform, python),
    }
    if not (same and isinstance(snapshot["torch.requires"], Known)):
        facts["torch.requires"] = Known(_requires(release, wheel), SOURCE)
    return {**image, **facts, **_triton(snapshot, facts, release, wheel)}


def _of_conda(snapshot: Snapshot, version: str, cuda: str | None) -> dict[str, Fact]:
    """Return what a build of conda-forge will tell: its libraries and its triton are packages of conda."""
    there = {name: Unknown("not known before it is installed") for name in ("torch.channel", "packages.conda")}
    return {
        **there,
        "torch.version": Known(version, SOURCE),
        "torch.dist_version": Known(version, SOURCE),
        "torch.location": _location(snapshot),
        "torch.editable": Absent("installed from a package of conda"),
        "torch.provenance": Known(CONDA_FORGE, SOURCE),
        "torch.installer": Known("conda", SOURCE),
        "torch.rocm_archs": Absent("not a ROCm build"),
        "torch.hip": Absent("not a ROCm build"),
        "torch.cuda": Known(cuda, SOURCE) if cuda else Absent("a CPU build"),
        "torch.local": Absent("no local version"),
    }


def _requires(release: Release, wheel: Wheel) -> list[Value]:
    """Return those of its requirements that the matrix knows; published wheels state them for Linux alone."""
    if not wheel.cuda or not wheel.platform.startswith("linux"):
        return []
    lines: list[Value] = []
    if release.triton:
        until = f' and python_version < "{release.triton_python_below}"' if release.triton_python_below else ""
        lines.append(f'triton{release.triton}; platform_system == "Linux"{until}')
    major = minor(wheel.cuda)[0]
    for name, version in (("cudnn", wheel.cudnn), ("nccl", wheel.nccl)):
        if version:
            lines.append(f'nvidia-{name}-cu{major}=={version}; platform_system == "Linux"')
    return lines


def _triton(snapshot: Snapshot, facts: dict[str, Fact], release: Release, wheel: Wheel) -> dict[str, Fact]:
    """Return the triton that comes along; one that meets the requirement already is replaced by no installer."""
    requires = facts["torch.requires"]
    lines = requires.value if isinstance(requires, Known) and isinstance(requires.value, list) else []
    if not release.triton or not wheel.cuda or not any(str(line).startswith("triton") for line in lines):
        return {}
    below = release.triton_python_below
    python = _text(snapshot.having(facts), "python.tag").removeprefix("cp3").rstrip("t")
    if below and python.isdecimal() and int(python) >= minor(below)[1]:
        return {}
    wanted = release.triton.lstrip("=~")
    present = _text(snapshot, "triton.version")
    if release.triton.startswith("~=") and present.startswith(f"{wanted.rpartition('.')[0]}."):
        return {}
    return {"triton.version": Known(wanted, SOURCE)}


def _tags(release: Release, platform: str, python: str) -> Fact:
    """Return the tag of the wheel for this Python; of a free-threaded one, cp313t, the number has no letter."""
    tags: list[Value] = [f"{python.rstrip('t')}-{python}-{tag}" for tag in release.platform_tags.get(platform, ())]
    if not python or python not in release.pythons.get(platform, ()):
        return Unknown("no wheel of it is known for this Python")
    return Known(tags, SOURCE)


def _location(snapshot: Snapshot) -> Fact:
    """Return the folder: where it is now, else the first that packages are imported from."""
    present = snapshot["torch.location"]
    if isinstance(present, Known):
        return present
    sites = snapshot["python.site_packages"]
    first = sites.value[0] if isinstance(sites, Known) and isinstance(sites.value, list) and sites.value else None
    return Known(f"{first}/torch" if isinstance(first, str) else "site-packages/torch", SOURCE)


def _of_image(release: Release, platform: str) -> dict[str, Fact]:
    """Return the oldest Python that an image with this release may hold: one there is a wheel for."""
    pythons = [tag for tag in release.pythons.get(platform, ()) if tag.startswith("cp3") and not tag.endswith("t")]
    if not pythons:
        return {}
    tag = pythons[0]
    return {"python.tag": Known(tag, SOURCE), "python.version": Known(f"3.{tag.removeprefix('cp3')}", SOURCE)}


def _kept(snapshot: Snapshot, name: str, otherwise: str) -> Fact:
    fact = snapshot[name]
    return fact if isinstance(fact, Known) else Known(otherwise, SOURCE)


def _text(snapshot: Snapshot, name: str) -> str:
    fact = snapshot[name]
    return fact.value if isinstance(fact, Known) and isinstance(fact.value, str) else ""
