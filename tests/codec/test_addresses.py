"""Addresses of indexes: whatever opens them is gone, and what a reader needs is still there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envdoctor.codec.addresses import LONGEST, split_addresses, strip_address
from envdoctor.codec.credentials import strip_credentials

KEPT = [
    "https://download.pytorch.org/whl/cu128",
    "https://download.pytorch.org/whl/cu128/",
    "https://mirror.example:8443/pytorch/whl/cu126/simple",
    "http://[fd00::1]:8080/simple",
    "file:///srv/wheels",
    "/srv/wheels",
    "/home/me@corp/wheels",
    "./wheels",
    "~/wheels",
    "C:\\wheels\\torch",
    "conda-forge",
    "pytorch",
    "defaults",
    "https://mirror.example/artifactory/api/pypi/pypi-virtual/simple",
    "https://mirror.example/artifactory/api/pypi/pytorch-2025-cu128/simple",
    "https://mirror.example/conda/nvidia/label/cuda-12.4.1",
    "pytorch=https://download.pytorch.org/whl/cu128",
    "s3://bucket/wheels",
]


@pytest.mark.parametrize("address", KEPT)
def test_an_address_that_holds_no_credential_stays(address: str) -> None:
    assert strip_address(address) == address


@pytest.mark.parametrize(
    ("address", "left"),
    [
        ("https://me:word@mirror.example/simple", "https://mirror.example/simple"),
        ("https://me@mirror.example/simple", "https://mirror.example/simple"),
        ("https://me:wo@rd@mirror.example/simple", "https://mirror.example/simple"),
        ("https://me:wo/rd@mirror.example/simple", "https://mirror.example/simple"),
        ("https://me:wo?rd#x@mirror.example/simple", "https://mirror.example/simple"),
        ("https://me:wo://rd@mirror.example/simple", "https://mirror.example/simple"),
        ("https://me%3Aword%40mirror.example/simple", "https://mirror.example/simple"),
        ("https://me%253Aword%2540mirror.example%252Fsimple", "https://mirror.example/simple"),
        ("me:word@mirror.example/simple", "mirror.example/simple"),
        ("https:me:word@mirror.example/simple", "mirror.example/simple"),
        ("//me:word@mirror.example/simple", "mirror.example/simple"),
        ("/me:word@mirror.example/simple", "mirror.example/simple"),
        ("https:\\\\me:word@mirror.example\\simple", "https://mirror.example/simple"),
        ("https:/me:word@mirror.example/simple", "https:/mirror.example/simple"),
        ("https://me:word/simple", "https://removed/simple"),
        ("https://${USER}:${WORD}/simple", "https://removed/simple"),
        ("https://mirror.example/simple?token=abc&x=1", "https://mirror.example/simple"),
        ("https://mirror.example/simple#abc", "https://mirror.example/simple"),
        (
            "https://mirror.example/dl/eyJhbGciOiJIUzI1NiJ9.eyJhIjoiaHVudGVyMiJ9.c2lnbmF0dXJl/simple",
            "https://mirror.example/dl/removed/simple",
        ),
        ("https://conda.example/t/me-12-abc/channel", "https://conda.example/t/removed/channel"),
        ("https://dl.example/basic/Abcd/python/simple", "https://dl.example/basic/removed/python/simple"),
        ("https://dl.example/a1b2c3d4e5f6a7b8c9/simple", "https://dl.example/removed/simple"),
        ("https://mirror.example/ghp_0123456789abcdefABCD/simple", "https://mirror.example/removed/simple"),
        ("name=https://me:word@mirror.example/simple", "name=https://mirror.example/simple"),
        ("na=me:word@mirror.example/simple", "mirror.example/simple"),
        ("git+https://me:word@mirror.example/x.git@main", "git+https://main"),
    ],
)
def test_what_opens_an_address_is_taken_out(address: str, left: str) -> None:
    assert strip_address(address) == left


def test_lists_are_taken_apart() -> None:
    both = "https://a:b@one.example/simple \n https://two.example/whl/cu128"
    assert split_addresses(both) == ["https://one.example/simple", "https://two.example/whl/cu128"]
    assert split_addresses("one.example/x,/srv/wheels", commas=True) == ["one.example/x", "/srv/wheels"]
    assert split_addresses(" ") == []


def test_a_blank_in_a_password_does_not_part_it_from_its_address() -> None:
    assert split_addresses("https://first.example/x https://me:12 34 56@mirror.example/simple") == [
        "https://first.example/x",
        "https://mirror.example/simple",
    ]
    assert split_addresses("me:12 34@mirror.example/simple") == ["mirror.example/simple"]


SECRET = "Zz9SECRETzZ"
ANY = st.text(st.characters(codec="utf-8"), max_size=12)
SCHEMES = st.sampled_from(["https://", "http://", "", "https:/", "https:\\\\", "ftp://", "git+https://", "HTTPS://"])


@given(SCHEMES, ANY, ANY, ANY, ANY, st.sampled_from(["@", "%40", "%2540"]))
def test_no_user_info_is_left(scheme: str, before: str, between: str, after: str, end: str, at: str) -> None:
    """User and word hold the secret, in whatever else stands there; the last "@" is that before the host."""
    address = f"{scheme}{before}{SECRET}{between}:{after}{SECRET}{end}{at}mirror.example/simple"
    assert SECRET not in strip_address(address)
    assert strip_address(address).endswith("mirror.example/simple")
    lists = split_addresses(address) + split_addresses(address, commas=True)
    # A blank before another scheme begins another address, whatever it was meant as.
    if "://" not in before + between + after + end:
        assert [one for one in lists if SECRET in one] == []


@given(st.text(st.characters(codec="utf-8"), max_size=80) | st.text("https:/@%40 =?#,.t/ab12\\", max_size=60))
def test_any_text_gives_a_bounded_address_that_is_left_alone_the_second_time(text: str) -> None:
    once = strip_address(text)
    assert len(once) <= LONGEST
    assert strip_address(once) == once
    assert strip_credentials(once) == once


@pytest.mark.parametrize(
    "text", ["@" * 10**6, "%25" * 10**6, "a/" * 10**6, " @" * 3000, "https://" * 10**5, "t/" * 10**6]
)
def test_a_long_text_ends(text: str) -> None:
    assert len(strip_address(text)) <= LONGEST
    assert all(len(one) <= LONGEST for one in split_addresses(text[:6000]))
