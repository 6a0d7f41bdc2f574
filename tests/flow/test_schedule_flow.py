"""The clock of the real daemon, and what it makes up for."""

import asyncio
import json
import signal
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from connector.ledger.engine import open_engine
from connector.ledger.ledger import Ledger
from connector.ledger.runs import WITHDRAWN
from connector.ledger.schema import message, run, webhook
from connector.runtime.trial import Trial, wait_until
from connector.sandbox.burst import burst
from connector.sandbox.conversations import NUMBERS
from connector.sandbox.sender import send
from connector.sandbox.traffic import Traffic

BASE = datetime.now(UTC)
NewTrial = Callable[..., Trial]
JOBS = ("reconcile", "retention", "check", "resync", "resync --dry-run")


def ledger_of(trial: Trial) -> Ledger:
    """Open the trial's ledger beside its daemon, as a command does."""
    return Ledger(open_engine(f"sqlite:///{trial.folder / 'connector.db'}"))


def deliver(trial: Trial, traffic: Traffic) -> None:
    asyncio.run(send(trial.webhook_url, trial.secret, traffic.webhooks, concurrency=16))
    trial.wait_until_settled(seconds=90)


def stop_all(trial: Trial) -> None:
    for process in trial.processes:
        process.terminate()
        assert process.wait(20) == 0
    trial.processes.clear()


def runs(trial: Trial, *, scheduled: bool = True) -> list[Any]:
    with closing(ledger_of(trial)) as ledger:
        tick = run.c.tick.is_not(None) if scheduled else run.c.tick.is_(None)
        wanted = select(run).where(tick, run.c.job.in_(JOBS)).order_by(run.c.id)
        return list(ledger.query(lambda c: c.execute(wanted).all()))


def shift(trial: Trial, age: timedelta, *columns: Any) -> None:
    """Let times in the ledger be so long ago."""
    with closing(ledger_of(trial)) as ledger:
        for column in columns:
            changed = update(column.table).values({column.name: datetime.now(UTC) - age})
            ledger.transact(lambda c, changed=changed: c.execute(changed))  # type: ignore[misc]  # bound for this round


def make_up(trial: Trial, count: int) -> dict[tuple[str, str], Any]:
    """Let days pass without a daemon, start it, and return what so many new runs came to."""
    before = len(runs(trial))
    shift(trial, timedelta(days=3), run.c.tick)
    trial.wait_until_ready(trial.start())
    wait_until(
        lambda: (
            len(runs(trial)) == before + count and all(each.state == "done" for each in runs(trial))
        ),
        seconds=60,
        what="everything is made up",
        last_words=trial.last_words,
    )
    return {(each.job, each.destination): each.counts for each in runs(trial)[before:]}


def test_what_the_clock_missed_is_made_up_once(new_trial: NewTrial) -> None:
    trial = new_trial(schedule={"reconcile": "0 0 * * *", "check": "0 0 * * *"})
    trial.wait_until_ready(trial.start())
    deliver(trial, burst(10, 40, base=BASE, seed=9))
    stop_all(trial)
    messages = [each["id"] for each in trial.crm.state()["communications"]]
    for each in messages[:2]:
        properties = {"hs_communication_body": "nada a ver"}
        trial.crm.order(
            "edit", {"type": "communications", "id": int(each), "properties": properties}
        )

    made = make_up(trial, 3)

    assert made["reconcile", "hubspot"]["repaired"]["changed"] == 2
    assert made["reconcile", ""] == {"missed_webhooks": {"Vendas": 0, "Suporte": 0}}
    assert made["check", ""]["failed"] == []


def test_what_is_too_old_is_dropped_at_night(new_trial: NewTrial) -> None:
    trial = new_trial(schedule={"retention": "0 0 * * *"})
    trial.wait_until_ready(trial.start())
    deliver(trial, burst(10, 40, base=BASE, seed=9))
    stop_all(trial)
    shift(trial, timedelta(days=400), webhook.c.received_at, message.c.sent_at)

    made = make_up(trial, 1)

    assert made["retention", ""] == {"webhooks": 40, "messages": 40, "files": 0}
    with closing(ledger_of(trial)) as ledger:
        wanted = select(message.c.wamid, message.c.content, webhook.c.body).join(
            webhook, webhook.c.id == message.c.webhook_id
        )
        left = ledger.query(lambda c: c.execute(wanted).all())
    assert {tuple(row) for row in left} == {(None, None, None)}
    assert trial.command("audit")["synced"] == 40


def test_a_message_whose_words_were_dropped_is_never_written_again(new_trial: NewTrial) -> None:
    trial = new_trial()
    trial.wait_until_ready(trial.start())
    deliver(trial, burst(5, 20, base=BASE, seed=9))
    before = trial.crm.state()["communications"]
    with closing(ledger_of(trial)) as ledger:
        purged = {"content": None, "wamid": None, "purged_at": datetime.now(UTC)}
        ledger.transact(lambda c: c.execute(update(message).values(**purged)))

    outcome = trial.command("resync", "--force")

    assert (outcome["update"], outcome["unchanged"]) == (5, 20)
    assert trial.crm.state()["communications"] == before
    assert trial.command("audit")["synced"] == 20


def test_messages_of_a_number_that_a_destination_takes_only_now_are_written(
    new_trial: NewTrial,
) -> None:
    names = [number.name for number in NUMBERS]
    trial = new_trial(destination={"batch_wait": "200ms", "numbers": names[:1]})
    trial.wait_until_ready(trial.start())
    deliver(trial, burst(10, 40, base=BASE, seed=9, numbers=NUMBERS))
    assert len(trial.crm.state()["communications"]) == 20
    stop_all(trial)
    text = trial.config.read_text().replace(json.dumps(names[:1]), json.dumps(names))
    trial.config.write_text(text)
    assert trial.command("audit")["difference"] == 20
    trial.wait_until_ready(trial.start())

    found = trial.command("reconcile", "--no-repair")["destinations"]["hubspot"]
    dry = trial.command("resync", "--dry-run")
    real = trial.command("resync")

    assert found["found"]["missing"] == 20
    assert (dry["create"], dry["update"], len(dry["items"])) == (25, 0, 25)
    assert {item["record"] for item in dry["items"]} == {"contact", "message"}
    assert (real["create"], real["left"]) == (25, 0)
    state = trial.crm.state()
    assert (len(state["contacts"]), len(state["communications"])) == (10, 40)
    assert trial.command("audit")["difference"] == 0


def test_a_command_that_is_given_up_withdraws_its_run_and_leaves_no_words_behind(
    new_trial: NewTrial,
) -> None:
    trial = new_trial()
    trial.wait_until_ready(trial.start())
    deliver(trial, burst(5, 20, base=BASE, seed=9))
    slow = {"kind": "slow", "match": {"call": "communications.read"}, "seconds": 1, "count": 9}
    trial.crm.order("faults", slow)
    waiting = trial.command_in_background("resync", "--dry-run", "--force")
    wait_until(
        lambda: [each.state for each in runs(trial, scheduled=False)] == ["running"],
        seconds=30,
        what="the run has begun",
    )

    waiting.send_signal(signal.SIGINT)

    assert waiting.wait(20) == 130
    (left,) = runs(trial, scheduled=False)
    assert (left.state, left.error) == ("failed", WITHDRAWN)
    assert "page" not in (left.counts or {})
    assert trial.command("reconcile")["destinations"]["hubspot"]["state"] == "done"


def test_nothing_that_a_dry_run_showed_stays_in_the_ledger(new_trial: NewTrial) -> None:
    trial = new_trial(destination={"batch_wait": "200ms", "mapping": "ours.toml"}, set_up=False)
    mapping = Path(trial.folder / "ours.toml")
    mapping.write_text('extends = "hubspot"\n')
    trial.command("setup", "hubspot", "--apply")
    trial.wait_until_ready(trial.start())
    deliver(trial, burst(5, 20, base=BASE, seed=9))
    stop_all(trial)
    mapping.write_text(
        'extends = "hubspot"\n[message.fields]\nhs_communication_body = "canary {{ message.id }}"\n'
    )

    items = trial.command("resync", "--dry-run")["items"]

    assert len(items) == 20
    assert all("canary" in each["fields"]["hs_communication_body"]["after"] for each in items)
    files = list(trial.folder.glob("connector.db*"))
    assert files
    assert [each.name for each in files if b"canary" in each.read_bytes()] == []
