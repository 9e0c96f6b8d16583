"""The words of a demand become a PEP 440 specifier, or one line that says what to write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envdoctor.model.demand import KEYS, Kind
from envdoctor.policy.words import LONGEST, NAMES, UNITS, NoDemand, specifier_of

NUMBERS = st.lists(st.integers(0, 999), min_size=1, max_size=4)
RELEASES = NUMBERS.map(lambda parts: ".".join(map(str, parts)))
COMPARISONS = st.sampled_from(["==", "!=", "<=", ">=", "<", ">"])
BLANK = st.sampled_from(["", " ", "  "])


def meets(specifier: str, version: str) -> bool:
    return SpecifierSet(specifier).contains(version, prereleases=True)


WRITTEN = [
    (Kind.VERSION, "2.9", "==2.9.*"),
    (Kind.VERSION, "v2.9", "==2.9.*"),
    (Kind.VERSION, "2.9.x", "==2.9.*"),
    (Kind.VERSION, "==2.9.*", "==2.9.*"),
    (Kind.VERSION, "2.14.0+cu126", "==2.14.0+cu126"),
    (Kind.VERSION, "2.9.0a0+50eac811a6.nv25.9", "==2.9.0a0+50eac811a6.nv25.9"),
    (Kind.VERSION, ">=2.6, <2.9", ">=2.6,<2.9"),
    (Kind.VERSION, ">=2.6,", ">=2.6"),
    (Kind.VERSION, ">= 550", ">=550"),
    (Kind.VERSION, "~=2.6.0", "~=2.6.0"),
    (Kind.VERSION, "*", ">=0.dev0"),
    (Kind.COUNT, "8", "==8"),
    (Kind.COUNT, ">=1,<=8", ">=1,<=8"),
    (Kind.CAPABILITY, "8", "==8.*"),
    (Kind.CAPABILITY, "8.6", "==8.6.*"),
    (Kind.CAPABILITY, "==8.*", "==8.*"),
    (Kind.CAPABILITY, ">=8.0,!=8.7", ">=8.0,!=8.7"),
    (Kind.SIZE, "32 GiB", ">=34359738368"),
    (Kind.SIZE, ">=32GiB", ">=34359738368"),
    (Kind.SIZE, ">= 80 GB, < 1 TiB", ">=80000000000,<1099511627776"),
    (Kind.SIZE, "1.5 kib", ">=1536"),
    (Kind.SIZE, "==0.0001 KB", "==1"),
]


@pytest.mark.parametrize(("kind", "words", "specifier"), WRITTEN, ids=lambda one: str(one))
def test_what_people_write(kind: Kind, words: str, specifier: str) -> None:
    assert specifier_of(kind, words) == specifier


def test_names_are_one_of_a_list() -> None:
    assert specifier_of(Kind.NAME, "cu126, cu128,cu126", "channel") == "cu126,cu128"
    assert specifier_of(Kind.NAME, "linux-aarch64-jetson", "platform") == "linux-aarch64-jetson"
    assert {key.name for key in KEYS if key.kind is Kind.NAME} == NAMES.keys()


REFUSED = [
    (Kind.VERSION, "", "the value is empty"),
    (Kind.VERSION, "=2.6", '"=2.6" is no comparison; write it like ">=2.6" or "==2.6"'),
    (Kind.VERSION, "===2.6", '"===2.6" is no comparison; write it like ">=2.6" or "==2.6"'),
    (Kind.VERSION, "^2.6", '"^2.6" is no comparison; write it like ">=2.6" or "==2.6"'),
    (Kind.VERSION, ">=2.6 <2.9", '">=2.6 <2.9" is no comparison; write it like ">=2.6,<2.9"'),
    (Kind.VERSION, " , ", "the value is empty"),
    (Kind.VERSION, "2.6,<2.9", '"2.6" beside others needs a comparison: ">=2.6", "<2.6"'),
    (Kind.VERSION, "latest", '"latest" is no comparison; write it like ">=2.6,<2.9"'),
    (Kind.VERSION, "2" * (LONGEST + 1), f"longer than {LONGEST} characters"),
    (Kind.COUNT, "1.5", '"1.5" is no whole number; write it like ">=1"'),
    (Kind.COUNT, "-1", '"-1" is no whole number; write it like ">=1"'),
    (Kind.CAPABILITY, "sm_86", '"sm_86" names an architecture; as a compute capability it is "8.6"'),
    (Kind.CAPABILITY, "compute_100a", '"compute_100a" names an architecture; as a compute capability it is "10.0"'),
    (Kind.CAPABILITY, "<90", '"<90" is an architecture without its point; as a compute capability it is "9.0"'),
    (Kind.CAPABILITY, "120", '"120" is an architecture without its point; as a compute capability it is "12.0"'),
    (Kind.CAPABILITY, "ampere", '"ampere" is no compute capability; write it like ">=8.0"'),
    (Kind.SIZE, "8g", '"8g" has no unit that is known; write it like "8 GiB"'),
    (Kind.SIZE, ">=64Mi", '">=64Mi" has no unit that is known; write it like "64 MiB"'),
    (Kind.SIZE, "8", '"8" has no unit that is known; write it like "8 GiB"'),
    (Kind.SIZE, "much", '"much" is no size; write it like ">=8 GiB"'),
]


@pytest.mark.parametrize(("kind", "words", "said"), REFUSED, ids=lambda one: str(one)[:20])
def test_what_is_refused_says_what_to_write(kind: Kind, words: str, said: str) -> None:
    with pytest.raises(NoDemand) as refused:
        specifier_of(kind, words)
    assert str(refused.value) == said


@pytest.mark.parametrize("words", ["12.6", "cu12.6", "CU126", "cu126;cpu"])
def test_a_channel_that_cannot_be_is_refused(words: str) -> None:
    with pytest.raises(NoDemand, match=r'is unknown; write it like "cu126" or "cpu"'):
        specifier_of(Kind.NAME, words, "channel")


@given(NUMBERS)
def test_a_number_alone_means_what_begins_with_it(parts: list[int]) -> None:
    alone = ".".join(map(str, parts))
    above = ".".join(map(str, [*parts[:-1], parts[-1] + 1]))
    specifier = specifier_of(Kind.VERSION, alone)
    assert all(meets(specifier, one) for one in (alone, f"{alone}.0", f"{alone}.7", f"{alone}+cu126"))
    assert not meets(specifier, above)


@given(RELEASES, COMPARISONS, BLANK, BLANK)
def test_a_comparison_is_kept(release: str, comparison: str, before: str, after: str) -> None:
    specifier = specifier_of(Kind.VERSION, f"{before}{comparison}{after}{release}")
    assert specifier == f"{comparison}{release}"
    assert specifier_of(Kind.VERSION, specifier) == specifier
    assert meets(specifier, release) == ("=" in comparison and comparison != "!=")


@given(st.integers(0, 10**9 - 1), COMPARISONS)
def test_a_count_is_compared_as_a_number(count: int, comparison: str) -> None:
    assert specifier_of(Kind.COUNT, str(count)) == f"=={count}"
    specifier = specifier_of(Kind.COUNT, f"{comparison}{count}")
    assert meets(specifier, str(count + 1)) == (comparison in ("!=", ">", ">="))


@given(st.integers(0, 10**6), st.sampled_from(sorted(UNITS)), BLANK)
def test_a_size_is_whole_bytes(number: int, unit: str, between: str) -> None:
    least = number * UNITS[unit]
    assert specifier_of(Kind.SIZE, f"{number}{between}{unit}") == f">={least}"
    assert specifier_of(Kind.SIZE, f"<{number}{between}{unit.upper()}") == f"<{least}"


@given(
    st.sampled_from([Kind.VERSION, Kind.COUNT, Kind.CAPABILITY, Kind.SIZE]),
    st.one_of(st.text(max_size=220), st.text("0123456789.,<>=!~*^ +agGiBsm_-", max_size=40)),
)
def test_any_text_is_a_specifier_or_refused(kind: Kind, words: str) -> None:
    try:
        specifier = specifier_of(kind, words)
    except NoDemand:
        specifier = ">0"  # anything else that is raised fails the test
    assert "===" not in specifier
    assert len(SpecifierSet(specifier)) >= 1


@given(st.sampled_from(["2.9.1+cu128", "2.9.0a0+x", "550.54.15", "12.6", "1!2.0"]))
def test_an_exact_version_meets_itself(version: str) -> None:
    assert meets(specifier_of(Kind.VERSION, version), str(Version(version)))
