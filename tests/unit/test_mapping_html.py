"""What people write is text in a field of HTML, and only the admin's own tags are tags."""

import re
from dataclasses import replace
from functools import cache
from html import unescape
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.mapping.models import ContactMapping, Field, Mapping, MessageMapping
from connector.mapping.preview import NUMBER
from connector.mapping.render import Renderer
from connector.mapping.vocabulary import VOCABULARIES
from connector.template.reading import read_template
from tests.unit.rendering import FULL, HTML, MASK, message_fields, text

VERBATIM = "{{7*7}} ${x} {0.__class__} %s {% include 'x' %} #{1} <%= 1 %>"


def test_data_is_never_read_as_a_template(tmp_path: Path) -> None:
    fields = message_fields(
        'a = "{{ message.text }}"\nb = "{{ contact.display_name }}: {{ message.text }}"\n'
        'html = "{{ message.html }}"',
        tmp_path,
        text(VERBATIM),
        contact=replace(FULL.contact, profile_name=VERBATIM),
    )

    assert fields["a"] == VERBATIM
    assert fields["b"] == f"{VERBATIM}: {VERBATIM}"
    assert VERBATIM in unescape(fields["html"])


PERILOUS = st.text(alphabet=st.one_of(st.characters(), st.sampled_from("<>&\"'\n\r/ab")))


@cache
def renderer_of_html(template: str) -> Renderer:
    read, faults = read_template(template, VOCABULARIES["message"])
    assert not faults
    mapping = Mapping(
        file="mine.toml",
        digest="",
        contact=ContactMapping("c"),
        message=MessageMapping("m", fields={"html": Field(read)}),
    )
    return Renderer(
        mapping,
        contact_schema={},
        message_schema=HTML,
        language="pt-BR",
        time_zone=ZoneInfo("UTC"),
        mask=MASK,
    )


@pytest.mark.parametrize(
    "template",
    [
        "{{ message.text }}",
        "<i>{{ message.text }}</i>",
        "{{ message.html }}",
        "<i>{{ message.html }}</i> {{ contact.display_name }}",
        "{{ message.html | truncate(20) }}",
        "{{ message.html | default('x') }}",
        "{{ message.html ~ message.text }}",
        "{{ message.text ~ message.html }}",
        "{{ message.text + message.html }}",
        "{{ message.html + message.text }}",
        "{{ message.text | escape }}",
        "{{ message.text | json }}",
        "{{ message.media.filename }}{{ message.media.caption }}",
        "{% if message.text %}{{ message.text }}{% endif %}",
        "{{ message.text if message.text else message.html }}",
    ],
)
@given(words=PERILOUS, name=PERILOUS)
def test_html_holds_no_tag_but_ours(template: str, words: str, name: str) -> None:
    content = {"text": words, "caption": words, "media": {"filename": words}}

    fields = (
        renderer_of_html(template)
        .message(
            replace(FULL.messages[0], content=content),
            replace(FULL.contact, profile_name=name),
            key="wm_1",
            contact_crm_id=None,
            number=NUMBER,
        )
        .fields
    )

    html = str(fields.get("html", ""))
    rest = re.sub(r"</?(?:p|b|i|br)>", "", html)
    assert "<" not in rest
    assert ">" not in rest
    assert '"' not in rest
    assert "\n" not in html


ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    '"><iframe src="javascript:alert(1)">',
    "<a href='javascript:alert(1)'>x</a>",
    "</p></b><h1>x",
    "<!--",
    "<![CDATA[",
    "<b",
    "&lt;script&gt;",
    "&#60;script&#62;",
    "＜script＞",  # noqa: RUF001 - a look-alike
    "<\x00script>",
    "<scr\u202eipt>",
    "{{ '<b>' }}",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_arrives_as_the_text_it_is(attack: str, tmp_path: Path) -> None:
    fields = message_fields('html = "{{ message.html }}"', tmp_path, text(attack))

    visible = attack.replace("\x00", "").replace("\u202e", "")
    assert unescape(fields["html"].removeprefix("<p><b>Ana Souza</b>: ").removesuffix("</p>")) == (
        visible
    )


def test_html_of_the_admin_stays_html(tmp_path: Path) -> None:
    fields = message_fields(
        'html = "<i>{{ contact.display_name }}</i>"', tmp_path, contact=FULL.contact
    )

    assert fields["html"] == "<i>Ana Souza</i>"


def test_text_fields_are_not_escaped(tmp_path: Path) -> None:
    fields = message_fields(
        'a = "{{ message.text }}"\nb = "{{ message.text | escape }}"',
        tmp_path,
        text("a < b & c\nd"),
    )

    assert fields == {"a": "a < b & c\nd", "b": "a &lt; b &amp; c\nd"}
