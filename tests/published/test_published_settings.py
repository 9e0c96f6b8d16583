"""What pip and uv are told, read as they read it."""

from __future__ import annotations

import os
import re
import sys
import time
from typing import TYPE_CHECKING

import pytest

from envdoctor.host.host import Host
from envdoctor.host.process import Answer
from envdoctor.published.default_index import UV, default_index
from envdoctor.published.settings import Settings, read_settings
from envdoctor.published.unreachable import Unreachable

if TYPE_CHECKING:
    from pathlib import Path


def settings(root: Path, environ: dict[str, str] | None = None, files: dict[str, str] | None = None) -> Settings:
    for name, text in (files or {}).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    home = {"HOME": "/home/me"}
    return read_settings(Host(str(root), environ=home | (environ or {}), os_name="linux", recorded={}))


def urls(said: Settings) -> list[str]:
    return [place.url for place in said.places]


def test_nothing_configured_leaves_the_main_index_to_the_tool(tmp_path: Path) -> None:
    assert settings(tmp_path) == Settings()


def test_a_variable_comes_before_a_file_and_the_users_file_before_the_systems(tmp_path: Path) -> None:
    files = {
        "etc/pip.conf": "[global]\nindex-url = https://system.example/simple\nextra-index-url = https://one.example\n",
        "home/me/.config/pip/pip.conf": "[global]\nindex-url = https://user.example/simple\n",
    }
    assert urls(settings(tmp_path, {}, files)) == ["https://user.example/simple", "https://one.example"]
    variable = {"PIP_INDEX_URL": "https://variable.example/simple"}
    assert urls(settings(tmp_path, variable, files))[0] == "https://variable.example/simple"
    assert urls(settings(tmp_path, {"PIP_INDEX_URL": "  "}, files))[0] == "https://user.example/simple"


def test_install_comes_before_global_in_whichever_file(tmp_path: Path) -> None:
    files = {
        "etc/pip.conf": "[install]\nindex-url = https://install.example/simple\n",
        "home/me/.config/pip/pip.conf": "[global]\nindex-url = https://global.example/simple\n",
    }
    assert urls(settings(tmp_path, {}, files)) == ["https://install.example/simple"]


def test_lists_keep_their_order_and_places_their_kind(tmp_path: Path) -> None:
    said = settings(
        tmp_path,
        {"PIP_FIND_LINKS": "/wheels https://flat.example/cu126/"},
        {
            "etc/pip.conf": "[global]\nextra-index-url =\n    https://one.example/simple\n    https://two.example/simple\n"
        },
    )
    assert [(place.name, place.layout) for place in said.places] == [
        ("extra index 1 of pip's configuration", "projects"),
        ("extra index 2 of pip's configuration", "projects"),
        ("find-links 1 of pip's configuration", "links"),
        ("find-links 2 of pip's configuration", "links"),
    ]
    assert not said.main


@pytest.mark.parametrize("word", ["1", "true", "Yes", "on"])
def test_without_an_index_only_find_links_stay(tmp_path: Path, word: str) -> None:
    environ = {"PIP_NO_INDEX": word, "PIP_INDEX_URL": "https://a.example", "PIP_EXTRA_INDEX_URL": "https://b.example"}
    said = settings(tmp_path, environ | {"PIP_FIND_LINKS": "/wheels"})
    assert (urls(said), said.main) == (["/wheels"], True)


def test_an_index_may_be_wanted_after_all(tmp_path: Path) -> None:
    assert urls(settings(tmp_path, {"PIP_NO_INDEX": "0", "PIP_INDEX_URL": "https://a.example"})) == [
        "https://a.example"
    ]


def test_uv_is_read_too(tmp_path: Path) -> None:
    text = """
    [[index]]
    name = "pytorch"
    url = "https://wheels.example/cu126"
    explicit = true
    [[index]]
    url = "https://more.example/simple"
    [[index]]
    url = "https://main.example/simple"
    default = true
    """
    said = settings(tmp_path, {"UV_INDEX": "named=https://first.example/simple"}, {"home/me/.config/uv/uv.toml": text})
    assert urls(said) == [
        "https://main.example/simple",
        "https://first.example/simple",
        "https://more.example/simple",
    ]
    assert said.places[0].name == "the package index of uv's configuration"
    assert said.main


def test_pip_names_the_main_index_where_both_do(tmp_path: Path) -> None:
    said = settings(tmp_path, {"UV_DEFAULT_INDEX": "https://uv.example", "PIP_INDEX_URL": "https://pip.example"})
    assert urls(said) == ["https://pip.example"]


def test_a_file_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    files = {"home/me/.config/uv/uv.toml": "[[[", "etc/pip.conf": "x" * 100_000}
    assert settings(tmp_path, {}, files) == Settings()


def test_the_way_to_the_network_is_read(tmp_path: Path) -> None:
    text = "[global]\ncert = /ca.pem\nclient-cert = /me.pem\ntrusted-host = Mirror.example\n  other.example:8443\n"
    said = settings(
        tmp_path, {"PIP_PROXY": "http://me:word@proxy.example:3128"}, {"etc/pip.conf": f"{text}timeout = 30\n"}
    )
    assert (said.certificates, said.client_certificate) == ("/ca.pem", "/me.pem")
    assert said.trusted == ("mirror.example", "other.example:8443")
    assert (said.proxy, said.seconds) == ("http://me:word@proxy.example:3128", 30.0)


SECONDS = {
    "PIP_TIMEOUT": ("7", 7.0),
    "PIP_DEFAULT_TIMEOUT": ("180", 180.0),
    "UV_HTTP_TIMEOUT": ("9.5", 9.5),
    "PIP_RETRIES": ("3", None),
}


@pytest.mark.parametrize("name", SECONDS)
def test_how_long_to_wait_is_read(tmp_path: Path, name: str) -> None:
    text, seconds = SECONDS[name]
    assert settings(tmp_path, {name: text}).seconds == seconds


@pytest.mark.parametrize("text", ["0", "-1", "soon", "9" * 400, "1e9"])
def test_a_time_that_is_none_is_not_taken(tmp_path: Path, text: str) -> None:
    assert settings(tmp_path, {"PIP_TIMEOUT": text}).seconds is None


def test_certificates_of_openssl_count_where_requests_has_none_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("")
    environ = {"SSL_CERT_FILE": "/ca.pem"}
    assert settings(tmp_path, environ).certificates == "/ca.pem"
    assert settings(tmp_path, environ | {"REQUESTS_CA_BUNDLE": "/other.pem"}).certificates is None
    assert settings(tmp_path, {"SSL_CERT_FILE": "/gone.pem"}).certificates is None


def test_no_credential_is_in_a_repr(tmp_path: Path) -> None:
    secrets = {"PIP_INDEX_URL": "https://me:sesame@a.example", "PIP_PROXY": "http://me:sesame@b.example"}
    said = settings(tmp_path, secrets | {"UV_INDEX": "https://me:sesame@c.example"})
    assert "sesame" not in repr(said)
    assert "sesame" in urls(said)[0]


def test_the_real_pip_says_its_default() -> None:
    address = "https://a-rather-long-name-with-hyphens.mirror-of-our-house.example/root/mirror/+simple/"
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
    assert default_index(Host(environ=environ | {"PIP_INDEX_URL": address})) == address


UV_HELP = """
Usage: uv pip install [OPTIONS] <PACKAGE>

      --default-index <DEFAULT_INDEX>
          The default package index (by default: <https://index.example/simple>) [env: UV_DEFAULT_INDEX]
"""


def test_uv_is_asked_where_no_pip_is() -> None:
    host = Host("/nowhere", environ={}, recorded={"uv": Answer(0, UV_HELP)})
    assert default_index(host) == "https://index.example/simple"


def test_the_real_uv_is_understood() -> None:
    uv = os.path.join(os.path.dirname(sys.executable), "uv")
    answer = Host().start("uv", (uv, "pip", "install", "--help")).answer(time.monotonic() + 30)
    if answer.exit is None:
        pytest.skip("no uv beside this Python")
    match = re.search(UV, " ".join(answer.out.split()))
    assert match is not None
    assert match[1].startswith("https://")


@pytest.mark.parametrize("answer", [None, Answer(1, ""), Answer(0, "Usage: something else")])
def test_nobody_to_ask_is_said(answer: Answer | None) -> None:
    host = Host("/nowhere", environ={}, recorded={"pip": answer} if answer else {})
    with pytest.raises(Unreachable, match="--index-url names one"):
        default_index(host)
