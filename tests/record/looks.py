"""Looks into a book: what it counts, and what it holds as delivered."""

from typing import Any

from connector.ledger.audit import Scope, audit
from connector.ledger.webhooks import webhook_counts


def balance(book: Any) -> dict[str, Any]:
    scopes = {"hubspot": Scope(numbers=None, record="message")}
    return book.ledger.query(audit, scopes)


def webhook_counts_of(book: Any) -> Any:
    return book.ledger.query(webhook_counts)
