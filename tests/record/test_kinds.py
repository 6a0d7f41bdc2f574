"""Every kind of element WhatsApp sends: once, under the right person, saying the right thing.

Each kind of ``kinds.toml`` is sent with all of a person's ids, with the phone alone and with the
user id alone; one by one, in one body, shuffled and delivered twice, and with unknown fields added.
"""

import json
import random
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from connector.ledger import schema
from connector.ledger.audit import Scope, audit
from connector.ledger.notices import current_notices
from connector.mapping.text import message_text
from tests.record.kinds_table import FORMS, PROPERTY, WAYS, Row, kinds_table

KINDS: list[dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("kinds.toml").read_text(encoding="utf-8")
)["kind"]
NOON = 1_795_532_400


def test_there_are_at_least_125_kinds() -> None:
    assert len({kind["name"] for kind in KINDS}) == len(KINDS) >= 125


@dataclass
class Sent:
    """One kind with a person of its own."""

    kind: dict[str, Any]
    number: int
    variant: str
    bodies: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.phone = f"55119{80_000_000 + self.number}"
        self.user_id = f"BR.{10**10 + self.number}"
        self.wamid, self.target = f"wamid.W{self.number}", f"wamid.T{self.number}"
        self.at = NOON + self.number
        if "target" in self.kind:
            self.bodies.append(self._target())
        self.bodies.append(self._body())

    def fill(self, text: str) -> str:
        for token, value in {
            "$W": self.wamid,
            "$T": self.target,
            "$P2": f"55119{70_000_000 + self.number}",
            "$U2": f"BR.{20**10 + self.number}",
            "$P": self.phone,
            "$U": self.user_id,
            "$AT": str(self.at),
        }.items():
            text = text.replace(token, value)
        return text

    @property
    def ids(self) -> set[str]:
        shown = {"both": {self.phone, self.user_id}, "phone": {self.phone}}
        known = shown.get(self.variant, {self.user_id})
        if "shows" in self.kind:
            known = {self.fill(token) for token in self.kind["shows"]}
        return known | {self.fill(token) for token in self.kind.get("joins", [])}

    def _target(self) -> dict[str, Any]:
        text = {"id": self.target, "timestamp": str(self.at - 60), "type": "text"}
        if self.kind["target"] == "in":
            message = text | self._who("from") | {"text": {"body": "Mensagem original"}}
            return self._wrap("messages", {"contacts": [self._card()], "messages": [message]})
        echo = text | self._who("to") | {"text": {"body": "Nossa mensagem"}}
        return self._wrap("smb_message_echoes", {"message_echoes": [echo]})

    def _body(self) -> dict[str, Any]:
        kind = self.kind
        if "value" in kind:
            value = self._shown(json.loads(self.fill(kind["value"])))
            return self._wrap(kind["field"], value)
        array = kind.get("array", "messages")
        element = json.loads(self.fill(kind["element"]))
        if isinstance(element, dict):
            for name, value in self._defaults(array).items():
                element.setdefault(name, value)
        value = {"contacts": [self._card()], array: [element]}
        return self._wrap(kind.get("field", "messages"), value)

    def _defaults(self, array: str) -> dict[str, Any]:
        common = {"id": self.wamid, "timestamp": str(self.at)}
        match array:
            case "messages":
                return common | self._who("from")
            case "message_echoes":
                return common | self._who("to")
            case "statuses":
                recipient = self._who("recipient")
                phone = recipient.pop("recipient", None)
                shown = {"recipient_id": phone} if phone else {}
                return common | {"id": self.target} | recipient | shown
            case _:
                return {}

    def _who(self, name: str) -> dict[str, str]:
        ids = {name: self.phone, f"{name}_user_id": self.user_id}
        return self._shown(ids)

    def _card(self) -> dict[str, Any]:
        card = {"wa_id": self.phone, "user_id": self.user_id}
        return self._shown(card) | {"profile": {"name": f"Pessoa {self.number}"}}

    def _shown(self, part: Any) -> Any:
        """Take out what this variant does not show."""
        hidden = {"phone": self.user_id, "user id": self.phone}.get(self.variant)
        if isinstance(part, dict):
            return {k: self._shown(v) for k, v in part.items() if hidden is None or v != hidden}
        if isinstance(part, list):
            return [self._shown(each) for each in part]
        return part

    def _wrap(self, field_: str, value: dict[str, Any]) -> dict[str, Any]:
        bare = {"account_update", "messaging_handovers"}
        metadata = {
            "display_phone_number": "551133334444",
            "phone_number_id": "106540352242922",
        }
        shared = {} if field_ in bare else {"messaging_product": "whatsapp", "metadata": metadata}
        change = {"field": field_, "value": shared | value}
        entry = {"id": "102290129340398", "time": self.at, "changes": [change]}
        return {"object": "whatsapp_business_account", "entry": [entry]}


def send_kinds(variant: str) -> list[Sent]:
    kinds = [kind for kind in KINDS if variant == "both" or kind.get("phone", True)]
    return [Sent(kind, number, variant) for number, kind in enumerate(kinds)]


def merged(bodies: list[dict[str, Any]]) -> dict[str, Any]:
    entries = [entry for body in bodies for entry in body["entry"]]
    return {"object": "whatsapp_business_account", "entry": entries}


def one_by_one(bodies: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield from bodies


def in_one_body(bodies: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield merged(bodies)


def shuffled_and_twice(bodies: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    chance = random.Random(7)  # noqa: S311 - the same shuffle each time
    twice = bodies * 2
    chance.shuffle(twice)
    while twice:
        size = chance.randint(1, 20)
        part, twice = twice[:size], twice[size:]
        yield merged(part) | {"delivery": len(twice)}


def with_unknown_fields(bodies: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for start in range(0, len(bodies), 25):
        noisy = json.loads(json.dumps(merged(bodies[start : start + 25])))
        values = [change["value"] for entry in noisy["entry"] for change in entry["changes"]]
        arrays = [part for value in values for part in value.values() if isinstance(part, list)]
        elements = [each for array in arrays for each in array if isinstance(each, dict)]
        changes = [change for entry in noisy["entry"] for change in entry["changes"]]
        for part in (noisy, *noisy["entry"], *changes, *values, *elements):
            part.update({"zz_new": {"a": [1, None, {"b": "c"}]}, "zz_flag": True})
        yield noisy


@pytest.mark.parametrize("variant", FORMS)
@pytest.mark.parametrize(
    "deliver", [one_by_one, in_one_body, shuffled_and_twice, with_unknown_fields]
)
def test_every_kind_ends_once_under_the_right_person(
    book: Any, deliver: Any, variant: str, record_property: Callable[[str, Row], None]
) -> None:
    sent = send_kinds(variant)

    book.take(*deliver([body for each in sent for body in each.bodies]))

    messages = {row.wamid: row for row in book.messages if row.kind != "unseen"}
    people = {row.value: row.contact_id for row in book.rows(schema.alias)}
    found = {each.kind["name"]: list(check(each, messages, people)) for each in sent}
    said = {each.kind["name"]: shown(each, messages) for each in sent}
    kinds = {name: (not problems, said[name]) for name, problems in found.items()}
    record_property(PROPERTY, (deliver.__name__, variant, kinds))
    assert {name: problems for name, problems in found.items() if problems} == {}
    expected = [each.wamid for each in sent if "says" in each.kind] + [
        each.target for each in sent if "target" in each.kind
    ]
    assert sorted(messages) == sorted(expected)
    assert len(book.deliveries("message")) == len(messages)
    balance = book.ledger.query(audit, {"hubspot": Scope(numbers=None, record="message")})
    assert (balance["difference"], balance["received"]) == (0, len(messages))
    assert sum(kept_counts(sent).values()) > 0
    if deliver is not shuffled_and_twice:
        kept = {reason: count for reason, count in balance["kept_raw"].items() if count}
        assert kept == kept_counts(sent)


def check(each: Sent, messages: Any, people: Any) -> Iterator[str]:
    """Say what is wrong with what became of one kind."""
    if "says" in each.kind:
        yield from check_own(each, messages.get(each.wamid), people)
    elif each.kind.get("joins") and len({people.get(name) for name in each.ids}) != 1:
        yield "several contacts"
    if "target" in each.kind:
        yield from check_target(each, messages.get(each.target))


def check_own(each: Sent, row: Any, people: Any) -> Iterator[str]:
    if row is None:
        yield "no message"
        return
    if reading(row) != each.fill(each.kind["says"]):
        yield f"says {reading(row)!r}"
    if row.direction != each.kind.get("direction", "in"):
        yield f"direction {row.direction}"
    if not each.ids <= people.keys():
        yield f"unknown ids {each.ids - people.keys()}"
    elif {people[name] for name in each.ids} != {row.contact_id}:
        yield "several contacts, or somebody else's message"


def check_target(each: Sent, row: Any) -> Iterator[str]:
    if row is None:
        yield "no earlier message"
        return
    if "target_says" in each.kind and reading(row) != each.kind["target_says"]:
        yield f"the earlier message says {reading(row)!r}"
    if row.status != each.kind.get("status"):
        yield f"status {row.status}"


def reading(row: Any) -> str:
    content = dict(row.content)
    if row.status == "failed":
        content.pop("failure", None)
    return message_text(row.kind, content, language="pt-BR")


def shown(each: Sent, messages: Any) -> str:
    """Return what became of a kind: the words on a timeline, else why there are none."""
    row = messages.get(each.wamid) or messages.get(each.target)
    return reading(row) if row is not None else f"({each.kind.get('kept', 'no message')})"


def kept_counts(sent: list[Sent]) -> Counter[str]:
    return Counter(each.kind["kept"] for each in sent if "kept" in each.kind)


def test_what_whatsapp_says_of_our_accounts_is_stored_once_with_its_level(book: Any) -> None:
    sent = send_kinds("both")
    for _ in range(2):
        book.take(in_one_body_of(sent))
    book.take(*(body for each in sent for body in each.bodies))

    notices = book.ledger.query(current_notices)

    found = {(notice.field, notice.subject, notice.word): notice.level for notice in notices}
    assert found["message_template_status_update", "promo/pt_BR", "PAUSED"] == "warning"
    assert found["message_template_quality_update", "promo/pt_BR", "RED"] == "warning"
    assert found["account_review_update", "102290129340398", "APPROVED"] == "info"
    assert found["messages", "551133334444", "error_131000"] == "warning"
    assert found["history", "551133334444", "declined_2593109"] == "warning"
    assert found["account_update", "102290129340398", "PARTNER_ADDED"] == "info"
    told = [row for row in book.rows(schema.run) if row.job.startswith("whatsapp/account_update/")]
    words = {row.cursor["word"]: row.cursor["level"] for row in told}
    assert words["DISABLED_UPDATE"] == words["ACCOUNT_RESTRICTION"] == "danger"
    assert len(told) == 4


def in_one_body_of(sent: list[Sent]) -> dict[str, Any]:
    return merged([body for each in sent for body in each.bodies])


def test_the_table_of_kinds_tells_what_went_wrong_in_which_form_and_way() -> None:
    one, *_, last = WAYS
    rows: list[Row] = [
        (one, "phone", {"text": (True, "Oi"), "system": (True, "(unknown)")}),
        (one, "phone", {"text": (False, "Oi"), "system": (True, "(unknown)")}),
        (last, "both", {"text": (True, "Oi")}),
    ]

    _, _, text, system, total = kinds_table(rows)

    assert text.split() == ["text", "X...", "....", "...+", "Oi"]
    assert system.split() == ["system", "+...", "....", "....", "(unknown)"]
    assert total == "2 kinds, 1 right in all that was sent"
    assert kinds_table([]) == []
