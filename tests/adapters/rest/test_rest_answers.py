"""What becomes of a record by what an API answers: rules, statuses, waits."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from connector.errors import (
    CrmAccessError,
    CrmError,
    CrmInDoubtError,
    CrmThrottledError,
    CrmUnavailableError,
)
from connector.model.outcome import Failed, InDoubt, NotSent, Outcome, Rejected, Vanished, Written
from connector.model.record import CrmObject, Record
from tests.adapters.rest.answering import PEOPLE, Speak, mapping, run

NOTES = CrmObject("notes", "message")


def outcome_of(
    speak: Speak, rules: str, response: httpx.Response, *, crm_id: str | None = None
) -> Outcome:
    """Return what becomes of a contact whose write is answered like this."""
    at = speak(mapping(rules), lambda _: response)
    record = Record("wc_1", {"name": "Ana"}, crm_id)
    (outcome,) = run(at, lambda adapter: adapter.upsert(PEOPLE, [record]))
    return outcome


def cause_of(outcome: Outcome) -> CrmError:
    assert isinstance(outcome, NotSent)
    return outcome.cause


@pytest.mark.parametrize(
    ("status", "crm_id", "kind"),
    [
        (400, None, Rejected),
        (404, None, Rejected),
        (404, "1", Vanished),
        (409, None, Rejected),
        (410, "1", Vanished),
        (422, "1", Rejected),
        (423, None, Failed),
        (500, None, InDoubt),
        (502, None, InDoubt),
        (503, None, InDoubt),
        (401, None, NotSent),
        (403, None, NotSent),
        (429, None, NotSent),
        (301, None, NotSent),
    ],
)
def test_without_a_rule_the_status_decides(
    status: int, crm_id: str | None, kind: type, speak: Speak
) -> None:
    outcome = outcome_of(speak, "", httpx.Response(status, json={}), crm_id=crm_id)

    assert isinstance(outcome, kind)


def test_the_first_rule_that_fits_decides(speak: Speak) -> None:
    rules = """
[[errors]]
status = 503
pointer = "/error"
equals = "QUERY_LIMIT_EXCEEDED"
class = "rate_limited"
wait_header = "X-Wait"
[[errors]]
status = 503
class = "permanent"
"""
    limited = httpx.Response(503, json={"error": "QUERY_LIMIT_EXCEEDED"}, headers={"X-Wait": "7"})

    throttled = cause_of(outcome_of(speak, rules, limited))
    other = outcome_of(speak, rules, httpx.Response(503, json={"error": "BROKEN"}))

    assert isinstance(throttled, CrmThrottledError)
    assert throttled.cooldown == timedelta(seconds=7)
    assert isinstance(other, Rejected)
    assert other.code == "BROKEN"


@pytest.mark.parametrize(
    ("wait", "headers", "body", "seconds"),
    [
        ('wait = "90s"', {}, {}, 90),
        ("", {"Retry-After": "4"}, {}, 4),
        ("", {}, {}, 10),
        ('wait_header = "X-Reset"', {"X-Reset": "3"}, {}, 3),
        ('wait_header = "X-Reset"\nwait = "8s"', {}, {}, 8),
        ('wait_pointer = "/wait"', {}, {"wait": 2.5}, 2.5),
        ('wait_pointer = "/wait"\nwait = "8s"', {}, {"wait": "soon"}, 8),
        ('wait_pointer = "/wait"', {}, {"wait": 10**9}, 3600),
    ],
)
def test_a_wait_is_read_where_the_rule_says(
    wait: str, headers: dict[str, str], body: dict[str, Any], seconds: float, speak: Speak
) -> None:
    rules = f'[[errors]]\nstatus = 429\nclass = "rate_limited"\n{wait}\n'

    cause = cause_of(outcome_of(speak, rules, httpx.Response(429, headers=headers, json=body)))

    assert isinstance(cause, CrmThrottledError)
    assert cause.cooldown == timedelta(seconds=seconds)


@pytest.mark.parametrize("unit", [1, 1000])
def test_a_wait_may_be_told_as_the_time_when_it_ends(unit: int, speak: Speak) -> None:
    rules = '[[errors]]\nstatus = 429\nclass = "rate_limited"\nwait_until_pointer = "/at"\n'
    at = (datetime.now(UTC) + timedelta(seconds=60)).timestamp() * unit

    cause = cause_of(outcome_of(speak, rules, httpx.Response(429, json={"at": int(at)})))

    assert isinstance(cause, CrmThrottledError)
    assert timedelta(seconds=55) < cause.cooldown <= timedelta(seconds=60)


def test_an_error_that_comes_as_success_is_one(speak: Speak) -> None:
    rules = """
[[errors]]
pointer = "/ids"
equals = false
matches_nothing = 1
class = "retry"
"""
    rules = rules.replace("matches_nothing = 1\n", "")

    failed = outcome_of(speak, rules, httpx.Response(200, json={"ids": False}))
    fine = outcome_of(speak, rules, httpx.Response(200, json={"ids": 0, "id": 5}))

    assert isinstance(failed, Failed)
    assert fine == Written("5")


def test_a_success_that_comes_as_an_error_is_one(speak: Speak) -> None:
    rules = '[[errors]]\nstatus = 409\npointer = "/id"\nclass = "ok"\n'

    assert outcome_of(speak, rules, httpx.Response(409, json={"id": 5})) == Written("5")


def test_a_page_for_people_is_told_by_its_words(speak: Speak) -> None:
    rules = """
[[errors]]
content_type = "text/html"
matches = "sorry, you have been blocked"
class = "stop_all"
wait = "10m"
"""
    page = httpx.Response(
        403, text="<h1>Sorry, you have been BLOCKED</h1>", headers={"Content-Type": "text/html"}
    )

    cause = cause_of(outcome_of(speak, rules, page))

    assert isinstance(cause, CrmUnavailableError)
    assert cause.cooldown == timedelta(minutes=10)


def test_a_header_may_tell(speak: Speak) -> None:
    rules = '[[errors]]\nheader = "X-Error"\nequals = "quota"\nclass = "auth"\n'

    cause = cause_of(outcome_of(speak, rules, httpx.Response(400, headers={"X-Error": "quota"})))
    other = outcome_of(speak, rules, httpx.Response(400, headers={"X-Error": "typo"}))

    assert isinstance(cause, CrmAccessError)
    assert cause.reason == "auth"
    assert isinstance(other, Rejected)


def test_an_answer_that_says_gone_with_204_is_heard(speak: Speak) -> None:
    rules = '[[errors]]\nstatus = 204\nclass = "gone"\n'

    assert outcome_of(speak, rules, httpx.Response(204), crm_id="1") == Vanished()


def test_a_rule_may_be_about_the_answers_to_one_method(speak: Speak) -> None:
    rules = '[[errors]]\nstatus = 404\nmethod = "PATCH"\nclass = "retry"\n'

    assert isinstance(outcome_of(speak, rules, httpx.Response(404), crm_id="1"), Failed)
    assert isinstance(outcome_of(speak, rules, httpx.Response(404)), Rejected)


def test_the_crms_own_word_is_shown_and_its_sentence_kept_apart(speak: Speak) -> None:
    body = {
        "errors": [
            {
                "message": "Value +5511987654321 of Maria is not unique",
                "extensions": {"code": "RECORD_NOT_UNIQUE", "field": "phone"},
            }
        ]
    }

    outcome = outcome_of(speak, "", httpx.Response(400, json=body))

    assert outcome == Rejected(
        "RECORD_NOT_UNIQUE",
        "contact.create: the CRM answered 400 RECORD_NOT_UNIQUE at phone",
        "phone",
        400,
        "Value +5511987654321 of Maria is not unique",
    )
    assert "Maria" not in repr(outcome)


def test_a_record_that_is_there_already_is_adopted_and_made_right(speak: Speak) -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(f"{request.method} {request.url.path}")
        if request.method == "POST":
            return httpx.Response(400, json={"code": "EXISTS", "existing": [12]})
        return httpx.Response(200, json={"id": 12})

    rules = '[[errors]]\nstatus = 400\npointer = "/code"\nequals = "EXISTS"\n'
    at = speak(mapping(rules + 'class = "conflict_exists"\n'), answer)

    outcomes = run(at, lambda adapter: adapter.upsert(PEOPLE, [Record("wc_1", {"name": "Ana"})]))

    assert outcomes == [Written("12")]
    assert seen == ["POST /api/people", "PATCH /api/people/12"]


def test_a_create_whose_answer_tells_no_id_is_looked_up(speak: Speak) -> None:
    outcome = outcome_of(speak, "", httpx.Response(201, json={"ok": True}))

    assert isinstance(outcome, InDoubt)
    assert outcome.cause is None


def test_a_put_whose_answer_tells_no_id_pauses_for_the_mapping(speak: Speak) -> None:
    at = speak(mapping(), lambda _: httpx.Response(200, json={"ok": True}))

    (outcome,) = run(at, lambda adapter: adapter.upsert(NOTES, [Record("wm_1", {"text": "Oi"})]))

    cause = cause_of(outcome)
    assert isinstance(cause, CrmAccessError)
    assert cause.reason == "setup"


def test_a_write_answered_in_html_is_in_doubt(speak: Speak) -> None:
    outcome = outcome_of(speak, "", httpx.Response(200, text="<html>ok</html>"))

    assert isinstance(outcome, InDoubt)
    assert isinstance(outcome.cause, CrmInDoubtError)
