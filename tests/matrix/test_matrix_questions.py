from __future__ import annotations

import pytest

from envdoctor.matrix.fit import kernels_for
from envdoctor.matrix.versions import NotAVersion


def test_size_of_what_is_known(matrix):
    assert matrix.versions[0] == "1.12.1"
    assert matrix.newest_torch == "2.15.0"
    assert len(matrix.releases) == 31
    assert len(matrix.gpus) == 304
    assert matrix.release("2.16.0") is None
    assert matrix.wheels("2.16.0") == ()


@pytest.mark.parametrize(
    ("cuda", "os", "floor"),
    [
        ("11.8", "linux", "450.80.02"),
        ("11.8", "windows", "452.39"),
        ("12.8", "linux", "525.60.13"),
        ("12.6.3", "windows", "527.41"),
        ("13.0", "linux", "580.65.06"),
        ("13.2", "windows", "580"),
        ("10.2", "linux", "440.33"),
        ("10.2", "windows", "441.22"),
        ("14.0", "linux", None),
        ("12.8", "macos", None),
        ("8.0", "linux", "367.48"),
        ("9.0.176", "linux", "384.81"),  # three numbers, as torch/version.py of 2018 has them
        ("9.1", "windows", "391.29"),
        ("9.2", "linux", "396.26"),
        ("10.0.130", "linux", "410.48"),
        ("10.1.243", "linux", "418.39"),
        ("10.1", "windows", "418.96"),
        ("6.5", "linux", None),
    ],
)
def test_driver_floor(matrix, cuda, os, floor):
    assert matrix.driver_floor(cuda, os) == floor


@pytest.mark.parametrize(
    ("cuda", "os", "driver"),
    [
        ("12.8", "linux", "570.26"),
        ("12.8.1", "linux", "570.124.06"),
        ("12.8.1", "windows", "572.61"),
        ("13.0.3", "linux", "580.65.06"),  # no row of its own: the oldest of the minor
        ("13.0", "windows", None),
        ("12.7", "linux", None),  # never released
        ("10.2.89", "linux", "440.33"),
    ],
)
def test_toolkit_driver(matrix, cuda, os, driver):
    assert matrix.toolkit_driver(cuda, os) == driver


@pytest.mark.parametrize(
    ("driver", "cuda"),
    [
        ("346.46", None),
        ("384.81", "9.0"),
        ("391.35", "9.1"),  # a Windows number of R390, the last with Fermi
        ("418.226.00", "10.1"),
        ("440.33", "10.2"),
        ("470.256.02", "11.4"),
        ("535.104.05", "12.2"),
        ("570.26", "12.8"),
        ("572.61", "12.8"),  # Windows numbers run on inside a branch
        ("580.159.04", "13.0"),
        ("616.92", "13.4"),
        ("700.10", None),
    ],
)
def test_driver_cuda(matrix, driver, cuda):
    assert matrix.driver_cuda(driver) == cuda


def test_a_driver_that_is_no_version_is_undecidable(matrix):
    with pytest.raises(NotAVersion, match="is not a version number"):
        matrix.driver_cuda("five hundred")


def test_driver_branches_of_gpus(matrix):
    assert matrix.last_driver_branch((3, 7)) == 470
    assert {matrix.last_driver_branch(c) for c in [(5, 0), (6, 1), (7, 0)]} == {580}
    assert {matrix.last_driver_branch(c) for c in [(7, 5), (8, 6), (9, 0), (12, 0), (42, 0)]} == {None}
    for capability in [(10, 0), (10, 3), (12, 0), (12, 1)]:
        floor = matrix.gpu_driver_floor(capability)
        assert (floor.branch, floor.certainty) == (570, "inferred")
        assert matrix.source(floor.source).text
    assert {matrix.gpu_driver_floor(c) for c in [(7, 0), (8, 9), (9, 0), (11, 0)]} == {None}


@pytest.mark.parametrize(
    ("cudnn", "capability", "answer"),
    [
        ("9.10.2.21", (7, 0), True),
        ("9.11.0", (7, 0), False),
        ("9.11.0", (7, 5), True),
        ("9.1.0.70", (3, 7), False),
        ("9.1.0.70", (8, 6), True),
        ("9.1.0.70", (10, 0), None),  # newer than its support matrix speaks of
        ("9.10.2.21", (10, 0), True),
        ("9.24.0.43", (8, 7), None),  # Tegra
        ("8.9.2.26", (7, 0), None),
        (None, (7, 0), None),
    ],
)
def test_cudnn_serves(matrix, cudnn, capability, answer):
    assert matrix.cudnn_serves(cudnn, capability) is answer


def test_a_release_as_the_package_index_holds_it(matrix):
    release = matrix.release("2.14.0")
    assert release.default_channel["linux-x86_64"] == "cu130"
    assert release.default_channel["linux-aarch64"] == "cu130"
    assert release.default_channel["windows-x86_64"] == "cpu"
    assert release.glibc == {"linux-x86_64": (2, 28), "linux-aarch64": (2, 28)}
    assert "cp314t" in release.pythons["linux-x86_64"]
    assert "macos-x86_64" not in release.platforms
    assert (release.torchvision, release.torchaudio, release.triton) == ("0.29.0", None, "~=3.8.0")
    assert matrix.release("2.5.1").triton == "==3.1.0"
    assert matrix.release("1.12.1").triton is None
    assert matrix.release("2.6.0").glibc == {"linux-x86_64": (2, 14), "linux-aarch64": (2, 28)}


def test_what_was_proven_and_what_was_not(matrix):
    assert matrix.wheel("2.14.0", "cu130", "linux-x86_64").certainty == "verified"
    for torch, channel in [("2.15.0", "cu130"), ("2.14.1", "cu126"), ("2.14.1", "cu132")]:
        for platform in ("linux-x86_64", "linux-aarch64", "windows-x86_64"):
            assert matrix.wheel(torch, channel, platform).certainty == "inferred"
    assert matrix.wheel("2.15.0", "cu130", "linux-x86_64").standing == "planned"
    assert matrix.wheel("2.13.0", "cu129", "linux-x86_64").standing == "unadvertised"
    channels = {wheel.channel for version in matrix.versions for wheel in matrix.wheels(version)}
    assert channels.isdisjoint({"cu133", "cu134"})
    assert matrix.wheel("2.15.0", "cu126", "linux-x86_64") is None


def test_a_cpu_build_has_no_kernels_and_an_unread_one_unknown_kernels(matrix):
    cpu = matrix.wheel("2.13.0", "cpu", "macos-arm64")
    assert (cpu.cuda, cpu.sass, cpu.ptx) == (None, (), ())
    unread = matrix.wheel("2.9.1", "cu129", "linux-aarch64")
    assert (unread.cuda, unread.sass) == ("12.9.1", None)


@pytest.mark.parametrize(
    ("torch", "channel", "capability", "kind"),
    [
        ("2.14.0", "cu126", (7, 0), "sass"),  # V100
        ("2.14.0", "cu130", (7, 0), None),
        ("2.14.0", "cu126", (6, 1), "sass"),  # GTX 1080
        ("2.9.1", "cu128", (6, 1), None),
        ("2.10.0", "cu128", (7, 0), "sass"),
        ("2.11.0", "cu128", (7, 0), None),
        ("2.9.1", "cu128", (8, 9), "sass"),  # RTX 4090, by sm_86
        ("2.5.1", "cu124", (12, 0), None),  # RTX 5090
        ("2.7.1", "cu118", (3, 7), "sass"),  # K80
        ("2.14.0", "cu132", (10, 3), "sass"),  # B300
    ],
)
def test_who_is_served(matrix, torch, channel, capability, kind):
    wheel = matrix.wheel(torch, channel, "linux-x86_64")
    assert kernels_for(wheel.sass, wheel.ptx, capability) == kind


def test_partners_that_were_withdrawn_are_known_and_not_offered(matrix):
    assert matrix.partner("torchvision", "0.15.0").yanked == "Contains an incorrect torch dependency"
    assert matrix.partner("torchaudio", "2.0.0").yanked is not None
    assert matrix.release("2.0.0").torchvision == "0.15.1"
    assert matrix.release("2.0.0").torchaudio == "2.0.1"
    assert matrix.partner("torchvision", "0.29.2").torch == ">=2.14.0"
    assert matrix.partner("torchaudio", "2.11.0").torch == ""


def test_partner_wheels_by_python(matrix):
    assert matrix.partner("torchvision", "0.29.2").has_wheel_for("cp315")  # tagged py3
    assert matrix.partner("torchvision", "0.29.1").has_wheel_for("cp314")
    assert not matrix.partner("torchvision", "0.29.1").has_wheel_for("cp315")


def test_windows_cudnn_is_only_what_was_read(matrix):
    assert matrix.wheel("2.7.1", "cu126", "windows-x86_64").cudnn == "9.5.0.50"
    assert matrix.wheel("2.7.1", "cu126", "linux-x86_64").cudnn == "9.5.1.17"
    assert matrix.wheel("2.14.0", "cu130", "windows-x86_64").cudnn is None
    assert matrix.wheel("2.14.0", "cu130", "windows-x86_64").nccl is None


@pytest.mark.parametrize(
    ("torch", "macos"),
    [("1.11.0", None), ("1.12.0", "12.3"), ("2.4.1", "12.3"), ("2.5.0", "13.0"), ("2.9.1", "13.0"), ("2.10.0", "14.0")],
)
def test_from_which_macos_on_mps_starts(matrix, torch, macos):
    assert matrix.mps_floor(torch) == macos


@pytest.mark.parametrize(
    ("name", "version", "served", "not_served"),
    [
        ("torchvision", "0.21.0", "cp313", "cp313t"),
        ("torchvision", "0.22.0", "cp313t", "cp314"),
        ("torchvision", "0.27.0", "cp313t", "cp315"),
        ("torchvision", "0.27.1", "cp314t", "cp313t"),
        ("torchvision", "0.29.1", "cp314t", "cp315"),
        ("torchaudio", "2.8.0", "cp313t", "cp314"),
        ("torchaudio", "2.11.0", "cp313t", "cp315"),
    ],
)
def test_partners_have_wheels_for_free_threaded_pythons(matrix, name, version, served, not_served):
    partner = matrix.partner(name, version)
    assert partner.has_wheel_for(served)
    assert not partner.has_wheel_for(not_served)
