"""A value of a mapping that is computed: read once, checked against the vocabulary, never trusted.

There are two walls. ``read_template`` allows only the syntax listed here and only the names of a
vocabulary, so that a mistake is found before anything runs; ``connector.template.sandbox`` then
runs what is left in Jinja's sandbox without a single callable or global.
"""

import math
from collections.abc import Container
from dataclasses import dataclass
from typing import Final

from jinja2 import Environment, TemplateSyntaxError, nodes

from connector.config.section import nearest_name
from connector.template.expression import (
    Constant,
    constants_of,
    dotted_name,
    single_expression,
    type_of,
)
from connector.template.names import FILTERS, TESTS, Names, ValueType, Vocabulary

LONGEST: Final = 10_000
"""Characters of a template's source."""
DEEPEST: Final = 60
"""Parts within each other. A template is compiled to Python, which ends at about a hundred."""

_PARSER: Final = Environment(autoescape=False)  # noqa: S701 - it parses and never renders
_MARKS: Final = ("{{", "{%", "{#")

_ALLOWED: Final = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Const,
    nodes.List,
    nodes.Tuple,
    nodes.CondExpr,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Compare,
    nodes.Operand,
    nodes.Concat,
    nodes.Add,
    nodes.Sub,
    nodes.Mul,
    nodes.Div,
    nodes.FloorDiv,
    nodes.Mod,
    nodes.Neg,
    nodes.Pos,
    nodes.If,
)
_LOOP: Final = frozenset({"first", "last", "index"})
"""What a loop says of itself."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in a template."""

    message: str
    expected: str | None = None
    nearest: str | None = None


_TOO_DEEP: Final = Fault("is not a template: too deeply nested, or a number too large")


@dataclass(frozen=True, slots=True)
class Template:
    """A checked template."""

    source: str
    paths: frozenset[str]
    """The names it reads, whole: ``contact.phone.e164``."""
    single: bool
    """One ``{{ expression }}`` and nothing else: its value keeps its type."""
    path: str | None = None
    """The name, where the single expression is nothing but a name."""
    type: ValueType | None = None
    """What it gives, where that is clear."""
    constants: tuple[Constant, ...] = ()
    """Values written in it that it may give as they are."""


def is_template(text: str) -> bool:
    """Say whether a text of a mapping is computed; any other is a constant."""
    return any(mark in text for mark in _MARKS)


def read_template(source: str, vocabulary: Vocabulary) -> tuple[Template, tuple[Fault, ...]]:
    """Read a template; with faults, it must not be run."""
    reading = _Reading(vocabulary)
    tree: nodes.Template | None = None
    if len(source) > LONGEST:
        reading.faults.append(Fault("is too long", expected=f"at most {LONGEST:,} characters"))
    else:
        try:
            tree = _PARSER.parse(source)
            reading.visit(tree)
        except TemplateSyntaxError as error:
            reading.faults.append(Fault(f"is not a template: {error.message}"))
        except (RecursionError, OverflowError, ValueError):
            reading.faults.append(_TOO_DEEP)
    expression = single_expression(tree) if tree else None
    if reading.faults or expression is None:
        template = Template(source, frozenset(reading.paths), single=False, type="text")
    else:
        template = Template(
            source,
            frozenset(reading.paths),
            single=True,
            path=dotted_name(expression),
            type=type_of(expression, vocabulary),
            constants=tuple(constants_of(expression)),
        )
    return template, tuple(reading.faults)


def names_read(source: str, roots: Container[str]) -> frozenset[str]:
    """Return the names under these roots that a template of any kind reads."""
    try:
        tree = _PARSER.parse(source)
    except (TemplateSyntaxError, RecursionError, OverflowError, ValueError):
        return frozenset()
    found = (dotted_name(node) for node in tree.find_all((nodes.Getattr, nodes.Name)))
    return frozenset(path for path in found if path and path.partition(".")[0] in roots)


class _Reading:
    """One pass over a template's syntax tree."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.paths: set[str] = set()
        self.faults: list[Fault] = []
        self._vocabulary = vocabulary
        self._names = vocabulary.roots
        self._locals: tuple[str, ...] = ()
        self._depth = 0

    def visit(self, node: nodes.Node) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            if _TOO_DEEP not in self.faults:
                self.faults.append(_TOO_DEEP)
        else:
            self._visit(node)
        self._depth -= 1

    def _visit(self, node: nodes.Node) -> None:
        match node:
            case nodes.Name() | nodes.Getattr() if path := dotted_name(node):
                self._read(path)
            case nodes.Getitem(arg=nodes.Const(value=int())):
                self._item(node)
            case nodes.Filter():
                self._filter(node)
            case nodes.Test():
                self._test(node)
            case nodes.For():
                self._loop(node)
            case nodes.Const(value=float() as number) if not math.isfinite(number):
                self.faults.append(_TOO_DEEP)
            case _ if isinstance(node, _ALLOWED):
                for child in node.iter_child_nodes():
                    self.visit(child)
            case _:
                word = type(node).__name__
                self.faults.append(
                    Fault(
                        f"uses something templates do not have ({word})",
                        expected="names of the vocabulary, constants, operators and filters",
                    )
                )

    def _read(self, path: str) -> None:
        root, _, rest = path.partition(".")
        if root in self._locals:
            if root == "loop" and rest in _LOOP:
                return
            if root != "loop" and not rest:
                return
            self.faults.append(Fault(f"{path} is unknown", expected="the word of the loop alone"))
        elif (names := self._names.get(root)) is None:
            self.faults.append(self._unknown_root(root))
        elif rest in names:
            self.paths.add(path)
        else:
            self.faults.append(_unknown_name(root, rest, names))

    def _unknown_root(self, root: str) -> Fault:
        expected = ", ".join(self._names)
        if root in self._vocabulary.elsewhere:
            return Fault(f"{root} is not defined {self._vocabulary.where}", expected=expected)
        return Fault(
            f"{root} is unknown", expected=expected, nearest=nearest_name(root, self._names)
        )

    def _item(self, node: nodes.Getitem) -> None:
        path = dotted_name(node.node)
        if path and self._type(path) == "labels":
            self._read(path)
        else:
            self.faults.append(Fault("takes an item of something that is not a list of labels"))

    def _type(self, path: str) -> ValueType | None:
        return self._vocabulary.type_of(path)

    def _filter(self, node: nodes.Filter) -> None:
        if node.node is not None:
            self.visit(node.node)
        known = FILTERS.get(node.name)
        if known is None or node.node is None:
            self.faults.append(
                Fault(
                    f"the filter {node.name} is unknown",
                    expected=", ".join(FILTERS),
                    nearest=nearest_name(node.name, FILTERS),
                )
            )
            return
        named = [pair.key for pair in node.kwargs]
        left = known.arguments[len(node.args) :]
        if len(node.args) > len(known.arguments) or not set(named) <= set(left):
            takes = ", ".join(known.arguments) or "none"
            self.faults.append(Fault(f"the filter {node.name} has other arguments", expected=takes))
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            self.faults.append(Fault(f"the filter {node.name} takes no unpacked arguments"))
        for argument in [*node.args, *(pair.value for pair in node.kwargs)]:
            if node.name == "default" or isinstance(argument, nodes.Const):
                self.visit(argument)
            else:
                self.faults.append(
                    Fault(f"the filter {node.name} takes constants", expected='such as "%d/%m/%Y"')
                )

    def _test(self, node: nodes.Test) -> None:
        self.visit(node.node)
        if node.name not in TESTS or node.args or node.kwargs:
            self.faults.append(
                Fault(
                    f"the test {node.name} is unknown",
                    expected=", ".join(sorted(TESTS)),
                    nearest=nearest_name(node.name, TESTS),
                )
            )

    def _loop(self, node: nodes.For) -> None:
        path = dotted_name(node.iter)
        bounded = path is not None and self._type(path) == "labels"
        if self._locals or node.recursive or not bounded or not isinstance(node.target, nodes.Name):
            self.faults.append(
                Fault("loops over something else than labels", expected="one loop, over labels")
            )
            return
        self.visit(node.iter)
        for child in node.else_:
            self.visit(child)
        self._locals = (node.target.name, "loop")
        for child in [*node.body, *([node.test] if node.test else [])]:
            self.visit(child)
        self._locals = ()


def _unknown_name(root: str, rest: str, names: Names) -> Fault:
    parts = [name for name in names if name.startswith(f"{rest}.")] if rest else list(names)
    if parts:
        path = f"{root}.{rest}".removesuffix(".")
        one = f"{root}.{parts[0]}"
        return Fault(f"{path} is not a value of its own", expected=f"one of its parts, as {one}")
    whole = next((name for name in names if rest.startswith(f"{name}.")), None)
    if whole:
        return Fault(f"{root}.{whole} has no parts", expected=f"{root}.{whole}", nearest=whole)
    return Fault(
        f"{root}.{rest} is unknown",
        expected=f"a name that {root} has",
        nearest=nearest_name(rest, names),
    )
