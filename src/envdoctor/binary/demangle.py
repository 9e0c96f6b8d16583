"""Names of C++ symbols as a person writes them: "_ZN3c105ErrorD1Ev" is "c10::Error::~Error()".

The grammar is that of the Itanium C++ ABI, which gcc and clang follow on Linux; the style is that of c++filt. It is
our own as names come from files under examination: no library's code is run on them, depth and length are bounded.
"""

from __future__ import annotations

from envdoctor.binary.demangling.nodes import Encoding, unqualified
from envdoctor.binary.demangling.parser import Parser
from envdoctor.binary.demangling.writing import CannotDemangle, Writer

LONGEST_NAME = 16384


def demangle(name: str) -> str:
    """The declaration that a mangled `name` stands for; the name itself where it is not mangled, or not understood."""
    return _shown(name, whole=True)


def short(name: str) -> str:
    """The qualified name of what a mangled `name` stands for, without parameters: "c10::detail::torchCheckFail"."""
    return _shown(name, whole=False)


def _shown(name: str, *, whole: bool) -> str:
    if not name.startswith("_Z") or len(name) > LONGEST_NAME or not name.isascii():
        return name
    try:
        node = Parser(name).whole()
        shown = Writer().text(node)
        return Writer().text(unqualified(node.name)) if isinstance(node, Encoding) and not whole else shown
    except CannotDemangle:
        return name
