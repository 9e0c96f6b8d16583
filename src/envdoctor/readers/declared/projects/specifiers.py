"""The version specifiers of conda and poetry as those of PEP 440.

conda: "Package match specifications" of its documentation (dev-guide/api/conda/models/match_spec). poetry: "Dependency
specification" of its documentation. What PEP 440 cannot say ("or") is None: an open demand.
"""

from __future__ import annotations

import re

VARIABLE = re.compile(r"[${]|[%<][A-Za-z_]")
"""A sign of something that is filled in elsewhere: ${X}, $X, {x}, %X%, <version>, {{ x }}."""

_OPERATOR = re.compile(r"(===|==|~=|!=|<=|>=|<|>|=|\^|~)?\s*([^\s=<>!~^]{1,80})")
_NUMBERS = re.compile(r"\d{1,9}(?:\.\d{1,9}){0,6}")
_FULL = 3
"""Numbers of a version that is a release and not a series: conda's "=2.1.0" is that release, "=2.1" is a series."""


def pep440(text: str) -> str | None:
    """Return a specifier of PEP 440 as `packaging` writes it, None where it is none or a variable hides it."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    if VARIABLE.search(text):
        return None
    try:
        return str(SpecifierSet(text))
    except InvalidSpecifier:
        return None


def conda_specifier(text: str, *, exact: bool = False) -> str | None:
    """Return the version of a match specification ("=2.1", "2.1.*", ">=2,<3", "2.1") as PEP 440, "" for any.

    `exact` where a build stands behind it, which makes "=2.1.0" exactly that.
    """
    text = text.strip()
    if text in ("", "*", "=*", "==*"):
        return ""
    if "|" in text or VARIABLE.search(text):
        return None
    demands: list[str] = []
    for part in text.strip("()").split(","):
        match = _OPERATOR.fullmatch(part.strip())
        if not match:
            return None
        demands.append(_conda_demand(match[1] or "", match[2], exact))
    return pep440(",".join(one for one in demands if one))


def _conda_demand(operator: str, version: str, exact: bool) -> str:
    series = version.endswith("*")
    version = version.rstrip("*").rstrip(".")
    if not version:
        return ""
    if operator in ("", "=", "=="):
        fuzzy = operator == "=" and not exact and bool(_NUMBERS.fullmatch(version)) and version.count(".") + 1 < _FULL
        return f"=={version}.*" if series or fuzzy else f"=={version}"
    if operator == "!=" and series:
        return f"!={version}.*"
    return f"{operator}{version}"


def poetry_specifier(text: str) -> str | None:
    """Return a constraint of poetry ("^2.1", "~2.1", "2.0.1", ">=2 <3") as PEP 440, "" for any."""
    text = text.strip()
    if text in ("", "*"):
        return ""
    if "|" in text or VARIABLE.search(text):
        return None
    # "> = 2" and ">= 2" are one demand; blanks set demands apart as commas do.
    text = re.sub(r"([=<>!~^])\s{1,20}", r"\1", text)
    demands: list[str] = []
    for part in re.split(r"[,\s]+", text):
        match = _OPERATOR.fullmatch(part)
        if not match:
            if part:
                return None
            continue
        demand = _poetry_demand(match[1] or "", match[2])
        if demand is None:
            return None
        demands.append(demand)
    return pep440(",".join(one for one in demands if one))


def _poetry_demand(operator: str, version: str) -> str | None:
    if operator in ("^", "~"):
        return _caret(version) if operator == "^" else _tilde(version)
    if version == "*":
        return ""
    return f"{'==' if operator in ('', '=') else operator}{version}"


def _caret(version: str) -> str | None:
    """`^1.2.3` is below 2.0, `^0.2.3` below 0.3, `^0.0.3` below 0.0.4: the first number that is not 0 stays."""
    match = _NUMBERS.match(version)
    if not match:
        return None
    numbers = [int(one) for one in match[0].split(".")]
    stays = next((at for at, one in enumerate(numbers) if one), len(numbers) - 1)
    return f">={version},<{_next(numbers, stays)}"


def _tilde(version: str) -> str | None:
    """`~1.2.3` and `~1.2` are below 1.3, `~1` is below 2."""
    match = _NUMBERS.match(version)
    if not match:
        return None
    numbers = [int(one) for one in match[0].split(".")]
    return f">={version},<{_next(numbers, min(1, len(numbers) - 1))}"


def _next(numbers: list[int], at: int) -> str:
    return ".".join(str(one) for one in [*numbers[:at], numbers[at] + 1])
