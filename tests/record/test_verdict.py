"""A person decides whose a recycled number is."""

from typing import Any

import pytest

from connector.ledger import schema
from connector.record.verdict import Verdict, decide_recycled


@pytest.fixture
def review(book: Any, wire: Any) -> Any:
    """Two customers who were seen with one phone, and the question about them."""
    book.take(
        wire.text("wamid.1", user_id="BR.1", name="Ana"),
        wire.text("wamid.2", user_id="BR.2", name="Ana Souza", at=60),
    )
    (found,) = book.rows(schema.review)
    assert found.kind == "recycled_number"
    return found


def decide(book: Any, review_id: int, verdict: Verdict) -> bool:
    return book.ledger.transact(decide_recycled, review_id, verdict, now=book.ledger.clock.now())


def test_the_same_customer_becomes_one_contact(book: Any, review: Any) -> None:
    assert decide(book, review.id, "same")

    (contact,) = book.contacts
    assert book.aliases(contact.id) == {"BR.1", "BR.2", "5511987654321", "551187654321"}
    assert contact.profile_name == "Ana Souza"
    assert {row.contact_id for row in book.messages} == {contact.id}
    assert [row.resolution for row in book.rows(schema.review)] == ["same"]
    assert len(book.deliveries("contact")) == 1
    assert len(book.rows(schema.lane)) == 1


def test_different_customers_stay_apart_and_are_asked_about_no_more(
    book: Any, wire: Any, review: Any
) -> None:
    assert decide(book, review.id, "different")
    book.take(
        wire.text("wamid.3", user_id="BR.1", at=120), wire.text("wamid.4", user_id="BR.2", at=180)
    )

    assert len(book.contacts) == 2
    assert [row.resolution for row in book.rows(schema.review)] == ["different"]


def test_a_review_is_decided_once(book: Any, review: Any) -> None:
    assert decide(book, review.id, "different")

    assert not decide(book, review.id, "same")
    assert not decide(book, review.id + 1, "same")
    assert len(book.contacts) == 2
