"""A project's manifest with what the plan wants said in it, every other line as its owner wrote it.

The text of the plan is merged, not appended: an index of that name is brought up to date and not doubled, the source of
a package is replaced, and new lines stand beside those of their kind. What comes out is read again and must say
exactly the old and the new; a manifest for which that cannot be had is left to a person.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from envdoctor.model.fix import FileDiff
from envdoctor.model.names import required

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping, Sequence

    from envdoctor.model.plan import Edit

MANIFEST = "pyproject.toml"
BOM = "\ufeff"
CONDITIONS = ("marker", "extra", "group")
"""Keys by which uv takes a source on some machines or for some users alone."""

LAYOUTS = ("format", "type")
"""Keys by which uv and pdm take the address of an index for a bare folder of files."""

LEFT = "{} is written in a way that is left to a person to change"

REPLACED = ("sources", "dependencies")
"""Tables of packages: uv's sources, poetry's dependencies. What is said of a package takes the place of what was."""


class Unmergeable(Exception):
    """The manifest cannot be changed without a person; the message is one line that says why."""


def edited(text: str, edit: Edit, tool: str) -> str:
    """Return a manifest with the edit for `tool` merged into it; the same text where it says that already.

    `text` is the whole file with its line ends and its byte order mark. Raises `Unmergeable`.
    """
    from tomlkit import parse
    from tomlkit.exceptions import TOMLKitError

    mark = BOM if text.startswith(BOM) else ""
    body = text.removeprefix(BOM)
    expected = read(body, edit.file)
    if tool == "uv":
        must_have_project(expected)
    try:
        _merge(expected, read(edit.text, edit.file), edit.file)
        if expected == read(body, edit.file):
            return text
        body = _with_last_line_ended(body)
        document = parse(body)
        _merge(document, parse(edit.text), edit.file)
        after = _tidy(body, document.as_string())
    except (TOMLKitError, AttributeError, KeyError, RecursionError, TypeError, ValueError) as problem:
        # Tables in several places, dotted keys, tables on one line: tomlkit reads more forms than it can add to.
        raise Unmergeable(LEFT.format(edit.file)) from problem
    try:
        held = read(after, edit.file) == expected
    except Unmergeable:
        held = False
    if not held:
        raise Unmergeable(LEFT.format(edit.file))
    return mark + after


def read(text: str, file: str) -> dict[str, Any]:
    """Return what a TOML file says; raises `Unmergeable` where it cannot be read."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(text.removeprefix(BOM))
    except (ValueError, RecursionError) as problem:
        raise Unmergeable(f"{file} cannot be read: {' '.join(str(problem).split())}") from problem


def with_requirements(text: str, path: Sequence[str], requirements: Sequence[str]) -> str:
    """Return a manifest with requirements in the list that `path` leads to: instead of those of the same packages.

    One that is named nowhere stands behind the last. Raises `Unmergeable`.
    """
    from tomlkit import array, dumps, parse
    from tomlkit.exceptions import TOMLKitError

    mark = BOM if text.startswith(BOM) else ""
    try:
        document = parse(text.removeprefix(BOM))
        holder: Any = document
        for key in path[:-1]:
            holder = holder[key]
        there = holder.setdefault(path[-1], array())
        for requirement in requirements:
            name = required(requirement)
            same = [at for at, one in enumerate(there) if isinstance(one, str) and required(one) == name]
            if not same:
                there.append(requirement)
            for at in same:
                there[at] = requirement
        return mark + dumps(document)
    except (TOMLKitError, AttributeError, KeyError, RecursionError, TypeError, ValueError) as problem:
        raise Unmergeable(LEFT.format(MANIFEST)) from problem


def must_have_project(manifest: Mapping[str, Any]) -> None:
    """Raise `Unmergeable` for what `uv add` refuses: the root of a workspace, or settings alone."""
    if "project" not in manifest:
        raise Unmergeable("pyproject.toml has no [project] table that uv could add to")


def diff(name: str, before: str, after: str) -> FileDiff:
    """Return the change of a file as a unified diff without line ends of its own; "" where there is none."""
    from difflib import unified_diff

    old, new = before.removeprefix(BOM).splitlines(), after.removeprefix(BOM).splitlines()
    return FileDiff(name, "\n".join(unified_diff(old, new, f"a/{name}", f"b/{name}", lineterm="")))


def _merge(into: MutableMapping[str, Any], wanted: Mapping[str, Any], file: str) -> None:
    """Bring a table up to date, of tomlkit's or a plain one: tables within it likewise, entries of lists by name."""
    for key, value in wanted.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            _merge_named(into, key, value, file)
        elif key in REPLACED:
            _merge_sources(into.setdefault(key, _as_in(into, {})), value, file)
        elif isinstance(value, dict):
            _merge(into.setdefault(key, _as_in(into, {})), value, file)
        elif key not in into or into[key] != value:
            into[key] = value


def _merge_named(into: MutableMapping[str, Any], key: str, entries: list[dict[str, Any]], file: str) -> None:
    into.setdefault(key, _as_in(into, []))
    there = into[key]
    for entry in entries:
        same = [one for one in there if one.get("name") == entry["name"]]
        if len(same) > 1:
            raise Unmergeable(f"{file} names {entry['name']} {len(same)} times")
        if same:
            _merge(same[0], entry, file)
            for key_of_layout in LAYOUTS:
                if key_of_layout not in entry:
                    same[0].pop(key_of_layout, None)
        else:
            there.append(_as_in(there, entry))


def _merge_sources(into: MutableMapping[str, Any], wanted: Mapping[str, Any], file: str) -> None:
    for name, source in wanted.items():
        key = next((one for one in into if required(one) == name), name)
        there = into.get(key)
        entries = there if isinstance(there, list) else [there or {}]
        tables = [entry for entry in entries if isinstance(entry, dict)]
        if len(entries) > 1 or any(condition in entry for entry in tables for condition in CONDITIONS):
            raise Unmergeable(
                f"{file} takes {name} from sources that hold under conditions: change the right one by hand"
            )
        if there != source:
            into[key] = source


def _as_in(holder: object, value: dict[str, Any] | list[Any]) -> Any:
    """Return a table or a list in the form that may stand in `holder`: on one line where that is on one line."""
    from tomlkit import TOMLDocument, aot, array, inline_table, table
    from tomlkit.container import OutOfOrderTableProxy
    from tomlkit.items import Array, InlineTable, Item

    if not isinstance(holder, (Item, TOMLDocument, OutOfOrderTableProxy)):
        return value
    inline = isinstance(holder, (InlineTable, Array))
    if isinstance(value, list):
        return array() if inline else aot()
    made = inline_table() if inline else table(is_super_table=not value or None)
    made.update(value)
    return made


def _with_last_line_ended(text: str) -> str:
    """Tomlkit joins what it adds to a last line that is not ended."""
    return text if not text or text.endswith("\n") else text + ("\r\n" if "\r\n" in text else "\n")


def _tidy(old: str, new: str) -> str:
    r"""Return the new text with its added lines apart from the tables around them, and line ends as in the old one.

    tomlkit puts what it adds at the end of a table, behind the comment that belongs to the next one, and leaves no
    blank line. Line ends are made \r\n where they were so throughout.
    """
    from difflib import SequenceMatcher

    end = "\r\n" if "\r\n" in old and not re.search(r"(?<!\r)\n", old) else "\n"
    before, after = old.split("\n"), new.split("\n")
    if end == "\r\n":
        before, after = [line.removesuffix("\r") for line in before], [line.removesuffix("\r") for line in after]
    lines: list[tuple[str, bool]] = []  # and whether it was added
    for kind, i1, i2, j1, j2 in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        added = [(line, True) for line in after[j1:j2]]
        if kind == "equal":
            lines += [(line, False) for line in before[i1:i2]]
        elif kind == "insert" and i1 < len(before) and before[i1].startswith("["):
            back = len(lines)
            while back and lines[back - 1][0].startswith("#"):
                back -= 1
            while back and not lines[back - 1][0].strip():
                back -= 1
            lines[back:back] = added
        else:
            lines += added
    told: list[str] = []
    for number, (line, is_new) in enumerate(lines):
        above, was_new = lines[number - 1] if number else ("", False)
        if line.startswith("[") and above.strip() and (is_new or was_new):
            told.append("")
        told.append(line)
    return end.join(told)
