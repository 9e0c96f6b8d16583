"""Whether the machine reaches itself is told right, with a loopback device and without one."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from envdoctor.smoke.child import loopback

ALONE = ("unshare", "--map-root-user", "--net")
"""A network of its own, in which the loopback device is down."""


def test_this_machine_reaches_itself() -> None:
    assert loopback.reaches_itself()


@pytest.mark.skipif(shutil.which(ALONE[0]) is None, reason="no unshare")
def test_without_a_loopback_device_it_does_not() -> None:
    if subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no name space of one's own may be made here")
    program = f"import runpy; print(runpy.run_path({loopback.__file__!r})['reaches_itself']())"
    done = subprocess.run([*ALONE, sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
