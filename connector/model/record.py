"""The CRM side of things: records, how to look them up, and what a CRM says of its fields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

RecordKind = Literal["contact", "message", "conversation"]
"""What a delivery carries."""

JsonScalar = str | int | float | bool | None
FieldValue = JsonScalar | datetime | Sequence[Any] | Mapping[str, Any]
"""What a mapping renders for a field: a list for a field that takes several options, and a time
stays a time (aware, UTC) for the adapter to spell. REST mappings may render lists and tables."""


@dataclass(frozen=True, slots=True)
class CrmObject:
    """One kind of record in a CRM, such as HubSpot's ``contacts``."""

    name: str
    """The CRM's own word: ``contacts``, ``communications``, ``deals``."""
    kind: Literal["contact", "message", "deal", "ticket"]
    key: str | None = None
    """The field that carries our key, if the CRM has one for it."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a CRM record should hold, whole or, for an update, what of it has to change."""

    key: str
    fields: Mapping[str, FieldValue]
    crm_id: str | None = None
    linked_crm_ids: Mapping[str, str] = field(default_factory=dict)
    """The records this one is to be linked to, by role: ``contact``, ``deal``, ``ticket``."""
    contact_crm_id: str | None = None
    """The contact it belongs to, also where the link is there already."""
    body: bytes | None = None
    """What is to be sent, byte by byte, for an object of ``Limits.repeatable_for``."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """A question to a CRM's own store: which records this one may be.

    By ``key`` (ours), by ``phones``, or, for deals and tickets, the open ones of a contact. More
    than one may be given; a record that carries the key is the only hit.
    """

    key: str | None = None
    phones: tuple[str, ...] = ()
    """E.164 digits, the canonical spelling first."""
    country: str | None = None
    """ISO 3166 code: how a phone typed without its country code is read."""
    contact_crm_id: str | None = None
    """The contact the record belongs to: narrows a look-up of messages, defines one of deals."""
    since: datetime | None = None
    """Only records made at or after this can be meant."""


FieldType = Literal[
    "text", "html", "number", "bool", "date", "datetime", "option", "options", "json"
]


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """What a CRM's live schema says of one field."""

    name: str
    """As requests spell it."""
    label: str
    """As people see it."""
    type: FieldType = "text"
    writable: bool = True
    unique: bool = False
    options: tuple[str, ...] | None = None
    """The values the CRM takes, where it takes only some."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What an adapter can take at once, by ``CrmObject.name``. Sizes are numbers of records."""

    upsert: Mapping[str, int]
    """Records that one call of ``upsert`` takes; also what one ``begin`` covers."""
    find: int = 100
    """Look-ups that one call of ``find`` takes."""
    read: int = 100
    erase: int = 100
    repeatable: frozenset[str] = frozenset()
    """Objects for which repeating an upsert by key can not make a second record."""
    repeatable_for: Mapping[str, timedelta] = field(default_factory=dict)
    """Objects whose create may be repeated for so long after it was first sent, if the bytes are
    the same. The adapter has ``write_body``."""
    untraceable: frozenset[str] = frozenset()
    """Objects that ``find`` can not look up by our key: nothing resolves a create in doubt."""
    unsure: frozenset[str] = frozenset()
    """Objects for which ``find`` may miss a record that is there: not found proves nothing."""
    unread: frozenset[str] = frozenset()
    """Objects that ``read`` can not return: that one is missing says nothing of whether it is."""
    unlisted: frozenset[str] = frozenset()
    """Objects that ``list`` can not list."""
    replaced: frozenset[str] = frozenset()
    """Objects whose update replaces the whole record, so that it has to be given whole."""
    made_at: Mapping[str, str] = field(default_factory=dict)
    """The field that says when the CRM made a record, where it has one that nobody writes."""
    in_order: int = 0
    """Records of one contact that one ``upsert`` keeps in order, where it makes several requests
    side by side; 0: however many there are."""
    concurrency: int = 1
    """Calls of ``upsert`` that may run side by side; more than 1 only where ``upsert`` takes 1."""
    find_lag: float = 0.0
    """Seconds for which ``find`` may miss a record that was just written."""


@dataclass(frozen=True, slots=True)
class Account:
    """What the credentials turn out to be good for."""

    id: str
    name: str
    missing_scopes: tuple[str, ...] = ()
    budgets_left: Mapping[str, int] = field(default_factory=dict)
    """Calls or tokens left today, by budget."""
    api_version: str | None = None
    api_version_ends_at: datetime | None = None
    url: str | None = None
    """Where people see this account."""
    credential_ends_at: datetime | None = None
    """When the credentials end by themselves, if the CRM tells and nothing renews them."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing ``setup`` creates, or would."""

    what: str
    state: Literal["present", "wanted", "created", "refused", "absent"]
    """``absent`` is not there and nothing that could be created: ``detail`` says what it costs."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """One record met in a sweep."""

    crm_id: str
    key: str | None
    """Ours, or its last 16 characters where the CRM has a place for no more."""
    fields: Mapping[str, JsonScalar]
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a sweep; ``cursor`` is ``None`` on the last."""

    records: Sequence[Listed]
    cursor: str | None
