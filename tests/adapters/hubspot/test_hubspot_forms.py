"""Pure parts: how values are spelt, how errors are read, and odd answers to single calls."""

import asyncio
import json
from datetime import UTC, datetime, timedelta, timezone
from http import HTTPStatus
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.hubspot.calls import Calls
from adapters.hubspot.errors import HubSpotRejectedError, read_trouble, refused
from adapters.hubspot.reading import read_records
from adapters.hubspot.settings import HubSpotSettings
from adapters.hubspot.values import cut_body, read_time, spell
from adapters.hubspot.writing import Entry, Writer
from connector.clock import SystemClock
from connector.config.secret import Secret
from connector.crm.answers import answer
from connector.crm.client import CrmClient
from connector.errors import CrmInDoubtError, CrmUnavailableError
from connector.model.outcome import InDoubt, Rejected, Vanished, Written


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Olá", "Olá"),
        (None, ""),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (7.0, "7"),
        (7.25, "7.25"),
        (datetime(2026, 11, 24, 10, 0, tzinfo=UTC), "2026-11-24T10:00:00.000Z"),
        (
            datetime(2026, 11, 24, 7, 0, 0, 5999, tzinfo=timezone(timedelta(hours=-3))),
            "2026-11-24T10:00:00.005Z",
        ),
        (["a", "b"], "a;b"),
        ((1, True), "1;true"),
        ({"a": 1}, '{"a": 1}'),
        ([], ""),
    ],
)
def test_every_value_is_a_text(value: Any, text: str) -> None:
    assert spell(value) == text
    assert type(spell(value)) is str


def test_times_are_read_in_both_of_hubspots_forms() -> None:
    moment = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
    assert read_time("2026-11-24T10:00:00.000Z") == moment
    assert read_time("1795514400000") == moment
    assert read_time("2026-11-24T10:00:00") == moment
    for odd in (None, "", "soon", 7, "9" * 30):
        assert read_time(odd) is None


def test_a_body_that_fits_is_left_alone() -> None:
    body = "<p>" + "x" * 65_529 + "</p>"
    assert len(body) == 65_536
    assert cut_body(body) is body
    assert len(cut_body(body, room=1)) <= 65_535


@given(
    parts=st.lists(st.sampled_from(["<b>", "</b>", "&amp;", "&#128512;", "word ", "🎉", "<br>"])),
    repeat=st.integers(2_000, 9_000),
)
def test_a_body_is_cut_neither_in_a_tag_nor_in_an_entity(parts: list[str], repeat: int) -> None:
    body = "".join(parts) * repeat
    cut = cut_body(body, room=40)
    assert len(cut) <= 65_536 - 40
    if cut != body:
        kept = cut.removesuffix(" […]")
        assert body.startswith(kept)
        assert kept.count("<") == kept.count(">")
        assert kept.count("&") == kept.count(";")


EMBEDDED = json.dumps(
    [
        {"isValid": False, "message": "ana@example.com", "error": "INVALID_EMAIL", "name": "email"},
        {"isValid": False, "message": "x", "error": "PROPERTY_DOESNT_EXIST", "name": "nope"},
    ]
)


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        (
            {
                "category": "VALIDATION_ERROR",
                "errors": [
                    {
                        "message": "discount was not a valid number",
                        "code": "INVALID_INTEGER",
                        "context": {"propertyName": ["discount"]},
                    }
                ],
            },
            "INVALID_INTEGER",
            "discount",
        ),
        (
            {
                "category": "VALIDATION_ERROR",
                "message": f"Property values were not valid: {EMBEDDED}",
            },
            "PROPERTY_DOESNT_EXIST",
            "nope",
        ),
        ({"category": "VALIDATION_ERROR", "message": "broken: [{"}, "VALIDATION_ERROR", None),
        ({"category": "VALIDATION_ERROR", "message": "broken: [{]"}, "VALIDATION_ERROR", None),
        ({"errors": "odd", "context": 7, "message": 8}, "422", None),
        ({}, "422", None),
    ],
)
def test_code_and_property_of_an_error_are_found(
    body: dict[str, Any], code: str, field: str | None
) -> None:
    trouble = read_trouble(body, 422)
    assert (trouble.code, trouble.field, trouble.status) == (code, field, 422)


def test_what_is_kept_of_an_error_holds_nobodys_data() -> None:
    body = {
        "category": "Ana Maria is not valid",
        "message": f"ana@example.com +5531988887777 {EMBEDDED}",
        "errors": [{"code": "ana@example.com", "context": {"propertyName": ["Ana Maria"]}}],
    }
    trouble = read_trouble(body, 400)
    assert trouble.code == "PROPERTY_DOESNT_EXIST"
    for canary in ("ana", "Ana", "5531988887777", "example.com"):
        assert canary not in trouble.detail
        assert canary not in trouble.code


def test_parts_of_a_batch_have_the_status_that_they_would_have_alone() -> None:
    assert read_trouble({"category": "CONFLICT"}).status == HTTPStatus.CONFLICT
    assert read_trouble({"category": "OBJECT_NOT_FOUND"}).gone
    assert read_trouble({"category": "SOMETHING"}).status is None
    assert read_trouble({"message": "Contact already exists. Existing ID: 123"}, 409).clash
    trouble = read_trouble({"message": "Contact already exists. Existing ID: 123"}, 409)
    assert trouble.existing_id == "123"


def test_a_refusal_without_json_still_has_a_code() -> None:
    request = httpx.Request("POST", "https://api.hubapi.com/crm")
    raw = httpx.Response(413, text="too large", request=request)
    error = refused(answer(raw, raw.content))
    assert isinstance(error, HubSpotRejectedError)
    assert (error.code, error.status) == ("413", 413)


# Odd answers, from a transport that says exactly this


def calls_to(*answers: httpx.Response) -> tuple[Calls, list[Any], CrmClient]:
    """Return calls that are answered one after the other, and what they asked."""
    asked: list[Any] = []
    left = list(answers)

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content) if request.content else str(request.url))
        return left.pop(0)

    settings = HubSpotSettings(adapter="hubspot", token=Secret(env="T", environ={"T": "pat"}))
    client = CrmClient(
        destination="hubspot",
        settings=settings,
        budgets=settings.budgets(clock=SystemClock()),
        request_timeout=5,
        clock=SystemClock(),
        transport=httpx.MockTransport(respond),
    )
    return Calls(client), asked, client


def ok(body: object, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=body)


def batch(*results: object, errors: tuple[object, ...] = ()) -> httpx.Response:
    return ok({"results": list(results), "errors": list(errors)}, 207 if errors else 200)


def entries(*keys: str, crm_id: str | None = None) -> list[Entry]:
    return [Entry(key, {"firstname": "x"}, crm_id) for key in keys]


def write(verb: str, given: list[Entry], *answers: httpx.Response) -> list[Any]:
    calls, _, _ = calls_to(*answers)
    writer = Writer(calls, "contacts", key="wa_contact_key")
    return asyncio.run(getattr(writer, verb)(given))


def test_results_are_matched_by_trace_then_by_key_then_by_id_never_by_place() -> None:
    outcomes = write(
        "upsert",
        entries("a", "b", "c"),
        batch(
            {"id": "3", "objectWriteTraceId": "c"},
            {"id": "1", "properties": {"wa_contact_key": "a"}},
            {"id": "9", "properties": {}},
            {"properties": None},
        ),
    )
    assert outcomes[0] == Written("1")
    assert isinstance(outcomes[1], InDoubt)
    assert outcomes[2] == Written("3")
    assert write("update", entries("a", crm_id="7"), batch({"id": "7"})) == [Written("7")]


def test_the_one_error_without_an_address_is_about_the_one_input_not_mentioned() -> None:
    error = {"category": "VALIDATION_ERROR", "message": "no"}
    outcomes = write(
        "upsert",
        entries("a", "b"),
        batch({"id": "1", "objectWriteTraceId": "a"}, errors=(error,)),
    )
    assert outcomes == [
        Written("1"),
        Rejected("VALIDATION_ERROR", "HubSpot: VALIDATION_ERROR", None, 400, "no"),
    ]
    outcomes = write("upsert", entries("a", "b"), batch(errors=(error,)))
    assert [type(each) for each in outcomes] == [InDoubt, InDoubt]


def test_a_single_update_that_is_answered_404_has_vanished() -> None:
    gone = ok({"category": "OBJECT_NOT_FOUND", "message": "x"}, 404)
    assert write("update", entries("a", crm_id="7"), gone) == [Vanished()]


def test_an_answer_without_results_leaves_a_write_in_doubt_and_fails_a_read() -> None:
    bodies: tuple[object, ...] = ({"status": "COMPLETE"}, [], "text")
    for body in bodies:
        [outcome] = write("upsert", entries("a"), ok(body))
        assert isinstance(outcome, InDoubt)
        assert isinstance(outcome.cause, CrmInDoubtError)
        calls, _, _ = calls_to(ok(body))
        with pytest.raises(CrmUnavailableError):
            asyncio.run(calls.read("contacts", ["1"], ["phone"]))


def test_links_that_answer_under_another_id_count_for_whoever_was_not_mentioned() -> None:
    calls, asked, _ = calls_to(
        batch(
            {"from": {"id": "1"}, "to": [{"toObjectId": 11}]},
            {"from": {"id": "900"}, "to": [{"toObjectId": 21}, {"toObjectId": 22}]},
            errors=({"category": "OBJECT_NOT_FOUND", "context": {"fromObjectId": ["3"]}},),
        )
    )
    found = asyncio.run(calls.linked("contacts", "communications", ["1", "2", "3"]))
    assert found == {"1": ["11"], "2": ["21", "22"], "3": []}
    assert asked == [{"inputs": [{"id": "1"}, {"id": "2"}, {"id": "3"}]}]


def test_links_are_read_page_by_page() -> None:
    more = {"paging": {"next": {"after": "11"}}}
    calls, asked, _ = calls_to(
        batch({"from": {"id": "1"}, "to": [{"toObjectId": "11"}], **more}),
        batch({"from": {"id": "1"}, "to": [{"toObjectId": "12"}]}),
    )
    found = asyncio.run(calls.linked("contacts", "deals", ["1"]))
    assert found == {"1": ["11", "12"]}
    assert asked[1] == {"inputs": [{"id": "1", "after": "11"}]}


def test_an_id_of_which_a_batch_says_nothing_is_read_by_itself() -> None:
    calls, asked, _ = calls_to(
        batch({"id": "900", "properties": {"firstname": "Ana"}}),
        ok({"id": "900", "properties": {"firstname": "Ana"}}),
        ok({"category": "OBJECT_NOT_FOUND"}, 404),
    )
    found = asyncio.run(read_records(calls, "contacts", ["1", "2"], ["firstname"]))
    assert found == {"1": {"firstname": "Ana", "crm_id": "900"}}
    assert asked[1].endswith("/contacts/1?properties=firstname")


def test_ids_that_were_merged_away_are_told_apart_in_one_read() -> None:
    merged = {"firstname": "Ana", "hs_merged_object_ids": "1;2"}
    calls, asked, _ = calls_to(batch({"id": "900", "properties": merged}))
    found = asyncio.run(read_records(calls, "contacts", ["1", "2", "900"], ["firstname"]))
    assert found == {
        "1": {"firstname": "Ana", "crm_id": "900"},
        "2": {"firstname": "Ana", "crm_id": "900"},
        "900": {"firstname": "Ana"},
    }
    assert len(asked) == 1


def test_a_search_is_followed_over_its_pages() -> None:
    calls, asked, _ = calls_to(
        ok({"results": [{"id": "1"}], "paging": {"next": {"after": "200"}}}),
        ok({"results": [{"id": "2"}]}),
    )
    found = asyncio.run(calls.search("contacts", {"filterGroups": []}))
    assert [each["id"] for each in found] == ["1", "2"]
    assert [each["after"] for each in asked] == ["0", "200"]
