"""Traffic in bulk for benches and crash tests: inbound texts, every one of its own."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from connector.sandbox.conversations import NUMBERS
from connector.sandbox.envelopes import (
    BusinessNumber,
    Json,
    Person,
    Said,
    make_text,
    make_wamid,
    make_webhook,
    messages_change,
    write_message,
)
from connector.sandbox.traffic import ExpectedContact, ExpectedMessage, Traffic

_FIRST: Final = ("Aline", "Bruno", "Carla", "Davi", "Elisa", "Fábio", "Gabriela", "Hugo", "Íris")
_LAST: Final = ("Araújo", "Barbosa", "Cardoso", "Duarte", "Esteves", "Farias", "Gonçalves")
_AREAS: Final = ("11", "21", "31", "71", "85")
_WORDS: Final = ("pedido", "entrega", "amanhã", "obrigado", "vaso", "caneca", "forno", "boleto")


def burst(
    n_contacts: int,
    n_messages: int,
    *,
    base: datetime,
    seed: int = 0,
    per_webhook: int = 1,
    numbers: Sequence[BusinessNumber] = NUMBERS[:1],
) -> Traffic:
    """Return texts of ``n_contacts`` people, taking turns; ``per_webhook`` of them in each body.

    Every fourth person's WhatsApp id lacks the ninth digit. All times of one person differ: the
    first is ``base``, each further one a second later. Every text holds its own number.
    """
    chance = random.Random(seed)  # noqa: S311 - sample words, no secret
    people = [_person(place, seed) for place in range(n_contacts)]
    told: list[list[ExpectedMessage]] = [[] for _ in people]
    waiting: dict[str, list[tuple[Person, Json]]] = {each.name: [] for each in numbers}
    webhooks: list[bytes] = []
    start = base.replace(microsecond=0)
    for serial in range(n_messages):
        place = serial % n_contacts
        person, _ = people[place]
        number = numbers[place % len(numbers)]
        words = " ".join(chance.choices(_WORDS, k=8))
        text = f"[{seed}.{serial:06d}] {words}"
        sent_at = start + timedelta(seconds=serial // n_contacts)
        wamid = make_wamid(person, seed * 10_000_000 + serial)
        body = write_message(person, Said(wamid, sent_at, "text", make_text(text)))
        told[place].append(ExpectedMessage(wamid, number.name, "in", "text", text, sent_at))
        batch = waiting[number.name]
        batch.append((person, body))
        if len(batch) == per_webhook:
            webhooks.append(_webhook(number, batch))
            batch.clear()
    rest = [(number, waiting[number.name]) for number in numbers if waiting[number.name]]
    webhooks += [_webhook(number, batch) for number, batch in rest]
    expected = tuple(
        ExpectedContact(
            person.name or "", phone, person.wa_id, person.user_id, None, tuple(messages)
        )
        for (person, phone), messages in zip(people, told, strict=True)
        if messages
    )
    return Traffic(webhooks, expected, tuple(numbers))


def _person(place: int, seed: int) -> tuple[Person, str]:
    """Return a person and their phone in E.164."""
    area = _AREAS[place % len(_AREAS)]
    local = f"{70_000_000 + (seed % 100) * 100_000 + place:08d}"
    phone = f"55{area}9{local}"
    wa_id = f"55{area}{local}" if place % 4 == 3 else phone
    first, last = _FIRST[place % len(_FIRST)], _LAST[place % len(_LAST)]
    user_id = f"BR.{seed % 100:02d}{place:012d}"
    return Person(f"{first} {last} {place}", wa_id, user_id), f"+{phone}"


def _webhook(number: BusinessNumber, batch: Sequence[tuple[Person, Json]]) -> bytes:
    people = list(dict.fromkeys(person for person, _ in batch))
    return make_webhook(number, messages_change(number, people, [body for _, body in batch]))
