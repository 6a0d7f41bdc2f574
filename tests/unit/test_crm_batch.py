"""Batches to a CRM: slices, halving, and what ends a run."""

import asyncio
import math
from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.crm.batch import gather_in_batches, send_in_batches
from connector.errors import (
    CrmAccessError,
    CrmError,
    CrmInDoubtError,
    CrmRejectedError,
    CrmThrottledError,
    CrmUnavailableError,
)
from connector.model.outcome import InDoubt, NotSent, Outcome, Rejected, Written


class Crm:
    """Takes numbers; refuses a request that holds a bad one; fails where told to."""

    def __init__(
        self, *, bad: frozenset[int] = frozenset(), errors: dict[int, CrmError] | None = None
    ) -> None:
        self.bad = bad
        self.errors = errors or {}
        self.calls: list[list[int]] = []

    async def __call__(self, records: Sequence[int]) -> Sequence[Outcome]:
        self.calls.append(list(records))
        await asyncio.sleep(0)
        for record in records:
            if record in self.errors:
                raise self.errors[record]
        if self.bad & set(records):
            raise CrmRejectedError("no", code="BAD", status=400, field="age")
        return [Written(str(record)) for record in records]


def send(
    crm: Crm, count: int, size: int, *, concurrency: int = 1
) -> tuple[list[Outcome], list[list[int]]]:
    outcomes = asyncio.run(send_in_batches(range(count), size, crm, concurrency=concurrency))
    return outcomes, crm.calls


def test_records_go_out_in_slices_and_outcomes_come_back_in_order() -> None:
    outcomes, calls = send(Crm(), 7, 3)
    assert calls == [[0, 1, 2], [3, 4, 5], [6]]
    assert outcomes == [Written(str(n)) for n in range(7)]


def test_nothing_to_send_makes_no_call() -> None:
    assert send(Crm(), 0, 10) == ([], [])


@given(
    count=st.integers(1, 120),
    size=st.integers(1, 100),
    concurrency=st.integers(1, 5),
    data=st.data(),
)
def test_only_the_records_at_fault_are_rejected(
    count: int, size: int, concurrency: int, data: st.DataObject
) -> None:
    bad = data.draw(st.frozensets(st.integers(0, count - 1), max_size=4))
    crm = Crm(bad=bad)
    outcomes, calls = send(crm, count, size, concurrency=concurrency)
    assert outcomes == [
        Rejected("BAD", "no", "age", 400) if n in bad else Written(str(n)) for n in range(count)
    ]
    slices = math.ceil(count / size)
    assert len(calls) <= slices + len(bad) * 2 * math.ceil(math.log2(size) if size > 1 else 0)


def test_a_doubtful_slice_is_in_doubt_and_the_next_one_is_sent() -> None:
    error = CrmInDoubtError("cut off")
    outcomes, calls = send(Crm(errors={1: error}), 6, 2)
    doubtful = [InDoubt("cut off", error)] * 2
    assert outcomes == [*doubtful, *(Written(str(n)) for n in range(2, 6))]
    assert len(calls) == 3


@pytest.mark.parametrize(
    "error",
    [
        CrmThrottledError("slow down", cooldown=timedelta(seconds=3)),
        CrmUnavailableError("away", started=False),
        CrmAccessError("no key"),
    ],
)
def test_what_concerns_the_whole_destination_ends_the_run(error: CrmError) -> None:
    outcomes, calls = send(Crm(errors={2: error}), 8, 2)
    assert outcomes == [Written("0"), Written("1"), *[NotSent(error)] * 6]
    assert calls == [[0, 1], [2, 3]]


def test_slices_under_way_when_the_run_ends_keep_their_outcomes() -> None:
    error = CrmUnavailableError("away")
    outcomes, calls = send(Crm(errors={0: error}), 8, 2, concurrency=2)
    assert outcomes == [*[NotSent(error)] * 2, Written("2"), Written("3"), *[NotSent(error)] * 4]
    assert len(calls) == 2


def test_the_second_half_is_not_sent_once_the_first_was_throttled() -> None:
    error = CrmThrottledError("slow down", cooldown=timedelta(seconds=3))

    class ThrottledWhenHalved(Crm):
        async def __call__(self, records: Sequence[int]) -> Sequence[Outcome]:
            if len(records) < 4:
                self.calls.append(list(records))
                raise error
            return await super().__call__(records)

    outcomes, calls = send(ThrottledWhenHalved(bad=frozenset({3})), 4, 4)
    assert outcomes == [NotSent(error)] * 4
    assert calls == [[0, 1, 2, 3], [0, 1]]


def test_an_adapter_that_loses_count_leaves_its_slice_in_doubt() -> None:
    async def forgetful(records: Sequence[int]) -> Sequence[Outcome]:
        return [Written(str(record)) for record in records][1:]

    outcomes = asyncio.run(send_in_batches([1, 2, 3], 2, forgetful))
    assert [type(outcome) for outcome in outcomes] == [InDoubt, InDoubt, InDoubt]


@pytest.mark.parametrize("concurrency", [1, 3])
def test_an_error_nobody_foresaw_comes_out_as_itself(concurrency: int) -> None:
    async def broken(_records: Sequence[int]) -> Sequence[Outcome]:
        raise LookupError("a bug")

    with pytest.raises(LookupError, match="a bug"):
        asyncio.run(send_in_batches(range(9), 2, broken, concurrency=concurrency))


def test_no_more_slices_than_asked_are_under_way_at_once() -> None:
    under_way: list[int] = [0]
    most: list[int] = [0]

    async def counting(records: Sequence[int]) -> Sequence[Outcome]:
        under_way[0] += 1
        most[0] = max(most[0], under_way[0])
        for _ in range(3):
            await asyncio.sleep(0)
        under_way[0] -= 1
        return [Written(str(record)) for record in records]

    asyncio.run(send_in_batches(range(40), 2, counting, concurrency=4))
    assert most == [4]


def test_an_adapter_that_tells_of_records_not_sent_ends_the_run_too() -> None:
    error = CrmThrottledError("slow down", cooldown=timedelta(seconds=3))
    calls: list[int] = []

    async def throttled(records: Sequence[int]) -> Sequence[Outcome]:
        calls.append(len(records))
        return [Written(str(records[0])), *[NotSent(error)] * (len(records) - 1)]

    outcomes = asyncio.run(send_in_batches(range(9), 3, throttled))
    assert outcomes == [Written("0"), *[NotSent(error)] * 8]
    assert calls == [3]


def test_answers_of_several_batches_come_in_order_and_the_first_error_ends_all() -> None:
    async def double(items: Sequence[int]) -> list[int]:
        for _ in range(10 - items[0]):
            await asyncio.sleep(0)
        return [2 * item for item in items]

    answers = asyncio.run(gather_in_batches(range(5), 2, double, concurrency=3))
    assert answers == [[0, 2], [4, 6], [8]]

    ended: list[int] = []

    async def fail(items: Sequence[int]) -> None:
        if items[0] == 2:
            raise CrmUnavailableError("away")
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(items[0])

    with pytest.raises(CrmUnavailableError, match="away"):
        asyncio.run(gather_in_batches(range(6), 2, fail, concurrency=3))
    assert sorted(ended) == [0, 4]


@given(st.lists(st.sampled_from("abcdefgh"), max_size=60))
def test_records_that_belong_together_go_in_one_slice_in_their_order(names: list[str]) -> None:
    crm = Crm()

    outcomes = asyncio.run(
        send_in_batches(range(len(names)), 10, crm, concurrency=4, together=names.__getitem__)
    )

    assert outcomes == [Written(str(place)) for place in range(len(names))]
    assert all(len(call) <= 10 for call in crm.calls)
    many = max(map(names.count, names), default=0)
    for name in set(names):
        places = [place for place, each in enumerate(names) if each == name]
        holding = [call for call in crm.calls if set(places) & set(call)]
        assert [place for call in holding for place in call if place in places] == places
        assert many > 10 or len(holding) == 1


def test_what_comes_after_a_half_in_doubt_is_not_sent_past_it() -> None:
    crm = Crm(bad=frozenset({3}), errors={})

    async def lose_the_first_half(records: Sequence[int]) -> Sequence[Outcome]:
        if list(records) == [0, 1]:
            raise CrmInDoubtError("no answer")
        return await crm(records)

    outcomes = asyncio.run(send_in_batches(range(4), 4, lose_the_first_half))

    assert [type(each) for each in outcomes] == [InDoubt, InDoubt, NotSent, NotSent]
    assert crm.calls == [[0, 1, 2, 3]]
