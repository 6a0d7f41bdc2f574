"""What a person is called in a record, and how phones are written."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.mapping import contact_view
from connector.mapping.preview import NUMBER
from tests.unit.rendering import BARE, FULL, contact_fields, message_fields, text


def test_a_person_without_phone_and_name_still_has_a_name(tmp_path: Path) -> None:
    assert contact_fields(
        'n = "{{ contact.display_name }}"\np = "{{ contact.phone.e164 }}"\n'
        'd = "{{ contact.phone.digits }}"\nc = "{{ contact.country }}"\n'
        'f = "{{ contact.first_name }}"',
        tmp_path,
        BARE.contact,
    ) == {"n": "Usuário do WhatsApp MX·1918", "c": "MX"}


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "Ana Souza"),
        ({"profile_name": None}, "@ana.souza"),
        ({"profile_name": " \u202e\n "}, "@ana.souza"),
        ({"profile_name": None, "username": None}, "+55 11 98765-4321"),
        ({"profile_name": None, "username": None, "phone": None}, "Usuário do WhatsApp BR·5843"),
        (
            {"profile_name": None, "username": None, "phone": None, "user_id": None},
            "Usuário do WhatsApp BR·4321",
        ),
        (
            {
                "profile_name": None,
                "username": None,
                "phone": None,
                "user_id": None,
                "wa_id": None,
            },
            "Usuário do WhatsApp",
        ),
    ],
)
def test_the_display_name_falls_back(changes: dict[str, Any], name: str, tmp_path: Path) -> None:
    contact = replace(FULL.contact, **changes)

    fields = message_fields('html = "{{ contact.display_name }}"', tmp_path, contact=contact)

    assert fields == {"html": name}


@pytest.mark.parametrize(
    ("profile_name", "first", "last"),
    [
        ("Ana Maria da Silva", "Ana", "Maria da Silva"),
        ("🌸 Ana 🌸", "Ana", None),
        ("Ana", "Ana", None),
        ("🌸", None, None),
        ("Ana\n=cmd", "Ana", "cmd"),
        ("CPF 390.533.447-05", "CPF", "[CPF]"),
    ],
)
def test_a_profile_name_is_split_at_its_words(
    profile_name: str, first: str | None, last: str | None, tmp_path: Path
) -> None:
    fields = contact_fields(
        'f = "{{ contact.first_name }}"\nl = "{{ contact.last_name }}"',
        tmp_path,
        replace(FULL.contact, profile_name=profile_name),
    )

    assert (fields.get("f"), fields.get("l")) == (first, last)


@pytest.mark.parametrize(
    ("phone", "national", "country"),
    [
        ("+5511987654321", "11987654321", "BR"),
        ("+525512345678", "5512345678", "MX"),
        ("+14165550123", "4165550123", "CA"),
        ("+999123456789", "999123456789", None),
    ],
)
def test_a_phone_has_the_forms_crms_want(
    phone: str, national: str, country: str | None, tmp_path: Path
) -> None:
    contact = replace(FULL.contact, phone=phone, user_id=None)

    fields = message_fields(
        'a = "{{ contact.phone.e164 }}"\nb = "{{ contact.phone.national }}"\n'
        'c = "{{ contact.phone.digits }}"\nd = "{{ contact.country }}"',
        tmp_path,
        contact=contact,
        number=replace(NUMBER, country=None),
    )

    assert fields.get("d") == country
    assert (fields["a"], fields["b"], fields["c"]) == (phone, national, phone[1:])


def test_numbering_plans_are_asked_only_by_who_needs_them(tmp_path: Path) -> None:
    contact = replace(FULL.contact, phone="+5571999990000")
    before = contact_view._take_apart.cache_info()

    contact_fields(
        'a = "{{ contact.phone.e164 }}"\nb = "{{ contact.phone.digits }}"', tmp_path, contact
    )
    message_fields('html = "{{ message.html }}"', tmp_path, contact=contact)

    assert contact_view._take_apart.cache_info() == before
    contact_fields('a = "{{ contact.phone.national }}"', tmp_path, contact)
    assert contact_view._take_apart.cache_info().misses == before.misses + 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("{{ contact.display_name }}", "cmd|calc"),
        ("{{ contact.first_name or contact.display_name }}", "cmd|calc"),
        ("{{ contact.username }}", "SUM(A1)"),
        ("{{ contact.username }} (WhatsApp)", "SUM(A1) (WhatsApp)"),
        ("{{ contact.phone.e164 }}", "+5511987654321"),
        ("{{ contact.display_name }}: {{ message.text }}", "=cmd|calc: =1+1"),
        ("{{ message.text }}", "=1+1"),
        ("{{ message.media.filename }}", "cmd.pdf"),
    ],
)
def test_a_name_is_no_formula_and_a_body_is_left_alone(
    field: str, value: str, tmp_path: Path
) -> None:
    contact = replace(FULL.contact, profile_name="=cmd|calc", username="@SUM(A1)")
    message = text("=1+1")
    message = replace(message, content={**message.content, "media": {"filename": "=cmd.pdf"}})

    fields = message_fields(
        f'a = "{field}"', tmp_path, message, contact=replace(contact, username="SUM(A1)")
    )

    assert fields["a"] == value


def test_a_username_may_come_with_or_without_its_sign(tmp_path: Path) -> None:
    contact = replace(FULL.contact, username="@ana")

    assert contact_fields('a = "{{ contact.username }}"', tmp_path, contact) == {"a": "ana"}


def test_names_are_cut_and_bodies_are_not(tmp_path: Path) -> None:
    fields = message_fields(
        'n = "{{ contact.display_name }}"\nb = "{{ message.text }}"',
        tmp_path,
        text("x" * 3000),
        contact=replace(FULL.contact, profile_name="n" * 3000),
    )

    assert (len(fields["n"]), len(fields["b"])) == (200, 3000)
