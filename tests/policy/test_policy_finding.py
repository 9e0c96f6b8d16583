"""Where policies, locks and profiles are looked for, and how they are laid over each other."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from policy_files import SHIPPED, applying, read_text, write

from envdoctor.model.finding import Severity
from envdoctor.model.policy import Policy
from envdoctor.policy import find
from envdoctor.policy.merge import merged, with_lock
from envdoctor.policy.mistake import PolicyError
from envdoctor.policy.profiles import MOST_BASES

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository within a folder that holds a policy of somebody else; the working directory is below it."""
    root = tmp_path / "above" / "repo"
    (root / ".git").mkdir(parents=True)
    (root / "src" / "deep").mkdir(parents=True)
    write(tmp_path / "above", envdoctor_toml='fail-on = "never"')
    monkeypatch.chdir(root)
    return root


def demanded(policy: Policy) -> dict[str, str]:
    return {one.key: one.specifier for one in policy.demands}


def told(start: Path, **asked: object) -> str:
    with pytest.raises(PolicyError) as mistake:
        applying(start, **asked)  # type: ignore[arg-type]
    return str(mistake.value)


def test_nothing_is_found_where_nothing_is(repo: Path) -> None:
    assert applying(repo / "src") == Policy()
    assert find.folders_above(str(repo / "src" / "deep")) == tuple(
        map(str, (repo / "src" / "deep", repo / "src", repo))
    )


def test_the_nearest_in_the_repository_holds(repo: Path) -> None:
    write(repo, envdoctor_toml='torch = "2.8"', pyproject_toml='[tool.envdoctor]\ntorch = "2.7"')
    assert demanded(applying(repo / "src" / "deep")) == {"torch": "==2.8.*"}
    write(repo / "src", pyproject_toml='[tool.envdoctor]\ntorch = "2.6"')
    assert demanded(applying(repo / "src" / "deep")) == {"torch": "==2.6.*"}


def test_a_pyproject_without_the_table_does_not_end_the_search(repo: Path) -> None:
    write(repo, pyproject_toml='[tool.envdoctor]\ntorch = "2.7"')
    write(repo / "src", pyproject_toml='[project]\ndependencies = ["envdoctor"]')
    write(repo / "src" / "deep", pyproject_toml="not TOML, and nobody asks")
    assert demanded(applying(repo / "src" / "deep")) == {"torch": "==2.7.*"}


@pytest.mark.parametrize("name", ["packages", "severity", "ignore"])
def test_a_table_that_stands_in_pyproject_as_in_envdoctor_toml_is_told(repo: Path, name: str) -> None:
    """It would be nobody's, and what it demands not held."""
    write(repo, pyproject_toml=f'[tool.envdoctor]\ngpus = 1\n[{name}]\nvllm = "1"')
    assert told(repo) == f"pyproject.toml, line 3: [{name}]: did you mean [tool.envdoctor.{name}]?"
    write(repo, pyproject_toml=f'[{name}]\nvllm = "1"\n[tool.other]\nname = "envdoctor"')
    assert demanded(applying(repo)) == {}


def test_a_broken_pyproject_that_names_us_is_told(repo: Path) -> None:
    write(repo, pyproject_toml="[tool.envdoctor]\ntorch = \n")
    assert told(repo) == "pyproject.toml, line 2: not TOML"


def test_outside_a_repository_the_working_directory_alone_is_asked(tmp_path: Path) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    write(tmp_path / "a", envdoctor_toml='torch = "2.7"')
    assert applying(below) == Policy()
    assert demanded(applying(tmp_path / "a")) == {"torch": "==2.7.*"}


@pytest.mark.parametrize("mark", find.ROOT_MARKS)
def test_the_root_is_told_by_a_folder_or_a_file(tmp_path: Path, mark: str) -> None:
    write(tmp_path, envdoctor_toml='torch = "2.7"')
    (tmp_path / "worktree").mkdir()
    (tmp_path / mark).write_text("gitdir: elsewhere")
    assert demanded(applying(tmp_path / "worktree")) == {"torch": "==2.7.*"}


def test_a_file_that_is_named_is_the_only_one(repo: Path) -> None:
    write(repo, envdoctor_toml='torch = "2.8"\ngpus = 1', ci__gate_toml='driver = ">=550"')
    assert demanded(applying(repo, file="ci/gate.toml")) == {"driver": ">=550"}
    assert applying(repo, file="ci/gate.toml").files == ("ci/gate.toml",)
    assert told(repo, file="ci/gat.toml") == "--policy ci/gat.toml: no such file"
    assert told(repo, file="ci") == "--policy ci: not a regular file"
    write(repo, ci__pyproject_toml="[project]")
    assert told(repo, file="ci/pyproject.toml") == "ci/pyproject.toml: has no table [tool.envdoctor]"


def test_a_policy_that_cannot_be_read_is_told(repo: Path) -> None:
    (repo / "envdoctor.toml").mkdir()
    assert told(repo) == "envdoctor.toml: not a regular file"
    (repo / "envdoctor.toml").rmdir()
    (repo / "envdoctor.toml").write_bytes(b"#" * (find.MOST_BYTES + 1))
    assert told(repo) == "envdoctor.toml: larger than 1024 KiB"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for(repo: Path) -> None:
    os.mkfifo(repo / "envdoctor.toml")
    os.mkfifo(repo / "src" / "pyproject.toml")
    assert told(repo / "src") == "envdoctor.toml: not a regular file"


def test_a_link_to_nowhere_is_told(repo: Path) -> None:
    (repo / "envdoctor.toml").symlink_to("shared/policy.toml")
    assert told(repo) == "envdoctor.toml: no such file"


def test_the_user_s_own_settings_are_no_policy(repo: Path) -> None:
    """Who keeps them in a repository of dotfiles would have every check there refused."""
    write(repo, envdoctor_toml='index-base = "https://mirror.example"')
    assert applying(repo, settings=repo / "envdoctor.toml") == Policy()


def test_a_lock_holds_beside_the_policy(repo: Path) -> None:
    write(repo, envdoctor_toml='torch = ">=2.6"\ngpus = 1', envdoctor_lock='torch = "2.8.0+cu126"')
    assert demanded(applying(repo / "src")) == {"torch": ">=2.6", "gpus": "==1"}
    locked = applying(repo / "src", locked=True)
    assert demanded(locked) == {"torch": ">=2.6,==2.8.0+cu126", "gpus": "==1"}
    assert locked.files == ("envdoctor.toml", "envdoctor.lock")


def test_a_lock_that_is_missing_is_told_with_where_it_was_looked_for(repo: Path, tmp_path: Path) -> None:
    assert told(repo, locked=True) == "--locked: no envdoctor.lock here; `envdoctor lock` writes one"
    assert told(repo / "src", locked=True) == (
        f"--locked: no envdoctor.lock here or above, up to {repo}; `envdoctor lock` writes one"
    )


def test_with_nothing_nearby_only_what_is_named_counts(repo: Path) -> None:
    write(repo, envdoctor_toml='torch = "2.8"', _envdoctor__profiles__core_toml='driver = ">=550"')
    write(repo, ci_toml="gpus = 1")
    assert applying(repo, nearby=False) == Policy()
    assert demanded(applying(repo, nearby=False, file="ci.toml")) == {"gpus": "==1"}


# profiles


def test_those_that_are_shipped(repo: Path) -> None:
    assert applying(repo, profile="core") == Policy()
    assert applying(repo, profile="cpu") == Policy(device="cpu", profile="cpu")
    assert applying(repo, profile="gpu") == Policy(device="cuda", smoke=True, profile="gpu")
    assert sorted(os.listdir(SHIPPED)) == ["core.toml", "cpu.toml", "gpu.toml"]


def test_one_of_the_project_comes_before_the_user_s_and_that_before_ours(repo: Path, tmp_path: Path) -> None:
    settings = tmp_path / "config" / "envdoctor.toml"
    write(tmp_path, config__profiles__gpu_toml="gpus = 2", config__profiles__mine_toml="gpus = 3")
    assert demanded(applying(repo, profile="gpu", settings=settings)) == {"gpus": "==2"}
    assert demanded(applying(repo, profile="mine", settings=settings)) == {"gpus": "==3"}
    write(repo, _envdoctor__profiles__gpu_toml="gpus = 4")
    assert demanded(applying(repo / "src", profile="gpu", settings=settings)) == {"gpus": "==4"}
    assert applying(repo, profile="gpu", settings=settings).files == (".envdoctor/profiles/gpu.toml",)


def test_a_core_of_one_s_own_holds_where_none_is_named(repo: Path) -> None:
    write(repo, _envdoctor__profiles__core_toml='profile = "core"\nfail-on = "warning"')
    assert (applying(repo).fail_on, applying(repo).profile) == ("warning", "core")
    assert not find.nothing_near((str(repo),), None, None, "core")


def test_a_profile_builds_on_another_and_on_the_next_of_its_own_name(repo: Path) -> None:
    write(repo, _envdoctor__profiles__gpu_toml='profile = "gpu"\ngpus = 8\nsmoke = false')
    write(repo, _envdoctor__profiles__nodes_toml='profile = "gpu"\nwithout = ["symbols"]\ngpus = ">=4"')
    policy = applying(repo, profile="nodes")
    assert (policy.device, policy.smoke, policy.without, policy.profile) == ("cuda", False, ("symbols",), "nodes")
    assert demanded(policy) == {"gpus": ">=4"}


def test_a_circle_and_a_long_chain_are_told(repo: Path) -> None:
    write(repo, _envdoctor__profiles__a_toml='profile = "b"', _envdoctor__profiles__b_toml='\nprofile = "a"')
    assert told(repo, profile="a") == '.envdoctor/profiles/b.toml, line 2: profile: "a" builds on itself in the end'
    names = [f"p{number}" for number in range(MOST_BASES + 1)]
    for one, base in zip(names, [*names[1:], "cpu"], strict=True):
        write(repo, **{f"_envdoctor__profiles__{one}_toml": f'profile = "{base}"'})
    assert "p8.toml" not in told(repo, profile="p0")
    assert "one profile too many: 8 may build on one another" in told(repo, profile="p0")


def test_a_profile_may_be_a_path_beside_the_file_that_names_it(repo: Path) -> None:
    write(repo, ci__policy_toml='profile = "./nodes.toml"', ci__nodes_toml="gpus = 8")
    assert demanded(applying(repo / "src", file="ci/policy.toml")) == {"gpus": "==8"}
    assert demanded(applying(repo, profile="ci/nodes.toml")) == {"gpus": "==8"}
    assert told(repo, profile="./nodes.toml") == '--profile: "./nodes.toml" is no file'


def test_a_name_that_is_not_there_is_told_with_those_that_are(repo: Path) -> None:
    write(repo, _envdoctor__profiles__training_toml="")
    assert told(repo, profile="trainig") == (
        '--profile: "trainig" is no profile that is here; did you mean training? there are core, cpu, gpu, training'
    )
    assert told(repo, profile="zz") == (
        '--profile: "zz" is no profile that is here; there are core, cpu, gpu, training'
    )
    write(repo, envdoctor_toml='\nprofile = "gpuu"')
    assert told(repo).startswith(
        'envdoctor.toml, line 2: profile: "gpuu" is no profile that is here; did you mean gpu?'
    )
    for name in ("..", "a b", "-x", "\x1b[31m", "x" * 100):
        assert "is neither a name nor the path of a file that ends in .toml" in told(repo, profile=name)


def test_the_option_takes_the_place_of_the_file_s_profile(repo: Path) -> None:
    write(repo, envdoctor_toml='profile = "gpu"\ngpus = 1')
    assert applying(repo).device == "cuda"
    policy = applying(repo, profile="cpu")
    assert (policy.device, policy.profile, demanded(policy)) == ("cpu", "cpu", {"gpus": "==1"})


def test_a_demand_that_nothing_would_answer_is_refused(repo: Path) -> None:
    """It would be left out with the probe, in silence, and the gate stand open."""
    write(repo, _envdoctor__profiles__quick_toml='without = ["symbols", "limits"]', envdoctor_toml='\nshm = "8 GiB"')
    assert (
        told(repo, profile="quick")
        == 'envdoctor.toml, line 2: shm: the profile quick leaves out "limits", which tells it'
    )
    write(repo, envdoctor_toml="gpus = 1")
    assert applying(repo, profile="quick").without == ("symbols", "limits")


# laying over each other


def test_the_nearest_says_the_most() -> None:
    far = read_text(
        'torch = ">=2.6"\ngpus = 1\nsmoke = ["matmul", "start"]\nstrict = true\nfail-on = "note"\nselect = ["mig"]\n'
        'leave-out = ["mig"]\n[packages]\nvllm = "1"\n[severity]\nmig = "note"\ncpu-only-build = "note"\n'
        '[[ignore]]\nrule = "mig"\nreason = "far"'
    ).policy
    near = read_text(
        'python = "3.12"\ntorch = "2.8"\nsmoke = ["sdpa"]\nstrict = false\nselect = ["driver-too-old"]\n'
        'leave-out = ["cpu-only-build"]\n[packages]\napex = "1"\n[severity]\nmig = "error"\n'
        '[[ignore]]\nrule = "mig"\nreason = "near"'
    ).policy
    both = merged((far, near), "gpu")
    assert [(one.key, one.specifier) for one in both.demands] == [
        ("python", "==3.12.*"),
        ("torch", "==2.8.*"),
        ("gpus", "==1"),
        ("packages.apex", "==1.*"),
        ("packages.vllm", "==1.*"),
        ("smoke", "sdpa"),
    ]
    assert both.severities == {"mig": Severity.ERROR, "cpu-only-build": Severity.NOTE}
    assert [one.reason for one in both.ignores] == ["far", "near"]
    assert (both.strict, both.fail_on, both.select, both.smoke) == (False, "note", ("driver-too-old",), True)
    assert (both.leave_out, both.profile) == (("mig", "cpu-only-build"), "gpu")


def test_a_word_on_kernels_takes_the_tests_that_had_to_pass_away() -> None:
    far = read_text('smoke = ["matmul"]').policy
    for word, run in (("false", False), ("true", True)):
        both = merged((far, read_text(f"smoke = {word}").policy))
        assert (both.smoke, both.demands) == (run, ())
    assert merged((far, read_text("gpus = 1").policy)).smoke is True


def test_a_lock_does_not_loosen_what_was_tightened_after_it() -> None:
    policy = read_text('driver = ">=580"\ngpus = 1\nchannel = ["cu126", "cu128"]\nplatform = "linux-aarch64"').policy
    lock = read_text(
        'torch = "==2.9.1"\ndriver = ">=535"\ngpus = 1\nchannel = "cu128"\nplatform = "linux-x86_64"'
    ).policy
    both = with_lock(policy, lock)
    assert {one.key: one.specifier for one in both.demands} == {
        "torch": "==2.9.1",
        "channel": "cu128",
        "driver": ">=580,>=535",
        "gpus": "==1",
        "platform": "",
    }
    assert {one.key: one.written for one in both.demands}["driver"] == ">=580 and >=535"


def test_nothing_laid_over_nothing_is_the_default() -> None:
    assert merged(()) == Policy()
    assert not merged(()).says_anything
