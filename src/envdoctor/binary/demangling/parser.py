"""Reads a mangled name by the grammar of the Itanium C++ ABI, section 5.1 ("External Names (a.k.a. Mangling)").

The methods are called as the rules of that grammar, and each leaves `_at` behind what it read. What the grammar has and
no library was seen to use is refused, not guessed.
"""

from __future__ import annotations

from envdoctor.binary.demangling.expressions import Expressions
from envdoctor.binary.demangling.nodes import (
    Array,
    Builtin,
    Conversion,
    Encoding,
    Expansion,
    Function,
    Joined,
    Lambda,
    Listed,
    Local,
    Member,
    MemberPointer,
    Method,
    Pointer,
    Qualified,
    Structor,
    Template,
    Text,
    last_of,
    template_of,
)
from envdoctor.binary.demangling.words import (
    ABBREVIATIONS,
    BUILTINS,
    LONG_BUILTINS,
    OPERATORS,
    QUALIFIERS,
    SPECIAL,
    SPECIAL_OF_NAMES,
)
from envdoctor.binary.demangling.writing import CannotDemangle, Node

ANONYMOUS = ("_GLOBAL__N", "_GLOBAL_.N", "_GLOBAL_$N")
POINTERS = {"P": "*", "R": "&", "O": "&&"}


class Parser(Expressions):
    """Reads names and types; `whole` raises `CannotDemangle`."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._in_conversion = False

    # Functions and data

    def whole(self) -> Node:
        """The mangled name as a whole, with what compilers append to copies of a function."""
        self._demand("_Z")
        node = self._encoding()
        if self._peek() == ".":
            node = Joined((node, Text(f" [clone {self._text[self._at :]}]")))
            self._at = len(self._text)
        if self._at != len(self._text):
            raise CannotDemangle
        return node

    def _encoding(self) -> Node:
        return self._bounded(self._encoding_by_code)

    def _encoding_by_code(self) -> Node:
        if self._peek() in "GT" and self._peek():
            return self._special_name()
        name = self._name()
        if self._peek() in ("", "E", "."):
            return name
        returns = template_of(name) is not None and not isinstance(last_of(name), Structor | Conversion)
        returned = self._type() if returns else None
        parameters = []
        while self._peek() not in ("", "E", "."):
            parameters.append(self._type())
        return Encoding(name, Function(returned, without_void(tuple(parameters))))

    def _special_name(self) -> Node:
        code = self._peek(2)
        self._at += 2
        if code in SPECIAL:
            return Joined((Text(SPECIAL[code]), self._type()))
        if code in SPECIAL_OF_NAMES:
            return Joined((Text(SPECIAL_OF_NAMES[code]), self._name()))
        if code == "GT":
            kind = "transaction clone for " if self._take("t") else self._take("n") * "non-transaction clone for "
            return Joined((Text(kind), self._encoding()))
        if code == "GR":
            name = self._name()
            return Joined((Text(f"reference temporary #{self._seq_id()} for "), name))
        if code == "TC":
            derived = self._type()
            self._signed()
            self._demand("_")
            return Joined((Text("construction vtable for "), self._type(), Text("-in-"), derived))
        if code in ("Th", "Tv"):
            self._at -= 1
            self._call_offset()
            return Joined((Text("non-virtual thunk to " if code == "Th" else "virtual thunk to "), self._encoding()))
        if code == "Tc":
            self._call_offset()
            self._call_offset()
            return Joined((Text("covariant return thunk to "), self._encoding()))
        raise CannotDemangle

    def _call_offset(self) -> None:
        if self._take("v"):
            self._signed()
            self._demand("_")
        else:
            self._demand("h")
        self._signed()
        self._demand("_")

    # Names

    def _name(self) -> Node:
        if self._take("N"):
            return self._nested_name()
        if self._take("Z"):
            return self._local_name()
        if self._peek() == "S" and self._peek(2) != "St":
            node = self._substitution()
            if self._peek() != "I":
                raise CannotDemangle
            return Template(node, self._template_args())
        node = Member(Text("std"), self._unqualified_name(None)) if self._take("St") else self._unqualified_name(None)
        if self._peek() == "I":
            self._remembered(node)
            node = Template(node, self._template_args())
        return node

    def _nested_name(self) -> Node:
        qualifiers = self._qualifiers()
        if self._peek() in ("R", "O"):
            qualifiers.append(" &" if self._take("R") else self._take("O") * " &&")
        node: Node | None = None
        while not self._take("E"):
            start = self._peek()
            if start == "S" and self._peek(2) != "St":
                node = self._placed(node, self._substitution())
                continue
            if start == "I":
                if node is None or isinstance(node, Template):
                    raise CannotDemangle
                node = Template(node, self._template_args())
            elif start == "T":
                node = self._placed(node, self._template_param())
            elif self._peek(2) in ("DT", "Dt"):
                node = self._placed(node, self._decltype())
            elif self._take("St"):
                node = self._placed(node, Text("std"))
                continue
            else:
                name = self._unqualified_name(node)
                node = Member(node, name) if node else name
            self._take("M")
            if self._peek() != "E":
                self._remembered(node)
        if node is None:
            raise CannotDemangle
        return Method(node, "".join(qualifiers)) if qualifiers else node

    def _placed(self, before: Node | None, node: Node) -> Node:
        """`node` as the first component; these stand nowhere else."""
        if before is not None:
            raise CannotDemangle
        return node

    def _local_name(self) -> Node:
        function = self._encoding()
        if isinstance(function, Encoding):
            function = Encoding(function.name, Function(None, function.type.parameters))
        self._demand("E")
        if self._take("s"):
            self._discriminator()
            return Local(function, Text("string literal"))
        if self._take("d"):
            function = Member(function, Text(f"{{default arg#{self._sequence() + 1}}}"))
            return Local(function, self._name())
        name = self._name()
        self._discriminator()
        return Local(function, name)

    def _discriminator(self) -> None:
        """The number of one of several locals of a name; it is not shown."""
        if self._take("__"):
            self._number()
            self._demand("_")
        elif self._take("_"):
            self._at += 1

    def _unqualified_name(self, within: Node | None) -> Node:
        start = self._peek()
        if start == "L":
            self._at += 1
            node = self._source_name()
        elif "0" <= start <= "9":
            node = self._source_name()
        elif "a" <= start <= "z":
            node = self._operator_name()
        elif self._take("Ul"):
            parameters = without_void(self._until_end(self._type))
            node = Lambda(parameters, self._sequence() + 1)
        elif self._take("Ut"):
            node = Text(f"{{unnamed type#{self._sequence() + 1}}}")
        elif self._take("DC"):
            node = Listed(Text(""), "[", self._until_end(self._source_name), "]")
        elif start in ("C", "D") and within is not None:
            node = self._structor(within)
        else:
            raise CannotDemangle
        while self._take("B"):
            node = Joined((node, Text(f"[abi:{self._identifier()}]")))
        return node

    def _structor(self, within: Node) -> Node:
        kind = self._peek(2)
        self._at += 2
        if kind == "CI" and self._peek() in ("1", "2"):
            # A constructor taken over from a base class, whose name it has.
            self._at += 1
            within = self._type()
        elif kind not in ("C1", "C2", "C3", "C4", "C5", "D0", "D1", "D2", "D4", "D5"):
            raise CannotDemangle
        owner = last_of(within)
        if isinstance(owner, Joined) and isinstance(owner.parts[0], Text):
            owner = owner.parts[0]
        if isinstance(owner, Text):
            owner = Text(next((short for full, short in ABBREVIATIONS.values() if full == owner.text), owner.text))
        elif not isinstance(owner, Lambda):
            raise CannotDemangle
        return Structor("~" if kind[0] == "D" else "", owner)

    def _source_name(self) -> Node:
        name = self._identifier()
        return Text("(anonymous namespace)" if name.startswith(ANONYMOUS) else name)

    def _operator_name(self) -> Node:
        code = self._peek(2)
        self._at += 2
        if code == "cv":
            # Template arguments behind a parameter are those of the operator: "operator T<int>".
            saved, self._in_conversion = self._in_conversion, True
            to = self._type()
            self._in_conversion = saved
            return Conversion(to)
        if code == "li":
            return Joined((Text('operator"" '), self._source_name()))
        if code not in OPERATORS:
            raise CannotDemangle
        sign = OPERATORS[code][0].rstrip()
        return Text(f"operator{' ' * sign[0].isalpha()}{sign}")

    # Types

    def _type(self) -> Node:
        return self._bounded(self._type_by_code)

    def _type_by_code(self) -> Node:
        start = self._peek()
        if start in BUILTINS:
            self._at += 1
            return Builtin(*BUILTINS[start])
        if start in QUALIFIERS:
            words = self._qualifiers()
            # Those of a function type are qualifiers of its object, and that type alone is no part of its own.
            node = self._function() if self._peek() == "F" else self._type()
            for word in words:
                node = Qualified(node, word)
            return self._remembered(node)
        if start in POINTERS:
            self._at += 1
            return self._remembered(Pointer(self._type(), POINTERS[start]))
        if start == "S":
            return self._substituted_type()
        if start == "T":
            node = self._remembered(self._template_param())
            if self._peek() != "I" or self._in_conversion:
                return node
            return self._remembered(Template(node, self._template_args()))
        if start == "D":
            return self._d_type()
        if start == "F":
            return self._remembered(self._function())
        if start == "A":
            return self._remembered(self._array())
        if self._take("M"):
            owner = self._type()
            return self._remembered(MemberPointer(owner, self._type()))
        if self._take("C"):
            return self._remembered(Qualified(self._type(), " _Complex"))
        if self._take("u"):
            return self._remembered(self._source_name())
        if self._take("U"):
            word = f" {self._identifier()}"
            return self._remembered(Qualified(self._type(), word))
        return self._remembered(self._name())

    def _substituted_type(self) -> Node:
        if self._peek(2) == "St":
            return self._remembered(self._name())
        node = self._substitution()
        return self._remembered(Template(node, self._template_args())) if self._peek() == "I" else node

    def _d_type(self) -> Node:
        code = self._peek(2)
        if code in LONG_BUILTINS:
            self._at += 2
            return Builtin(LONG_BUILTINS[code])
        if code in ("DT", "Dt"):
            return self._remembered(self._decltype())
        if self._take("Dp"):
            return self._remembered(Expansion(self._type()))
        if self._take("DF"):
            bits = self._number()
            if self._take("b") and bits == 16:
                return Builtin("std::bfloat16_t")
            self._demand("_")
            return Builtin(f"_Float{bits}")
        if self._take("Dv"):
            length: Node = Text(str(self._number()))
            self._demand("_")
            return self._remembered(Listed(self._type(), " __vector(", (length,), ")"))
        if code in ("Do", "DO", "Dw", "Dx"):
            return self._remembered(self._function())
        raise CannotDemangle

    def _function(self) -> Node:
        behind = " noexcept" if self._take("Do") else ""
        self._demand("F")
        self._take("Y")
        returned, parameters = self._type(), []
        while not self._take("E"):
            if self._peek(2) in ("RE", "OE"):
                behind = (" &" if self._take("R") else self._take("O") * " &&") + behind
            else:
                parameters.append(self._type())
        return Function(returned, without_void(tuple(parameters)), behind)

    def _array(self) -> Node:
        self._demand("A")
        length: Node | None = None
        if "0" <= self._peek() <= "9":
            length = Text(self._digits())
        elif self._peek() != "_":
            length = self._expression()
        self._demand("_")
        return Array(self._type(), length)

    def _decltype(self) -> Node:
        self._at += 2
        found = Listed(Text("decltype "), "(", (self._expression(),), ")")
        self._demand("E")
        return found

    def _substitution(self) -> Node:
        code = self._peek(2)
        if code in ABBREVIATIONS:
            self._at += 2
            return Text(ABBREVIATIONS[code][0])
        self._demand("S")
        number = self._seq_id()
        if number >= len(self._known):
            raise CannotDemangle
        return self._known[number]


def without_void(parameters: tuple[Node, ...]) -> tuple[Node, ...]:
    """The parameters of a function, none where a lone `void` says so."""
    lone = parameters[0] if len(parameters) == 1 else None
    return () if isinstance(lone, Builtin) and lone.text == "void" else parameters
