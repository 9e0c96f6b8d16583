"""The questions that rules and planner ask. A None answer means: the matrix does not know."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

from envdoctor.matrix import beside, reading
from envdoctor.matrix.fit import cubin_runs_on
from envdoctor.matrix.remember import remembered
from envdoctor.matrix.rows import MatrixError, Row
from envdoctor.matrix.versions import minor, parts
from envdoctor.model.overlay import OverlayName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envdoctor.matrix.conda import ChannelEnd, CondaBuild
    from envdoctor.matrix.cuda_images import CudaImages
    from envdoctor.matrix.images import Image, Kind, NgcImage
    from envdoctor.matrix.jetson import JetsonSource
    from envdoctor.matrix.overlay import Overlay
    from envdoctor.matrix.rows import Node
    from envdoctor.matrix.speed import Peak
    from envdoctor.matrix.tables import (
        CudaFloor,
        CudnnSupport,
        DriverBranch,
        DriverFloor,
        Generation,
        GpuModel,
        Partner,
        Release,
        Source,
        Toolkit,
        Wheel,
    )
    from envdoctor.model.machine import Capability

LINUX = "linux"
WINDOWS = "windows"
NO_MINOR_COMPATIBILITY = 11
"""The first CUDA major with minor-version compatibility (NVIDIA CUDA Compatibility guide)."""


class Matrix:
    """One matrix file, read lazily: a release costs nothing until it is asked for.

    Every query may raise `MatrixError` where the row it reads is broken; `load_matrix` has read every row of an
    outside file before, and the tests every row of ours.
    """

    def __init__(self, document: dict[str, Node], file: str, overlay: Overlay | None = None) -> None:
        """`document` is the parsed file, `file` what to call it in a message, `overlay` what was laid over it."""
        self.root = Row(document, "", file)
        self.overlay = overlay
        self._wheels: dict[str, tuple[Wheel, ...]] = {}
        self._releases: dict[str, Release] = {}
        self.answers: dict[object, dict[tuple[object, ...], object]] = {}

    @property
    def revision(self) -> str:
        """The day on which the file was last brought up to date, ISO 8601; of the shipped one under an overlay."""
        return self.root.text("revision")

    @property
    def overlay_name(self) -> OverlayName | None:
        """The organisation's file that was laid over the shipped matrix, as reports name it."""
        return OverlayName(self.overlay.file, self.overlay.revision) if self.overlay else None

    @property
    def latest(self) -> str:
        """The later of the revision and that of an overlay; no row is dated after it."""
        return max(self.revision, (self.overlay.revision if self.overlay else None) or "")

    @cached_property
    def versions(self) -> tuple[str, ...]:
        """Every torch release it knows, in the order of the file, which is oldest first."""
        return tuple(self.root.row("torch").cells)

    @property
    def newest_torch(self) -> str:
        """The newest torch release it knows; a newer one is "unknown to this matrix"."""
        if not self.versions:
            raise self.root.wrong("holds no release", "torch")
        return self.versions[-1]

    @property
    def releases(self) -> tuple[Release, ...]:
        """Every torch release, oldest first."""
        return tuple(self._release(version) for version in self.versions)

    def release(self, version: str) -> Release | None:
        """The release of that public version ("2.14.0", no local part) that a plan may name; None for history."""
        return self._release(version) if version in self.versions else None

    @cached_property
    def history(self) -> Row:
        """The rows of [history]: releases before those of [torch], for judging alone."""
        return self.root.row("history") if "history" in self.root.cells else Row({}, "history", self.root.file)

    @cached_property
    def past_versions(self) -> tuple[str, ...]:
        """The torch releases of [history], oldest first; a file of the user need not have any."""
        return tuple(self.history.row("torch").cells) if self.history.cells else ()

    @cached_property
    def past_releases(self) -> tuple[Release, ...]:
        """Every release of [history], oldest first. None of them is among `releases`."""
        pythons, history = self.root.row("python_tags"), self.history
        return tuple(
            reading.read_past_release(version, history.row("torch").row(version), pythons)
            for version in self.past_versions
        )

    @cached_property
    def past_partners(self) -> Mapping[str, Mapping[str, Partner]]:
        """The releases of torchvision and torchaudio in [history], by package and version."""
        return self._partners(self.history) if self.history.cells else {}

    def _release(self, version: str) -> Release:
        if version not in self._releases:
            row = self.root.row("torch").row(version)
            sets = self.root.row("python_tags"), self.root.row("glibc")
            self._releases[version] = reading.read_release(version, row, *sets)
        return self._releases[version]

    def wheels(self, torch: str) -> tuple[Wheel, ...]:
        """Every build of that release, of [torch] or of [history]; empty for a release it does not know."""
        past = torch not in self.versions
        version = _without_post(torch) if past else torch
        if past and version not in self.past_versions:
            return ()
        if version not in self._wheels:
            row = (self.history if past else self.root).row("torch").row(version)
            sets = self.root.row("architectures")
            self._wheels[version] = reading.read_wheels(version, row, sets, reading.PAST if past else None)
        return self._wheels[version]

    def wheel(self, torch: str, channel: str, platform: str) -> Wheel | None:
        """The build of that release on that channel ("cu126", "cpu") for that platform."""
        for wheel in self.wheels(torch):
            if wheel.channel == channel and wheel.platform == platform:
                return wheel
        return None

    @cached_property
    def partners(self) -> Mapping[str, Mapping[str, Partner]]:
        """The releases of torchvision and torchaudio beside those of [torch], by package and version."""
        return self._partners(self.root)

    def _partners(self, rows: Row) -> Mapping[str, Mapping[str, Partner]]:
        pythons = self.root.row("python_tags")
        return {name: reading.read_partners(name, rows.row(name), pythons) for name in ("torchvision", "torchaudio")}

    def partner(self, name: str, version: str) -> Partner | None:
        """One release of torchvision or torchaudio, also of [history]."""
        found = self.partners.get(name, {}).get(version)
        return found or self.past_partners.get(name, {}).get(_without_post(version))

    @cached_property
    def cuda_floors(self) -> tuple[CudaFloor, ...]:
        """Driver floors by CUDA major, in the order of the file."""
        return tuple(reading.read_cuda_floor(*item) for item in self.root.row("driver_floors").rows())

    @cached_property
    def toolkits(self) -> tuple[Toolkit, ...]:
        """CUDA toolkits and the drivers they ship, oldest first."""
        return tuple(reading.read_toolkit(*item) for item in self.root.row("toolkits").rows())

    @cached_property
    def driver_branches(self) -> tuple[DriverBranch, ...]:
        """Driver branches, oldest first."""
        return tuple(reading.read_branch(*item) for item in self.root.row("driver_branches").rows())

    @cached_property
    def generations(self) -> tuple[Generation, ...]:
        """GPU generations, oldest first; one may have several rows."""
        return tuple(reading.read_generation(row) for row in self.root.listed("generations"))

    @cached_property
    def cudnn_support(self) -> tuple[CudnnSupport, ...]:
        """What cuDNN releases serve, oldest first."""
        return tuple(reading.read_cudnn(row) for row in self.root.listed("cudnn"))

    @cached_property
    def gpus(self) -> tuple[GpuModel, ...]:
        """Every GPU name it knows."""
        return tuple(model for row in self.root.listed("gpus") for model in reading.read_gpus(row))

    @cached_property
    def tegra(self) -> frozenset[Capability]:
        """Compute capabilities that torch leaves out of the minor-version rule."""
        return frozenset(self.root.row("tegra").capabilities("capabilities"))

    @cached_property
    def compile_pythons(self) -> tuple[beside.CompilePython, ...]:
        """Up to which Python torch.compile starts, oldest torch release first."""
        return tuple(beside.read_compile_python(row) for row in self.root.listed("compile_pythons"))

    def compile_python(self, torch: str) -> str | None:
        """The newest Python for which torch.compile of that release starts; None before there was one.

        Raises `NotAVersion` where `torch` is not a version.
        """
        known = [row for row in self.compile_pythons if parts(row.since) <= parts(torch)]
        return known[-1].newest if known else None

    @cached_property
    def mps_floors(self) -> tuple[beside.MpsFloor, ...]:
        """From which macOS on the MPS backend starts, oldest torch release first."""
        return tuple(beside.read_mps(row) for row in self.root.listed("mps"))

    def mps_floor(self, torch: str) -> str | None:
        """The oldest macOS on which the MPS backend of that release starts; None before there was one.

        Raises `NotAVersion` where `torch` is not a version.
        """
        known = [row for row in self.mps_floors if parts(row.since) <= parts(torch)]
        return known[-1].macos if known else None

    @cached_property
    def numpy2(self) -> beside.NumpyTwo:
        """From which torch release on its wheels work with NumPy 2."""
        return beside.read_numpy2(self.root.row("numpy2"))

    @cached_property
    def mkl(self) -> beside.MklBreak:
        """Which conda builds of torch miss a symbol in which MKL."""
        return beside.read_mkl(self.root.row("mkl"))

    @cached_property
    def triton_gpus(self) -> beside.TritonGpus:
        """For which GPUs triton compiles."""
        return beside.read_triton_gpus(self.root.row("triton_gpus"))

    @cached_property
    def cxx_abi(self) -> beside.CxxAbi:
        """From which torch release on Linux wheels have the new C++ ABI."""
        return beside.read_cxx_abi(self.root.row("cxx11_abi"))

    # What stands beside the wheel index. A plan asks for it, a check does not: it is imported when it is asked for, and
    # a file of the user need not have it.

    @cached_property
    def images(self) -> tuple[Image, ...]:
        """PyTorch's container images, oldest release first."""
        from envdoctor.matrix.images import read_images

        return read_images(self.root.row("images")) if "images" in self.root.cells else ()

    @property
    def images_complete_from(self) -> str | None:
        """The torch release from which on `images` holds every tag; None where nothing is known to be complete."""
        return self.root.row("images").optional_version("complete_from") if "images" in self.root.cells else None

    def image_for(self, torch: str, channel: str, kind: Kind = "runtime") -> Image | None:
        """The image of PyTorch with that release and the CUDA of that channel ("cu126"), for linux-x86_64."""
        for image in self.images:
            if image.torch == torch and image.kind == kind and image.channel == channel:
                return image
        return None

    @cached_property
    def ngc_images(self) -> tuple[NgcImage, ...]:
        """NVIDIA's container images of PyTorch, oldest first."""
        from envdoctor.matrix.images import read_ngc

        rows = self.root.row("ngc_images").rows() if "ngc_images" in self.root.cells else []
        return tuple(read_ngc(*item) for item in rows)

    @cached_property
    def cuda_images(self) -> tuple[CudaImages, ...]:
        """NVIDIA's container images of CUDA, by release, oldest first."""
        from envdoctor.matrix.cuda_images import read_cuda_images

        return read_cuda_images(self.root.row("cuda_images")) if "cuda_images" in self.root.cells else ()

    @cached_property
    def conda_forge(self) -> tuple[CondaBuild, ...]:
        """The CUDA builds of torch on conda-forge, in the order of the file."""
        from envdoctor.matrix.conda import read_builds

        rows = self.root.listed("conda_forge") if "conda_forge" in self.root.cells else []
        return tuple(build for row in rows for build in read_builds(row, self.root.row("architectures")))

    def conda_builds(self, torch: str) -> tuple[CondaBuild, ...]:
        """The CUDA builds of one torch release on conda-forge; empty where none is known."""
        return tuple(build for build in self.conda_forge if build.torch == torch)

    @cached_property
    def conda_channel_end(self) -> ChannelEnd | None:
        """The last torch release on PyTorch's own conda channel."""
        from envdoctor.matrix.conda import read_channel_end

        return read_channel_end(self.root.row("conda_channel")) if "conda_channel" in self.root.cells else None

    @cached_property
    def peaks(self) -> tuple[Peak, ...]:
        """What boards are sold for, in the order of the file."""
        from envdoctor.matrix.speed import read_peak

        return tuple(read_peak(row) for row in self.root.listed("peaks")) if "peaks" in self.root.cells else ()

    @remembered()
    def peak(self, name: str) -> Peak | None:
        """The figures of the board that NVML gives that name; None where they were not read, or it might be another."""
        from envdoctor.matrix.speed import plain

        return next((one for one in self.peaks if plain(name) in map(plain, one.names)), None)

    @cached_property
    def glibc_floors(self) -> Mapping[str, tuple[int, int]]:
        """The lowest glibc that wheels of a kind of platform tag ("manylinux2014") meet."""
        return reading.read_glibc_floors(self.root.row("glibc"))

    @cached_property
    def jetson_sources(self) -> tuple[JetsonSource, ...]:
        """Where Jetson boards get their torch, oldest Jetson Linux first."""
        from envdoctor.matrix.jetson import read_jetson

        rows = self.root.listed("jetson") if "jetson" in self.root.cells else []
        return tuple(read_jetson(row) for row in rows)

    def jetson_source(self, l4t: str, capability: Capability) -> JetsonSource | None:
        """Where a board with that Jetson Linux ("36.4.0") and compute capability gets its torch.

        Raises `NotAVersion` where `l4t` is not a version.
        """
        for one in self.jetson_sources:
            if one.l4t == parts(l4t)[0] and one.capability == capability:
                return one
        return None

    @cached_property
    def sources(self) -> Mapping[str, Source]:
        """Where rows come from, by key."""
        return {key: reading.read_source(key, row) for key, row in self.root.row("sources").rows()}

    def source(self, key: str) -> Source:
        """The source that a row names; raises `MatrixError` where the file does not have it."""
        if key not in self.sources:
            raise self.root.wrong("is missing", f"sources.{key}")
        return self.sources[key]

    @remembered()
    def driver_floor(self, cuda: str, os: str) -> str | None:
        """The lowest driver version for a CUDA runtime ("12.8"), on "linux" or "windows" (WSL 2: "windows").

        From CUDA 11 on the floor of the major, by minor-version compatibility; before that the driver of the
        toolkit. Raises `NotAVersion` where `cuda` is not a version.
        """
        major = minor(cuda)[0]
        if major < NO_MINOR_COMPATIBILITY:
            return self.toolkit_driver(cuda, os)
        for floor in self.cuda_floors:
            if floor.major == major and os in (LINUX, WINDOWS):
                return floor.linux if os == LINUX else floor.windows
        return None

    def toolkit_driver(self, cuda: str, os: str) -> str | None:
        """The driver that ships with a toolkit: of that very release, or else of the oldest of that minor.

        Raises `NotAVersion` where `cuda` is not a version.
        """
        if os not in (LINUX, WINDOWS):
            return None
        of_minor = [toolkit for toolkit in self.toolkits if minor(toolkit.version) == minor(cuda)]
        exact = [toolkit for toolkit in of_minor if parts(toolkit.version) == parts(cuda)]
        for toolkit in (*exact, *of_minor):
            return toolkit.linux if os == LINUX else toolkit.windows
        return None

    @remembered()
    def driver_cuda(self, driver_version: str) -> str | None:
        """The CUDA driver API version that a driver provides: that of its branch.

        Windows numbers run on inside a branch (572.61 is R570), so the nearest branch below counts. None below
        the oldest and above the newest branch known. Raises `NotAVersion` where it is not a version.
        """
        branch = parts(driver_version)[0]
        known = [row for row in self.driver_branches if row.branch <= branch]
        if not known or branch > self.driver_branches[-1].branch:
            return None
        return known[-1].cuda

    @remembered()
    def driver_branch(self, driver_version: str) -> int:
        """The branch a driver belongs to: its first number, or the nearest branch known below it.

        Windows numbers run on inside a branch (581.29 is R580); above the newest branch known the number itself.
        Raises `ValueError` where it is not a version.
        """
        number = parts(driver_version)[0]
        known = [row.branch for row in self.driver_branches]
        return number if number > known[-1] else max((one for one in known if one <= number), default=number)

    def _generations_of(self, capability: Capability) -> list[Generation]:
        return [row for row in self.generations if capability in row.capabilities]

    @remembered()
    def gpu_driver_floor(self, capability: Capability) -> DriverFloor | None:
        """The first driver branch that knows a GPU of this compute capability, where a source states one."""
        for generation in self._generations_of(capability):
            if generation.lowest_branch is not None:
                return generation.lowest_branch
        return None

    @remembered()
    def first_toolkit(self, capability: Capability) -> str | None:
        """The first CUDA toolkit that compiles for a compute capability ("12.8"); None where it is not known."""
        for generation in self._generations_of(capability):
            if generation.first_toolkit is not None:
                return generation.first_toolkit
        return None

    def first_toolkit_serving(self, capability: Capability) -> str | None:
        """The first CUDA toolkit whose machine code runs on it, be it of a lower minor of the same major.

        None where it is not known.
        """
        listed = {other for row in self.generations for other in row.capabilities}
        known = (self.first_toolkit(other) for other in listed if cubin_runs_on(other, capability))
        return min((one for one in known if one is not None), key=minor, default=None)

    def last_toolkit(self, capability: Capability) -> str | None:
        """The last CUDA toolkit that compiles for it, maybe its major alone; None where that is not known to end."""
        for generation in self._generations_of(capability):
            if generation.last_toolkit is not None:
                return generation.last_toolkit
        return None

    @remembered()
    def last_driver_branch(self, capability: Capability) -> int | None:
        """The last driver branch that runs it (470, 580, ...); None where support has not ended, or is unknown."""
        for generation in self._generations_of(capability):
            if generation.last_branch is not None:
                return generation.last_branch
        return None

    @remembered()
    def gpu(self, name: str) -> GpuModel | None:
        """The GPU of that name as NVML or a person writes it; None unless it is certain."""
        from envdoctor.matrix import gpu_names

        return gpu_names.find(name, self.gpus)

    def gpu_names_near(self, name: str) -> tuple[str, ...]:
        """At most five known GPU names that resemble `name`."""
        from envdoctor.matrix import gpu_names

        return gpu_names.near(name, self.gpus)

    @remembered()
    def cudnn_serves(self, cudnn: str | None, capability: Capability) -> bool | None:
        """Whether a cuDNN release has kernels for a compute capability.

        False only below the lowest one that its support matrix names. None for cuDNN 8 and older, for a Tegra
        part and for a GPU newer than the matrix speaks of. Raises `NotAVersion` where `cudnn` is not a version.
        """
        if cudnn is None or capability in self.tegra:
            return None
        rows = [row for row in self.cudnn_support if parts(row.since) <= parts(cudnn)]
        if not rows:
            return None
        named = rows[-1].capabilities
        if any(cubin_runs_on(one, capability) for one in named):
            return True
        return False if capability < min(named) else None


def _without_post(version: str) -> str:
    """Return the release that "1.0.1.post2" mends; rows of [history] go by it."""
    return re.sub(r"\.post\d{1,4}$", "", version, flags=re.ASCII)


__all__ = ["Matrix", "MatrixError"]
