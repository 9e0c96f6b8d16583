from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envdoctor.matrix.versions import NotAVersion, minor, older, parts
from envdoctor.model.machine import Undecidable

numbers = st.lists(st.integers(0, 10**9 - 1), min_size=1, max_size=6)


@given(numbers, numbers)
def test_order_is_that_of_the_numbers(one, other):
    width = max(len(one), len(other))
    padded = [[*value, *[0] * (width - len(value))] for value in (one, other)]
    written = [".".join(map(str, value)) for value in (one, other)]
    assert older(*written) == (padded[0] < padded[1])


def test_leading_zeros_and_missing_parts():
    assert parts("535.104.05") == (535, 104, 5)
    assert parts("12.6") == parts("12.6.0")
    assert older("525.60.9", "525.60.13")
    assert not older("580.65.06", "580.65.06")
    assert minor("12.6.3") == (12, 6)
    assert minor("13") == (13, 0)


@pytest.mark.parametrize(
    "text", ["", "12.", ".6", "12.6rc1", "2.6.0a0+cu126", "1.2.3.4.5.6.7", "-1", "١٢", "9" * 5000, "12\n"]
)
def test_anything_else_is_undecidable(text):
    with pytest.raises(NotAVersion) as caught:
        parts(text)
    assert isinstance(caught.value, Undecidable)
    assert isinstance(caught.value, ValueError)
