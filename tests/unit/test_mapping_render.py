"""What a mapping makes of contacts and messages."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from connector.mapping.labels import Labels
from connector.mapping.load import load_mapping
from connector.mapping.preview import preview
from connector.mapping.render import Renderer
from connector.model.record import FieldInfo
from tests.unit.rendering import BARE, FULL, NOW, contact_fields, message_fields, text


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
