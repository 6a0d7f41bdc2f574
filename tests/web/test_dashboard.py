"""The dashboard's pages: what is wrong, why, and for whom."""

import html
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import update

from connector.ledger import destinations, schema
from connector.ledger.alarms import change_alarms
from connector.ledger.ledger import Ledger
from connector.ledger.reviews import open_review
from connector.model.alerts import Alert
from tests.rows import WAMID, Rows
from tests.web.conftest import Dashboard

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 24, 15, tzinfo=UTC)
PEOPLE = ("Ana", "987654321", "wamid.", "BR.150", "Oi!")


async def test_the_overview_says_what_is_wrong_and_what_to_do(
    dashboard: Dashboard, sqlite_ledger: Ledger, rows: Rows
) -> None:
    rows.deliver("contact", "parked", error_code="rejected.422")
    sqlite_ledger.transact(destinations.pause, "hubspot", reason="auth", detail="401")
    alert = Alert("DestinationPaused", "paused: 401", "replace the token", destination="hubspot")
    sqlite_ledger.transact(change_alarms, [alert], now=NOW, telling=False)

    page = await dashboard.page("/")

    assert "One thing needs attention" in page
    assert "paused: the CRM does not accept the credentials (401)" in page
    assert "<code>connector resume hubspot</code>" in page
    assert '<a href="/dead-letters?destination=hubspot">1</a>' in page
    assert "replace the token" in page


async def test_an_empty_installation_has_every_page(dashboard: Dashboard) -> None:
    for path, words in (
        ("/", "All is well"),
        ("/dead-letters", "There are no dead letters."),
        ("/reviews", "Nothing is to be decided."),
        ("/runs", "Nothing has run yet."),
        ("/alerts", "No alert fires."),
    ):
        page = await dashboard.page(path)
        ready = page.replace("Not ready for webhooks", "All is well")
        assert words in ready, path


@pytest.mark.parametrize("path", ["/", "/dead-letters", "/reviews", "/runs", "/alerts"])
async def test_people_are_named_on_their_own_page_only(
    dashboard: Dashboard, sqlite_ledger: Ledger, rows: Rows, path: str
) -> None:
    rows.deliver("contact", "parked", error_code="ambiguous")
    rows.deliver("message", "parked", error_code="rejected.422")
    sqlite_ledger.transact(
        open_review,
        kind="ambiguous",
        destination="hubspot",
        contact_id=rows.contact,
        candidates=[{"crm_id": "11"}, {"crm_id": "12"}],
        now=NOW,
    )
    page = await dashboard.page(path)
    assert [person for person in PEOPLE if person in page] == []


async def test_a_message_is_found_by_any_id_which_stays_out_of_addresses(
    dashboard: Dashboard, rows: Rows
) -> None:
    rows.deliver("message", "parked", error_code="rejected.422", error_status=422)
    for given, path in (
        (WAMID, f"/messages/{rows.message}"),
        ("wm_oi", f"/messages/{rows.message}"),
        ("+55 (11) 98765-4321", "/contacts/wc_ana"),
        ("11 98765-4321", "/contacts/wc_ana"),
        ("(11) 8765-4321", "/contacts/wc_ana"),
        ("BR.1502576394655843", "/contacts/wc_ana"),
        (" wc_ana ", "/contacts/wc_ana"),
    ):
        answer = await dashboard.send("/search", {"given": given})
        assert (answer.status_code, answer.headers["location"]) == (303, path), given
    answer = await dashboard.send("/search", {"given": "nobody"})
    assert answer.status_code == 404
    assert "Nobody knows this id here" in answer.text


async def test_why_a_message_did_not_arrive_is_three_clicks_away(
    dashboard: Dashboard, rows: Rows
) -> None:
    rows.deliver("contact", "synced")
    rows.deliver("message", "parked", error_code="rejected.422", error_detail="too long")
    first = await dashboard.page("/")
    assert 'href="/dead-letters?destination=hubspot"' in first
    second = await dashboard.page("/dead-letters", destination="hubspot")
    assert f'href="/messages/{rows.message}"' in second

    third = await dashboard.page(f"/messages/{rows.message}")

    assert "The CRM refused this record for what it says." in third
    assert "too long" in third
    assert "Try again" in third
    assert [
        person for person in ("Ana Souza", "+5511987654321", "Oi!") if person not in third
    ] == []


async def test_a_contact_shows_its_messages_and_where_each_is(
    dashboard: Dashboard, rows: Rows
) -> None:
    rows.deliver("message", "skipped", error_code="blocked")
    page = await dashboard.page("/contacts/wc_ana")
    assert f'<a href="/messages/{rows.message}">' in page
    assert "hubspot: left out · blocked" in page
    for unknown in ("/contacts/wc_nobody", "/messages/999", f"/messages/{2**70}"):
        assert (await dashboard.client.get(unknown)).status_code == 404


async def test_what_people_write_is_text_and_nothing_else(
    dashboard: Dashboard, sqlite_ledger: Ledger, rows: Rows
) -> None:
    evil = "<script>alert(1)</script>{{ 7*7 }}\"'><img src=x onerror=alert(1)>"
    with sqlite_ledger.engine.begin() as connection:
        connection.execute(update(schema.contact).values(profile_name=evil))
        connection.execute(update(schema.message).values(content={"text": evil}))
    rows.deliver("message", "parked", error_code="rejected.422", error_detail=evil)
    for path in (f"/messages/{rows.message}", "/contacts/wc_ana", "/dead-letters"):
        page = await dashboard.page(path)
        assert "<script" not in page
        assert "<img src=x" not in page
        assert html.escape(evil).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in page


async def test_pages_hold_no_script_and_no_style_of_their_own(
    dashboard: Dashboard, rows: Rows
) -> None:
    rows.deliver("message", "parked", error_code="rejected.422")
    for path in ("/", "/dead-letters", "/runs", f"/messages/{rows.message}"):
        answer = await dashboard.client.get(path)
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:", answer.text)
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["content-security-policy"].startswith("default-src 'none';")


async def test_a_page_speaks_the_language_it_is_asked_for(dashboard: Dashboard) -> None:
    english = await dashboard.page("/dead-letters")
    portuguese = await dashboard.page("/dead-letters", lang="pt-BR", destination="hubspot")
    unknown = await dashboard.page("/dead-letters", lang="xx")

    assert '<html lang="en">' in english
    assert '<html lang="pt-BR">' in portuguese
    assert "Não há pendências." in portuguese
    assert 'href="/runs?lang=pt-BR"' in portuguese
    assert 'href="/dead-letters?destination=hubspot&amp;lang=en"' in portuguese
    assert '<html lang="en">' in unknown


async def test_runs_are_counted_and_paged_and_hold_no_pages_of_findings(
    dashboard: Dashboard, rows: Rows
) -> None:
    counts: dict[str, Any] = {
        "checked": 120,
        "found": {"changed": 2, "missing": 0},
        "items": [{"key": "wc_ana"}],
        "page": {"text": "Oi!"},
    }
    for number in range(60):
        rows.add(
            schema.run,
            job="reconcile",
            destination="hubspot",
            actor=f"actor{number}",
            state="braked" if number == 59 else "done",
            started_at=NOW,
            finished_at=NOW,
            counts=counts,
        )
    rows.add(schema.run, job="alert/DiskLow", state="done", started_at=NOW)
    rows.add(schema.run, job="whatsapp/account_update/X", state="done", started_at=NOW)
    page = await dashboard.page("/runs")
    assert page.count("<tr>") == 51
    assert "checked <b>120</b>" in page
    assert "found <b>changed 2</b>" in page
    assert "Oi!" not in page
    assert "DiskLow" not in page
    older = await dashboard.page("/runs", before=re.findall(r"before=(\d+)", page)[0])
    assert "actor9<" in older
    assert "actor10<" not in older


async def test_the_style_and_the_icon_are_there_and_nothing_beside_them(
    dashboard: Dashboard,
) -> None:
    for name, kind in (("dashboard.css", "text/css"), ("icon.svg", "image/svg+xml")):
        answer = await dashboard.client.get(f"/static/{name}")
        assert answer.headers["content-type"].startswith(kind)
    for name in ("x.css", "..%2fpage.py", "dashboard.css%00"):
        assert (await dashboard.client.get(f"/static/{name}")).status_code == 404
