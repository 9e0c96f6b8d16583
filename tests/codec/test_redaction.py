from __future__ import annotations

import json
import re
import string
from pathlib import Path

import pytest
from codec_strategies import FACTS, full_report
from hypothesis import given
from hypothesis import strategies as st

from envdoctor.codec import diagnosis, snapshot
from envdoctor.codec.credentials import strip_credentials
from envdoctor.codec.read import load_snapshot
from envdoctor.codec.redact import redacted
from envdoctor.codec.redact_report import redacted_report
from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.model.fact import Absent, Fact, Known, Unknown, Value
from envdoctor.model.snapshot import Snapshot

ONE = "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"
TWO = "GPU-8999aaaa-d72c-4106-c12f-20bd9faed9f6"
MIG = "MIG-12345678-d72c-4106-c12f-20bd9faed9f6"


def texts(
    text: str,
    home: str | None = "/home/alice",
    user: str | tuple[str, ...] | None = "alice",
    host: str | None = "node7",
) -> str:
    """Redact `text` as a reason."""
    facts = {
        "x": Unknown(text),
        "packages.installed": Known({"numpy": "2.1", "nvidia-nccl-cu12": "2.2"}, "dist-info"),
    }
    fact = redacted(Snapshot(facts), home, user, host)["x"]
    assert isinstance(fact, Unknown)
    return fact.reason


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/alice", "~"),
        ("/home/alice/venv/bin/python", "~/venv/bin/python"),
        ("in /home/alice: no", "in ~: no"),
        ("PATH=/home/alice/bin:/home/bob/bin", "PATH=~/bin:/home/redacted-user/bin"),
        ("/home/alice2/x", "/home/redacted-user/x"),
        ("/mnt/home/alice/x", "/mnt/home/redacted-user/x"),
        ("file:///Users/carol/w.whl", "file:///Users/redacted-user/w.whl"),
        (r"C:\Users\Dan Dee\venv\python.exe", r"C:\Users\redacted-user\venv\python.exe"),
        ("C:/Users/dan/venv", "C:/Users/redacted-user/venv"),
        ("/mnt/c/Users/dan/venv", "/mnt/c/Users/redacted-user/venv"),
        (r"C:\\Users\\dan\\venv", r"C:\\Users\\redacted-user\\venv"),
        (r"C:\Users\Public\x", r"C:\Users\Public\x"),
        ("/home/linuxbrew/.linuxbrew/bin", "/home/linuxbrew/.linuxbrew/bin"),
        ("/scratch/alice/venv", "/scratch/redacted-user/venv"),
        ("alice may not read it", "redacted-user may not read it"),
        ("malice, alices, x-alice, alice-x, ünalice", "malice, alices, x-alice, alice-x, ünalice"),
        ("backup_alice_2, ALICE, Alice.", "backup_redacted-user_2, redacted-user, redacted-user."),
        ("log_node7_1, node7_, xnode7", "log_redacted-host_1, redacted-host_, xnode7"),
        ("//Users//dan/x /////Users/eve", "//Users//redacted-user/x /////Users/redacted-user"),
        ("cannot reach node7.cluster.example.org", "cannot reach redacted-host"),
        ("NODE7: down; node70 up", "redacted-host: down; node70 up"),
        ("GPU-0 of GPU-accelerated GPU-bad hosts", "GPU-0 of GPU-accelerated GPU-bad hosts"),
        ("https://u:p@h/x", "https://h/x"),
    ],
)
def test_names_go_and_words_stay(text: str, shown: str) -> None:
    assert texts(text) == shown


@pytest.mark.parametrize(
    "user", ["root", "torch", "python", "lib", "numpy", "user", "nvidia", "ubuntu", "nccl", "", "al"]
)
def test_a_user_with_an_ordinary_name_destroys_nothing(user: str) -> None:
    text = f"the root cause: /usr/lib/python3.11/site-packages/{user}/x and torch of {user}, numpy"
    if user == "nccl":
        text = "nvidia-nccl-cu12 and libnccl.so"
    assert texts(text, f"/home/{user}", user) == text
    assert texts(f"/data/home/{user}/x", None, user) == "/data/home/redacted-user/x" if user else True


def test_one_person_may_have_several_names() -> None:
    users = ("alice", "a.liddell", "root", "alice_l", "")
    assert texts("alice_l A.Liddell alice root", None, users) == "redacted-user redacted-user redacted-user root"
    assert texts("alice", None, ()) == "alice"


@pytest.mark.parametrize("user", ["cuda", "visible", "x86", "linux"])
def test_ordinary_words_joined_by_underscores_stay(user: str) -> None:
    text = "CUDA_VISIBLE_DEVICES on x86_64, manylinux_2_28, linux_x86_64"
    assert texts(text, f"/home/{user}", user, user) == text


def test_a_share_is_a_home_too() -> None:
    shown = texts(r"\\server\people\dan\venv and \server\people\dan", r"\server\people\dan", None, None)
    assert shown == r"~\venv and ~"


@pytest.mark.parametrize(
    "host", ["localhost", "linux", "gpu", "torch", "numpy", "ubuntu", "127", "", None, "gpu.local"]
)
def test_a_host_with_an_ordinary_name_destroys_nothing(host: str | None) -> None:
    text = "linux gpu torch localhost ubuntu numpy 127.0.0.1"
    assert texts(text, host=host) == text


@pytest.mark.parametrize("home", ["/", "", None, "C:\\", "~"])
def test_a_home_that_is_everybodys_is_none(home: str | None) -> None:
    assert texts("/usr/bin/python ~/x C:\\x", home, None, None) == "/usr/bin/python ~/x C:\\x"


def test_root_has_a_home_too() -> None:
    assert texts("/root/.venv and the root cause", "/root", "root") == "~/.venv and the root cause"


def test_data_for_the_rules_is_not_renamed() -> None:
    facts: dict[str, Fact] = {
        "gpu.0.name": Known("NVIDIA A100", "nvml"),
        "torch.version": Known("2.9.1+alice", "dist-info"),
        "torch.provenance": Known("source", "dist-info"),
        "packages.installed": Known({"alice": "1", "a100": "2"}, "dist-info"),
        "torch.requires": Known(["a100-tools>=1"], "dist-info"),
    }
    assert redacted(Snapshot(facts), "/home/a100", "alice", "a100").facts == facts
    assert redacted(Snapshot(facts), "/home/source", "source", "source").facts == facts


@pytest.mark.parametrize("word", ["qemu", "x86_64", "poetry", "cuda_home", "tesla", "all", "msvcp140"])
def test_a_machine_called_like_its_parts_is_judged_the_same(word: str) -> None:
    """A host `qemu` must not rename the processor that a rule asks for."""
    matrix = load_matrix()
    folders = (path for path in (Path(__file__).parents[1] / "cases").iterdir() if path.is_dir())
    for folder in folders:
        text = (folder / "snapshot.json").read_bytes()
        if word.encode() not in text.lower():
            continue
        snapshot = load_snapshot(text, folder.name)
        told, told_later = (
            [(one.rule, one.severity, one.subject) for one in diagnose(seen, matrix).findings]
            for seen in (snapshot, redacted(snapshot, f"/home/{word}", word, word))
        )
        assert told == told_later, folder.name


def test_one_device_has_one_name() -> None:
    facts: dict[str, Fact] = {
        "gpu.0.uuid": Known(ONE, "nvml"),
        "gpu.1.uuid": Known(TWO.upper(), "nvml"),
        "env.CUDA_VISIBLE_DEVICES": Known(f"GPU-8932,GPU-899,GPU-89,{MIG},MIG-{ONE}/1/0,GPU-f,3", "environment"),
        "a.reason": Unknown(f"{TWO.lower().replace('gpu-', 'GPU-')} ({TWO[4:]}) did not answer; nor did GPU-8932"),
        "gpu.table": Known({ONE: [MIG]}, "nvml"),
    }
    seen = redacted(Snapshot(facts), None, None, None)
    one, two = (text_of(seen[f"gpu.{index}.uuid"]) for index in (0, 1))
    assert one != two
    assert re.fullmatch(r"GPU-redacted-\d", one)
    assert re.fullmatch(r"GPU-redacted-\d", two)
    listed = text_of(seen["env.CUDA_VISIBLE_DEVICES"]).split(",")
    assert listed[:2] == [one, two]
    assert re.fullmatch(r"MIG-redacted-\d", listed[3])
    assert listed[4] == f"MIG-{one}/1/0"
    # Not a beginning of exactly one device: neither may become one.
    assert listed[2] not in (one, two)
    assert listed[5] not in (one, two, listed[2])
    assert listed[6] == "3"
    assert seen["a.reason"] == Unknown(f"{two} ({two}) did not answer; nor did {one}")
    assert seen["gpu.table"] == Known({one: [listed[3]]}, "nvml")


def text_of(fact: Fact) -> str:
    assert isinstance(fact, Known)
    assert isinstance(fact.value, str)
    return fact.value


def test_new_devices_do_not_take_a_name_that_is_there() -> None:
    facts = {"a": Absent("GPU-redacted-1 and MIG-redacted-7"), "gpu.0.uuid": Known(ONE, "nvml")}
    assert text_of(redacted(Snapshot(facts), None, None, None)["gpu.0.uuid"]) == "GPU-redacted-8"


def test_keys_that_become_one_word_keep_both_entries() -> None:
    facts = {"x": Known({"/home/bob": 1, "/home/eve": 2}, "s")}
    fact = redacted(Snapshot(facts), None, None, None)["x"]
    assert isinstance(fact, Known)
    assert isinstance(fact.value, dict)
    assert sorted(map(str, fact.value.values())) == ["1", "2"]


def test_a_whole_report_is_redacted_with_the_same_names() -> None:
    text = f"/home/alice/venv {ONE} on node7, for alice, of /home/bob"
    seen = redacted_report(full_report(text), "/home/alice", "alice", "node7")
    words = json.dumps(diagnosis.encode(seen))
    for identity in ("alice", "node7", "bob", ONE):
        assert identity not in words
    hidden = "~/venv GPU-redacted-1 on redacted-host, for redacted-user, of /home/redacted-user"
    assert words.count(json.dumps(hidden)[1:-1]) == json.dumps(diagnosis.encode(full_report("\u2603"))).count("2603")
    assert seen.snapshot.redacted
    assert seen.plan.alternatives[0].steps[1].argv == ("python", "-m", "pip", hidden)
    assert redacted_report(seen, "/home/alice", "alice", "node7") == seen


NAMES = st.text(string.ascii_lowercase, min_size=5, max_size=8).map(lambda name: "zq" + name)
GAPS = st.sampled_from(["/", " ", ":", "; ", "\\", ", ", "=", "\n", "(", ".", '"', "@", ""])


@st.composite
def storied(draw: st.DrawFn) -> tuple[Snapshot, str, str, str]:
    """A snapshot made of the pieces that matter, with the home, user and host name of its machine."""
    user, host, other = draw(NAMES), draw(NAMES), draw(NAMES)
    home = draw(st.sampled_from([f"/home/{user}", f"/data/{user}", f"C:\\Users\\{user}", "/root"]))
    pieces = st.sampled_from(
        [
            *(
                home,
                user,
                host,
                other,
                f"{host}.example.org",
                f"/home/{other}",
                f"/Users/{other}/x",
                "root",
                "torch",
            ),
            *(
                ONE,
                TWO,
                MIG,
                ONE[:9],
                f"MIG-{ONE}/1/0",
                "GPU-redacted-1",
                "https://u:secret@h/?token=secret",
                "~",
                "x",
            ),
        ]
    )
    text = st.lists(st.tuples(pieces, GAPS), max_size=6).map(lambda pairs: "".join(a + b for a, b in pairs))
    values: st.SearchStrategy[Value] = text | st.lists(text, max_size=2) | st.dictionaries(text, text, max_size=2)
    fact = st.builds(Known, values, text) | st.builds(Absent, text) | st.builds(Unknown, text)
    names = st.sampled_from(["a", "env.CUDA_VISIBLE_DEVICES", "gpu.0.uuid", "gpu.0.name", "torch.location", "b"])
    return Snapshot(draw(st.dictionaries(names, fact, max_size=4))), home, user, host


@given(storied())
def test_redacting_twice_changes_nothing_more(story: tuple[Snapshot, str, str, str]) -> None:
    one, home, user, host = story
    once = redacted(one, home, user, host)
    assert redacted(once, home, user, host) == once
    assert once.redacted


@given(storied())
def test_identities_and_secrets_are_gone_and_the_story_stays(story: tuple[Snapshot, str, str, str]) -> None:
    one, home, user, host = story
    seen = redacted(one, home, user, host)
    assert list(seen.facts) == list(one.facts)
    assert [type(fact) for fact in seen.facts.values()] == [type(fact) for fact in one.facts.values()]
    text = json.dumps(snapshot.encode(seen))
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", text)
    assert "u:secret" not in text
    assert not re.search(rf"/(?:home|Users)/{user}\b", text)


@given(st.dictionaries(st.text(max_size=5), FACTS, max_size=4), st.text(), st.text(), st.text())
def test_any_snapshot_can_be_redacted(facts: dict[str, Fact], home: str, user: str, host: str) -> None:
    seen = redacted(Snapshot(facts), home, user, host)
    assert list(seen.facts) == list(facts)
    assert snapshot.decode(snapshot.encode(seen)) == seen


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:word@mirror.example/simple", "https://mirror.example/simple"),
        ("https://TOKEN@mirror.example", "https://mirror.example"),
        ("git+ssh://git@host/x", "git+ssh://host/x"),
        ("http://a:b@c@host:3128", "http://host:3128"),
        ("https://h/p?x=1&access_token=abc&y=2#sig=z", "https://h/p?x=1&access_token=removed&y=2#sig=removed"),
        ("https://h/p?X-Amz-Signature=abc", "https://h/p?X-Amz-Signature=removed"),
        ("hf_" + "a" * 34, "removed"),
        ("user@host is no URL", "user@host is no URL"),
        ("https://h/a@b", "https://h/a@b"),
        ("https://h/?q=a@b", "https://h/?q=a@b"),
        ("torch==2.9.1; python_version >= '3.10'", "torch==2.9.1; python_version >= '3.10'"),
        ("repo:tag@sha256:0123", "repo:tag@sha256:0123"),
        ("https://user:p@ss/w@h/", "https://h/"),
        ("x 'https://user:12?w#v@h:80/a' @b", "x 'https://h:80/a' @b"),
        ("https://a:b@c/x,https://d:e@f/y", "https://c/x,https://f/y"),
        ("http://mirror:8080/x/@scope", "http://mirror:8080/x/@scope"),
        ("http://[::1]:80/x@y", "http://[::1]:80/x@y"),
        ("git+https://me:word@host/x.git@main#egg=x", "git+https://host/x.git@main#egg=x"),
        ("ssh://git@host:22/x@v1", "ssh://host:22/x@v1"),
        ("curl -H 'Authorization: Bearer abc' x", "curl -H 'Authorization: removed' x"),
        ("authorization: Basic bWU6d29yZA==\nnext", "authorization: removed\nnext"),
        ("bearer abcdefghijklmnop.q", "bearer removed"),
        ("bearer of news", "bearer of news"),
        ("HF_TOKEN=abc --password=d", "HF_TOKEN=removed --password=removed"),
        ("password='two words' x", "password='removed' x"),
        (r"{\"a\": \"token=\"abc\"}", r'{\"a\": \"token=\"removed"}'),
        ("PWD=/srv tokenizers==0.20 keyring==24 key=1", "PWD=/srv tokenizers==0.20 keyring==24 key=1"),
        ("sk-abcdefghij012345 ghp_abcdefghij012345", "removed removed"),
        ("task-abcdefghij012345 sk-learn hf_hub", "task-abcdefghij012345 sk-learn hf_hub"),
    ],
)
def test_credentials(text: str, shown: str) -> None:
    assert strip_credentials(text) == shown


PIECES = [
    *("://", "@", "?", "token=", "a", "/", "&", ":", "hf_" + "b" * 20, " ", "#", ",", ";", "=", "\n", "'", '"', "\\"),
    *("git+https://", ".git", "80", "[", "]", "Authorization", "Bearer ", "password=", "sk-" + "c" * 16, "ghp_", "_"),
]


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_stripping_twice_is_stripping_once(text: str) -> None:
    once = strip_credentials(text)
    assert strip_credentials(once) == once


@given(st.text(string.ascii_letters + string.digits + "!$%^&*()_+-=.,~", min_size=6))
def test_no_password_survives(password: str) -> None:
    secret = f"Q{password}Q"
    assert secret not in strip_credentials(f"see https://me:{secret}@mirror.example/simple for more")
    assert secret not in strip_credentials(f"https://{secret}@mirror.example/simple")


@given(st.text(string.ascii_letters + string.digits + "!$%^*()_+-=.,~/?#@:", min_size=6))
def test_no_unescaped_password_survives(password: str) -> None:
    secret = f"Q{password}Q"
    for text in (
        f"see https://me:{secret}@mirror.example/simple for more",
        f"PIP_PASSWORD={secret} pip",
        f'--token="{secret}"',
        f"Authorization: Basic {secret}",
        f"{{'Authorization': 'token {secret}'}}",
    ):
        assert secret not in strip_credentials(text)


HOSTILE_PIECES = (
    *("://", "?token", "GPU-", "/home/", "a.", "hf_", "\\Users\\", "?a=", "node7.", "/", "\\", "://a:", "git+://a:/"),
    *(
        "token=",
        "token='",
        "Authorization:",
        "bearer ",
        "sk-",
        "alice_",
        "/home/alice",
        ",https://",
        "GPU-a",
        "GPU-abc,",
    ),
)


@pytest.mark.parametrize("piece", HOSTILE_PIECES)
@pytest.mark.parametrize("end", ["", "_", "x.git@", "'@"])
def test_a_long_hostile_text_costs_linear_work(piece: str, end: str) -> None:
    # Quadratic patterns would need minutes for these.
    assert texts(piece * 100_000 + end)


@pytest.mark.parametrize("begin", ["", "/home/", "C:\\Users\\", "//"])
@pytest.mark.parametrize("separator", ["/", "\\", "/\\"])
def test_long_runs_of_separators_cost_linear_work(begin: str, separator: str) -> None:
    run = begin + separator * 300_000
    facts: dict[str, Fact] = {
        "env.LD_LIBRARY_PATH": Known(run, "environment"),
        "python.executable": Known(run, "environment"),
    }
    for home in ("/home/alice", r"C:\Users\alice", r"\\server\alice"):
        assert text_of(redacted(Snapshot(facts), home, "alice", "node7")["env.LD_LIBRARY_PATH"]) == run


def test_many_devices_cost_linear_work() -> None:
    # Beginnings of identities, and whole ones: searching all names for each would need minutes.
    short = [f"GPU-{number * 2654435761 % 2**32:08x}" for number in range(40_000)]
    whole = [f"{one}-d72c-4106-c12f-20bd9faed9f6" for one in short[::2]]
    facts: dict[str, Fact] = {
        "env.CUDA_VISIBLE_DEVICES": Known(",".join(short), "environment"),
        "x": Known(list(whole), "nvml"),
        "y": Unknown(" ".join(short)),
    }
    seen = redacted(Snapshot(facts), None, None, None)
    listed = text_of(seen["env.CUDA_VISIBLE_DEVICES"]).split(",")
    assert len(set(listed)) == len(short)
    assert seen["x"] == Known(list(listed[::2]), "nvml")
    assert seen["y"] == Unknown(" ".join(listed))


def test_one_device_known_by_many_beginnings_costs_linear_work() -> None:
    beginnings = ["GPU-" + "a" * length for length in range(1, 1_500)]
    facts: dict[str, Fact] = {"env.CUDA_VISIBLE_DEVICES": Known(",".join(beginnings), "environment")}
    listed = text_of(redacted(Snapshot(facts), None, None, None)["env.CUDA_VISIBLE_DEVICES"]).split(",")
    assert set(listed) == {"GPU-redacted-1"}


def test_many_keys_that_become_one_word_cost_linear_work() -> None:
    facts: dict[str, Fact] = {"x": Known({f"/home/zq{number}": number for number in range(30_000)}, "s")}
    fact = redacted(Snapshot(facts), None, None, None)["x"]
    assert isinstance(fact, Known)
    assert isinstance(fact.value, dict)
    assert list(fact.value.values()) == list(range(30_000))
    assert list(fact.value)[:2] == ["/home/redacted-user", "/home/redacted-user'2"]
