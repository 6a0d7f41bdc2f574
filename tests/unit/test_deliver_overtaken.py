"""What a conversation's record in a CRM says, held against what would be written over it."""

import pytest

from connector.deliver.overtaken import Overlap, carrier, overlap
from connector.mapping.rendered import Rendered
from connector.model.conversation_parts import continuation_key, read_part_key

LINES = ["10:00 Ana: Oi", "10:01 Vendas: Bom dia,\nAna", "10:02 Ana: 1 < 2 & 3"]
HTML = [
    "10:00 <b>Ana</b>: Oi",
    "10:01 <b>Vendas</b>: Bom dia,<br>Ana",
    "10:02 <b>Ana</b>: 1 &lt; 2 &amp; 3",
]


def text(*places: int, more: str = "") -> str:
    return f"<p>{'<br>'.join(HTML[place] for place in places)}{more}</p>"


def test_a_record_that_says_the_same_or_less_may_be_written_over() -> None:
    assert overlap(text(0, 1, 2), text(0, 1, 2), LINES) == Overlap(more=False, missing=())
    assert overlap(text(0), text(0, 1, 2), LINES) == Overlap(more=False, missing=(1, 2))
    assert overlap(None, text(0, 1, 2), LINES) == Overlap(more=False, missing=(0, 1, 2))


def test_a_line_that_we_do_not_know_is_more_than_we_know() -> None:
    held = text(0, 1, more="<br>10:05 <b>Ana</b>: Alô?")

    assert overlap(held, text(0, 1, 2), LINES) == Overlap(more=True, missing=(2,))


def test_what_a_crm_makes_of_blanks_tags_and_our_mark_is_no_difference() -> None:
    held = (
        "<div>10:00 <strong>Ana</strong>: Oi</div>\n<div>10:01 Vendas: Bom dia,&nbsp;<br/>\nAna"
        "</div><div>10:02 <b>Ana</b>: 1 &lt; 2 &amp; 3</div><p>⟦wa·abcdefghijklmnop⟧</p>"
    )

    assert overlap(held, text(0, 1, 2), LINES) == Overlap(more=False, missing=())


def test_the_same_words_in_one_minute_are_as_many_lines_as_they_are() -> None:
    lines = ["10:00 Ana: Oi", "10:00 Ana: Oi"]
    twice = "10:00 <b>Ana</b>: Oi<br>10:00 <b>Ana</b>: Oi"

    assert overlap("10:00 <b>Ana</b>: Oi", twice, lines).missing == (1,)
    assert overlap(twice, "10:00 <b>Ana</b>: Oi", lines[:1]).more


def test_a_line_within_another_is_not_taken_for_it() -> None:
    lines = ["10:00 Ana: Oi", "10:00 Ana: Oi, tudo bem?"]
    held = "10:00 <b>Ana</b>: Oi, tudo bem?"

    assert overlap(held, "<br>".join(lines), lines) == Overlap(more=False, missing=(0,))


def test_what_the_mapping_puts_around_the_lines_is_no_line_of_anybody() -> None:
    held, wanted = f"Conversa: {text(0)} Fim", f"Conversa: {text(0, 1)} Fim"

    assert overlap(held, wanted, LINES[:2]) == Overlap(more=False, missing=(1,))


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"subject": "WhatsApp", "note": text(0, 1, 2)}, "note"),
        ({"subject": "WhatsApp", "done": True}, None),
        ({"note": text(0, 1)}, None),
    ],
)
def test_the_field_with_every_line_carries_the_conversation(
    fields: dict[str, str | bool], found: str | None
) -> None:
    nothing = frozenset[str]()
    rendered = Rendered(dict(fields), nothing, nothing, nothing, "")

    assert carrier(rendered, LINES) == found


def test_a_conversation_that_goes_on_elsewhere_has_a_key_of_its_own_and_parts_of_its_own() -> None:
    first = "wc_abc:Loja #2:2026-11-24"
    second = continuation_key(first)

    assert second == "wc_abc~2:Loja #2:2026-11-24"
    assert continuation_key(second) == "wc_abc~3:Loja #2:2026-11-24"
    assert read_part_key(f"{second}#4") == (second, 4)
    with pytest.raises(ValueError, match="not the key of a conversation"):
        continuation_key("nonsense")
