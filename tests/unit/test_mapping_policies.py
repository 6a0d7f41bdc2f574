"""What of a record is written when, what counts as a change, and what is refused."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connector.errors import RenderError
from connector.mapping.rendered import hash_content
from tests.unit.rendering import BARE, FULL, NOW, message_fields, render_with, text


def test_a_body_too_long_for_a_crm_is_cut(tmp_path: Path) -> None:
    fields = message_fields('html = "{{ message.html }}"', tmp_path, text("<" * 29_000))

    assert len(fields["html"]) <= 65_000
    assert fields["html"].endswith("&lt;…</p>")


def test_an_output_without_bounds_is_refused(tmp_path: Path) -> None:
    template = "{{ message.text }}" * 5

    with pytest.raises(RenderError) as caught:
        message_fields(f'a = "{template}"', tmp_path, text("secret " * 4000))

    assert caught.value.field == "a"


@pytest.mark.parametrize(
    "template",
    [
        "{{ contact.username + 'x' }}",
        "{{ message.text / 2 }}",
        "{{ 1 // 0 }}",
        "{{ message.text * 1000000 }}",
        "{{ message.text % 1 }}",
        "{{ message.text | date }}",
        "{{ message.sent_at | epoch('h') }}",
        "{{ -message.text }} x",
    ],
)
def test_a_template_that_fails_names_the_field_and_no_person(template: str, tmp_path: Path) -> None:
    with pytest.raises(RenderError) as caught:
        message_fields(f'a = "{template}"', tmp_path, text("segredo"), contact=BARE.contact)

    assert caught.value.field == "a"
    assert "message.fields.a" in str(caught.value)
    assert "segredo" not in str(caught.value)
    assert caught.value.__cause__ is None


POLICIES = """
[contact]
object = "c"
[message]
object = "m"
[contact.fields]
always = "{{ contact.display_name }}"
create = { value = "lead", write = "create" }
empty = { value = "{{ contact.phone.e164 }}", write = "if_empty", required = true }
"""


def test_write_policies_decide_what_an_update_holds(tmp_path: Path) -> None:
    made = render_with(POLICIES, tmp_path).contact(FULL.contact)

    everything = {"always": "Ana Souza", "create": "lead", "empty": "+5511987654321"}
    assert made.for_create() == everything
    assert made.for_update(None) == {"always": "Ana Souza"}
    assert made.for_update({}) == {"always": "Ana Souza", "empty": "+5511987654321"}
    assert made.for_update({"empty": ""}) == {"always": "Ana Souza", "empty": "+5511987654321"}
    assert made.for_update({"empty": None})["empty"] == "+5511987654321"
    assert made.for_update({"empty": "+5571"}) == {"always": "Ana Souza"}
    assert made.for_update({"empty": 0}) == {"always": "Ana Souza"}
    assert made.required == {"empty"}


def test_the_hash_covers_everything_but_create_only_fields(tmp_path: Path) -> None:
    one = render_with(POLICIES, tmp_path).contact(FULL.contact)
    create = render_with(POLICIES.replace("lead", "other"), tmp_path).contact(FULL.contact)
    phone = render_with(POLICIES, tmp_path).contact(replace(FULL.contact, phone="+5571"))

    assert re.fullmatch("[0-9a-f]{32}", one.content_hash)
    assert one.content_hash == create.content_hash
    assert one.content_hash != phone.content_hash


def test_the_hash_is_the_same_in_every_process_and_tells_types_apart() -> None:
    def hashed(value: Any) -> str:
        return hash_content({"a": value, "b": 1}, without=frozenset())

    assert hashed("x") == "ef801795c4aac48b1738ef676ae7d53b"
    values = [1, "1", 1.0, True, "true", None, [1], {"a": 1}, NOW, NOW.isoformat()]
    assert len({hashed(value) for value in values}) == len(values)
    assert hashed(NOW) == hashed(NOW.astimezone(ZoneInfo("Asia/Tokyo")))
    assert hash_content({"b": 1, "a": "x"}, without=frozenset({"c"})) == hashed("x")
