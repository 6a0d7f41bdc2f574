"""The verdict on a sandbox Pipedrive: entries of one message, and of many."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from connector.sandbox.burst import burst
from connector.sandbox.comparison import compare_pipedrive
from connector.sandbox.traffic import ExpectedContact

EXPECTED = burst(3, 9, base=datetime(2026, 11, 24, 11, 0, tzinfo=UTC), seed=4).expected
State = dict[str, Any]


def fill(*, whole_days: bool) -> State:
    """Return a company that holds everything once, as the sandbox shows one."""
    state: State = {"persons": [], "activities": [], "notes": []}
    for number, person in enumerate(EXPECTED, 1):
        state["persons"].append(
            {"id": number, "name": person.name, "phones": [{"value": person.phone}]}
        )
        lines = [f"<p><b>{person.name}</b>: {message.text}</p>" for message in person.messages]
        for body in ["".join(lines)] if whole_days else lines:
            place = len(state["activities"]) + 1
            state["activities"].append({"id": place, "person_id": number, "note": body})
    return state


@pytest.fixture(params=[False, True], ids=["messages", "conversations"])
def state(request: pytest.FixtureRequest) -> State:
    return fill(whole_days=request.param)


def test_a_company_that_holds_everything_once_is_perfect(state: State) -> None:
    verdict = compare_pipedrive(EXPECTED, state)

    assert verdict.perfect, verdict
    assert verdict.disordered == []
    assert verdict.crm_ids == ["1", "2", "3"]


def _twice(state: State) -> None:
    state["activities"].append({**state["activities"][0], "id": 99})


def _a_person_twice(state: State) -> None:
    state["persons"].append({**state["persons"][0], "id": 99})


def _without_its_person(state: State) -> None:
    state["activities"][0]["person_id"] = None


def _somebody_elses(state: State) -> None:
    state["notes"].append({"id": 99, "person_id": 1, "content": "<p>Hello</p>"})


@pytest.mark.parametrize("spoil", [_twice, _a_person_twice, _without_its_person, _somebody_elses])
def test_what_is_there_too_often_or_in_the_wrong_place_is_told(
    state: State, spoil: Callable[[State], None]
) -> None:
    spoil(state)

    assert not compare_pipedrive(EXPECTED, state).perfect


def test_a_text_that_is_gone_is_missing(state: State) -> None:
    first: ExpectedContact = EXPECTED[0]
    text = first.messages[1].text
    gone = copy.deepcopy(state)
    for each in gone["activities"]:
        each["note"] = each["note"].replace(text, "...")

    verdict = compare_pipedrive(EXPECTED, gone)

    assert [message.text for message in verdict.missing] == [text]


def test_entries_made_in_another_order_are_told() -> None:
    state = fill(whole_days=False)
    first, second = state["activities"][:2]
    first["note"], second["note"] = second["note"], first["note"]

    verdict = compare_pipedrive(EXPECTED, state)

    assert verdict.perfect
    assert verdict.disordered == [EXPECTED[0]]
