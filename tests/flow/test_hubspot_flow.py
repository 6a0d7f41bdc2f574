"""From signed webhooks to HubSpot, through every stage of the real daemon."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from connector.runtime.trial import Trial, wait_until
from connector.sandbox.burst import burst
from connector.sandbox.comparison import Verdict, compare_hubspot
from connector.sandbox.sender import send
from connector.sandbox.traffic import DayOfTraffic, Traffic

BASE = datetime.now(UTC)
NewTrial = Callable[..., Trial]


def deliver(trial: Trial, traffic: Traffic, **options: Any) -> Verdict:
    """Start the daemon, send everything, wait until it is settled, and judge what the CRM holds."""
    trial.wait_until_ready(trial.start())
    asyncio.run(send(trial.webhook_url, trial.secret, traffic.webhooks, **options))
    trial.wait_until_settled()
    return compare_hubspot(traffic.expected, trial.crm.state())


def queue_first(trial: Trial, traffic: Traffic) -> int:
    """Let a receiver and recorder take everything in before anything is delivered.

    Returns the number of the CRM's calls so far.
    """
    process = trial.start("--only", "receive,record")
    trial.wait_until_ready(process)
    asyncio.run(send(trial.webhook_url, trial.secret, traffic.webhooks, concurrency=16))
    wait_until(
        lambda: trial.status()["webhooks"]["waiting"] == 0, seconds=60, what="all is recorded"
    )
    process.terminate()
    process.wait(20)
    return _calls(trial.crm.state(objects="none"))


def test_a_day_of_traffic_is_in_hubspot_once(new_trial: NewTrial, trial_ledger: str | None) -> None:
    trial = new_trial(ledger_url=trial_ledger)
    traffic = DayOfTraffic(seed=1, base=BASE)

    verdict = deliver(trial, traffic)

    assert verdict.perfect, verdict
    audit = trial.command("audit")
    assert audit["difference"] == 0
    assert audit["open"] == 0
    assert audit["kept_raw"]["unknown"] == traffic.unknown


def test_a_thousand_queued_messages_of_known_contacts_take_at_most_14_calls(
    new_trial: NewTrial,
) -> None:
    trial = new_trial()
    known = burst(100, 100, base=BASE, seed=1)
    verdict = deliver(trial, known)
    assert verdict.perfect, verdict
    _stop_all(trial)
    more = burst(100, 1100, base=BASE, seed=1)
    fresh = Traffic(more.webhooks[100:], more.expected, more.numbers)
    before = queue_first(trial, fresh)

    trial.start("--only", "deliver")
    _wait_until_synced(trial, 1100)

    state = trial.crm.state()
    verdict = compare_hubspot(more.expected, state)
    assert verdict.perfect, verdict
    used = _calls(state) - before
    assert used <= 14, f"{used} calls"


def test_a_batch_that_is_lost_is_not_overtaken_by_the_next_of_the_same_people(
    new_trial: NewTrial,
) -> None:
    """Batches go side by side; nine messages of each of thirty people do not fit them evenly."""
    trial = new_trial()
    verdict = deliver(trial, burst(30, 30, base=BASE, seed=3))
    assert verdict.perfect, verdict
    _stop_all(trial)
    more = burst(30, 300, base=BASE, seed=3)
    queue_first(trial, Traffic(more.webhooks[30:], more.expected, more.numbers))
    lost = {"kind": "reset_before", "match": {"call": "communications.upsert"}, "count": 1}
    trial.crm.order("faults", lost)

    trial.start("--only", "deliver")
    _wait_until_synced(trial, 300)

    state = trial.crm.state()
    assert state["faults"] == {"reset_before": 1}
    verdict = compare_hubspot(more.expected, state)
    assert verdict.disordered == []
    assert verdict.perfect, verdict


def test_a_thousand_contacts_never_seen_take_at_most_46_calls(new_trial: NewTrial) -> None:
    trial = new_trial()
    traffic = burst(1000, 1000, base=BASE, seed=2)
    before = queue_first(trial, traffic)

    trial.start("--only", "deliver")
    _wait_until_synced(trial, 1000)

    state = trial.crm.state()
    verdict = compare_hubspot(traffic.expected, state)
    assert verdict.perfect, verdict
    used = _calls(state) - before
    assert used <= 46, f"{used} calls"


def test_the_same_webhook_twenty_times_from_eight_senders_is_one_message(
    new_trial: NewTrial,
) -> None:
    trial = new_trial()
    traffic = burst(1, 1, base=BASE, seed=3)
    many = Traffic(traffic.webhooks * 20, traffic.expected, traffic.numbers)

    verdict = deliver(trial, many, concurrency=8)

    assert verdict.perfect, verdict
    assert trial.command("audit")["received"] == 1


def test_a_body_of_a_thousand_items_brings_all_of_them(new_trial: NewTrial) -> None:
    trial = new_trial()
    traffic = burst(50, 1000, base=BASE, seed=4, per_webhook=1000)
    assert len(traffic.webhooks) == 1

    verdict = deliver(trial, traffic)

    assert verdict.perfect, verdict


def _stop_all(trial: Trial) -> None:
    for process in trial.processes:
        process.terminate()
        assert process.wait(20) == 0


def _wait_until_synced(trial: Trial, count: int) -> None:
    wait_until(
        lambda: trial.command("audit")["synced"] >= count,
        seconds=90,
        what=f"{count} messages are synced",
        last_words=trial.last_words,
    )


def _calls(state: dict[str, Any]) -> int:
    """Return the calls made so far, without those that read or set up the schema."""
    return sum(count for call, count in state["calls"].items() if call != "properties")
