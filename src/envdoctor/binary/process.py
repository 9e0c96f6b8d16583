"""One process as the dynamic loader of glibc would build it, without loading anything.

What decides which file of a name wins (glibc `elf/dl-load.c`, `dl-deps.c`, `dl-open.c`; dlopen(3), ld.so(8)):

- a name that an object in the process already has, by its path, its `DT_SONAME` or as it was asked for, is never
  searched again; a file that is already there under another name is not mapped twice;
- the needs of an object are followed breadth first, `LD_PRELOAD` before those of the program;
- each need is searched for the object that has it (`soname_search.py`), and what loaded that one lends its `DT_RPATH`;
- `dlopen` of a path searches nothing; of a name it searches for the object that calls it, whose `DT_RPATH` serves no
  needs of what was found (`__RTLD_CALLMAP`).

Differences to a real process: an object with needs that are found nowhere stays, as if they were there, so that one
gap does not look like many. Files are asked of an injected `Files`, so a recorded tree is a machine too.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from envdoctor.binary.image import NotElf
from envdoctor.binary.soname_search import Found, How, Loaded, asked_in, locate

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

    from envdoctor.binary.dynamic import Dynamic
    from envdoctor.binary.soname_search import Places

MOST_OBJECTS = 4096
"""Far above anything real: `import torch, torchvision` of the CUDA wheels maps about a hundred."""
MOST_PRELOADS = 64
MOST_NEED_TEXT = 1024 * 1024
"""Characters of what all of them need, and a few more for each name: 26,000 for those of five packages with CUDA."""
PER_NEED = 16
MOST_REMEMBERED = 4096
"""Files and folders whose answers are kept: 1,500 are asked of for the same packages."""
LONGEST_PATH = 4096
"""PATH_MAX of Linux, which opens no longer ones."""


class Files(Protocol):
    """The files of the machine examined, by their machine paths."""

    def identity(self, path: str, /) -> Hashable | None:
        """What two names of the same regular file have in common (device and inode), None where none is there."""

    def is_folder(self, path: str, /) -> bool:
        """Whether `path` is a folder."""

    def dynamic(self, path: str, /) -> Dynamic:
        """The dynamic section of the object at `path`; raises `NotElf`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped(Loaded):
    """An object in the process: `path` as the loader spells it (`..` and links included), `dynamic`, `loader`.

    `needed_by` is the path of the object that asked for it first, None for the program and for what was opened by
    path. `entry` is the folder of the search path by which it was found. `dlopened`: it was opened while the program
    ran, or came with what was.
    """

    how: How
    needed_by: str | None = None
    dlopened: bool = False
    entry: str | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """What became of one dlopen, or of the start of the program.

    `scope` are machine paths in the order in which symbols are looked up: what is global, then the object and its
    needs, breadth first. `lacking` are (path of the needer, soname) found nowhere; `assumed` are such pairs too, of
    libraries that are not asked for (`Process`), so that symbols may come from a place that was not seen.
    `unreadable` are files that ended a search or were to be opened and are no ELF objects: path to reason.
    """

    path: str
    scope: tuple[str, ...] = ()
    lacking: tuple[tuple[str, str], ...] = ()
    unreadable: dict[str, str] = field(default_factory=dict)
    assumed: tuple[tuple[str, str], ...] = ()

    @property
    def works(self) -> bool:
        """Whether every file is there and is an object."""
        return not self.lacking and not self.unreadable


class State(NamedTuple):
    """What a process knew at some time (`Process.state`)."""

    names: dict[str, Mapped]
    identities: dict[Hashable, Mapped]
    everywhere: dict[str, None]


class Process:
    """One process in thought. `places` is where its loader looks; `files` are its machine's.

    `machine` is its `e_machine`. `assumed` are beginnings of the sonames that are not missed where they are found
    nowhere, nor what they need themselves: those of the driver. `loaded` holds every object ever mapped by its path,
    also those unloaded since. `pause` is called before each search and may raise what shall end a work without end.
    """

    def __init__(
        self,
        files: Files,
        places: Places,
        machine: int,
        assumed: tuple[str, ...] = (),
        pause: Callable[[], object] = bool,
    ) -> None:
        self.files = files
        self.places = places
        self.machine = machine
        self.loaded: dict[str, Mapped] = {}
        self.program: Mapped | None = None
        self._assumed = assumed
        self._pause = pause
        self._need_text = 0
        self._names: dict[str, Mapped] = {}
        self._identities: dict[Hashable, Mapped] = {}
        self._everywhere: dict[str, None] = {}
        self._read: dict[str, tuple[Hashable, Dynamic | NotElf] | None] = {}
        self._folders: dict[str, tuple[str, ...]] = {}

    def start(self, program: str, preload: Iterable[str] = ()) -> Opening:
        """Begin with the program at machine path `program` (links resolved) and the words of `LD_PRELOAD`.

        A word that is found nowhere is passed over, as the loader does after a line on stderr.
        """
        opening = _Gathering(program)
        self.program = root = self._map(opening, Found(program, How.PATH), None, None, dlopened=False)
        if root is not None:
            first = [root]
            if root.dynamic.interpreter:
                self._map(_Gathering(""), Found(root.dynamic.interpreter, How.PATH), None, None, dlopened=False)
            for word in [*preload][:MOST_PRELOADS]:
                ignored = _Gathering(word)
                mapped = self._by_name(ignored, word, root, dlopened=False, how=How.PRELOAD)
                first += [mapped] if mapped is not None else []
            self._everywhere |= dict.fromkeys(self._closure(opening, first, dlopened=False))
        return opening.done(self._everywhere)

    def open(self, path: str, everywhere: bool = False, *, how: How = How.PATH) -> Opening:
        """Open the object at machine path `path` as `dlopen` does; `everywhere` is RTLD_GLOBAL.

        `how` says who opens it where that is worth telling (`How.TORCH`).
        """
        opening = _Gathering(path)
        root = self._names.get(path) or self._map(opening, Found(path, how), None, None, dlopened=True)
        return self._opened(opening, root, everywhere)

    def open_name(self, soname: str, caller: str, everywhere: bool = False) -> Opening:
        """Open a library by name as `dlopen` does when the loaded object `caller` (a path of `loaded`) calls it.

        `lacking` names the caller where the library is found nowhere; `path` is then the soname.
        """
        opening = _Gathering(soname)
        root = self._by_name(opening, soname, self.loaded[caller], dlopened=True, lends=False)
        if root is not None:
            opening.path = root.path
        return self._opened(opening, root, everywhere)

    def named(self, soname: str) -> Mapped | None:
        """The object that a need of this name is met by without a search."""
        return self._names.get(soname)

    @property
    def present(self) -> list[Mapped]:
        """The objects that are in the process now, in loading order."""
        return [*self._identities.values()]

    @property
    def names(self) -> Iterable[str]:
        """Every name that a need may be met by: sonames, paths, names as they were asked for."""
        return self._names.keys()

    @property
    def state(self) -> State:
        """What is loaded now, to come back to with `back_to`."""
        return State({**self._names}, {**self._identities}, {**self._everywhere})

    def back_to(self, state: State) -> None:
        """Unload what was opened since `state` was taken; `loaded` keeps telling of it."""
        self._names, self._identities = {**state.names}, {**state.identities}
        self._everywhere = {**state.everywhere}

    def _opened(self, opening: _Gathering, root: Mapped | None, everywhere: bool) -> Opening:
        closure = self._closure(opening, [root], dlopened=True) if root is not None else []
        if everywhere:
            self._everywhere |= dict.fromkeys(closure)
        return opening.done((*self._everywhere, *closure))

    def _closure(self, opening: _Gathering, first: list[Mapped], *, dlopened: bool) -> list[str]:
        """Map what `first` need, breadth first; return the paths in that order."""
        order = {one.path: one for one in first}
        waiting = deque(first)
        while waiting:
            needer = waiting.popleft()
            for soname in needer.dynamic.needed:
                found = self._by_name(opening, soname, needer, dlopened=dlopened)
                if found is not None and found.path not in order:
                    order[found.path] = found
                    waiting.append(found)
        return [*order]

    def _by_name(
        self,
        opening: _Gathering,
        soname: str,
        needer: Mapped,
        *,
        dlopened: bool,
        how: How | None = None,
        lends: bool = True,
    ) -> Mapped | None:
        """The object of that name, loaded already or now; None, with the reason noted, where there is none.

        With `lends` the needer's DT_RPATH serves the needs of what is found as well.
        """
        known = self._names.get(soname)
        if known is not None:
            return known
        self._pause()
        found = locate(soname, needer, self.places, self._serves, program=self.program, within=self._within)
        if found is None:
            lenient = soname.startswith(self._assumed) or (needer.dynamic.soname or "").startswith(self._assumed)
            (opening.assumed if lenient else opening.lacking).append((needer.path, soname))
            return None
        loader = needer if lends else None
        mapped = self._map(opening, found._replace(how=how or found.how), loader, needer.path, dlopened=dlopened)
        if mapped is not None:
            self._names.setdefault(soname, mapped)
        return mapped

    def _map(
        self, opening: _Gathering, found: Found, loader: Mapped | None, needed_by: str | None, *, dlopened: bool
    ) -> Mapped | None:
        """Map the file that a search found, unless it is there under another name."""
        there = self._contents(found.path)
        if there is None:
            opening.unreadable[found.path] = "no such file"
            return None
        identity, dynamic = there
        known = self._identities.get(identity)
        if known is not None:
            self._names.setdefault(found.path, known)
            return known
        if isinstance(dynamic, NotElf):
            opening.unreadable[found.path] = dynamic.reason
            return None
        if len(self.loaded) >= MOST_OBJECTS:
            opening.unreadable[found.path] = "one of too many objects"
            return None
        mapped = Mapped(
            path=found.path, dynamic=dynamic, loader=loader, how=found.how, needed_by=needed_by, dlopened=dlopened,
            entry=found.entry,
        )  # fmt: skip
        self.loaded[mapped.path] = mapped
        self._identities[identity] = mapped
        self._names.setdefault(mapped.path, mapped)
        if dynamic.soname:
            self._names.setdefault(dynamic.soname, mapped)
        return mapped

    def _serves(self, path: str) -> bool:
        """Whether the loader ends its search at `path`: a file that it may read and that is for this machine."""
        there = self._contents(path)
        if there is None:
            return False
        dynamic = there[1]
        if isinstance(dynamic, NotElf):
            return not dynamic.foreign and not dynamic.reason.startswith("unreadable")
        return dynamic.machine == self.machine

    def _contents(self, path: str) -> tuple[Hashable, Dynamic | NotElf] | None:
        """The identity of a file and its dynamic section or why it has none, read once."""
        if path not in self._read:
            if len(self._read) >= MOST_REMEMBERED:
                self._read.clear()
            identity = self.files.identity(path) if len(path) < LONGEST_PATH else None
            if identity is None:
                self._read[path] = None
            else:
                try:
                    self._read[path] = identity, self._dynamic(path)
                except NotElf as error:
                    self._read[path] = identity, error
        return self._read[path]

    def _within(self, folder: str) -> tuple[str, ...]:
        """What a search in a folder of a search path puts before a name, looked up once."""
        if folder not in self._folders:
            if len(self._folders) >= MOST_REMEMBERED:
                self._folders.clear()
            self._folders[folder] = asked_in(folder, self.places.hardware, self._is_folder)
        return self._folders[folder]

    def _dynamic(self, path: str) -> Dynamic:
        """The dynamic section of a file; raises `NotElf`, also where those before it had needs without end."""
        if self._need_text > MOST_NEED_TEXT:
            raise NotElf("one of too many objects")
        dynamic = self.files.dynamic(path)
        self._need_text += sum(len(soname) + PER_NEED for soname in dynamic.needed)
        return dynamic

    def _is_folder(self, path: str) -> bool:
        return len(path) < LONGEST_PATH and self.files.is_folder(path)


class _Gathering:
    """An opening that is being made."""

    __slots__ = ("assumed", "lacking", "path", "unreadable")

    def __init__(self, path: str) -> None:
        self.path = path
        self.lacking: list[tuple[str, str]] = []
        self.assumed: list[tuple[str, str]] = []
        self.unreadable: dict[str, str] = {}

    def done(self, scope: Iterable[str]) -> Opening:
        return Opening(
            self.path, tuple(dict.fromkeys(scope)), tuple(self.lacking), self.unreadable, tuple(self.assumed)
        )


def preload_words(text: str | None) -> Iterator[str]:
    """The libraries named by an `LD_PRELOAD`, which parts them by spaces and colons."""
    return (word for word in re.split("[ :]", text or "") if word)
