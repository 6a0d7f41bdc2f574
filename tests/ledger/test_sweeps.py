"""What a sweep reads and marks: windows in order, gaps, and rows that changed meanwhile left."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from connector.ledger.gaps import (
    blocked_contacts,
    count_unseen,
    load_uncarried,
    named_messages,
    uncarried_messages,
    want_uncarried,
)
from connector.ledger.ledger import Ledger
from connector.ledger.marks import (
    OnItsWay,
    count_marked,
    mark_for_writing,
    note_gone,
    relink,
    sleeping_deliveries,
    wake_sleeping,
)
from connector.ledger.schema import alias, delivery, lane, message
from connector.ledger.selections import Selection, selected_deliveries
from connector.ledger.sweeps import (
    Held,
    Print,
    Window,
    count_window,
    held_by_crm_id,
    held_by_marker,
    keep_prints,
    load_held,
    window_page,
)
from connector.model.message import UNSEEN

START = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
NAME = "hubspot"


class Book:
    """Puts rows into a ledger."""

    def __init__(self, ledger: Ledger, contacts: list[int]) -> None:
        self.ledger = ledger
        self.contacts = contacts
        self.lanes = [
            self._put(lane, destination=NAME, contact_id=each, priority=0) for each in contacts
        ]

    def _put(self, table: Any, **values: Any) -> int:
        def work(connection: Any) -> int:
            statement = insert(table).values(**values).returning(*table.primary_key)
            made: int = connection.execute(statement).scalar_one()
            return made

        return self.ledger.transact(work)

    def put_delivery(self, number: int, *, contact: int = 0, **values: Any) -> int:
        """Put a synced message; ``values`` differ from that."""
        row = {
            "lane_id": self.lanes[contact],
            "destination": NAME,
            "record": "message",
            "source_id": str(number),
            "marker": f"wm_{number}",
            "position": number,
            "state": "synced",
            "synced_generation": 1,
            "content_hash": "h",
            "crm_id": f"crm{number}",
            "queued_at": START,
            "sent_at": START,
            "synced_at": START + timedelta(seconds=number),
        }
        return self._put(delivery, **{**row, **values})

    def put_contact(self, contact: int = 0, **values: Any) -> int:
        source = str(self.contacts[contact])
        row = {"record": "contact", "source_id": source, "marker": f"wc_{source}", "position": 0}
        return self.put_delivery(
            0, contact=contact, **{**row, "crm_id": f"person{source}"} | values
        )

    def put_message(self, serial: int, *, contact: int = 0, **values: Any) -> int:
        row = {
            "wamid": f"wamid.{serial}",
            "wamid_hash": f"hash{serial}",
            "number": "Vendas",
            "contact_id": self.contacts[contact],
            "conversation": f"{self.contacts[contact]}:Vendas:2026-11-24",
            "direction": "in",
            "kind": "text",
            "content": {"text": "Olá"},
            "sent_at": START + timedelta(seconds=serial),
        }
        return self._put(message, **{**row, **values})

    def row(self, row_id: int) -> Any:
        return self.ledger.query(
            lambda c: c.execute(select(delivery).where(delivery.c.id == row_id)).one()
        )

    def held(self, *ids: int) -> list[Held]:
        found = self.ledger.query(load_held, ids)
        return [found[row_id] for row_id in ids]

    def lane(self, number: int = 0) -> Any:
        return self.ledger.query(
            lambda c: c.execute(select(lane).where(lane.c.id == self.lanes[number])).one()
        )


@pytest.fixture
def book(ledger: Ledger, new_contacts: Callable[[int], list[int]]) -> Book:
    ledger.keyed_hash("")  # reads the key, which can not be done within a transaction
    return Book(ledger, new_contacts(2))


def window(**values: Any) -> Window:
    bounds = {"since": START, "until": START + HOUR}
    return Window(**{"destination": NAME, "record": "message", **bounds, **values})


def read_all(ledger: Ledger, which: Window, *, limit: int) -> list[int]:
    """Read a window page by page."""
    ids: list[int] = []
    after = None
    while page := ledger.query(window_page, which, after=after, limit=limit):
        ids += [row.id for row in page]
        assert page[-1].synced_at is not None
        after = (page[-1].synced_at, page[-1].id)
    return ids


def test_a_window_is_read_once_through_in_the_order_of_writing(book: Book) -> None:
    ids = [book.put_delivery(number, synced_at=START) for number in range(1, 4)]
    ids += [book.put_delivery(number) for number in range(5, 9)]
    book.put_delivery(9, synced_at=START - HOUR)
    book.put_delivery(10, synced_at=START + HOUR)
    book.put_delivery(11, state="pending")
    book.put_delivery(12, gone_at=START)
    book.put_contact()

    assert read_all(book.ledger, window(), limit=2) == ids
    assert book.ledger.query(count_window, window()) == len(ids)


def test_a_thrifty_window_leaves_out_what_was_looked_at_since_it_was_written(book: Book) -> None:
    stale = START + timedelta(minutes=30)
    never = book.put_delivery(1)
    book.put_delivery(2, checked_at=stale + HOUR)
    written_since = book.put_delivery(3, checked_at=stale + HOUR, sent_at=stale + 2 * HOUR)
    long_ago = book.put_delivery(4, checked_at=stale - HOUR / 4)
    thrifty = window(stale_before=stale)

    assert read_all(book.ledger, thrifty, limit=10) == [never, written_since, long_ago]
    rows = book.held(never, written_since, long_ago)
    assert all(thrifty.holds(row) for row in rows)
    everyone = book.ledger.query(window_page, window(), after=None, limit=10)
    assert [thrifty.holds(row) for row in everyone] == [True, False, True, True]


def test_a_record_is_found_by_the_id_it_has_in_the_crm(book: Book) -> None:
    first, second = book.put_contact(0, crm_id="7"), book.put_contact(1, crm_id="7")
    one = book.put_delivery(1, crm_id="7")

    contacts = book.ledger.query(held_by_crm_id, NAME, "contact", {"7", "8"})
    messages = book.ledger.query(held_by_crm_id, NAME, "message", {"7", "8"})

    assert sorted(row.id for row in contacts["7"]) == [first, second]
    assert [row.id for row in messages["7"]] == [one]
    assert "8" not in messages


def test_a_record_is_found_by_our_key_slice_by_slice(book: Book) -> None:
    ids = [book.put_delivery(number) for number in range(1, 6)]
    keys = {"wm_2", "wm_5", "wm_9"}

    near = book.ledger.query(held_by_marker, NAME, keys, after=0, upto=ids[2])
    far = book.ledger.query(held_by_marker, NAME, keys, after=ids[2], upto=ids[4])

    assert [row.id for row in near] == [ids[1]]
    assert [row.id for row in far] == [ids[4]]


def test_a_fingerprint_is_kept_unless_the_row_was_renewed_meanwhile(book: Book) -> None:
    one, two = book.put_delivery(1), book.put_delivery(2)
    prints = [Print(row.id, row.generation, "f" * 32) for row in book.held(one, two)]
    book.ledger.transact(
        lambda c: c.execute(update(delivery).where(delivery.c.id == two).values(generation=2))
    )

    book.ledger.transact(keep_prints, prints, at=START + HOUR)

    assert (book.row(one).crm_hash, book.row(one).checked_at) == ("f" * 32, START + HOUR)
    assert (book.row(two).crm_hash, book.row(two).checked_at) == (None, None)
    assert book.held(one)[0].trusted


def test_what_was_written_after_the_last_look_is_not_trusted(book: Book) -> None:
    row = book.put_delivery(1, crm_hash="f" * 32, checked_at=START, sent_at=START + HOUR)

    assert not book.held(row)[0].trusted


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


def look_for_gaps(book: Book, **values: Any) -> list[int]:
    """Look at all messages, three at a time; return those that nothing carries."""
    ids: list[int] = []
    after = None
    scope = {"record": "message", "number": "Vendas", "since": START, "until": START + HOUR}
    while True:
        found, after = book.ledger.query(
            uncarried_messages, NAME, **{**scope, **values}, after=after, limit=3
        )
        ids += [each.id for each in found]
        if after is None:
            return ids


def test_messages_that_nothing_carries_are_found_and_others_are_not(book: Book) -> None:
    carried = book.put_message(1)
    book.put_delivery(carried)
    missing = [book.put_message(number) for number in range(2, 9)]
    book.put_message(20, kind=UNSEEN, content={})
    book.put_message(21, wamid=None)
    book.put_message(22, purged_at=START)
    book.put_message(23, number="Suporte")
    book.put_message(24, sent_at=START - HOUR)

    assert look_for_gaps(book) == missing
    assert look_for_gaps(book, contact_id=book.contacts[1]) == []


def test_a_conversation_carries_all_of_its_messages(book: Book) -> None:
    book.put_message(1)
    book.put_message(2)
    other = book.put_message(3, contact=1)
    key = f"{book.contacts[0]}:Vendas:2026-11-24"
    book.put_delivery(1, record="conversation", source_id=key)

    assert look_for_gaps(book, record="conversation") == [other]


def want(book: Book, ids: list[int], *, blocked: frozenset[str] = frozenset()) -> None:
    messages = book.ledger.query(load_uncarried, ids)
    book.ledger.transact(
        want_uncarried,
        NAME,
        messages,
        record="message",
        keyed_hash=book.ledger.keyed_hash,
        is_blocked=lambda aliases: any(each.value in blocked for each in aliases),
        now=START + HOUR,
    )


def rows(book: Book) -> list[tuple[str, str, str | None]]:
    found = book.ledger.query(
        lambda c: c.execute(
            select(delivery.c.record, delivery.c.state, delivery.c.error_code).order_by(
                delivery.c.record, delivery.c.id
            )
        ).all()
    )
    return [tuple(row) for row in found]


def test_what_was_missing_is_put_on_its_lane_with_its_contact(book: Book) -> None:
    ids = [book.put_message(1), book.put_message(2)]

    want(book, ids)
    want(book, ids)

    assert rows(book) == [
        ("contact", "pending", None),
        ("message", "pending", None),
        ("message", "pending", None),
    ]
    assert look_for_gaps(book) == []
    assert book.lane().due_at == START + HOUR


def test_what_is_missing_of_a_blocked_person_is_accounted_for_and_not_sent(book: Book) -> None:
    message_id = book.put_message(1)
    book.ledger.transact(
        lambda c: c.execute(
            insert(alias).values(
                scope="default",
                kind="wa_id",
                value="5511912345678",
                contact_id=book.contacts[0],
                seen_at=START,
            )
        )
    )

    want(book, [message_id], blocked=frozenset({"5511912345678"}))

    assert rows(book) == [("message", "skipped", "blocked")]
    found = book.ledger.query(blocked_contacts, book.contacts, is_blocked=lambda _: True)
    assert found == {book.contacts[0]}


def test_a_message_only_spoken_of_counts_as_missed_where_its_like_do_reach_us(book: Book) -> None:
    book.put_message(1, kind=UNSEEN, content={}, direction="out", status="read")
    assert book.ledger.query(count_unseen, "Vendas", since=START) == 0

    book.put_message(2, direction="out")
    assert book.ledger.query(count_unseen, "Vendas", since=START) == 1
    assert book.ledger.query(count_unseen, "Vendas", since=START + HOUR) == 0
    assert book.ledger.query(count_unseen, "Suporte", since=START) == 0


def test_the_messages_that_others_name_are_read_page_by_page(book: Book) -> None:
    book.put_message(1, content={"text": "sim", "reply_to": "wamid.A"})
    book.put_message(2, kind="reaction", content={"reaction": {"message_id": "wamid.B"}})
    book.put_message(3)
    book.put_message(4, content={"reply_to": "wamid.C"}, sent_at=START - HOUR)

    first, after = book.ledger.query(named_messages, "Vendas", since=START, after=None, limit=2)
    second, end = book.ledger.query(named_messages, "Vendas", since=START, after=after, limit=2)

    assert first == {"wamid.A", "wamid.B"}
    assert (second, end) == (set(), None)


def select_ids(book: Book, **values: Any) -> list[int]:
    selection = Selection.from_json(Selection(**values).to_json())
    found = book.ledger.query(selected_deliveries, NAME, selection, after=0, upto=10_000)
    return [row.id for row in found]


def test_a_selection_narrows_by_time_contact_and_number(book: Book) -> None:
    book.put_message(1)
    book.put_message(2, contact=1, number="Suporte", sent_at=START + 48 * HOUR)
    person, other = book.put_contact(0), book.put_contact(1)
    early = book.put_delivery(1, position=_position(START))
    late = book.put_delivery(2, contact=1, position=_position(START + 48 * HOUR))
    waiting = book.put_delivery(3, state="pending", position=_position(START))
    book.put_delivery(4, state="parked", error_code="x", parked_at=START)
    book.put_delivery(5, gone_at=START)

    assert select_ids(book) == [person, other, early, late, waiting]
    assert select_ids(book, contact_id=book.contacts[1]) == [other, late]
    assert select_ids(book, since=START + 47 * HOUR) == [other, late]
    assert select_ids(book, until=START + HOUR) == [person, early, waiting]
    contacts = select_ids(book, numbers=frozenset({"Suporte"}))
    assert contacts == [other, early, late, waiting], "a message's number shows in the message"
    assert Selection(numbers=frozenset({"Suporte"})).takes("Suporte", START)
    assert not Selection(numbers=frozenset({"Suporte"})).takes("Vendas", START)


def _position(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
