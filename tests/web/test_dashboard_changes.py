"""What can be changed from the dashboard, by whom, and by nobody else."""

import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from connector.ledger import destinations, schema
from connector.ledger.destinations import load_standings
from connector.ledger.ledger import Ledger
from connector.ledger.reviews import open_review
from tests.rows import Rows
from tests.web.conftest import Dashboard

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 24, 15, tzinfo=UTC)


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
