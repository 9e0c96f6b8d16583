"""Indexes of every layout, alone and together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from loopback import Answer
from tiny_wheels import torch_wheel

from envdoctor.published.connect import connect
from envdoctor.published.index import NotThere, Unreachable, configured, listing, wheel_index
from envdoctor.published.session import Session
from envdoctor.published.settings import Place, Settings
from envdoctor.published.store import VARIABLE, Store
from envdoctor.published.wheel import read

if TYPE_CHECKING:
    from loopback import Loopback

    from envdoctor.published.settings import Layout

PAGES = Path(__file__).parent / "pages"
NAME = "torch-2.14.0-cp312-cp312-win_amd64.whl"


def page(*names: str) -> Answer:
    return Answer("".join(f'<a href="{name}">{name}</a>\n' for name in names).encode())


def recorded(name: str) -> Answer:
    return Answer((PAGES / name).read_bytes())


def told(*places: tuple[str, Layout], main: bool = True) -> Session:
    named = (Place(f"place {number}", url, layout) for number, (url, layout) in enumerate(places, 1))
    return Session(Settings(places=tuple(named), main=main), Store(None), seconds=5)


def test_an_index_with_a_page_a_project(server: Loopback) -> None:
    server.answers["/simple/torch/"] = recorded("torch.html")
    server.answers["/simple/no-wheels/"] = Answer(b"<html>nothing</html>")
    with told((f"{server.base}/simple/", "projects")) as session:
        (index,) = configured(session)
        assert len(index.files("Torch")) == 29
        for project in ("torchvision", "no-wheels"):
            with pytest.raises(NotThere):
                index.files(project)
    assert server.paths() == ["/simple/torch/", "/simple/torchvision/", "/simple/no-wheels/"]


def test_json_is_read_from_the_wire(server: Loopback) -> None:
    server.answers["/torch/"] = Answer((PAGES / "torch.json").read_bytes(), "application/vnd.pypi.simple.v1+json")
    with told((server.base, "projects")) as session:
        assert len(configured(session)[0].files("torch")) == 29


def test_an_index_that_is_given_replaces_all(server: Loopback) -> None:
    server.answers["/torch/"] = page(NAME)
    with told(("http://no-such-host.invalid", "projects")) as session:
        (index,) = configured(session, f"{server.base}?token=sesame#torch")
        assert [file.filename for file in index.files("torch")] == [NAME]
        assert index.name == "the package index given"


def test_no_address_with_credentials_is_shown(server: Loopback) -> None:
    server.answers["/torch/"] = page(NAME)
    with told((server.base.replace("//", "//me:sesame@"), "projects")) as session:
        (index,) = configured(session)
        (file,) = index.files("torch")
        assert "sesame" not in f"{index!r} {index.address} {file!r} {file.url}"
        assert index.address == server.base
    assert "authorization" in server.asked[0][1]


def test_folders_are_indexes(tmp_path: Path) -> None:
    """A folder with a page a project, one of wheels, and a page of links; by path and by address."""
    (tmp_path / "simple" / "torch").mkdir(parents=True)
    (tmp_path / "simple" / "torch" / "index.html").write_text(f'<a href="../../files/{NAME}">torch</a>')
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / NAME).write_bytes(torch_wheel())
    (tmp_path / "files" / "torchvision-0.29.0-py3-none-any.whl").write_bytes(b"")
    (tmp_path / "files" / "notes.txt").write_text("")
    (tmp_path / "links.html").write_text(f'<a href="files/{NAME}">torch</a>')
    places: list[tuple[Path, Layout]] = [
        (tmp_path / "simple", "projects"),
        (tmp_path / "files", "links"),
        (tmp_path / "links.html", "links"),
    ]
    for path, layout in places:
        for url in (str(path), path.as_uri()):
            with told((url, layout)) as session:
                (file,) = configured(session)[0].files("torch")
                assert read(file, session, architectures=False).version == "2.14.0+cu130"
                with pytest.raises(Unreachable):
                    configured(session)[0].files("torchaudio")


def test_a_folder_that_is_gone_is_unreachable(tmp_path: Path) -> None:
    with told((str(tmp_path / "gone"), "links")) as session, pytest.raises(Unreachable, match="cannot be listed"):
        configured(session)[0].files("torch")


def test_find_links_is_a_page_of_links(server: Loopback) -> None:
    server.answers["/cu126/"] = recorded("flat.html")
    with told((f"{server.base}/cu126", "links")) as session:
        assert {file.local for file in configured(session)[0].files("torchvision")} == {"cu126"}


def test_a_channel_with_a_page_a_project(server: Loopback, session: Session) -> None:
    server.answers["/whl/cu126/torch/"] = page("torch-2.7.0%2Bcu126-cp312-cp312-win_amd64.whl")
    index = wheel_index(f"{server.base}/whl/", "cu126", session)
    assert index.name == "PyTorch wheel index, cu126"
    assert [file.local for file in index.files("torch")] == ["cu126"]
    assert server.paths() == ["/whl/cu126/torch/"]


def test_a_channel_that_is_one_flat_page(server: Loopback, session: Session) -> None:
    server.answers["/whl/cu126/"] = recorded("flat.html")
    assert len(wheel_index(f"{server.base}/whl", "cu126", session).files("torch")) == 3


def test_a_channel_on_the_one_page_of_all(server: Loopback, session: Session) -> None:
    server.answers["/whl/cu113/"] = Answer(b'<a href="torch/">torch</a>')
    server.answers["/whl/torch_stable.html"] = recorded("torch_stable.html")
    files = wheel_index(f"{server.base}/whl", "cu113", session).files("torch")
    assert {file.platform for file in files} == {"linux-x86_64", "windows-x86_64"}
    assert {file.local for file in files} == {"cu113"}
    assert files[0].url.startswith(f"{server.base}/whl/cu113/torch-1.12.1")
    with pytest.raises(NotThere):
        wheel_index(f"{server.base}/whl", "cu118", session).files("torch")


def test_a_channel_that_is_refused_is_not_gone(server: Loopback, session: Session) -> None:
    server.answers["/whl/cu126/torch/"] = Answer(b"AccessDenied", status=403)
    with pytest.raises(Unreachable, match="refuses access") as caught:
        wheel_index(f"{server.base}/whl", "cu126", session).files("torch")
    assert not isinstance(caught.value, NotThere)


def test_several_indexes_are_one_and_the_first_wins(server: Loopback) -> None:
    server.answers["/one/torch/"] = page(f"a/{NAME}")
    server.answers["/two/torch/"] = page(f"b/{NAME}", "torch-2.13.0%2Bcpu-cp312-cp312-win_amd64.whl")
    server.answers["/broken/torch/"] = Answer(status=403)
    names = ("one", "two", "missing", "broken")
    with told(*((f"{server.base}/{name}", "projects") for name in names)) as session:
        found = listing(configured(session), "torch")
    assert [file.url.removeprefix(server.base) for file in found.files] == [
        f"/one/torch/a/{NAME}",
        "/two/torch/torch-2.13.0%2Bcpu-cp312-cp312-win_amd64.whl",
    ]
    assert found.silent == ("place 4: refuses access (status 403)",)


def test_nowhere_is_another_answer_than_silence(server: Loopback) -> None:
    server.answers["/broken/torch/"] = Answer(status=403)
    one, two, broken = ((f"{server.base}/{name}", "projects") for name in ("one", "two", "broken"))
    with told(one, two) as session, pytest.raises(NotThere):
        listing(configured(session), "torch")
    with told(one, broken) as session, pytest.raises(Unreachable) as caught:
        listing(configured(session), "torch")
    assert not isinstance(caught.value, NotThere)


def test_the_configuration_of_pip_is_what_is_asked(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the environment to the wheel, and the second time from memory."""
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.base}/simple")
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    server.answers["/simple/torch/"] = page(f"{NAME}#sha256={'0' * 64}")
    server.answers[f"/simple/torch/{NAME}"] = Answer(torch_wheel(), ranges=True)
    asked = []
    for _ in range(2):
        with connect() as session:
            (index,) = configured(session)
            (file,) = listing([index], "torch").files
            assert index.name == "the package index of pip's configuration"
            assert read(file, session, architectures=False).cuda == "13.0"
        asked.append(len(server.asked))
    assert asked == [2, 2], "a page and the end of a wheel, which is all of it; then nothing"
