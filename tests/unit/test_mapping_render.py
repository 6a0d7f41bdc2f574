"""What a mapping makes of contacts, messages and conversations."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.errors import RenderError
from connector.mapping import contact_view
from connector.mapping.labels import Labels
from connector.mapping.load import load_mapping
from connector.mapping.models import ContactMapping, Field, Mapping, MessageMapping
from connector.mapping.preview import NUMBER, make_samples, preview
from connector.mapping.render import Renderer
from connector.mapping.rendered import Rendered, hash_content
from connector.mapping.vocabulary import VOCABULARIES
from connector.model.contact import Contact
from connector.model.message import Message
from connector.model.number import Number
from connector.model.record import FieldInfo
from connector.template.reading import read_template

NOW = datetime(2026, 11, 24, 13, 5, tzinfo=UTC)
FULL, BARE = make_samples()
HTML = {"html": FieldInfo("html", "HTML", "html")}
MASK = ("cpf", "cnpj", "card")


def render_with(
    toml: str,
    folder: Path,
    *,
    contact_schema: dict[str, FieldInfo] | None = None,
    labels: Labels | None = None,
    language: str = "pt-BR",
) -> Renderer:
    (folder / "mine.toml").write_text(toml, encoding="utf-8")
    return Renderer(
        load_mapping("mine.toml", folder=folder, adapter="hubspot"),
        contact_schema=contact_schema or {},
        message_schema=HTML,
        language=language,
        time_zone=ZoneInfo("America/Sao_Paulo"),
        mask=MASK,
        labels=labels,
    )


def contact_fields(fields: str, folder: Path, contact: Contact = FULL.contact) -> dict[str, Any]:
    toml = f'[contact]\nobject = "c"\n[message]\nobject = "m"\n[contact.fields]\n{fields}\n'
    return render_with(toml, folder).contact(contact, crm_id="33451", country="BR").fields


def message_fields(
    fields: str,
    folder: Path,
    message: Message = FULL.messages[0],
    *,
    contact: Contact = FULL.contact,
    number: Number = NUMBER,
    labels: Labels | None = None,
) -> dict[str, Any]:
    toml = f'[contact]\nobject = "c"\n[message]\nobject = "m"\n[message.fields]\n{fields}\n'
    return (
        render_with(toml, folder, labels=labels)
        .message(message, contact, key="wm_1", contact_crm_id="33451", number=number)
        .fields
    )


def text(words: str, **more: Any) -> Message:
    return replace(FULL.messages[0], content={"text": words}, **more)


def test_the_shipped_mapping_makes_a_contact_and_a_message(tmp_path: Path) -> None:
    renderer = Renderer(
        load_mapping(None, folder=tmp_path, adapter="hubspot"),
        contact_schema={},
        message_schema={"hs_communication_body": FieldInfo("hs_communication_body", "", "html")},
        language="pt-BR",
        time_zone=ZoneInfo("America/Sao_Paulo"),
    )

    made = preview(renderer, FULL.contact, FULL.messages)

    assert made.contact.fields == {
        "firstname": "Ana",
        "lastname": "Souza",
        "phone": "+5511987654321",
        "lifecyclestage": "lead",
    }
    assert [each.fields["hs_communication_body"] for each in made.messages] == [
        "<p><b>Ana Souza</b>: Oi! Qual o preço do frete para Salvador?</p>",
        "<p><b>Vendas</b>: Olá! Já te passo a tabela.</p>",
        "<p><b>Vendas</b>: [documento: tabela.pdf] Tabela de novembro</p>",
    ]
    assert made.messages[0].fields["hs_timestamp"] == NOW
    assert made.messages[0].fields["hs_communication_channel_type"] == "WHATS_APP"


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


def test_a_single_expression_keeps_its_type(tmp_path: Path) -> None:
    fields = contact_fields(
        'bool = "{{ contact.marketing_opt_out }}"\nlist = "{{ contact.labels }}"\n'
        'time = " {{ contact.first_seen_at }} "\nnumber = "{{ 2 * 3 }}"\n'
        'text = "{{ contact.labels }}!"\nspelled = "{{ contact.marketing_opt_out }}."\n'
        'iso = "am {{ contact.first_seen_at }}"\nconstant = true',
        tmp_path,
    )

    assert fields == {
        "bool": False,
        "list": ["orçamento"],
        "time": NOW - timedelta(days=30),
        "number": 6,
        "text": "orçamento!",
        "spelled": "false.",
        "iso": "am 2026-10-25T13:05:00Z",
        "constant": True,
    }


@pytest.mark.parametrize(
    "template",
    [
        "{{ contact.username }}",
        "{{ contact.labels }}",
        "{{ contact.labels[0] }}",
        "{{ contact.last_message_at | date }}",
        "{{ contact.username | digits }}",
        "{{ contact.referral.headline | truncate(3) }}",
        "{{ contact.referral.ctwa_clid | escape }}",
        "{{ contact.username | base64url }}",
        "{{ contact.username | default }}",
        "{{ contact.last_message_at | epoch }}",
        "{{ 'x' if contact.username is defined }}",
        "{{ contact.first_name }} {{ contact.last_name }}",
        "{% if contact.username %}x{% endif %}",
        " ",
    ],
)
def test_what_renders_to_nothing_is_left_out(template: str, tmp_path: Path) -> None:
    assert contact_fields(f'a = "{template}"\nb = "x"', tmp_path, BARE.contact) == {"b": "x"}


def test_false_and_zero_are_values(tmp_path: Path) -> None:
    assert contact_fields('a = "{{ 1 - 1 }}"\nb = "{{ 1 == 2 }}"', tmp_path) == {
        "a": 0,
        "b": False,
    }


def test_lists_and_tables_lose_what_is_nothing(tmp_path: Path) -> None:
    fields = (
        'a = [{ value = "{{ contact.phone.e164 }}", type = "mobile" }, "x"]\n'
        'b = ["{{ contact.username }}", "{{ contact.country }}"]\nc = ["y", "z"]'
    )

    assert contact_fields(fields, tmp_path) == {
        "a": [{"value": "+5511987654321", "type": "mobile"}, "x"],
        "b": ["ana.souza", "BR"],
        "c": ["y", "z"],
    }
    assert contact_fields(fields, tmp_path, BARE.contact) == {"b": ["MX"], "c": ["y", "z"]}


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
@settings(deadline=None)
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


def test_words_are_masked_and_phones_and_ids_are_not(tmp_path: Path) -> None:
    contact = replace(FULL.contact, phone="+39053344705", wa_id="39053344705")

    fields = message_fields(
        'a = "{{ message.text }}"\nhtml = "{{ message.html }}"\nb = "{{ contact.phone.digits }}"\n'
        'c = "{{ contact.whatsapp_id }}"\nd = "{{ message.media.caption }}"',
        tmp_path,
        replace(
            FULL.messages[0],
            content={"text": "meu cpf 390.533.447-05", "caption": "39053344705"},
        ),
        contact=contact,
    )

    assert fields == {
        "a": "meu cpf [CPF]",
        "html": "<p><b>Ana Souza</b>: meu cpf [CPF]</p>",
        "b": "39053344705",
        "c": "39053344705",
        "d": "[CPF]",
    }


def test_labels_come_from_the_words_of_a_message(tmp_path: Path) -> None:
    labels = Labels({"frete": ["frete"], "troca": ["troca"]})

    fields = message_fields('a = "{{ message.labels }}"', tmp_path, labels=labels)

    assert fields == {"a": ["frete"]}
    assert message_fields('a = "{{ message.labels }}"', tmp_path) == {}


def test_a_deleted_message_says_only_that(tmp_path: Path) -> None:
    fields = message_fields('a = "{{ message.text }}"', tmp_path, text("x", deleted_at=NOW))

    assert fields == {"a": "[mensagem apagada]"}


def test_an_erased_message_has_no_id(tmp_path: Path) -> None:
    assert message_fields('a = "{{ message.id }}"', tmp_path, text("x", wamid=None)) == {}


CONVERSATION = """
[contact]
object = "c"
[message]
object = "m"
granularity = "conversation"
[message.fields]
html = "{{ conversation.transcript_html }}"
count = "{{ conversation.message_count }}"
wait = "{{ conversation.first_response_seconds }}"
start = "{{ conversation.started_at }}"
end = "{{ conversation.last_message_at }}"
id = "{{ conversation.id }}"
key = "{{ conversation.key }}"
labels = "{{ conversation.labels }}"
subject = "WhatsApp · {{ contact.display_name }} · {{ number.name }}"
"""


def converse(renderer: Renderer, messages: list[Message]) -> Rendered:
    return renderer.conversation(
        messages, FULL.contact, key="wm_c", contact_crm_id="1", number=NUMBER
    )


def test_a_conversation_is_rendered_whole_whatever_the_order(tmp_path: Path) -> None:
    renderer = render_with(CONVERSATION, tmp_path, labels=Labels({"frete": ["frete"]}))

    one = converse(renderer, list(FULL.messages))
    other = converse(renderer, list(reversed(FULL.messages)))

    assert one == other
    assert one.fields == {
        "html": (
            "<p>10:05 <b>Ana Souza</b>: Oi! Qual o preço do frete para Salvador?"
            "<br>10:09 <b>Vendas</b>: Olá! Já te passo a tabela."
            "<br>10:13 <b>Vendas</b>: [documento: tabela.pdf] Tabela de novembro</p>"
        ),
        "count": 3,
        "wait": 240,
        "start": NOW,
        "end": NOW + timedelta(minutes=8),
        "id": f"{FULL.contact.key}:Vendas:2026-11-24",
        "key": "wm_c",
        "labels": ["frete"],
        "subject": "WhatsApp · Ana Souza · Vendas",
    }


def test_without_an_answer_there_is_no_waiting_time(tmp_path: Path) -> None:
    renderer = render_with(CONVERSATION, tmp_path)

    assert "wait" not in converse(renderer, [FULL.messages[0]]).fields
    assert "wait" not in converse(renderer, list(FULL.messages[1:])).fields


def test_a_long_conversation_loses_its_oldest_messages_first(tmp_path: Path) -> None:
    renderer = render_with(CONVERSATION, tmp_path)
    messages = [
        text(f"número {n} " + "<" * 3000, id=n, sent_at=NOW + timedelta(seconds=n))
        for n in range(40)
    ]

    html = str(converse(renderer, messages).fields["html"])

    assert len(html) <= 65_000
    assert html.startswith("<p><i>mensagens anteriores omitidas</i><br>10:05 <b>Ana Souza</b>: ")
    assert "número 39 " in html
    assert "número 0 " not in html


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


def test_the_time_a_person_sees_is_local_only_where_it_is_asked_for(tmp_path: Path) -> None:
    fields = message_fields(
        "a = \"{{ message.sent_at | date('%d/%m %H:%M') }}\"\n"
        "b = \"{{ message.sent_at | date('%d/%m %H:%M', local=true) }}\"\n"
        'c = "{{ message.sent_at | datetime(local=true) }}"\nd = "{{ message.sent_at | date }}"\n'
        'e = "{{ message.sent_at | datetime }}"\nf = "{{ message.sent_at | epoch }}"',
        tmp_path,
        text("x", sent_at=datetime(2026, 11, 24, 1, 30, tzinfo=UTC)),
    )

    assert fields == {
        "a": "24/11 01:30",
        "b": "23/11 22:30",
        "c": "2026-11-23T22:30:00-03:00",
        "d": "2026-11-24",
        "e": "2026-11-24T01:30:00Z",
        "f": 1795483800,
    }


def test_the_rest_of_the_names_say_what_they_should(tmp_path: Path) -> None:
    message = replace(FULL.messages[2], content={**FULL.messages[2].content, "reply_to": "wamid.a"})
    names = [
        *("message.key", "message.id", "message.direction", "message.type", "message.status"),
        *("message.reply_to", "message.media.mime_type", "message.media.filename"),
        *("message.media.voice", "contact.key", "contact.crm_id", "contact.user_id"),
        *("contact.whatsapp_id", "contact.referral.ctwa_clid", "contact.last_message_at"),
        *("number.name", "number.phone"),
    ]
    toml = "\n".join(f'n{place} = "{{{{ {name} }}}}"' for place, name in enumerate(names))

    fields = message_fields(toml, tmp_path, message)

    assert list(fields.values()) == [
        *("wm_1", "wamid.sample12", "out", "document", "read"),
        *("wamid.a", "application/pdf", "tabela.pdf"),
        *(False, FULL.contact.key, "33451", "BR.1502576394655843"),
        *("5511987654321", "Aff-sample", NOW + timedelta(minutes=4)),
        *("Vendas", "+551140028922"),
    ]
