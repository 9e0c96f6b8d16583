"""`envdoctor lock` and `check --locked` end to end: what is written and where, what is refused, what is found later."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envdoctor.codec.json_value import document_text
from envdoctor.codec.snapshot import encode
from envdoctor.model.fact import Unknown
from envdoctor.policy.lock import FIRST_LINE
from machines import Environment, Said, machine_snapshot, make_environment, run_cli
from standin.command import CHECKOUT

if TYPE_CHECKING:
    from envdoctor.model.snapshot import Snapshot

posix = pytest.mark.skipif(os.name == "nt", reason="permissions, FIFOs and signals as POSIX has them")
GPUS = {"STANDIN_DRIVER": "570.124.06", "STANDIN_CUDA": "12080"}
A100 = "NVIDIA A100-SXM4-80GB|8.0|81920"
LOCK = "envdoctor.lock"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with a folder in it."""
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    (folder / "src").mkdir()
    return folder


def saved(seen: Snapshot, folder: Path, name: str = "seen.json") -> str:
    path = folder / name
    path.write_text(document_text(encode(seen)), encoding="utf-8")
    return str(path)


def run(project: Path, *args: str, **options: object) -> Said:
    said = run_cli(args, cwd=project, **options)  # type: ignore[arg-type]
    assert not said.shows_traceback, said.stderr
    return said


def lock(project: Path, *args: str) -> Said:
    return run(project, "lock", *args)


def subjects(said: Said) -> set[str]:
    return {one["subject"] for one in said.json()["findings"] if one["rule"] == "requirement-not-met"}


# ---- the way there and back ---------------------------------------------------------------------------


def test_a_real_look_is_locked_and_compared(standin: Path, project: Path, tmp_path: Path) -> None:
    def python(name: str, **changed: object) -> str:
        return str(make_environment(tmp_path / name, **changed).python)  # type: ignore[arg-type]

    def checked(python: str, gpus: int = 2, **variables: str) -> Said:
        env = {**GPUS, "STANDIN_GPUS": ";".join([A100] * gpus), **variables}
        return run(project, "check", "--locked", "--python", python, "--format", "json", env=env, standin=standin)

    same = python("same", others={"vllm": "0.11.2"})
    env = {**GPUS, "STANDIN_GPUS": f"{A100};{A100}"}
    said = run(project / "src", "lock", "--python", same, env=env, standin=standin)
    assert (said.exit_code, said.stdout) == (0, "")
    assert re.fullmatch(
        rf"envdoctor: {re.escape(str(project / LOCK))}: \d+ demands; `envdoctor check --locked` compares with it\n",
        said.stderr,
    )
    text = (project / LOCK).read_text(encoding="utf-8")
    assert 'driver = ">=570.124.06"\ngpus = ">=2"\ncompute-capability = ">=8.0"\n' in text

    again = checked(same)
    assert (again.exit_code, subjects(again)) == (0, set())
    assert subjects(checked(same, 3, STANDIN_DRIVER="580.95.05", STANDIN_CUDA="13000")) == set()
    older = checked(same, STANDIN_DRIVER="550.90.07", STANDIN_CUDA="12040")
    assert (older.exit_code, subjects(older)) == (1, {"driver"})
    fewer = checked(same, 1)
    assert (fewer.exit_code, subjects(fewer)) == (1, {"gpus"})
    another = checked(python("another", torch="2.9.1+cu126", others={"vllm": "0.11.2"}))
    assert another.exit_code == 1
    assert {"torch", "torchvision", "channel", "cuda"} <= subjects(another)


def test_a_package_that_goes_is_missed(project: Path, tmp_path: Path) -> None:
    made: Environment = make_environment(tmp_path / "env")
    assert lock(project, "--python", str(made.python)).exit_code == 0
    gone = next(made.site_packages.glob("nvidia_nccl_cu12-*.dist-info"))
    shutil.rmtree(gone)
    said = run(project, "check", "--locked", "--python", str(made.python), "--format", "json")
    assert said.exit_code == 1
    assert "nvidia-nccl-cu12" in subjects(said)


def test_a_saved_machine_is_locked(project: Path) -> None:
    one = saved(machine_snapshot(), project)
    assert lock(project, "--snapshot", one, "-o", "node.lock").stderr.endswith(
        "demands; `envdoctor check --policy node.lock` compares with it\n"
    )
    said = run(project, "check", "--snapshot", one, "--policy", "node.lock", "--format", "json")
    assert (said.exit_code, said.json()["verdict"]) == (0, "healthy")


def test_a_healthy_machine_says_nothing_new_but_the_policy(project: Path) -> None:
    one = saved(machine_snapshot(), project)
    plain = run(project, "check", "--snapshot", one).stdout.splitlines()
    lock(project, "--snapshot", one)
    compared = run(project, "check", "--snapshot", one, "--locked").stdout.splitlines()
    added = [line for line in compared if line not in plain]
    assert len(added) == 1
    assert LOCK in added[0]


def test_the_plan_leads_back_to_what_was_locked(project: Path) -> None:
    lock(project, "--snapshot", saved(machine_snapshot(torchaudio="2.9.1"), project))
    other = saved(machine_snapshot(torch="2.8.0+cu126"), project, "other.json")
    plan = run(project, "check", "--locked", "--snapshot", other, "--format", "json").json()["plan"]
    assert plan["status"] == "solved"
    assert [plan["target"][key] for key in ("torch", "torchvision", "torchaudio", "channel")] == [
        "2.9.1", "0.24.1", "2.9.1", "cu128",
    ]  # fmt: skip


def test_locked_without_a_lock(project: Path) -> None:
    one = saved(machine_snapshot(), project)
    said = run(project, "check", "--snapshot", one, "--locked")
    assert said.exit_code == 2
    assert said.stderr.count("\n") == 1
    assert "`envdoctor lock` writes one" in said.stderr


def test_the_policy_applies_beside_the_lock(project: Path) -> None:
    one = saved(machine_snapshot(), project)
    lock(project, "--snapshot", one)
    (project / "envdoctor.toml").write_text('gpu-memory = ">=100 GiB"\n', encoding="utf-8")
    said = run(project, "check", "--snapshot", one, "--locked", "--format", "json")
    assert (said.exit_code, subjects(said)) == (1, {"gpu:0/memory"})


# ---- where it is written ------------------------------------------------------------------------------


def test_it_stands_beside_the_policy(project: Path) -> None:
    one = saved(machine_snapshot(), project)
    (project / "src" / "pyproject.toml").write_text("[tool.envdoctor]\nstrict = false\n", encoding="utf-8")
    below = project / "src" / "deep"
    below.mkdir()
    assert lock(below, "--snapshot", one).exit_code == 0
    assert (project / "src" / LOCK).exists()
    assert not (project / LOCK).exists()


def test_one_that_is_there_is_written_anew(project: Path) -> None:
    one = saved(machine_snapshot(), project)
    below = project / "src" / "deep"
    below.mkdir()
    lock(project / "src", "--snapshot", one, "-o", LOCK)
    said = lock(below, "--snapshot", saved(machine_snapshot(driver="570.124.06"), project, "other.json"))
    assert "~ driver >=535.104.05 -> >=570.124.06" in said.stderr
    assert not (project / LOCK).exists()


def test_outside_a_repository_it_stands_here(tmp_path: Path) -> None:
    one = saved(machine_snapshot(), tmp_path)
    here = tmp_path / "here"
    here.mkdir()
    said = lock(here, "--snapshot", one)
    assert said.stderr.startswith(f"envdoctor: {LOCK}: ")
    assert [path.name for path in here.iterdir()] == [LOCK]


def test_on_standard_output(project: Path) -> None:
    said = lock(project, "--snapshot", saved(machine_snapshot(), project), "-o", "-")
    assert (said.exit_code, said.stderr) == (0, "")
    assert said.stdout.startswith(FIRST_LINE)
    assert not (project / LOCK).exists()


# ---- once more ----------------------------------------------------------------------------------------


def test_the_same_environment_leaves_the_file_alone(project: Path) -> None:
    one = saved(machine_snapshot(), project)
    lock(project, "--snapshot", one)
    path = project / LOCK
    text = path.read_text(encoding="utf-8").replace("Seen on 2026-11-21", "Seen on 2025-01-01")
    path.write_text(text, encoding="utf-8")
    said = lock(project, "--snapshot", one)
    assert (said.exit_code, said.stderr) == (0, f"envdoctor: {LOCK}: unchanged\n")
    assert path.read_text(encoding="utf-8") == text


def test_another_environment_says_what_changed(project: Path) -> None:
    lock(project, "--snapshot", saved(machine_snapshot(), project))
    other = machine_snapshot(driver="570.124.06", gpus=["NVIDIA H200"] * 2, overrides={"numpy.version": "2.2.6"})
    said = lock(project, "--snapshot", saved(other, project))
    assert said.stderr.splitlines() == [
        "envdoctor:   + numpy ==2.2.6",
        "envdoctor:   ~ driver >=535.104.05 -> >=570.124.06",
        "envdoctor:   ~ gpus >=1 -> >=2",
        "envdoctor:   ~ compute-capability >=8.0 -> >=9.0",
        "envdoctor: envdoctor.lock: 4 demands changed; `envdoctor check --locked` compares with it",
    ]


def test_a_file_of_somebody_else_is_left(project: Path) -> None:
    one = saved(machine_snapshot(), project)
    (project / "requirements.txt").write_text("torch\n", encoding="utf-8")
    said = lock(project, "--snapshot", one, "-o", "requirements.txt")
    assert said.exit_code == 2
    assert said.stderr == (
        "envdoctor: requirements.txt: no lock that envdoctor wrote; --force writes over it, -o names another file\n"
    )
    assert (project / "requirements.txt").read_text(encoding="utf-8") == "torch\n"
    assert lock(project, "--snapshot", one, "-o", "requirements.txt", "--force").exit_code == 0
    assert (project / "requirements.txt").read_text(encoding="utf-8").startswith(FIRST_LINE)


def test_an_old_lock_with_the_text_of_a_stranger(project: Path) -> None:
    one = saved(machine_snapshot(), project)
    (project / LOCK).write_bytes(f"{FIRST_LINE}\n".encode() + b'torch = "\x1b[31m"\n::error::x = "\xff"\n')
    said = lock(project, "--snapshot", one)
    assert said.exit_code == 0
    assert "\x1b" not in said.stderr
    assert not re.search(r"(?m)(^|\s)::error", said.stderr)


# ---- what is not locked -------------------------------------------------------------------------------


def test_an_environment_with_an_error_is_refused(project: Path) -> None:
    good, bad = saved(machine_snapshot(), project), saved(machine_snapshot(driver="470.256.02"), project, "bad.json")
    lock(project, "--snapshot", good)
    before = (project / LOCK).read_bytes()
    said = lock(project, "--snapshot", bad)
    assert (said.exit_code, said.stdout) == (1, "")
    assert "driver-too-old" in said.stderr
    assert said.stderr.splitlines()[-1].startswith("envdoctor: not locked: 1 error in this environment")
    assert (project / LOCK).read_bytes() == before


def test_what_the_policy_counts_is_refused(project: Path) -> None:
    """A machine with a note, in a project where notes fail."""
    one = saved(machine_snapshot(driver=None, gpus=()), project)
    assert lock(project, "--snapshot", one, "--fail-on", "note").exit_code == 1
    assert not (project / LOCK).exists()
    assert lock(project, "--snapshot", one).exit_code == 0


def test_nothing_excuses_an_error_but_an_ignore(project: Path) -> None:
    one = saved(machine_snapshot(driver="470.256.02"), project)
    assert lock(project, "--snapshot", one, "--fail-on", "never").exit_code == 1
    ignore = '[[ignore]]\nrule = "driver-too-old"\nreason = "forward compatibility comes next week"\n'
    (project / "envdoctor.toml").write_text(ignore, encoding="utf-8")
    assert lock(project, "--snapshot", one).exit_code == 0
    assert "# Found, and ignored by a policy: driver-too-old.\n" in (project / LOCK).read_text(encoding="utf-8")


def test_a_demand_of_the_policy_that_is_not_met_is_an_error(project: Path) -> None:
    one = saved(machine_snapshot(), project)
    (project / "envdoctor.toml").write_text('driver = ">=580"\n', encoding="utf-8")
    said = lock(project, "--snapshot", one)
    assert said.exit_code == 1
    assert "requirement-not-met" in said.stderr


def test_no_torch_no_lock(project: Path, tmp_path: Path) -> None:
    made = make_environment(tmp_path / "env", None)
    said = lock(project, "--python", str(made.python))
    assert said.exit_code == 1
    assert said.stderr.splitlines()[-1].startswith("envdoctor: not locked: torch is not installed; `envdoctor plan`")
    assert not (project / LOCK).exists()


def test_a_torch_nobody_could_read_is_not_locked(project: Path) -> None:
    seen = machine_snapshot().having({"torch.version": Unknown("the interpreter did not answer")})
    said = lock(project, "--snapshot", saved(seen, project))
    assert said.exit_code == 3
    assert said.stderr.splitlines()[-1] == (
        "envdoctor: not locked: which torch is installed could not be found out: the interpreter did not answer"
    )


def test_an_undetermined_one_is_locked_with_a_word_and_refused_under_strict(project: Path) -> None:
    seen = machine_snapshot().having({"driver.version": Unknown("NVML hung"), "driver.cuda_version": Unknown("x")})
    one = saved(seen, project)
    strict = lock(project, "--snapshot", one, "--strict")
    assert (strict.exit_code, strict.stdout) == (3, "")
    assert not (project / LOCK).exists()
    assert lock(project, "--snapshot", one).exit_code == 0
    text = (project / LOCK).read_text(encoding="utf-8")
    assert re.search(r"\n# No verdict, for want of a fact: .*driver-too-old \(driver\.\w+\)", text)
    assert "# Not demanded, since not known or no version that can be compared: driver.\n" in text


# ---- places that cannot be written, and an end in between ---------------------------------------------


@posix
def test_places_that_cannot_be_written(project: Path) -> None:
    one = saved(machine_snapshot(), project)
    for output in ("nowhere/envdoctor.lock", "src", "src/"):
        said = lock(project, "--snapshot", one, "-o", output)
        assert said.exit_code == 2
        assert re.fullmatch(rf"envdoctor: {output}: cannot be (written|read): .*\n", said.stderr)


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full")
def test_a_full_disk() -> None:
    env = {**os.environ, "PYTHONPATH": str(CHECKOUT / "src")}
    case = CHECKOUT / "tests" / "cases" / "default-wheel-on-a100" / "snapshot.json"
    command = [sys.executable, "-m", "envdoctor", "lock", "--snapshot", case, "-o"]
    said = subprocess.run([*command, "/dev/full"], env=env, capture_output=True, text=True, check=False)
    assert (said.returncode, said.stderr) == (
        2, "envdoctor: /dev/full: cannot be written: No space left on device\n",
    )  # fmt: skip
    with open("/dev/full", "w") as full:
        said = subprocess.run([*command, "-"], env=env, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert said.returncode == 3
    assert "Traceback" not in said.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="signals as Linux sends them")
def test_ctrl_c_leaves_the_old_lock_whole(standin: Path, project: Path, tmp_path: Path) -> None:
    """At many moments of a run that would change the lock."""
    before = machine_snapshot(python="3.8.1", driver=None, gpus=())
    lock(project, "--snapshot", saved(before, tmp_path))
    old = (project / LOCK).read_text(encoding="utf-8")
    python = make_environment(tmp_path / "env").python
    env = {**os.environ, **GPUS, "STANDIN_GPUS": A100, "LD_LIBRARY_PATH": str(standin),
           "PYTHONPATH": str(CHECKOUT / "src")}  # fmt: skip
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        for step in range(12):
            (project / LOCK).write_text(old, encoding="utf-8")
            process = subprocess.Popen(
                [sys.executable, "-m", "envdoctor", "lock", "--python", python],
                cwd=project, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
            time.sleep(step * 0.08)
            process.send_signal(signal.SIGINT)
            _, error = process.communicate(timeout=60)
            text = (project / LOCK).read_text(encoding="utf-8")
            assert text == old or 'python = "==3.8.*"' not in text
            assert text.startswith(FIRST_LINE)
            assert text.endswith('"\n')
            assert [path.name for path in project.iterdir() if path.name.endswith(".part")] == []
            assert step == 0 or b"Traceback" not in error or b"envdoctor" not in error
    finally:
        signal.signal(signal.SIGINT, handler)


# ---- real wheels --------------------------------------------------------------------------------------


@pytest.mark.real
@pytest.mark.parametrize("variable", ["ENVDOCTOR_TEST_CUDA_ENV", "ENVDOCTOR_TEST_CPU_ENV"])
def test_a_real_environment_meets_its_lock_until_it_changes(variable: str, project: Path) -> None:
    folder = os.environ.get(variable)
    if not folder:
        pytest.skip(f"{variable} names no environment (make test-real makes them)")
    python = str(Path(folder) / "bin" / "python")
    assert lock(project, "--python", python).exit_code == 0
    same = run(project, "check", "--locked", "--strict", "--python", python, "--format", "json")
    assert (same.exit_code, subjects(same)) == (0, set())
    assert lock(project, "--python", python).stderr == f"envdoctor: {LOCK}: unchanged\n"

    text = (project / LOCK).read_text(encoding="utf-8")
    changed = re.sub(r'(?m)^torch = ".*"$', 'torch = "==2.6.0"', text)
    assert changed != text
    (project / LOCK).write_text(changed, encoding="utf-8")
    other = run(project, "check", "--locked", "--python", python, "--format", "json")
    assert (other.exit_code, subjects(other)) == (1, {"torch"})


@pytest.mark.real
def test_kernels_of_a_real_torch_become_demands(project: Path) -> None:
    folder = os.environ.get("ENVDOCTOR_TEST_CPU_ENV")
    if not folder:
        pytest.skip("ENVDOCTOR_TEST_CPU_ENV names no environment (make test-real makes them)")
    python = str(Path(folder) / "bin" / "python")
    assert run(project, "lock", "--smoke", "--python", python, limit=400).exit_code == 0
    text = (project / LOCK).read_text(encoding="utf-8")
    assert re.search(r"# Verified by its files; \d+ kernel tests passed on cpu\.\n", text)
    assert '    "matmul-fp32",\n' in text
    said = run(project, "check", "--locked", "--python", python, "--format", "json", limit=400)
    assert (said.exit_code, said.json()["verdict"]) == (0, "healthy")
    names = {row["name"] for row in said.json()["snapshot"]["facts"]["smoke.tests"]["value"]}
    assert set(json.loads(f"[{text.partition('smoke = [')[2].partition(']')[0].strip().rstrip(',')}]")) <= names
