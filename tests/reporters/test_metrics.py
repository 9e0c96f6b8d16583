"""Metrics: read back by the parsers of Prometheus itself, the same series in every run, and nothing of a text acts."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from gate_reports import GATE
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_prometheus
from report_samples import SAMPLES, facts, hostile, report

from envdoctor.commands.rule_cards import with_rules
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.model.finding import Confidence, Crashed, Diagnosis, Finding, Severity, Skipped, Verdict
from envdoctor.model.linted import LintView
from envdoctor.model.policy import Ignore, Ignored
from envdoctor.model.snapshot import Snapshot
from envdoctor.reporters import openmetrics, prometheus
from envdoctor.reporters.metrics import STATES
from hostile_texts import SHORT, assert_harmless

if TYPE_CHECKING:
    from envdoctor.model.report import Report

GOLDEN = Path(__file__).parent / "golden_metrics"
REFRESH = "ENVDOCTOR_REFRESH=1 pytest tests/reporters/test_metrics.py"
FORMATS = {"prom": prometheus.render, "openmetrics.txt": openmetrics.render}

PROMTOOL = shutil.which("promtool")
Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def told(report: Report) -> Series:
    """The series of a report; both formats give the same ones, each read by its own parser."""
    newer = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in read_openmetrics(openmetrics.render(report))
        for sample in family.samples
    }
    older = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in read_prometheus(prometheus.render(report))
        for sample in family.samples
    }
    assert newer == older
    return newer


def state(report: Report, rule: str) -> str:
    """The one state of a rule that is 1; all others are there and 0."""
    values = {one: told(report)["envdoctor_check_status", (("check", rule), ("status", one))] for one in STATES}
    assert sorted(values.values()) == [0, 0, 0, 0, 1]
    return max(values, key=lambda one: values[one])


def info(report: Report) -> dict[str, str]:
    return next(dict(labels) for name, labels in told(report) if name == "envdoctor_environment_info")


def finding(rule: str, severity: Severity) -> Finding:
    return Finding(rule, severity, Confidence.PROVED, "torch", "words")


def judged(*findings: Finding, skipped: tuple[Skipped, ...] = (), crashed: tuple[Crashed, ...] = ()) -> Report:
    return with_rules(report(facts(), Diagnosis(Verdict.HEALTHY, findings, skipped, crashed)))


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("name", GATE)
def test_golden(name: str, ending: str) -> None:
    text = FORMATS[ending](replace(GATE[name], seconds=2.5))
    golden = GOLDEN / f"{name}.{ending}"
    if os.environ.get("ENVDOCTOR_REFRESH"):
        golden.write_text(text, encoding="utf-8")
    expected = golden.read_text(encoding="utf-8") if golden.is_file() else ""
    assert text == expected, f"{golden.name} differs; if the new text is right, run: {REFRESH}"


# ---- the formats --------------------------------------------------------------------------------------------


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (package prometheus of Debian)")
@pytest.mark.parametrize("name", SAMPLES)
def test_promtool_finds_nothing_to_say(name: str) -> None:
    for one in (SAMPLES[name], with_rules(SAMPLES[name])):
        said = subprocess.run(
            [str(PROMTOOL), "check", "metrics"],
            input=prometheus.render(one), capture_output=True, text=True, encoding="utf-8", check=False,
        )  # fmt: skip
        assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_openmetrics_has_units_infos_and_an_end() -> None:
    text = openmetrics.render(replace(SAMPLES["healthy-gpu"], seconds=1.5))
    families = {one.name: one for one in read_openmetrics(text)}
    assert text.endswith("\n# EOF\n")
    assert families["envdoctor_environment"].type == families["envdoctor_matrix"].type == "info"
    assert families["envdoctor_run_duration_seconds"].unit == "seconds"
    assert families["envdoctor_last_run_timestamp_seconds"].unit == "seconds"
    assert all(one.documentation for one in families.values())
    assert {one.type for one in families.values()} == {"info", "gauge"}


def test_the_older_format_has_no_end() -> None:
    text = prometheus.render(SAMPLES["healthy-gpu"])
    assert "EOF" not in text
    assert text.endswith("\n")
    assert "\n\n" not in text


@pytest.mark.parametrize("name", SHORT)
def test_a_label_holds_the_text_and_nothing_else(name: str) -> None:
    """A version that says what it will: one series, read back as the text that people are shown."""
    hidden = hostile(SHORT[name])
    labels = info(hidden)
    assert set(labels) == {"torch", "cuda", "cudnn", "nccl", "driver", "python", "platform", "fingerprint"}
    for text in (prometheus.render(hidden), openmetrics.render(hidden)):
        assert_harmless(text, "prometheus")
        assert "hunter2" not in text


@given(st.text(st.characters(), max_size=60))
def test_no_text_ends_a_label(text: str) -> None:
    assert len(told(hostile(text))) == len(told(hostile("words")))


@given(st.text(st.sampled_from('\\"\n{},=# 1\r'), max_size=30))
def test_no_combination_of_what_the_formats_know_ends_one(text: str) -> None:
    assert len(told(hostile(text))) == len(told(hostile("words")))


# ---- what is told -------------------------------------------------------------------------------------------


def test_the_series_are_the_same_whatever_is_found() -> None:
    """So that an alert goes from 1 to 0, and what vanishes means that nobody reports."""
    series = [
        {key for key in told(with_rules(SAMPLES[name])) if not key[0].endswith("_info")}
        for name in ("healthy-gpu", "driver-too-old", "undetermined", "crashed-rule", "no-torch")
    ]
    assert all(one == series[0] for one in series)
    assert len(series[0]) > 5 * 60


@pytest.mark.parametrize("name", ["healthy-gpu", "driver-too-old", "undetermined", "crashed-rule"])
def test_the_verdict_and_the_exit_code_are_those_of_the_report(name: str) -> None:
    series = told(SAMPLES[name])
    assert series["envdoctor_exit_code", ()] == SAMPLES[name].exit_code
    for verdict in Verdict:
        is_it = verdict is SAMPLES[name].diagnosis.verdict
        assert series["envdoctor_verdict", (("verdict", verdict.value),)] == is_it


def test_findings_are_counted_by_severity() -> None:
    series = told(SAMPLES["driver-too-old"])
    counts = [series["envdoctor_findings", (("severity", one.word),)] for one in Severity]
    assert counts == [0, 1, 1]


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (judged(), "pass"),
        (judged(finding("mig", Severity.NOTE)), "pass"),
        (judged(finding("mig", Severity.WARNING)), "warn"),
        (judged(finding("mig", Severity.ERROR), finding("mig", Severity.WARNING)), "fail"),
        (judged(skipped=(Skipped("mig", "no answer", "gpu.count"),)), "unknown"),
        (judged(skipped=(Skipped("mig", "the matrix has no row"),)), "skipped"),
        (judged(skipped=(Skipped("mig", "left out", left_out=True),)), "skipped"),
        (judged(skipped=(Skipped("mig", "by the profile", "gpu.count", left_out=True),)), "skipped"),
        (judged(crashed=(Crashed("mig", "IndexError"),)), "unknown"),
        (judged(finding("mig", Severity.WARNING), skipped=(Skipped("mig", "no", "gpu.count"),)), "warn"),
        (judged(finding("mig", Severity.NOTE), skipped=(Skipped("mig", "no", "gpu.count"),)), "unknown"),
    ],
)
def test_what_became_of_a_rule(report: Report, expected: str) -> None:
    assert state(report, "mig") == expected


def test_what_the_policy_ignores_neither_passes_nor_fails() -> None:
    ignored = (Ignored(finding("mig", Severity.ERROR), Ignore("mig", "known")),)
    ruled = replace(judged(), ignored=ignored)
    assert state(ruled, "mig") == "skipped"
    assert told(ruled)["envdoctor_ignored_findings", ()] == 1
    assert state(replace(judged(finding("mig", Severity.ERROR)), ignored=ignored), "mig") == "fail"


def test_a_rule_that_was_never_asked_has_not_passed() -> None:
    machine = judged()
    assert state(machine, "open-ssh") == "skipped"  # a rule of files
    assert state(machine, "smoke-crashed") == "skipped"  # no kernel ran
    seen = machine.snapshot.having({"smoke.tests": Known([], "smoke")})
    assert state(with_rules(replace(machine, snapshot=seen)), "smoke-crashed") == "pass"
    files = with_rules(replace(machine, snapshot=Snapshot({}), lint=LintView(())))
    assert state(files, "open-ssh") == "pass"
    assert state(files, "gpu-lost") == "skipped"
    assert state(with_rules(replace(files, lint=LintView((), target="a machine"))), "driver-missing") == "pass"


@pytest.mark.parametrize(
    ("taken", "seconds"),
    [
        ("2026-11-21T10:00:00Z", 1795255200),
        ("2026-11-21T10:00:00+00:00", 1795255200),
        ("2026-11-21T12:00:00+02:00", 1795255200),
        ("2026-11-21T10:00:00", 1795255200),
        ("", None),
        ("yesterday", None),
        ('2026"} 1\n', None),
    ],
)
def test_when_the_machine_was_looked_at(taken: str, seconds: int | None) -> None:
    sample = SAMPLES["healthy-gpu"]
    series = told(replace(sample, snapshot=replace(sample.snapshot, taken=taken)))
    assert series.get(("envdoctor_last_run_timestamp_seconds", ())) == seconds


@pytest.mark.parametrize(
    ("seconds", "told_of"), [(None, None), (0.25, 0.25), (3.0, 3), (1e-9, 1e-9), (float("nan"), None)]
)
def test_how_long_it_took(seconds: float | None, told_of: float | None) -> None:
    series = told(replace(SAMPLES["healthy-gpu"], seconds=seconds))
    assert series.get(("envdoctor_run_duration_seconds", ())) == told_of


def test_the_environment_is_told_by_its_versions() -> None:
    labels = info(SAMPLES["healthy-gpu"])
    assert labels["torch"] == "2.9.1+cu128"
    assert labels["cuda"] == "12.8"
    assert labels["driver"] == "580.95.05"
    assert labels["cudnn"] == "unknown"  # nobody looked
    assert info(SAMPLES["no-torch"])["torch"] == "none"
    assert "GPU-" not in prometheus.render(SAMPLES["many-gpus"])


def test_files_alone_are_no_environment() -> None:
    names = {name for name, _ in told(replace(SAMPLES["healthy-gpu"], snapshot=Snapshot({})))}
    assert "envdoctor_environment_info" not in names
    assert "envdoctor_matrix_info" in names


def test_the_fingerprint_is_that_of_the_environment_and_not_of_the_run() -> None:
    first = SAMPLES["healthy-gpu"]
    own = info(first)["fingerprint"]

    def after(**changed: Known | Absent | Unknown) -> str:
        seen = first.snapshot.having({name.replace("__", "."): fact for name, fact in changed.items()})
        return info(replace(first, snapshot=replace(seen, taken="2027-01-01T00:00:00Z")))["fingerprint"]

    assert after() == own
    assert after(gpu__0__memory_free_mib=Known(7, "nvml")) == own
    assert after(gpu__0__uuid=Known("GPU-1", "nvml")) == own
    others = {
        after(packages__installed=Known({"vllm": "1"}, "dist-info")),
        after(driver__version=Known("590.1", "nvml")),
        after(gpu__0__name=Known("NVIDIA L4", "nvml")),
        after(gpu__count=Known(7, "nvml")),
    }
    assert len(others - {own}) == 4
