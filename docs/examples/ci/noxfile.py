"""Tests, and before them whether torch and the GPU of this machine get along."""

import os

import nox

# The commit of envdoctor that you looked at.
ENVDOCTOR = os.environ.get("ENVDOCTOR", "git+https://github.com/OWNER/envdoctor@COMMIT")


@nox.session
def tests(session: nox.Session) -> None:
    """Judge the environment of the session, then run the tests in it; `nox -- --require-gpu` asks for a GPU."""
    session.install("-r", "requirements.txt", ENVDOCTOR)
    session.run("envdoctor", "check", *session.posargs)
    session.run("python", "-m", "unittest")
