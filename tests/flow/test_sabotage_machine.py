"""Sabotage as a rule: whatever goes wrong and in whatever order, the CRM ends as it should.

The real ledger, recorder and delivery are driven step by step against a CRM in memory, on each
database and for each way in which a CRM lets a doubtful write be made good.
Everyday tests try little, and always the same; the campaign tries other things each time, as often
as ``CONNECTOR_MACHINE_EXAMPLES`` and ``CONNECTOR_MACHINE_STEPS`` say.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import event, text
from sqlalchemy.engine import URL

from connector.ledger.engine import open_engine
from connector.ledger.ledger import Ledger
from connector.ledger.schema import metadata
from faults.memory import TurnedClock, noon
from faults.memory_adapter import WRITE_FAULTS
from faults.process import SHAPES
from faults.truth import Outcome, require_no_doubles
from faults.world import World

EXAMPLES = int(os.environ.get("CONNECTOR_MACHINE_EXAMPLES", "25"))
STEPS = int(os.environ.get("CONNECTOR_MACHINE_STEPS", "30"))

people = st.integers(1, 3)
harm = st.sampled_from(
    (
        *("ok",) * 8,
        *("late",) * 3,
        *("error_after", "die_after", "freeze_before", "hide_one") * 2,
        *WRITE_FAULTS,
    )
)
faults = st.lists(
    st.tuples(harm, st.integers(0, 9).map(lambda tenths: tenths / 10)), min_size=2, max_size=8
)
while_ago = st.integers(-30, 0)
moments = st.sampled_from((0.0, 0.4, 1.0, 1.0, 3.0, 6.0, 11.0))
RECORDING = ("record.begun", "record.after_people", "record.before_commit", "record.after_commit")
DELIVERING = (
    "takeover.before_commit",
    "claim.read",
    "begin.before_commit",
    "begin.after_commit",
    "settle.before_commit",
    "settle.after_commit",
    "verify.before_read",
    "verify.after_read",
    "verify.before_commit",
    "rest.before_commit",
    "standing.before_commit",
)


class Sabotage(RuleBasedStateMachine):
    """WhatsApp, the connector and a CRM, all at the mercy of Hypothesis."""

    open_ledger: ClassVar[Callable[[TurnedClock], Ledger]]
    shape: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="sabotage-")
        clock = TurnedClock(noon())
        self.ledger = type(self).open_ledger(clock)
        self.world = World(self.ledger, clock, SHAPES[self.shape], Path(self.folder.name))

    # WhatsApp

    @initialize(counts=st.lists(st.integers(1, 3), min_size=1, max_size=3), faults=faults)
    def begin(self, counts: list[int], faults: list[tuple[str, float]]) -> None:
        self.rush(counts, faults, "")

    @rule(
        counts=st.lists(st.integers(1, 3), min_size=1, max_size=3),
        faults=faults,
        place=st.sampled_from(("", "", "", *DELIVERING)),
    )
    def rush(self, counts: list[int], faults: list[tuple[str, float]], place: str) -> None:
        """Let several people write at once, and all of it be taken in before it is delivered."""
        for person, count in enumerate(counts, 1):
            self.world.write(person, at=0, count=count)
        self.world.post(range(len(self.world.waiting)))
        self.world.record()
        self.world.deliver(faults, place)

    @rule(person=people, at=while_ago, count=st.integers(1, 3), place=st.integers(0, 99))
    def write_and_edit(self, person: int, at: int, count: int, place: int) -> None:
        """Let somebody write, and somebody change an earlier message; nothing is posted yet."""
        self.world.write(person, at=at, count=count)
        wamids = list(self.world.texts)
        self.world.edit(wamids[place % len(wamids)])

    @precondition(lambda self: self.world.waiting)
    @rule(
        places=st.lists(st.integers(0, 5), min_size=1, max_size=4),
        again=st.booleans(),
        place=st.sampled_from(("", "", *RECORDING)),
    )
    def post_and_record(self, places: list[int], again: bool, place: str) -> None:  # noqa: FBT001 - drawn
        """Post in any order, some of it twice; the recorder may die of it."""
        self.world.post(places, again=again)
        self.world.record(place)

    # The connector

    @rule(faults=faults, place=st.sampled_from(("", "", "", *DELIVERING)), then=moments)
    def deliver(self, faults: list[tuple[str, float]], place: str, then: float) -> None:
        self.world.deliver(faults, place)
        self.world.crm.let_pass(then)

    @rule(turns=st.integers(1, 4), then=moments)
    def deliver_in_peace(self, turns: int, then: float) -> None:
        for _ in range(turns):
            self.world.deliver()
            self.world.crm.let_pass(then)

    @rule()
    def stand_still(self) -> None:
        self.world.abandon()

    @rule()
    def thaw(self) -> None:
        self.world.thaw()

    @rule()
    def change_mapping(self) -> None:
        self.world.change_mapping()

    @rule(seconds=st.sampled_from((-86_400.0, -40.0, 8.0, 40.0, 86_400.0)))
    def set_the_clock_wrong(self, seconds: float) -> None:
        self.world.set_clock(seconds)

    # People in the CRM

    @precondition(lambda self: self.world.crm.live("message"))
    @rule(place=st.integers(0, 99))
    def delete_a_message(self, place: int) -> None:
        live = self.world.crm.live("message")
        self.world.delete(live[place % len(live)])

    @precondition(lambda self: self.world.crm.live("contact"))
    @rule(place=st.integers(0, 99))
    def merge_a_contact_into_a_stranger(self, place: int) -> None:
        live = self.world.crm.live("contact")
        self.world.merge_away(live[place % len(live)])

    @precondition(lambda self: self.world.crm.live("contact"))
    @rule(place=st.integers(0, 99))
    def delete_a_contact(self, place: int) -> None:
        live = self.world.crm.live("contact")
        self.world.delete(live[place % len(live)])

    # What is never to happen

    @invariant()
    def nothing_is_there_twice(self) -> None:
        require_no_doubles(self.world.crm)

    @invariant()
    def everything_is_accounted_for(self) -> None:
        assert self.world.difference() == 0

    def teardown(self) -> None:
        try:
            self.world.come_to_rest()
            world = self.world
            untraceable = world.shape.untraceable
            outcome = Outcome(world.ledger, world.crm, world.deleted, untraceable)
            outcome.require_equal(world.texts)
            assert world.difference() == 0
        finally:
            self.world.close()
            self.ledger.close()
            self.folder.cleanup()


@pytest.fixture
def open_ledger(
    request: pytest.FixtureRequest, ledger_url: URL, sqlite_template: bytes
) -> Callable[[TurnedClock], Ledger]:
    """Return a function that opens an empty ledger, again and again on the same database."""
    del request

    def from_template(clock: TurnedClock) -> Ledger:
        assert ledger_url.database is not None
        for ending in ("", "-wal", "-shm"):
            Path(ledger_url.database + ending).unlink(missing_ok=True)
        Path(ledger_url.database).write_bytes(sqlite_template)
        engine = open_engine(ledger_url)
        event.listen(engine, "connect", _spare_the_disk)
        return Ledger(engine, clock=clock)

    def emptied(clock: TurnedClock) -> Ledger:
        engine = open_engine(ledger_url)
        tables = ", ".join(table.name for table in metadata.sorted_tables)
        with engine.begin() as connection:
            connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
        return Ledger(engine, clock=clock)

    return from_template if ledger_url.get_backend_name() == "sqlite" else emptied


def _spare_the_disk(connection: Any, _record: Any) -> None:
    """Let nothing wait for the disk: here nobody pulls the plug."""
    connection.execute("PRAGMA synchronous=OFF")


def sabotage(
    open_ledger: Callable[[TurnedClock], Ledger],
    shape: str,
    *,
    examples: int,
    steps: int,
    always_the_same: bool = False,
) -> None:
    """Let Hypothesis do its worst, so many times, in so many steps at the most."""
    members: dict[str, Any] = {"open_ledger": staticmethod(open_ledger), "shape": shape}
    machine = type("Sabotaged", (Sabotage,), members)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            derandomize=always_the_same,
            database=None,
            phases=[Phase.explicit, Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_whatever_goes_wrong_the_crm_ends_with_each_record_once(
    open_ledger: Callable[[TurnedClock], Ledger], shape: str
) -> None:
    sabotage(open_ledger, shape, examples=2, steps=20, always_the_same=True)


@pytest.mark.campaign
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("shape", SHAPES)
def test_whatever_goes_wrong_for_long_the_crm_ends_with_each_record_once(
    open_ledger: Callable[[TurnedClock], Ledger], shape: str
) -> None:
    sabotage(open_ledger, shape, examples=EXAMPLES, steps=STEPS)
