"""What people write arrives in a CRM as the words it is: no tag, no template, no formula."""

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from connector.mapping.load import load_mapping
from connector.mapping.preview import make_samples, preview
from connector.mapping.render import Renderer
from connector.model.record import FieldInfo
from connector.template.clean import clean_name, clean_text
from tests.security.attacks import ATTACKS

FULL, _ = make_samples()
HTML_FIELDS: Final = {
    "hubspot": {"hs_communication_body": FieldInfo("hs_communication_body", "", "html")},
    "pipedrive": {"note": FieldInfo("note", "", "html")},
}
OURS: Final = re.compile(r"</?(?:p|b|i|br)>")
"""The tags that we write."""
FORMULA: Final = re.compile(r"[\s\u200b-\u200f\u2060\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]")
CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
KINDS: Final = (
    ("text", lambda words: {"text": words}),
    ("image", lambda words: {"media": {"filename": words}, "caption": words}),
    ("document", lambda words: {"media": {"filename": words}, "caption": words}),
    ("location", lambda words: {"location": {"name": words, "address": words, "url": words}}),
    ("contacts", lambda words: {"contacts": [{"name": words, "org": words, "phones": [words]}]}),
    ("interactive", lambda words: {"reply": {"title": words, "description": words}}),
    ("order", lambda words: {"order": {"text": words, "items": [{"currency": words}]}}),
    ("reaction", lambda words: {"reaction": {"emoji": words}}),
    ("system", lambda words: {"system": {"body": words}}),
    ("a kind of tomorrow", lambda words: {"text": words, "referral": {"headline": words}}),
)
"""Each place of a message in which a stranger's words can stand."""


def renderer(adapter: str, folder: Path) -> Renderer:
    return Renderer(
        load_mapping(None, folder=folder, adapter=adapter),
        contact_schema={},
        message_schema=HTML_FIELDS[adapter],
        language="pt-BR",
        time_zone=ZoneInfo("America/Sao_Paulo"),
    )


def bodies(adapter: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield each HTML body that the shipped mapping makes of each attack in each place."""
    at = renderer(adapter, folder)
    (field,) = HTML_FIELDS[adapter]
    for words in ATTACKS:
        contact = replace(FULL.contact, profile_name=words, username=words)
        messages = tuple(
            replace(FULL.messages[0], kind=kind, content=content(words)) for kind, content in KINDS
        )
        made = preview(at, contact, messages)
        for record in made.messages:
            if field in record.fields:
                yield words, str(record.fields[field])


@pytest.mark.parametrize("adapter", ["hubspot", "pipedrive"])
def test_a_body_holds_no_tag_but_ours_and_no_hidden_mark(adapter: str, tmp_path: Path) -> None:
    count = 0
    for words, body in bodies(adapter, tmp_path):
        rest = OURS.sub("", body)
        assert "<" not in rest, words
        assert ">" not in rest, words
        assert not CONTROL.search(body), words
        shown = unescape(OURS.sub("", body.replace("<br>", "\n")))
        assert clean_text(words).strip()[:20] in shown, words
        count += 1

    assert len(ATTACKS) >= 200
    assert count >= len(ATTACKS)


@pytest.mark.parametrize("adapter", ["hubspot", "pipedrive"])
def test_a_name_is_no_formula_in_any_field_of_a_contact(adapter: str, tmp_path: Path) -> None:
    at = renderer(adapter, tmp_path)
    for words in ATTACKS:
        contact = replace(FULL.contact, profile_name=words, username=words)
        fields: dict[str, Any] = dict(preview(at, contact, FULL.messages).contact.fields)
        for name, value in fields.items():
            if name not in {"phone", "phones"} and isinstance(value, str):
                assert not FORMULA.match(value), (name, value)
                assert not CONTROL.search(value), (name, value)
                assert "\n" not in value, (name, value)


def test_no_attack_is_longer_or_lost_as_a_name() -> None:
    for words in ATTACKS:
        assert len(clean_name(words)) <= len(words)
        assert clean_name(clean_name(words)) == clean_name(words)
