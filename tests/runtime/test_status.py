"""What ``status --json`` and ``/healthz`` say of the ledger, on both databases."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.config.models import Config
from connector.crm.budget import BudgetState
from connector.errors import PauseReason
from connector.ledger import destinations, migrate, schema
from connector.ledger.alarms import change_alarms
from connector.ledger.leases import claim_lease
from connector.ledger.ledger import Ledger
from connector.ledger.space import DiskSpace
from connector.model.alerts import Alert
from connector.runtime.status import Live, advise, read_status, status_of


def _advice(status: dict[str, Any]) -> tuple[str, str]:
    advice = advise("hubspot", status["destinations"]["hubspot"])
    return advice.words, advice.next


def test_an_empty_ledger_has_every_key(ledger: Ledger, config: Config) -> None:
    status = read_status(ledger, config)
    assert json.loads(json.dumps(status)) == status
    assert status["ledger"]["kind"] == ledger.dialect
    assert status["ledger"]["revision"] == migrate.head()
    nothing: dict[str, Any] = {"waiting": 0, "failed": 0, "last_at": None, "kept_raw": {}}
    assert status["webhooks"] == nothing
    assert status["notices"] == []
    assert status["numbers"] == {
        "Vendas": {
            "phone_number_id": "106540352242922",
            "last_event_at": None,
            "silent": False,
        }
    }
    assert set(status["destinations"]["hubspot"]) >= {
        *("adapter", "state", "reason", "until", "holder", "open", "in_doubt", "parked"),
        *("reviews", "oldest_open_seconds", "last_synced_at", "degraded_fields", "budgets"),
        "last_reconcile",
    }
    assert status["alerts"] == []


def test_without_a_daemon_it_is_not_ready_and_says_how_to_start_one(
    ledger: Ledger, config: Config
) -> None:
    status = read_status(ledger, config)
    assert not status["ready"]
    assert "connector run" in status["reasons"][0]

    now = datetime.now(UTC)
    ledger.transact(claim_lease, "record", owner="host:1", now=now, life=timedelta(seconds=60))
    assert read_status(ledger, config)["ready"]


def test_an_expired_lease_counts_as_nobody(ledger: Ledger, config: Config) -> None:
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    life = timedelta(seconds=60)
    ledger.transact(claim_lease, "deliver/hubspot", owner="host:1", now=long_ago, life=life)
    status = read_status(ledger, config)
    assert status["destinations"]["hubspot"]["holder"] is None
    assert not status["ready"]


def test_what_waits_is_counted_by_state(ledger: Ledger, config: Config, rows: Any) -> None:
    rows.deliver("contact", "synced")
    rows.deliver("message", "in_flight", error_code="in_doubt")
    found = read_status(ledger, config)["destinations"]["hubspot"]
    assert (found["open"], found["in_doubt"], found["parked"]) == (1, 1, 0)
    assert found["oldest_open_seconds"] > 0
    assert found["last_synced_at"] == "2026-11-24T15:00:00.000Z"
    assert read_status(ledger, config)["numbers"]["Vendas"]["last_event_at"] is not None


def test_parked_records_lead_to_the_dead_letters(ledger: Ledger, config: Config, rows: Any) -> None:
    rows.deliver("message", "parked", error_code="rejected.422")
    status = read_status(ledger, config)
    assert status["destinations"]["hubspot"]["parked"] == 1
    assert _advice(status)[1] == "connector dead-letters list --destination hubspot"


@pytest.mark.parametrize(
    ("reason", "next_step"),
    [
        ("auth", "replace the token, then `connector resume hubspot` or wait a minute"),
        ("setup", "connector setup hubspot --apply"),
        ("schema", "connector check hubspot"),
    ],
)
def test_a_pause_is_told_with_its_reason_and_the_next_step(
    reason: PauseReason, next_step: str, ledger: Ledger, config: Config, rows: Any
) -> None:
    ledger.transact(destinations.pause, "hubspot", reason=reason, detail="because")
    status = read_status(ledger, config)
    found = status["destinations"]["hubspot"]
    assert (found["state"], found["reason"], found["detail"]) == ("paused", reason, "because")
    words, advised = _advice(status)
    assert "because" in words
    assert advised == next_step
    assert rows.contact


def test_an_outage_is_told_with_its_end(ledger: Ledger, config: Config, rows: Any) -> None:
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=5)
    ledger.transact(destinations.block, "hubspot", until=until, reason="broken", outages=1)
    status = read_status(ledger, config)
    found = status["destinations"]["hubspot"]
    assert (found["state"], found["reason"]) == ("broken", "broken")
    assert datetime.fromisoformat(found["until"]) == until
    assert "do not restart" in _advice(status)[1]
    assert rows.contact


def test_a_destination_that_is_not_configured_any_more_is_shown_as_such(
    ledger: Ledger, config: Config
) -> None:
    ledger.transact(destinations.register_destinations, {"old": "hubspot", "hubspot": "hubspot"})
    found = read_status(ledger, config)["destinations"]
    assert list(found) == ["hubspot", "old"]
    assert not found["old"]["configured"]
    assert advise("old", found["old"]).words == "not configured any more"


def test_a_number_that_has_been_quiet_for_long_is_silent(
    ledger: Ledger, config: Config, rows: Any
) -> None:
    quiet = config.model_copy(
        update={"alerts": config.alerts.model_copy(update={"silence": timedelta(seconds=1)})}
    )
    patient = config.model_copy(
        update={"alerts": config.alerts.model_copy(update={"silence": timedelta(days=36500)})}
    )
    old = datetime(2020, 1, 1, tzinfo=UTC)
    with ledger.engine.begin() as connection:
        connection.execute(schema.message.update().values(sent_at=old))
    assert read_status(ledger, quiet)["numbers"]["Vendas"]["silent"]
    assert not read_status(ledger, patient)["numbers"]["Vendas"]["silent"]
    assert rows.message


def test_a_daemon_adds_what_only_it_knows(ledger: Ledger, config: Config) -> None:
    now = datetime(2026, 11, 24, 15, tzinfo=UTC)
    live = Live(
        reasons=("draining",),
        budgets={"hubspot": {"burst": BudgetState(90.0, 12.0, now)}},
    )
    status = ledger.query(
        status_of,
        ledger=ledger,
        config=config,
        space=DiskSpace(config.ledger.url, min_free=0),
        revision="0001",
        live=live,
    )
    assert (status["ready"], status["reasons"]) == (False, ["draining"])
    assert status["destinations"]["hubspot"]["budgets"] == {
        "burst": {"limit": 90, "left": 12, "resets_at": "2026-11-24T15:00:00.000Z"}
    }


def test_an_alert_is_in_the_status_while_it_fires(ledger: Ledger, config: Config) -> None:
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    alert = Alert("DiskLow", "less than 1024 MiB is free", "free some space")
    ledger.transact(change_alarms, [alert], now=noon, telling=False)
    assert read_status(ledger, config)["alerts"] == [
        {
            "alert": "DiskLow",
            "destination": None,
            "number": None,
            "since": "2026-11-24T12:00:00.000Z",
            "detail": "less than 1024 MiB is free",
            "remedy": "free some space",
        }
    ]
    ledger.transact(change_alarms, [], now=noon, telling=False)
    assert read_status(ledger, config)["alerts"] == []


def test_no_person_is_named(ledger: Ledger, config: Config, rows: Any) -> None:
    rows.deliver("contact", "parked", error_code="ambiguous")
    rows.deliver("message", "pending")
    text = json.dumps(read_status(ledger, config))
    for person in ("Ana", "987654321", "wamid.", "BR.150", "Oi!"):
        assert person not in text
