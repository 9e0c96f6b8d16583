"""What a file of a policy says, key by key, and on which lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_files import RULES, TESTS, read_text

from envdoctor.model.demand import KEYS as DEMANDS
from envdoctor.model.demand import Demand
from envdoctor.model.finding import Severity
from envdoctor.model.place import Place
from envdoctor.model.policy import Ignore, Policy
from envdoctor.policy.keys import KEYS, PROBES, Form
from envdoctor.policy.places import line_of, lines_of_keys
from envdoctor.probes.look import PROBES as ALL_PROBES

if TYPE_CHECKING:
    from envdoctor.policy.keys import Key

WHOLE = """\
# A policy with one of everything.
profile = "gpu"
device = "cuda"
fail-on = "warning"
strict = true
smoke = ["matmul", "sdpa-flash"]
select = ["mig", "driver-too-old", "mig"]
leave-out = ["cpu-only-build"]

torch = "  >=2.6,  <2.9 "
gpus = 8
channel = ["cu126", "cu128"]
shm = "8 GiB"

[packages]
Flash_Attn = "2.8"

[severity]
dev-shm-too-small = "error"

[[ignore]]
rule = "mig"
reason = "Ours is  on\\npurpose."
subject = "gpu:*"
expires = 2027-01-31

[[ignore]]
rule = "cpu-only-build"
reason = "A laptop."
expires = "2026-12-24"
"""


def test_one_of_everything() -> None:
    layer = read_text(WHOLE)

    def at(line: int) -> Place:
        return Place("envdoctor.toml", line)

    assert layer.profile == "gpu"
    assert layer.policy == Policy(
        demands=(
            Demand("torch", ">=2.6,<2.9", ">=2.6, <2.9", at(10)),
            Demand("channel", "cu126,cu128", "cu126, cu128", at(12)),
            Demand("gpus", "==8", "8", at(11)),
            Demand("shm", ">=8589934592", "8 GiB", at(13)),
            Demand("packages.flash-attn", "==2.8.*", "2.8", at(16)),
            Demand("smoke", "matmul", "matmul", at(6)),
            Demand("smoke", "sdpa-flash", "sdpa-flash", at(6)),
        ),
        severities={"dev-shm-too-small": Severity.ERROR},
        ignores=(
            Ignore("mig", "Ours is on purpose.", "gpu:*", "2027-01-31", at(21)),
            Ignore("cpu-only-build", "A laptop.", "", "2026-12-24", at(27)),
        ),
        fail_on="warning",
        strict=True,
        smoke=True,
        device="cuda",
        select=("mig", "driver-too-old"),
        leave_out=("cpu-only-build",),
        files=("envdoctor.toml",),
    )


def test_a_pyproject_says_the_same() -> None:
    in_project = (
        WHOLE.replace("# A policy with one of everything.", "[tool.envdoctor]")
        .replace("[packages]", "[tool.envdoctor.packages]")
        .replace("[severity]", "[tool.envdoctor.severity]")
        .replace("[[ignore]]", "[[tool.envdoctor.ignore]]")
    )
    here, there = read_text(WHOLE).policy, read_text(in_project, "pyproject.toml").policy
    assert [one.place and one.place.line for one in here.demands] == [
        one.place and one.place.line for one in there.demands
    ]
    assert (here.ignores[1].expires, here.severities) == (there.ignores[1].expires, there.severities)


def example_of(key: Key) -> str:
    """A file with the example of a key, made of names that are known here."""
    text = key.example
    if key.form is Form.RULES:
        text = str(list(RULES[:2])).replace("'", '"')
    if key.form is Form.TESTS:
        text = str(list(TESTS[:2])).replace("'", '"')
    if key.form is Form.IGNORES:
        return f'[[ignore]]\n{text}\nreason = "x"'
    if key.form is Form.SEVERITIES:
        return f'[severity]\n{RULES[0]} = "{key.words[0]}"'
    return f"[packages]\n{text}" if key.form is Form.PACKAGES else f"{key.name} = {text}"


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_the_example_of_each_key_is_read(key: Key) -> None:
    layer = read_text(example_of(key), is_profile=True)
    assert key.name == "description" or layer != read_text("", is_profile=True)


@pytest.mark.parametrize("key", DEMANDS, ids=lambda key: key.name)
def test_the_example_of_each_demand_is_that_demand(key: object) -> None:
    name, example = getattr(key, "name", ""), getattr(key, "example", "")
    (demand,) = read_text(f'{name} = "{example}"').policy.demands
    assert (demand.key, demand.written, demand.place) == (name, example, Place("envdoctor.toml", 1))


def test_every_probe_may_be_left_out_or_not_and_the_demands_it_answers_are_known() -> None:
    from envdoctor.policy.keys import ESSENTIAL

    named = {probe.__name__.rpartition(".")[2]: probe for probe in ALL_PROBES}
    assert set(PROBES) | set(ESSENTIAL) == named.keys()
    assert not set(PROBES) & set(ESSENTIAL)
    for name, demands in PROBES.items():
        answered = [key.name for key in DEMANDS if set(key.facts) & named[name].FACTS.keys()]
        assert sorted(answered) == sorted(demands), name


def test_every_fact_of_a_demand_is_a_fact() -> None:
    told = {name for probe in ALL_PROBES for name in probe.FACTS}
    assert {name for key in DEMANDS for name in key.facts} <= told


PLACES = '''\
top = """
[no.header]
no = 1
"""
a.b = 1 # [no.header]
"c d" = '# "'
[tool . "x.y"]
k = [
  "l = 1",
]
m = \'\'\'text\'\'\'
n = {o = 1}
[[t]]
u = 1
[[t]]
u = """one line""" # """
v = "\\""
'''


def test_the_lines_of_keys() -> None:
    found = lines_of_keys(PLACES)
    assert found == {
        ("top",): 1,
        ("a",): 5,
        ("a", "b"): 5,
        ("c d",): 6,
        ("tool",): 7,
        ("tool", "x.y"): 7,
        ("tool", "x.y", "k"): 8,
        ("tool", "x.y", "m"): 11,
        ("tool", "x.y", "n"): 12,
        ("t",): 13,
        ("t", 0): 13,
        ("t", 0, "u"): 14,
        ("t", 1): 15,
        ("t", 1, "u"): 16,
        ("t", 1, "v"): 17,
    }
    assert line_of(found, ("tool", "x.y", "n", "o")) == 12
    assert line_of(found, ("nowhere", "k")) is None


@given(
    st.lists(
        st.sampled_from(["", "# note = 1", 'a{} = "x"', "a{} = '''x\n[y]\nz = 1\n'''", 'a{} = """\n"""']), max_size=12
    )
)
def test_keys_stand_where_they_were_written(lines: list[str]) -> None:
    text, expected = "", {}
    for number, line in enumerate(lines):
        if "{}" in line:
            expected[(f"a{number}",)] = text.count("\n") + 1
        text += line.replace("{}", str(number)) + "\n"
    assert lines_of_keys(text) == expected
