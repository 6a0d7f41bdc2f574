"""The state of everything as a page without script or style: for people without a terminal."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any


def render_page(status: Mapping[str, Any]) -> str:
    """Return the status object as HTML; every value is escaped, whatever it holds."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        "<title>Connector</title></head><body><h1>Connector</h1>"
        f"{_render(status)}</body></html>"
    )


def _render(value: Any) -> str:
    match value:
        case Mapping():
            rows = "".join(
                f"<tr><th>{escape(str(key).replace('_', ' '))}</th><td>{_render(each)}</td></tr>"
                for key, each in value.items()
            )
            return f"<table>{rows}</table>" if rows else "none"
        case str():
            return escape(value)
        case Sequence():
            items = "".join(f"<li>{_render(each)}</li>" for each in value)
            return f"<ul>{items}</ul>" if items else "none"
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case _:
            return escape(str(value))
