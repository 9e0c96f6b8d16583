"""How a mirror of the PyTorch wheel index lays its wheels out, and what it has of a plan: it is asked, never assumed.

Some mirrors have a page a project below each channel, as the index itself; some one flat page or folder a channel; the
oldest form is one page of links for all channels. An installer that is told of a flat one as of an index finds nothing
there, or takes the plain torch of another index without a word (uv 0.13.9, pip 26.3: tests/plan/test_flat_index.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from envdoctor.published.connect import connect
from envdoctor.published.extra import MissingExtra
from envdoctor.published.fetching import fetch_page
from envdoctor.published.links import files_of
from envdoctor.published.local import path_of, wheels_in
from envdoctor.published.pages import file_at
from envdoctor.published.trouble import Dead, Passing, Refused
from envdoctor.published.unreachable import NotThere, Unreachable
from envdoctor.published.within import within

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envdoctor.model.layout import Layout
    from envdoctor.published.files import PublishedFile
    from envdoctor.published.session import Session

SECONDS = 4.0
"""How long a mirror may take to connect, and stay silent: a plan waits for it."""

MOST_SECONDS = 30.0
"""How long all of it may take; a slow mirror of three pages and two partners stays below."""

MOST_SIZES = 8
"""Wheels whose size is asked for: the torch set has three."""

MOST_HOSTS = 5

PROJECTS = ("torch", "torchvision", "torchaudio")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A build that a plan names, as the mirror has it.

    `version` has its local part. `file` is its wheel for this Python and platform, `newest` the newest version that has
    one, both None where there is none; `known` is false where its page could not be read. `size` are the bytes of the
    wheel, None where nobody told.
    """

    project: str
    version: str
    file: PublishedFile | None = None
    newest: str | None = None
    known: bool = True
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """What a mirror answered for one channel.

    `layout` is None where it could not be told, and `reason` then says what each address answered. `answered` is
    false where the server itself could not be reached, so that nothing is known. `hosts` are those that the links lead
    to besides the mirror's own. `hashed` says that every wheel of the torch set has a sha256, which those of a folder
    of this machine do not need, and `metadata` that each has its METADATA served apart (PEP 658): without that pip
    downloads a wheel to learn what it requires.
    """

    layout: Layout | None
    reason: str = ""
    answered: bool = True
    wanted: tuple[Wanted, ...] = ()
    hosts: tuple[str, ...] = ()
    hashed: bool = False
    metadata: bool = False


def probe(
    base: str,
    channel: str,
    wanted: Mapping[str, str],
    *,
    python: str | None,
    platform: str,
    sizes: bool = False,
    seconds: float = SECONDS,
) -> Probe:
    """Ask a mirror for a channel ("cu126"). Raises nothing for what a server does: that is the answer.

    `base` is the root, with a login where it has one. `wanted` are the builds of a plan, project to version with local
    part, for a Python ("cp312", None: any) and a platform of the matrix; with `sizes` the server is asked for those of
    their wheels.
    """
    found = within(MOST_SECONDS, lambda: _asked(base, channel, wanted, python, platform, sizes, seconds))
    return found or Probe(None, f"did not answer within {MOST_SECONDS:g} s", answered=False)


def _asked(
    base: str,
    channel: str,
    wanted: Mapping[str, str],
    python: str | None,
    platform: str,
    sizes: bool,
    seconds: float,
) -> Probe:
    try:
        session = connect(use_cache=False, seconds=seconds)
    except MissingExtra as missing:
        return Probe(None, str(missing), answered=False)
    with session:
        try:
            plain = session.without_login(base).rstrip("/")
        except Unreachable as problem:
            return Probe(None, problem.reason, answered=False)
        found = _laid_out(session, plain, channel)
        if isinstance(found, Probe):
            return found
        layout, files = found
        have = [_have(session, one, f"{plain}/{channel}", layout, files) for one in wanted]
        builds = tuple(
            _build(project, version, held, python, platform)
            for (project, version), held in zip(wanted.items(), have, strict=True)
        )
        if sizes:
            builds = (*(_sized(session, one) for one in builds[:MOST_SIZES]), *builds[MOST_SIZES:])
    everything = [file for held in (files, *have) for file in held or ()]
    return Probe(
        layout,
        wanted=builds,
        hosts=_hosts(plain, everything),
        hashed=path_of(plain) is not None or all(file.sha256 for file in everything),
        metadata=all(file.metadata for file in everything),
    )


def _laid_out(session: Session, base: str, channel: str) -> tuple[Layout, tuple[PublishedFile, ...]] | Probe:
    """Return the layout and the wheels of torch, in a flat one of all its set; or what kept it from being told."""
    places: tuple[tuple[Layout, str], ...] = (
        ("projects", f"{base}/{channel}/torch/"),
        ("flat", f"{base}/{channel}/"),
        ("page", f"{base}/torch_stable.html"),
    )
    told: list[str] = []
    for layout, url in places:
        try:
            files = _files(session, url, channel if layout == "page" else None)
        except (NotThere, Refused) as problem:
            told.append(f"{_shown(url, base)} {problem.reason}")
            if isinstance(problem, Refused) and problem.status in (401, 407):
                break
            continue
        except Unreachable as problem:
            told.append(f"{_shown(url, base)} {problem.reason}")
            if isinstance(problem, (Dead, Passing)) or len(told) == 1:
                return Probe(None, "; ".join(told), answered=len(told) > 1)
            continue
        if any(file.project == "torch" for file in files):
            return layout, files
        told.append(f"{_shown(url, base)} lists no wheel of torch")
    return Probe(None, "; ".join(told))


def _shown(url: str, base: str) -> str:
    return url.removeprefix(base)


def _files(session: Session, url: str, channel: str | None) -> tuple[PublishedFile, ...]:
    """Return the wheels of the torch set at an address, with `channel` those of its builds. Raises `Unreachable`."""
    path = path_of(url)
    if path is not None and url.endswith("/") and not url.endswith("/torch/"):
        found = tuple(file for file in map(file_at, wheels_in(path)) if file and file.project in PROJECTS)
        if found:
            return found
    files = files_of(fetch_page(session, url), PROJECTS)
    return files if channel is None else tuple(file for file in files if file.local == channel)


def _have(
    session: Session, project: str, channel: str, layout: Layout, files: tuple[PublishedFile, ...]
) -> tuple[PublishedFile, ...] | None:
    """Return the wheels of a project that the channel has; None where that could not be read."""
    if layout == "projects" and project != "torch":
        try:
            files = files_of(fetch_page(session, f"{channel}/{project}/"), (project,))
        except NotThere:
            return ()
        except Unreachable:
            return None
    return tuple(file for file in files if file.project == project)


def _build(
    project: str, version: str, held: tuple[PublishedFile, ...] | None, python: str | None, platform: str
) -> Wanted:
    from packaging.version import Version

    if held is None:
        return Wanted(project, version, known=False)
    fitting = [file for file in held if _fits(file, python, platform)]
    public, _, local = version.partition("+")
    # A version without local part asks for any build of the release (PEP 440), the one without first.
    exact = [file for file in fitting if file.version == public and (not local or file.local == local)]
    exact.sort(key=lambda file: file.local or "")
    # One that was withdrawn is installed none the less where just that version is asked for (PEP 592).
    offered = [file for file in fitting if file.yanked is None]
    newest = max(offered, key=lambda file: Version(file.version), default=None)
    told = f"{newest.version}{f'+{newest.local}' if newest.local else ''}" if newest else None
    return Wanted(project, version, exact[0] if exact else None, told)


def _fits(file: PublishedFile, python: str | None, platform: str) -> bool:
    if file.platform not in (platform, None) or (file.platform is None and file.platform_tags != ("any",)):
        return False
    if python is None or python in file.pythons or "py3" in file.pythons:
        return True
    number = python.removeprefix("cp")
    oldest = [tag.removesuffix("-abi3").removeprefix("cp") for tag in file.pythons if tag.endswith("-abi3")]
    return number.isdigit() and any(one.isdigit() and _release(one) <= _release(number) for one in oldest)


def _release(tag: str) -> tuple[int, int]:
    return int(tag[0]), int(tag[1:] or 0)


def _sized(session: Session, one: Wanted) -> Wanted:
    return replace(one, size=session.size(one.file.url)) if one.file else one


def _hosts(base: str, files: Iterable[PublishedFile]) -> tuple[str, ...]:
    """Return the hosts that links lead to and that are not the mirror's, each once."""
    own = urlsplit(base).hostname
    hosts = dict.fromkeys(urlsplit(file.url).hostname for file in files)
    return tuple(host for host in hosts if host and host != own)[:MOST_HOSTS]
