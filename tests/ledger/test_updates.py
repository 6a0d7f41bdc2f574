"""Many rows, each with values of its own, on both databases."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, insert, select

from connector.ledger.insertion import insert_new
from connector.ledger.ledger import Ledger
from connector.ledger.schema import alias, contact
from connector.ledger.updates import update_rows

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def make_contacts(connection: Connection, count: int) -> list[int]:
    rows = [{"key": f"wc_{n}", "first_seen_at": NOW} for n in range(count)]
    return sorted(row.id for row in insert_new(connection, contact, rows))


@pytest.mark.parametrize("count", [0, 1, 5, 341])
def test_each_row_gets_its_own_values(ledger: Ledger, count: int) -> None:
    ids = ledger.transact(make_contacts, count)

    ledger.transact(
        update_rows,
        contact,
        [
            {
                "id": id_,
                "phone": f"+{id_}",
                "referral": {"n": id_} if id_ % 2 else None,
                "last_inbound_at": NOW if id_ % 2 else None,
            }
            for id_ in ids
        ],
    )

    def look(connection: Connection) -> list[tuple[object, ...]]:
        columns = (contact.c.id, contact.c.phone, contact.c.referral, contact.c.last_inbound_at)
        return [tuple(row) for row in connection.execute(select(*columns).order_by(contact.c.id))]

    assert ledger.query(look) == [
        (id_, f"+{id_}", {"n": id_} if id_ % 2 else None, NOW if id_ % 2 else None) for id_ in ids
    ]


def test_rows_are_found_by_a_key_of_several_columns(ledger: Ledger) -> None:
    (id_,) = ledger.transact(make_contacts, 1)

    def work(connection: Connection) -> list[tuple[object, ...]]:
        for value in ("1", "2"):
            connection.execute(
                insert(alias).values(
                    scope="p", kind="wa_id", value=value, contact_id=id_, seen_at=NOW
                )
            )
        later = NOW.replace(hour=11)
        update_rows(
            connection,
            alias,
            [{"scope": "p", "kind": "wa_id", "value": "2", "seen_at": later}],
            keys=("scope", "kind", "value"),
        )
        return [
            tuple(row)
            for row in connection.execute(
                select(alias.c.value, alias.c.seen_at).order_by(alias.c.value)
            )
        ]

    assert ledger.transact(work) == [("1", NOW), ("2", NOW.replace(hour=11))]


def test_inserting_tells_which_rows_are_new(ledger: Ledger) -> None:
    ledger.transact(make_contacts, 2)

    def work(connection: Connection) -> list[str]:
        rows = [{"key": f"wc_{n}", "first_seen_at": NOW} for n in range(4)]
        new = insert_new(connection, contact, rows, returning=[contact.c.key])
        return sorted(row.key for row in new)

    assert ledger.transact(work) == ["wc_2", "wc_3"]
