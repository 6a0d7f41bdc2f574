"""What a sweep marks: rows that changed meanwhile are left alone."""

from sqlalchemy import update

from connector.ledger.marks import (
    OnItsWay,
    count_marked,
    mark_for_writing,
    note_gone,
    relink,
    sleeping_deliveries,
    wake_sleeping,
)
from connector.ledger.schema import delivery, lane
from tests.ledger.book import HOUR, NAME, START, Book


def test_a_marked_record_waits_behind_live_traffic_and_can_be_counted(book: Book) -> None:
    one, two = book.put_delivery(1), book.put_delivery(2, state="pending")
    stamp = START + HOUR

    marked = book.ledger.transact(mark_for_writing, book.held(one, two), stamp=stamp)

    assert marked == {one}
    row = book.row(one)
    assert (row.state, row.generation, row.content_hash, row.crm_id) == ("pending", 2, None, "crm1")
    assert (book.lane().priority, book.lane().due_at) == (10, stamp)
    assert book.ledger.query(count_marked, NAME, stamp=stamp) == OnItsWay(1, 1)


def test_the_same_is_not_marked_twice_for_one_sweep(book: Book) -> None:
    one = book.put_delivery(1)
    stamp = START + HOUR
    book.ledger.transact(mark_for_writing, book.held(one), stamp=stamp)
    book.ledger.transact(
        lambda c: c.execute(update(delivery).where(delivery.c.id == one).values(state="synced"))
    )

    assert book.ledger.transact(mark_for_writing, book.held(one), stamp=stamp) == set()
    assert book.row(one).state == "synced"


def test_a_lane_with_live_work_keeps_its_priority(book: Book) -> None:
    book.ledger.transact(
        lambda c: c.execute(update(lane).values(due_at=START, priority=0, failures=0))
    )

    book.ledger.transact(mark_for_writing, book.held(book.put_delivery(1)), stamp=START + HOUR)

    assert (book.lane().priority, book.lane().due_at) == (0, START)


def test_a_comparison_keeps_the_hash_and_a_record_made_anew_loses_its_link(book: Book) -> None:
    one, two = book.put_delivery(1), book.put_delivery(2)

    book.ledger.transact(mark_for_writing, book.held(one), stamp=START + HOUR, compare=True)
    book.ledger.transact(mark_for_writing, book.held(two), stamp=START + HOUR, anew=True)

    assert (book.row(one).content_hash, book.row(one).crm_id) == ("h", "crm1")
    assert (book.row(two).content_hash, book.row(two).crm_id) == (None, None)


def test_a_deleted_contact_waits_for_a_message_and_a_deleted_message_stays(book: Book) -> None:
    person, one = book.put_contact(), book.put_delivery(1)

    book.ledger.transact(note_gone, book.held(person, one), now=START + HOUR)

    row = book.row(person)
    assert (row.state, row.error_code, row.crm_id) == ("parked", "vanished", None)
    assert row.gone_at == START + HOUR
    row = book.row(one)
    assert (row.state, row.crm_id, row.gone_at) == ("synced", "crm1", START + HOUR)


def test_a_deletion_is_not_noted_of_a_row_that_is_at_work_again(book: Book) -> None:
    one = book.put_delivery(1)
    row = book.held(one)
    book.ledger.transact(lambda c: c.execute(update(delivery).values(state="pending")))

    book.ledger.transact(note_gone, row, now=START)

    assert book.row(one).gone_at is None


def test_merged_records_are_followed_but_nobody_elses_is_taken(book: Book) -> None:
    person, other = book.put_contact(0), book.put_contact(1)
    one, two = book.put_delivery(1), book.put_delivery(2)
    rows = book.held(person, other, one, two)

    done = book.ledger.transact(
        relink, [(rows[0], "9"), (rows[1], "9"), (rows[2], "crm2"), (rows[3], "10")]
    )

    assert done == {person, other, two}
    assert [book.row(each).crm_id for each in (person, other, one, two)] == [
        "9", "9", "crm1", "10",
    ]  # fmt: skip


def test_a_row_that_was_linked_anew_meanwhile_is_not_relinked(book: Book) -> None:
    person = book.put_contact()
    row = book.held(person)[0]
    book.ledger.transact(lambda c: c.execute(update(delivery).values(crm_id="newer")))

    assert book.ledger.transact(relink, [(row, "9")]) == set()
    assert book.row(person).crm_id == "newer"


def test_work_that_fell_asleep_is_found_and_woken(book: Book) -> None:
    asleep = book.put_delivery(1, state="pending")
    book.put_delivery(2, contact=1, state="pending")
    book.put_contact(1, state="parked", error_code="ambiguous", parked_at=START, crm_id=None)

    found = book.ledger.query(sleeping_deliveries, NAME)
    assert [each.id for each in found] == [asleep]

    book.ledger.transact(wake_sleeping, [asleep], stamp=START + HOUR)

    assert book.lane().due_at == START + HOUR
    assert book.ledger.query(sleeping_deliveries, NAME) == []
    assert book.ledger.query(count_marked, NAME, stamp=START + HOUR) == OnItsWay(1, 1)
