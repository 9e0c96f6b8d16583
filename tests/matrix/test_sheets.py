"""What `matrix show` answers agrees with the matrix, with the planner, and with itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from envdoctor.matrix.age import days_between, note
from envdoctor.matrix.reading import PLATFORMS
from envdoctor.matrix.serving import Need, obstacle
from envdoctor.matrix.sheets import ask, cells, serving_gpus
from envdoctor.matrix.sheets.releases import Environment
from envdoctor.matrix.sheets.serving_gpus import MACHINE_CODE, PTX, Asked
from envdoctor.matrix.versions import parts
from envdoctor.model.sheet import NONE, Items, Sheet, Table
from envdoctor.plan.candidates import candidates

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.machine import Capability

DAY = "2026-11-21"
ANYWHERE = Environment()


def answer(
    matrix: Matrix, *words: str, environment: Environment = ANYWHERE, everything: bool = False, day: str = DAY
) -> Sheet:
    return ask.answer(matrix, words, environment, everything=everything, day=day)


def table(sheet: Sheet, name: str) -> Table:
    return next(one for one in sheet.tables if one.name == name)


def column(one: Table, key: str) -> list[object]:
    place = [column.key for column in one.columns].index(key)
    return [row[place] for row in one.rows]


def need(
    capability: Capability, platform: str = "linux-x86_64", driver: str | None = None, api: str | None = None
) -> Need:
    return Need(platform, None, None, platform.partition("-")[0], driver, api, (capability,), cuda=True)


# ---- releases -------------------------------------------------------------------------------------


def test_the_overview_is_newest_first_and_says_what_it_leaves_out(matrix: Matrix) -> None:
    short, whole = (table(answer(matrix, everything=one), "releases") for one in (False, True))
    newest = list(reversed(matrix.versions))
    assert column(short, "torch") == newest[: cells.LATEST]
    assert column(whole, "torch") == [*newest, *reversed(matrix.past_versions)]
    assert f"{len(whole.rows) - cells.LATEST} older releases: --all." in short.notes
    marks = dict(zip(column(whole, "torch"), column(whole, "mark"), strict=True))
    assert {version for version, mark in marks.items() if mark} == set(matrix.past_versions)
    assert [one.key for one in short.columns] == [one.key for one in whole.columns]


def test_a_partner_that_was_never_released_is_none_and_a_default_nobody_read_is_unknown(matrix: Matrix) -> None:
    whole = table(answer(matrix, "torch"), "releases")
    rows = {row[0]: row for row in whole.rows}
    keys = [one.key for one in whole.columns]
    assert rows["2.15.0"][keys.index("torchaudio")] == NONE
    assert rows["1.8.2"][keys.index("default_linux_x86_64")] is None
    assert rows["2.14.0"][keys.index("triton")] == "~=3.8.0 below Python 3.15"
    assert all(len(row) == len(keys) for row in whole.rows)


def test_a_channel_nobody_saw_has_a_mark(matrix: Matrix) -> None:
    whole = table(answer(matrix, everything=True), "releases")
    found = dict(zip(column(whole, "torch"), column(whole, "channels"), strict=True))
    for version, shown in found.items():
        assert isinstance(shown, Items)
        seen = {one.channel for one in matrix.wheels(str(version)) if one.certainty in cells.SEEN and one.cuda}
        assert {item for item in shown.items if not item.endswith("?")} == seen, version


@pytest.mark.parametrize("words", [("2.7",), ("torch", "2.7")])
def test_a_line_is_each_of_its_releases(matrix: Matrix, words: tuple[str, ...]) -> None:
    sheet = answer(matrix, *words)
    assert sheet.title == "torch 2.7.1 and torch 2.7.0"
    assert [one.title for one in sheet.tables if one.name == "builds"] == [
        "Builds of torch 2.7.1",
        "Builds of torch 2.7.0",
    ]


@pytest.mark.parametrize("version", ["2.15.0", "2.7.1", "1.8.2", "0.4.0"])
def test_a_release_has_every_build_with_its_source(matrix: Matrix, version: str) -> None:
    sheet = answer(matrix, version)
    builds = table(sheet, "builds")
    wheels = matrix.wheels(version)
    shown = list(zip(column(builds, "channel"), column(builds, "platform"), strict=True))
    assert shown == [(one.channel, one.platform) for one in wheels]
    for wheel, cuda, driver, sass, source in zip(
        wheels, *(column(builds, key) for key in ("cuda", "driver", "sass", "source")), strict=True
    ):
        assert cuda == (NONE if wheel.channel == "cpu" else wheel.cuda)
        if wheel.cuda:
            assert driver == matrix.driver_floor(wheel.cuda, wheel.platform.partition("-")[0])
        assert (sass is None) == (wheel.sass is None)
        assert source == f"{wheel.source} ({matrix.source(wheel.source).date})"
    named = {str(cell).partition(" ")[0] for cell in column(builds, "source")}
    assert named <= set(column(table(sheet, "sources"), "source"))
    past = version in matrix.past_versions
    assert (f"torch {version} is {cells.JUDGED_NOTE}" in sheet.notes) == past


def test_an_announced_channel_is_told_of(matrix: Matrix) -> None:
    assert (
        "cu130 of torch 2.15.0 was announced and not seen on the index; no plan names it."
        in answer(matrix, "2.15").notes
    )


@pytest.mark.parametrize(
    ("tags", "short"),
    [
        (("cp310", "cp311", "cp312"), "3.10-3.12"),
        (("cp39", "cp310", "cp313", "cp313t"), "3.9-3.10, 3.13, 3.13t"),
        (("cp27", "cp35", "cp36"), "2.7, 3.5-3.6"),
        (("cp310", "cp313t", "cp314", "cp314t"), "3.10, 3.14, 3.13t, 3.14t"),
        (("py3",), "any 3"),
    ],
)
def test_pythons_in_short(tags: tuple[str, ...], short: str) -> None:
    found = cells.pythons(tags)
    assert isinstance(found, Items)
    assert found.short == short
    assert len(found.items) == len(tags)
    assert cells.pythons(()) is None


def test_many_releases_have_a_short_title(matrix: Matrix) -> None:
    first = next(version for version in matrix.versions if version.startswith("2."))
    assert answer(matrix, "2").title == f"torch {matrix.newest_torch} down to torch {first}"


# ---- a platform and a Python ----------------------------------------------------------------------


@pytest.mark.parametrize("platform", [None, *PLATFORMS])
@pytest.mark.parametrize("tag", [None, "cp27", "cp39", "cp314", "cp313t", "cp399"])
def test_an_environment_shows_what_can_be_installed_there(
    matrix: Matrix, platform: str | None, tag: str | None
) -> None:
    environment = Environment(platform, tag)
    sheet = answer(matrix, environment=environment, everything=True)
    shown = column(table(sheet, "releases"), "torch")
    where = platform or "linux-x86_64"
    for release in cells.every_release(matrix):
        tags = release.pythons.get(where)
        there = tags is not None and (not tags or tag is None or tag in tags)
        assert (release.version in shown) == (there or environment == Environment()), release.version
    assert ("No release that was asked for has a wheel there." in sheet.notes) == (not shown)


def test_a_platform_speaks_of_its_own_builds_alone(matrix: Matrix) -> None:
    environment = Environment("windows-x86_64")
    lines = table(answer(matrix, environment=environment), "releases")
    wheels = [one for one in matrix.wheels("2.9.1") if one.platform == "windows-x86_64"]
    row = dict(
        zip([one.key for one in lines.columns], next(row for row in lines.rows if row[0] == "2.9.1"), strict=True)
    )
    assert row["channels"] == cells.channels(wheels)
    assert row["default_windows_x86_64"] == "cpu"
    builds = table(answer(matrix, "2.9.1", environment=environment), "builds")
    assert column(builds, "channel") == [one.channel for one in wheels]
    whole = table(answer(matrix, "torch", environment=environment), "releases")
    assert [one.key for one in whole.columns if one.key.startswith("default")] == ["default_windows_x86_64"]


def test_a_line_without_a_wheel_for_the_python_says_so(matrix: Matrix) -> None:
    sheet = answer(matrix, "2.7", environment=Environment("windows-x86_64", "cp314"))
    assert sheet.title == "torch releases for Python 3.14 on windows-x86_64"
    assert sheet.notes[-1] == "No release that was asked for has a wheel there."


def test_other_tables_do_not_depend_on_an_environment(matrix: Matrix) -> None:
    with pytest.raises(ask.NoSuchTable, match="drivers: a platform and a Python narrow what is shown of torch"):
        answer(matrix, "drivers", environment=Environment("windows-x86_64"))


# ---- GPUs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("driver", [None, "535", "470.82.01", "580.65.06", "700"])
@pytest.mark.parametrize("platform", ["linux-x86_64", "linux-aarch64", "windows-x86_64"])
def test_what_serves_a_gpu_is_what_a_plan_would_say(matrix: Matrix, platform: str, driver: str | None) -> None:
    """For every capability: the builds said to run here are the candidates without an obstacle."""
    api = matrix.driver_cuda(driver) if driver else None
    for capability in sorted({one.capability for one in matrix.gpus} | {(13, 0)}):
        asked = need(capability, platform, driver, api)
        planned = {
            (one.release.version, one.wheel.channel) for one in candidates(matrix, asked) if one.obstacle is None
        }
        shown = {
            (release.version, one.wheel.channel)
            for release in matrix.releases
            for one in serving_gpus.answers(matrix, release, asked)
            if one.runs and one.wheel.standing != "planned"
        }
        if driver:
            assert shown == planned, capability
        else:  # no driver described: PTX needs a new one, which is not held against it
            assert planned <= shown, capability


def test_the_lowest_driver_serves_and_what_is_below_it_does_not(matrix: Matrix) -> None:
    for capability in ((7, 0), (6, 1), (9, 0), (12, 0), (10, 3)):
        for release in matrix.releases[-8:]:
            asked = need(capability)
            for one in serving_gpus.answers(matrix, release, asked):
                if one.kernels not in (MACHINE_CODE, PTX) or one.driver is None:
                    continue
                for driver in serving_gpus._drivers(matrix, asked):
                    here = replace(asked, driver=driver, api=matrix.driver_cuda(driver))
                    if parts(driver) < parts(one.driver):
                        assert obstacle(matrix, release, one.wheel, here) is not None
                    elif driver == one.driver:
                        assert obstacle(matrix, release, one.wheel, here) is None


def test_a_v100(matrix: Matrix) -> None:
    asked = [Asked("V100", (7, 0), matrix.gpu("V100"))]
    found = cells.every_release(matrix)
    sheet = serving_gpus.serving(matrix, asked, need((7, 0)), found, closely=False, everything=False, day=DAY)
    gpu = table(sheet, "gpus")
    assert column(gpu, "last_branch") == [580]
    assert column(gpu, "last_toolkit") == ["12"]
    assert column(gpu, "first_branch") == [None]
    rows = {row[0]: row for row in table(sheet, "releases").rows}
    keys = [one.key for one in table(sheet, "releases").columns]
    newest = rows["2.15.0"]
    assert newest[keys.index("machine_code")] == ""
    assert newest[keys.index("driver")] == ""
    assert rows["2.14.0"][keys.index("machine_code")] == Items(("cu126",))
    assert rows["2.14.0"][keys.index("driver")] == "525.60.13"


def test_the_driver_of_a_jetson_board_is_in_no_branch(matrix: Matrix) -> None:
    boards = [one for one in matrix.gpus if one.kind == "jetson"]
    assert boards
    for one in boards:
        row = serving_gpus.gpu_row(matrix, Asked(one.name, one.capability, one))
        assert row[6:8] == (NONE, NONE), one.name


def test_a_gpu_the_matrix_does_not_know_is_unknown_and_not_dropped(matrix: Matrix) -> None:
    row = serving_gpus.gpu_row(matrix, Asked("compute capability 13.0", (13, 0), None))
    assert row[0] == "compute capability 13.0"
    assert row[2] is None
    assert set(row[4:]) == {None}


def test_old_gpus_reach_back_to_the_last_release_that_serves_them(matrix: Matrix) -> None:
    asked = [Asked("K80", (3, 7), matrix.gpu("K80"))]
    found = cells.every_release(matrix)
    sheet = serving_gpus.serving(matrix, asked, need((3, 7)), found, closely=False, everything=False, day=DAY)
    rows = table(sheet, "releases")
    assert any(column(rows, "machine_code"))
    assert any("older releases: --all" in text for text in rows.notes)


# ---- other tables and words -----------------------------------------------------------------------


def test_every_table_holds_every_row(matrix: Matrix) -> None:
    assert len(table(answer(matrix, "drivers"), "branches").rows) == len(matrix.driver_branches)
    assert len(table(answer(matrix, "cuda"), "toolkits").rows) == len(matrix.toolkits)
    assert len(table(answer(matrix, "gpus"), "gpus").rows) == len(matrix.gpus)
    assert len(table(answer(matrix, "peaks"), "peaks").rows) == len(matrix.peaks)
    assert len(table(answer(matrix, "gpus"), "generations").rows) == len(matrix.generations)
    assert len(table(answer(matrix, "cudnn"), "cudnn").rows) == len(matrix.cudnn_support)
    assert len(table(answer(matrix, "sources"), "sources").rows) == len(matrix.sources)
    assert len(table(answer(matrix, "images"), "images").rows) == len(matrix.images)
    assert len(table(answer(matrix, "conda"), "builds").rows) == len(matrix.conda_forge)
    assert len(table(answer(matrix, "jetson"), "boards").rows) == len(matrix.jetson_sources)
    known = len(matrix.partners["torchvision"]) + len(matrix.past_partners["torchvision"])
    assert len(table(answer(matrix, "torchvision", everything=True), "releases").rows) == known
    assert column(table(answer(matrix, "drivers", "535.104.05"), "branches"), "branch") == [535]
    assert column(table(answer(matrix, "torchvision", "0.22"), "releases"), "version") == ["0.22.1", "0.22.0"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("torhc",), "torhc: no such table or release (did you mean torch"),
        (("2.7.7",), "torch 2.7.7: unknown to this matrix (did you mean 2.7.1 or 2.7.0"),
        (("0.1",), "torch 0.1: unknown to this matrix (did you mean "),
        (("2.99",), "torch 2.99: newer than what this matrix knows, which ends with 2."),
        (("drivers", "9999"), "drivers 9999: newer than what this matrix knows"),
        (("v2.7",), "v2.7: no such table or release (did you mean 2.7?)"),
        (("torch==2.7.1",), "torch==2.7.1: no such table or release (did you mean 2.7.1?)"),
        (("2.7.1+cu118",), "2.7.1+cu118: no such table or release (did you mean 2.7.1?)"),
        (("V100",), "V100: no such table or release (did you mean --gpu 'V100'?)"),
        (("RTX5909",), "--gpu 'GeForce RTX 5090'"),
        (("zzz",), "zzz: no such table or release (tables: torch, torchvision"),
        (("torch", "new"), "new: not a version; write it like 2.7"),
        (("gpus", "2.7"), "gpus 2.7: one table, and one release or version of it"),
        (("torch", "2.7", "2.8"), "torch 2.7 2.8: one table"),
        (("drivers", "12"), "drivers 12: unknown to this matrix"),
        (("x" * 10_000,), "no such table or release"),
        (("",), "no such table or release"),
    ],
)
def test_words_that_mean_nothing(matrix: Matrix, words: tuple[str, ...], says: str) -> None:
    with pytest.raises(ask.NoSuchTable) as caught:
        answer(matrix, *words)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_conda_and_jetson_boards(matrix: Matrix) -> None:
    conda = answer(matrix, "conda")
    assert conda.notes[-1] == "PyTorch's own conda channel, pytorch, ends with torch 2.5.1."
    torches = [str(cell) for cell in column(table(conda, "builds"), "torch")]
    assert torches == sorted(torches, key=parts, reverse=True)
    boards = table(answer(matrix, "jetson"), "boards")
    found = set(zip(column(boards, "l4t"), column(boards, "compute_capability"), column(boards, "place"), strict=True))
    assert (36, "8.7", "jetson-ai-lab") in found


# ---- age ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "old"), [("2027-02-20", False), ("2027-02-21", True), ("2020-01-01", False), ("never", False)]
)
def test_a_matrix_older_than_ninety_days_says_so(matrix: Matrix, day: str, old: bool) -> None:
    said = note(matrix, day)
    assert (said is not None) == old
    assert (said in answer(matrix, day=day).notes) == old
    if said:
        assert f"{matrix.revision}, 91 days old" in said
        assert days_between(matrix.revision, day) == 91
