"""Where templates run: Jinja's sandbox with nothing in it but the filters of the vocabulary."""

from collections.abc import Callable
from datetime import datetime
from operator import attrgetter
from typing import Any, Final
from zoneinfo import ZoneInfo

from jinja2 import StrictUndefined, Undefined, nodes
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from connector.mapping.expression import single_expression
from connector.mapping.filters import is_nothing, iso, make_filters, make_tests
from connector.mapping.markup import text_as_html
from connector.mapping.template import Template

_BREAK: Final = Markup("<br>")

OUTPUT_LIMIT: Final = 100_000
"""Characters that one value may render to."""

Roots = dict[str, Any]
"""The views a template starts from: ``contact``, ``message`` ..."""
Bound = Callable[[Roots], Any]
"""A compiled template."""


class OutputTooLongError(Exception):
    """A template renders to more than ``OUTPUT_LIMIT`` characters."""


class Sandbox(ImmutableSandboxedEnvironment):
    """Runs the templates of text fields, or of HTML fields, where all but Markup is escaped."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self, *, html: bool, time_zone: ZoneInfo) -> None:
        super().__init__(
            undefined=StrictUndefined,
            autoescape=html,
            finalize=_as_html if html else _as_text,
            keep_trailing_newline=True,
            cache_size=0,
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
            root, _, rest = template.path.partition(".")
            get = attrgetter(rest)
            return lambda roots: get(roots[root])
        if template.single:
            return self._bind_expression(template.source)
        return self._bind_text(template.source)

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

    def _bind_text(self, source: str) -> Bound:
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


def _as_text(value: Any) -> str:
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
            return ", ".join(_as_text(each) for each in value if not is_nothing(each))
        case _:
            return str(value)


def _as_html(value: Any) -> Markup:
    """Spell a value as HTML; text that became part of Markup brings line breaks that none has."""
    if not isinstance(value, Markup):
        return text_as_html(_as_text(value))
    return value.replace("\n", _BREAK) if "\n" in value else value
