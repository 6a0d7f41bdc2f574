"""What a ledger that was restored from a backup is told, on both databases."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from connector.errors import LeaseLostError
from connector.ledger import schema
from connector.ledger.destinations import load_standing
from connector.ledger.heartbeat import beat
from connector.ledger.leases import check_lease, claim_lease
from connector.ledger.ledger import Ledger
from connector.ledger.restoration import (
    EPOCHS,
    Restoration,
    count_sessions,
    last_write,
    load_restoration,
    recover,
)
from connector.ledger.runs import load_runs, order_run
from connector.ledger.sweeps import Held
from connector.mapping.rendered import Rendered
from connector.reconcile.judging import judge
from tests.rows import NOON, Rows

NOW = NOON + timedelta(hours=5)
QUIET = timedelta(seconds=152)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


class Backup(Rows):
    """A ledger as it was at noon."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self.ledger = ledger
        self.number = 0

    def put(self, state: str, **values: Any) -> int:
        """Add a delivery of a message."""
        self.number += 1
        return self.add(
            schema.delivery,
            **{
                "lane_id": self.lane,
                "destination": "hubspot",
                "record": "message",
                "source_id": str(self.number),
                "marker": f"wm_{self.number}",
                "position": self.number,
                "state": state,
                "generation": 1,
                "queued_at": NOON,
                **values,
            },
        )

    def row(self, row_id: int) -> Any:
        """Return a delivery."""
        with self.ledger.engine.connect() as connection:
            return connection.execute(
                select(schema.delivery).where(schema.delivery.c.id == row_id)
            ).one()

    def recover(self) -> Any:
        """Recover it now."""
        return self.ledger.transact(recover, actor="ana", now=NOW, quiet=QUIET)


@pytest.fixture
def backup(ledger: Ledger) -> Backup:
    return Backup(ledger)


def test_what_is_in_no_crm_as_far_as_the_backup_knows_is_doubtful(backup: Backup) -> None:
    waiting = backup.put("pending", resends=2, attempts=3)
    flying = backup.put("in_flight", sent_at=NOON - MINUTE, verify_at=NOON)
    changed = backup.put("pending", crm_id="7", synced_generation=0, generation=2)
    synced = backup.put("synced", crm_id="8", synced_at=NOON + MINUTE)
    parked = backup.put("parked", error_code="rejected.422", parked_at=NOON, resends=2)

    recovered = backup.recover()

    assert recovered.in_doubt == {"hubspot": 2}
    assert recovered.last_write == NOON + MINUTE
    for row_id, sent_at in ((waiting, NOON + MINUTE), (flying, NOON - MINUTE)):
        row = backup.row(row_id)
        assert (row.state, row.error_code, row.resends) == ("in_flight", "in_doubt", 0)
        assert (row.sent_at, row.verify_at) == (sent_at, NOW + QUIET)
    assert [backup.row(row_id).state for row_id in (changed, synced)] == ["pending", "synced"]
    assert (backup.row(parked).state, backup.row(parked).resends) == ("parked", 0)


def test_nothing_is_sent_before_what_was_under_way_has_come_to_rest(backup: Backup) -> None:
    recovered = backup.recover()

    standing = backup.ledger.query(load_standing, "hubspot")
    assert standing.blocked_until == recovered.quiet_until == NOW + QUIET


def test_who_held_a_lease_of_the_lost_ledger_is_fenced_off_though_claims_went_on(
    backup: Backup,
) -> None:
    name = "deliver/hubspot"
    life = timedelta(minutes=5)
    backup.ledger.transact(claim_lease, name, owner="a", now=NOON, life=life)
    with backup.ledger.engine.begin() as connection:  # as a process on the lost ledger went on
        lost = claim_lease(connection, name, owner="a", now=NOON + 2 * life, life=life)
    assert lost is not None
    backup.recover()

    claimed = backup.ledger.transact(claim_lease, name, owner="a", now=NOW, life=life)

    assert claimed is not None
    assert claimed.epoch > lost.epoch + EPOCHS - 1
    with pytest.raises(LeaseLostError):
        backup.ledger.transact(check_lease, lost)


def test_runs_that_were_under_way_are_withdrawn(backup: Backup) -> None:
    run_id = backup.ledger.transact(order_run, "resync", actor="ana", now=NOON)
    assert run_id is not None

    assert backup.recover().runs == 1

    found = backup.ledger.query(load_runs, [run_id])[run_id]
    assert (found.state, found.error) == (
        "failed",
        "the ledger was restored from a backup; order it again",
    )


def test_a_refresh_token_that_may_be_dead_is_named(backup: Backup) -> None:
    with backup.ledger.engine.begin() as connection:
        connection.execute(update(schema.destination).values(refresh_token="old"))

    assert backup.recover().rotated == ("hubspot",)


def test_several_restores_are_remembered_as_one_time_of_which_nothing_is_known(
    backup: Backup,
) -> None:
    assert backup.ledger.query(load_restoration) is None
    backup.recover()
    backup.put("synced", crm_id="9", synced_at=NOW + MINUTE)
    backup.ledger.transact(recover, actor="ana", now=NOW + 3 * MINUTE, quiet=QUIET)

    found = backup.ledger.query(load_restoration)

    assert found == Restoration(last_write=NOON, restored_at=NOW + 3 * MINUTE)


def test_recovering_twice_changes_nothing_more(backup: Backup) -> None:
    row_id = backup.put("pending")
    first = backup.recover()
    again = backup.recover()

    assert (again.last_write, again.in_doubt) == (first.last_write, first.in_doubt)
    assert backup.row(row_id).sent_at == NOON
    with backup.ledger.engine.connect() as connection:
        runs = connection.execute(select(func.count()).select_from(schema.run)).scalar_one()
    assert runs == 2


def test_a_run_that_ends_in_the_future_is_no_last_write(backup: Backup) -> None:
    backup.add(schema.run, job="minutes", state="done", started_at=NOON, finished_at=NOW + HOUR)

    assert backup.recover().last_write == NOON


def test_an_empty_ledger_has_no_last_write(ledger: Ledger) -> None:
    assert ledger.query(last_write) is None
    assert ledger.transact(recover, actor="ana", now=NOW, quiet=QUIET).last_write == NOW


def test_heartbeats_stay(backup: Backup) -> None:
    backup.ledger.transact(beat, "a", now=NOON, life=MINUTE)
    backup.recover()

    with backup.ledger.engine.connect() as connection:
        row = connection.execute(select(schema.lease)).one()
    assert (row.owner, row.epoch) == ("a", 0)


def test_a_process_that_is_connected_is_seen_on_postgresql(ledger: Ledger) -> None:
    assert ledger.query(count_sessions) == 0
    with ledger.engine.connect() as connection:
        if ledger.dialect != "postgresql":
            return
        connection.exec_driver_sql("SET application_name = 'connector:daemon:1'")
        assert ledger.query(count_sessions) == 1


def test_a_message_sent_before_the_restore_may_be_in_the_crm_and_a_later_one_may_not() -> None:
    restoration = Restoration(last_write=NOON, restored_at=NOW)

    def position(moment: datetime) -> int:
        return int(moment.timestamp() * 1000)

    assert restoration.may_hide(position(NOW - timedelta(days=400)))
    assert restoration.may_hide(position(NOW + MINUTE))  # by a clock that runs ahead
    assert not restoration.may_hide(position(NOW + 3 * MINUTE))
    assert restoration.made_since(position(NOON - MINUTE)) == NOON
    assert restoration.made_since(position(NOON + MINUTE)) == NOON + MINUTE


def test_what_a_row_says_of_the_crm_counts_only_if_it_was_learnt_since() -> None:
    restoration = Restoration(last_write=NOON, restored_at=NOW)
    held = Held(
        id=1,
        lane_id=1,
        contact_id=1,
        record="message",
        source_id="1",
        marker="wm_1",
        state="synced",
        generation=1,
        content_hash="a",
        crm_id="7",
        crm_hash="b",
        queued_at=NOON,
        sent_at=NOON,
        synced_at=NOON,
        checked_at=NOON,
        gone_at=None,
    )

    assert (restoration.distrust(held).content_hash, restoration.distrust(held).crm_hash) == (
        None,
        None,
    )
    nothing = frozenset[str]()
    newer = judge(
        restoration.distrust(held),
        {"body": "as it was edited after the backup"},
        names=("body",),
        render=lambda: Rendered(
            {"body": "as the backup knows it"}, nothing, nothing, nothing, content_hash="a"
        ),
    )
    assert (newer.kind, newer.fields) == ("same", ())
    later = datetime(2027, 1, 1, tzinfo=UTC)
    for name in ("sent_at", "checked_at"):
        known = Held(**{n: getattr(held, n) for n in Held.__slots__} | {name: later})
        assert restoration.distrust(known) is known
