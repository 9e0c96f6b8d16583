"""The file brought up to date: what was wrong is right again, what was missing is there, all else is untouched."""

from __future__ import annotations

import difflib
import re
from dataclasses import replace

from test_upkeep_compare import TEXT, TORCH, WRONG, channel_page, corrupted, whole

from envdoctor.matrix import laws
from envdoctor.upkeep.evidence import Build, Evidence, Missing, Seen
from envdoctor.upkeep.gather import Scope
from envdoctor.upkeep.refresh import Refreshed, refreshed
from upkeep.recorded_index import contents, evidence, matrix_of, recorded_files, without_days

SAME_DAY = matrix_of(TEXT).sources["wheel-metadata"].date
"""The day on which the wheels of our file were read last: a refresh on it has no date to write."""
LATER = "2027-01-09"
NEWEST = "torch-2.15.0-cp315-cp315-manylinux_2_28_x86_64.whl"


def refresh(text: str, read: Evidence | None = None, day: str = SAME_DAY, *only: str) -> Refreshed:
    return refreshed(text, matrix_of(text), read or evidence(), Scope(frozenset(only), new=True), day)


def changed_lines(before: str, after: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in lines if line[0] in "+-" and not line.startswith(("+++", "---"))]


def without_newest() -> str:
    """Our file as it was before torch 2.15.0 and torchvision 0.29.2 came out, with what names 2.15.0 moved."""
    begins = TEXT.index('[torch."2.15.0"]')
    text = TEXT[:begins] + TEXT[TEXT.index("# -----", begins) :]
    return re.sub(r'(?m)^"0\.29\.2" = .*\n|^"3\.11-3\.15-and-3\.14t-3\.15t" .*\n', "", text)


def test_ours_is_left_as_it_is() -> None:
    assert refresh(TEXT) == Refreshed(TEXT, ())


def test_every_wrong_cell_is_mended_and_nothing_else_touched() -> None:
    broken = TEXT
    for table, there, instead, _ in WRONG:
        if instead and "torchvision = " not in there:  # a wrong partner is told apart below
            broken = corrupted(table, there, instead, broken)
    assert len(changed_lines(TEXT, broken)) > 2 * 14
    assert refresh(broken, whole()).text == TEXT


def test_a_wrong_partner_is_replaced_by_the_one_that_names_the_release() -> None:
    assert refresh(corrupted(*WRONG[2][:3])) == Refreshed(TEXT, ())


def test_a_partner_that_was_never_published_is_replaced() -> None:
    wrong = corrupted('[torch."2.14.0"]', 'torchvision = "0.29.0"', 'torchvision = "9.9.9"')
    assert refresh(wrong, whole()).text == TEXT
    assert refresh(wrong).text == wrong  # a copy need not hold it


def test_a_row_below_a_wrong_default_is_mended_in_the_same_run() -> None:
    """While cu130 is not the default channel of Linux, its cells are asked of the wheel index."""
    wrong = corrupted(
        '[torch."2.14.0"]', 'linux-x86_64   = { default = "cu130"', 'linux-x86_64   = { default = "cu126"'
    )
    wrong = corrupted('[torch."2.14.0".cu130]', '"turing-blackwell"', '"volta-blackwell"', wrong)
    found = refresh(wrong)
    assert found.text == TEXT
    assert refresh(found.text) == found


def test_a_withdrawn_partner_is_marked() -> None:
    mended = refresh(corrupted("[torchvision.releases]", ', yanked = "Contains an incorrect torch dependency"', ""))
    assert matrix_of(mended.text).root.cells == matrix_of(TEXT).root.cells


def test_what_is_not_withdrawn_any_more_is_not_marked() -> None:
    marked = corrupted("[torchvision.releases]", '"0.29.0" = { ', '"0.29.0" = { yanked = "x", ')
    assert refresh(marked, whole()).text == TEXT
    assert refresh(marked).text == marked  # a copy need not know


def test_cells_that_were_left_open_are_filled_in_at_their_place() -> None:
    text = TEXT
    for cell in ('nccl = "2.30.7"', 'cudnn = "9.24.0.43"', 'cuda = "13.0.3"'):
        text = corrupted('[torch."2.14.0".cu130]', f"{cell}\n", "", text)
    for cell in ('triton = "~=3.8.0"', 'triton_python_below = "3.15"', 'torchvision = "0.29.0"'):
        text = corrupted('[torch."2.14.0"]', f"{cell}\n", "", text)
    assert refresh(text).text == TEXT


def test_a_pin_the_wheel_does_not_have_is_taken_out() -> None:
    held = contents("torch-2.14.0-cp314-cp314-manylinux_2_28_x86_64.whl")
    assert held is not None
    without = replace(held, requires=tuple(line for line in held.requires if not line.startswith("triton")))
    mended = refresh(TEXT, evidence(changed={"torch-2.14.0-cp314-cp314-manylinux_2_28_x86_64.whl": without}))
    begins = mended.text.index('[torch."2.14.0"]')
    assert "triton" not in mended.text[begins : mended.text.index("source", begins)]


def test_a_release_that_was_missing_is_back_as_it_was() -> None:
    found = refresh(without_newest())
    assert found.left == ()
    ours, theirs = matrix_of(TEXT), matrix_of(found.text)
    assert theirs.release("2.15.0") == ours.release("2.15.0")
    assert theirs.partner("torchvision", "0.29.2") == ours.partner("torchvision", "0.29.2")
    for platform in ("linux-x86_64", "linux-aarch64"):
        assert theirs.wheel("2.15.0", "cu132", platform) == ours.wheel("2.15.0", "cu132", platform)
    # What no index tells is not made up.
    assert theirs.wheel("2.15.0", "cu130", "linux-x86_64") is None
    assert theirs.wheel("2.15.0", "cu132", "windows-x86_64") is None
    assert list(laws.broken(theirs)) == []
    assert list(theirs.versions) == list(ours.versions)


def test_only_lines_that_nothing_names_any_more_go_with_it() -> None:
    before = without_newest()
    removed = [line for line in changed_lines(before, refresh(before).text) if line.startswith("-")]
    assert sorted(line.split()[0] for line in removed) == ['-"same-as-2.14"', '-"torch-2.15-plan"', "-same-as-cu132"]


def test_a_second_refresh_changes_nothing() -> None:
    first = refresh(without_newest(), day=LATER)
    assert refresh(first.text, day=LATER) == first


def test_a_new_release_gets_lists_of_its_own() -> None:
    """A torch nobody has seen: another Python, another GPU, another platform tag."""
    files = tuple(
        replace(
            file,
            version="2.16.0",
            filename=file.filename.replace("2.15.0", "2.16.0"),
            uploaded="2027-01-07",
            pythons=tuple(tag.replace("cp314", "cp316") for tag in file.pythons),
        )
        for file in TORCH
        if file.version == "2.15.0"
    )
    held = {
        file.filename: replace(
            old, version=old.version.replace("2.15.0", "2.16.0"), sass=(*old.sass, (12, 1)) if old.sass else old.sass
        )
        for file in files
        if (old := contents(file.filename.replace("2.16.0", "2.15.0"))) is not None
    }
    pages = {**recorded_files(), "torch": (*TORCH, *files)}
    # The newest Python is another one now, whose wheel speaks.
    speakers = {name.replace("cp315-cp315-", "cp316-cp316-"): held[name] for name in held}
    speakers |= {name.replace("cp315-cp315-", "cp314-cp314-"): held[name] for name in held}
    found = refresh(TEXT, evidence(pages, {**held, **speakers}), LATER)
    assert found.left == ()
    theirs = matrix_of(found.text)
    assert list(laws.broken(theirs)) == []
    row = theirs.release("2.16.0")
    assert row is not None
    assert (row.released, theirs.newest_torch, theirs.revision) == ("2027-01-07", "2.16.0", LATER)
    assert row.pythons["linux-x86_64"] == ("cp311", "cp312", "cp313", "cp315", "cp315t", "cp316", "cp316t")
    wheel = theirs.wheel("2.16.0", "cu132", "linux-x86_64")
    assert wheel is not None
    assert (12, 1) in (wheel.sass or ())
    added = [line for line in changed_lines(TEXT, found.text) if line.startswith("+")]
    assert any(line.startswith('+"3.11-3.16-and-3.15t-3.16t" ') for line in added)
    assert any(line.startswith("+turing-blackwell-2 ") for line in added)


def test_the_day_of_reading_is_noted_and_never_goes_back() -> None:
    later = refresh(TEXT, day=LATER).text
    assert changed_lines(TEXT, later)[1::2] != []
    assert {re.sub(r"^[+-]|\s.*", "", line) for line in changed_lines(TEXT, later)} == {
        "revision",
        "wheel-metadata",
        "wheel-flags",
    }
    assert refresh(later, day="2026-01-01").text == later


def test_without_architectures_their_source_keeps_its_day() -> None:
    read = replace(evidence(), architectures=False)
    assert 'wheel-flags           = { date = "2026-11-21"' in refresh(TEXT, read, LATER).text


def test_one_release_alone_dates_nothing_when_nothing_changes() -> None:
    assert refresh(TEXT, None, LATER, "2.15.0").text == TEXT


def test_days_the_index_does_not_name_are_those_of_first_sight() -> None:
    pages = {project: without_days(files) for project, files in recorded_files().items()}
    found = refresh(without_newest(), evidence(pages), LATER)
    row = matrix_of(found.text).release("2.15.0")
    assert row is not None
    assert row.released == LATER
    assert "this is the day on which the release was first seen" in found.text
    assert row.torchvision == "0.29.2"


def test_a_release_whose_wheel_cannot_be_read_is_not_written() -> None:
    read = evidence()
    wheels = {
        build: Missing("the wheel is too slow") if build.version == "2.15.0" else seen
        for build, seen in read.wheels.items()
    }
    found = refresh(without_newest(), Evidence(read.pages, wheels))
    assert 'torch."2.15.0"' not in found.text
    assert found.left == ("torch 2.15.0 was not added: linux-x86_64: the wheel is too slow",)


def test_a_row_kept_by_hand_that_is_contradicted_names_the_wheel() -> None:
    """cu126 of 2.14.0 is a row of a document; a wheel on that channel tells otherwise."""
    read = whole(channel_page("cu126", less=("linux-aarch64", "windows-x86_64")))
    held = contents("torch-2.14.0-cp314-cp314-manylinux_2_28_x86_64.whl")
    assert held is not None
    other = replace(
        held,
        version="2.14.0+cu126",
        cuda="12.6",
        requires=('nvidia-cudnn-cu12==9.10.2.22; platform_system == "Linux"', "nvidia-nccl-cu12==2.29.3"),
        sass=((5, 0), (6, 0), (7, 0), (7, 5), (8, 0), (8, 6), (9, 0)),
        ptx=(),
    )
    build = Build("cu126", "torch", "2.14.0", "linux-x86_64")
    read = replace(read, wheels={**read.wheels, build: Seen("torch-2.14.0+cu126-cp314.whl", other)})
    found = refresh(TEXT, read, SAME_DAY, "2.14.0")
    lines = [line for line in changed_lines(TEXT, found.text) if not line[1:].startswith("channel-metadata")]
    assert lines == [
        '-cudnn = "9.10.2.21"',
        '+cudnn = "9.10.2.22"',
        '-source = "release-md"',
        '-certainty = "sourced"',
        '+source = "channel-metadata"',
        '+certainty = "verified"',
    ]
    assert found.left == (
        'torch."2.14.0".cu126.linux-aarch64: the matrix says published, found not on the index',
        'torch."2.14.0".cu126.windows-x86_64: the matrix says published, found not on the index',
    )
    assert list(laws.broken(matrix_of(found.text))) == []


def test_a_channel_that_was_announced_and_is_there_is_unadvertised() -> None:
    found = refresh(TEXT, channel_page("cu130", more=("2.15.0", "linux-x86_64")))
    begins = found.text.index('[torch."2.15.0".cu130]')
    row = found.text[begins : begins + 200]
    assert 'standing = "unadvertised"\nsource = "channel-metadata"' in row


def test_a_withdrawn_release_is_withheld_from_plans() -> None:
    files = tuple(replace(file, yanked="broken" if file.version == "2.14.0" else None) for file in TORCH)
    found = refresh(TEXT, evidence({**recorded_files(), "torch": files}))
    row = matrix_of(found.text).release("2.14.0")
    assert row is not None
    assert row.withheld == "withdrawn from the package index: broken"
    assert refresh(found.text, evidence({**recorded_files(), "torch": files})) == found


def test_a_release_that_is_gone_is_left_to_a_person() -> None:
    gone = {**recorded_files(), "torch": tuple(file for file in TORCH if file.platform != "macos-arm64")}
    found = refresh(TEXT, evidence(gone))
    assert found.text == TEXT  # the index lacks the platform for most releases: somebody's selection
    assert found.left == ()


def test_platforms_and_default_channels_that_have_no_row_get_one() -> None:
    text = TEXT
    for table in ('[torch."2.14.0"]', '[torch."2.14.0".cu130]'):
        begins = text.index(table)
        line = text.index("linux-aarch64", begins)
        text = text[:line] + text[text.index("\n", line) + 1 :]
    found = refresh(text)
    assert matrix_of(found.text).release("2.14.0") == matrix_of(TEXT).release("2.14.0")
    ours = matrix_of(TEXT).wheel("2.14.0", "cu130", "linux-aarch64")
    assert matrix_of(found.text).wheel("2.14.0", "cu130", "linux-aarch64") == ours


def test_wheels_of_one_row_that_disagree_are_left_to_a_person() -> None:
    name = "torch-2.14.0-cp314-cp314-manylinux_2_28_aarch64.whl"
    held = contents(name)
    assert held is not None
    other = replace(held, requires=("nvidia-cudnn-cu13==9.1.1.1", "nvidia-nccl-cu13==2.30.7", "cuda-toolkit==13.0.3"))
    broken = corrupted('[torch."2.14.0".cu130]', 'cudnn = "9.24.0.43"', 'cudnn = "9.2.2.2"')
    found = refresh(broken, evidence(changed={name: other}))
    assert found.left == ('torch."2.14.0".cu130.cudnn: the wheels of its platforms do not agree',)
    assert refresh(found.text, evidence(changed={name: other})) == found
