"""Every mistake in a policy is one line that names the place and what to write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_files import NAMES, read_text

from envdoctor.policy.document import document
from envdoctor.policy.keys import BY_NAME, ESSENTIAL, OTHER_WORDS
from envdoctor.policy.mistake import PolicyError
from envdoctor.policy.read import read

ENTRY = '[[ignore]]\nrule = "mig"\nreason = "known"\n'

MISTAKES = {
    # keys
    'tourch = ">=2"': "line 1: tourch: unknown; did you mean torch or torchaudio?",
    'x = 1\ntorch = "2"': "line 1: x: unknown; a distribution stands below [packages]; docs/reference/policy.md",
    'Torch = "2"': "line 1: Torch: unknown; did you mean torch?",
    'fail_on = "error"': "line 1: fail_on: unknown; did you mean fail-on?",
    'compute_capability = "8.0"': "line 1: compute_capability: unknown; did you mean compute-capability?",
    '"/dev/shm" = "8 GiB"': "line 1: /dev/shm: unknown; did you mean shm?",
    "gpu = 1": "line 1: gpu: unknown; did you mean gpus?",
    'cuda-version = "12.6"': "line 1: cuda-version: unknown; did you mean cuda?",
    '\n[require]\ntorch = "2"': "line 2: require: unknown; demands stand at the top",
    'requirements = ["torch"]': "line 1: requirements: unknown; demands stand at the top",
    '[tool.envdoctor]\ntorch = "2"': "line 1: tool: unknown; the keys stand at the top of this file, without [tool",
    'index-base = "https://mirror.example"': "line 1: index-base: unknown; a policy does not say where packages come",
    'description = "x"': "line 1: description: stands in a profile alone",
    'without = ["symbols"]': "line 1: without: stands in a profile alone",
    # demands
    "torch = 2.10": 'line 1: torch: a number with a point needs quotes; write torch = "2.10" (without quotes 2.10',
    "compute-capability = 8.0": 'a number with a point needs quotes; write compute-capability = "8.0" (without',
    "torch = true": 'line 1: torch: not a text in quotes; write it like torch = ">=2.6,<2.9"',
    'torch = ["2.6"]': 'line 1: torch: not a text in quotes; write it like torch = ">=2.6,<2.9"',
    'torch = " "': "line 1: torch: the value is empty",
    "shm = 8": 'line 1: shm: 8 has no unit; write it like shm = ">=8 GiB"',
    "gpus = -1": 'line 1: gpus: "-1" is no whole number',
    'channel = ["cu126", 8]': 'line 1: channel: not a list of names; write channel = "cu126"',
    'channel = "cuda12.6"': 'line 1: channel: "cuda12.6" is unknown; write it like "cu126" or "cpu"',
    'platform = "linux"': 'line 1: platform: "linux" is unknown; write it like "linux-x86_64"',
    # settings
    'fail-on = "errors"': 'line 1: fail-on: "errors" is unknown; did you mean error?',
    'fail-on = "warn"': 'line 1: fail-on: "warn" is unknown; did you mean warning?',
    'fail-on = "1"': 'line 1: fail-on: "1" is unknown; it is one of error, warning, note, never',
    "fail-on = 1.5": 'line 1: fail-on: not a text in quotes; write fail-on = "warning"',
    'strict = "true"': "line 1: strict: neither true nor false, without quotes",
    'device = "gpu"': 'line 1: device: "gpu" is unknown; did you mean cuda?',
    'smoke = ["matmull"]': 'line 1: smoke: no test of a check is called "matmull"; did you mean matmul or',
    "smoke = []": "line 1: smoke: names no test; write true or false",
    'smoke = "yes"': 'line 1: smoke: not a list of names; write true, false or smoke = ["matmul", "sdpa-flash"]',
    'select = ["driver-to-old"]': 'line 1: select: no rule is called "driver-to-old"; did you mean driver-too-old or',
    "select = []": "line 1: select: names no rule; without this key all of them are run",
    'leave-out = "mig"': 'line 1: leave-out: not a list of names; write leave-out = ["dev-shm-too-small"]',
    'leave-out = ["zzz"]': 'line 1: leave-out: no rule is called "zzz"; `envdoctor rules` lists them',
    'profile = ""': "line 1: profile: the value is empty",
    # packages
    '[packages]\ntorch = ">=2"': "line 2: packages: torch has a key of its own; write torch beside the others",
    '[packages]\n"a b" = ">=2"': "line 2: packages: a b: not the name of a distribution",
    '[packages]\nvllm = ">=1"\nVLLM = "2"': "line 3: packages: VLLM is vllm once more",
    "[packages]\nvllm = 1.5": 'line 2: vllm: a number with a point needs quotes; write vllm = "1.5"',
    '[packages]\nvllm = {version = "1"}': 'line 2: vllm: not a text in quotes; write it like vllm = ">=0.11"',
    'packages = ["vllm"]': "line 1: packages: not a table; write [packages] and a line below it for each",
    # severities
    '[severity]\nmig = "warn"': 'line 2: severity: mig: "warn" is unknown; did you mean warning?',
    '[severity]\nmgi = "warning"': 'line 2: severity: no rule is called "mgi"; did you mean mig?',
    "[severity]\nmig = 1": 'line 2: severity: mig: not a text in quotes; write mig = "warning"',
    # ignores
    'ignore = ["mig"]': "line 1: ignore: each entry needs a rule and a reason, below a line [[ignore]]; rules that",
    '[[ignore]]\nrule = "mig"': "line 1: ignore: reason is missing: why, for those who read it later; never empty",
    '[[ignore]]\nreason = "x"': "line 1: ignore: rule is missing: the rule whose findings do not count",
    '[[ignore]]\nrule = "mig"\nreason = " "': "line 3: ignore: reason: not a text in quotes, or an empty one",
    f'{ENTRY}\n[[ignore]]\nrule = "migg"\nreason = "x"': 'line 6: ignore: no rule is called "migg"; did you mean mig?',
    f'{ENTRY}expire = "2027-01-31"': "line 4: ignore: expire: unknown; did you mean expires?",
    f'{ENTRY}expires = "31.1.2027"': "line 4: ignore: expires: not a day; write it like expires = 2027-01-31",
    f'{ENTRY}expires = "2027-02-30"': "line 4: ignore: expires: not a day; write it like expires = 2027-01-31",
    f"{ENTRY}expires = 2027-01-31T10:00:00": "line 4: ignore: expires: not a day; write it like expires = 2027-01-31",
    f'{ENTRY}subject = ""': "line 4: ignore: subject: not a text in quotes, or an empty one",
    # TOML; a message repeats nothing of the file
    "a = password": "line 1: not TOML",
    "gpus = 1\ntorch >= 2.6": 'line 2: not TOML; text and comparisons stand in quotes: torch = ">=2.6"',
    "torch = 2.6.1": 'line 1: not TOML; text and comparisons stand in quotes: torch = ">=2.6"',
    "device = cuda": 'line 1: not TOML; text and comparisons stand in quotes: torch = ">=2.6"',
    'torch = "2"\ntorch = "3"\nsmoke = true': "line 2: not TOML: a key or a table that is there already",
    f"gpus = {'9' * 5000}": "not TOML",
    f"a = {'[' * 5000}": "not TOML",
    f"{'a.' * 40}a = 1": "a key of more than 30 parts",
}


@pytest.mark.parametrize("text", MISTAKES, ids=lambda text: " | ".join(text.split("\n"))[:40])
def test_a_mistake_is_told_with_its_line(text: str) -> None:
    with pytest.raises(PolicyError) as told:
        read_text(text)
    said = str(told.value)
    assert said.startswith("envdoctor.toml")
    assert MISTAKES[text] in said
    assert "\n" not in said
    assert "password" not in said


OF_PROFILES = {
    'without = ["symbol"]': 'line 1: without: no probe is called "symbol"; did you mean symbols?',
    'without = ["torch-build"]': 'line 1: without: no probe is called "torch-build"; it may name amd, ',
    'without = "symbols"': 'line 1: without: not a list of names; write without = ["symbols", "kernels"]',
    "description = 1": 'line 1: description: not a text in quotes; write description = "Training nodes."',
}


@pytest.mark.parametrize("text", OF_PROFILES)
def test_a_mistake_in_a_profile(text: str) -> None:
    with pytest.raises(PolicyError) as told:
        read_text(text, is_profile=True)
    assert OF_PROFILES[text] in str(told.value)


@pytest.mark.parametrize("probe", ESSENTIAL)
def test_what_the_rest_hangs_on_cannot_be_left_out(probe: str) -> None:
    with pytest.raises(PolicyError, match=f'without: "{probe}" cannot be left out'):
        read_text(f'without = ["{probe}"]', is_profile=True)


@pytest.mark.parametrize("word", OTHER_WORDS)
def test_what_others_call_a_key_is_led_to_ours(word: str) -> None:
    assert word not in BY_NAME
    with pytest.raises(PolicyError, match=f"did you mean {OTHER_WORDS[word]}\\?"):
        read_text(f'"{word}" = "1"')


def test_in_a_pyproject_the_keys_stand_below_the_table() -> None:
    text = '[tool.other]\na = 1\n\n[tool.envdoctor]\nfail-on = "never"\ntorhc = "2"\n'
    with pytest.raises(PolicyError) as told:
        read_text(text, "pyproject.toml")
    assert str(told.value) == "pyproject.toml, line 6: torhc: unknown; did you mean torch?"
    with pytest.raises(PolicyError, match=r"line 2: require: unknown; demands stand directly below \[tool.envdoctor\]"):
        read_text('[tool.envdoctor]\n[tool.envdoctor.require]\ntorch = "2"', "pyproject.toml")
    with pytest.raises(PolicyError, match=r"line 2: tool.envdoctor: not a table"):
        read_text("[tool]\nenvdoctor = 1", "pyproject.toml")


def test_bytes_that_are_no_text_and_those_of_windows() -> None:
    with pytest.raises(PolicyError, match=r"^envdoctor.toml: not UTF-8 text$"):
        document("envdoctor.toml", b"\xff")
    assert read_text('\ufefftorch = "2"\r\n\r\ngpus = 1\r\n').policy.demands[1].place == ("envdoctor.toml", 3, 1, 0)


@given(st.one_of(st.text(max_size=80), st.text("[]={}\"'.#\n\\ abtorch", max_size=60)))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing but a mistake with its line comes of any file."""
    try:
        found = document("envdoctor.toml", text.encode(errors="surrogatepass"))
        assert found is not None
        read(found, NAMES)
    except PolicyError as told:
        said = str(told)
    else:
        said = "envdoctor.toml"
    assert said.startswith("envdoctor.toml")


KEYS_OF_ANY = st.dictionaries(
    st.one_of(st.sampled_from(sorted(BY_NAME)), st.text(max_size=8)),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=12)),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
        max_leaves=6,
    ),
    max_size=4,
)


@given(KEYS_OF_ANY, st.booleans())
def test_any_values_are_read_or_refused(keys: dict[str, object], is_profile: bool) -> None:
    found = document("envdoctor.toml", b"")
    assert found is not None
    try:
        files = read(found._replace(keys=keys), NAMES, is_profile=is_profile).policy.files
    except PolicyError as told:
        files = (told.file,)
    assert files == ("envdoctor.toml",)
