"""What can be said of an expression without running it."""

from collections.abc import Iterator

from jinja2 import nodes

from connector.template.names import FILTERS, ValueType, Vocabulary

Constant = str | int | float | bool


def single_expression(tree: nodes.Template) -> nodes.Expr | None:
    """Return the expression of a template that is one, give or take spaces around it."""
    match tree.body:
        case [nodes.Output(nodes=parts)]:
            held = [part for part in parts if not _is_blank(part)]
        case _:
            return None
    return held[0] if len(held) == 1 and not isinstance(held[0], nodes.TemplateData) else None


def _is_blank(node: nodes.Expr) -> bool:
    return isinstance(node, nodes.TemplateData) and not node.data.strip()


def dotted_name(node: nodes.Node) -> str | None:
    """Return ``a.b.c`` where a node is a name and attributes of it, and nothing else."""
    match node:
        case nodes.Name(ctx="load"):
            return node.name
        case nodes.Getattr():
            above = dotted_name(node.node)
            return f"{above}.{node.attr}" if above else None
        case _:
            return None


def type_of(node: nodes.Expr | None, vocabulary: Vocabulary) -> ValueType | None:
    """Return the type of an expression's value, where that is clear."""
    found: ValueType | None = None
    match node:
        case nodes.Name() | nodes.Getattr():
            found = vocabulary.type_of(dotted_name(node) or "")
        case nodes.Filter():
            found = FILTERS[node.name].gives or type_of(node.node, vocabulary)
        case nodes.CondExpr(expr1=one, expr2=other) | nodes.BinExpr(left=one, right=other):
            found = _type_of_two(node, one, other, vocabulary)
        case nodes.Const():
            found = _type_of_constant(node.value)
        case nodes.Not() | nodes.Compare() | nodes.Test():
            found = "bool"
        case nodes.Concat() | nodes.Getitem():
            found = "text"
    return found


def _type_of_two(
    node: nodes.Expr,
    one: nodes.Expr | None,
    other: nodes.Expr | None,
    vocabulary: Vocabulary,
) -> ValueType | None:
    """Return the type of a choice between two, if it is the same; of arithmetic none is clear."""
    if not isinstance(node, nodes.CondExpr | nodes.Or | nodes.And):
        return None
    found = type_of(one, vocabulary)
    return found if found == type_of(other, vocabulary) else None


def _type_of_constant(value: object) -> ValueType | None:
    match value:
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "text"
        case _:
            return None


def constants_of(node: nodes.Expr | None) -> Iterator[Constant]:
    """Yield the constants in an expression that it may give as they are."""
    match node:
        case nodes.Const(value=str() | int() | float()):
            yield node.value
        case nodes.CondExpr():
            yield from constants_of(node.expr1)
            yield from constants_of(node.expr2)
        case nodes.Or():
            yield from constants_of(node.left)
            yield from constants_of(node.right)
        case nodes.Filter(name="default"):
            yield from constants_of(node.node)
            for fallback in node.args:
                yield from constants_of(fallback)
        case _:
            return
