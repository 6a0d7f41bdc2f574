"""What people type into a CRM's phone field, against what WhatsApp knows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.crm.phones import national_spellings, same_phone
from connector.model.identity import lookup_spellings

AREAS = [*range(11, 20), *range(41, 50), *range(61, 70), *range(81, 90), *range(91, 100)]
"""Area codes that Brazil has; 90, for one, is none but a prefix of collect calls."""
ANA = lookup_spellings("+5531988887777")


@pytest.mark.parametrize(
    "typed",
    [
        "+5531988887777",
        "+553188887777",
        "5531988887777",
        "553188887777",
        "(31) 98888-7777",
        "31 8888-7777",
        "031 98888-7777",
        "0 15 31 98888-7777",
        "+55 (31) 9 8888 7777",
        "+55 (0)31 98888-7777",
        "0055 31 98888 7777",
        "  31988887777  ",
        "tel: 31 98888-7777",
        "(31) 98888-7777 ramal 12",
        "31 3333-4444 / 31 98888-7777",
        "31 98888-7777 e 31 97777-6666",
        "(+55) 31 98888-7777",
    ],
)
def test_one_mobile_is_recognised_however_it_is_written(typed: str) -> None:
    assert same_phone(typed, ANA, country="BR")


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "-",
        "ask the front desk",
        "+5531988887778",
        "+351988887777",
        "98888-7777",
        "(11) 98888-7777",
        "+1 319 888 87777",
        "+5531 98888-77770",
        "0031 98888 7777",
        "31 98888",
    ],
)
def test_another_number_is_not(typed: str) -> None:
    assert not same_phone(typed, ANA, country="BR")


def test_a_landline_that_looks_like_a_mobile_without_its_ninth_digit_is_another_phone() -> None:
    mobile = lookup_spellings("+5531933334444")
    assert not same_phone("(31) 3333-4444", mobile, country="BR")
    landline = lookup_spellings("+553133334444")
    assert not same_phone("(31) 93333-4444", landline, country="BR")
    assert same_phone("(31) 3333-4444", landline, country="BR")


def test_a_local_number_is_not_taken_for_a_foreign_one_with_the_same_digits() -> None:
    peruvian = lookup_spellings("+51987654321")
    assert not same_phone("51 98765-4321", peruvian, country="BR")
    assert same_phone("+51 987654321", peruvian, country="BR")
    assert same_phone("987 654 321", peruvian, country="PE")


def test_without_a_country_only_international_numbers_fit() -> None:
    assert same_phone("5531988887777", ANA, country=None)
    assert same_phone("+55 31 98888-7777", ANA, country=None)
    assert not same_phone("(31) 98888-7777", ANA, country=None)


@pytest.mark.parametrize("typed", ["+52 1 55 1234 5678", "044 55 1234 5678", "55 1234 5678"])
def test_a_mexican_mobile_is_recognised_with_its_old_prefixes(typed: str) -> None:
    assert same_phone(typed, lookup_spellings("+525512345678"), country="MX")


def test_an_argentinian_mobile_is_recognised_as_it_is_dialled_at_home() -> None:
    assert same_phone("11 15-1234-5678", lookup_spellings("+5491112345678"), country="AR")


def test_searches_are_by_area_and_local_number() -> None:
    assert national_spellings(ANA) == ("31988887777", "3188887777")
    assert national_spellings(("12025550123",)) == ("2025550123",)
    assert national_spellings(("390612345678",)) == ("0612345678",)
    assert national_spellings(("1",)) == ("1",)


@given(
    area=st.sampled_from(AREAS),
    local=st.integers(60000000, 99999999),
    other=st.integers(60000000, 99999999),
)
def test_two_mobiles_are_equal_only_if_their_numbers_are(area: int, local: int, other: int) -> None:
    wanted = lookup_spellings(f"+55{area}9{local}")
    assert same_phone(f"({area}) 9{other}", wanted, country="BR") == (local == other)
    assert same_phone(f"+55{area}{other}", wanted, country="BR") == (local == other)


@given(st.text(max_size=300))
def test_no_text_breaks_the_comparison(text: str) -> None:
    assert same_phone(text, ANA, country="BR") in {True, False}
