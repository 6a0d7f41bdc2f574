"""Where templates run: Jinja's sandbox with nothing in it but the filters of the vocabulary."""

from collections.abc import Callable
from datetime import datetime
from operator import attrgetter
from typing import Any, Final
from zoneinfo import ZoneInfo

from jinja2 import StrictUndefined, TemplateError, Undefined, nodes
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from connector.template.expression import single_expression
from connector.template.filters import is_nothing, iso, make_filters, make_tests
from connector.template.html import text_as_html
from connector.template.reading import Template

_BREAK: Final = Markup("<br>")

OUTPUT_LIMIT: Final = 100_000
"""Characters that one value may render to."""

Roots = dict[str, Any]
"""What a template starts from, by name: views, or tables whose parts are their items."""
Spell = Callable[[Any], str]
"""Writes a value amid the text of a template."""
Bound = Callable[[Roots], Any]
"""A compiled template."""


class OutputTooLongError(Exception):
    """A template renders to more than ``OUTPUT_LIMIT`` characters."""


FAILURES: Final = (
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
    AttributeError,
    RecursionError,
    TemplateError,
    OutputTooLongError,
)
"""What a template may end in where values do not fit its operators and filters."""


class Sandbox(ImmutableSandboxedEnvironment):
    """Runs the templates of text fields, or of HTML fields, where all but Markup is escaped.

    ``spell`` writes values amid text in another way, such as percent-encoded.
    """

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self, *, html: bool, time_zone: ZoneInfo, spell: Spell | None = None) -> None:
        super().__init__(
            undefined=StrictUndefined,
            autoescape=html,
            finalize=spell or (_as_html if html else spell_text),
            keep_trailing_newline=True,
            cache_size=0,
            optimized=False,  # 1e308 + 1e308, computed before it runs, would be the name "inf"
        )
        self.globals.clear()
        self.filters = dict(make_filters(time_zone))
        self.tests = dict(make_tests())

    def is_safe_callable(self, obj: Any) -> bool:  # noqa: ARG002 - overrides
        """Refuse every call: templates have filters, and nothing to call."""
        return False

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Compute products and remainders of numbers only: of text they repeat or format it."""
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if operator == "**" or not numbers:
            raise TypeError(f"{operator} is for numbers")
        return super().call_binop(context, operator, left, right)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return a part of a value; of a table its item, ``None`` where it has none."""
        if isinstance(obj, dict):
            return obj.get(attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return an item of a list; one that is not there is nothing, not an error."""
        found = super().getitem(obj, argument)
        return None if isinstance(found, Undefined) else found

    def bind(self, template: Template) -> Bound:
        """Compile a checked template.

        What it returns takes the views by name and gives the value, of any type if the template is
        a single expression, else as text. It raises what Python raises for operands that do not
        fit, and ``OutputTooLongError``.
        """
        if template.path:
            return _reach(template.path)
        if template.single:
            return self._bind_expression(template.source)
        return self.bind_text(template.source)

    def _bind_expression(self, source: str) -> Bound:
        expression = single_expression(self.parse(source))
        result = nodes.Name("result", "store", lineno=1)
        tree = nodes.Template([nodes.Assign(result, expression, lineno=1)], lineno=1)
        compiled = self.from_string(tree)
        run, make_context = compiled.root_render_func, compiled.new_context
        html = bool(self.autoescape)

        def evaluate(roots: Roots) -> Any:
            context = make_context(roots, shared=True)
            for _ in run(context):
                pass  # an assignment puts out nothing; its value is in the context
            value = context.vars["result"]
            return _as_html(value) if html and isinstance(value, Markup) else value

        return evaluate

    def bind_text(self, source: str) -> Bound:
        """Compile a checked template, whose value is text even if it is a single expression."""
        compiled = self.from_string(source)
        run, make_context = compiled.root_render_func, compiled.new_context
        finish = Markup if self.autoescape else str

        def render(roots: Roots) -> str:
            parts: list[str] = []
            length = 0
            for part in run(make_context(roots, shared=True)):
                length += len(part)
                if length > OUTPUT_LIMIT:
                    raise OutputTooLongError
                parts.append(part)
            return finish("".join(parts))

        return render


def _reach(path: str) -> Bound:
    root, _, rest = path.partition(".")
    if not rest:
        return lambda roots: roots[root]
    get, parts = attrgetter(rest), rest.split(".")

    def reach(roots: Roots) -> Any:
        value = roots[root]
        if type(value) is not dict:
            return get(value)
        for part in parts:
            value = value.get(part) if isinstance(value, dict) else None
        return value

    return reach


def spell_text(value: Any) -> str:
    """Spell a value amid other text."""
    match value:
        case str():
            return value
        case None | Undefined():
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return iso(value)
        case list() | tuple():
            return ", ".join(spell_text(each) for each in value if not is_nothing(each))
        case _:
            return str(value)


def _as_html(value: Any) -> Markup:
    """Spell a value as HTML; text that became part of Markup brings line breaks that none has."""
    if not isinstance(value, Markup):
        return text_as_html(spell_text(value))
    return value.replace("\n", _BREAK) if "\n" in value else value
