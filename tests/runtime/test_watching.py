"""What fires, when it is over, and what is owed: one look after the other at a real ledger."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from connector.config.models import Config
from connector.crm.budget import BudgetState
from connector.ledger import destinations, schema
from connector.ledger.alarms import (
    change_alarms,
    firing_alarms,
    mark_told,
    owed_alarms,
    past_alarms,
)
from connector.ledger.ledger import Ledger
from connector.ledger.minutes import Minutes, load_minutes
from connector.ledger.notices import Notice, store_notices
from connector.model.alerts import Alert
from connector.model.message import UNSEEN
from connector.runtime.last_check import last_check
from connector.runtime.watching import Watch

START = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)


class HandClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.moment = START

    def now(self) -> datetime:
        return self.moment

    def boot(self) -> float:
        return self.moment.timestamp()

    def move(self, **by: float) -> None:
        self.moment += timedelta(**by)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


Look = Callable[[], set[tuple[str, str | None]]]


@pytest.fixture
def budgets() -> dict[str, dict[str, BudgetState]]:
    """Return what the process knows of the budgets; a test fills it."""
    return {}


@pytest.fixture
def look(ledger: Ledger, config: Config, budgets: dict[str, dict[str, BudgetState]]) -> Look:
    """Return a function that looks once and returns what fires."""
    watch = Watch(config, ledger, budgets=lambda: budgets)

    def once() -> set[tuple[str, str | None]]:
        ledger.transact(watch.look, lease=None)
        return {(each.alert, each.destination) for each in ledger.query(firing_alarms)}

    return once


def test_nothing_fires_where_all_is_well(look: Look, rows: Any) -> None:
    rows.deliver("contact", "synced")

    assert look() == set()


def test_a_lag_fires_once_and_is_over_when_it_has_shrunk_well(
    ledger: Ledger, look: Look, rows: Any, clock: HandClock
) -> None:
    rows.deliver("contact", "pending")
    _due(ledger, START)
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

    _due(ledger, START)
    with ledger.engine.begin() as connection:
        connection.execute(update(schema.lane).values(priority=10))
    assert look() == set()


def test_a_pause_fires_with_its_reason_and_its_backlog_is_not_told_again(
    ledger: Ledger, look: Look, rows: Any, clock: HandClock
) -> None:
    rows.deliver("contact", "pending")
    _due(ledger, START)
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


def test_a_check_tells_of_versions_and_of_what_keeps_messages_away_but_not_of_outages(
    look: Look, rows: Any
) -> None:
    complaints = [
        _complaint("hubspot.api_version", "warn", "2026-03, served until 2027-01-01"),
        _complaint("hubspot.account", "fail", "it does not answer"),
        _complaint("hubspot.quota", "warn", "nothing of daily is left"),
        _complaint("whatsapp.subscriptions", "fail", "the app is not subscribed", about=None),
    ]
    rows.add(
        schema.run, job="check", state="done", started_at=START, counts={"complaints": complaints}
    )

    assert look() == {("ApiVersionEnding", "hubspot"), ("CheckFailed", None)}


def test_a_restricted_account_fires_until_whatsapp_takes_it_back(
    ledger: Ledger, look: Look, clock: HandClock
) -> None:
    _notice(ledger, "ACCOUNT_RESTRICTION", "danger", clock.moment)
    assert look() == {("AccountRestricted", None)}
    assert ledger.query(firing_alarms)[0].number == "5511900000000"

    clock.move(days=1)
    _notice(ledger, "ACCOUNT_UPDATED", "info", clock.moment)
    assert look() == set()


def test_the_end_of_a_token_and_a_message_without_account_fire_until_a_check_is_well(
    ledger: Ledger, look: Look, rows: Any
) -> None:
    def check(counts: dict[str, Any]) -> None:
        rows.add(schema.run, job="check", state="done", started_at=START, counts=counts)

    check(
        {
            "complaints": [
                _complaint("hubspot.credential", "warn", "the token ends on 2026-11-28"),
                _complaint("whatsapp.credential", "fail", "the token ended", about=None),
            ],
            "credentials": {"hubspot": "2026-11-28T00:00:00Z"},
            "unaccounted": {"hubspot": -2, "crm": 0},
        }
    )
    assert look() == {
        ("CredentialExpiring", "hubspot"),
        ("CredentialExpiring", None),
        ("ConservationBroken", "hubspot"),
    }
    [broken] = [each for each in ledger.query(firing_alarms) if each.alert == "ConservationBroken"]
    assert broken.detail == "2 messages of what was received are not accounted for"
    checked = ledger.query(last_check)
    assert checked.difference == 2
    assert checked.credentials == {"hubspot": datetime(2026, 11, 28, tzinfo=UTC)}

    check({"complaints": [], "credentials": {}, "unaccounted": {"hubspot": 0}})
    assert look() == set()
    assert ledger.query(last_check).difference == 0


def test_a_graph_version_that_ends_soon_fires(ledger: Ledger, config: Config) -> None:
    old = config.whatsapp.model_copy(update={"graph_version": "v21.0"})
    watch = Watch(config.model_copy(update={"whatsapp": old}), ledger, budgets=dict)
    ledger.transact(watch.look, lease=None)

    [alarm] = ledger.query(firing_alarms)
    assert alarm.alert == "ApiVersionEnding"
    assert alarm.detail == "Meta serves v21.0 until 2027-01-21"


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


def test_what_is_owed_is_told_in_order_and_then_done(ledger: Ledger) -> None:
    alert = Alert("DiskLow", "little is free", "free some space")
    for _ in range(3):
        ledger.transact(change_alarms, [alert], now=START, telling=True)
    [alarm] = ledger.query(owed_alarms)
    assert alarm.owed == ("firing",)

    later = START + timedelta(minutes=1)
    for _ in range(3):
        ledger.transact(change_alarms, [], now=later, telling=True)
    [alarm] = ledger.query(owed_alarms)
    assert alarm.owed == ("firing", "resolved")
    ledger.transact(mark_told, alarm.id, "resolved")
    ledger.transact(mark_told, alarm.id, "firing")
    [alarm] = ledger.query(owed_alarms)
    assert alarm.owed == ("resolved",)
    ledger.transact(mark_told, alarm.id, "resolved")

    assert ledger.query(owed_alarms) == []
    assert ledger.query(firing_alarms) == []
    assert [each.over_at for each in ledger.query(past_alarms, limit=5)] == [later]


def test_an_alert_that_changes_its_words_is_not_told_again(ledger: Ledger) -> None:
    for count in (1, 2):
        alert = Alert("ParkedGrowing", f"{count} wait", "look", destination="hubspot")
        ledger.transact(change_alarms, [alert], now=START, telling=True)
    [alarm] = ledger.query(firing_alarms)
    assert (alarm.detail, alarm.owed) == ("2 wait", ("firing",))


def test_each_minute_keeps_what_came_in_and_what_was_written(
    ledger: Ledger, look: Look, rows: Any, clock: HandClock
) -> None:
    look()
    _messages(ledger, 3)
    rows.deliver("message", "synced", synced_at=START + timedelta(seconds=20))
    clock.move(seconds=30)
    look()
    _messages(ledger, 2)
    clock.move(seconds=15)
    look()
    rows.deliver("contact", "synced", crm_id="102", synced_at=START + timedelta(seconds=55))
    _due(ledger, START)
    clock.move(seconds=30)
    look()

    first, second = START, START + timedelta(minutes=1)
    minutes = ledger.query(load_minutes, since=START - timedelta(hours=1))
    assert minutes.received == {first: 6, second: 0}
    assert minutes.synced == {first: 1, second: 0}
    assert minutes.lag == {first: 0.0, second: 0.0}


def test_what_is_written_at_the_end_of_an_hour_counts_in_its_minute(
    ledger: Ledger, look: Look, rows: Any, clock: HandClock
) -> None:
    clock.move(minutes=59, seconds=50)
    look()
    last = START + timedelta(minutes=59)
    rows.deliver("message", "synced", synced_at=last + timedelta(seconds=55))
    clock.move(seconds=20)
    look()

    minutes = ledger.query(load_minutes, since=START)
    assert minutes.synced == {last: 1, last + timedelta(minutes=1): 0}


def test_a_pause_of_the_watch_is_a_gap_and_no_peak(
    ledger: Ledger, look: Look, rows: Any, clock: HandClock
) -> None:
    look()
    _messages(ledger, 50)
    clock.move(minutes=10)
    look()

    minutes: Minutes = ledger.query(load_minutes, since=START)
    assert minutes.received == {START: 1, START + timedelta(minutes=10): 0}
    assert rows.message


def test_what_came_before_the_first_look_counts_in_its_own_minute(
    ledger: Ledger, look: Look, rows: Any, clock: HandClock
) -> None:
    _messages(ledger, 3)
    clock.move(seconds=70)
    look()

    minutes = ledger.query(load_minutes, since=START)
    assert minutes.received == {START: 4, START + timedelta(minutes=1): 0}
    assert rows.message


def test_a_message_whose_status_came_first_counts_when_it_comes(
    ledger: Ledger, look: Look, rows: Any, clock: HandClock
) -> None:
    _change_kind(ledger, UNSEEN)
    look()
    clock.move(seconds=70)
    _change_kind(ledger, "text")
    look()
    clock.move(seconds=10)
    look()

    minutes = ledger.query(load_minutes, since=START)
    assert minutes.received == {START: 0, START + timedelta(minutes=1): 1}
    assert rows.message


def _change_kind(ledger: Ledger, kind: str) -> None:
    with ledger.engine.begin() as connection:
        connection.execute(update(schema.message).values(kind=kind))


def _due(ledger: Ledger, moment: datetime) -> None:
    with ledger.engine.begin() as connection:
        connection.execute(update(schema.lane).values(due_at=moment))


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


def _complaint(
    name: str, state: str, detail: str, *, about: str | None = "hubspot"
) -> dict[str, Any]:
    return {
        "name": name,
        "destination": about,
        "state": state,
        "detail": detail,
        "remedy": "mend it",
    }


def _notice(ledger: Ledger, word: str, level: str, at: datetime) -> None:
    notice = Notice("account_update", "5511900000000", word, level, at, {})
    ledger.transact(store_notices, [notice], now=at)


def _messages(ledger: Ledger, count: int) -> None:
    with ledger.engine.begin() as connection:
        template = connection.execute(select(schema.message).limit(1)).mappings().one()
        total = len(connection.execute(select(schema.message.c.id)).all())
        for number in range(count):
            copy = {key: value for key, value in template.items() if key != "id"}
            copy["wamid_hash"] = f"copy{total + number}"
            connection.execute(insert(schema.message).values(**copy))
