"""Several reports at once, and what becomes of them where one cannot be written: a line each, and exit code 2."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_prometheus

from envdoctor.commands import deliver
from envdoctor.commands.failure import Unusable
from envdoctor.commands.options import REPORTS
from machines import run_cli
from standin.command import CHECKOUT, Said

EXAMPLE = CHECKOUT / "docs" / "examples" / "v100-under-cu130.json"
BROKEN = ("check", "--snapshot", str(EXAMPLE))
FULL = Path("/dev/full")
VERDICT = "; the report says broken (exit code 1)"

COUNTED = ("json", "sarif", "gitlab", "prometheus", "openmetrics")
"""Formats that tell every finding one by one, or how many there are."""

as_anybody = pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")


def read_back(form: str, text: str) -> int:
    """How many findings a report tells, read by a parser of its format; those for people tell none."""
    if form == "json":
        return len(json.loads(text)["findings"])
    if form == "sarif":
        return len(json.loads(text)["runs"][0]["results"])
    if form == "gitlab":
        return len(json.loads(text))
    if form == "junit":
        return len(ElementTree.fromstring(text).findall(".//failure"))
    if form in ("prometheus", "openmetrics"):
        read = read_prometheus if form == "prometheus" else read_openmetrics
        found = next(one for one in read(text) if one.name == "envdoctor_findings")
        return int(sum(one.value for one in found.samples))
    return 0


def shell(line: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A line of a shell in which $E is the command."""
    variables = {**os.environ, "E": f"{sys.executable} -m envdoctor", "PYTHONPATH": str(CHECKOUT / "src")}
    return subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, check=False, cwd=cwd, env=variables, timeout=120
    )


def refused(said: Said | subprocess.CompletedProcess[str]) -> str:
    """The one line of a refusal; nothing was printed."""
    code = said.exit_code if isinstance(said, Said) else said.returncode
    assert (code, said.stdout) == (2, ""), said.stderr
    assert said.stderr.startswith("envdoctor: ")
    assert said.stderr.count("\n") == 1
    return said.stderr.removeprefix("envdoctor: ").rstrip("\n")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# ---- several at once ----------------------------------------------------------------------------------------


def test_every_format_at_once_and_one_in_the_log(tmp_path: Path) -> None:
    files = {form: tmp_path / f"report.{form}" for form in REPORTS if form != "terminal"}
    outputs = [word for form, path in files.items() for word in ("-o", f"{form}={path}")]
    said = run_cli([*BROKEN, "-o", "terminal=-", *outputs], cwd=tmp_path)
    alone = run_cli(BROKEN, cwd=tmp_path)
    assert (said.exit_code, said.stderr) == (1, "")
    assert said.stdout == alone.stdout
    assert names(tmp_path) == sorted(path.name for path in files.values())
    counts = {form: read_back(form, path.read_text(encoding="utf-8")) for form, path in files.items()}
    assert counts["json"] > 0
    assert {counts[form] for form in COUNTED} == {counts["json"]}
    assert counts["junit"] > 0
    assert all(path.read_bytes().endswith(b"\n") for path in files.values())


@pytest.mark.parametrize("form", REPORTS)
def test_a_format_changes_no_exit_code(form: str, tmp_path: Path) -> None:
    assert run_cli([*BROKEN, "--format", form], cwd=tmp_path).exit_code == 1
    assert run_cli([*BROKEN, "--format", form, "--fail-on", "never"], cwd=tmp_path).exit_code == 0


def test_with_files_alone_nothing_is_printed(tmp_path: Path) -> None:
    said = run_cli([*BROKEN, "-o", "json=a", "-o", "sarif=b"], cwd=tmp_path)
    assert (said.exit_code, said.stdout, said.stderr) == (1, "", "")
    assert names(tmp_path) == ["a", "b"]


def test_a_summary_is_added_to_what_a_step_wrote_before(tmp_path: Path) -> None:
    summary = tmp_path / "summary"
    run_cli([*BROKEN, "-o", f"github-summary={summary}"])
    ours = summary.read_text(encoding="utf-8")
    summary.write_text("## Tests\n\nno line end", encoding="utf-8")
    summary.chmod(0o640)
    for _ in range(2):
        run_cli([*BROKEN, "-o", f"github-summary={summary}"])
    assert summary.read_text(encoding="utf-8") == f"## Tests\n\nno line end\n\n{ours}\n\n{ours}"
    assert summary.stat().st_mode & 0o777 == 0o640
    summary.write_text("", encoding="utf-8")  # as the runner makes it
    run_cli([*BROKEN, "--format", "github-summary", "-o", str(summary)])
    assert summary.read_text(encoding="utf-8") == ours


def test_all_others_replace(tmp_path: Path) -> None:
    for form in REPORTS:
        (tmp_path / form).write_text("old")
    run_cli([*BROKEN, *(word for form in REPORTS for word in ("-o", f"{form}={form}"))], cwd=tmp_path)
    assert [form for form in REPORTS if (tmp_path / form).read_text().startswith("old")] == ["github-summary"]


def test_no_format_tells_names_in_a_file(tmp_path: Path) -> None:
    """The home of the user, in the facts and in the name of a file that is judged."""
    home = tmp_path / "zqsomebody"
    (home / "job").mkdir(parents=True)
    wrong = home / "job" / "requirements.txt"
    wrong.write_text("torch==2.7.1\ntorchvision==0.20.0\n", encoding="utf-8")
    (home / "job" / ".git").mkdir()
    outputs = [word for form in REPORTS for word in ("-o", f"{form}={tmp_path / form}")]
    said = run_cli(["lint", str(wrong), *outputs], cwd=home / "job", home=home)
    assert said.exit_code == 1, said.stderr
    for form in REPORTS:
        text = (tmp_path / form).read_text(encoding="utf-8")
        assert "zqsomebody" not in text
        if form in ("sarif", "gitlab"):  # and the place is still that of the file
            assert '"requirements.txt"' in text


# ---- two documents for one file -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "outputs",
    [
        ("x", "x"),
        ("json=x", "sarif=x"),
        ("json=x", "sarif=./x"),
        ("json=x", "sarif=folder/../x"),
        ("json=there", "sarif=link"),
        ("json=there", "sarif=hard"),
        ("json=new", "sarif=dangling"),
        ("json=folder/x", "sarif=way/x"),
        ("github-summary=x", "github-summary=x"),
        ("-", "json=/dev/stdout"),
        ("json=/dev/fd/1", "sarif=/proc/self/fd/1"),
        ("json=-", "sarif=-"),
    ],
)
def test_two_documents_for_one_file_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outputs: tuple[str, ...]
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "way").symlink_to("folder")
    (tmp_path / "there").write_text("old")
    (tmp_path / "link").symlink_to("there")
    (tmp_path / "hard").hardlink_to(tmp_path / "there")
    (tmp_path / "dangling").symlink_to("new")
    before = names(tmp_path)
    monkeypatch.chdir(tmp_path)
    for given, saved in ((outputs, None), (outputs[:1], outputs[1].partition("=")[2] or outputs[1])):
        with pytest.raises(Unusable) as caught:
            deliver.one_writer_each(given, saved, REPORTS)
        assert caught.value.exit_code == 2
        assert "\n" not in caught.value.message
        assert f"-o {outputs[0]} and -" in caught.value.message
    assert names(tmp_path) == before
    assert (tmp_path / "there").read_text() == "old"


def test_it_is_refused_before_anything_is_looked_at(tmp_path: Path) -> None:
    """A snapshot that does not exist would be told otherwise."""
    said = run_cli(["check", "--snapshot", "nowhere", "-o", "json=x", "-o", "sarif=./x"], cwd=tmp_path)
    assert refused(said) == "-o json=x and -o sarif=./x are one file; name another for one of them"
    said = run_cli(["check", "--snapshot", "nowhere", "-o", "json=x", "--save-snapshot", "x"], cwd=tmp_path)
    assert refused(said) == "-o json=x and --save-snapshot x are one file; name another for one of them"


@pytest.mark.parametrize(
    "outputs",
    [
        ("json=x", "sarif=y"),
        ("json=a/x", "sarif=b/x"),
        ("json=/dev/null", "sarif=/dev/null"),
        ("-", "json=x"),
        ("X", "x"),
    ],
)
def test_two_files_are_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outputs: tuple[str, ...]) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path)
    deliver.one_writer_each(outputs, None, REPORTS)
    assert names(tmp_path) == ["a", "b"]


def test_a_file_that_standard_output_goes_to_is_standard_output(tmp_path: Path) -> None:
    line = f"$E check --snapshot {EXAMPLE} -o json=- -o sarif=log > log"
    assert "standard output" in refused(shell(line, tmp_path))
    assert "goes to standard output too" in refused(
        shell(f"$E check --snapshot {EXAMPLE} --save-snapshot log > log", tmp_path)
    )
    said = shell(f"$E check --snapshot {EXAMPLE} -o json=log >> log", tmp_path)
    assert (said.returncode, said.stderr) == (1, "")
    assert json.loads((tmp_path / "log").read_text())["verdict"] == "broken"


# ---- a document for a file that is read ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("check --snapshot seen.json -o seen.json", "seen.json"),
        ("check --snapshot seen.json -o json=./seen.json", "seen.json"),
        ("check --snapshot seen.json --save-snapshot seen.json -o x", "seen.json"),
        ("check --snapshot - -o seen.json < seen.json", "-"),
        ("check --snapshot seen.json --matrix matrix.toml -o matrix.toml", "matrix.toml"),
        ("check --snapshot seen.json --policy policy.toml -o sarif=policy.toml", "policy.toml"),
        ("lint Dockerfile -o Dockerfile", "Dockerfile"),
        ("lint Dockerfile link -o Dockerfile", "Dockerfile"),
        ("lint Dockerfile --target seen.json -o seen.json", "seen.json"),
        ("lint . -o Dockerfile", "Dockerfile"),
        ("triage paste -o paste", "paste"),
        ("triage paste --save-snapshot paste", "paste"),
        ("triage - -o paste < paste", "-"),
        ("diff seen.json paste -o markdown=paste", "paste"),
        ("plan --from seen.json -o seen.json", "seen.json"),
    ],
)
def test_nothing_that_is_read_is_written_over(tmp_path: Path, line: str, read: str) -> None:
    shutil.copy(EXAMPLE, tmp_path / "seen.json")
    contents = {
        "Dockerfile": "FROM python:3.12\n",
        "paste": "torch 2.9.1\n",
        "matrix.toml": "x = 1\n",
        "policy.toml": "",
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    (tmp_path / "link").symlink_to("Dockerfile")
    said = refused(shell(f"$E {line}", tmp_path))
    assert said.endswith(f": {read} is read, and would be overwritten; name another file"), said
    assert (tmp_path / "seen.json").read_bytes() == EXAMPLE.read_bytes()
    for name, content in contents.items():
        assert (tmp_path / name).read_text() == content


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            "check --snapshot nowhere -o juint=x",
            "juint is no format here; did you mean junit? a file of that name is ./juint=x",
        ),
        (
            "check --snapshot nowhere -o SARIF=x",
            "SARIF is no format here; did you mean sarif? a file of that name is ./SARIF=x",
        ),
        ("plan -o sarif=x", "sarif is no format here; there are terminal, json; a file of that name is ./sarif=x"),
    ],
)
def test_a_format_that_is_misspelt_is_no_file(tmp_path: Path, words: str, told: str) -> None:
    said = run_cli(words.split(), cwd=tmp_path)
    assert refused(said) == f"-o {words.split()[-1]}: {told}"
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("name", ["lr=0.1", "./juint=x", "run=json", "=x"])
def test_any_other_name_may_hold_an_equals_sign(tmp_path: Path, name: str) -> None:
    run_cli([*BROKEN, "-o", name], cwd=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name.removeprefix("./")]


@pytest.mark.parametrize(
    ("policy", "line"),
    [
        ("envdoctor.toml", "-o envdoctor.toml"),
        ("pyproject.toml", "-o sarif=../pyproject.toml"),
        ("envdoctor.toml", "-o x --save-snapshot ../link"),
        (".envdoctor/profiles/team.toml", "--profile team -o ../.envdoctor/profiles/team.toml"),
    ],
)
def test_a_policy_that_nobody_named_is_not_written_over_either(tmp_path: Path, policy: str, line: str) -> None:
    text = "[tool.envdoctor]\nstrict = true\n" if policy == "pyproject.toml" else "strict = true\n"
    (tmp_path / ".git").mkdir()
    folder = tmp_path / ".envdoctor" / "profiles"
    folder.mkdir(parents=True)
    (tmp_path / policy).write_text(text)
    (tmp_path / "link").symlink_to(policy)
    cwd = tmp_path if line == "-o envdoctor.toml" else folder.parent
    said = run_cli(["check", "--snapshot", str(EXAMPLE), *line.split()], cwd=cwd)
    assert refused(said).endswith(" is read, and would be overwritten; name another file")
    assert (tmp_path / policy).read_text() == text
    assert not (cwd / "x").exists()


# ---- what cannot be written ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("none/report", "No such file or directory"),
        ("folder", "Is a directory"),
        ("new/", "Is a directory"),
        ("file/report", "Not a directory"),
        ("loop", "Too many levels of symbolic links"),
        ("x" * 256, "File name too long"),
    ],
)
@pytest.mark.parametrize("option", ["-o", "--save-snapshot"])
def test_a_place_that_cannot_be_is_told_before_the_look(tmp_path: Path, path: str, why: str, option: str) -> None:
    """Also where the other file could be written: nothing is, and what is to be judged is not even opened."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    before = names(tmp_path)
    said = run_cli(["check", "--snapshot", "nowhere", "-o", "json=fine", option, path], cwd=tmp_path)
    assert refused(said).startswith(path[:100])
    assert said.stderr.endswith(f": cannot be written: {why}\n")
    assert names(tmp_path) == before


@as_anybody
def test_a_folder_that_is_read_only_is_told_before_the_look(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    said = run_cli(["check", "--snapshot", "nowhere", "-o", "report"], cwd=tmp_path)
    tmp_path.chmod(0o700)
    assert refused(said) == "report: cannot be written: Permission denied"


@as_anybody
def test_a_file_that_is_read_only_stays_as_it_is(tmp_path: Path) -> None:
    """Its folder would let another file take its place."""
    old = tmp_path / "old"
    old.write_text("old")
    old.chmod(0o400)
    for form in ("json", "github-summary"):
        said = run_cli(["check", "--snapshot", "nowhere", "-o", f"{form}=old"], cwd=tmp_path)
        assert refused(said) == "old: cannot be written: Permission denied"
    assert old.read_text() == "old"


def test_a_folder_that_is_read_only_for_root_too(tmp_path: Path) -> None:
    """/proc takes no new file of anybody."""
    said = run_cli(["check", "--snapshot", "nowhere", "-o", "/proc/report"], cwd=tmp_path)
    assert refused(said).startswith("/proc/report: cannot be written: ")


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
def test_what_can_be_written_is_and_each_failure_is_a_line(tmp_path: Path) -> None:
    said = run_cli(
        [*BROKEN, "-o", "terminal=-", "-o", "sarif=/dev/full", "-o", "json=fine", "-o", "junit=/dev/null"], cwd=tmp_path
    )
    assert said.exit_code == 2
    assert said.stderr == f"envdoctor: /dev/full: cannot be written: No space left on device{VERDICT}\n"
    assert said.stdout == run_cli(BROKEN, cwd=tmp_path).stdout
    assert json.loads((tmp_path / "fine").read_text())["exit_code"] == 1
    said = run_cli([*BROKEN, "-o", "json=fine", "--save-snapshot", "/dev/full"], cwd=tmp_path)
    assert (said.exit_code, said.stdout, said.stderr.count("\n")) == (2, "", 1)
    assert "/dev/full" in said.stderr
    assert (tmp_path / "fine").exists()


def test_a_file_that_outgrows_its_limit_leaves_nothing_half(tmp_path: Path) -> None:
    """`ulimit -f` stands for a disk that fills up and for a quota: the write breaks off in the midst of a file."""
    old = tmp_path / "old.json"
    old.write_text("old")
    summary = tmp_path / "summary"
    summary.write_text("earlier\n")

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))

    outputs = ("json=old.json", "sarif=new.sarif", "github-summary=summary")
    said = subprocess.run(
        [sys.executable, "-m", "envdoctor", *BROKEN, *(word for one in outputs for word in ("-o", one))],
        cwd=tmp_path, capture_output=True, text=True, preexec_fn=limited, check=False,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT / "src"), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.splitlines() == [
        "envdoctor: old.json: cannot be written: File too large",
        "envdoctor: new.sarif: cannot be written: File too large",
        f"envdoctor: summary: cannot be written: File too large{VERDICT}",
    ]
    assert (old.read_text(), summary.read_text()) == ("old", "earlier\n")
    assert names(tmp_path) == ["old.json", "summary"]


@pytest.mark.skipif(shutil.which("unshare") is None, reason="no unshare")
def test_a_full_disk(tmp_path: Path) -> None:
    """A file system of 16 kB in a mount namespace of our own."""
    (tmp_path / "disk").mkdir()
    mounted = shell("unshare --user --map-root-user --mount mount -t tmpfs -o size=16k x disk", tmp_path)
    if mounted.returncode:
        pytest.skip(f"no file system of our own here: {mounted.stderr.strip()}")
    script = (
        "mount -t tmpfs -o size=16k x disk && cd disk && echo old > old && "
        f"$E check --snapshot {EXAMPLE} -o json=old -o sarif=new -o gitlab=../fine; echo $?; ls -A; cat old"
    )
    said = shell(f"unshare --user --map-root-user --mount bash -c '{script}'", tmp_path)
    assert said.stdout == "2\nold\nold\n"
    assert said.stderr.splitlines() == [
        "envdoctor: old: cannot be written: No space left on device",
        f"envdoctor: new: cannot be written: No space left on device{VERDICT}",
    ]
    assert json.loads((tmp_path / "fine").read_text())


# ---- a reader that goes away --------------------------------------------------------------------------------


def test_files_are_written_before_the_reader_of_the_log_goes_away(tmp_path: Path) -> None:
    line = f"$E check --snapshot {EXAMPLE} -v -o json=- -o sarif=x -o junit=y | true; echo ${{PIPESTATUS[0]}}"
    said = shell(line, tmp_path)
    assert (said.stdout, said.stderr) == ("141\n", "")
    assert names(tmp_path) == ["x", "y"]


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
def test_a_reader_that_goes_away_hides_no_file_that_failed(tmp_path: Path) -> None:
    line = f"$E check --snapshot {EXAMPLE} -o json=- -o sarif=/dev/full | true; echo ${{PIPESTATUS[0]}}"
    said = shell(line, tmp_path)
    assert said.stdout == "2\n"
    assert said.stderr == f"envdoctor: /dev/full: cannot be written: No space left on device{VERDICT}\n"


# ---- ten thousand findings ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of ten scripts with a thousand wrong pins each."""
    folder = tmp_path_factory.mktemp("many")
    (folder / ".git").mkdir()
    line = "pip install torch==2.6.0 torchvision==0.20.0 --target /opt/"
    for number in range(10):
        (folder / f"install{number}.sh").write_text("".join(f"{line}{place}\n" for place in range(1000)))
    return folder


def test_ten_thousand_findings_in_every_format(many: Path, tmp_path: Path) -> None:
    outputs = [word for form in REPORTS for word in ("-o", f"{form}={tmp_path / form}")]
    said = run_cli(["lint", ".", *outputs], cwd=many)
    assert (said.exit_code, said.stdout, said.stderr) == (1, "", "")
    texts = {form: (tmp_path / form).read_text(encoding="utf-8") for form in REPORTS}
    counts = {form: read_back(form, text) for form, text in texts.items()}
    assert counts["json"] == counts["gitlab"] == counts["prometheus"] == counts["openmetrics"] == 10_000
    assert 0 < counts["sarif"] <= 25_000  # results that GitHub takes of one run
    assert counts["junit"] > 0
    sizes = {form: len(text.encode()) for form, text in texts.items()}
    assert sizes["github-summary"] <= 1024 * 1024
    assert texts["github"].count("\n::") + texts["github"].startswith("::") <= 20
    assert max(sizes.values()) < 2000 * 10_000
    assert max(sizes["prometheus"], sizes["openmetrics"]) < 50_000  # it grows with rules and not with findings


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("form", ["terminal", "json", "markdown", "sarif", "gitlab"])
def test_ten_thousand_findings_and_a_reader_of_one_line(many: Path, form: str, unbuffered: str) -> None:
    """More than a pipe holds. Where Python does not buffer, it drops the rest of a write without a word."""
    reader = "head -n 1 > /dev/null"
    said = shell(f"PYTHONUNBUFFERED={unbuffered} $E lint . --format {form} | {reader}; echo ${{PIPESTATUS[0]}}", many)
    assert (said.stdout, said.stderr) == ("141\n", "")


def test_help_and_lists_that_nobody_reads(tmp_path: Path) -> None:
    """Never 1, which says that something was found."""
    for command in ("--help", "rules", "explain driver-too-old"):
        said = shell(f"$E {command} | true; echo ${{PIPESTATUS[0]}}", tmp_path)
        assert (said.stdout, said.stderr) in (("141\n", ""), ("0\n", ""))
