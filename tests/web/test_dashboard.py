"""The dashboard over HTTP: what each page shows and hides, and who may change something."""

import html
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select, update

from connector.ledger import destinations, schema
from connector.ledger.alarms import change_alarms
from connector.ledger.destinations import load_standings
from connector.ledger.ledger import Ledger
from connector.ledger.reviews import open_review
from connector.model.alerts import Alert
from tests.rows import WAMID, Rows
from tests.web.conftest import Dashboard

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 24, 15, tzinfo=UTC)
PEOPLE = ("Ana", "987654321", "wamid.", "BR.150", "Oi!")


def token_of(page: str, action: str) -> str:
    """Return the token of the page's first form that goes to ``action``."""
    found = re.search(
        rf'action="{action}[^>]*>\s*<input type="hidden" name="form" value="(\w+)"', page
    )
    assert found, page
    return found[1]


def state(ledger: Ledger, delivery: int) -> tuple[str, str | None]:
    row = ledger.query(
        lambda connection: connection.execute(
            select(schema.delivery.c.state, schema.delivery.c.error_code).where(
                schema.delivery.c.id == delivery
            )
        ).one()
    )
    return row.state, row.error_code


def actors(ledger: Ledger) -> list[tuple[str, str]]:
    rows = ledger.query(
        lambda connection: connection.execute(
            select(schema.run.c.job, schema.run.c.actor).order_by(schema.run.c.id)
        ).all()
    )
    return [(row.job, row.actor) for row in rows]


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


async def test_a_dead_letter_is_tried_again_from_its_page(
    dashboard: Dashboard, sqlite_ledger: Ledger, rows: Rows
) -> None:
    letter = rows.deliver("message", "parked", error_code="rejected.422")
    page = await dashboard.page(f"/messages/{rows.message}")
    form = token_of(page, "/dead-letters/retry")
    back = f"/messages/{rows.message}"

    answer = await dashboard.send("/dead-letters/retry", {"form": form, "id": letter, "back": back})

    assert (answer.status_code, answer.headers["location"]) == (303, f"{back}?done=retried-1")
    assert state(sqlite_ledger, letter) == ("pending", None)
    assert actors(sqlite_ledger) == [("dead-letters retry", "dashboard")]
    assert "1 go again." in await dashboard.page(back, done="retried-1")


async def test_all_that_a_filter_leaves_are_tried_again(
    dashboard: Dashboard, sqlite_ledger: Ledger, rows: Rows
) -> None:
    first = rows.deliver("contact", "parked", error_code="rejected.422")
    second = rows.deliver("message", "parked", error_code="in_doubt")
    form = token_of(await dashboard.page("/dead-letters"), "/dead-letters/retry")
    fields = {"form": form, "all": "1", "destination": "hubspot", "code": "rejected"}
    answer = await dashboard.send("/dead-letters/retry", fields)
    assert answer.headers["location"].endswith("done=retried-1")
    assert state(sqlite_ledger, first) == ("pending", None)
    assert state(sqlite_ledger, second) == ("parked", "in_doubt")


async def test_a_dead_letter_is_given_up_with_a_reason_and_not_without(
    dashboard: Dashboard, sqlite_ledger: Ledger, rows: Rows
) -> None:
    letter = rows.deliver("message", "parked", error_code="rejected.422")
    form = token_of(await dashboard.page("/dead-letters"), "/dead-letters/discard")
    without = await dashboard.send("/dead-letters/discard", {"form": form, "id": letter})
    assert without.status_code == 403
    assert state(sqlite_ledger, letter) == ("parked", "rejected.422")

    fields = {"form": form, "id": letter, "reason": "a test number", "back": "//evil.example"}
    answer = await dashboard.send("/dead-letters/discard", fields)

    assert answer.headers["location"] == "/dead-letters?done=discarded-1"
    assert state(sqlite_ledger, letter) == ("skipped", "operator")


@pytest.mark.parametrize("decision", ["use:12", "create", "skip"])
async def test_a_person_decides_which_record_a_contact_is(
    dashboard: Dashboard, sqlite_ledger: Ledger, rows: Rows, decision: str
) -> None:
    letter = rows.deliver("contact", "parked", error_code="ambiguous")
    sqlite_ledger.transact(
        open_review,
        kind="ambiguous",
        destination="hubspot",
        contact_id=rows.contact,
        candidates=[{"crm_id": "11"}, {"crm_id": "12"}],
        now=NOW,
    )
    page = await dashboard.page("/reviews")
    assert f'value="{decision}"' in page
    fields = {"form": token_of(page, "/reviews/resolve"), "id": "1", "decision": decision}

    answer = await dashboard.send("/reviews/resolve", fields)
    again = await dashboard.send("/reviews/resolve", fields)

    assert answer.headers["location"] == "/reviews?done=resolved-1"
    assert state(sqlite_ledger, letter) == ("pending", None)
    assert again.status_code == 409
    assert "there is no open review 1" in again.text


async def test_a_pause_is_ended_by_whoever_says_so(
    dashboard: Dashboard, sqlite_ledger: Ledger
) -> None:
    sqlite_ledger.transact(destinations.pause, "hubspot", reason="auth", detail="401")
    form = token_of(await dashboard.page("/"), "/destinations/resume")
    own = {"sec-fetch-site": "same-origin", "authorization": "Basic bWFyaWE8Yj46eA=="}
    fields = {"form": form, "destination": "hubspot"}
    answer = await dashboard.send("/destinations/resume", fields, headers=own)

    assert answer.status_code == 303
    assert sqlite_ledger.query(load_standings)["hubspot"].paused_reason is None
    assert actors(sqlite_ledger) == [("resume", "dashboard:mariab")]


ELSEWHERE: list[dict[str, str]] = [
    {},
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "none"},
    {"origin": "OWN", "sec-fetch-site": "cross-site"},
    {"origin": "null", "sec-fetch-site": "same-origin"},
]


@pytest.mark.parametrize("headers", ELSEWHERE)
async def test_nothing_is_changed_for_another_site(
    dashboard: Dashboard, sqlite_ledger: Ledger, rows: Rows, headers: dict[str, str]
) -> None:
    letter = rows.deliver("message", "parked", error_code="rejected.422")
    form = token_of(await dashboard.page("/dead-letters"), "/dead-letters/retry")
    sent = {name: dashboard.url if value == "OWN" else value for name, value in headers.items()}

    answer = await dashboard.send("/dead-letters/retry", {"form": form, "id": letter}, headers=sent)

    assert answer.status_code == 403
    assert "Nothing was changed" in answer.text
    assert state(sqlite_ledger, letter) == ("parked", "rejected.422")


@pytest.mark.parametrize(
    "path",
    ["/dead-letters/retry", "/dead-letters/discard", "/reviews/resolve", "/destinations/resume"],
)
async def test_nothing_is_changed_without_a_form_of_this_process(
    dashboard: Dashboard, sqlite_ledger: Ledger, rows: Rows, path: str
) -> None:
    letter = rows.deliver("message", "parked", error_code="rejected.422")
    other = token_of(await dashboard.page("/dead-letters"), "/dead-letters/retry")
    wrong = "0" * 64 if path == "/dead-letters/retry" else other
    for form in ("", wrong, "ã"):
        fields = {"form": form, "id": letter, "reason": "x", "destination": "hubspot"}
        answer = await dashboard.send(path, fields)
        assert answer.status_code == 403
        assert "started again" in answer.text
    count = sqlite_ledger.query(
        lambda connection: connection.execute(select(func.count(schema.run.c.id))).scalar_one()
    )
    assert count == 0


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"form=1", "text/plain"),
        (b"{}", "application/json"),
        (b"form=%ff&x=\xff", "application/x-www-form-urlencoded"),
        (b"a=1&" * 2000, "application/x-www-form-urlencoded"),
        (b"x" * 70_000, "application/x-www-form-urlencoded"),
    ],
)
async def test_what_is_no_form_of_ours_is_refused(
    dashboard: Dashboard, content: bytes, kind: str
) -> None:
    headers = {"origin": dashboard.url, "content-type": kind}
    for path in ("/dead-letters/retry", "/search"):
        answer = await dashboard.client.post(path, content=content, headers=headers)
        assert answer.status_code == 403, path


@pytest.mark.parametrize("given", ["-1", "9" * 30, "1e3", "\u0661", "x"])
async def test_an_id_that_is_none_changes_nothing(
    dashboard: Dashboard, rows: Rows, given: str
) -> None:
    rows.deliver("message", "parked", error_code="rejected.422")
    form = token_of(await dashboard.page("/dead-letters"), "/dead-letters/retry")
    answer = await dashboard.send("/dead-letters/retry", {"form": form, "id": given})
    assert answer.status_code == 403
    assert (await dashboard.client.get("/runs", params={"before": given})).status_code == 200


async def test_changes_are_made_by_posting_only(dashboard: Dashboard) -> None:
    for path in ("/search", "/dead-letters/retry", "/reviews/resolve", "/destinations/resume"):
        assert (await dashboard.client.get(path)).status_code == 405


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
