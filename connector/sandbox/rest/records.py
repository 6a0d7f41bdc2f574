"""What the CRM takes and keeps, and how it is found."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from connector.sandbox.rest.account import KINDS, Account
from connector.sandbox.rest.answers import refusal
from connector.sandbox.rest.store import Stored

Json = dict[str, Any]

PAGE: Final = 100
"""Records on a page, at most."""
_GIVEN: Final = frozenset({"id", "created_at", "updated_at"})
"""Fields that are the CRM's own; a write that names one is refused."""
_FILTERS: Final = frozenset({"phone", "external_ref", "contact_id", "updated_since"})
_PAGING: Final = frozenset({"page", "per_page"})
_SAME_END: Final = 8
"""Digits at a phone's end that a search compares: it finds too much."""


def show(record: Stored) -> Json:
    """Return a record as the API tells it."""
    links = {"contact_id": record.contact} if record.kind == "messages" else {}
    return {
        "id": record.id,
        "external_ref": record.ref,
        **links,
        **record.fields,
        "created_at": _spell(record.created),
        "updated_at": _spell(record.updated),
    }


def create(account: Account, kind: str, body: Any) -> Stored:
    """Add a record; refuse what is not one."""
    fields = _check(account, kind, body)
    if kind == "contacts" and not fields.get("name"):
        raise refusal(422, "REQUIRED", field="name")
    ref = fields.pop("external_ref", None)
    contact = _contact_of(account, kind, fields, required=True)
    if ref is not None and account.settings.unique_refs:
        there = account.store.live(kind, "ref = ?", (ref,), limit=1)
        if there:
            raise refusal(409, "EXISTS", existing_id=there[0].id)
    now = account.clock()
    number = account.store.take_id(kind)
    record = Stored(kind, number, ref, contact, _digits(fields), fields, now, now)
    account.store.save(record)
    return record


def change(account: Account, kind: str, number: int, body: Any, *, replace: bool = False) -> Stored:
    """Change what a body names of a record; with ``replace`` nothing else stays."""
    record = find(account, kind, number)
    fields = _check(account, kind, body)
    if "external_ref" in fields:
        record.ref = fields.pop("external_ref")
    contact = _contact_of(account, kind, fields, required=False)
    record.contact = record.contact if contact is None else contact
    record.fields = fields if replace else record.fields | fields
    record.digits = _digits(record.fields)
    record.updated = account.clock()
    account.store.save(record)
    return record


def put(account: Account, kind: str, ref: str, body: Any) -> tuple[Stored, bool]:
    """Make a record under a reference, or replace it; say whether it is new."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", ref):
        raise refusal(400, "BAD_REFERENCE")
    there = account.store.live(kind, "ref = ?", (ref,), limit=1)
    if not there:
        fields = {**body, "external_ref": ref} if isinstance(body, dict) else body
        return create(account, kind, fields), True
    return change(account, kind, there[0].id, body, replace=True), False


def delete(account: Account, kind: str, number: int) -> None:
    """Delete a record, and with a contact its messages."""
    record = find(account, kind, number)
    record.gone = True
    account.store.save(record)
    if kind == "contacts":
        for message in account.store.live("messages", "contact = ?", (record.id,)):
            message.gone = True
            account.store.save(message)


def merge(account: Account, removed: int, survivor: int) -> Stored:
    """Join two contacts; the id that is gone leads to the one that is left."""
    gone, left = find(account, "contacts", removed), find(account, "contacts", survivor)
    gone.gone, gone.moved_to = True, left.id
    account.store.save(gone)
    for message in account.store.live("messages", "contact = ?", (gone.id,)):
        message.contact = left.id
        account.store.save(message)
    left.fields = {**gone.fields, **left.fields}
    left.updated = account.clock()
    account.store.save(left)
    return left


def find(account: Account, kind: str, number: int) -> Stored:
    """Return a live record by its id, or by one that was merged away; refuse with 404."""
    record = account.store.load(kind, number)
    while record is not None and record.moved_to is not None:
        record = account.store.load(kind, record.moved_to)
    if record is None or record.gone:
        raise refusal(404, "NOT_FOUND")
    return record


def search(
    account: Account, kind: str, query: Mapping[str, str]
) -> tuple[list[Stored], int | None]:
    """Return a page of the records that fit every filter, and the number of the next page."""
    unknown = query.keys() - _FILTERS - _PAGING
    if unknown:
        raise refusal(400, "UNKNOWN_FILTER", field=min(unknown))
    where: list[str] = ["1"]
    values: list[Any] = []
    lag = account.settings.list_lag if query.keys() & {"external_ref", "contact_id"} else 0.0
    if phone := query.get("phone"):
        where.append("digits LIKE ?")
        values.append(f"%{re.sub(r'[^0-9]', '', phone)[-_SAME_END:]}")
        lag = max(lag, account.settings.index_lag)
    if ref := query.get("external_ref"):
        where.append("ref = ?")
        values.append(ref)
    if contact := query.get("contact_id"):
        where.append("contact = ?")
        values.append(_number(contact, "contact_id"))
    if since := query.get("updated_since"):
        where.append("updated >= ?")
        values.append(_moment(since))
    if lag:
        where.append("created <= ?")
        values.append(account.clock() - lag)
    size = min(_number(query.get("per_page", str(PAGE)), "per_page"), PAGE)
    page = _number(query.get("page", "1"), "page")
    found = account.store.live(kind, " AND ".join(where), values)
    part = found[(page - 1) * size : page * size]
    return part, page + 1 if len(found) > page * size else None


def require_kind(kind: str) -> str:
    """Return a kind of record that there is; refuse with 404."""
    if kind not in KINDS:
        raise refusal(404, "NO_SUCH_COLLECTION")
    return kind


def _check(account: Account, kind: str, body: Any) -> Json:
    if not isinstance(body, dict):
        raise refusal(400, "NOT_AN_OBJECT")
    for name, value in body.items():
        if name in _GIVEN:
            raise refusal(422, "READ_ONLY", field=name)
        if isinstance(value, str) and len(value) > account.settings.text_limit:
            raise refusal(422, "TOO_LONG", field=name)
    if kind == "contacts" and not isinstance(body.get("name", ""), str):
        raise refusal(422, "INVALID", field="name")
    if not isinstance(body.get("external_ref", ""), str):
        raise refusal(422, "INVALID", field="external_ref")
    return dict(body)


def _contact_of(account: Account, kind: str, fields: Json, *, required: bool) -> int | None:
    """Take the contact out of a message's fields; refuse one that is not there."""
    if kind != "messages":
        return None
    if "contact_id" not in fields:
        if required:
            raise refusal(422, "REQUIRED", field="contact_id")
        return None
    number = _number(str(fields.pop("contact_id")), "contact_id")
    contact = account.store.load("contacts", number)
    if contact is None or (contact.gone and contact.moved_to is None):
        raise refusal(404, "NO_SUCH_CONTACT", field="contact_id")
    return find(account, "contacts", number).id


def _digits(fields: Json) -> str | None:
    phone = fields.get("phone")
    return re.sub(r"[^0-9]", "", phone) if isinstance(phone, str) else None


def _number(text: str, field: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 0 < int(text) < 10**12:
        raise refusal(422, "INVALID", field=field)
    return int(text)


def _moment(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise refusal(400, "INVALID", field="updated_since") from None


def _spell(moment: float) -> str:
    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
