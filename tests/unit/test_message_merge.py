"""One message made of everything that is said of it, in any order."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.ledger.messages import MessageRow
from connector.record.merge import add_arrival, add_status

START = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
Step = Callable[[MessageRow], bool]


def unseen() -> MessageRow:
    return MessageRow(
        wamid_hash="h",
        wamid="wamid.1",
        number="Vendas",
        contact_id=1,
        conversation="1:Vendas:2026-11-24",
        direction="out",
        sent_at=START,
    )


def arrival(kind: str = "text", at: int = 0, **content: Any) -> Step:
    return lambda row: add_arrival(
        row,
        webhook_id=7,
        wamid="wamid.1",
        number="Vendas",
        contact_id=1,
        conversation="1:Vendas:2026-11-24",
        direction="in",
        kind=kind,
        content=content,
        sent_at=START + timedelta(seconds=at),
    )


def status(word: str, at: int = 0, **details: Any) -> Step:
    return lambda row: add_status(row, word, at=START + timedelta(seconds=at), details=details)


def row_of(*steps: Step) -> MessageRow:
    row = unseen()
    for step in steps:
        step(row)
    return row


def test_the_same_again_changes_nothing() -> None:
    row = row_of(arrival(text="Oi"), status("read", at=3))
    row.changed.clear()

    assert not arrival(text="Oi")(row)
    assert not status("read", at=3)(row)
    assert not status("sent", at=1)(row)
    assert row.changed == set()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["sent", "delivered", "read", "played"], "played"),
        (["failed", "sent"], "failed"),
        (["failed", "delivered"], "delivered"),
        (["in_orbit", "sent"], "sent"),
        (["in_orbit"], "in_orbit"),
    ],
)
def test_a_status_advances_or_stays(words: list[str], expected: str) -> None:
    steps = [status(word, at=at) for at, word in enumerate(words)]

    assert row_of(*steps).status == row_of(*reversed(steps)).status == expected


def test_a_later_sighting_fills_the_gaps_of_the_first() -> None:
    row = row_of(
        arrival("image", media={"id": "1"}, caption="Casa"),
        arrival("image", media={"id": "1", "url": "https://x"}, reply_to="wamid.0"),
    )

    assert row.content == {
        "media": {"id": "1", "url": "https://x"},
        "caption": "Casa",
        "reply_to": "wamid.0",
    }


@pytest.mark.parametrize("poor", ["media_placeholder", "unsupported"])
def test_what_says_more_of_a_message_replaces_what_says_less(poor: str) -> None:
    steps = [arrival(poor), arrival("image", media={"id": "1"})]

    for row in (row_of(*steps), row_of(*reversed(steps))):
        assert (row.kind, row.content) == ("image", {"media": {"id": "1"}})


def test_why_a_message_failed_is_kept_with_the_last_failure() -> None:
    row = row_of(
        status("failed", at=1, failure={"code": "131049"}),
        status("failed", at=0, failure={"code": "131026"}),
    )

    assert row.content == {"failure": {"code": "131049", "at": "2026-11-24T10:00:01.000Z"}}


def test_a_purged_message_takes_statuses_and_no_content() -> None:
    row = row_of(arrival(text="Oi"))
    row.content, row.purged_at = None, START

    assert not arrival(text="Oi")(row)
    assert status("read", failure={"code": "1"})(row)
    assert (row.content, row.status) == (None, "read")


steps = st.lists(
    st.one_of(
        st.builds(
            arrival,
            st.sampled_from(["text", "media_placeholder", "unsupported"]),
            at=st.integers(0, 3),
            text=st.just("Oi"),
        ),
        st.builds(
            status,
            st.sampled_from(["sent", "delivered", "read", "failed", "warning", "in_orbit"]),
            at=st.integers(0, 5),
            pricing=st.just({"category": "service"}),
        ),
        st.builds(
            status,
            st.just("failed"),
            at=st.integers(0, 5),
            failure=st.fixed_dictionaries({"code": st.sampled_from(["1", "2"])}),
        ),
    ),
    min_size=1,
    max_size=7,
)


@settings(max_examples=300)
@given(steps, st.randoms())
def test_any_order_ends_in_the_same_row(told: list[Step], random: Any) -> None:
    shuffled = told + told[:2]
    random.shuffle(shuffled)

    assert picture(row_of(*shuffled)) == picture(row_of(*told))


def picture(row: MessageRow) -> dict[str, Any]:
    hidden = {"changed", "changes", *(() if row.seen else ("sent_at",))}
    return {name: getattr(row, name) for name in MessageRow.__slots__ if name not in hidden}
