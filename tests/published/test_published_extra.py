"""Without the libraries of the extra one line says what to type."""

from __future__ import annotations

import pytest

from envdoctor.published.extra import LIBRARIES, MissingExtra, require


def test_what_is_missing_is_named_with_what_to_type() -> None:
    with pytest.raises(MissingExtra) as caught:
        require(LIBRARIES | {"no_such_module_of_ours": "no-such-package"})
    said = str(caught.value)
    assert said.startswith("no-such-package not installed")
    assert "pip install pypi-simple" in said
    assert "\n" not in said


def test_nothing_is_missing_here() -> None:
    require()
