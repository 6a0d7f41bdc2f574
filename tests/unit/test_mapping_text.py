"""Every kind of message reads as a person would want it on a timeline."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.mapping.text import LIMIT, message_html, message_text
from connector.mapping.words import words_of

CASES: list[tuple[str, dict[str, Any], str, str]] = [
    ("text", {"text": "Oi\ntudo bem?"}, "Oi\ntudo bem?", "Oi\ntudo bem?"),
    ("text", {"text": "  recuado "}, "  recuado ", "  recuado "),
    ("text", {}, "[mensagem vazia]", "[empty message]"),
    (
        "text",
        {"text": "quero este", "product": {"product_retailer_id": "sku-9"}},
        "[produto] sku-9\nquero este",
        "[product] sku-9\nquero este",
    ),
    ("image", {"caption": "olha"}, "[imagem] olha", "[image] olha"),
    ("image", {"media": {"id": "1"}}, "[imagem]", "[image]"),
    ("video", {"caption": "olha"}, "[vídeo] olha", "[video] olha"),
    ("audio", {"media": {"voice": True}}, "[mensagem de voz]", "[voice message]"),
    ("audio", {"media": {"voice": False}}, "[áudio]", "[audio]"),
    ("sticker", {"media": {"animated": True}}, "[figurinha]", "[sticker]"),
    (
        "document",
        {"media": {"filename": "nota.pdf"}, "caption": "segue"},
        "[documento: nota.pdf] segue",
        "[document: nota.pdf] segue",
    ),
    (
        "location",
        {"location": {"latitude": -12.9, "longitude": -38.5, "name": "Loja", "address": "Rua 1"}},
        "[localização] Loja — Rua 1\nhttps://maps.google.com/?q=-12.9,-38.5",
        "[location] Loja — Rua 1\nhttps://maps.google.com/?q=-12.9,-38.5",
    ),
    (
        "contacts",
        {
            "contacts": [
                {"name": "Bia", "org": "ACME", "phones": ["+5511987654321"], "emails": ["b@x.br"]},
                {"phones": ["1"]},
            ]
        },
        "[contato] Bia, ACME, +5511987654321, b@x.br\n[contato] 1",
        "[contact] Bia, ACME, +5511987654321, b@x.br\n[contact] 1",
    ),
    ("button", {"text": "Sim", "reply": {"kind": "button", "id": "1"}}, "Sim", "Sim"),
    (
        "interactive",
        {"reply": {"kind": "list_reply", "id": "1", "title": "Sul", "description": "Porto Alegre"}},
        "Sul\nPorto Alegre",
        "Sul\nPorto Alegre",
    ),
    (
        "interactive",
        {
            "reply": {
                "kind": "nfm_reply",
                "name": "flow",
                "body": "Sent",
                "data": {"flow_token": "t", "nome": "Ana", "aceito": True, "dias": ["seg", 2]},
            }
        },
        "[formulário] flow\nnome: Ana\naceito: sim\ndias: seg, 2",
        "[form] flow\nnome: Ana\naceito: yes\ndias: seg, 2",
    ),
    (
        "interactive",
        {"reply": {"kind": "call_permission_reply", "response": "accept", "is_permanent": True}},
        "[permissão de ligação] aceita (para sempre)",
        "[call permission] accepted (for good)",
    ),
    (
        "interactive",
        {"reply": {"kind": "payment_method", "title": "Pix"}},
        "[pagamento] Pix",
        "[payment] Pix",
    ),
    (
        "order",
        {
            "order": {
                "text": "por favor",
                "items": [
                    {
                        "product_retailer_id": "sku-1",
                        "quantity": 2,
                        "item_price": 9.5,
                        "currency": "BRL",
                    },
                    {"product_retailer_id": "sku-2", "quantity": "1"},
                ],
            }
        },
        "[pedido] por favor\n2x sku-1 (BRL 9.5)\n1x sku-2",
        "[order] por favor\n2x sku-1 (BRL 9.5)\n1x sku-2",
    ),
    ("reaction", {"reaction": {"message_id": "w", "emoji": "👍"}}, "[reação] 👍", "[reaction] 👍"),
    (
        "reaction",
        {"reaction": {"message_id": "w", "emoji": None}},
        "[reação removida]",
        "[reaction removed]",
    ),
    (
        "system",
        {"system": {"type": "user_changed_number", "body": "mudou de número"}},
        "[aviso] mudou de número",
        "[notice] mudou de número",
    ),
    ("request_welcome", {}, "[abriu a conversa]", "[opened the chat]"),
    (
        "unsupported",
        {"unsupported": {"code": 131051}},
        "[mensagem não suportada]",
        "[unsupported message]",
    ),
    ("holo_gram", {}, "[mensagem não suportada]", "[unsupported message]"),
    ("holo_gram", {"text": "com texto"}, "com texto", "com texto"),
    (
        "media_placeholder",
        {"placeholder": True},
        "[mídia ainda não recebida]",
        "[media not received yet]",
    ),
    ("text", {"text": "x", "deleted": True}, "[mensagem apagada]", "[message deleted]"),
    (
        "text",
        {
            "text": "x",
            "forwarded": "frequently_forwarded",
            "edited_at": "2026-11-24T10:00:00Z",
            "reactions": [{"emoji": "👍"}, {"emoji": None}, {"emoji": "❤️"}],
            "referral": {"headline": "Promoção"},
        },
        "[encaminhada]\n[anúncio] Promoção\nx\n[editada]\n[reações] 👍 ❤️",
        "[forwarded]\n[ad] Promoção\nx\n[edited]\n[reactions] 👍 ❤️",
    ),
]


@pytest.mark.parametrize(
    ("kind", "content", "portuguese", "english"),
    CASES,
    ids=[f"{c[0]}{i}" for i, c in enumerate(CASES)],
)
def test_a_message_reads_well_in_both_languages(
    kind: str, content: dict[str, Any], portuguese: str, english: str
) -> None:
    assert message_text(kind, content, language="pt-BR") == portuguese
    assert message_text(kind, content, language="en") == english


def test_both_languages_have_the_same_words() -> None:
    assert words_of("pt-BR").keys() == words_of("en").keys()


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=5,
)
KEYS = st.sampled_from(
    [
        *("text", "caption", "media", "location", "contacts", "reply", "order", "reaction"),
        *("reactions", "system", "product", "referral", "deleted", "placeholder", "forwarded"),
    ]
)
PARTS = st.sampled_from(["kind", "data", "items", "phones", "name", "emoji", "title", "latitude"])


@given(
    kind=st.sampled_from([case[0] for case in CASES]),
    content=st.dictionaries(KEYS, st.one_of(JSON, st.dictionaries(PARTS, JSON))),
)
def test_content_of_any_shape_makes_a_text_that_is_not_empty(
    kind: str, content: dict[str, Any]
) -> None:
    assert message_text(kind, content, language="pt-BR").strip()


def test_a_text_without_end_is_cut() -> None:
    text = message_text("text", {"text": "x" * 100_000}, language="en")

    assert len(text) == LIMIT
    assert text.endswith("…")


def test_html_says_who_speaks_and_escapes_both() -> None:
    html = message_html(
        "text", {"text": '<script>alert("1")</script>\nfim & fim'}, speaker="<b>Ana", language="en"
    )

    assert html == (
        "<p><b>&lt;b&gt;Ana</b>: &lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;"
        "<br>fim &amp; fim</p>"
    )
