"""What is too old is dropped in slices, and what tells messages apart stays."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from connector.ledger.deliveries import IN_DOUBT, Parked, begin, settle_in_doubt, settle_parked
from connector.ledger.keeper import HeldLease
from connector.ledger.lanes import Wanted, want
from connector.ledger.leases import claim_lease, release_lease
from connector.ledger.ledger import Ledger
from connector.ledger.runs import Run, begin_run, finish_run, load_runs, order_run
from connector.ledger.schema import delivery, media, message, webhook
from connector.reconcile import retention
from connector.reconcile.errands import Ending, Errand
from connector.reconcile.retention import retain

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
YEAR = timedelta(days=365)
OLD = NOW - YEAR - timedelta(days=1)
YOUNG = NOW - timedelta(days=1)


class Still:
    """A clock that stands still."""

    def now(self) -> datetime:
        return NOW

    def boot(self) -> float:
        return 0.0


@pytest.fixture
def clock() -> Still:
    return Still()


def put(ledger: Ledger, table: Any, **values: Any) -> int:
    def work(connection: Any) -> int:
        made = connection.execute(insert(table).values(**values).returning(*table.primary_key))
        found: int = made.scalar_one()
        return found

    return ledger.transact(work)


def put_webhook(ledger: Ledger, number: int, *, at: datetime, recorded: bool = True) -> int:
    return put(
        ledger,
        webhook,
        digest=bytes([number]) * 32,
        body=b"Ana",
        received_at=at,
        recorded_at=at if recorded else None,
    )


def put_message(ledger: Ledger, contact_id: int, number: int, *, at: datetime) -> int:
    return put(
        ledger,
        message,
        wamid=f"wamid.{number}",
        wamid_hash=f"hash{number}",
        number="Vendas" if number % 2 else "Suporte",
        contact_id=contact_id,
        conversation=f"{contact_id}:Vendas:2025-11-24",
        direction="in",
        kind="text",
        content={"text": "Olá"},
        sent_at=at,
    )


def carry_out(ledger: Ledger, media_folder: Path, *, keep: timedelta | None = YEAR) -> Ending:
    made = ledger.transact(order_run, "retention", actor="a test", now=NOW)
    assert made is not None
    ledger.transact(begin_run, made, now=NOW)
    ordered: Run = ledger.query(load_runs, [made])[made]
    lease = ledger.transact(claim_lease, "schedule", owner="a test", now=NOW, life=YEAR)
    assert lease is not None

    async def work() -> Ending:
        held = HeldLease(ledger, lease, life=1e9, since=0)
        errand = Errand(ordered, ledger, held, asyncio.Event())
        return await retain(errand, keep=keep, media=media_folder)

    ending = asyncio.run(work())
    ledger.transact(finish_run, made, state="done", now=NOW)
    ledger.transact(release_lease, lease)
    return ending


def rows(ledger: Ledger, table: Any, *columns: str) -> list[tuple[Any, ...]]:
    def work(connection: Any) -> list[tuple[Any, ...]]:
        found = connection.execute(
            select(*(table.c[name] for name in columns)).order_by(*table.primary_key)
        )
        return [tuple(row) for row in found]

    return ledger.query(work)


@pytest.fixture(autouse=True)
def _small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_AT_ONCE", 2)


def test_old_bodies_go_and_their_digests_stay(ledger: Ledger, tmp_path: Path) -> None:
    for number in range(5):
        put_webhook(ledger, number, at=OLD)
    put_webhook(ledger, 9, at=YOUNG)

    ending = carry_out(ledger, tmp_path)

    assert ending.counts["webhooks"] == 5
    bodies = rows(ledger, webhook, "body", "digest")
    assert [body for body, _ in bodies] == [None] * 5 + [b"Ana"]
    assert all(len(digest) == 32 for _, digest in bodies)


def test_a_webhook_that_waits_to_be_recorded_is_kept_however_old(
    ledger: Ledger, tmp_path: Path
) -> None:
    put_webhook(ledger, 1, at=OLD, recorded=False)

    assert carry_out(ledger, tmp_path).counts["webhooks"] == 0
    assert rows(ledger, webhook, "body") == [(b"Ana",)]


def test_old_messages_lose_their_words_and_ids_but_not_the_hash(
    ledger: Ledger, new_contacts: Callable[[int], list[int]], tmp_path: Path
) -> None:
    (contact_id,) = new_contacts(1)
    for number in range(7):
        put_message(ledger, contact_id, number, at=OLD + timedelta(seconds=number))
    put_message(ledger, contact_id, 7, at=YOUNG)

    ending = carry_out(ledger, tmp_path)

    assert ending.counts["messages"] == 7
    found = rows(ledger, message, "content", "wamid", "wamid_hash", "purged_at")
    assert found[:7] == [(None, None, f"hash{number}", NOW) for number in range(7)]
    assert found[7] == ({"text": "Olá"}, "wamid.7", "hash7", None)


def test_a_request_in_doubt_loses_the_words_of_an_old_message_and_waits_on(
    ledger: Ledger, new_contacts: Callable[[int], list[int]], tmp_path: Path
) -> None:
    (contact_id,) = new_contacts(1)
    conversation = f"{contact_id}:Vendas:2025-11-24"
    put_message(ledger, contact_id, 1, at=OLD)
    young = put_message(ledger, contact_id, 2, at=YOUNG)
    sources: list[tuple[Any, str]] = [
        ("message", "1"),
        ("message", str(young)),
        ("conversation", conversation),
        ("conversation", f"{conversation}#2"),
        ("conversation", f"{contact_id}:Vendas:2026-11-23"),
    ]
    wanted = [
        Wanted("hubspot", contact_id, record, source, marker=source, position=place)
        for place, (record, source) in enumerate(sources)
    ]
    ledger.transact(want, wanted, now=NOW)
    ids = [row_id for (row_id,) in rows(ledger, delivery, "id")]
    bodies = dict.fromkeys(ids, b"Ana")
    ledger.transact(begin, ids, now=NOW, verify_at=NOW, bodies=bodies)
    ledger.transact(settle_in_doubt, ids, detail="reset")
    ledger.transact(settle_parked, [Parked(ids[0], IN_DOUBT, "reset")], now=NOW)

    carry_out(ledger, tmp_path)

    found = rows(ledger, delivery, "source_id", "state", "sent_body")
    assert found == [
        ("1", "parked", None),
        (str(young), "in_flight", b"Ana"),
        (conversation, "in_flight", None),
        (f"{conversation}#2", "in_flight", None),
        (f"{contact_id}:Vendas:2026-11-23", "in_flight", b"Ana"),
    ]


def test_the_file_of_an_old_message_goes_and_no_other(
    ledger: Ledger, new_contacts: Callable[[int], list[int]], tmp_path: Path
) -> None:
    (contact_id,) = new_contacts(1)
    folder = tmp_path / "media"
    folder.mkdir()
    for number, at in ((1, OLD), (3, YOUNG)):
        (folder / f"{number}.jpg").touch()
        made = put_message(ledger, contact_id, number, at=at)
        put(
            ledger,
            media,
            message_id=made,
            media_id=f"m{number}",
            path=f"{number}.jpg",
            state="stored",
        )
    (tmp_path / "1.jpg").touch()

    ending = carry_out(ledger, folder)

    assert ending.counts["files"] == 1
    assert [each.name for each in folder.iterdir()] == ["3.jpg"]
    assert (tmp_path / "1.jpg").exists()
    assert rows(ledger, media, "state", "path", "media_id") == [
        ("purged", None, None),
        ("stored", "3.jpg", "m3"),
    ]


def test_what_was_dropped_is_not_dropped_again(
    ledger: Ledger, new_contacts: Callable[[int], list[int]], tmp_path: Path
) -> None:
    (contact_id,) = new_contacts(1)
    put_message(ledger, contact_id, 1, at=OLD)
    put_webhook(ledger, 1, at=OLD)
    carry_out(ledger, tmp_path)

    ending = carry_out(ledger, tmp_path)

    assert ending.counts == {"webhooks": 0, "messages": 0, "files": 0}


def test_nothing_goes_where_everything_is_kept_for_ever(
    ledger: Ledger, new_contacts: Callable[[int], list[int]], tmp_path: Path
) -> None:
    (contact_id,) = new_contacts(1)
    put_message(ledger, contact_id, 1, at=OLD)
    put_webhook(ledger, 1, at=OLD)

    ending = carry_out(ledger, tmp_path, keep=None)

    assert ending.counts == {"webhooks": 0, "messages": 0, "files": 0}
    assert rows(ledger, webhook, "body") == [(b"Ana",)]
