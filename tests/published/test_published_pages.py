"""Pages of indexes: recorded ones, those of mirrors, and whatever else a server may send."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envdoctor.published.fetching import HTML, JSON, Page
from envdoctor.published.pages import wheels_of
from envdoctor.published.unreachable import Unreachable

PAGES = Path(__file__).parent / "pages"
AT = "https://index.example/simple/torch/"


def recorded(name: str, at: str = AT) -> Page:
    return Page(at, JSON if name.endswith(".json") else HTML, (PAGES / name).read_bytes())


def of_text(text: str | bytes, kind: str = HTML) -> Page:
    return Page(AT, kind, text.encode() if isinstance(text, str) else text)


def test_the_recorded_page_of_torch_is_read() -> None:
    files = wheels_of(recorded("torch.html"), "torch")
    assert len(files) == 29
    by_name = {file.filename: file for file in files}
    one = by_name["torch-2.14.0-cp312-cp312-manylinux_2_28_x86_64.whl"]
    assert (one.version, one.pythons, one.platform, one.requires_python) == (
        "2.14.0",
        ("cp312",),
        "linux-x86_64",
        ">=3.10",
    )
    assert (one.uploaded, one.yanked, one.metadata) == ("2026-09-02", None, False)
    assert one.sha256 == "fecffb58f51fd643d213acd68da21cc3fc19bea05a3bc64b4ee55128f47a4963"
    assert one.url.startswith("https://index.example/packages/")
    assert one.url.endswith(one.filename)
    newest = {python for file in files if file.version == "2.15.0" for python in file.pythons}
    assert newest == {"cp315", "cp315t"}


def test_json_says_the_same_as_html() -> None:
    assert wheels_of(recorded("torch.json"), "torch") == wheels_of(recorded("torch.html"), "torch")


def test_a_withdrawn_file_says_why() -> None:
    files = wheels_of(recorded("torchvision.html"), "TorchVision")
    reasons = {file.version: file.yanked for file in files}
    assert reasons["0.15.0"] == "Contains an incorrect torch dependency"
    assert "it's support date" in (reasons["0.1.6"] or "")
    assert reasons["0.29.0"] is None
    assert not any(file.filename.endswith(".tar.gz") for file in files)


def test_a_flat_page_of_a_mirror_is_read_by_its_addresses() -> None:
    """The texts are cut short, and the plus sign is written in two ways."""
    files = wheels_of(recorded("flat.html", "https://mirror.example/pytorch-wheels/cu126/"), "torch")
    assert [file.filename for file in files] == [
        "torch-2.7.0+cu126-cp312-cp312-manylinux_2_28_x86_64.whl",
        "torch-2.7.0+cu126-cp313-cp313t-manylinux_2_28_aarch64.whl",
        "torch-2.7.0+cu126-cp312-cp312-win_amd64.whl",
    ]
    assert {file.local for file in files} == {"cu126"}
    assert {file.sha256 for file in files} == {None}, "'0000' is no hash"
    assert files[0].url.startswith("https://mirror.example/pytorch-wheels/cu126/torch-2.7.0")


ENTRY = {"filename": "torch-2.9.0-py3-none-any.whl", "url": "torch-2.9.0-py3-none-any.whl", "hashes": {}}


@pytest.mark.parametrize(("said", "yanked"), [(True, ""), ("broken", "broken"), (False, None)])
def test_json_may_withdraw_without_a_reason(said: object, yanked: str | None) -> None:
    document = {"meta": {"api-version": "1.0"}, "name": "torch", "files": [{**ENTRY, "yanked": said}]}
    (file,) = wheels_of(of_text(json.dumps(document), JSON), "torch")
    assert file.yanked == yanked
    assert file.url == f"{AT}{file.filename}"


@pytest.mark.parametrize("attribute", ["data-core-metadata", "data-dist-info-metadata"])
@pytest.mark.parametrize("value", ["true", "sha256=0123456789abcdef"])
def test_metadata_served_apart_is_seen(attribute: str, value: str) -> None:
    text = f'<a href="torch-2.9.0-py3-none-any.whl" {attribute}="{value}">torch</a>'
    assert [file.metadata for file in wheels_of(of_text(text), "torch")] == [True]


def test_a_page_of_the_network_leads_to_no_file_of_this_machine() -> None:
    link = f'<a href="file:///etc/{ENTRY["filename"]}">x</a>'
    assert wheels_of(of_text(link), "torch") == ()
    assert len(wheels_of(replace(of_text(link), url="file:///srv/simple/torch/"), "torch")) == 1


def test_one_file_name_counts_once_and_other_projects_not() -> None:
    text = '<a href="a/torch-1.0-py3-none-any.whl">x</a><a href="b/torch-1.0-py3-none-any.whl">x</a>'
    text += '<a href="torchvision-0.2-py3-none-any.whl">x</a><a href="mailto:torch.whl">x</a>'
    assert [file.url for file in wheels_of(of_text(text), "torch")] == [f"{AT}a/torch-1.0-py3-none-any.whl"]


NO_PAGES = {
    "JSON that is none": ("{", JSON),
    "JSON of something else": ('{"message": "no"}', JSON),
    "JSON of a later format": ('{"meta": {"api-version": "2.0"}, "name": "torch", "files": []}', JSON),
    "JSON nested too deeply": ("[" * 100_000, JSON),
    "a list": ("[]", JSON),
    "HTML of a later format": ('<meta name="pypi:repository-version" content="2.0">', HTML),
    "an address that is none": ('<a href="http://[/torch-1.0-py3-none-any.whl">x</a>', HTML),
    "links that never end": ("<a href=x>" * 5000, HTML),
}


@pytest.mark.parametrize("case", NO_PAGES)
def test_what_is_no_page_is_unreachable(case: str) -> None:
    with pytest.raises(Unreachable, match="later format" if "later format" in case else "cannot be read"):
        wheels_of(of_text(*NO_PAGES[case]), "torch")


@pytest.mark.parametrize("text", ["", "Please log in.", "\x00\xff", "<html><body>maintenance"])
def test_a_page_without_wheels_lists_none(text: str) -> None:
    assert wheels_of(of_text(text), "torch") == ()


PIECES = st.sampled_from(
    [
        *(
            "<a ",
            "href=",
            '"',
            "'",
            ">",
            "</a>",
            "<base ",
            "<meta ",
            "name=",
            "content=",
            "<!--",
            "-->",
            "<![CDATA[",
            "<?",
        ),
        *("pypi:repository-version", "torch-2.14.0-cp312-cp312-win_amd64.whl", "data-yanked", "=", "&#43;", "%2B", "&"),
        *(
            "#sha256=",
            "http://[",
            "//",
            "data-core-metadata",
            "\x00",
            "é",
            "<script>",
            "]]>",
            "1.0",
            "data-upload-time",
        ),
    ]
)


def projects_on(page: Page) -> set[str]:
    """The projects of the wheels that a page lists; none where it is no page."""
    try:
        return {file.project for file in wheels_of(page, "torch")}
    except Unreachable:
        return set()


@given(st.lists(PIECES | st.text(max_size=5), max_size=40))
def test_no_text_raises_anything_else(pieces: list[str]) -> None:
    page = of_text("".join(pieces).encode("utf-8", "replace"))
    assert projects_on(page) <= {"torch"}
    assert projects_on(replace(page, kind=JSON)) <= {"torch"}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("torch-2.9.0-py3-none-any.whl"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*ENTRY, "yanked", "size"]), inner),
    max_leaves=8,
)


@given(st.fixed_dictionaries({"meta": st.just({"api-version": "1.0"}) | VALUES, "name": VALUES, "files": VALUES}))
def test_no_json_raises_anything_else(document: object) -> None:
    assert projects_on(of_text(json.dumps(document), JSON)) <= {"torch"}
