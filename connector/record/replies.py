"""Answers people give by tapping: buttons, lists, forms, permissions, payments; and orders."""

import json
from collections.abc import Mapping
from typing import Any, Final

from connector.record.payload import (
    block,
    compact,
    data,
    identifier,
    items,
    number,
    some_words,
    vocabulary,
    words,
)

Content = dict[str, Any]

ANSWERS: Final = frozenset(
    {"button_reply", "list_reply", "nfm_reply", "call_permission_reply", "payment_method"}
)
"""The kinds of answer to an interactive message."""


def read_interactive(message: Mapping[str, Any]) -> Content | None:
    """Return the answer to an interactive message; ``None`` for a kind not known yet."""
    interactive = block(message.get("interactive"))
    kind = vocabulary(interactive.get("type"))
    if kind is None:
        kind = next((name for name in interactive if name in ANSWERS), None)
    part = interactive.get(kind) if kind in ANSWERS else None
    if not isinstance(part, dict):
        return None
    match kind:
        case "nfm_reply":
            return {"reply": _read_form(part)}
        case "call_permission_reply":
            return {
                "reply": compact(
                    kind=kind,
                    response=vocabulary(part.get("response")),
                    is_permanent=part["is_permanent"]
                    if isinstance(part.get("is_permanent"), bool)
                    else None,
                    expires_at=number(part.get("expiration_timestamp")),
                    source=vocabulary(part.get("response_source")),
                )
            }
        case "payment_method":
            return {"reply": {"kind": kind, "data": data(part)}}
        case _:
            title = some_words(part.get("title"))
            reply = compact(
                kind=kind,
                id=some_words(part.get("id")),
                title=title,
                description=some_words(part.get("description")),
            )
            return compact(text=title, reply=reply)


def _read_form(part: Mapping[str, Any]) -> Content:
    """Return a form's answers. They come as JSON in a text, which may be anything, even no JSON."""
    answers = part.get("response_json")
    if isinstance(answers, str):
        try:
            answers = json.loads(answers)
        except (ValueError, RecursionError):
            answers = words(answers)
    if not isinstance(answers, dict | str | None):
        answers = json.dumps(data(answers), ensure_ascii=False)
    return compact(
        kind="nfm_reply",
        name=some_words(part.get("name")),
        body=some_words(part.get("body")),
        data=data(answers),
    )


def read_button(message: Mapping[str, Any]) -> Content | None:
    """Return the tap on a button of a template."""
    part = message.get("button")
    if not isinstance(part, dict):
        return None
    title = some_words(part.get("text"))
    reply = compact(kind="button", id=some_words(part.get("payload")), title=title)
    return compact(text=title, reply=reply)


def read_order(message: Mapping[str, Any]) -> Content | None:
    """Return what was ordered from a catalogue; quantities and prices may come as text."""
    part = message.get("order")
    if not isinstance(part, dict):
        return None
    lines = [
        compact(
            product_retailer_id=identifier(item.get("product_retailer_id")),
            quantity=number(item.get("quantity")),
            item_price=number(item.get("item_price")),
            currency=some_words(item.get("currency")),
        )
        for item in items(part.get("product_items"))
        if isinstance(item, dict)
    ]
    text = some_words(part.get("text"))
    order = compact(catalog_id=identifier(part.get("catalog_id")), text=text, items=lines)
    return {"order": order}
