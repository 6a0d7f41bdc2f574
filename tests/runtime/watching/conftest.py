"""A watch over a ledger, whose clock a test moves."""

import pytest

from connector.config.models import Config
from connector.crm.budget import BudgetState
from connector.ledger.alarms import firing_alarms
from connector.ledger.ledger import Ledger
from connector.runtime.watching import Watch
from tests.runtime.watching.hands import HandClock, Look


@pytest.fixture
def clock() -> HandClock:
    """Return the ledger's clock."""
    return HandClock()


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
