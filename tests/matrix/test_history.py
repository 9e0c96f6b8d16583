"""What the matrix knows of torch 0.4 to 1.12.0, and that it never offers one."""

from __future__ import annotations

import pytest

from envdoctor.matrix.fit import kernels_for

EVERY = (
    *("0.4.0", "0.4.1", "1.0.0", "1.0.1", "1.1.0", "1.2.0", "1.3.0", "1.3.1", "1.4.0", "1.5.0", "1.5.1", "1.6.0"),
    *("1.7.0", "1.7.1", "1.8.0", "1.8.1", "1.8.2", "1.9.0", "1.9.1", "1.10.0", "1.10.1", "1.10.2", "1.11.0", "1.12.0"),
)


def test_the_releases(matrix):
    assert matrix.past_versions == EVERY
    assert set(EVERY).isdisjoint(matrix.versions)


def test_what_a_plan_may_name_holds_none_of_them(matrix):
    assert {release.version for release in matrix.releases}.isdisjoint(EVERY)
    assert all(matrix.release(version) is None for version in EVERY)
    assert matrix.wheels("1.4.0")


def test_every_row_says_where_from(matrix):
    for release in matrix.past_releases:
        assert matrix.source(release.source).date <= matrix.revision
        for wheel in matrix.wheels(release.version):
            assert matrix.source(wheel.source).date <= matrix.revision
            assert matrix.source(wheel.pins_source).date <= matrix.revision


@pytest.mark.parametrize(
    ("torch", "channel", "cuda"),
    [
        ("1.0.0", "cu90", "9.0.176"),
        ("1.1.0", "cu90", "9.0.176"),
        ("1.2.0", "cu100", "10.0.130"),
        ("1.3.1", "cu101", "10.1.243"),
        ("1.4.0", "cu101", "10.1"),
        ("1.5.0", "cu102", "10.2"),
        ("1.12.0", "cu102", "10.2"),
    ],
)
def test_the_default_build_of_linux(matrix, torch, channel, cuda):
    release = next(one for one in matrix.past_releases if one.version == torch)
    assert release.default_channel["linux-x86_64"] == channel
    assert matrix.wheel(torch, channel, "linux-x86_64").cuda == cuda


@pytest.mark.parametrize(
    ("torch", "torchvision", "torchaudio"),
    [
        ("0.4.1", "0.2.1", None),
        ("1.2.0", "0.4.0", "0.3.0"),
        ("1.7.1", "0.8.2", "0.7.2"),
        ("1.10.0", "0.11.1", "0.10.0"),  # 0.11.0 was withdrawn
        ("1.12.0", "0.13.0", "0.12.0"),
    ],
)
def test_partners(matrix, torch, torchvision, torchaudio):
    release = next(one for one in matrix.past_releases if one.version == torch)
    assert (release.torchvision, release.torchaudio) == (torchvision, torchaudio)


def test_python_tags_where_the_index_tells_them(matrix):
    by_version = {release.version: release for release in matrix.past_releases}
    assert by_version["1.4.0"].pythons["linux-x86_64"] == ("cp27", "cp35", "cp36", "cp37", "cp38")
    assert by_version["1.4.0"].pythons["windows-x86_64"] == ()  # on the wheel index alone
    assert by_version["1.7.1"].pythons["windows-x86_64"] == ("cp36", "cp37", "cp38", "cp39")


@pytest.mark.parametrize(
    ("torch", "channel", "capability", "kind"),
    [
        ("0.4.0", "cu80", (7, 0), "ptx"),
        ("0.4.0", "cu90", (7, 0), "sass"),
        ("1.0.0", "cu80", (2, 1), None),
        ("1.2.0", "cu100", (3, 5), "sass"),
        ("1.3.0", "cu101", (3, 5), "sass"),
        ("1.3.1", "cu101", (3, 5), None),
        ("1.3.1", "cu101", (3, 7), "sass"),
        ("1.5.1", "cu101", (8, 6), "ptx"),
        ("1.6.0", "cu101", (7, 5), "sass"),  # sm_70 serves Turing
        ("1.6.0", "cu101", (8, 6), None),
        ("1.7.0", "cu102", (8, 6), None),
        ("1.7.1", "cu110", (8, 6), "sass"),
        ("1.8.1", "cu111", (6, 1), "sass"),
        ("1.9.0", "cu102", (7, 5), "sass"),
    ],
)
def test_kernels_of_linux_wheels(matrix, torch, channel, capability, kind):
    wheel = matrix.wheel(torch, channel, "linux-x86_64")
    assert kernels_for(wheel.sass, wheel.ptx, capability) == kind


def test_what_no_source_tells_stays_unknown(matrix):
    assert matrix.wheel("1.8.0", "cu111", "linux-x86_64").sass is None
    assert matrix.wheel("1.8.0", "cu111", "windows-x86_64").sass is not None
    assert matrix.wheel("1.2.0", "cu92", "windows-x86_64") is None
    assert matrix.wheel("0.4.1", "cu92", "windows-x86_64") is None
    assert matrix.wheels("0.3.1") == ()


def test_a_post_release_is_the_release_it_mends(matrix):
    assert matrix.wheel("1.0.1.post2", "cu90", "linux-x86_64") == matrix.wheel("1.0.1", "cu90", "linux-x86_64")
    assert matrix.wheels("0.4.1.post2") == matrix.wheels("0.4.1") != ()
    assert matrix.partner("torchvision", "0.2.2.post3").version == "0.2.2"
    assert matrix.wheels("2.14.0.post1") == ()  # a release of conda-forge's, not of history
    assert matrix.wheels("1.8.0a0") == ()
