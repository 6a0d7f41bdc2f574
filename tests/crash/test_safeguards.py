"""One test for each safeguard of delivery: the fault that it is there for, and nothing else.

Each fails without its safeguard; ``faults.mutants`` takes them away one at a time to see that.
"""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, text

from connector.ledger import schema
from connector.ledger.engine import open_engine
from connector.ledger.lanes import LaneRest, Wanted, lane_heads, lock_lanes, rest_lanes, want
from connector.ledger.ledger import Ledger
from faults.memory import TurnedClock
from faults.truth import Outcome, require_no_doubles
from faults.world import World

NewWorld = Callable[[str], World]


def hear(world: World, *, count: int = 1) -> None:
    """Let one person write, and record it."""
    world.write(1, at=0, count=count)
    world.post(range(len(world.waiting)))
    world.record()


def assert_all_there_once(world: World) -> None:
    """Let everything go well from now on, and look at what the CRM holds."""
    world.settle()
    Outcome(world.ledger, world.crm, world.deleted, world.shape.untraceable).require_equal(
        world.texts
    )
    assert world.difference() == 0


def test_a_write_whose_process_died_is_looked_up_before_it_goes_again(new_world: NewWorld) -> None:
    world = new_world("lookup")
    hear(world)

    world.deliver([("ok", 0), ("die_after", 0)])
    world.crm.let_pass(20)

    assert world.died == 1
    assert_all_there_once(world)


def test_a_write_without_an_answer_is_looked_up_before_it_goes_again(new_world: NewWorld) -> None:
    world = new_world("lookup")
    hear(world)

    world.deliver([("ok", 0), ("error_after", 0)])

    assert_all_there_once(world)


def test_a_write_that_the_crm_applies_late_is_not_repeated_before(new_world: NewWorld) -> None:
    world = new_world("lookup")
    hear(world)

    world.deliver([("ok", 0), ("late", 0.9)])

    assert_all_there_once(world)


@pytest.mark.parametrize("seconds", [40.0, 86_400.0])
def test_setting_the_clock_ahead_does_not_make_a_write_old(
    new_world: NewWorld, seconds: float
) -> None:
    world = new_world("lookup")
    hear(world)

    world.deliver([("ok", 0), ("late", 0.9)])
    world.set_clock(seconds)

    assert_all_there_once(world)


def test_a_process_that_stood_still_before_its_write_does_not_write_any_more(
    new_world: NewWorld,
) -> None:
    world = new_world("lookup")
    hear(world)

    world.deliver([("ok", 0), ("freeze_before", 0.5)])

    require_no_doubles(world.crm)
    assert len(world.crm.live("message")) == 1
    assert_all_there_once(world)


def test_a_process_that_lost_its_lease_settles_nothing(new_world: NewWorld) -> None:
    world = new_world("lookup")
    hear(world)

    world.deliver([("ok", 0), ("freeze_before", 0.8)])  # the other one writes it and dies
    world.crm.let_pass(20)

    assert world.died == 1
    assert_all_there_once(world)


def test_what_changed_while_it_was_being_written_is_written_again(new_world: NewWorld) -> None:
    world = new_world("unique")
    hear(world)

    world.deliver([("ok", 0), ("meanwhile", 0)])

    [changed] = world.texts.values()
    assert changed.edits == 1
    assert_all_there_once(world)


def test_a_message_waits_for_the_one_before_it_that_is_in_doubt(new_world: NewWorld) -> None:
    world = new_world("lookup")
    hear(world, count=2)

    world.deliver([("ok", 0), ("omit_one", 0)])

    assert [each.key for each in world.crm.live("message")] == []
    assert_all_there_once(world)


def test_messages_go_in_the_order_in_which_they_were_sent(new_world: NewWorld) -> None:
    world = new_world("lookup")
    for at in (0, -20, -10):
        world.write(1, at=at)
    world.post((0, 1, 2))
    world.record()

    world.settle()

    told = sorted(world.crm.live("message"), key=lambda each: each.created)
    times = [str(each.fields["at"]) for each in told]
    assert (len(times), times) == (3, sorted(times))


def test_a_message_of_a_contact_that_is_gone_has_the_contact_looked_for(
    new_world: NewWorld,
) -> None:
    world = new_world("unique")
    hear(world)
    world.settle()
    [contact] = world.crm.live("contact")

    world.delete(contact)
    world.crm.let_pass(5)
    hear(world)
    world.come_to_rest()

    assert {row.state for row in world.rows()} == {"synced"}
    assert len(world.crm.live("contact")) == 1


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
def test_what_is_put_on_a_lane_while_it_is_laid_to_rest_wakes_it(
    ledger: Ledger, clock: TurnedClock
) -> None:
    one = Wanted("crm", 1, "contact", "1", "k1", 0)
    two = Wanted("crm", 1, "message", "2", "k2", 5)
    with ledger.engine.begin() as connection:
        _make_contact(connection, clock)
        want(connection, [one], now=clock.now())
        connection.execute(schema.delivery.update().values(state="synced", crm_id="9"))
        lane_id = connection.execute(text("SELECT id FROM lane")).scalar_one()
    adding = threading.Thread(target=_want, args=(ledger, two, clock))

    with ledger.engine.begin() as connection:
        lock_lanes(connection, [lane_id])
        assert lane_heads(connection, [lane_id]) == {}
        adding.start()
        _wait_until_it_waits(ledger, adding)
        rest_lanes(connection, [LaneRest(lane_id, None, 0)])
    adding.join(20)

    with ledger.engine.begin() as connection:
        assert connection.execute(text("SELECT due_at FROM lane")).scalar_one() is not None


def _make_contact(connection: Connection, clock: TurnedClock) -> None:
    connection.execute(
        schema.contact.insert().values(id=1, key="wc_1", first_seen_at=clock.now(), labels=[])
    )
    connection.execute(
        schema.destination.insert().values(name="crm", adapter="memory", degraded_fields=[])
    )


def _want(ledger: Ledger, wanted: Wanted, clock: TurnedClock) -> None:
    ledger.transact(want, [wanted], now=clock.now())


def _wait_until_it_waits(ledger: Ledger, thread: threading.Thread) -> None:
    """Wait until another transaction waits for a lock, or has ended without waiting."""
    other = open_engine(ledger.engine.url)
    look = text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    deadline = threading.Event()
    try:
        while thread.is_alive():
            with other.connect() as connection:
                waiting: Any = connection.execute(look).scalar_one()
            if waiting:
                return
            deadline.wait(0.02)
    finally:
        other.dispose()
