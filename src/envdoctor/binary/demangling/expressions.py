"""Template arguments and expressions within mangled names: constants, what is computed (`enable_if`, `decltype`)."""

from __future__ import annotations

from abc import ABC, abstractmethod

from envdoctor.binary.demangling.cursor import Cursor
from envdoctor.binary.demangling.nodes import (
    Braced,
    Encoding,
    Expansion,
    Joined,
    Listed,
    Literal,
    Member,
    Operation,
    Pack,
    PackLength,
    Parameter,
    Template,
    Text,
)
from envdoctor.binary.demangling.words import CASTS, OPERATORS
from envdoctor.binary.demangling.writing import CannotDemangle, Node


class Expressions(Cursor, ABC):
    """Reads expressions and template arguments; the rest of the grammar is `Parser`'s."""

    @abstractmethod
    def _encoding(self) -> Node: ...

    @abstractmethod
    def _type(self) -> Node: ...

    @abstractmethod
    def _source_name(self) -> Node: ...

    @abstractmethod
    def _unqualified_name(self, within: Node | None) -> Node: ...

    def _literal(self) -> Node:
        self._demand("L")
        if self._take("_Z"):
            node = self._encoding()
            self._demand("E")
            return node
        kind = self._type()
        end = self._text.find("E", self._at)
        value = self._text[self._at : end]
        if end < 0 or not value or not value.removeprefix("n").isalnum() or not value.isascii():
            raise CannotDemangle
        self._at = end + 1
        return Literal(kind, value)

    def _expression(self) -> Node:
        return self._bounded(self._expression_by_code)

    def _expression_by_code(self) -> Node:
        if self._peek() == "L":
            return self._literal()
        if self._peek() == "T":
            return self._template_param()
        if self._take("sZ"):
            return PackLength(self._template_param())
        if self._take("sr"):
            return self._member_of_type()
        if self._take("sp"):
            return Expansion(self._expression())
        if self._take("fp"):
            self._qualifiers()
            return Text("this" if self._take("T") else f"{{parm#{self._sequence() + 1}}}")
        if "0" <= self._peek() <= "9" or self._take("on"):
            return self._with_arguments(self._unqualified_name(None))
        return self._operation()

    def _member_of_type(self) -> Node:
        if self._take("N"):
            owner = self._type()
        elif "0" <= self._peek() <= "9":
            owner = self._with_arguments(self._source_name())
        else:
            return self._with_arguments(Member(self._type(), self._unqualified_name(None)))
        while not self._take("E"):
            owner = Member(owner, self._with_arguments(self._source_name()))
        return self._with_arguments(Member(owner, self._unqualified_name(None)))

    def _with_arguments(self, name: Node) -> Node:
        return Template(name, self._template_args()) if self._peek() == "I" else name

    def _operation(self) -> Node:
        code = self._peek(2)
        self._at += 2
        if code == "ad":
            return self._address(self._expression())
        if code in ("st", "at"):
            return Operation((Text(OPERATORS[code][0] + "("), Text(")")), (Joined((self._type(),)),))
        if code == "cl":
            return self._call()
        if code == "gs" and self._take("nw"):
            return self._new("::new ")
        if code == "nw":
            return self._new("new ")
        if code == "cv":
            kind: Node = Listed(Text(""), "(", (self._type(),), ")")
            if self._take("_"):
                return Listed(kind, "(", self._until_end(self._expression), ")")
            return Joined((kind, Operation((Text(""), Text("")), (self._expression(),))))
        if code in CASTS:
            kind = Listed(Text(CASTS[code]), "<", (self._type(),), ">")
            return Listed(kind, "(", (self._expression(),), ")")
        if code in ("il", "tl"):
            kind = self._type() if code == "tl" else Text("")
            return Braced(kind, "{", self._until_end(self._expression), "}")
        if code in ("dt", "pt"):
            return Operation(
                (Text(""), Text("." if code == "dt" else "->"), Text("")), (self._expression(), self._expression())
            )
        if code == "qu":
            choice = (self._expression(), self._expression(), self._expression())
            return Operation((Text(""), Text("?"), Text(" : "), Text("")), choice)
        if code == "ix":
            return Operation((Text(""), Text("["), Text("]")), (self._expression(), self._expression()))
        if code not in OPERATORS or not OPERATORS[code][1]:
            raise CannotDemangle
        sign, operands = OPERATORS[code]
        if operands == 1:
            return Operation((Text(sign), Text("")), (self._expression(),))
        outside = ("(", ")") if code == "gt" else ("", "")
        signs = (Text(outside[0]), Text(sign), Text(outside[1]))
        return Operation(signs, (self._expression(), self._expression()))

    def _address(self, of: Node) -> Node:
        """Of a function that is no template the name alone says which."""
        if isinstance(of, Encoding) and isinstance(of.name, Member):
            of = of.name
        return Operation((Text("&"), Text("")), (of,))

    def _new(self, word: str) -> Node:
        place: list[Node] = []
        while not self._take("_"):
            place.append(self._expression())
        before: Node = Text(word)
        if place:
            before = Listed(before, "(", tuple(place), ") ")
        before = Joined((before, self._type()))
        if self._take("E"):
            return before
        self._demand("pi")
        return Listed(before, "(", self._until_end(self._expression), ")")

    def _call(self) -> Node:
        function, arguments = self._expression(), self._until_end(self._expression)
        if isinstance(function, Encoding):
            function = function.name
        return Listed(Operation((Text(""), Text("")), (function,)), "(", arguments, ")")

    def _template_param(self) -> Node:
        self._demand("T")
        return Parameter(self._sequence())

    def _template_args(self) -> tuple[Node, ...]:
        self._demand("I")
        return self._until_end(self._template_arg)

    def _template_arg(self) -> Node:
        return self._bounded(self._template_arg_by_code)

    def _template_arg_by_code(self) -> Node:
        if self._take("J"):
            return Pack(self._until_end(self._template_arg))
        if self._take("X"):
            node = self._expression()
            self._demand("E")
            return node
        return self._literal() if self._peek() == "L" else self._type()
