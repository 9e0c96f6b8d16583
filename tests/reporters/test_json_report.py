from __future__ import annotations

import json

import pytest
from report_samples import SAMPLES, hostile

from envdoctor.codec import diagnosis
from envdoctor.reporters.json_document import render


@pytest.mark.parametrize("name", SAMPLES)
def test_the_text_is_the_document(name: str) -> None:
    text = render(SAMPLES[name])
    assert text.isascii()
    assert text.endswith("}\n")
    assert json.loads(text) == diagnosis.encode(SAMPLES[name])


def test_hashes_survive_their_escape() -> None:
    document = json.loads(render(hostile("##[error] ### ####")))
    assert document["findings"][0]["message"] == "##[error] ### ####"
