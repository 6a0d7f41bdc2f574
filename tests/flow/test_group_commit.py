"""Group commit: how many webhooks share a commit, and what becomes of each."""

import asyncio

import pytest
from sqlalchemy import Connection

from connector import metrics
from connector.errors import ConnectorError, LedgerError
from connector.ledger.ledger import Ledger
from connector.receive.group_commit import GroupCommit
from tests.flow.receiver import count_webhooks, locked, text_message, until

pytestmark = pytest.mark.anyio
Answers = list[ConnectorError | None]


def commits() -> float:
    """Return how many commits were made in this process so far."""
    made = metrics.REGISTRY.get_sample_value("connector_intake_commit_size_count")
    assert made is not None
    return made


def _offer(intake: GroupCommit, *bodies: bytes) -> Answers:
    """Offer bodies all at once; return the list in which their answers will be."""
    answers: Answers = []
    for body in bodies:
        assert intake.offer(body, answers.append)
    return answers


async def test_a_hundred_webhooks_at_once_take_two_commits(ledger: Ledger) -> None:
    intake = GroupCommit(ledger)
    before = commits()

    answers = _offer(intake, *(text_message(n) for n in range(100)))
    assert answers == []
    await intake.drain()

    assert answers == [None] * 100
    assert commits() == before + 2
    assert ledger.query(count_webhooks) == 100


async def test_what_comes_during_a_commit_shares_the_next(ledger: Ledger) -> None:
    intake = GroupCommit(ledger)
    before = commits()

    with locked(ledger):
        first = _offer(intake, text_message(0))
        await until(lambda: intake.committing)
        rest = _offer(intake, *(text_message(n) for n in range(1, 50)))
    await intake.drain()

    assert (first, rest) == ([None], [None] * 49)
    assert commits() == before + 2


async def test_a_commit_takes_no_more_bytes_than_it_may(sqlite_ledger: Ledger) -> None:
    intake = GroupCommit(sqlite_ledger, group_bytes=1000)
    before = commits()

    answers = _offer(intake, b"a" * 900, b"b" * 200, b"c" * 5000, b"d", b"e")
    await intake.drain()

    assert answers == [None] * 5
    assert commits() == before + 4  # a, b, c, and d with e
    assert sqlite_ledger.query(count_webhooks) == 5


async def test_a_busy_intake_waits_a_moment_for_those_it_answered(sqlite_ledger: Ledger) -> None:
    intake = GroupCommit(sqlite_ledger)
    answers: Answers = []

    def answer_and_offer_again(error: ConnectorError | None) -> None:
        answers.append(error)
        number = 100 + len(answers)
        loop.call_soon(intake.offer, text_message(number), answers.append)

    loop = asyncio.get_running_loop()
    before = commits()
    for number in range(20):
        assert intake.offer(text_message(number), answer_and_offer_again)
    await until(lambda: len(answers) == 40)

    assert answers == [None] * 40
    assert commits() == before + 2


async def test_those_who_wait_are_told_of_rows_that_are_new_and_no_others(
    ledger: Ledger,
) -> None:
    stored: list[int] = []
    intake = GroupCommit(ledger, on_stored=lambda: stored.append(1))

    for expected in (1, 1):
        answers = _offer(intake, text_message(1), text_message(2))
        await intake.drain()
        assert answers == [None, None]
        assert len(stored) == expected


async def test_a_failing_ledger_is_told_to_everybody_in_the_group(sqlite_ledger: Ledger) -> None:
    intake = GroupCommit(sqlite_ledger)
    await asyncio.to_thread(sqlite_ledger.transact, _rename, "webhook", "elsewhere")

    answers = _offer(intake, *(text_message(n) for n in range(3)))
    await intake.drain()

    assert len(answers) == 3
    assert all(isinstance(answer, LedgerError) for answer in answers)
    assert "Olá" not in str(answers[0])
    assert intake.refusing

    await asyncio.to_thread(sqlite_ledger.transact, _rename, "elsewhere", "webhook")
    assert _offer(intake, text_message(1)) == []
    await intake.drain()
    assert not intake.refusing


async def test_a_full_queue_takes_nothing(sqlite_ledger: Ledger) -> None:
    intake = GroupCommit(sqlite_ledger, capacity=3)
    answers = _offer(intake, b"1", b"2", b"3")

    assert intake.full
    assert not intake.offer(b"4", answers.append)

    await intake.drain()
    assert not intake.full
    assert answers == [None] * 3
    assert sqlite_ledger.query(count_webhooks) == 3


async def test_who_waits_too_long_is_refused_once_and_stored_at_most_once(ledger: Ledger) -> None:
    intake = GroupCommit(ledger, patience=0.2)
    with locked(ledger):
        first = _offer(intake, text_message(1))
        await until(lambda: intake.committing)
        second = _offer(intake, text_message(2))
        await until(lambda: bool(second))

    await intake.drain()
    assert [type(answer) for answer in first + second] == [LedgerError] * 2
    assert ledger.query(count_webhooks) == 1  # the first was with the database already

    again = _offer(intake, text_message(1), text_message(2))
    await intake.drain()
    assert again == [None, None]
    assert ledger.query(count_webhooks) == 2


async def test_what_comes_while_a_refused_commit_is_under_way_is_refused_in_time_too(
    ledger: Ledger,
) -> None:
    intake = GroupCommit(ledger, patience=0.2)
    loop = asyncio.get_running_loop()
    with locked(ledger):
        first = _offer(intake, text_message(1))
        await until(lambda: bool(first))
        for number in (2, 3):
            offered_at = loop.time()
            later = _offer(intake, text_message(number))
            await until(lambda later=later: bool(later))  # type: ignore[misc]  # bound above
            assert isinstance(later[0], LedgerError)
            assert loop.time() - offered_at < 2  # and not when the database gives up, after 5 s
        assert intake.committing
    await intake.drain()


async def test_an_answer_that_fails_keeps_nobody_else_from_theirs(sqlite_ledger: Ledger) -> None:
    intake = GroupCommit(sqlite_ledger)
    answers: Answers = []

    def fail(_error: ConnectorError | None) -> None:
        raise ValueError("a bug")

    assert intake.offer(b"1", answers.append)
    assert intake.offer(b"2", fail)
    assert intake.offer(b"3", answers.append)
    await intake.drain()

    assert answers == [None, None]


def _rename(connection: Connection, old: str, new: str) -> None:
    connection.exec_driver_sql(f"ALTER TABLE {old} RENAME TO {new}")
