"""What is kept of a CRM's own sentence."""

import pytest

from connector.deliver.quotation import quote

FIELDS = {
    "firstname": "Rita",
    "phone": "+5511988887777",
    "hs_communication_body": "<p><b>Rita Lobo</b>: quero dois cafés, por favor</p>",
    "labels": ["Li", "atacado"],
}


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (
            '"lead2" was not one of the allowed options: [lead, customer]',
            '"lead2" was not one of the allowed options: [lead, customer]',
        ),
        ("firstname: Rita is not valid", "firstname: … is not valid"),
        ("RITA LOBO may not be empty", "… may not be empty"),
        ('text "quero dois cafés, por favor" is too long', 'text "…, por …" is too long'),
        ("phone 5511988887777 is taken", "phone … is taken"),
        ("phone +55 (11) 98888-7777 is taken by record 33588", "phone … is taken by record …"),
        ("mail rita@example.com is taken", "mail … is taken"),
        ("no such id wamid.HBgNNTUxMTk4ODg4Nzc3NxUCABIYFA==", "no such id …"),
        ("label Li is unknown, error 400", "label … is unknown, error 400"),
        ("two\nlines   of it", "two lines of it"),
    ],
)
def test_a_crm_is_quoted_without_what_the_record_holds(said: str, kept: str) -> None:
    assert quote(said, FIELDS) == kept


def test_a_long_sentence_is_cut() -> None:
    kept = quote("many words " * 100, {})
    assert len(kept) == 300
    assert kept.endswith("…")
