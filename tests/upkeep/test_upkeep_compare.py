"""The matrix beside what is published: what is right is confirmed, what is wrong is told, what is open stays open."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envdoctor.model.verification import Outcome, Verification
from envdoctor.published.files import PublishedFile
from envdoctor.upkeep.evidence import PACKAGE_INDEX, Evidence, Missing
from envdoctor.upkeep.gather import Scope
from envdoctor.upkeep.verify import verification
from upkeep.recorded_index import (
    MATRIX_FILE,
    PROJECTS,
    contents,
    evidence,
    matrix_of,
    recorded,
    recorded_files,
    without_days,
)

TEXT = MATRIX_FILE.read_text(encoding="utf-8")
DAY = "2026-11-21"
TORCH = recorded_files()["torch"]

# Everything by which a row can differ from its wheel: the table, what stands in it, what is put there, and the cell.
WRONG = [
    ('[torch."2.14.0"]', 'released = "2026-09-02"', 'released = "2026-09-01"', "released"),
    ('[torch."2.14.0"]', 'requires_python = ">=3.10"', 'requires_python = ">=3.9"', "requires_python"),
    ('[torch."2.14.0"]', 'torchvision = "0.29.0"', 'torchvision = "0.28.0"', "torchvision"),
    ('[torch."2.14.0"]', 'triton = "~=3.8.0"', 'triton = "==3.8.0"', "triton"),
    ('[torch."2.14.0"]', 'triton_python_below = "3.15"', 'triton_python_below = "3.14"', "triton_python_below"),
    ('[torch."2.14.0"]', 'linux-aarch64  = { default = "cu130"', 'linux-aarch64  = { default = "cpu"', "default"),
    ('[torch."2.14.0"]', 'python = "3.10-3.14-and-3.14t"', 'python = "3.9-3.13t"', "python"),
    ('[torch."2.14.0"]', '["manylinux_2_28_x86_64"]', '["manylinux2014_x86_64"]', "tags"),
    ('[torch."2.14.0".cu130]', 'cuda = "13.0.3"', 'cuda = "13.0.2"', "cuda"),
    ('[torch."2.14.0".cu130]', 'cudnn = "9.24.0.43"', 'cudnn = "9.20.0.48"', "cudnn"),
    ('[torch."2.14.0".cu130]', 'nccl = "2.30.7"', 'nccl = "2.29.7"', "nccl"),
    ('[torch."2.14.0".cu130]', '"turing-blackwell"', '"volta-blackwell"', "architectures"),
    ("[torchvision.releases]", '.1" = { released = "2026-09-30"', '.1" = { released = "2026-09-29"', "released"),
    ("[torchvision.releases]", 'torch = "==2.13.0"', 'torch = "==2.12.0"', "torch"),
    ("[torchvision.releases]", 'yanked = "Contains an incorrect torch dependency"', 'yanked = "other"', "yanked"),
    ("[torchvision.releases]", ', yanked = "Contains an incorrect torch dependency"', "", "yanked"),
    ("[torchaudio.releases]", '"2.11.0" = { released = "2026', '"2.11.0" = { released = "2025', "released"),
    ('[history.torch."1.12.0"]', 'default = "cu102"', 'default = "cu113"', "default"),
]  # fmt: skip


def corrupted(table: str, there: str, instead: str, text: str = TEXT) -> str:
    begins = text.index(table)
    assert there in text[begins:], there
    return text[:begins] + text[begins:].replace(there, instead, 1)


def compared(text: str, read: Evidence | None = None, *only: str) -> Verification:
    return verification(matrix_of(text), read or evidence(), Scope(frozenset(only)), DAY, "0")


def contradicted(found: Verification) -> list[tuple[str, str]]:
    return [(claim.row, claim.cell.partition(" ")[0]) for claim in found.with_outcome(Outcome.CONTRADICTED)]


def test_ours_is_what_is_published() -> None:
    found = compared(TEXT)
    assert contradicted(found) == []
    assert found.exit_code == 0
    cells = {claim.cell.partition(" ")[0] for claim in found.with_outcome(Outcome.CONFIRMED)}
    assert cells >= {one[3] for one in WRONG}
    assert found.news == ()


def test_every_claim_says_how_it_came_out() -> None:
    for claim in compared(TEXT).claims:
        missing = claim.outcome is Outcome.NOT_REACHABLE
        assert (claim.reason is not None) is missing, claim
        assert (claim.found is None) is missing, claim
        assert (claim.seen_in is None) is missing, claim


@pytest.mark.parametrize(("table", "there", "instead", "cell"), WRONG)
def test_a_wrong_cell_is_contradicted_and_no_other_row(table: str, there: str, instead: str, cell: str) -> None:
    found = compared(corrupted(table, there, instead), whole())
    said = set(contradicted(found)) - set(contradicted(compared(TEXT, whole())))  # what was not recorded
    assert cell in [name for _, name in said]
    row = table.strip("[]")
    assert all(name.startswith((row, "torch.")) for name, _ in said)
    assert found.exit_code == 1


def whole(read: Evidence | None = None) -> Evidence:
    """The evidence as the indexes themselves give it, where what is not there was not published."""
    read = read or evidence()
    return replace(read, whole=frozenset(read.pages))


def test_what_an_index_lacks_counts_where_it_has_everything() -> None:
    """Somebody's selection for their machines says nothing of what was published."""
    for read, outcome in ((evidence(), Outcome.NOT_REACHABLE), (whole(), Outcome.CONTRADICTED)):
        found = compared(TEXT, read)
        lacking = [claim for claim in found.claims if claim.row in ("torch", "torchvision.releases")]
        assert {(claim.cell, claim.outcome) for claim in lacking} >= {("2.7.0", outcome), ("0.22.0", outcome)}


def test_a_mirror_that_is_behind_contradicts_nothing() -> None:
    pages = {
        project: tuple(file for file in files if (file.uploaded or "") < "2026-09-15")
        for project, files in recorded_files().items()
    }
    assert contradicted(compared(TEXT, evidence(pages))) == []


def test_the_days_of_a_copy_are_its_own() -> None:
    pages = {
        project: tuple(replace(file, uploaded="2026-11-01") for file in files)
        for project, files in recorded_files().items()
    }
    assert contradicted(compared(TEXT, evidence(pages))) == []


def test_a_copy_that_forgets_what_was_withdrawn_contradicts_nothing() -> None:
    pages = {
        project: tuple(replace(file, yanked=None) for file in files) for project, files in recorded_files().items()
    }
    assert contradicted(compared(TEXT, evidence(pages))) == []
    assert "yanked" in {cell for _, cell in contradicted(compared(TEXT, whole(evidence(pages))))}


def test_what_a_mirror_has_beyond_a_row_is_told_without_what_it_lacks() -> None:
    """It has Python 3.14, which this row leaves out, and lacks 3.10."""
    wrong = corrupted('[torch."2.14.0"]', 'python = "3.10-3.14-and-3.14t"', 'python = "3.9-3.13"')
    files = tuple(file for file in TORCH if "cp310" not in file.pythons)
    found = compared(wrong, evidence({**recorded_files(), "torch": files}))
    told = next(claim for claim in found.with_outcome(Outcome.CONTRADICTED) if claim.row.startswith('torch."2.14.0"'))
    assert told.found == "cp39, cp310, cp311, cp312, cp313, cp314, cp314t"


def test_a_mirror_with_one_python_does_not_contradict_the_others() -> None:
    """One wheel of each release and platform, as a site of a few machines keeps them."""
    kept = set(recorded()["wheels"])
    pages = {
        project: tuple(file for file in files if file.filename in kept) for project, files in recorded_files().items()
    }
    found = compared(TEXT, evidence(pages))
    assert contradicted(found) == []
    assert "not on this index, which need not hold everything" in {claim.reason for claim in found.claims}
    assert found.with_outcome(Outcome.CONFIRMED)
    wrong = compared(corrupted('[torch."2.14.0".cu130]', 'nccl = "2.30.7"', 'nccl = "2.29.7"'), evidence(pages))
    assert set(contradicted(wrong)) == {('torch."2.14.0".cu130', "nccl")}


def test_one_release_that_lacks_a_python_is_contradicted() -> None:
    files = tuple(file for file in TORCH if file.version != "2.14.0" or "cp314t" not in file.pythons)
    found = compared(TEXT, whole(evidence({**recorded_files(), "torch": files})), "2.14.0")
    assert {row.partition(".l")[0] for row, _ in contradicted(found)} >= {'torch."2.14.0"'}
    assert {cell for _, cell in contradicted(found)} == {"python"}


def test_an_invented_release_is_contradicted_by_an_index_that_has_the_others() -> None:
    invented = TEXT.replace('[torch."2.14.1"', '[torch."2.14.7"')
    assert ("torch", "2.14.7") in contradicted(compared(invented, whole()))


def test_a_newer_release_is_news_and_no_contradiction() -> None:
    begins = TEXT.index('[torch."2.15.0"]')
    older = TEXT[:begins] + TEXT[TEXT.index("# -----", begins) :]
    found = compared(older)
    assert [one.text for one in found.news] == ["torch 2.15.0 is published and unknown to this matrix"]
    assert contradicted(found) == []


def test_a_candidate_and_a_withdrawn_release_are_no_news() -> None:
    newest = [file for file in TORCH if file.version == "2.15.0"]
    candidate = tuple(replace(file, version="2.16.0rc1") for file in newest)
    withdrawn = tuple(replace(file, version="2.16.0", yanked="broken") for file in newest)
    read = evidence({**recorded_files(), "torch": (*TORCH, *candidate, *withdrawn)})
    assert compared(TEXT, read).news == ()


def test_a_withdrawn_release_is_told() -> None:
    files = tuple(replace(file, yanked="broken" if file.version == "2.14.0" else None) for file in TORCH)
    read = evidence({**recorded_files(), "torch": files})
    assert contradicted(compared(TEXT, read)) == [('torch."2.14.0"', "yanked")]
    withheld = TEXT.replace('[torch."2.14.0"]\n', '[torch."2.14.0"]\nwithheld = "withdrawn"\n')
    assert contradicted(compared(withheld, read)) == []


def test_days_that_the_index_does_not_name_are_open() -> None:
    read = evidence({project: without_days(recorded_files()[project]) for project in PROJECTS})
    found = compared(TEXT, read)
    assert contradicted(found) == []
    days = [claim for claim in found.claims if claim.row == 'torch."2.14.0"' and claim.cell == "released"]
    assert days[0].reason == "the index names no upload days"


def test_a_channel_that_could_not_be_reached_is_never_confirmed() -> None:
    found = compared(TEXT)
    rows = [claim for claim in found.claims if claim.row.startswith('torch."2.14.0".cu126')]
    assert rows
    assert {claim.outcome for claim in rows} == {Outcome.NOT_REACHABLE}
    assert [index.reason for index in found.indexes] == [None, "cannot be found"]


def channel_page(channel: str, *, more: tuple[str, str] | None = None, less: tuple[str, ...] = ()) -> Evidence:
    """The evidence with a page of that channel: the builds that ours names but the announced ones.

    `more` is a release and a platform beside them; `less` are platforms that the page lacks for torch 2.14.0.
    """
    ours, files = matrix_of(TEXT), []
    for version in ours.versions:
        row = ours.release(version)
        assert row is not None
        builds = [(one.platform, one.standing) for one in ours.wheels(version) if one.channel == channel]
        there = [platform for platform, standing in builds if standing != "planned"]
        if version == "2.14.0":
            there = [platform for platform in there if platform not in less]
        there += [more[1]] if more and more[0] == version else []
        for platform in there:
            files += [
                PublishedFile(
                    "torch", f"{version}+{channel}-{tag}-{platform}", "", version, channel, (tag,), platform, ()
                )
                for tag in row.pythons[platform]
            ]
    read = evidence()
    return Evidence({**read.pages, (channel, "torch"): tuple(files)}, read.wheels)


def test_an_announced_channel_that_is_published_is_told() -> None:
    found = compared(TEXT, channel_page("cu130", more=("2.15.0", "linux-x86_64")), "2.15.0")
    assert contradicted(found) == [('torch."2.15.0".cu130', "standing")]


def test_an_announced_channel_that_is_not_there_stays_open() -> None:
    found = compared(TEXT, channel_page("cu130"), "2.15.0")
    assert contradicted(found) == []


def test_a_build_that_its_channel_lacks_is_contradicted() -> None:
    found = compared(TEXT, whole(channel_page("cu126", less=("linux-aarch64", "windows-x86_64"))), "2.14.0")
    assert contradicted(found) == [
        ('torch."2.14.0".cu126', "linux-aarch64"),
        ('torch."2.14.0".cu126', "windows-x86_64"),
    ]


def test_a_mirror_with_few_builds_of_a_channel_does_not_contradict_the_others() -> None:
    read = channel_page("cu126")
    files = read.pages["cu126", "torch"]
    assert not isinstance(files, Missing)
    newest = tuple(file for file in files if file.version == "2.14.1")
    found = compared(TEXT, Evidence({**read.pages, ("cu126", "torch"): newest}, read.wheels))
    assert contradicted(found) == []
    lacking = [claim for claim in found.claims if (claim.row, claim.cell) == ('torch."2.14.0".cu126', "linux-x86_64")]
    assert [claim.reason for claim in lacking] == ["not on this index, which need not hold everything"]


def test_a_channel_without_a_row_is_news() -> None:
    found = compared(TEXT, channel_page("cu134", more=("2.14.0", "linux-x86_64")), "2.14.0")
    assert [one.text for one in found.news] == ["torch 2.14.0 is on cu134, for which the matrix has no row"]


def test_a_cell_the_matrix_leaves_open_is_news() -> None:
    found = compared(corrupted('[torch."2.14.0".cu130]', 'nccl = "2.30.7"\n', ""))
    assert contradicted(found) == []
    assert "the matrix says nothing, found 2.30.7" in found.news[0].text


def test_one_wheel_that_cannot_be_read_leaves_its_cells_open() -> None:
    read = evidence()
    broken = dict(read.wheels)
    for build in broken:
        if build.version == "2.14.0" and build.platform == "linux-x86_64":
            broken[build] = Missing("the wheel is too slow")
    found = compared(TEXT, Evidence(read.pages, broken))
    assert contradicted(found) == []
    open_cells = {claim.cell for claim in found.claims if claim.reason == "the wheel is too slow"}
    assert {"requires_python", "triton", "cudnn (linux-x86_64)", "architectures", "default"} <= open_cells


def test_a_partner_that_asks_for_no_torch_proves_no_pairing() -> None:
    found = compared(TEXT, None, "2.11.0")
    pairing = next(claim for claim in found.claims if claim.row == 'torch."2.11.0"' and claim.cell == "torchaudio")
    assert pairing.reason == "METADATA of torchaudio 2.11.0 asks for no release of torch"


def test_the_patch_release_of_a_toolkit_is_confirmed_only_by_a_wheel_that_tells_it() -> None:
    told = {c.cell: c.outcome for c in compared(TEXT).claims if c.row == 'torch."2.2.0".cu121'}
    assert told["cuda (linux-x86_64)"] is Outcome.CONFIRMED
    assert told["cuda (linux-x86_64, patch release)"] is Outcome.NOT_REACHABLE


def test_architectures_that_were_left_out_are_open() -> None:
    without = {
        name: replace(held, sass=None, ptx=None)
        for name in (file.filename for file in TORCH)
        if (held := contents(name)) is not None
    }
    read = replace(evidence(changed=without), architectures=False)
    found = compared(TEXT, read)
    assert contradicted(found) == []
    assert "architecture lists were left out" in {claim.reason for claim in found.claims}


def test_what_is_kept_by_hand_is_listed_and_never_a_claim() -> None:
    found = compared(TEXT)
    tables = {one.table for one in found.by_hand}
    assert {"gpus", "driver_floors", "generations", "toolkits", "cudnn", "mps"} <= tables
    assert not any(claim.row.split(".")[0] in tables for claim in found.claims)
    assert all(one.rows > 0 for one in found.by_hand)


def test_one_release_can_be_looked_at_alone() -> None:
    rows = {claim.row for claim in compared(TEXT, None, "2.15.0").claims}
    assert all("2.15.0" in row or row.startswith(("torchvision", "torch")) for row in rows)
    assert 'torch."2.14.0"' not in rows


def test_a_partner_page_that_is_missing_leaves_the_partner_open() -> None:
    read = evidence()
    pages = {**read.pages, (PACKAGE_INDEX, "torchvision"): Missing("package index, torchvision: is not there")}
    assert contradicted(compared(TEXT, Evidence(pages, read.wheels))) == []
