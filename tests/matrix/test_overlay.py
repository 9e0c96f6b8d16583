"""An organisation's file laid over the shipped matrix: what it adds, what it replaces, and what it may not."""

from __future__ import annotations

import copy
import os
import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envdoctor.matrix import laws
from envdoctor.matrix.load import checked, load_matrix, read_toml
from envdoctor.matrix.matrix import Matrix
from envdoctor.matrix.overlay import CORE, LISTS, ORDERED, SHARED, is_whole, laid_over
from envdoctor.matrix.rows import MatrixError
from envdoctor.matrix.sheets.ask import TABLES, answer
from envdoctor.matrix.sheets.releases import Environment
from envdoctor.model.overlay import OverlayName

if TYPE_CHECKING:
    from collections.abc import Iterator

OURS = Path(__file__).resolve().parents[2] / "compat_matrix.toml"
NEW = """
revision = "2027-01-15"

[sources]
our-ci = { date = "2027-01-14", text = "what our CI saw" }

[python_tags]
ours = ["cp312", "cp313"]

[architectures]
ours = { sass = ["8.0", "9.0"] }

[torch."2.99.0"]
released = "2027-01-10"
requires_python = ">=3.12"
torchvision = "0.99.0"
source = "our-ci"
certainty = "verified"
linux-x86_64 = { default = "cu132", python = "ours", tags = ["manylinux_2_28_x86_64"] }

[torch."2.99.0".cu132]
cuda = "13.2.2"
standing = "stable"
source = "our-ci"
certainty = "verified"
linux-x86_64 = { architectures = "ours", source = "our-ci", certainty = "verified" }

[torchvision.releases]
"0.99.0" = { released = "2027-01-10", torch = "==2.99.0", python = "ours", source = "our-ci", certainty = "verified" }
"""
SOURCED = '\nsource = "our-ci"\ncertainty = "sourced"\n'
OUR_SOURCE = '[sources]\nour-ci = { date = "2026-11-20", text = "ours" }\n'


def lay(tmp_path: Path, text: str, name: str = "ours.toml") -> Matrix:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return load_matrix(path)


def refusal(tmp_path: Path, text: str) -> str:
    with pytest.raises(MatrixError) as caught:
        lay(tmp_path, text)
    said = str(caught.value)
    prefix = f"{tmp_path / 'ours.toml'}: "
    assert said.startswith(prefix)
    assert "\n" not in said
    return said.removeprefix(prefix)


# ---- what it adds ---------------------------------------------------------------------------------


def test_a_release_of_ones_own_stands_beside_ours(tmp_path: Path, matrix: Matrix) -> None:
    laid = lay(tmp_path, NEW)
    assert (laid.revision, laid.latest, laid.newest_torch) == (matrix.revision, "2027-01-15", "2.99.0")
    assert laid.overlay_name == OverlayName("ours.toml", "2027-01-15")
    assert laid.versions == (*matrix.versions, "2.99.0")
    wheel = laid.wheel("2.99.0", "cu132", "linux-x86_64")
    assert wheel is not None
    assert (wheel.sass, wheel.source) == (((8, 0), (9, 0)), "our-ci")
    partner = laid.partner("torchvision", "0.99.0")
    assert partner is not None
    assert (partner.source, partner.certainty) == ("our-ci", "verified")
    for version in matrix.versions:
        assert laid.release(version) == matrix.release(version)
        assert laid.wheels(version) == matrix.wheels(version)
    assert matrix.overlay is None
    assert matrix.overlay_name is None


def test_a_release_between_ours_stands_between_them(tmp_path: Path) -> None:
    text = NEW.replace("2.99.0", "2.14.2").replace("2027-01-10", "2026-10-20").replace("2027", "2026")
    text = text.replace('revision = "2026-01-15"\n', "").replace("2026-01-14", "2026-11-01")
    laid = lay(tmp_path, text)
    assert laid.versions[-3:] == ("2.14.1", "2.14.2", "2.15.0")
    assert laid.overlay_name == OverlayName("ours.toml", None)


def test_a_channel_is_added_and_the_others_stay(tmp_path: Path, matrix: Matrix) -> None:
    channel = f'[torch."2.14.1".cu129]\ncuda = "12.9.1"\nstanding = "experimental"{SOURCED}'
    build = '[torch."2.14.1".cu129.linux-x86_64]\nsource = "our-ci"\ncertainty = "inferred"\n'
    laid = lay(tmp_path, OUR_SOURCE + channel + build)
    assert {wheel.channel for wheel in laid.wheels("2.14.1")} - {one.channel for one in matrix.wheels("2.14.1")} == {
        "cu129"
    }
    assert laid.release("2.14.1") == matrix.release("2.14.1")


def test_gpus_and_drivers_are_added(tmp_path: Path) -> None:
    gpu = f'[[gpus]]\ncapability = "9.0"\ngeneration = "Hopper"\nkind = "datacenter"\nnames = ["H900 Custom"]{SOURCED}'
    branch = '[driver_branches]\n700 = { cuda = "14.0", source = "our-ci", certainty = "sourced" }\n'
    laid = lay(tmp_path, OUR_SOURCE + gpu + branch)
    found = laid.gpu("NVIDIA H900 Custom")
    assert found is not None
    assert found.capability == (9, 0)
    assert laid.driver_cuda("700.1") == "14.0"
    assert laid.driver_cuda("535.1") == "12.2"


# ---- what it replaces -----------------------------------------------------------------------------


def test_a_row_is_replaced_whole_and_what_hangs_below_it_stays(tmp_path: Path, matrix: Matrix) -> None:
    row = f'[torch."2.14.1".cu126]\ncuda = "12.6.3"\nstanding = "stable"{SOURCED}'
    laid = lay(tmp_path, OUR_SOURCE + row)
    before, after = (one.wheel("2.14.1", "cu126", "linux-x86_64") for one in (matrix, laid))
    assert before is not None
    assert after is not None
    assert (after.standing, after.pins_source, after.cudnn, after.nccl) == ("stable", "our-ci", None, None)
    assert before.cudnn is not None
    assert (after.sass, after.source, after.certainty) == (before.sass, before.source, before.certainty)


def test_a_gpu_of_ours_goes_by_the_row_that_names_it_anew(tmp_path: Path, matrix: Matrix) -> None:
    row = f'[[gpus]]\ncapability = "8.9"\ngeneration = "Ada"\nkind = "workstation"\nnames = ["NVIDIA L4"]{SOURCED}'
    ours = matrix.gpu("NVIDIA L4")
    assert ours is not None
    laid = lay(tmp_path, OUR_SOURCE + row.replace("NVIDIA L4", ours.name))
    found = laid.gpu("NVIDIA L4")
    assert found is not None
    assert (found.kind, found.source) == ("workstation", "our-ci")
    assert len(laid.gpus) == len(matrix.gpus)


def test_a_generation_shares_out_its_capabilities(tmp_path: Path, matrix: Matrix) -> None:
    row = f'[[generations]]\nname = "Volta"\ncapabilities = ["7.0"]\nlast_toolkit = "12"\nlast_branch = 570{SOURCED}'
    laid = lay(tmp_path, OUR_SOURCE + row)
    assert (matrix.last_driver_branch((7, 0)), laid.last_driver_branch((7, 0))) == (580, 570)
    assert laid.last_driver_branch((6, 1)) == 580


def test_a_row_that_begins_with_a_version_keeps_the_order(tmp_path: Path, matrix: Matrix) -> None:
    row = f'[[cudnn]]\nfrom = "9.10.2"\ncapabilities = ["5.0", "6.0", "7.0", "8.0", "9.0", "10.0", "12.0"]{SOURCED}'
    laid = lay(tmp_path, OUR_SOURCE + row)
    assert [one.since for one in laid.cudnn_support] == [one.since for one in matrix.cudnn_support]
    assert laid.cudnn_support[1].source == "our-ci"


def test_a_source_of_ours_that_is_left_unused_is_no_breach(tmp_path: Path, matrix: Matrix) -> None:
    alone = next(row for row in matrix.cuda_floors if row.major == 13)
    text = "".join(
        f'[driver_floors.{row.major}]\nlinux = "{row.linux}"\nwindows = "{row.windows}"{SOURCED}'
        for row in matrix.cuda_floors
    )
    laid = lay(tmp_path, OUR_SOURCE + text)
    named = set(laws._named_sources({key: value for key, value in laid.root.cells.items() if key != "sources"}))
    assert alone.source not in named
    assert {row.source for row in laid.cuda_floors} == {"our-ci"}


# ---- what it withholds ----------------------------------------------------------------------------


def test_a_release_is_withheld_without_another_figure(tmp_path: Path, matrix: Matrix) -> None:
    laid = lay(tmp_path, '[torch."2.13.0"]\nwithheld = "breaks our data loader"\n')
    release, ours = laid.release("2.13.0"), matrix.release("2.13.0")
    assert release is not None
    assert ours is not None
    assert release.withheld == "breaks our data loader"
    assert release._replace(withheld=None) == ours
    assert laid.wheels("2.13.0") == matrix.wheels("2.13.0")


# ---- a file that is whole -------------------------------------------------------------------------


def test_a_whole_file_takes_the_place_of_ours(tmp_path: Path, matrix: Matrix) -> None:
    text = OURS.read_text(encoding="utf-8").replace(f'revision = "{matrix.revision}"', 'revision = "2026-12-24"')
    whole = lay(tmp_path, text)
    assert (whole.revision, whole.overlay, whole.overlay_name) == ("2026-12-24", None, None)
    assert is_whole(read_toml(OURS))
    for table in CORE:
        assert not is_whole({key: value for key, value in read_toml(OURS).items() if key != table})


def test_our_own_rows_laid_over_ours_change_nothing() -> None:
    ours = read_toml(OURS)
    for table in ours.keys() - {"revision", "history", "torchvision", "torchaudio", "images", "cuda_images"}:
        merged, _ = laid_over(ours, {table: copy.deepcopy(ours[table])}, "x")
        assert merged == ours, table
        if table in ORDERED:
            assert list(merged[table]) == list(ours[table]), f"{table}: in another order"


def test_every_list_and_ordered_table_of_the_file_is_known_here() -> None:
    ours = read_toml(OURS)
    assert {key for key, value in ours.items() if isinstance(value, list)} <= LISTS.keys()
    for name in ORDERED:
        table: object = ours
        for key in name.split("."):
            assert isinstance(table, dict)
            table = table[key]
        assert table, name


# ---- what is refused ------------------------------------------------------------------------------

REFUSED = {
    "no row at all": ("", "holds no row to lay over the shipped matrix"),
    "a revision alone": ('revision = "2026-12-01"', "holds no row"),
    "a table that is none": ('[torhc."2.9.0"]\nx = "y"', "torhc: unknown key"),
    "a cell that is none": ('[torch."2.13.0"]\nwitheld = "x"', "torch.2.13.0.witheld: unknown key"),
    "a row without its cells": (f'[torch."2.13.0"]{SOURCED}{OUR_SOURCE}', "torch.2.13.0.released: is missing"),
    "withheld that is no text": ('[torch."2.13.0"]\nwithheld = true', "torch.2.13.0.withheld: must be text"),
    "withheld without a reason": ('[torch."2.13.0"]\nwithheld = " "', "torch 2.13.0: `withheld` is empty; say why"),
    "a release that is not there": (
        '[torch."2.13"]\nwithheld = "x"',
        "torch.2.13: withholds a release that the matrix does not have",
    ),
    "cuDNN for no GPU": (f'{OUR_SOURCE}[[cudnn]]\nfrom = "9.99"{SOURCED}', "from 9.99 names no compute capability"),
    "cuDNN for nothing": (
        f'{OUR_SOURCE}[[cudnn]]\nfrom = "9.99"\ncapabilities = []{SOURCED}',
        "from 9.99 names no compute capability",
    ),
    "a GPU of ours, spelled otherwise": (
        f'{OUR_SOURCE}[[gpus]]\ncapability = "9.0"\ngeneration = ""\nkind = "consumer"\nnames = ["NVIDIA L4"]{SOURCED}',
        "'L4' does not find itself; 'NVIDIA L4' is the same name",
    ),
    "a number without end": (f"x = {'9' * 5000}", "not TOML: a number has too many digits"),
    "a byte order mark": ('\ufeff[torch."2.13.0"]\nwithheld = "x"', "begins with a byte order mark"),
    "history, which no plan names": (
        '[history.torch."1.4.0"]\nwithheld = "x"',
        "history.torch.1.4.0.withheld: unknown key",
    ),
    "a source that is not named": (
        '[driver_floors.13]\nlinux = "580.65.06"\nwindows = "580"\nsource = "hearsay"\ncertainty = "sourced"',
        "a row names 'hearsay'",
    ),
    "a source that nobody names": (OUR_SOURCE, "our-ci: no row names it"),
    "a source of ours with another meaning": (
        '[sources]\nwheel-metadata = { date = "2026-01-01", text = "x" }',
        "sources.wheel-metadata: is a name of the matrix itself",
    ),
    "a list of ours with another meaning": (
        '[architectures]\nturing-blackwell = { sass = ["9.0"] }',
        "architectures.turing-blackwell: is a name of the matrix itself",
    ),
    "a list that is not used": ('[python_tags]\nmine = ["cp312"]', "python_tags.mine is not used"),
    "a partner without a source": (
        '[torchvision.releases]\n"0.99.0" = { released = "2026-11-01", torch = "==2.15.0", python = "py3" }',
        "torchvision.releases.0.99.0.source: is missing; ours does not speak for your row",
    ),
    "a day after the revision": (
        NEW.replace('revision = "2027-01-15"', ""),
        "is not a date up to the revision 2026-11-22; state a later `revision` in this file",
    ),
    "a revision that is no date": ('revision = "1"\n[torch."2.13.0"]\nwithheld = "x"', "revision '1' is not a date"),
    "a revision that is no text": ('revision = 1\n[torch."2.13.0"]\nwithheld = "x"', "revision: must be text"),
    "another partner's torch": (NEW.replace('torch = "==2.99.0"', 'torch = "==2.98.0"'), "asks for torch ==2.98.0"),
    "kernels before their toolkit": (NEW.replace('"9.0"]', '"6.0"]').replace('"8.0", ', ""), "6.0 after CUDA 12"),
    "a channel without a driver floor": (
        NEW.replace("cu132", "cu140").replace("13.2.2", "14.0"),
        "cu140: none for linux",
    ),
    "a row that is text": ('torch = "x"', "torch: must be a table"),
    "a list that is a table": ('[gpus]\nx = "y"', "gpus: must be a list of tables"),
    "a row of a list that is text": ('gpus = ["x"]', "must be a table"),
    "a name nested without end": ('torch."2.13.0".' + "a." * 200 + 'b = "1"', "torch.2.13.0.a: unknown key"),
    "control characters": ('["\\u001b[31mx\\n"]\na = "1"', "unknown key"),
}


@pytest.mark.parametrize("text, message", REFUSED.values(), ids=REFUSED)  # noqa: PT006
def test_what_is_refused_is_one_line_with_file_and_row(tmp_path: Path, text: str, message: str) -> None:
    assert message in refusal(tmp_path, text)


def test_reports_name_the_file_without_its_folder(tmp_path: Path) -> None:
    laid = lay(tmp_path, '[torch."2.13.0"]\nwithheld = "x"\n')
    assert laid.overlay_name == OverlayName("ours.toml", None)
    assert str(laid.overlay_name) == "ours.toml"
    assert os.sep not in str(OverlayName("ours.toml", "2026-12-01"))


# ---- whatever is laid over ------------------------------------------------------------------------

KEYS = st.sampled_from([
    *("torch", "2.13.0", "cu126", "linux-x86_64", "sources", "gpus", "names", "capabilities", "source", "releases"),
    *("torchvision", "history", "driver_branches", "cudnn", "from", "glibc", "floors", "withheld", "revision", "x"),
])  # fmt: skip
NODES = st.recursive(
    st.text(max_size=5) | st.integers() | st.booleans(),
    lambda node: st.lists(node, max_size=3) | st.dictionaries(KEYS, node, max_size=4),
    max_leaves=12,
)
SHIPPED = read_toml(OURS)


@given(st.dictionaries(KEYS, NODES, max_size=4))
def test_any_document_is_laid_over_or_refused_and_ours_stays_as_it_is(document: dict[str, object]) -> None:
    before = str(SHIPPED)
    refused = "x.toml: "
    try:
        merged, overlay = laid_over(SHIPPED, document, "x.toml")  # type: ignore[arg-type]
        next(laws.broken(Matrix(merged, "x.toml", overlay)), None)
    except MatrixError as error:
        refused = str(error)
    assert refused.startswith("x.toml: ")
    assert "\n" not in refused
    assert str(SHIPPED) == before


def _places(node: object, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every cell and table of the document by its keys, of a list the last item alone."""
    yield place
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _places(value, (*place, key))
    elif isinstance(node, list) and node:
        yield from _places(node[-1], (*place, len(node) - 1))


def _kind(place: tuple[str | int, ...]) -> str:
    """What a place is alike to: cells of the same name, whatever release or channel they belong to."""
    named = [re.sub(r"[\d.]+", "#", str(key)) for key in place]
    return ".".join([*named[:1], "*", *named[2:]] if named[0] in ("sources", "python_tags", "architectures") else named)


KINDS: dict[str, list[tuple[str | int, ...]]] = {}
for found in _places(SHIPPED):
    if found:
        KINDS.setdefault(_kind(found), []).append(found)
WRONG: tuple[object, ...] = (
    *(None, "", " ", "x", "1", "9999", "1.2.3.4.5.6", "9" * 400, "-1", "٣.٣", "1..2", "2.9.0+cu126", "\n\x1b[31m"),
    *(0, -1, 10**30, True, 1.5, float("nan"), date(2026, 1, 1), [], [[]], ["x"], [1], [{}], {}, {"x": {}}, {"": ""}),
)


@given(st.sampled_from(sorted(KINDS)), st.sampled_from(WRONG), st.data())
def test_any_cell_may_hold_anything(kind: str, wrong: object, data: st.DataObject) -> None:
    """It is refused in one line, or every table can be shown with it. None: the cell is not there."""
    *way, last = data.draw(st.sampled_from(KINDS[kind]))
    document: Any = dict(SHIPPED)
    node = document
    for key in way:
        node[key] = copy.copy(node[key])
        node = node[key]
    if wrong is None:
        del node[last]
    else:
        node[last] = wrong
    refused = "x.toml: "
    try:
        mended = checked(Matrix(document, "x.toml"))
        for table in (*TABLES, mended.newest_torch):
            answer(mended, (table,), Environment(), everything=True, day="2026-11-21")
    except MatrixError as error:
        refused = str(error)
    assert refused.startswith("x.toml: ")
    assert "\n" not in refused


# ---- the example of the documentation --------------------------------------------------------------

EXAMPLE = OURS.parent / "docs/examples/overlay.toml"
HOW_TO = OURS.parent / "docs/how-to/overlay.md"


def test_the_example_does_what_the_how_to_says(matrix: Matrix) -> None:
    laid = load_matrix(EXAMPLE)
    assert laid.overlay_name == OverlayName("overlay.toml", "2027-01-15")
    withheld = laid.release("2.13.0")
    assert withheld is not None
    assert withheld.withheld == "hangs in our data loader, ticket ML-311"
    release = laid.release("2.15.7")
    assert release is not None
    assert (release.torchvision, release.default_channel) == ("0.29.7", {"linux-x86_64": "cu126"})
    assert [(one.channel, one.platform) for one in laid.wheels("2.15.7")] == [
        ("cu126", "linux-x86_64"),
        ("cpu", "linux-x86_64"),
    ]
    assert laid.driver_floor("12.6", "linux") == "535.54.03"
    assert laid.driver_floor("13.0", "linux") == matrix.driver_floor("13.0", "linux")
    gpu = laid.gpu("Research A100 slice")
    assert gpu is not None
    assert gpu.capability == (8, 0)


def test_the_how_to_tells_what_the_code_holds() -> None:
    text = HOW_TO.read_text(encoding="utf-8")
    for table in CORE:
        assert f"`{table}`" in text
    for shared in SHARED:
        assert f"`[{shared}]`" in text
    block = text.split("```toml\n")[1].split("```")[0]
    assert block in EXAMPLE.read_text(encoding="utf-8")
