"""A connector and a CRM in this process, whose clock is turned and whose calls are harmed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connector.ledger.ledger import Ledger
from faults.memory import TurnedClock, noon
from faults.process import SHAPES
from faults.world import World


@pytest.fixture
def clock() -> TurnedClock:
    """Return a clock to turn."""
    return TurnedClock(noon())


@pytest.fixture
def new_world(
    ledger: Ledger, clock: TurnedClock, tmp_path: Path
) -> Iterator[Callable[[str], World]]:
    """Return a function that makes a connector and a CRM of the named shape."""
    worlds: list[World] = []

    def make(shape: str) -> World:
        worlds.append(World(ledger, clock, SHAPES[shape], tmp_path))
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()
