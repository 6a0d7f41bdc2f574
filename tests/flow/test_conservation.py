"""What the check after every flow test sees, so that it does not look away."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from connector.ledger.engine import open_engine
from connector.runtime.trial import Trial
from connector.sandbox.burst import burst
from connector.sandbox.sender import send
from tests.flow.balance import differences


def test_a_delivery_that_vanished_from_the_ledger_is_a_difference(
    new_trial: Callable[..., Trial], tmp_path: Path
) -> None:
    trial = new_trial()
    trial.wait_until_ready(trial.start())
    traffic = burst(2, 6, base=datetime.now(UTC), seed=41)
    asyncio.run(send(trial.webhook_url, trial.secret, traffic.webhooks))
    trial.wait_until_settled()
    trial.stop()
    file = tmp_path / "trial0" / "config.toml"
    kept = (trial.folder / "connector.db").read_bytes()
    whole = differences(file)

    engine = open_engine(f"sqlite:///{trial.folder / 'connector.db'}")
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM delivery WHERE id = (SELECT max(id) FROM delivery)"))
    engine.dispose()
    broken = differences(file)
    (trial.folder / "connector.db").write_bytes(kept)

    assert (whole, broken) == ({"hubspot": 0}, {"hubspot": 1})
