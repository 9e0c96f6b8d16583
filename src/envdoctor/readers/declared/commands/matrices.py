"""The combinations of a job's matrix: GitHub's with `include` and `exclude`, GitLab's lists, Azure's names."""

from __future__ import annotations

from itertools import islice, product
from typing import TYPE_CHECKING

from envdoctor.readers.declared.yaml_nodes import entries, entry, has_entries, items

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from yaml import Node

    from envdoctor.readers.declared.commands.installers import Word

MOST = 200
"""Combinations that are looked at."""

Combination = dict[str, "Word"]


def combinations(matrix: Node | None, word: Callable[[Node | None], Word | None]) -> Sequence[Combination]:
    """Return what a matrix sets in each combination, under the names that scripts use for it.

    `word` gives the text of a scalar. Of a matrix that is made when the job runs nothing is set. Never empty.
    """
    if matrix is None:
        return [{}]
    listed = items(matrix)
    if listed:  # GitLab: a list of mappings, each a matrix of its own
        found = [one for node in listed for one in islice(_product(node, word, ""), MOST)]
    elif all(has_entries(one.value) for one in entries(matrix)):  # Azure: a name for each combination
        found = [
            {name.key: told for name in entries(one.value) if (told := word(name.value))} for one in entries(matrix)
        ]
    else:
        found = _of_github(matrix, word)
    return found[:MOST] or [{}]


def _of_github(matrix: Node, word: Callable[[Node | None], Word | None]) -> list[Combination]:
    excluded = [_flat(one, word, "matrix.") for one in items(entry(matrix, "exclude"))]
    base = [
        one
        for one in islice(_product(matrix, word, "matrix."), MOST * 10)
        if not any(leaves and _agrees(one, leaves) for leaves in excluded)
    ]
    own = {name for one in base for name in one}
    added: list[Combination] = []
    for node in items(entry(matrix, "include"))[:MOST]:
        more = _flat(node, word, "matrix.")
        # It joins every combination of which it changes nothing that the matrix itself set.
        fits = [
            one for one in base if own and all(name not in own or _agrees(one, {name: more[name]}) for name in more)
        ]
        for one in fits:
            one.update(more)
        if not fits:
            added.append(more)
    return [one for one in (*base, *added) if one]


def _product(node: Node, word: Callable[[Node | None], Word | None], prefix: str) -> Iterator[Combination]:
    """Combine the values of all keys; one that is no list is one value."""
    axes: list[list[Combination]] = []
    for one in entries(node):
        if prefix and one.key in ("include", "exclude"):
            continue
        values = items(one.value) or [one.value]
        axes.append([told for value in values if (told := _value(prefix + one.key, value, word))])
    for chosen in product(*(axis for axis in axes if axis)):
        yield {name: told for one in chosen for name, told in one.items()}


def _value(name: str, node: Node, word: Callable[[Node | None], Word | None]) -> Combination:
    """One value of a key: a text, or a mapping whose parts are named "matrix.torch.version"."""
    told = word(node)
    return {name: told} if told else _flat(node, word, f"{name}.")


def _flat(node: Node, word: Callable[[Node | None], Word | None], prefix: str) -> Combination:
    found: Combination = {}
    for one in entries(node):
        told = word(one.value)
        if told:
            found[prefix + one.key] = told
        else:
            for inner in entries(one.value):
                if deeper := word(inner.value):
                    found[f"{prefix}{one.key}.{inner.key}"] = deeper
    return found


def _agrees(one: Mapping[str, Word], with_all: Mapping[str, Word]) -> bool:
    return all(name in one and one[name].text == told.text for name, told in with_all.items())
