"""Death at every named place, one after the other, in one installation under load."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from connector.failpoints import NAMES, environment
from connector.runtime.trial import Trial, wait_until
from connector.sandbox.burst import burst
from connector.sandbox.comparison import compare_hubspot
from connector.sandbox.sender import send
from connector.sandbox.traffic import Traffic

pytestmark = pytest.mark.campaign

NewTrial = Callable[..., Trial]

SWIFT = {
    "request_timeout": 1,
    "send_gate": 0.3,
    "quiet_period": 0.3,
    "verify_gap": 0.1,
    "lease": 3,
    "backoff_max": 0.2,
}
"""Waits so short that every place is passed within seconds of a start."""
AT_THE_END = ("drain.begun", "lease.before_release")
"""Places that a process passes when it is asked to end."""
ELSEWHERE = {"sweep.mid", "token.after_refresh", "migrate.mid"}
"""Places with a test of their own."""
CONTACTS = 5
AT_EACH = 5
"""Webhooks that are posted around each death."""


def lookup_trial(new_trial: NewTrial, ledger_url: str | None, *, unique: bool = False) -> Trial:
    """Return an installation whose messages are looked up before they are written again."""
    return new_trial(
        ledger_url=ledger_url,
        tuning=SWIFT,
        crm={"burst_limit": 100_000, "refuse_unique_on": [] if unique else ["communications"]},
        destination={"batch_wait": "100ms", "rate": '{ requests = 10000, per = "1s" }'},
    )


def die_at(trial: Trial, name: str, posting: Callable[[], None]) -> None:
    """Start the daemon, let it work, and wait until it dies at a place."""
    trial.crm.order("faults", {"kind": "error_after", "match": {"call": "communications.create"}})
    if name == "standing.before_commit":
        trial.crm.order("faults", {"kind": "throttle", "match": {"method": "POST"}})
    process = trial.start(env=environment(f"{name}=kill"))
    posting()
    if name in AT_THE_END:
        trial.wait_until_ready(process)
        process.terminate()
    wait_until(
        lambda: process.poll() is not None,
        seconds=60,
        what=f"the daemon passes {name}",
        last_words=trial.last_words,
    )
    assert process.returncode == -signal.SIGKILL, name


def die_everywhere(trial: Trial, names: tuple[str, ...]) -> Traffic:
    """Die at each of these places while webhooks come in; return what was sent."""
    traffic = burst(CONTACTS, AT_EACH * len(names), base=datetime.now(UTC), seed=31)

    async def go() -> None:
        posts: list[asyncio.Task[Any]] = []
        turns = [asyncio.Lock() for _ in range(CONTACTS)]

        async def post(place: int) -> None:
            async with turns[place % CONTACTS]:  # of one person one after the other, as Meta would
                body = traffic.webhooks[place]
                sent = await send(trial.webhook_url, trial.secret, [body, body], patience=300)
                assert not sent.given_up

        loop = asyncio.get_running_loop()
        for number, name in enumerate(names):
            places = range(number * AT_EACH, (number + 1) * AT_EACH)

            def posting(places: range = places) -> None:
                loop.call_soon_threadsafe(
                    lambda: posts.extend(loop.create_task(post(place)) for place in places)
                )

            await asyncio.to_thread(die_at, trial, name, posting)
        trial.crm.order("faults", None, method="DELETE")
        trial.start()
        await asyncio.gather(*posts)

    asyncio.run(go())
    return traffic


def assert_all_there(trial: Trial, traffic: Traffic) -> None:
    """Check that the CRM holds everything once and in order, and that it is accounted for."""
    trial.wait_until_settled()
    verdict = compare_hubspot(traffic.expected, trial.crm.state())
    audit = trial.command("audit")
    assert verdict.perfect, verdict
    assert verdict.disordered == []
    assert (audit["difference"], audit["parked"]) == (0, {})
    assert audit["synced"] == len(traffic.webhooks)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("way", ["unique", "lookup"])
def test_a_death_at_any_place_loses_doubles_and_reorders_nothing(
    new_trial: NewTrial,
    trial_ledger: str | None,
    way: str,
    record_property: Callable[[str, object], None],
) -> None:
    trial = lookup_trial(new_trial, trial_ledger, unique=way == "unique")
    never = ELSEWHERE | (
        {name for name in NAMES if name.startswith("verify.")} if way == "unique" else set()
    )
    names = tuple(name for name in NAMES if name not in never)

    traffic = die_everywhere(trial, names)

    assert_all_there(trial, traffic)
    record_property(
        "measured",
        f"{len(names)} SIGKILLs at as many named places, {way}, over {len(traffic.webhooks)} "
        "webhooks: 0 lost, 0 doubled, 0 reordered",
    )


@pytest.mark.parametrize("on_pass", [1, 4, 9])
def test_a_death_within_a_sweep_leaves_the_rest_of_it_to_the_next_process(
    new_trial: NewTrial, on_pass: int
) -> None:
    trial = new_trial(tuning=SWIFT)
    first = trial.start()
    trial.wait_until_ready(first)
    traffic = burst(4, 16, base=datetime.now(UTC), seed=33)
    asyncio.run(send(trial.webhook_url, trial.secret, traffic.webhooks))
    trial.wait_until_settled()
    first.terminate()
    first.wait(30)
    touched = trial.crm.state()["communications"][0]
    words = {"hs_communication_body": "nada a ver"}
    order = {"type": "communications", "id": int(touched["id"]), "properties": words}
    trial.crm.order("edit", order)

    dying = trial.start(env=environment(f"sweep.mid=kill@{on_pass}"))
    trial.wait_until_ready(dying)
    command = trial.command_in_background("reconcile")
    assert dying.wait(60) == -signal.SIGKILL
    trial.start()
    said, _ = command.communicate(timeout=90)

    ending = json.loads(said)["destinations"]["hubspot"]
    assert (ending["state"], ending["found"]["changed"], ending["left"]) == ("done", 1, 0)
    assert_all_there(trial, traffic)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_ledger(request: pytest.FixtureRequest) -> str | None:
    """Return the URL of a database without tables; ``None`` for SQLite in the trial's folder."""
    if request.param == "sqlite":
        return None
    url: Any = request.getfixturevalue("new_postgres_database")()
    found: str = url.render_as_string(hide_password=False)
    return found


def test_a_death_within_a_migration_leaves_nothing_of_it(
    new_trial: NewTrial, empty_ledger: str | None
) -> None:
    trial = new_trial(ledger_url=empty_ledger, set_up=False)

    died = _upgrade(trial, environment("migrate.mid=kill"))
    before = trial.command("db", "current", check=False)
    lived = _upgrade(trial, {})

    assert died == -signal.SIGKILL
    assert before["revision"] is None
    assert lived == 0
    assert trial.command("db", "check") == {"ok": True, "faults": []}


def _upgrade(trial: Trial, env: Mapping[str, str]) -> int:
    """Run ``connector db upgrade`` and return its exit status."""
    done = subprocess.run(
        [sys.executable, "-m", "connector", "--config", str(trial.config), "db", "upgrade"],
        env={**os.environ, **env},
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.returncode


def test_a_death_with_a_new_access_token_in_hand_costs_another_one(new_trial: NewTrial) -> None:
    trial = new_trial(tuning=SWIFT)
    app = {"client_id": "app", "client_secret": "app-secret", "refresh_token": "refresh"}
    trial.crm.order("oauth", app)
    for name, word in app.items():
        (trial.folder / name).write_text(word)
    secrets = ", ".join(f'{name} = {{ file = "{name}" }}' for name in app)
    text = trial.config.read_text()
    trial.config.write_text(
        text.replace('token = { file = "crm_token" }', f"oauth = {{ {secrets} }}")
    )
    traffic = burst(2, 4, base=datetime.now(UTC), seed=32)
    process = trial.start(env=environment("token.after_refresh=kill"))
    assert process.wait(60) == -signal.SIGKILL

    trial.start()
    asyncio.run(send(trial.webhook_url, trial.secret, traffic.webhooks))

    assert_all_there(trial, traffic)
