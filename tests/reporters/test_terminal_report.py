from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from report_samples import PYTHON, SAMPLES, driver_too_old, facts, hostile, impossible, report

from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.model.finding import Diagnosis, Severity, Skipped, Verdict
from envdoctor.model.plan import Applicability, Plan, Status, Step
from envdoctor.reporters.terminal import render

GOLDEN = Path(__file__).parent / "golden"
REFRESH = "ENVDOCTOR_REFRESH=1 pytest tests/reporters"
ANSI = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("name", SAMPLES)
def test_report_is_the_golden_one(name: str) -> None:
    text = render(SAMPLES[name])
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("ENVDOCTOR_REFRESH"):
        golden.write_text(text, encoding="utf-8")
    expected = golden.read_text(encoding="utf-8") if golden.is_file() else ""
    assert text == expected, f"{golden.name} differs; if the new text is right, run: {REFRESH}"


def test_no_golden_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(SAMPLES)


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("verbose", [False, True])
def test_colour_adds_nothing_but_styles(name: str, verbose: bool) -> None:
    coloured = render(SAMPLES[name], colour=True, verbose=verbose)
    assert ANSI.search(coloured)
    assert ANSI.sub("", coloured) == render(SAMPLES[name], verbose=verbose)


@pytest.mark.parametrize("name", sorted(set(SAMPLES) - {"hostile"}))
@pytest.mark.parametrize("width", [1, 40, 60, 80, 120])
def test_lines_keep_the_width_unless_one_word_is_longer(name: str, width: int) -> None:
    for line in render(SAMPLES[name], width=width, verbose=True).splitlines():
        command = line.startswith(f"    {PYTHON} ")
        heading = re.match(r" *(error|warning)  ", line)
        assert command or heading or len(line) <= max(width, 40) or len(line.split()) <= 2, line


@pytest.mark.parametrize("name", SAMPLES)
def test_no_trailing_blanks_and_no_double_blank_lines(name: str) -> None:
    text = render(SAMPLES[name], verbose=True)
    assert text.endswith("\n")
    assert "\n\n\n" not in text
    assert not text.endswith("\n\n")
    assert all(line == line.rstrip() for line in text.splitlines())


def test_our_own_words_are_ascii() -> None:
    assert all(render(one, verbose=True).isascii() for name, one in SAMPLES.items() if name != "hostile")


def test_a_command_stands_whole_and_quoted_on_its_own_line() -> None:
    argv = ("/opt/my env/bin/python", "-m", "pip", "install", "torch>=2.9,<3", "x" * 200)
    plan = Plan(Status.SOLVED, steps=(Step("install-wheels", Applicability.UNSAFE, "why", argv),))
    lines = render(report(facts(), plan=plan), width=60).splitlines()
    assert f'    "/opt/my env/bin/python" -m pip install "torch>=2.9,<3" {"x" * 200}' in lines


def test_consequence_stands_after_its_cause_even_where_it_is_worse() -> None:
    base = driver_too_old()
    cause, consequence = base.diagnosis.findings
    other = replace(cause, rule="gpu-lost", severity=Severity.WARNING)
    worse = replace(consequence, severity=Severity.ERROR, caused_by="gpu-lost")
    text = render(replace(base, diagnosis=Diagnosis(Verdict.BROKEN, (worse, other, cause))))
    places = [text.index(rule) for rule in ("error  driver-too-old", "warning  gpu-lost", "    error  triton-unav")]
    assert places == sorted(places)


def test_findings_that_cause_each_other_are_all_told() -> None:
    base = driver_too_old()
    first, second = base.diagnosis.findings
    circle = (replace(first, caused_by=second.rule), second, replace(second, rule="x", caused_by="x"))
    text = render(replace(base, diagnosis=Diagnosis(Verdict.BROKEN, circle)))
    assert all(text.count(f"  {rule} (") == 1 for rule in (first.rule, second.rule, "x"))


def test_impossible_reads_as_a_sentence() -> None:
    text = render(impossible())
    assert "No published torch wheel serves this machine as it is." in text
    assert "impossible" not in text


def test_skipped_rules_without_a_fact_are_for_verbose_only() -> None:
    quiet, verbose = render(SAMPLES["undetermined"]), render(SAMPLES["undetermined"], verbose=True)
    assert "triton-mismatch" not in quiet
    assert "not judged: triton-mismatch, because the matrix has no row for this torch" in verbose


def test_absent_and_unknown_torch_read_differently() -> None:
    absent = render(report(facts(None)))
    seen = facts(None)
    seen["torch.version"] = Unknown("the interpreter did not answer within 10 s")
    unknown = render(report(seen))
    assert "\ntorch: not installed\n" in absent
    assert "\ntorch: not known: the interpreter did not answer within 10 s\n" in unknown


def test_gpu_lines_fold_equal_gpus_and_tell_hidden_and_lost_ones() -> None:
    text = render(SAMPLES["many-gpus"])
    assert "GPU 0-3: 4 x NVIDIA H200 (9.0)\n" in text
    assert "GPU 4-5: 2 x NVIDIA H200 (9.0), hidden by CUDA_VISIBLE_DEVICES\n" in text
    assert "GPU 6: NVIDIA H200 (9.0), lost" in text


@pytest.mark.parametrize("count", [-1, True, "8", None, 1.5, [1]])
def test_a_count_that_is_no_count_is_said(count: object) -> None:
    seen = facts()
    seen["gpu.count"] = Known(count, "edited by hand")  # type: ignore[arg-type]
    assert "gpu.count is not a whole number" in render(report(seen))


def test_an_enormous_count_is_bounded() -> None:
    seen = facts()
    seen["gpu.count"] = Known(10**12, "edited by hand")
    assert len(render(report(seen))) < 2000


def test_a_device_on_the_bus_is_said_where_the_driver_shows_none() -> None:
    seen = facts(driver__version=Absent("no kernel module"))
    seen["pci.nvidia"] = Known([{"address": "0000:01:00.0"}], "/sys/bus/pci")
    assert "GPU: none the driver shows, 1 NVIDIA device on the PCI bus" in render(report(seen))


def test_no_value_of_the_machine_reaches_a_style() -> None:
    text = render(hostile("[bold red]x[/bold red]"))
    assert "[bold red]x[/bold red]" in text


def test_rich_is_imported_for_colours_only() -> None:
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "from report_samples import SAMPLES\n"
        "from envdoctor.reporters import REPORTERS\n"
        "for sample in SAMPLES.values():\n"
        "    for load in REPORTERS.values(): load()(sample)\n"
        "assert not [name for name in sys.modules if name.partition('.')[0] == 'rich']\n"
        "REPORTERS['terminal']()(SAMPLES['healthy-gpu'], colour=True)\n"
        "print('rich.style' in sys.modules)\n"
    )
    source = str(Path(sys.modules["envdoctor"].__path__[0]).parent)
    command = [sys.executable, "-c", code, source, str(Path(__file__).parent)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "True\n"


def of_an_older_envdoctor(count: int) -> Diagnosis:
    """As many rules as that ask for a fact each that nobody had thought of when the machine was looked at."""
    lacking = tuple(Skipped(f"rule-{place:02}", "not looked at", f"fact.{place:02}") for place in range(count))
    return Diagnosis(Verdict.UNDETERMINED, skipped=(*lacking, Skipped("other", "no answer", "gpu.count")))


def test_an_older_snapshot_is_told_in_one_short_sentence() -> None:
    text = " ".join(render(report(facts(), of_an_older_envdoctor(20))).split())
    assert text.count("not judged:") == 2
    assert "not judged: other, because gpu.count is not known: no answer" in text
    assert "not judged: 20 rules, because this snapshot does not hold fact.00, fact.01," in text
    assert "fact.05 and 14 more (saved by an older envdoctor?)" in text
    assert "not judged: 1 rule, because" in " ".join(render(report(facts(), of_an_older_envdoctor(1))).split())


def test_verbose_names_every_rule_and_fact_an_older_snapshot_lacks() -> None:
    text = render(report(facts(), of_an_older_envdoctor(20)), verbose=True)
    assert all(f"rule-{place:02}" in text and f"fact.{place:02}" in text for place in range(20))


def test_another_interpreter_with_a_torch_is_named() -> None:
    others = [f"/srv/env{number}/bin/python" for number in range(6)]
    told = {**facts(), "python.also_with_torch": Known([*others], "files")}
    said = [line for line in render(report(told)).splitlines() if "elsewhere" in line]
    assert said == [f"torch elsewhere: {one}   (--python examines it)" for one in others[:4]]


def test_no_other_interpreter_with_a_torch_is_not_worth_a_line() -> None:
    assert "elsewhere" not in render(report({**facts(), "python.also_with_torch": Absent("none was found")}))
