"""What the templates of each request may name."""

from collections.abc import Iterable, Mapping
from typing import Final, Literal

from connector.crm.templates import Names, Vocabulary

Verb = Literal[
    "find", "lookup", "read", "create", "update", "put", "delete", "list", "ping", "setup"
]
Kind = Literal["contact", "message"]

WRITES: Final = frozenset({"create", "update", "put", "delete", "setup"})
"""Verbs that can change the CRM."""

_TEXT: Final[Names] = {"": "text"}
_SPELLINGS: Final = ("e164", "national", "digits", "last8", "last4")
_PHONE: Final[Names] = dict.fromkeys(_SPELLINGS, "digits")
_PHONES: Final[Names] = dict.fromkeys(_SPELLINGS, "labels")
_PAGE: Final[Names] = {
    "number": "number",
    "offset": "number",
    "size": "number",
    "cursor": "text",
}
_ROOTS: Final[Mapping[Verb, tuple[str, ...]]] = {
    "find": ("phone", "phones", "key", "page"),
    "lookup": ("key", "since", "contact", "page"),
    "read": ("crm_id",),
    "create": ("key", "fields", "contact", "saved", "crm_id", "idempotency_key", "records"),
    "put": ("key", "fields", "contact", "records"),
    "update": ("key", "crm_id", "fields", "contact", "records"),
    "delete": ("crm_id",),
    "list": ("since", "page"),
    "ping": (),
    "setup": (),
}
_ALL: Final = frozenset(root for roots in _ROOTS.values() for root in roots)


def vocabulary(
    kind: Kind | None,
    verb: Verb,
    *,
    fields: Iterable[str] = (),
    saved: Iterable[str] | None = None,
) -> Vocabulary:
    """Return what the templates of a request may name.

    ``fields`` are the names of the mapped fields, ``saved`` those that earlier steps kept; ``None``
    in the first step, which knows no id yet.
    """
    roots: dict[str, Names] = {
        "key": _TEXT,
        "crm_id": _TEXT,
        "since": {"": "datetime"},
        "idempotency_key": _TEXT,
        "fields": {"": "table", **dict.fromkeys(fields, "text")},
        "records": {"": "labels"},
        "saved": dict.fromkeys(saved or (), "text"),
        "contact": {"crm_id": "text"},
        "phone": _PHONE,
        "phones": _PHONES,
        "page": _PAGE,
    }
    named = set(_ROOTS[verb])
    if kind == "contact":
        named -= {"contact"}
    if verb == "create":
        named -= {"crm_id", "saved"} if saved is None else {"idempotency_key", "records"}
    where = f"in {kind}.{verb}" if kind else f"in {verb}"
    if verb == "create" and saved is not None:
        where += " after its first step"
    return Vocabulary({root: roots[root] for root in roots if root in named}, where, _ALL)
