"""`envdoctor matrix show` on the command line: formats, files, overlays, and what it refuses in one line."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from machines import machine_snapshot, run_cli
from scenarios.shipped_schemas import validate

if TYPE_CHECKING:
    from pathlib import Path

WITHHELD = '[torch."2.13.0"]\nwithheld = "breaks our data loader"\n'


def show(*words: str) -> str:
    said = run_cli(["matrix", "show", *words])
    assert (said.exit_code, said.stderr) == (0, ""), said.stderr
    return said.stdout


def refused(*words: str) -> str:
    said = run_cli(["matrix", *words])
    assert said.exit_code == 2
    assert said.stdout == ""
    assert not said.shows_traceback
    assert said.stderr.count("\n") == 1, said.stderr
    return said.stderr


def test_the_latest_releases() -> None:
    lines = show().splitlines()
    assert lines[0] == "torch releases"
    assert lines[1].startswith("Compatibility matrix of ")
    assert all(len(line) <= 80 for line in lines)
    assert "\x1b" not in "".join(lines)


def test_one_gpu_and_a_driver_as_json() -> None:
    document = json.loads(show("--gpu", "V100", "--driver", "535", "--format", "json"))
    validate(document)
    gpu, releases = document["tables"]
    assert gpu["rows"][0]["gpu"] == "V100"
    assert gpu["rows"][0]["first_branch"] is None
    rows = {row["torch"]: row for row in releases["rows"]}
    assert rows["2.14.0"]["machine_code"] == ["cu126"]
    assert rows["2.14.0"]["runs"] == ["cu126"]
    assert "cu130" in rows["2.14.0"]["no"]


def test_a_python_on_a_platform() -> None:
    text = show("--python-version", "3.14", "--platform", "windows-x86_64", "--all")
    lines = text.splitlines()
    assert lines[0] == "torch releases for Python 3.14 on windows-x86_64"
    assert any(line.startswith("2.9.0 ") for line in lines)
    assert not any(line.startswith("2.8.0 ") for line in lines)


def test_a_gpu_with_a_python_is_served_by_releases_for_it() -> None:
    words = ("--gpu", "V100", "--python-version", "3.14", "--format", "json")
    document = json.loads(show(*words))
    assert document["title"] == "torch for V100 on linux-x86_64 for Python 3.14"
    rows = {row["torch"]: row for row in document["tables"][1]["rows"]}
    assert rows["2.9.0"]["machine_code"] == ["cu126", "cu128"]
    assert rows["2.8.0"]["machine_code"] == ""
    assert rows["2.8.0"]["no"] == ["cu126", "cu128", "cu129"]


def test_several_gpus_are_served_together_and_twice_the_same_is_one() -> None:
    document = json.loads(
        show("2.8", "--gpu", "V100", "--gpu", "V100", "--compute-capability", "9.0", "--format", "json")
    )
    gpus, releases, builds, sources = document["tables"]
    assert [row["capability" if "capability" in row else "compute_capability"] for row in gpus["rows"]] == [
        "7.0",
        "9.0",
    ]
    assert [row["torch"] for row in releases["rows"]] == ["2.8.0"]
    assert {row["torch"] for row in builds["rows"]} == {"2.8.0"}
    assert sources["rows"]


def test_files_of_every_format(tmp_path: Path) -> None:
    paths = {form: tmp_path / form for form in ("terminal", "markdown", "json")}
    assert show("drivers", *(word for form, path in paths.items() for word in ("-o", f"{form}={path}"))) == ""
    assert paths["terminal"].read_text().startswith("NVIDIA drivers\n")
    assert "| branch | CUDA |" in paths["markdown"].read_text()
    validate(json.loads(paths["json"].read_text()))
    assert show("drivers", "--format", "markdown") == paths["markdown"].read_text()


def test_an_overlay_is_shown_and_named(tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    path.write_text(f'revision = "2026-12-01"\n{WITHHELD}')
    text = show("--matrix", str(path))
    assert "with ours.toml of 2026-12-01 laid over it" in text
    assert re.search(r"^2\.13\.0 .* withheld:", text, re.MULTILINE)
    document = json.loads(show("2.13", "--matrix", str(path), "--format", "json"))
    assert document["matrix"]["overlay"] == {"file": "ours.toml", "revision": "2026-12-01"}
    assert document["notes"] == ["torch 2.13.0 is withheld: breaks our data loader."]
    assert str(tmp_path) not in json.dumps(document)


def test_a_report_says_which_matrix_and_a_plan_names_nothing_that_is_withheld(tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    path.write_text(WITHHELD.replace("2.13.0", "2.14.1") + WITHHELD.replace("2.13.0", "2.14.0"))
    described = ["plan", "--driver", "580.65.06", "--gpu", "V100", "--format", "json"]
    assert run_cli(described).json()["target"]["torch"].startswith("2.14.")
    assert run_cli([*described, "--matrix", str(path)]).json()["target"]["torch"] == "2.13.0"
    asked = run_cli([*described, "--matrix", str(path), "--torch", "2.14"]).json()
    assert asked["target"] is None
    reasons = "2.14.1: breaks our data loader; 2.14.0: breaks our data loader"
    assert f"torch releases that are not withheld ({reasons})" in asked["conflict"]["constraints"]


def test_what_is_installed_and_withheld_is_no_defect(tmp_path: Path) -> None:
    from envdoctor.codec.json_value import document_text
    from envdoctor.codec.snapshot import encode

    snapshot = tmp_path / "machine.json"
    snapshot.write_text(document_text(encode(machine_snapshot(driver="580.65.06", torch="2.13.0+cu130"))))
    path = tmp_path / "ours.toml"
    path.write_text(WITHHELD)
    words = ["check", "--snapshot", str(snapshot), "--format", "json"]
    ours, theirs = run_cli(words).json(), run_cli([*words, "--matrix", str(path)]).json()
    assert theirs["matrix"] == {**ours["matrix"], "overlay": {"file": "ours.toml", "revision": None}}
    assert ours["matrix"]["overlay"] is None
    assert (theirs["findings"], theirs["plan"]) == (ours["findings"], ours["plan"])
    validate(theirs)
    text = run_cli(["check", "--snapshot", str(snapshot), "--matrix", str(path)]).stdout
    assert text.splitlines()[0].endswith(" with ours.toml")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("show", "torhc"), "torhc: no such table or release (did you mean torch"),
        (("show", "2.7.7"), "(did you mean 2.7.1 or 2.7.0"),
        (("show", "V100"), "(did you mean --gpu 'V100'?)"),
        (("show", "--gpu", "V10O"), "--gpu V10O"),
        (("show", "--compute-capability", "8.x"), "8.x"),
        (("show", "--gpu", "V100", "--driver", "new"), "--driver new"),
        (("show", "--driver", "535"), "--driver: narrows the answer about a GPU"),
        (("show", "drivers", "--platform", "windows-x86_64"), "drivers: a platform and a Python narrow"),
        (("show", "--python-version", "9"), "--python-version 9: no such Python"),
        (("show", "--platform", "amiga", "--gpu", "V100"), "--platform amiga: unknown"),
        (("show", "--format", "html"), "--format html: unknown"),
        (("show", "--gpu", ""), "--gpu: the value is empty"),
        (("show", "drivers", "--gpu", "V100"), "drivers: the question is about torch"),
        (("show", "-o", "x", "-o", "-", "-o", "json=-"), "would both write to standard output"),
        (("show", "-o", "/dev/null/x"), "cannot be written"),
        (("show", "--matrix", "/dev/null"), "/dev/null: not a file"),
        (("show", "\x1b[31m"), r"\x1b[31m"),
    ],
)
def test_what_is_refused_is_one_line(words: tuple[str, ...], says: str) -> None:
    assert says in refused(*words)


def test_a_breach_names_file_and_row(tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    path.write_text('[torch."2.13.0"]\nwitheld = "x"\n')
    assert f"{path}: torch.2.13.0.witheld: unknown key" in refused("show", "--matrix", str(path))


def test_help_teaches() -> None:
    said = run_cli(["matrix", "show", "--help"])
    assert said.exit_code == 0
    for example in ("matrix show 2.7", "matrix show --gpu V100 --driver 535", "sources"):
        assert example in said.stdout
    assert "show" in run_cli(["matrix", "--help"]).stdout
