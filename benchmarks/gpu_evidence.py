"""What the doctor says of the GPU it runs on, beside plain torch in the same run, as a folder to be committed.

    make gpu-evidence PYTHON=/path/to/venv/bin/python
    PYTHONPATH=src python benchmarks/gpu_evidence.py [--python PATH] [--into FOLDER] [--seconds 540]

Writes docs/evidence/gpu/NAME-DATE/: `snapshot.json` (the machine), `check.txt` (what `check` says, which smokes by
itself), `smoke.json` and `smoke.txt` (`smoke --full`), `bare.json` (plain torch: a bf16 product and a device copy,
measured before and after), `missing.json` (a clone of this torch without kernels for this GPU), `overhead.json` (the
battery beside the same tests in a plain script) and `README.md`, the table of it all. Names of people and hosts, and
where this checkout lies, are taken out. The folder appears whole or not at all; without a GPU nothing is written, and
the exit code is 2. Where only one of the last two cannot be had, or the time is over before it, the page says why, and
the exit code is 1.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "benchmarks"
INTO = ROOT / "docs" / "evidence" / "gpu"
NEEDED = ("click", "rich", "packaging", "pynvml")
DEVICE = "cuda:0"
CHECKOUT = "/envdoctor"
"""What stands in the files for the folder of this checkout."""
SECONDS = 540.0
"""For all of it: a machine that is lent for ten minutes is enough."""
SMOKE = 0.5
"""The part of the time that is left which the battery may take."""
OVERHEAD = 0.75
"""The part of it after which no further round of the last step begins."""

AIM = 0.95
"""What the battery's own figures must reach of what plain torch does in the same run."""

TROUBLE = "not_measured"
"""In the place of what a step found: why it found nothing."""

COMPARED = (
    ("matmul-bf16", "tflops", "bf16_matmul_tflops", "TFLOP/s"),
    ("copy-d2d", "gb_per_s", "device_copy_gb_per_s", "GB/s"),
)
"""Test and figure of the battery, and what plain torch calls it."""


class NoEvidence(Exception):
    """It cannot be had here; the text says why, in one line."""


class Step(NamedTuple):
    """A command that was run: its exit code and what it printed."""

    code: int
    out: str
    error: str


class Session(NamedTuple):
    """`until` when, by `time.monotonic()`, everything has to end; `scratch` takes what a step that is ended leaves."""

    until: float
    scratch: str

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return max(0.0, self.until - time.monotonic())


def run(session: Session, *argv: str) -> Step:
    """Run a command with this checkout importable, and end it and its children when the time is over."""
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT / "src"), os.environ.get("PYTHONPATH")))),
        "TMPDIR": session.scratch,
    }
    print(f"gpu-evidence: {session.left:.0f} s left:", *argv[1 if argv[0] == sys.executable else 0 :], file=sys.stderr)
    try:
        with subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ, start_new_session=True
        ) as process:
            try:
                out, error = process.communicate(timeout=session.left)
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                raise
    except (OSError, subprocess.TimeoutExpired) as problem:
        over = isinstance(problem, subprocess.TimeoutExpired)
        raise NoEvidence(f"{Path(argv[0]).name}: {'the time was over' if over else problem}") from None
    return Step(process.returncode, out, error)


def envdoctor(session: Session, *words: str, codes: tuple[int, ...] = (0,)) -> Step:
    """Run envdoctor; raises `NoEvidence` for an exit code that is none of `codes`."""
    step = run(session, sys.executable, "-m", "envdoctor", *words)
    if step.code not in codes:
        raise NoEvidence(f"envdoctor {words[0]} ended with {step.code}: {(step.error or step.out).strip()[-300:]}")
    return step


def known(facts: dict[str, Any], name: str) -> Any:
    """Return the value of a fact, None where there is none."""
    return facts.get(name, {}).get("value")


def gpu_of(facts: dict[str, Any]) -> tuple[int, str, str]:
    """Return index, name and compute capability of the GPU that is `cuda:0`; raises `NoEvidence` without one."""
    order = known(facts, "gpu.cuda_order") or known(facts, "gpu.visible") or []
    if not order:
        raise NoEvidence("no GPU that CUDA programs see is here: nothing written")
    index = order[0]
    name, capability = known(facts, f"gpu.{index}.name"), known(facts, f"gpu.{index}.compute_capability")
    if not name or not capability:
        raise NoEvidence("the driver does not tell the name of the GPU: nothing written")
    return index, name, capability


def folder_name(name: str, taken: str) -> str:
    """Return "nvidia-h200-2026-11-21" for a GPU and the time of a snapshot."""
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return f"{words}-{taken[:10]}"


def gather(python: str, into: Path, seconds: float = SECONDS) -> tuple[Path, list[str]]:
    """Measure everything; return the folder it lies in, and what could not be measured. Raises `NoEvidence`."""
    with tempfile.TemporaryDirectory(prefix="gpu-evidence-", ignore_cleanup_errors=True) as scratch:
        session = Session(time.monotonic() + seconds, scratch)
        made = Path(scratch, "made")
        made.mkdir()
        envdoctor(session, "snapshot", "--python", python, "-o", str(made / "snapshot.json"))
        snapshot = json.loads((made / "snapshot.json").read_text())
        _, name, capability = gpu_of(snapshot["facts"])
        before = measured(session, python)
        words = ("--device", "0", "--full", "--timeout", f"{session.left * SMOKE:.0f}")
        texts = ("-o", f"json={made / 'smoke.json'}", "-o", f"terminal={made / 'smoke.txt'}")
        envdoctor(session, "smoke", "--python", python, *words, *texts, codes=(0, 1))
        after = measured(session, python)
        save(made / "bare.json", {"before": before, "after": after})
        envdoctor(session, "check", "--python", python, "-o", f"terminal={made / 'check.txt'}", codes=(0, 1))
        words = ("--python", python, "--capability", capability, "--run")
        missing = tried(session, "missing_architecture.py", *words)
        save(made / "missing.json", missing)
        words = ("--python", python, "--device", DEVICE, "--rounds", "2", "--json")
        overhead = tried(session, "smoke_overhead.py", *words, "--seconds", f"{session.left * OVERHEAD:.0f}")
        save(made / "overhead.json", overhead)
        smoke = json.loads((made / "smoke.json").read_text())
        page = written(name, snapshot, smoke, [before, after], overhead, missing, (made / "check.txt").read_text())
        (made / "README.md").write_text(page)
        for path in made.iterdir():
            path.write_text(path.read_text().replace(str(ROOT), CHECKOUT))
        target = into / folder_name(name, snapshot["taken"])
        into.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=".growing-", dir=into))
        try:
            shutil.copytree(made, beside, dirs_exist_ok=True)
            beside.chmod(0o755)
            if target.exists():
                shutil.rmtree(target)
            beside.rename(target)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    return target, [told[TROUBLE] for told in (missing, overhead) if TROUBLE in told]


def measured(session: Session, python: str) -> dict[str, Any]:
    """Return what plain torch reaches on the GPU."""
    argv = (python, "-B", str(HERE / "smoke_bare.py"), "speed", "--device", DEVICE)
    return last_line(run(session, *argv), "smoke_bare.py")


def tried(session: Session, name: str, *words: str) -> dict[str, Any]:
    """Return what a benchmark of this folder found, status 1 is an answer too; else {TROUBLE: why there is nothing}.

    What was measured before it is worth keeping without it.
    """
    try:
        step = run(session, sys.executable, str(HERE / name), *words)
        told: dict[str, Any] = json.loads(step.out)
    except NoEvidence as reason:
        return {TROUBLE: f"{name}: {reason}"}
    except ValueError:
        return {TROUBLE: f"{name} ended with {step.code}: {step.error.strip()[-300:]}"}
    return told


def last_line(step: Step, what: str) -> dict[str, Any]:
    """Return the JSON object on the last line of what was printed."""
    try:
        told: dict[str, Any] = json.loads(step.out.splitlines()[-1])
    except (ValueError, IndexError):
        raise NoEvidence(f"{what} ended with {step.code}: {step.error.strip()[-300:]}") from None
    return told


def save(path: Path, told: dict[str, Any]) -> None:
    """Write one JSON file."""
    path.write_text(json.dumps(told, indent=1) + "\n")


def written(
    name: str,
    snapshot: dict[str, Any],
    smoke: dict[str, Any],
    bare: list[dict[str, Any]],
    overhead: dict[str, Any],
    missing: dict[str, Any],
    check: str = "",
) -> str:
    """Return the page: what was run, each test, and what was compared."""
    facts = snapshot["facts"]
    driver, torch = known(facts, "driver.version"), (smoke.get("torch") or {}).get("version")
    counts: dict[str, int] = {}
    for test in smoke["tests"]:
        counts[test["status"]] = counts.get(test["status"], 0) + 1
    told = ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))
    lines = [
        f"# {name}, {snapshot['taken'][:10]}",
        "",
        f"Driver {driver}, torch {torch}. `make gpu-evidence` wrote this folder. `smoke --full`: {told}, exit code "
        f"{smoke['exit_code']}.",
        "",
        "| test | status | seconds | error | bound | reached | of the peak |",
        "|---|---|---:|---:|---:|---:|---:|",
        *map(test_row, smoke["tests"]),
        "",
        "## Beside plain torch in the same run",
        "",
        "| figure | battery | plain torch | ratio |",
        "|---|---:|---:|---:|",
        *compared_rows(smoke["tests"], bare),
        "",
        f"The aim is a ratio of {AIM:.2f} and more; of plain torch the better of a run before and one after counts.",
        "",
        "## What isolation costs",
        "",
        overhead_told(overhead),
        "",
        "## A torch without kernels for this GPU",
        "",
        missing_told(missing),
        "",
    ]  # fmt: skip
    lines += ["## What `check` says by itself", "", "```", check.strip(), "```", ""] if check else []
    conditions = [row for row in smoke.get("conditions") or [] if row.get("device") == DEVICE]
    if conditions:
        lines += ["## Conditions", "", *(f"- {key}: {value}" for key, value in conditions[0].items()), ""]
    return "\n".join(lines)


def overhead_told(overhead: dict[str, Any]) -> str:
    """Return what the battery costs beside a plain script, as a paragraph."""
    if TROUBLE in overhead:
        return f"Not measured: {overhead[TROUBLE]}"
    return (
        f"{overhead['tests']} tests of the quick size: {overhead['battery_seconds']:.1f} s as a battery, "
        f"{overhead['bare_seconds']:.1f} s in a plain script, start of the interpreter and import of torch among them "
        f"(median ratio {overhead['ratio']:.2f} of {overhead['rounds']} rounds)."
    )


def missing_told(missing: dict[str, Any]) -> str:
    """Return what was said of a torch without kernels, as a paragraph."""
    if TROUBLE in missing:
        return f"Not tried: {missing[TROUBLE]}"
    return (
        f"{sum(missing['relabelled'].values())} entries of device code in a clone of this torch were labelled with "
        f"another architecture. `check --no-smoke` says {listed(missing.get('check'))}, "
        f"`smoke` {listed(missing.get('smoke'))}: {'' if missing['as_it_should_be'] else 'NOT '}as it should be."
    )


UNITS = (("tflops", "TFLOP/s"), ("gb_per_s", "GB/s"), ("bus_gb_per_s", "GB/s"), ("launch_us", "us"), ("ms", "ms"))


def test_row(test: dict[str, Any]) -> str:
    """Return one test as a row of the table."""
    figures = test.get("figures") or {}
    reached = next((f"{figures[key]:.4g} {unit}" for key, unit in UNITS if key in figures), "")
    share = f"{figures['of_peak']:.2f}" if "of_peak" in figures else ""
    numbers = [f"{test[key]:.1e}" if test.get(key) is not None else "" for key in ("error", "bound")]
    spent = f"{test['seconds']:.2f}" if test.get("seconds") is not None else ""
    return f"| {test['name']} | {test['status']} | {spent} | {numbers[0]} | {numbers[1]} | {reached} | {share} |"


test_row.__test__ = False  # type: ignore[attr-defined]


def compared_rows(tests: list[dict[str, Any]], bare: list[dict[str, Any]]) -> list[str]:
    """Return a row for each figure that plain torch measured too."""
    rows = []
    for name, key, plain, unit in COMPARED:
        figures = next((test.get("figures") or {} for test in tests if test["name"] == name), {})
        best = max(float(one[plain]) for one in bare)
        if key in figures:
            rows.append(f"| {name} | {figures[key]:.4g} {unit} | {best:.4g} {unit} | {figures[key] / best:.3f} |")
        else:
            rows.append(f"| {name} | not measured | {best:.4g} {unit} | |")
    return rows


def listed(names: list[str] | None) -> str:
    """Return rule names as a page shows them."""
    return ", ".join(f"`{name}`" for name in names or []) or "nothing"


def missing_modules() -> list[str]:
    """Return what this interpreter lacks to run envdoctor from the checkout."""
    from importlib.util import find_spec

    return [name for name in NEEDED if find_spec(name) is None]


def main() -> int:
    """Gather and say where it lies."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable, help="the interpreter whose torch is tried")
    parser.add_argument("--into", type=Path, default=INTO)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="longest time for all of it")
    options = parser.parse_args()
    lacking = missing_modules()
    if lacking:
        print(f"gpu-evidence: {sys.executable} lacks {', '.join(lacking)}", file=sys.stderr)
        return 2
    try:
        target, troubles = gather(options.python, options.into, options.seconds)
    except NoEvidence as reason:
        print(f"gpu-evidence: {reason}", file=sys.stderr)
        return 2
    print((target / "README.md").read_text())
    print(f"gpu-evidence: {target}")
    for trouble in troubles:
        print(f"gpu-evidence: not measured: {trouble}", file=sys.stderr)
    return 1 if troubles else 0


if __name__ == "__main__":
    sys.exit(main())
