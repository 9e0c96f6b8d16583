"""The allow-list of variables: nothing else is read, values are bounded, credentials are gone."""

from __future__ import annotations

import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envdoctor.codec.redact import redacted
from envdoctor.host.host import Host
from envdoctor.model.fact import Absent, Known
from envdoctor.model.snapshot import Snapshot
from envdoctor.probes import environment
from envdoctor.probes.environment import MOST_LETTERS, VARIABLES
from recorded_tree import Tree, look_at, value


def test_only_listed_variables_become_facts(tree: Tree) -> None:
    tree.set(CUDA_HOME="/usr/local/cuda", AWS_SECRET_ACCESS_KEY="word", UV_INDEX_PYTORCH_PASSWORD="word")
    facts = tree.look((environment,))
    assert set(facts) == {f"env.{name}" for name in VARIABLES}
    assert value(facts, "env.CUDA_HOME") == "/usr/local/cuda"
    assert facts["env.CUDA_PATH"] == Absent("not set")
    assert not any("word" in str(fact) for fact in facts.values())


def test_an_empty_value_is_known_and_empty(tree: Tree) -> None:
    tree.set(CUDA_VISIBLE_DEVICES="")
    assert tree.look((environment,))["env.CUDA_VISIBLE_DEVICES"] == Known("", "environment")


def test_no_listed_name_is_one_that_holds_a_credential() -> None:
    telling = re.compile(r"token|secret|passw|key|credential|auth|url|index", re.IGNORECASE)
    assert [name for name in VARIABLES if telling.search(name)] == []


@pytest.mark.parametrize("name", ["PYTHONPATH", "LD_LIBRARY_PATH", "TORCH_HOME", "VIRTUAL_ENV", "LD_PRELOAD"])
def test_user_info_in_a_value_is_gone(tree: Tree, name: str) -> None:
    tree.set(**{name: "/srv/one:https://me:hunter2@mirror.example/x:/srv/two"})
    assert "hunter2" not in value(tree.look((environment,)), f"env.{name}")


def test_a_value_is_bounded_after_its_credentials_are_gone(tree: Tree) -> None:
    tree.set(PYTHONPATH="/a:" * 10_000 + f"https://me:{'hunter2' * 5000}@mirror.example")
    kept = value(tree.look((environment,)), "env.PYTHONPATH")
    assert len(kept) <= MOST_LETTERS
    assert "hunter2" not in kept


@given(st.text(max_size=60), st.text(st.characters(codec="ascii", exclude_categories=("Cc", "Zs")), max_size=12))
def test_no_user_info_of_a_url_is_left(before: str, word: str) -> None:
    # Quotes end a URL, and "me:12/" is a host with its port.
    if {*"\"'<>"} & {*word} or re.match(r"\d{1,5}/", word):
        return
    host = Host(
        "/nowhere", environ={"PYTHONPATH": f"{before} https://me:{word}S3CRETwordS3@mirror.example/x"}, recorded={}
    )
    facts = look_at(host, "/venv/bin/python", (environment,))
    assert "S3CRETwordS3" not in value(facts, "env.PYTHONPATH")


@pytest.mark.parametrize("name", ["ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"])
def test_the_identities_of_devices_are_replaced_in_a_saved_snapshot(tree: Tree, name: str) -> None:
    tree.set(**{name: "GPU-1f2e,0"})
    saved = redacted(Snapshot(tree.look((environment,))), None, None, None)
    assert value(dict(saved.facts), f"env.{name}") == "GPU-redacted-1,0"


def test_the_live_environment_is_read_by_name_alone() -> None:
    facts = look_at(Host(), "/nowhere/python", (environment,))
    assert {name for name, fact in facts.items() if isinstance(fact, Known)} == {
        f"env.{name}" for name in VARIABLES if name in os.environ
    }
