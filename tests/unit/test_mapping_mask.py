"""CPF, CNPJ and card numbers never leave in people's words, and nothing else is touched."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn
from stdnum.br import cnpj, cpf

from connector.mapping.mask import mask_content, mask_text

ALL = ("cpf", "cnpj", "card")
SEPARATORS = st.sampled_from(["", " ", ".", "-", "/", " - "])


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("meu cpf é 390.533.447-05, ok?", "meu cpf é [CPF], ok?"),
        ("39053344705", "[CPF]"),
        ("3 9 0 5 3 3 4 4 7 0 5", "[CPF]"),
        ("CNPJ 16.727.230/0001-97.", "CNPJ [CNPJ]."),
        ("16727230000197", "[CNPJ]"),
        ("novo: 12.ABC.345/01DE-35", "novo: [CNPJ]"),
        ("12abc34501de35", "[CNPJ]"),
        ("cartão 4111 1111 1111 1111 val 12/27", "cartão [CARD] val 12/27"),
        ("amex 378282246310005", "amex [CARD]"),
        ("4111-1111-1111-1111 e 390.533.447-05", "[CARD] e [CPF]"),
        ("4111 1111 1111 1111 390.533.447-05", "[CARD] [CPF]"),
        ("+5511987654321 390.533.447-05", "+5511987654321 [CPF]"),
    ],
)
def test_a_number_with_right_check_digits_is_replaced(text: str, masked: str) -> None:
    assert mask_text(text, ALL) == masked


@pytest.mark.parametrize(
    "text",
    [
        "390.533.447-06",  # wrong check digits
        "16.727.230/0001-98",
        "4111 1111 1111 1112",
        "pedido 2026112400017",
        "+55 11 98765-4321",
        "me liga: 11 98765-4321",
        "1234",
        "12.ABC.345/01DE-36",
        "x390.533.447-0",
        "",
    ],
)
def test_what_is_no_such_number_stays_as_it_is(text: str) -> None:
    assert mask_text(text, ALL) == text


def test_only_the_chosen_kinds_are_replaced() -> None:
    text = "390.533.447-05 e 16.727.230/0001-97 e 4111 1111 1111 1111"

    assert mask_text(text, ("cnpj",)) == "390.533.447-05 e [CNPJ] e 4111 1111 1111 1111"
    assert mask_text(text, ()) == text


@st.composite
def spelled(draw: st.DrawFn, digits: st.SearchStrategy[str]) -> str:
    """Put separators between groups of a number, as people do."""
    number = draw(digits)
    cuts = draw(st.sets(st.integers(1, len(number) - 1), max_size=4))
    return "".join(
        (draw(SEPARATORS) if place in cuts else "") + digit for place, digit in enumerate(number)
    )


def _with_check_digits(base: str) -> str:
    return next(
        base + f"{check:02d}" for check in range(100) if cpf.is_valid(base + f"{check:02d}")
    )


CPFS = st.integers(1, 10**9 - 1).map(lambda number: _with_check_digits(f"{number:09d}"))
CARDS = st.integers(4 * 10**14, 5 * 10**14 - 1).map(
    lambda number: f"{number}{luhn.calc_check_digit(str(number))}"
)
CNPJS = st.integers(10**6, 10**12 - 1).map(
    lambda number: f"{number:012d}{cnpj.calc_check_digits(f'{number:012d}00')}"
)
WORDS = st.text(alphabet=st.characters(categories=["L", "Zs", "So"]), max_size=20)


@given(before=WORDS, number=st.one_of(spelled(CPFS), spelled(CNPJS), spelled(CARDS)), after=WORDS)
def test_no_number_survives_however_it_is_spelled(before: str, number: str, after: str) -> None:
    digits = re.sub(r"\D", "", number)

    masked = mask_text(f"{before} {number} {after}", ALL)

    assert digits not in re.sub(r"[^0-9]", "", masked)
    assert "[" in masked


@given(st.text())
def test_masking_twice_is_masking_once(text: str) -> None:
    once = mask_text(text, ALL)

    assert mask_text(once, ALL) == once


@given(st.text(alphabet="0123456789 .-/+ab"))
def test_masking_any_mix_of_digits_ends_and_adds_only_brackets(text: str) -> None:
    masked = mask_text(text, ALL)

    assert set(masked) <= set(text) | set("[CPF][CNPJ][CARD]")


def test_words_of_people_are_masked_wherever_they_stand_in_a_message() -> None:
    number = "390.533.447-05"
    content = {
        "text": number,
        "caption": number,
        "media": {"id": "4111111111111111", "filename": f"{number}.pdf"},
        "location": {"name": number, "latitude": 1.5},
        "contacts": [{"name": number, "phones": ["11987654321", number]}],
        "reply": {"title": number, "data": {"cpf": 39053344705, "deep": [{"x": number}], "n": 3}},
        "order": {"items": [{"product_retailer_id": "39053344705"}]},
        "system": {"body": "from 39053344705"},
        "reply_to": "wamid.39053344705",
    }

    masked = mask_content(content, ALL)

    assert masked == {
        "text": "[CPF]",
        "caption": "[CPF]",
        "media": {"id": "4111111111111111", "filename": "[CPF].pdf"},
        "location": {"name": "[CPF]", "latitude": 1.5},
        "contacts": [{"name": "[CPF]", "phones": ["11987654321", number]}],
        "reply": {"title": "[CPF]", "data": {"cpf": "[CPF]", "deep": [{"x": "[CPF]"}], "n": 3}},
        "order": {"items": [{"product_retailer_id": "39053344705"}]},
        "system": {"body": "from 39053344705"},
        "reply_to": "wamid.39053344705",
    }
    assert content["text"] == number


def test_a_number_broken_by_what_is_removed_later_is_masked_too() -> None:
    masked = mask_content(
        {"text": "390.533\x00.447-05", "reply": {"data": "39053\u202e344705"}}, ALL
    )

    assert masked == {"text": "[CPF]", "reply": {"data": "[CPF]"}}


def test_a_form_answered_with_bare_text_is_masked_too() -> None:
    assert mask_content({"reply": {"data": "cpf 39053344705"}}, ALL) == {
        "reply": {"data": "cpf [CPF]"}
    }
