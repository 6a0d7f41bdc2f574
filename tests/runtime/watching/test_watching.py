"""Which alerts fire, from what on, and until when."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from connector.config.models import Config
from connector.crm.budget import BudgetState
from connector.ledger import destinations, schema
from connector.ledger.alarms import (
    firing_alarms,
)
from connector.ledger.ledger import Ledger
from connector.runtime.watching import Watch
from tests.runtime.watching.hands import START, HandClock, Look, make_due


def test_nothing_fires_where_all_is_well(look: Look, rows: Any) -> None:
    rows.deliver("contact", "synced")

    assert look() == set()


def test_a_lag_fires_once_and_is_over_when_it_has_shrunk_well(
    ledger: Ledger, look: Look, rows: Any, clock: HandClock
) -> None:
    rows.deliver("contact", "pending")
    make_due(ledger, START)
    clock.move(minutes=5)
    assert look() == set()
    clock.move(seconds=1)
    assert look() == {("Undelivered", "hubspot")}
    began = ledger.query(firing_alarms)[0]
    assert began.detail == "the oldest record has waited 5 min: nobody delivers"
    assert began.since == clock.moment

    clock.move(minutes=1)
    assert look() == {("Undelivered", "hubspot")}
    assert [each.id for each in ledger.query(firing_alarms)] == [began.id]

    _queued(ledger, clock.moment - timedelta(minutes=3))
    assert look() == {("Undelivered", "hubspot")}
    _queued(ledger, clock.moment - timedelta(minutes=2, seconds=30))
    assert look() == set()


def test_what_waits_for_a_person_or_is_backfill_is_no_lag(
    ledger: Ledger, look: Look, rows: Any, clock: HandClock
) -> None:
    rows.deliver("message", "pending")
    clock.move(hours=1)
    assert look() == set()

    make_due(ledger, START)
    with ledger.engine.begin() as connection:
        connection.execute(update(schema.lane).values(priority=10))
    assert look() == set()


def test_a_pause_fires_with_its_reason_and_its_backlog_is_not_told_again(
    ledger: Ledger, look: Look, rows: Any, clock: HandClock
) -> None:
    rows.deliver("contact", "pending")
    make_due(ledger, START)
    ledger.transact(destinations.pause, "hubspot", reason="auth", detail="401 from the CRM")
    clock.move(hours=2)
    assert look() == {("DestinationPaused", "hubspot")}
    [alarm] = ledger.query(firing_alarms)
    assert alarm.detail == "paused: the CRM does not accept the credentials (401 from the CRM)"
    assert alarm.remedy == "replace the token, then `connector resume hubspot` or wait a minute"

    ledger.transact(destinations.resume, "hubspot")
    clock.move(seconds=15)
    assert look() == set()
    clock.move(minutes=5)
    assert look() == set()
    clock.move(minutes=1)
    assert look() == {("Undelivered", "hubspot")}


def test_dead_letters_fire_from_the_configured_number_on(
    ledger: Ledger, config: Config, rows: Any
) -> None:
    two = config.model_copy(update={"alerts": config.alerts.model_copy(update={"dead_letters": 2})})
    watch = Watch(two, ledger, budgets=dict)
    rows.deliver("contact", "parked", error_code="rejected.422")
    ledger.transact(watch.look, lease=None)
    assert ledger.query(firing_alarms) == []

    rows.deliver("message", "parked", error_code="in_doubt")
    ledger.transact(watch.look, lease=None)
    [alarm] = ledger.query(firing_alarms)
    assert (alarm.alert, alarm.detail) == ("ParkedGrowing", "2 records wait for a person")


@pytest.mark.usefixtures("rows")
def test_a_quota_fires_below_a_tenth_and_is_over_above_a_fifth(
    look: Look, budgets: dict[str, dict[str, BudgetState]]
) -> None:
    for left, fires in ((100, False), (99, True), (150, True), (200, False)):
        budgets["hubspot"] = {
            "daily": BudgetState(1000.0, float(left), None),
            "burst": BudgetState(100.0, 0.0, None),
        }
        assert (("QuotaLow", "hubspot") in look()) is fires, left


def test_what_a_process_does_not_know_of_a_budget_the_ledger_does(
    ledger: Ledger, config: Config, rows: Any
) -> None:
    hubspot = config.destinations["hubspot"].model_copy(update={"daily_tokens": 1000})
    limited = config.model_copy(update={"destinations": {"hubspot": hubspot}})
    ledger.transact(destinations.save_day_use, "hubspot", day=date(2026, 11, 24), used=950)
    ledger.transact(Watch(limited, ledger, budgets=dict).look, lease=None)

    assert [each.alert for each in ledger.query(firing_alarms)] == ["QuotaLow"]
    assert rows.contact


@pytest.mark.parametrize(
    ("counts", "state", "fires"),
    [
        ({"found": {"changed": 2}, "repaired": {"changed": 2}}, "done", {"DriftFound"}),
        (
            {"found": {"duplicate": 1, "missing": 1}, "repaired": {}},
            "done",
            {"DuplicatesFound", "DriftFound"},
        ),
        ({"found": {"changed": 40}}, "braked", {"SweepBraked"}),
        ({"found": dict.fromkeys(("changed", "duplicate"), 0)}, "done", set()),
    ],
)
def test_the_last_sweep_decides_whether_drift_fires(
    *,
    ledger: Ledger,
    look: Look,
    rows: Any,
    counts: dict[str, Any],
    state: str,
    fires: set[str],
) -> None:
    _sweep(rows, {"found": {"deleted": 3}}, "done")
    assert look() == {("DriftFound", "hubspot")}

    _sweep(rows, counts, state)
    assert {alert for alert, _ in look()} == fires
    assert ledger.query(firing_alarms) == [] or fires


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_a_disk_that_fills_fires_before_webhooks_are_refused(
    ledger: Ledger, config: Config
) -> None:
    full = config.ledger.model_copy(update={"min_free": 1 << 61})
    watch = Watch(config.model_copy(update={"ledger": full}), ledger, budgets=dict)
    ledger.transact(watch.look, lease=None)

    assert [each.alert for each in ledger.query(firing_alarms)] == ["DiskLow"]


@pytest.mark.parametrize(
    ("ago", "silent"),
    [
        ([168, 336, 504, 672], True),  # at this time of the week, always
        ([168, 336, 700], True),  # in use for four weeks, half of them
        ([336, 700], False),  # once in four weeks
        ([160, 700], False),  # at other times of the week
        ([24, 48, 60], True),  # a young number, on each of two days
        ([24, 60], False),
        ([30], False),  # too young to have habits
        ([], False),
        ([2, 168, 336, 504, 672], False),  # it has heard something
    ],
)
def test_a_number_is_silent_when_it_usually_is_not(
    *,
    ledger: Ledger,
    config: Config,
    rows: Any,
    clock: HandClock,
    ago: list[int],
    silent: bool,
) -> None:
    """``ago`` are hours; the number counts as silent after six."""
    clock.move(days=100)
    with ledger.engine.begin() as connection:
        [template] = connection.execute(select(schema.message)).mappings().all()
        connection.execute(schema.message.delete())
        for number, hours in enumerate(ago):
            copy = {key: value for key, value in template.items() if key != "id"}
            copy |= {
                "wamid_hash": f"hash{number}",
                "sent_at": clock.moment - timedelta(hours=hours + 1),
            }
            connection.execute(insert(schema.message).values(**copy))
    ledger.transact(Watch(config, ledger, budgets=dict).look, lease=None)

    names = [(each.alert, each.number) for each in ledger.query(firing_alarms)]
    assert names == ([("IntakeSilent", "Vendas")] if silent else [])
    assert rows.message


def _queued(ledger: Ledger, moment: datetime) -> None:
    with ledger.engine.begin() as connection:
        connection.execute(update(schema.delivery).values(queued_at=moment))


def _sweep(rows: Any, counts: dict[str, Any], state: str) -> None:
    rows.add(
        schema.run,
        job="reconcile",
        destination="hubspot",
        state=state,
        started_at=START,
        finished_at=START,
        counts=counts,
        error="40 of 60 records would change" if state == "braked" else None,
    )
