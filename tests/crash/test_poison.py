"""A record of which the process dies is parked at last, wherever it dies of it; nobody else is."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from connector.deliver.caution import choose_company
from connector.deliver.plan import LanePlan
from connector.failpoints import FailpointDeath
from connector.ledger.deliveries import Delivery
from connector.ledger.ledger import Ledger
from connector.ledger.succession import POISON_CRASHES
from connector.mapping.render import Renderer
from connector.mapping.rendered import Rendered
from connector.model.message import Message
from faults.process import NAME, TUNING
from faults.world import World

NewWorld = Callable[[str], World]


def deliver_until_nobody_dies(world: World) -> int:
    """Start one process after the other until one lives; return how many died."""
    for died in range(40):
        while world.take_over() is None:
            world.crm.let_pass(TUNING.lease + 1)
        before = world.died
        for _ in range(30):
            world.deliver()
            if world.died > before:
                break
        else:
            return died
    raise AssertionError("they die for ever")


@pytest.mark.parametrize("shape", ["unique", "lookup"])
def test_a_message_of_whose_rendering_every_process_dies_is_parked_and_nothing_else(
    new_world: NewWorld, shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = new_world(shape)
    for person in (1, 2, 3):
        world.write(person, at=0, count=4)
    world.post(range(3))
    world.record()
    deadly = next(each for each in world.texts.values() if each.person == 2)

    render = Renderer.message

    def die_of(renderer: Renderer, source: Message, *rest: Any, **more: Any) -> Rendered:
        if deadly.words in str(source.content):
            raise FailpointDeath("render")
        return render(renderer, source, *rest, **more)

    monkeypatch.setattr(Renderer, "message", die_of)

    deaths = deliver_until_nobody_dies(world)

    states = sorted((row.state, row.error_code) for row in world.rows() if row.record == "message")
    assert states == [("parked", "poison")] + [("synced", None)] * 11
    assert POISON_CRASHES <= deaths <= POISON_CRASHES + 2
    assert world.difference() == 0

    monkeypatch.undo()
    assert world.retry_parked() == 1
    world.settle()
    assert {row.state for row in world.rows()} == {"synced"}


def test_a_death_costs_the_innocent_nothing(new_world: NewWorld, ledger: Ledger) -> None:
    world = new_world("unique")
    world.write(1, at=0, count=3)
    world.post([0])
    world.record()
    world.deliver(place="claim.read")
    world.crm.let_pass(TUNING.lease + 1)

    world.settle()

    with ledger.engine.connect() as connection:
        deaths = connection.execute(text("SELECT sum(crash_count) FROM delivery")).scalar_one()
        after = connection.execute(
            text("SELECT owner FROM lease WHERE name = :name"), {"name": f"deliver/{NAME}"}
        ).scalar_one()
    assert deaths == 0
    assert after is not None
    assert {row.state for row in world.rows()} == {"synced"}


def _row(row_id: int, lane_id: int, deaths: int) -> Delivery:
    values: dict[str, object] = dict.fromkeys(Delivery.__slots__)
    values |= {"id": row_id, "lane_id": lane_id, "crash_count": deaths, "record": "message"}
    return Delivery(**values)  # type: ignore[arg-type]  # by hand


def _plan(lane_id: int, *deaths: int) -> LanePlan:
    rows = [_row(lane_id * 100 + place, lane_id, count) for place, count in enumerate(deaths)]
    return LanePlan(lane_id, lane_id, messages=rows)


def test_those_whom_nobody_suspects_go_first() -> None:
    chosen = choose_company([_plan(1, 0, 5), _plan(2, 0), _plan(3, 1)])

    assert [plan.lane_id for plan in chosen] == [2, 3]


def test_suspects_have_their_turn_however_many_others_come() -> None:
    plans = [_plan(1, 0), _plan(2, 5, 5)]

    assert [plan.lane_id for plan in choose_company(plans, suspects=True)] == [2]
    assert [plan.lane_id for plan in choose_company(plans[:1], suspects=True)] == [1]


def test_suspects_go_in_the_largest_company_that_one_of_them_may_go_in() -> None:
    plans = [_plan(1, 4), _plan(2, *[3] * 12), _plan(3, 3)]

    chosen = choose_company(plans)

    assert [(plan.lane_id, len(plan.messages)) for plan in chosen] == [(2, 10), (3, 1)]


def test_a_row_that_may_be_the_one_goes_alone() -> None:
    chosen = choose_company([_plan(1, 4, 4, 0), _plan(2, 6)])

    assert [(plan.lane_id, len(plan.messages)) for plan in chosen] == [(1, 1)]
