"""``connector check --probe``: a record of each kind is written, found by our key, and deleted.

That shows what a schema can not: that the CRM keeps our key as it was written, that the marker in a
message's text survives what the CRM does to texts, and that records can be taken away again.
"""

import asyncio
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, cast

from connector.config.models import Config
from connector.crm.adapter import FixesBodies
from connector.deliver.destination import Destination
from connector.errors import ConfigError, CrmError, CrmInDoubtError, RenderError
from connector.model.contact import Contact
from connector.model.message import Message
from connector.model.number import Number
from connector.model.outcome import Outcome, Written
from connector.model.record import CrmObject, Lookup, Record
from connector.runtime.finding import Finding, State

_PATIENCE: Final = timedelta(seconds=10)
"""How long a record is looked for, beyond the time for which the CRM says it may miss one."""
_PAUSE: Final = 0.5
_EARLIER: Final = timedelta(minutes=5)
"""How much earlier than our own clock the CRM may say that a record was made."""


@dataclass(slots=True)
class _Trace:
    """One record that was written."""

    what: str
    """``contact``, ``message`` or ``conversation``."""
    obj: CrmObject
    crm_id: str


async def probe_destination(config: Config, destination: Destination) -> list[Finding]:
    """Write a contact and a message, look both up by our keys, and delete them again."""
    found: list[Finding] = []
    traces: list[_Trace] = []
    contact = _somebody()
    try:
        await destination.learn_schema()
        trace = await _probe_contact(destination, contact, found)
        if trace is not None:
            traces.append(trace)
            message = await _probe_message(config, destination, contact, trace.crm_id, found)
            traces += [] if message is None else [message]
    except (CrmError, ConfigError, RenderError) as error:
        remedy = error.remedy or f"connector check {destination.name}"
        found.append(_finding(destination, "", "fail", str(error), remedy))
        if isinstance(error, CrmInDoubtError):
            left = f"a record of {contact.profile_name} may be in the CRM"
            found.append(_finding(destination, "delete", "warn", left, "delete it by hand"))
    for trace in reversed(traces):
        found += await _take_away(destination, trace)
    return found


def _somebody() -> Contact:
    word = secrets.token_hex(4)
    now = datetime.now(UTC).replace(microsecond=0)
    return Contact(
        id=1,
        key=f"wc_{secrets.token_hex(13)}",
        first_seen_at=now,
        user_id=f"BR.CONNECTORPROBE{word}",
        profile_name=f"Connector Probe {word}",
        last_inbound_at=now,
    )


async def _probe_contact(
    destination: Destination, contact: Contact, found: list[Finding]
) -> _Trace | None:
    rendered = destination.renderer.contact(contact, crm_id=None, country=destination.country)
    record = Record(key=contact.key, fields=rendered.for_create())
    return await _probe(destination, "contact", destination.contact, record, found)


async def _probe_message(
    config: Config,
    destination: Destination,
    contact: Contact,
    contact_crm_id: str,
    found: list[Finding],
) -> _Trace | None:
    key = f"wm_{secrets.token_hex(13)}"
    number = _number(config, destination)
    message = _said(contact, number)
    if destination.record == "conversation":
        rendered = destination.renderer.conversation(
            [message], contact, key=key, contact_crm_id=contact_crm_id, number=number
        )
    else:
        rendered = destination.renderer.message(
            message, contact, key=key, contact_crm_id=contact_crm_id, number=number
        )
    record = Record(
        key=key,
        fields=rendered.for_create(),
        linked_crm_ids={"contact": contact_crm_id},
        contact_crm_id=contact_crm_id,
    )
    return await _probe(destination, destination.record, destination.message, record, found)


def _number(config: Config, destination: Destination) -> Number:
    taken = config.destinations[destination.name].numbers or tuple(destination.numbers)
    return destination.numbers[taken[0]]


def _said(contact: Contact, number: Number) -> Message:
    now = contact.first_seen_at
    return Message(
        id=1,
        wamid="wamid.connectorprobe",
        wamid_hash="probe",
        number=number.name,
        contact_id=contact.id,
        conversation=f"{contact.id}:{number.name}:{now.date()}",
        direction="in",
        kind="text",
        content={"text": "Connector probe: written by `connector check --probe`, and deleted"},
        sent_at=now,
    )


async def _probe(
    destination: Destination, what: str, obj: CrmObject, record: Record, found: list[Finding]
) -> _Trace | None:
    """Write a record and look it up; return it where it has to be taken away."""
    if obj.name in destination.limits.repeatable_for:
        adapter = cast("FixesBodies", destination.adapter)
        record = replace(record, body=adapter.write_body(obj, record))
    [outcome] = await destination.adapter.upsert(obj, [record])
    if not isinstance(outcome, Written):
        found.append(
            _finding(destination, what, "fail", f"could not be written: {_words(outcome)}", _FIELDS)
        )
        return None
    trace = _Trace(what, obj, outcome.crm_id)
    if obj.name in destination.limits.untraceable:
        detail = f"written as {trace.crm_id}; this CRM can not be asked for our key"
        found.append(_finding(destination, what, "ok", detail))
        return trace
    hits = await _look_up(destination, obj, record)
    if hits == (trace.crm_id,):
        detail = f"written as {trace.crm_id}, and found by our key"
        found.append(_finding(destination, what, "ok", detail))
    elif hits:
        detail = f"written as {trace.crm_id}, but our key is in {', '.join(hits)}"
        found.append(_finding(destination, what, "fail", detail, _KEY))
    else:
        detail = f"written as {trace.crm_id}, but not found by our key"
        state: State = "warn" if obj.name in destination.limits.unsure else "fail"
        found.append(_finding(destination, what, state, detail, _KEY))
    return trace


_FIELDS: Final = "mend the field in the mapping; try it with `connector mapping preview`"
_KEY: Final = (
    "see that the mapping's `key` is a field of its own which nothing in the CRM changes, and that "
    "the marker stands in a field that keeps its text"
)


async def _look_up(destination: Destination, obj: CrmObject, record: Record) -> tuple[str, ...]:
    lookup = Lookup(
        key=record.key,
        contact_crm_id=record.contact_crm_id,
        since=datetime.now(UTC) - _EARLIER,
    )
    patience = _PATIENCE + timedelta(seconds=destination.limits.find_lag)
    deadline = datetime.now(UTC) + patience
    while True:
        [hits] = await destination.adapter.find(obj, [lookup])
        if hits or datetime.now(UTC) >= deadline:
            return tuple(hits)
        await asyncio.sleep(_PAUSE)


async def _take_away(destination: Destination, trace: _Trace) -> list[Finding]:
    try:
        await destination.adapter.erase(trace.obj, [trace.crm_id])
    except (CrmError, ConfigError) as error:
        detail = f"the {trace.obj.name} record {trace.crm_id} could not be deleted: {error}"
        remedy = "delete it by hand, and give the token the right to delete"
        return [_finding(destination, f"{trace.what}.delete", "fail", detail, remedy)]
    return []


def _finding(
    destination: Destination, what: str, state: State, detail: str, remedy: str | None = None
) -> Finding:
    name = f"{destination.name}.probe{'.' if what else ''}{what}"
    return Finding(name, state, detail, remedy, destination.name)


def _words(outcome: Outcome) -> str:
    cause = getattr(outcome, "cause", None)
    field = getattr(outcome, "field", None)
    words = getattr(outcome, "detail", None) or (str(cause) if cause else "no words")
    return f"{field}: {words}" if field else str(words)
