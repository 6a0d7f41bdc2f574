"""Contacts in the ledger, and processes that meet the same stranger at the same time."""

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.engine import URL

from connector.ledger import migrate
from connector.ledger.contacts import RaceLostError, find_contacts
from connector.ledger.engine import open_engine
from connector.ledger.ledger import Ledger
from connector.ledger.schema import alias, contact, review
from connector.model.identity import Alias
from connector.record.meeting import meet
from connector.record.resolve import Resolution, Sighting

START = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
ROUNDS = int(os.environ.get("CONNECTOR_TEST_RACES", "150"))
WORKERS = 4


def see(user_id: str | None, wa_id: str | None, *, at: int = 0, **more: Any) -> Sighting:
    return Sighting(
        at=START + timedelta(seconds=at),
        user_ids=(user_id,) if user_id else (),
        wa_ids=(wa_id,) if wa_id else (),
        **more,
    )


def meet_all(ledger: Ledger, sightings: Sequence[Sighting]) -> Resolution:
    def work(connection: Any) -> Resolution:
        return meet(
            connection,
            sightings,
            scope="default",
            keyed_hash=ledger.keyed_hash,
            variant="",
            now=START,
        )

    assert len(ledger.key) == 32  # made before a transaction holds the only connection
    return ledger.transact(work)


def test_what_was_learnt_is_read_back(ledger: Ledger) -> None:
    meet_all(
        ledger,
        [
            see(
                "BR.1",
                "5511987654321",
                parent_user_id="BR.ENT.1",
                profile_name="Ana",
                username="ana",
                referral={"source_id": "1"},
                direction="in",
            )
        ],
    )

    known = ledger.query(find_contacts, [Alias("default", "wa_id", "551187654321")])

    (person,) = set(known.owners.values())
    assert person.key == "wc_" + ledger.keyed_hash("contact|default|user_id|BR.1")
    assert {name.value for name in person.aliases} == {
        "BR.1",
        "BR.ENT.1",
        "5511987654321",
        "551187654321",
    }
    assert (person.phone, person.username, person.profile_name) == ("+5511987654321", "ana", "Ana")
    assert person.profile_seen_at == person.first_seen_at == person.last_inbound_at == START
    assert person.referral == {"source_id": "1", "at": START.isoformat(timespec="milliseconds")}


def test_a_batch_costs_a_handful_of_statements(
    ledger: Ledger, count_statements: Callable[[Ledger], Any]
) -> None:
    sightings = [see(f"BR.{n}", f"55119{n:08}", direction="in") for n in range(200)]
    with count_statements(ledger) as first:
        meet_all(ledger, sightings)
    later = [see(f"BR.{n}", f"55119{n:08}", at=9, direction="in") for n in range(200)]
    with count_statements(ledger) as second:
        meet_all(ledger, later)

    assert first.count <= 15
    assert second.count <= 25  # updates come in slices of 256, 64, 16, 4 and 1 rows


def test_a_recycled_number_is_reviewed_once(ledger: Ledger) -> None:
    for at, user_id in enumerate(["BR.1", "BR.2", "BR.1", "BR.2"]):
        meet_all(ledger, [see(user_id, "5511987654321", at=at)])

    with ledger.engine.connect() as connection:
        rows = connection.execute(select(review)).all()
        holder = connection.execute(
            select(contact).join(alias).where(alias.c.value == "BR.2")
        ).one()
        other = connection.execute(select(contact).join(alias).where(alias.c.value == "BR.1")).one()
    assert [(row.kind, row.contact_id, row.candidates) for row in rows] == [
        ("recycled_number", holder.id, [{"contact_id": other.id, "contact": other.key}])
    ]


def test_a_third_owner_of_a_number_joins_the_open_review_of_the_second(ledger: Ledger) -> None:
    meet_all(ledger, [see("BR.1", "5511987654321"), see("BR.2", "5521999998888")])
    meet_all(ledger, [see("BR.3", "5511987654321", at=1), see("BR.3", "5521999998888", at=2)])

    with ledger.engine.connect() as connection:
        (row,) = connection.execute(select(review)).all()
    assert len(row.candidates) == 2


def test_an_explicit_link_answers_the_review(ledger: Ledger) -> None:
    meet_all(ledger, [see("BR.1", "5511987654321"), see("BR.2", "5511987654321", at=1)])

    meet_all(ledger, [see("BR.2", None, former_user_ids=("BR.1",))])

    with ledger.engine.connect() as connection:
        (row,) = connection.execute(select(review)).all()
        living = connection.execute(
            select(func.count()).select_from(contact).where(contact.c.merged_into.is_(None))
        ).scalar_one()
    assert row.resolution == "same"
    assert living == 1


def test_a_contact_whose_key_is_taken_by_one_that_lost_its_alias_gets_another(
    ledger: Ledger,
) -> None:
    meet_all(ledger, [see("BR.1", None)])
    with ledger.engine.begin() as connection:
        connection.execute(alias.delete())

    def work(connection: Any) -> Resolution:
        return meet(
            connection,
            [see("BR.1", None)],
            scope="default",
            keyed_hash=ledger.keyed_hash,
            variant="|2",
            now=START,
        )

    ledger.transact(work)

    with ledger.engine.connect() as connection:
        keys = set(connection.execute(select(contact.c.key)).scalars())
    assert len(keys) == 2


def test_processes_that_meet_the_same_strangers_at_once_make_one_contact_of_each(
    new_postgres_database: Callable[[], URL],
) -> None:
    """Phone only, user id only and both, in every order, all at the same time."""
    url = new_postgres_database()
    engine = open_engine(url)
    migrate.upgrade(engine)
    ledger = Ledger(engine)
    assert len(ledger.key) == 32
    command = [sys.executable, str(Path(__file__)), url.render_as_string(hide_password=False)]
    workers = [
        subprocess.Popen(
            [*command, str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for number in range(WORKERS)
    ]
    try:
        for step in range(ROUNDS):
            for worker in workers:
                assert worker.stdin is not None
                worker.stdin.write(f"{step}\n")
                worker.stdin.flush()
            for worker in workers:
                assert worker.stdout is not None
                assert worker.stdout.readline() == "done\n"
    finally:
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.close()
        codes = [worker.wait(30) for worker in workers]
        for worker in workers:
            assert worker.stdout is not None
            worker.stdout.close()

    assert codes == [0] * WORKERS
    with engine.connect() as connection:
        owners = connection.execute(
            select(alias.c.value, contact.c.id, contact.c.merged_into).join(contact)
        ).all()
    ledger.close()
    assert all(row.merged_into is None for row in owners)
    people: dict[str, set[int]] = {}
    for row in owners:
        people.setdefault(row.value[-8:], set()).add(row.id)
    assert len(people) == ROUNDS
    assert {len(ids) for ids in people.values()} == {1}


def _race(url: str, number: int) -> None:
    """Meet stranger after stranger, each when told, in the order that is this worker's turn."""
    ledger = Ledger(open_engine(url))
    orders = list(itertools.permutations(["phone", "user id", "both", "other spelling"]))
    for line in sys.stdin:
        step = int(line)
        phone = f"55119{80_000_000 + step}"
        user_id = f"BR.{phone[-8:]}"
        shown = {
            "phone": see(None, phone),
            "user id": see(user_id, None),
            "both": see(user_id, phone),
            "other spelling": see(None, phone[:4] + phone[5:]),
        }
        for kind in orders[(step * WORKERS + number) % len(orders)]:
            _meet_until_won(ledger, shown[kind])
        sys.stdout.write("done\n")
        sys.stdout.flush()
    ledger.close()


def _meet_until_won(ledger: Ledger, sighting: Sighting) -> None:
    for _ in range(10):
        try:
            meet_all(ledger, [sighting])
        except RaceLostError:
            continue
        return
    raise AssertionError("lost ten races in a row")


if __name__ == "__main__":
    _race(sys.argv[1], int(sys.argv[2]))
