"""Alerts of what a check, WhatsApp or the calendar says."""

from datetime import UTC, datetime
from typing import Any

from connector.config.models import Config
from connector.ledger import schema
from connector.ledger.alarms import (
    firing_alarms,
)
from connector.ledger.ledger import Ledger
from connector.ledger.notices import Notice, store_notices
from connector.runtime.last_check import last_check
from connector.runtime.watching import Watch
from tests.runtime.watching.hands import START, HandClock, Look


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
