"""``connector mapping preview``: what a mapping makes of sample people or of a real message.

Nothing is asked of a CRM: a field counts as one that shows HTML where its template gives HTML.
"""

import json
import tomllib
from collections.abc import Iterator, Sequence
from collections.abc import Mapping as ReadOnly
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from connector.config.models import Config, PrivacySettings, ScheduleSettings
from connector.config.paths import resolve_mapping_path, shipped_mappings
from connector.config.section import nearest_name
from connector.crm.registry import find_adapters
from connector.errors import ConfigError, ConnectorError, Problem
from connector.mapping.labels import Labels
from connector.mapping.load import load_mapping
from connector.mapping.models import Field, Mapping, templates_of
from connector.mapping.preview import NUMBER, Sample, make_samples, preview
from connector.mapping.render import Renderer
from connector.mapping.rendered import Rendered
from connector.model.contact import Contact
from connector.model.events import MessageEvent, StatusEvent
from connector.model.identity import Identity, canonical_phone
from connector.model.message import Message, advances
from connector.model.number import Number
from connector.model.record import FieldInfo
from connector.record.parse import parse
from connector.runtime.times import rfc3339
from connector.runtime.wiring import our_numbers, read_labels

_GIVES_HTML: Final = frozenset({"message.html", "conversation.transcript_html"})


@dataclass(frozen=True, slots=True)
class Setting:
    """What a preview takes from the configuration, or its defaults."""

    language: str = "pt-BR"
    time_zone: ZoneInfo = field(default_factory=lambda: ScheduleSettings().timezone)
    mask: tuple[str, ...] = PrivacySettings().mask
    labels: Labels | None = None
    numbers: ReadOnly[str, Number] | None = None
    """Our numbers by WhatsApp's phone_number_id."""

    @classmethod
    def of(cls, config: Config) -> "Setting":
        """Take what counts from a configuration."""
        named = our_numbers(config)
        return cls(
            language=config.whatsapp.language,
            time_zone=config.schedule.timezone,
            mask=config.privacy.mask,
            labels=read_labels(config),
            numbers={each.phone_number_id: named[each.name] for each in config.whatsapp.numbers},
        )


def preview_mapping(
    reference: str,
    *,
    folder: Path,
    adapter: str | None = None,
    event: bytes | None = None,
    setting: Setting | None = None,
) -> dict[str, Any]:
    """Return what a mapping makes of the samples or, where given, of a webhook's messages.

    ``reference`` is a file, or the name of a shipped mapping. Raises ``ConfigError`` for a mapping
    that is wrong, ``RenderError`` for one that fails, ``ConnectorError`` for an event without a
    message.
    """
    setting = setting or Setting()
    kind = adapter or guess_adapter(reference, folder=folder)
    mapping = load_mapping(reference, folder=folder, adapter=kind)
    renderer = Renderer(
        mapping,
        contact_schema=assumed_schema(mapping.contact.fields),
        message_schema=assumed_schema(mapping.message.fields),
        language=setting.language,
        time_zone=setting.time_zone,
        mask=setting.mask,
        labels=setting.labels,
    )
    samples = make_samples() if event is None else tuple(_read_event(event))
    return {
        "mapping": mapping.file,
        "adapter": kind,
        "digest": mapping.digest,
        "granularity": mapping.message.granularity,
        "samples": [_render(renderer, each, mapping, setting) for each in samples],
    }


def guess_adapter(reference: str, *, folder: Path) -> str:
    """Return which adapter a mapping is for, by its name and what it extends."""
    known = set(find_adapters())
    names = [reference.removeprefix("mappings/").removesuffix(".toml")]
    path = resolve_mapping_path(reference, folder)
    if path is not None:
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError):
            data = {}  # loading it says what is wrong
        names += [str(data.get("extends", "")), path.stem]
        if "once" in (data.get("contact") or {}):
            names.append("rest")
    for name in names:
        first = name.split("/")[0]
        if first in known:
            return first
    if path is None:
        shipped = shipped_mappings()
        raise ConfigError(
            [
                Problem(
                    reference,
                    "",
                    "there is no such mapping",
                    expected=f"a file, or one that is shipped: {', '.join(shipped)}",
                    nearest=nearest_name(names[0], shipped),
                )
            ]
        )
    raise ConnectorError(
        f"nothing in {reference} tells which kind of CRM it is for",
        remedy=f"say so: --adapter {'|'.join(sorted(known))}",
    )


def assumed_schema(fields: ReadOnly[str, Field]) -> dict[str, FieldInfo]:
    """Return a schema for when the CRM's own is not known: HTML fields are where HTML is put."""
    return {
        name: FieldInfo(name=name, label=name, type="html")
        for name, field in fields.items()
        if any(template.paths & _GIVES_HTML for template in templates_of(field.value))
    }


def _render(
    renderer: Renderer, sample: Sample, mapping: Mapping, setting: Setting
) -> dict[str, Any]:
    numbers = setting.numbers or {}
    number = numbers.get(sample.messages[0].number, NUMBER)
    made = preview(renderer, sample.contact, sample.messages, number=number)
    return {
        "name": sample.name,
        "contact": {"object": mapping.contact.object, **_spell(made.contact)},
        "messages": [{"object": mapping.message.object, **_spell(each)} for each in made.messages],
    }


def _spell(rendered: Rendered) -> dict[str, Any]:
    return {
        "fields": {
            name: rfc3339(value) if isinstance(value, datetime) else value
            for name, value in rendered.fields.items()
        },
        "create_only": sorted(rendered.create_only & rendered.fields.keys()),
        "if_empty": sorted(rendered.if_empty & rendered.fields.keys()),
    }


def _read_event(body: bytes) -> Iterator[Sample]:
    """Yield the people of a webhook with their messages."""
    parsed = parse(body)
    if parsed.error is not None:
        parsed = parse(_wrap(body))
    messages = [event for event in parsed.events if isinstance(event, MessageEvent)]
    if not messages:
        kept = ", ".join(f"{kept.path} {kept.reason}" for kept in parsed.kept)
        raise ConnectorError(
            f"the event holds no message: {parsed.error or kept or 'only statuses'}",
            remedy="give a webhook's whole body, as Meta posts it",
        )
    statuses = [event for event in parsed.events if isinstance(event, StatusEvent)]
    by_person: dict[Identity, list[MessageEvent]] = {}
    for event in messages:
        by_person.setdefault(event.person, []).append(event)
    for place, (person, events) in enumerate(by_person.items(), start=1):
        contact = _contact(place, person, events)
        yield Sample(
            contact.profile_name or contact.phone or contact.user_id or "somebody",
            contact,
            tuple(
                _message(place * 1000 + row, contact, event, statuses)
                for row, event in enumerate(events)
            ),
        )


def _wrap(body: bytes) -> bytes:
    """Make a webhook of what stands in one: the ``value`` of a change."""
    try:
        value = json.loads(body)
    except ValueError:
        return body
    return json.dumps({"entry": [{"changes": [{"field": "messages", "value": value}]}]}).encode()


def _contact(id_: int, person: Identity, events: Sequence[MessageEvent]) -> Contact:
    inbound = [event.at for event in events if event.direction == "in"]
    outbound = [event.at for event in events if event.direction == "out"]
    referrals = [event.content["referral"] for event in events if "referral" in event.content]
    return Contact(
        id=id_,
        key=f"wc_{'preview':a<23}{id_:03}",
        first_seen_at=min(event.at for event in events),
        phone=None if person.wa_id is None else canonical_phone(person.wa_id),
        wa_id=person.wa_id,
        user_id=person.user_id,
        username=person.username,
        profile_name=person.profile_name,
        last_inbound_at=max(inbound, default=None),
        last_outbound_at=max(outbound, default=None),
        referral=referrals[0] if referrals else {},
    )


def _message(
    id_: int, contact: Contact, event: MessageEvent, statuses: Sequence[StatusEvent]
) -> Message:
    status = None
    for each in statuses:
        if each.about == event.wamid and advances(each.status, over=status):
            status = each.status
    number = event.phone_number_id or NUMBER.name
    return Message(
        id=id_,
        wamid=event.wamid,
        wamid_hash=str(id_),
        number=number,
        contact_id=contact.id,
        conversation=f"{contact.key}:{number}:{event.at.date()}",
        direction=event.direction,
        kind=event.kind,
        content=event.content,
        sent_at=event.at,
        status=status,
    )
