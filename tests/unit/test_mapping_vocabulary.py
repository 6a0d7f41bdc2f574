"""Every name that templates may use is there to be read, and is of the type it is said to be."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from operator import attrgetter
from zoneinfo import ZoneInfo

import pytest
from markupsafe import Markup

from connector.mapping.contact_view import ContactView
from connector.mapping.message_view import ConversationView, MessageView
from connector.mapping.preview import NUMBER, Sample, make_samples
from connector.mapping.setting import Setting
from connector.mapping.vocabulary import ALL, ROOTS, is_name_like
from connector.template.names import FILTERS, TESTS, ValueType
from connector.template.sandbox import Sandbox

FULL, BARE = make_samples()
TYPES: Mapping[ValueType, type | tuple[type, ...]] = {
    "text": str,
    "name": str,
    "digits": str,
    "html": Markup,
    "number": int,
    "bool": bool,
    "datetime": datetime,
    "labels": tuple,
}
NAMES = [(root, name, kind) for root, names in ALL.items() for name, kind in names.items()]


def views_of(sample: Sample) -> dict[str, object]:
    setting = Setting("pt-BR", ZoneInfo("UTC"))
    referral = {
        name.removeprefix("referral."): "x"
        for name in ALL["contact"]
        if name.startswith("referral")
    }
    contact = ContactView(
        replace(sample.contact, referral=referral if sample is FULL else {}),
        setting,
        crm_id="1",
        country=None,
    )
    content = {
        "text": "Oi",
        "caption": "Oi",
        "reply_to": "wamid.a",
        "media": {"filename": "a", "id": "1", "mime_type": "a", "sha256": "b", "url": "c"},
    }
    messages = [
        MessageView(
            replace(message, content=content if sample is FULL else {}, status="read"),
            setting,
            key="wm",
            contact=contact,
            number=NUMBER,
        )
        for message in sample.messages
    ]
    conversation = ConversationView(messages, setting, key="wm", conversation_id="1:V:2026-11-24")
    return {
        "contact": contact,
        "message": messages[0],
        "conversation": conversation,
        "number": NUMBER,
    }


@pytest.mark.parametrize(("root", "name", "kind"), NAMES)
def test_a_name_gives_its_type_or_nothing(root: str, name: str, kind: ValueType) -> None:
    full = attrgetter(name)(views_of(FULL)[root])
    bare = attrgetter(name)(views_of(BARE)[root])

    assert isinstance(full, TYPES[kind])
    assert bare is None or isinstance(bare, TYPES[kind])


def test_the_sandbox_has_the_filters_and_tests_of_the_vocabulary_and_nothing_else() -> None:
    sandbox = Sandbox(html=True, time_zone=ZoneInfo("UTC"))

    assert set(sandbox.filters) == set(FILTERS)
    assert set(sandbox.tests) == TESTS
    assert not sandbox.globals


def test_each_kind_of_template_starts_from_roots_that_exist() -> None:
    assert {root for roots in ROOTS.values() for root in roots} == set(ALL)


@pytest.mark.parametrize(
    ("paths", "name_like"),
    [
        ({"contact.display_name"}, True),
        ({"contact.display_name", "number.name"}, True),
        ({"message.media.filename"}, True),
        ({"contact.display_name", "message.text"}, False),
        ({"contact.phone.e164"}, False),
        (set(), False),
    ],
)
def test_a_value_is_a_name_if_it_holds_one_and_no_body(paths: set[str], *, name_like: bool) -> None:
    assert is_name_like(paths) is name_like
