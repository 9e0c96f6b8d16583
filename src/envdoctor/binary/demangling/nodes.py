"""The parts that names, types and expressions are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envdoctor.binary.demangling.writing import EFFORT, CannotDemangle, Node, Written

if TYPE_CHECKING:
    from envdoctor.binary.demangling.writing import Scope, Writer


@dataclass(frozen=True, slots=True, eq=False)
class Text(Node):
    """A name or word as it stands."""

    text: str

    def _write(self, _writer: Writer) -> Written:
        return Written(self.text)


@dataclass(frozen=True, slots=True, eq=False)
class Builtin(Node):
    """A type of the language; constants of it are written with `suffix` behind ("5ul"), or as a cast where None."""

    text: str
    suffix: str | None = None

    def _write(self, _writer: Writer) -> Written:
        return Written(self.text)


@dataclass(frozen=True, slots=True, eq=False)
class Joined(Node):
    """Parts written one behind the other."""

    parts: tuple[Node, ...]

    def _write(self, writer: Writer) -> Written:
        return Written("".join(map(writer.text, self.parts)))


@dataclass(frozen=True, slots=True, eq=False)
class Member(Node):
    """`name` within `place`: a namespace, a class, or a function whose local it is."""

    place: Node
    name: Node

    def _write(self, writer: Writer) -> Written:
        return Written(f"{writer.text(self.place)}::{writer.text(self.name)}")


@dataclass(frozen=True, slots=True, eq=False)
class Local(Member):
    """What is declared within a function."""


@dataclass(frozen=True, slots=True, eq=False)
class Structor(Node):
    """The constructor or destructor (`prefix` "~") of the class called `name`, its template arguments left off."""

    prefix: str
    name: Node

    def _write(self, writer: Writer) -> Written:
        return Written(self.prefix + writer.text(self.name))


@dataclass(frozen=True, slots=True, eq=False)
class Conversion(Node):
    """`operator` and the type converted to."""

    to: Node

    def _write(self, writer: Writer) -> Written:
        return Written("operator " + writer.text(self.to))


@dataclass(frozen=True, slots=True, eq=False)
class Lambda(Node):
    """The type of a lambda expression, by its parameters and its number in its place."""

    parameters: tuple[Node, ...]
    number: int

    def _write(self, writer: Writer) -> Written:
        saved, writer.in_lambda = writer.in_lambda, True
        parameters = writer.listed(self.parameters)
        writer.in_lambda = saved
        return Written(f"{{lambda({parameters})#{self.number}}}")


@dataclass(frozen=True, slots=True, eq=False)
class Template(Node):
    """A template with its arguments."""

    name: Node
    arguments: tuple[Node, ...]

    def _write(self, writer: Writer) -> Written:
        if isinstance(last_of(self.name), Conversion):
            # "operator T": what T is stands in the arguments behind it.
            name = "".join(writer.within(self.name, writer.opened(self.arguments))[:2])
        else:
            name = writer.text(self.name)
        arguments = writer.listed(self.arguments)
        # c++filt sets ">" apart from another, but not behind an empty pack.
        apart = arguments.endswith(">") and writer.text(self.arguments[-1]) != ""
        return Written(f"{name}{' ' * name.endswith('<')}<{arguments}{' ' * apart}>")


def last_of(name: Node) -> Node:
    """The last component of a qualified name, template arguments left off."""
    while isinstance(name, Member | Template | Method):
        name = name.name
    return name


@dataclass(frozen=True, slots=True, eq=False)
class Method(Node):
    """The name of a member function with the qualifiers of its object (" const"), written behind its parameters."""

    name: Node
    qualifiers: str

    def _write(self, writer: Writer) -> Written:
        return Written(writer.text(self.name) + self.qualifiers)


@dataclass(frozen=True, slots=True, eq=False)
class Pack(Node):
    """The arguments that one parameter pack stands for."""

    items: tuple[Node, ...]

    def _write(self, writer: Writer) -> Written:
        return Written(writer.listed(self.items))


@dataclass(frozen=True, slots=True, eq=False)
class Parameter(Node):
    """A template parameter by its number; in the parameters of a lambda it is one that was written `auto`."""

    number: int

    def _argument(self, scope: Scope | None) -> Node:
        if scope is None or self.number >= len(scope.arguments):
            raise CannotDemangle
        return scope.arguments[self.number]

    def _write(self, writer: Writer) -> Written:
        if writer.in_lambda:
            return Written(f"auto:{self.number + 1}")
        scope = writer.scope
        argument = self._argument(scope)
        if isinstance(argument, Pack):
            if writer.element >= len(argument.items):
                raise CannotDemangle
            argument = argument.items[writer.element]
        return writer.within(argument, scope.outer if scope else None)


@dataclass(frozen=True, slots=True, eq=False)
class Expansion(Node):
    """A pattern, written once for each element of the pack within it."""

    pattern: Node

    def _write(self, writer: Writer) -> Written:
        count = self._elements(writer)
        if count is None:
            return Written(writer.text(self.pattern) + "...")
        saved, found = writer.element, []
        for writer.element in range(count):
            found.append(writer.text(self.pattern))
        writer.element = saved
        return Written(", ".join(found))

    def _elements(self, writer: Writer) -> int | None:
        if writer.in_lambda:
            return None
        waiting, seen = [self.pattern], set()
        while waiting:
            node = waiting.pop()
            if isinstance(node, Parameter):
                argument = node._argument(writer.scope)
                if isinstance(argument, Pack):
                    return len(argument.items)
            elif id(node) not in seen:
                seen.add(id(node))
                writer.spend(EFFORT)
                waiting.extend(node.inner())
        return None


@dataclass(frozen=True, slots=True, eq=False)
class Qualified(Node):
    """A type with " const", " volatile" or a like word behind it; said once, however often it is meant."""

    type: Node
    word: str

    def _write(self, writer: Writer) -> Written:
        left, right, shape = writer.written(self.type)
        if shape == "function":
            return Written(left, right + self.word, shape)
        return Written(left if left.endswith(self.word) else left + self.word, right, shape)


def pointed(written: Written, sign: str, shape: str = "") -> Written:
    """A pointer ("*", "A::*") or reference to a written type."""
    left, right, inner = written
    if inner in ("function", "array"):
        return Written(f"{left}{' ' * (inner == 'array')}({sign}", ")" + right, shape)
    return Written(left + sign, right, shape)


@dataclass(frozen=True, slots=True, eq=False)
class Pointer(Node):
    """A pointer, or with `sign` "&" and "&&" a reference: a reference to a reference is one, "&" if either is."""

    type: Node
    sign: str

    def _write(self, writer: Writer) -> Written:
        written = writer.written(self.type)
        if self.sign == "*":
            return pointed(written, "*")
        if written.shape == "&&" and self.sign == "&":
            return Written(written.left[:-1], written.right, "&")
        return written if written.shape in ("&", "&&") else pointed(written, self.sign, self.sign)


@dataclass(frozen=True, slots=True, eq=False)
class MemberPointer(Node):
    """A pointer to a member of a class."""

    owner: Node
    type: Node

    def _write(self, writer: Writer) -> Written:
        written, sign = writer.written(self.type), writer.text(self.owner) + "::*"
        return pointed(written, sign if written.shape in ("function", "array") else " " + sign)


@dataclass(frozen=True, slots=True, eq=False)
class Array(Node):
    """An array; `length` None where it has none."""

    type: Node
    length: Node | None

    def _write(self, writer: Writer) -> Written:
        left, right, _ = writer.written(self.type)
        length = writer.text(self.length) if self.length else ""
        return Written(left, f" [{length}]{right.lstrip() if right.startswith(' [') else right}", "array")


@dataclass(frozen=True, slots=True, eq=False)
class Function(Node):
    """A type of functions; `behind` holds the qualifier of its object (" &") or " noexcept"."""

    returned: Node | None
    parameters: tuple[Node, ...]
    behind: str = ""

    def _write(self, writer: Writer) -> Written:
        left, right, _ = writer.written(self.returned) if self.returned else Written("")
        parameters = writer.listed(self.parameters)
        space = " " if left and not right.startswith(")") else ""
        return Written(left + space, f"({parameters}){self.behind}{right}", "function")


@dataclass(frozen=True, slots=True, eq=False)
class Encoding(Node):
    """A function: its name and type, in which template parameters mean the arguments that its name ends in."""

    name: Node
    type: Function

    def _write(self, writer: Writer) -> Written:
        name = self.name
        template, method = template_of(name), name.name if isinstance(name, Local) else name
        qualifiers = method.qualifiers if isinstance(method, Method) else ""
        shown = writer.text(name).removesuffix(qualifiers)
        left, right, _ = writer.within(self.type, writer.opened(template.arguments) if template else writer.scope)
        return Written(left + shown + right + qualifiers)


def unqualified(name: Node) -> Node:
    """A name without what stands behind the parameters of a member function."""
    if isinstance(name, Local):
        return Local(name.place, unqualified(name.name))
    return name.name if isinstance(name, Method) else name


def template_of(name: Node) -> Template | None:
    """The template whose arguments a name ends in."""
    while isinstance(name, Local | Method):
        name = name.name
    return name if isinstance(name, Template) else None


@dataclass(frozen=True, slots=True, eq=False)
class Literal(Node):
    """A constant: digits, with "n" in front where negative, of a type."""

    type: Node
    value: str

    def _write(self, writer: Writer) -> Written:
        value = "-" + self.value[1:] if self.value.startswith("n") else self.value
        if isinstance(self.type, Builtin):
            if self.type.text == "bool" and value in ("0", "1"):
                return Written("true" if value == "1" else "false")
            if self.type.suffix is not None:
                return Written(value + self.type.suffix)
        kind = writer.text(self.type)
        real = isinstance(self.type, Builtin) and self.type.text in ("float", "double", "long double", "__float128")
        return Written(f"({kind})[{value}]" if real else f"({kind}){value}")


@dataclass(frozen=True, slots=True, eq=False)
class Listed(Node):
    """Nodes with commas between, in brackets."""

    before: Node
    opening: str
    items: tuple[Node, ...]
    closing: str

    def _write(self, writer: Writer) -> Written:
        return Written(f"{writer.text(self.before)}{self.opening}{writer.listed(self.items)}{self.closing}")


@dataclass(frozen=True, slots=True, eq=False)
class Operation(Node):
    """Operands and the signs before, between and behind them; an operand that is not a plain name has parentheses."""

    signs: tuple[Text, ...]
    operands: tuple[Node, ...]

    def _write(self, writer: Writer) -> Written:
        found = [self.signs[0].text]
        for operand, sign in zip(self.operands, self.signs[1:], strict=True):
            text = writer.text(operand)
            found.append(text if isinstance(operand, Text | Member | Braced) else f"({text})")
            found.append(sign.text)
        return Written("".join(found))


@dataclass(frozen=True, slots=True, eq=False)
class Braced(Listed):
    """A list of initial values, of a type where `before` names one."""


@dataclass(frozen=True, slots=True, eq=False)
class PackLength(Node):
    """`sizeof...` of a parameter pack: its number of elements."""

    pack: Node

    def _write(self, writer: Writer) -> Written:
        argument = self.pack._argument(writer.scope) if isinstance(self.pack, Parameter) else None
        if not isinstance(argument, Pack):
            raise CannotDemangle
        return Written(str(len(argument.items)))
