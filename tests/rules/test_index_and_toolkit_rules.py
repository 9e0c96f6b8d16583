"""Boundaries of the rules on indexes, toolkits and the age of the matrix that their examples do not reach."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.age import days_between
from envdoctor.matrix.load import load_matrix
from envdoctor.model.fact import Unknown, Value
from envdoctor.model.finding import Finding, Severity, Verdict
from envdoctor.model.machine import Wishes
from envdoctor.model.snapshot import Snapshot
from envdoctor.rules import matrix_too_old, pinned_index_overridden, toolkit_build_mismatch, wrong_index_url
from envdoctor.rules.example_machine import HEALTHY, snapshot
from envdoctor.rules.index_setting import Setting, cuda_of
from machines import SCENARIOS, environment_of, run_cli, standin_variables

if TYPE_CHECKING:
    from pathlib import Path

    from envdoctor.rules.rule import Rule

MATRIX = load_matrix()
INDEX = "https://download.pytorch.org/whl"


def found(rule: Rule, told: dict[str, Value], wish: str | None = None) -> list[Finding]:
    return list(diagnose(snapshot({**HEALTHY, **told}), MATRIX, Wishes(torch=wish), rules=(rule,)).findings)


def setting(value: str, origin: str = "/etc/pip.conf", kind: str = "index-url", tool: str = "pip") -> dict[str, Value]:
    return {"tool": tool, "setting": kind, "value": value, "from": origin}


# ---- wrong-index-url --------------------------------------------------------------------------------

CPU: dict[str, Value] = {"torch": "2.9.1+cpu", "torch.provenance": "pytorch-index"}


def test_the_cpu_build_stays_the_first_finding_and_the_error() -> None:
    machine = snapshot({**HEALTHY, **CPU, "index.settings": [setting(f"{INDEX}/cpu")]})
    judged = diagnose(machine, MATRIX)
    assert [(one.rule, one.severity) for one in judged.findings] == [
        ("cpu-only-build", Severity.ERROR),
        ("wrong-index-url", Severity.WARNING),
    ]


@pytest.mark.parametrize(("torch", "gaps"), [("2.9.1+cu128", []), ("2.9.1+cpu", ["wrong-index-url"])])
def test_settings_that_cannot_be_read_are_a_gap_only_where_they_could_explain_a_cpu_build(
    torch: str, gaps: list[str]
) -> None:
    machine = snapshot({**HEALTHY, **CPU, "torch": torch})
    facts = {**machine.facts, "index.settings": Unknown("/etc/pip.conf cannot be read")}
    judged = diagnose(Snapshot(facts, taken=machine.taken, envdoctor="0.1.0"), MATRIX)
    assert [one.rule for one in judged.skipped if one.is_gap] == gaps


@pytest.mark.parametrize(
    ("settings", "installer"),
    [
        ([setting(f"{INDEX}/cpu")], "uv"),
        ([setting(f"{INDEX}/cpu", "UV_DEFAULT_INDEX", tool="uv")], "pip"),
        ([setting(f"{INDEX}/cpu")], None),
        ([setting(f"{INDEX}/cpu", kind="find-links")], "pip"),
        ([setting(f"{INDEX}/cu128")], "pip"),
        ([setting("https://mirror.example/simple")], "pip"),
        ([], "pip"),
    ],
)
def test_a_setting_that_did_not_give_the_cpu_build_is_not_blamed(settings: list[Value], installer: str | None) -> None:
    told: dict[str, Value] = {**CPU, "index.settings": settings, "torch.installer": installer}
    assert found(wrong_index_url.RULE, told) == []


@pytest.mark.parametrize("value", [f"{INDEX}/cpu", f"{INDEX}/cpu/", "https://mirror.example/pytorch/whl/cpu/simple"])
@pytest.mark.parametrize("kind", ["index-url", "extra-index-url"])
def test_the_cpu_channel_and_mirrors_of_it(value: str, kind: str) -> None:
    (one,) = found(wrong_index_url.RULE, {**CPU, "index.settings": [setting(value, kind=kind)]})
    assert one.severity is Severity.WARNING


@pytest.mark.parametrize("channel", ["cu120", "cu122", "cu123", "cu125"])
def test_channels_that_were_never_published(channel: str) -> None:
    (one,) = found(wrong_index_url.RULE, {"index.settings": [setting(f"{INDEX}/{channel}")]})
    assert one.severity is Severity.NOTE
    assert channel in one.message


def published() -> set[str]:
    return {wheel.channel for release in MATRIX.releases for wheel in MATRIX.wheels(release.version)}


@pytest.mark.parametrize(
    "channel",
    [*sorted(published()), "cu75", "cu92", "cu101", "cu110", "cu111", "cu115", "cu200", "cu990", "rocm6.4", "xpu"],
)
def test_channels_that_exist_or_may_exist_are_not_judged(channel: str) -> None:
    assert found(wrong_index_url.RULE, {"index.settings": [setting(f"{INDEX}/{channel}")]}) == []


@pytest.mark.parametrize(
    "value", [INDEX, f"{INDEX}/torch_stable.html", f"{INDEX}/test/cu125", "cu125", "https:///whl/cu125"]
)
def test_other_addresses_are_not_judged(value: str) -> None:
    assert found(wrong_index_url.RULE, {"index.settings": [setting(value)]}) == []


@pytest.mark.parametrize(
    ("wish", "fires"), [("==2.9.1", True), (">=2.6", True), ("==2.5.1", False), (">=2.0", False), (None, False)]
)
def test_a_channel_that_ended(wish: str | None, fires: bool) -> None:
    assert bool(found(wrong_index_url.RULE, {"index.settings": [setting(f"{INDEX}/cu121")]}, wish)) == fires


def test_a_wish_newer_than_the_matrix_is_not_judged() -> None:
    open_channel = max((one for one in published() if cuda_of(one)), key=lambda one: cuda_of(one) or (0, 0))
    assert found(wrong_index_url.RULE, {"index.settings": [setting(f"{INDEX}/{open_channel}")]}, ">=9.0") == []
    assert found(wrong_index_url.RULE, {"index.settings": [setting(f"{INDEX}/cu121")]}, ">=9.0") == []


def test_a_real_look_at_a_cpu_build_from_the_cpu_channel(standin: Path, tmp_path: Path) -> None:
    """Real files, the compiled stand-in for the driver, the real command line."""
    scenario = next(one for one in SCENARIOS.values() if one.rule == "cpu-only-build")
    environment = environment_of(scenario, tmp_path / "venv")
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nindex-url = https://me:hunter2@mirror.example/whl/cpu\n")
    variables = {**standin_variables(scenario), "PIP_CONFIG_FILE": str(config)}
    said = run_cli(["check", "--python", str(environment.python), "--format", "json"], variables, standin=standin)
    judged = said.json()
    assert [(one["rule"], one["severity"]) for one in judged["findings"] if one["severity"] != "note"] == [
        ("cpu-only-build", "error"),
        ("wrong-index-url", "warning"),
    ]
    assert "hunter2" not in said.stdout


# ---- pinned-index-overridden ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "origins"),
    [
        ([setting("https://a.example/simple", "PIP_INDEX_URL"), setting(f"{INDEX}/cu128")], ["/etc/pip.conf"]),
        ([setting(f"{INDEX}/cu126", "PIP_INDEX_URL"), setting(f"{INDEX}/cu128")], ["/etc/pip.conf"]),
        ([setting("https://a.example/simple", "PIP_INDEX_URL"), setting("https://b.example/simple")], []),
        ([setting("https://a.example/simple", "/home/me/pip.conf"), setting(f"{INDEX}/cu128")], []),
        (
            [
                setting("https://a.example/simple", "PIP_EXTRA_INDEX_URL", "extra-index-url"),
                setting(f"{INDEX}/cu128", kind="extra-index-url"),
            ],
            ["/etc/pip.conf"],
        ),
        (
            [
                setting("https://a.example/simple", "UV_INDEX", "extra-index-url", "uv"),
                setting(f"{INDEX}/cu128", "/etc/uv/uv.toml", "extra-index-url", "uv"),
            ],
            [],  # uv joins lists
        ),
        (
            [
                setting("auto", "UV_TORCH_BACKEND", "torch-backend", "uv"),
                setting(f"{INDEX}/cu128", "UV_INDEX", "extra-index-url", "uv"),
            ],
            ["UV_INDEX"],
        ),
        ([setting("cu128", "UV_TORCH_BACKEND", "torch-backend", "uv"), setting(f"{INDEX}/cu128")], []),
    ],
)
def test_which_index_is_overridden(settings: list[Value], origins: list[str]) -> None:
    findings = found(pinned_index_overridden.RULE, {"index.settings": settings})
    assert [one.severity for one in findings] == [Severity.NOTE] * len(origins)
    assert all(f"in {origin} " in one.message for one, origin in zip(findings, origins, strict=True))


@given(
    st.lists(st.dictionaries(st.sampled_from(["tool", "setting", "value", "from"]), st.text(max_size=8) | st.none()))
)
def test_settings_of_any_form_are_read(entries: list[dict[str, str | None]]) -> None:
    told: dict[str, Value] = {"index.settings": [{**entry} for entry in entries]}
    for rule in (pinned_index_overridden.RULE, wrong_index_url.RULE):
        assert diagnose(snapshot({**HEALTHY, **told}), MATRIX, rules=(rule,)).crashed == ()


@pytest.mark.parametrize(
    ("value", "channel", "official"),
    [
        (f"{INDEX}/cu128", "cu128", True),
        ("https://download-r2.pytorch.org/whl/cpu/", "cpu", True),
        (f"{INDEX}/rocm6.4", "rocm6.4", True),
        ("https://mirror.example/whl/cu128/simple", "cu128", False),
        ("https://evil.example/download.pytorch.org/whl/cu128", "cu128", False),
        ("pytorch=https://mirror.example/whl/cu128", "cu128", False),
        (f"{INDEX}/nightly/cu128", None, True),
        (f"{INDEX}", None, True),
        ("", None, False),
    ],
)
def test_the_channel_of_an_address(value: str, channel: str | None, official: bool) -> None:
    one = Setting("pip", "index-url", value, "PIP_INDEX_URL")
    assert (one.channel, one.official) == (channel, official)


# ---- toolkit-build-mismatch -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "torch", "fires"),
    [
        ("11.8.0", "2.9.1+cu128", True),
        ("12.0", "2.9.1+cu128", False),
        ("13.0", "2.9.1+cu128", True),
        ("13.2", "2.14.0+cu130", False),
        ("11.8", "2.7.1+cu118", False),
    ],
)
def test_only_the_major_version_counts(version: str, torch: str, fires: bool) -> None:
    told = {**toolkit_build_mismatch.OLD, "toolkit.home_version": version, "torch": torch, "driver": "580.95.05 13.0"}
    assert bool(found(toolkit_build_mismatch.RULE, told)) == fires


def test_a_toolkit_whose_version_is_not_known_makes_no_doubt() -> None:
    machine = snapshot({**HEALTHY, **toolkit_build_mismatch.OLD})
    machine = Snapshot({**machine.facts, "toolkit.home_version": Unknown("no file tells")}, taken=machine.taken)
    judged = diagnose(machine, MATRIX)
    assert judged.verdict is Verdict.HEALTHY
    assert [one.rule for one in judged.skipped if one.fact] == []


# ---- matrix-too-old ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "fires"), [(-400, False), (0, False), (90, False), (91, True), (400, True)])
def test_the_boundary_by_the_revision_itself(days: int, fires: bool) -> None:
    taken = (date.fromisoformat(MATRIX.revision) + timedelta(days=days)).isoformat()
    findings = found(matrix_too_old.RULE, {"taken": f"{taken}T12:00:00Z"})
    assert bool(findings) == fires
    assert all(f"{days} days" in one.message for one in findings)


@given(st.dates(date(1600, 1, 1)), st.dates(date(1600, 1, 1)))
def test_days_are_counted_as_the_calendar_does(first: date, second: date) -> None:
    assert days_between(first.isoformat(), f"{second.isoformat()}T23:59:59Z") == (second - first).days


@pytest.mark.parametrize("taken", ["", "yesterday", "2027-13-01", "2027-00-10", "2027-1-1", "20270101", "2027-01-011"])
def test_a_time_that_is_none_says_nothing(taken: str) -> None:
    assert days_between("2026-11-21", taken) is None
