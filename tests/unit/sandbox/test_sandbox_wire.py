"""Harm on demand, over real connections: what the client sees, and what the CRM did."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from connector.sandbox.call_log import Call, CallLog, busiest
from connector.sandbox.faults import Fault, Faults, Match
from connector.sandbox.hubspot import Portal, Settings, build_app
from connector.sandbox.server import serve_in_thread

UPSERT = "/crm/objects/2026-09/contacts/batch/upsert"


class Crm:
    """A sandbox that listens, and a client of its API and side door."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.side = httpx.Client(base_url=f"{url}/_sandbox", timeout=10)

    def order(self, kind: str, **more: Any) -> None:
        """Order a fault."""
        self.side.post("/faults", json={"kind": kind, **more}).raise_for_status()

    def upsert(self, *keys: str, timeout: float = 5.0) -> httpx.Response:
        """Upsert contacts by key over a connection of its own."""
        inputs = [
            {"id": key, "idProperty": "email", "objectWriteTraceId": key, "properties": {}}
            for key in keys
        ]
        headers = {"Authorization": "Bearer t"}
        return httpx.post(
            self.url + UPSERT, json={"inputs": inputs}, headers=headers, timeout=timeout
        )

    def keys(self) -> set[str]:
        """Return the keys of the contacts that the CRM holds."""
        contacts = self.side.get("/state").json()["contacts"]
        return {each["properties"]["email"] for each in contacts}

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Ask the CRM until something holds, for ten seconds at most."""
        deadline = time.monotonic() + 10
        while not holds():
            assert time.monotonic() < deadline


@pytest.fixture(scope="module")
def listening() -> Iterator[Crm]:
    portal = Portal(settings=Settings(index_lag=0.0))
    portal.access.grant("t")
    with serve_in_thread(build_app(portal)) as url:
        crm = Crm(url)
        yield crm
        crm.side.close()
    portal.store.close()


@pytest.fixture
def crm(listening: Crm) -> Crm:
    listening.side.post("/reset", json={}).raise_for_status()
    return listening


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"kind": "throttle"}, 429),
        ({"kind": "unauthorized"}, 401),
        ({"kind": "forbidden_html"}, 403),
        ({"kind": "unavailable", "retry_after": 3}, 503),
        ({"kind": "error_before"}, 500),
        ({"kind": "error_before", "status": 502}, 502),
        ({"kind": "status", "status": 477, "headers": {"Retry-After": "9"}, "body": {"a": 1}}, 477),
    ],
)
def test_a_refusal_is_seen_and_nothing_is_applied(
    crm: Crm, fault: dict[str, Any], status: int
) -> None:
    crm.order(**fault)

    assert crm.upsert("a").status_code == status
    assert crm.keys() == set()
    assert crm.upsert("a").status_code == 200


def test_refusals_say_what_hubspot_would(crm: Crm) -> None:
    crm.order("throttle", policy="DAILY", retry_after=7)
    crm.order("unauthorized", policy="EXPIRED_AUTHENTICATION")
    crm.order("forbidden_html")
    crm.order("unavailable", retry_after=3)

    throttled, unauthorized, blocked, unavailable = (crm.upsert("a") for _ in range(4))

    assert throttled.json()["policyName"] == "DAILY"
    assert throttled.headers["Retry-After"] == "7"
    assert unauthorized.json()["category"] == "EXPIRED_AUTHENTICATION"
    assert blocked.headers["content-type"].startswith("text/html")
    assert unavailable.headers["Retry-After"] == "3"


@pytest.mark.parametrize("status", [500, 503, 504])
def test_an_error_after_the_commit_looks_like_one_before(crm: Crm, status: int) -> None:
    crm.order("error_after", status=status)

    assert crm.upsert("a").status_code == status
    assert crm.keys() == {"a"}


@pytest.mark.parametrize(("kind", "held"), [("timeout_before", set()), ("timeout_after", {"a"})])
def test_a_held_answer_never_comes(crm: Crm, kind: str, held: set[str]) -> None:
    crm.order(kind)

    with pytest.raises(httpx.ReadTimeout):
        crm.upsert("a", timeout=0.2)

    assert crm.keys() == held


def test_a_late_commit_comes_after_the_client_has_left(crm: Crm) -> None:
    crm.order("late_commit", seconds=0.5)

    with pytest.raises(httpx.ReadTimeout):
        crm.upsert("a", timeout=0.1)

    assert crm.keys() == set()
    assert crm.side.get("/state?objects=none").json()["late"] == 1
    crm.wait_until(lambda: crm.keys() == {"a"})
    crm.wait_until(lambda: crm.side.get("/state?objects=none").json()["late"] == 0)


@pytest.mark.parametrize(("kind", "held"), [("reset_before", set()), ("reset_after", {"a"})])
def test_a_reset_ends_the_connection(crm: Crm, kind: str, held: set[str]) -> None:
    crm.order(kind)

    with pytest.raises(httpx.ReadError):
        crm.upsert("a")

    assert crm.keys() == held


def test_half_an_answer_is_no_answer(crm: Crm) -> None:
    crm.order("half_answer")

    with pytest.raises(httpx.RemoteProtocolError):
        crm.upsert("a")

    assert crm.keys() == {"a"}


def test_a_garbled_answer_is_a_200_that_is_not_json(crm: Crm) -> None:
    crm.order("garble")

    answer = crm.upsert("a")

    assert answer.status_code == 200
    assert answer.text.startswith("<html>")
    assert crm.keys() == {"a"}


@pytest.mark.parametrize("applied", [True, False])
def test_an_omitted_input_is_in_neither_list(crm: Crm, applied: bool) -> None:  # noqa: FBT001 - a parameter of the test
    crm.order("omit_input", applied=applied)

    answer = crm.upsert("a", "b", "c")

    assert answer.status_code == 207
    body = answer.json()
    assert len(body["results"]) == 2
    assert body["errors"] == []
    named = {each["objectWriteTraceId"] for each in body["results"]}
    assert crm.keys() == ({"a", "b", "c"} if applied else named)


def test_the_only_input_can_be_omitted_too(crm: Crm) -> None:
    crm.order("omit_input", applied=False)

    answer = crm.upsert("a")

    assert (answer.status_code, answer.json()["results"]) == (207, [])
    assert crm.keys() == set()


@pytest.mark.parametrize("kind", ["slow", "drip"])
def test_a_slow_answer_comes_whole(crm: Crm, kind: str) -> None:
    crm.order(kind, seconds=0.2)
    start = time.monotonic()

    answer = crm.upsert("a")

    assert answer.json()["results"][0]["objectWriteTraceId"] == "a"
    assert time.monotonic() - start >= 0.2


def test_a_fault_strikes_as_often_as_it_was_ordered(crm: Crm) -> None:
    crm.order("throttle", count=2, skip=1)

    statuses = [crm.upsert("a").status_code for _ in range(5)]

    assert statuses == [200, 429, 429, 200, 200]
    assert crm.side.get("/faults").json()["fired"] == {"throttle": 2}


def test_a_fault_strikes_only_the_calls_it_is_meant_for(crm: Crm) -> None:
    crm.order("throttle", count=9, match={"call": "communications.*, *.search"})
    crm.order("error_before", count=9, match={"body": '"b"'})

    assert crm.upsert("a").status_code == 200
    assert crm.upsert("b").status_code == 500


def test_withdrawn_faults_strike_no_more(crm: Crm) -> None:
    crm.order("throttle", count=9)
    crm.side.delete("/faults").raise_for_status()

    assert crm.upsert("a").status_code == 200


def test_an_order_that_makes_no_sense_is_refused(crm: Crm) -> None:
    assert crm.side.post("/faults", json={"kind": "earthquake"}).status_code == 400
    assert crm.side.post("/faults", json={"kind": "slow", "often": 1}).status_code == 400


def test_every_call_is_logged_with_its_fault(crm: Crm) -> None:
    crm.order("error_after")
    crm.upsert("a")
    crm.upsert("b")

    log = crm.side.get("/calls").json()

    assert log["total"] == 2
    assert log["by_call"] == {"contacts.upsert": 2}
    first, second = log["calls"]
    assert (first["method"], first["path"]) == ("POST", UPSERT)
    assert [first["status"], first["fault"]] == [500, "error_after"]
    assert [second["status"], second["fault"]] == [200, None]
    assert second["request_bytes"] > 0
    assert second["answer_bytes"] > 0
    later = crm.side.get(f"/calls?since={first['number']}").json()["calls"]
    assert later == [second]


def test_the_side_door_is_not_logged_and_not_harmed(crm: Crm) -> None:
    crm.order("error_before", count=9)

    crm.side.get("/state").raise_for_status()

    assert crm.side.get("/calls").json()["total"] == 0


def test_a_server_ends_though_an_answer_is_held() -> None:
    portal = Portal()
    portal.access.grant("t")
    with ThreadPoolExecutor(1) as pool:
        with serve_in_thread(build_app(portal)) as url:
            crm = Crm(url)
            crm.order("timeout_before")
            waiting = pool.submit(crm.upsert, "a", timeout=30)
            crm.wait_until(lambda: crm.side.get("/faults").json()["fired"] != {})
            crm.side.close()
        with pytest.raises(httpx.TransportError):
            waiting.result(10)
    portal.store.close()


def draws(faults: Faults, times: int) -> list[bool]:
    """Return which of some calls a fault struck."""
    calls = (faults.draw("POST", "/x", "contacts.upsert", b"") for _ in range(times))
    return [each is not None for each in calls]


def test_a_share_is_of_all_matching_calls_and_repeats_with_its_seed() -> None:
    first, second = Faults(seed=1), Faults(seed=1)
    for each in (first, second):
        each.order(Fault(kind="slow", share=0.25))

    struck = draws(first, 2_000)

    assert struck == draws(second, 2_000)
    assert 400 <= sum(struck) <= 600


def test_a_share_can_have_an_end() -> None:
    faults = Faults()
    faults.order(Fault(kind="slow", share=0.5, count=3))

    assert sum(draws(faults, 100)) == 3


def test_the_first_order_that_fits_strikes() -> None:
    faults = Faults()
    faults.order(Fault(kind="slow", match=Match(method="GET"), count=9))
    faults.order(Fault(kind="drip", count=9))

    struck = faults.draw("POST", "/x", "contacts.upsert", b"")

    assert struck is not None
    assert struck.kind == "drip"


def test_the_log_keeps_the_last_calls_and_counts_all() -> None:
    log = CallLog(most=2)
    for _ in range(3):
        number = log.next_number()
        log.add(Call(number, 0.0, "GET", "/", "a", 200, None, 0, 0, 0.0))

    assert [each.number for each in log.since()] == [2, 3]
    assert log.by_call["a"] == 3


def test_the_busiest_window_is_found_wherever_it_begins() -> None:
    calls = [
        Call(place, at, "GET", "/", "a", 200, None, 0, 0, 0.0)
        for place, at in enumerate([0.0, 9.5, 9.9, 10.0, 19.4, 25.0])
    ]

    assert busiest(calls, 10.0) == 4
    assert busiest(calls, 0.2) == 2
    assert busiest([], 10.0) == 0
