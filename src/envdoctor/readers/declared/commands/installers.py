"""What the words of an install command mean: the installer, its verb, its options, what it is to install."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.place import Place

Verb = Literal["install", "remove", "environment", "activate", "index"]


class Word(NamedTuple):
    """A word with its variables filled in; one that nobody fills in stands as "${NAME}".

    `written` is what stands at `place`, without the quotes around it.
    """

    text: str
    written: str
    place: Place


class Told(NamedTuple):
    """What one command says, before any of it is understood as a demand.

    `named` are the words that name packages, `options` the options with what stands behind them, in order. `python` is
    the Python that runs it or that it makes ("3.12"), `environment` the name of the environment it makes or goes into.
    """

    tool: str
    verb: Verb
    named: tuple[Word, ...] = ()
    options: tuple[tuple[str, Word], ...] = ()
    python: Word | None = None
    environment: str = ""


_TAKES = {
    "pip": (
        "-r --requirement --requirements -c --constraint --constraints -e --editable -t --target --prefix --root "
        "--python -p --platform --python-version --python-platform --abi --implementation --upgrade-strategy --timeout "
        "--src -b --retries "
        "--trusted-host --allow-insecure-host --cert --client-cert --cache-dir --progress-bar --log --proxy "
        "--build --global-option --install-option --config-settings --config-setting -C "
        "--no-binary --only-binary --hash --report --exists-action "
        "--index-strategy --keyring-provider --resolution --prerelease --exclude-newer "
        "--link-mode --reinstall-package --refresh-package -P --upgrade-package --no-build-isolation-package "
        "--no-build-package --no-binary-package --extra --group --optional --project --directory --tag --branch --rev "
        "-m --marker --overrides --override --build-constraint --config-file --package --script --color "
        "-i --index-url --pypi-url --extra-index-url -f --find-links --index --default-index --torch-backend "
        "--with --from --use-feature --use-deprecated --root-user-action --uploaded-prior-to"
    ),
    "conda": (
        "-n --name -p --prefix -c --channel -f --file --solver --subdir --platform --repodata-fn --experimental "
        "--revision --clone --rc-file -r --root-prefix --channel-priority --console"
    ),
    "poetry": "-G --group -E --extras --source --python --platform --markers -C --directory -P --project",
    "pdm": "-G --group -p --project -L --lockfile --config --venv -S --save-strategy",
    "pixi": (
        "-f --feature -p --platform --manifest-path --git --branch --tag --rev --subdir --path -e --environment "
        "-c --channel"
    ),
    "pipenv": "--python -i --index --pypi-mirror --extra-pip-args --categories -r --requirements -e --editable",
}
_VALUED = {tool: frozenset(words.split()) for tool, words in _TAKES.items()}
"""Options that take the next word, an installer each; any other option stands alone."""

_PIP = re.compile(r"pip(\d(?:\.\d{1,2})?)?")
_PYTHON = re.compile(r"(?:python|pypy)(\d(?:\.\d{1,2})?)?|py|pythonw")
_MINOR = re.compile(r"(?:-|python|pypy|cpython|pip|py)?-?@?(\d\.\d{1,2}(?:\.\d{1,2})?)(?:-(?:32|64|arm64))?")
_HOME = re.compile(r"([^/\s]{1,80})/(?:bin|Scripts|scripts)/[^/]{1,40}$")
_SOME_PIP = re.compile(r"\$\{\w{0,40}(?:PIP|pip|Pip)\w{0,40}\}")
CONDAS = frozenset({"conda", "mamba", "micromamba"})
_TALKS = re.compile(
    r"echo|printf?|say|write-(?:host|output|error|warning)|rem|cat|e?grep|sed|awk|die|log|info|warn(?:ing)?|error|msg|message"
    r"|title|usage|fail|abort|note|alias|which|where|type|man|history|notify"
)
"""Commands whose words are said to somebody."""

_LONG_DASHES = "\u2013\u2014"
_PLAIN = re.compile(r"[\w./:@=+\\%~-]{1,200}|\$\{[^{}]{0,80}\}|[!&]")
_FURTHEST = 14
"""Words before an installer: wrappers and their options."""


def told(words: Sequence[Word]) -> Told | None:
    """Return what a command says of an environment, None where it installs nothing, removes nothing, makes none."""
    if not words or is_said(words[0].text):
        return None
    for at in range(min(len(words), _FURTHEST)):
        found = _told_at(words, at)
        if found:
            return found
        if not _PLAIN.fullmatch(words[at].text):
            return None
    return None


def minor(text: str) -> str | None:
    """Return the version in a word that names a Python ("python3.12", "-3.12", "3.12.4"), None where there is none."""
    found = _MINOR.fullmatch(_program(text))
    return found[1] if found else None


def _program(text: str) -> str:
    """The name of a program without its folder and ending; `!` and `%` are how notebooks call it."""
    return text.replace("\\", "/").rpartition("/")[2].lower().removesuffix(".exe").removesuffix(".bat").lstrip("!%@")


def _told_at(words: Sequence[Word], at: int) -> Told | None:
    text = words[at].text
    program, rest = _program(text), words[at + 1 :]
    pip = _PIP.fullmatch(program)
    home = _HOME.search(text.replace("\\", "/"))
    if pip or _SOME_PIP.fullmatch(text):
        # "pip3" is any Python 3.
        return _in(home, _pip("pip", rest, words[at] if pip and pip[1] and "." in pip[1] else None))
    if _PYTHON.fullmatch(program) or text.lstrip("!").startswith("${"):
        return _in(home, _python(words[at], rest))
    if program == "uv":
        return _uv(rest)
    if program in ("uvx", "pipx"):
        return _runner(program, rest)
    if program in CONDAS:
        return _conda(program, rest)
    if program == "virtualenv":
        return _environment("virtualenv", rest, ("-p", "--python"), None)
    if program in ("poetry", "pdm", "pixi", "pipenv", "rye", "pyenv"):
        return _project(program, rest)
    if program in ("activate", "activate.ps1", "activate.fish") and (at == 0 or len(words) <= 3):
        where = words[at].text.replace("\\", "/").split("/")
        return Told("venv", "activate", environment=where[-3] if len(where) > 2 else rest[0].text if rest else "")
    if program == "deactivate" and at == 0:
        return Told("venv", "activate")
    return None


def _in(home: re.Match[str] | None, said: Told | None) -> Told | None:
    """`./venv/bin/pip install`: what installs goes into the environment it stands in."""
    return (
        said._replace(environment=home[1])
        if home and said and said.verb == "install" and not said.environment
        else said
    )


def _pip(tool: str, words: Sequence[Word], python: Word | None) -> Told | None:
    verb, rest = _verb(words, "pip")
    if verb == "install":
        named, options = _divided(rest, "pip")
        return Told(
            tool, "install", named, options, python or _value(options, "--python", *(("-p",) if "uv" in tool else ()))
        )
    if verb == "uninstall":
        return Told(tool, "remove", _divided(rest, "pip")[0])
    if verb == "config" and len(rest) >= 3 and rest[0].text == "set":
        return Told(tool, "index", options=((rest[1].text, rest[2]),))
    return None


def _python(python: Word, words: Sequence[Word]) -> Told | None:
    asked = python if minor(python.text) else None
    for at, word in enumerate(words[:8]):
        if word.text == "-m" and at + 1 < len(words):
            module, rest = words[at + 1].text, words[at + 2 :]
            if module == "pip":
                return _pip("pip", rest, asked)
            if module in ("venv", "virtualenv"):
                return _environment(module, rest, ("-p", "--python") if module == "virtualenv" else (), asked)
            inner = _told_at(words, at + 1)
            return inner._replace(python=inner.python or asked) if inner else None
        if minor(word.text) and word.text.startswith("-"):
            asked = word
        elif not word.text.startswith("-"):
            return None
    return None


def _uv(words: Sequence[Word]) -> Told | None:
    verb, rest = _verb(words, "pip")
    if verb == "pip":
        return _pip("uv pip", rest, None)
    if verb == "add":
        named, options = _divided(rest, "pip")
        return Told("uv add", "install", named, options, _value(options, "--python"))
    if verb == "remove":
        return Told("uv add", "remove", _divided(rest, "pip")[0])
    if verb == "venv":
        return _environment("uv venv", rest, ("-p", "--python"), None)
    if verb == "init":
        return _environment("uv init", rest, ("-p", "--python"), None)
    if verb == "python" and len(rest) >= 2 and rest[0].text == "pin":
        return Told("uv python pin", "environment", python=rest[1])
    if verb == "run" or (verb == "tool" and rest and rest[0].text in ("run", "install")):
        return _runner("uv", rest)
    return None


def _runner(tool: str, words: Sequence[Word]) -> Told | None:
    """`uvx --with torch==2.7.0 something`: what is installed for one program, whose own words are not looked at."""
    if tool == "pipx" and words and words[0].text in ("install", "inject"):
        named, options = _divided(words[1:], "pip")
        added = named[1:] if words[0].text == "inject" else named
        return Told(tool, "install", added, options, _value(options, "--python"), f"pipx:{words[0].place.line}")
    _, options = _divided(words, "pip", until_named=True)
    named = tuple(word for option, word in options if option in ("--with", "--from", "--spec"))
    if not named:
        return None
    return Told(tool, "install", named, options, _value(options, "--python", "-p"), f"{tool}:{named[0].place.line}")


def _conda(tool: str, words: Sequence[Word]) -> Told | None:
    verb, rest = _verb(words, "conda")
    if verb == "env" and rest:
        verb, rest = f"env {rest[0].text}", rest[1:]
    named, options = _divided(rest, "conda")
    name = _value(options, "-n", "--name", "-p", "--prefix")
    environment = name.text if name else ""
    if verb in ("create", "env create", "env update"):
        python = next((word for word in named if _is_python(word.text)), None)
        return Told(tool, "environment", named if verb == "create" else (), options, python, environment)
    if verb in ("install", "update", "upgrade"):
        return Told(tool, "install", named, options, None, environment)
    if verb in ("remove", "uninstall"):
        return Told(tool, "remove", named)
    if verb == "activate":
        return Told(tool, "activate", environment=named[0].text if named else "base")
    if verb == "deactivate":
        return Told(tool, "activate", environment="base")
    if verb == "run":
        inner = told(rest[2:] if name and rest and rest[0].text.startswith("-") else rest)
        return inner._replace(environment=environment) if inner else None
    return None


def _is_python(text: str) -> bool:
    return bool(re.match(r"(?:conda-forge::)?python(?=[\s=<>!~]|$)", text))


def _project(tool: str, words: Sequence[Word]) -> Told | None:
    verb, rest = _verb(words, tool)
    if tool == "rye":
        tool = "pip"
    if (
        verb in ("add", "install")
        and tool in ("poetry", "pdm", "pixi", "pipenv", "pip")
        and (verb, tool) != ("install", "poetry")
    ):
        named, options = _divided(rest, tool)
        return Told(tool, "install", named, options, _value(options, "--python") if tool == "pipenv" else None)
    if verb in ("remove", "uninstall"):
        return Told(tool, "remove", _divided(rest, tool)[0])
    if tool == "poetry" and verb == "env" and len(rest) >= 2 and rest[0].text == "use":
        return Told("poetry", "environment", python=rest[1])
    if tool == "pdm" and verb == "use" and rest:
        return Told("pdm", "environment", python=next((one for one in rest if minor(one.text)), None))
    if tool == "pyenv" and verb in ("local", "shell", "global") and rest:
        return Told("pyenv", "environment", python=rest[0])
    if tool == "pyenv" and verb == "virtualenv" and rest and minor(rest[0].text):
        return Told("pyenv", "environment", python=rest[0], environment=rest[1].text if len(rest) > 1 else "")
    if tool == "pipenv" and verb in ("--python", "--three"):
        return Told("pipenv", "environment", python=rest[0] if rest else None)
    return None


def _environment(tool: str, words: Sequence[Word], options: tuple[str, ...], python: Word | None) -> Told:
    named, given = _divided(words, "pip")
    asked = _value(given, *options)
    where = named[0].text.replace("\\", "/").strip("/").rpartition("/")[2] if named else ".venv"
    return Told(tool, "environment", python=asked or python, environment=where)


def _verb(words: Sequence[Word], tool: str) -> tuple[str, Sequence[Word]]:
    """The first word that is no option, and what stands behind it."""
    at = 0
    while at < len(words):
        text = words[at].text
        if not text.startswith("-") or (tool == "pipenv" and text in ("--python", "--three")):
            return text.lower(), words[at + 1 :]
        at += 2 if text in _VALUED.get(tool, ()) else 1
    return "", ()


def _divided(
    words: Sequence[Word], tool: str, *, until_named: bool = False
) -> tuple[tuple[Word, ...], tuple[tuple[str, Word], ...]]:
    """Return the words that name packages, and the options that have a value, each with it."""
    valued = _VALUED.get(tool, _VALUED["pip"])
    named: list[Word] = []
    options: list[tuple[str, Word]] = []
    rest = iter(words)
    for word in rest:
        text = word.text
        if text[:1] in _LONG_DASHES and len(text) > 2:  # typesetting made one dash of two
            text = "--" + text.lstrip(_LONG_DASHES + "-")
        if not text.startswith("-"):
            if until_named:
                break
            named.append(word)
            continue
        name, equals, value = text.partition("=")
        if equals and name.startswith("-"):
            options.append((name, _behind(word, value)))
        elif text in valued:
            options.extend((text, one) for one in _next(rest))
        elif text[:2] in ("-i", "-f", "-c") and text[2:].startswith("http"):
            options.append((text[:2], _behind(word, text[2:])))
    return tuple(named), tuple(options)


def _next(rest: Iterator[Word]) -> tuple[Word, ...]:
    word = next(rest, None)
    return (word,) if word else ()


def _behind(word: Word, value: str) -> Word:
    """What stands behind the `=` of an option, at its own place."""
    at = word.written.find("=") + 1 if "=" in word.written else len(word.text) - len(value)
    written = word.written[at:]
    if len(written) > 1 and written[0] in "\"'" and written[-1] == written[0]:
        at, written = at + 1, written[1:-1]
    return Word(value, written, word.place._replace(column=word.place.column + at))


def _value(options: Sequence[tuple[str, Word]], *names: str) -> Word | None:
    return next((word for option, word in reversed(options) if option in names), None)


def is_said(program: str) -> bool:
    """Whether the words of a command are only said to somebody."""
    return bool(_TALKS.fullmatch(program.lower().removesuffix(".exe").lstrip("@")))
