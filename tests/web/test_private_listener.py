"""Who may ask the private listener, and what it answers."""

import asyncio
import base64
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Connection, text

from connector.ledger import migrate
from connector.ledger.destinations import register_destinations
from connector.ledger.ledger import Ledger
from tests.web.listening import STATUS, HandClock, private_listener

pytestmark = pytest.mark.anyio
TOKEN = "an admin token of the tests"


async def test_healthz_is_the_status_object(ledger: Ledger) -> None:
    async with private_listener(ledger) as setting:
        answer = await setting.client.get("/healthz")

        assert answer.status_code == 200
        assert answer.json() == STATUS


async def test_metrics_are_prometheus_text_with_the_promised_names(ledger: Ledger) -> None:
    ledger.transact(register_destinations, {"crm": "hubspot"})
    async with private_listener(ledger) as setting:
        answer = await setting.client.get("/metrics")

    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert families.keys() >= {
        "connector_build_info",
        "connector_webhook_requests",
        "connector_intake_queue_length",
        "connector_deliveries",
        "connector_delivery_oldest_open_seconds",
        "connector_destination_open",
        "connector_mapping_degraded_fields",
        "connector_reviews_open",
        "connector_crm_budget_remaining_ratio",
        "connector_db_size_bytes",
        "connector_db_wal_bytes",
        "connector_db_free_bytes",
        "process_cpu_seconds",
        "python_gc_objects_collected",
    }
    build = families["connector_build_info"].samples[0].labels
    assert (build["version"], build["schema_revision"]) == ("1.2.3", migrate.head())
    assert families["connector_destination_open"].samples[0].labels == {
        "destination": "crm",
        "reason": "",
    }
    assert families["connector_db_size_bytes"].samples[0].value > 0


async def test_the_ledger_is_asked_for_metrics_every_ten_seconds_at_most(ledger: Ledger) -> None:
    clock = HandClock()
    async with private_listener(ledger, clock=clock) as setting:
        await setting.client.get("/metrics")
        clock.seconds += 9.9
        await setting.client.get("/metrics")
        assert len(setting.snapshots) == 1

        clock.seconds += 0.1
        await setting.client.get("/metrics")
        assert len(setting.snapshots) == 2


def _basic(password: str, user: str = "anybody") -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        TOKEN,
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        "Bearer",
        _basic("wrong"),
        _basic(""),
        "Basic !!!",
        "Basic ã",
        f"Digest {TOKEN}",
    ],
)
async def test_nothing_is_shown_without_the_token(
    sqlite_ledger: Ledger, authorization: str | None
) -> None:
    headers = [] if authorization is None else [(b"authorization", authorization.encode("latin-1"))]
    async with private_listener(sqlite_ledger, token=TOKEN) as setting:
        for path in ("/", "/metrics", "/healthz", "/no-such-thing"):
            answer = await setting.client.get(path, headers=headers)

            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Basic ")
            assert answer.text == "the admin token is needed\n"


@pytest.mark.parametrize("authorization", [f"Bearer {TOKEN}", f"bearer {TOKEN}", _basic(TOKEN)])
async def test_the_token_opens_everything(sqlite_ledger: Ledger, authorization: str) -> None:
    async with private_listener(sqlite_ledger, token=TOKEN) as setting:
        for path in ("/", "/metrics", "/healthz"):
            answer = await setting.client.get(path, headers={"authorization": authorization})
            assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_probes_need_no_token(sqlite_ledger: Ledger, path: str) -> None:
    async with private_listener(sqlite_ledger, token=TOKEN) as setting:
        await asyncio.wait_for(setting.health.beaten.wait(), 10)

        assert (await setting.client.get(path)).status_code == 200


@pytest.mark.parametrize(
    ("name", "status_code"),
    [
        ("localhost", 200),
        ("LOCALHOST:9090", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:9090", 200),
        ("rebound.example.com", 421),
        ("127.0.0.1.example.com", 421),
        ("localhost.example.com:9090", 421),
        ("", 421),
    ],
)
async def test_a_loopback_listener_answers_to_loopback_names_only(
    sqlite_ledger: Ledger, name: str, status_code: int
) -> None:
    async with private_listener(sqlite_ledger) as setting:
        for path in ("/healthz", "/livez"):
            answer = await setting.client.get(path, headers={"host": name})
            assert answer.status_code == status_code


async def test_a_listener_with_a_public_address_answers_to_any_name(sqlite_ledger: Ledger) -> None:
    async with private_listener(sqlite_ledger, host="10.0.0.5", token=TOKEN) as setting:
        headers = {"host": "connector.internal", "authorization": f"Bearer {TOKEN}"}

        assert (await setting.client.get("/healthz", headers=headers)).status_code == 200


async def test_every_answer_is_private_and_inert(sqlite_ledger: Ledger) -> None:
    async with private_listener(sqlite_ledger) as setting:
        for path in ("/", "/livez", "/healthz", "/metrics", "/no-such-thing"):
            headers = (await setting.client.get(path)).headers

            assert headers["cache-control"] == "no-store"
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["content-security-policy"] == (
                "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
                "frame-ancestors 'none'; base-uri 'none'"
            )


async def test_nothing_can_be_changed_here(sqlite_ledger: Ledger) -> None:
    async with private_listener(sqlite_ledger) as setting:
        for path in ("/", "/livez", "/readyz", "/healthz", "/metrics"):
            for method in ("POST", "PUT", "DELETE"):
                assert (await setting.client.request(method, path)).status_code == 405


async def test_a_status_that_can_not_be_read_is_a_503(sqlite_ledger: Ledger) -> None:
    def fail() -> dict[str, Any]:
        def work(connection: Connection) -> dict[str, Any]:
            connection.execute(text("SELECT * FROM no_such_table"))
            return {}

        return sqlite_ledger.query(work)

    async with private_listener(sqlite_ledger, status=fail) as setting:
        answer = await setting.client.get("/healthz")

        assert answer.status_code == 503
        assert "no such table" in answer.text
