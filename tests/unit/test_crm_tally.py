"""Calls are counted for the work that makes them, and for no other."""

import asyncio

from connector.crm.tally import count_call, tally_calls


async def ask(times: int) -> None:
    for _ in range(times):
        await asyncio.sleep(0)
        count_call()


async def ask_counted(times: int) -> int:
    with tally_calls() as tally:
        async with asyncio.TaskGroup() as group:
            group.create_task(ask(times))
            group.create_task(ask(times))
    return tally.calls


def test_each_piece_of_work_counts_its_own_calls_side_by_side() -> None:
    async def work() -> tuple[int, ...]:
        return tuple(await asyncio.gather(ask_counted(3), ask_counted(5), ask_counted(0)))

    assert asyncio.run(work()) == (6, 10, 0)


def test_what_is_asked_outside_is_counted_for_nobody() -> None:
    count_call()
    with tally_calls() as tally:
        count_call()
    count_call()

    assert tally.calls == 1
