"""No control character, reordering mark or formula reaches a CRM."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.template.clean import NAME_LENGTH, clean_name, clean_text

UNWANTED = [
    *map(chr, [*range(9), *range(11, 32), *range(127, 160)]),
    *map(chr, [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]),
    "\ud800",
    "\udfff",
]


@given(st.text(alphabet=st.one_of(st.characters(codec="utf-8"), st.sampled_from(UNWANTED))))
def test_no_unwanted_character_is_left_and_no_other_is_lost(text: str) -> None:
    cleaned = clean_text(text)

    assert not set(cleaned) & set(UNWANTED)
    wanted = text.replace("\r\n", "\n").replace("\r", "\n")
    assert cleaned == "".join(char for char in wanted if char not in UNWANTED)
    assert cleaned.encode().decode() == cleaned


@pytest.mark.parametrize(
    "text", ["linha\noutra\tcoluna", "👩‍👩‍👧 família", "é ção", "مرحبا", "a\u00a0b", "x\u200dy"]
)
def test_text_that_people_write_stays_as_it_is(text: str) -> None:
    assert clean_text(text) == text


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("=HYPERLINK(1)", "HYPERLINK(1)"),
        ("+55 11", "55 11"),
        ("-1+1", "1+1"),
        ("@SUM(A1)", "SUM(A1)"),
        ("\u00a0 =1", "1"),
        ("\t\r\n=1", "1"),
        ("=+-@ =Ana", "Ana"),
        ("\u200b=1", "1"),
        ("＝1", "1"),  # noqa: RUF001 - what some spreadsheets read as =
        ("Ana\n=1", "Ana =1"),
        ("Ana\x00\u202eSouza", "AnaSouza"),
        ("  Ana  de \n Souza ", "Ana de Souza"),
        ("Ana = Bia", "Ana = Bia"),
        ("=", ""),
        ("{{7*7}} ${x} {0.__class__} %s", "{{7*7}} ${x} {0.__class__} %s"),
    ],
)
def test_a_name_is_one_line_and_no_formula(name: str, cleaned: str) -> None:
    assert clean_name(name) == cleaned


def test_a_name_is_cut() -> None:
    assert len(clean_name("n" * 1000)) == NAME_LENGTH
