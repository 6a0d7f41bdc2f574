"""A day's conversation as one record."""

from datetime import timedelta
from pathlib import Path

from connector.mapping.labels import Labels
from connector.mapping.preview import NUMBER
from connector.mapping.render import Renderer
from connector.mapping.rendered import Rendered
from connector.model.message import Message
from tests.unit.rendering import FULL, NOW, render_with, text

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
