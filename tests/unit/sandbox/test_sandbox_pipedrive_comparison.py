"""The verdict on a sandbox Pipedrive: entries of one message, and of many."""

import copy
import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.sandbox.burst import burst
from connector.sandbox.comparison import compare_pipedrive
from connector.sandbox.traffic import ExpectedContact, ExpectedMessage

EXPECTED = burst(3, 9, base=datetime(2026, 11, 24, 11, 0, tzinfo=UTC), seed=4).expected
State = dict[str, Any]
AT = datetime(2026, 11, 24, 13, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


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


def _said(*texts: str) -> ExpectedContact:
    """Return a person who wrote these texts, a minute apart."""
    messages = tuple(
        ExpectedMessage(f"wamid.{place}", "Vendas", "in", "text", text, AT + place * MINUTE)
        for place, text in enumerate(texts)
    )
    return ExpectedContact("Ana", "+5511970000000", None, None, None, messages)


def _day(*texts: str) -> State:
    lines = "<br>".join(f"10:00 <b>Ana</b>: {text}" for text in texts)
    return {
        "persons": [{"id": 1, "name": "Ana", "phones": [{"value": "+5511970000000"}]}],
        "activities": [{"id": 7, "person_id": 1, "note": f"<p>{lines}</p>"}],
        "notes": [],
    }


def test_words_that_stand_in_other_messages_too_are_told_apart() -> None:
    ana = _said("ok", "ok, obrigada", "", "ok")

    fine = compare_pipedrive([ana], _day("ok", "ok, obrigada", "[imagem]", "ok"))
    twice = compare_pipedrive([ana], _day("ok", "ok, obrigada", "[imagem]", "ok", "ok"))
    fewer = compare_pipedrive([ana], _day("ok", "ok, obrigada", "[imagem]"))

    assert fine.perfect, fine
    assert [each.text for each in twice.doubled] == ["ok"]
    assert len(fewer.missing) == 1


def test_a_part_that_must_not_leave_is_told() -> None:
    ana = _said("CPF 111.444.777-35")
    [message] = ana.messages
    ana = dataclasses.replace(
        ana, messages=(dataclasses.replace(message, hidden=("111.444.777-35",)),)
    )

    assert compare_pipedrive([ana], _day("CPF [CPF]")).perfect
    assert compare_pipedrive([ana], _day("CPF 111.444.777-35")).leaked == [ana.messages[0]]
