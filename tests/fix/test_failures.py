"""Sentences for what real installers said when an index, a disk or a network failed them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from faulty_index import Fault, FaultyIndex, faulty_index

from envdoctor.fix.failures import LONGEST, reason
from envdoctor.fix.installing import Ran, install
from envdoctor.fix.variables import environment_for

if TYPE_CHECKING:
    from collections.abc import Iterator

SAID = (Path(__file__).parent / "installers_said.txt").read_text(encoding="utf-8")
"""Recorded with `faulty_index` and small file systems; lines that only trace calls, or chat, are left out."""

EXPECTED = {
    "broken-zip": "is no whole wheel",
    "closed": "nothing answers at its address",
    "conflict": "does not go together: .*dep==",
    "cut": "broke off",
    "dns": r"the name of its host( \(download\.invalid\))? cannot be resolved",
    "forbidden": r"refused access \(403\) at http\S+/torch-2",
    "full-cache": "no space left on the disk that holds /home/me/fullcache/",
    "full-env": "no space left on the disk",
    "full-tmp": "no space left on the disk.*TMPDIR",
    "no-pip": "no pip in this environment",
    "nodep": "the index has no dep==7.0:",
    "noplat": "for other systems or Pythons alone",
    "noproject": "the index has no nothing",
    "nosuch": "the index has no torch==9.9.9:",
    "not-found": r"lists a file that it does not have at http\S+/torch-2\.9\.1%2Bcu126-py3-none-any\.whl:",
    "page401": "wants a user and a password",
    "page403": "refused access",
    "page404": "the index has no torch",
    "page500": "a server error",
    "pep668": "belongs to the system",
    "permission": "permission denied",
    "proxy": "the proxy refused or could not be reached",
    "read-only": "is read-only",
    "reset": "broke off",
    "server": "a server error",
    "stall": "stopped answering|broke off",
    "tls": "no encrypted connection",
    "wrong-hash": r"what was downloaded \(torch\S+2\.9\.1\S+\) has another hash",
}


def recorded() -> list[tuple[str, str, int, str]]:
    """Scenario, installer, exit status and text."""
    parts = re.split(r"^=== (\S+), (.*), exit (\d+)\n", SAID, flags=re.MULTILINE)[1:]
    return [(parts[at], parts[at + 1], int(parts[at + 2]), parts[at + 3]) for at in range(0, len(parts), 4)]


@pytest.mark.parametrize(("scenario", "who", "status", "said"), recorded(), ids=lambda value: str(value)[:20].strip())
def test_each_failure_has_its_sentence(scenario: str, who: str, status: int, said: str) -> None:
    sentence = reason(Ran((who,), status, said, "", "/x/log.txt"))
    assert re.search(EXPECTED[scenario], sentence), sentence
    assert sentence.endswith("; all it said is in /x/log.txt")
    assert "\n" not in sentence
    assert len(sentence) < 2 * LONGEST + 100
    assert "{" not in sentence


def test_every_scenario_was_recorded_for_pip_and_uv() -> None:
    assert {scenario for scenario, *_ in recorded()} == set(EXPECTED)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("OSError: [Errno 122] Disk quota exceeded: 'x'", "disk quota"),
        ("cause: invalid peer certificate: UnknownIssuer", "certificate of the index is not trusted"),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] unable to get", "not trusted here"),
        ("OSError('Tunnel connection failed: 407 Proxy Authentication Required')", "the proxy refused"),
        ("429 Client Error: Too Many Requests for url", "takes no more requests"),
        ("WARNING: The repository located at m.example is not a trusted or secure host", "passes over m.example,"),
        ("ERROR: Failed building wheel for flash-attn", "flash-attn has no wheel for this system"),
        ("MemoryError", "memory ran out"),
        ("  Unable to find candidates for torch (2.9.1) at 5 links", "the index has no torch:"),
    ],
)
def test_what_was_not_provoked_here(said: str, sentence: str) -> None:
    assert sentence in reason(Ran(("pip",), 1, said))


def test_what_was_overcome_is_no_cause() -> None:
    retried = "WARNING: Retrying (Retry(total=3, connect=None)) after connection broken by 'Connection refused': /x/"
    passed_over = (
        "Could not fetch URL https://m/dep/: 401 Client Error: Unauthorized for url: https://m/dep/ - skipping"
    )
    final = "ERROR: Could not find a version that satisfies the requirement dep==7.0 (from versions: 1.0)"
    end = "ERROR: No matching distribution found for dep==7.0"
    said = "\n".join((retried, passed_over, final, end))
    assert reason(Ran(("pip",), 1, said)).startswith("the index has no dep==7.0:")
    assert "a user and a password" in reason(Ran(("pip",), 1, said.replace("versions: 1.0", "versions: none")))


def test_what_is_not_recognised_is_the_last_error() -> None:
    said = "Resolved 3 packages\nerror: the moon is full\n  cause: " + "x" * 500 + "\nhint: wait"
    sentence = reason(Ran(("uv",), 2, said, "", "/x/log.txt"))
    assert sentence.startswith("cause: xxx")
    assert sentence.endswith("... (exit 2); all it said is in /x/log.txt")
    crash = "ERROR: Exception:\nTraceback (most recent call last):\n  File x\njson.decoder.JSONDecodeError: no value"
    assert reason(Ran(("pip",), 2, crash)) == "json.decoder.JSONDecodeError: no value (exit 2)"
    assert reason(Ran(("uv",), 5, "")) == "the installer said nothing (exit 5)"
    assert reason(Ran(("uv",), -15, "at work")).startswith("the installer was ended by SIGTERM")


@pytest.mark.parametrize(
    "begin",
    ["Failed to download `x`\n", "conflict is caused by: a\n", "Because x depends on ", "/x.whl#sha256=" + "0" * 64],
)
def test_a_text_of_nothing_but_beginnings_is_got_through(begin: str) -> None:
    """The patterns that reach over lines are bounded: unbounded ones did not come back from this."""
    said = begin * (200_000 // len(begin))
    assert reason(Ran(("uv",), 1, said))


@pytest.fixture
def index() -> Iterator[FaultyIndex]:
    with faulty_index() as served:
        served.add("torch", "2.9.1+cu126", size=600_000)
        yield served


@pytest.mark.skipif(sys.platform != "linux", reason="environments with bin/python")
@pytest.mark.parametrize("metadata", [True, False], ids=["metadata", "whole files"])
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault.CUT, "broke off"),
        (Fault.RESET, "broke off"),
        (Fault.STALL, "stopped answering|broke off"),
        (Fault.WRONG_HASH, "has another hash|no whole wheel"),
        (Fault.BROKEN_ZIP, "is no whole wheel"),
        (Fault.NOT_FOUND, "does not have"),
        (Fault.FORBIDDEN, "refused access"),
        (Fault.SERVER, "server error"),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else "",
)
def test_the_installer_of_today_says_what_was_recorded(
    index: FaultyIndex, fault: Fault, words: str, metadata: bool, tmp_path: Path
) -> None:
    """uv, which is quick; pip is asked the same by its recorded words."""
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, tmp_path / "env"], check=True)
    index.faults, index.metadata = {"torch": fault}, metadata
    argv = (
        "uv",
        "pip",
        "install",
        "--python",
        str(tmp_path / "env/bin/python"),
        "--index-url",
        index.url,
        "torch==2.9.1+cu126",
    )
    patience = "1" if fault is Fault.STALL else "30"
    given = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "UV_HTTP_RETRIES": "0", "UV_HTTP_TIMEOUT": patience}
    environ, _ = environment_for(argv, given)
    ran = install(argv, environ, str(tmp_path / "log.txt"), lambda _: None)
    assert ran.exit
    assert re.search(words, reason(ran)), ran.said


def test_what_uv_wraps_is_told_as_one_sentence() -> None:
    said = (
        "error: Failed to add dependencies\n  cause: No solution found when resolving dependencies\n"
        "  cause: Because m depends on torch>=2.15 and p depends on torch==2.14.0+cu126,\n"
        "         we can conclude that m and p are incompatible.\nhint: If you want to add the package\n"
    )
    told = reason(Ran(("uv", "add"), 1, said))
    assert told.endswith("p depends on torch==2.14.0+cu126, we can conclude that m and p are incompatible")
