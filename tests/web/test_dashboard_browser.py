"""The dashboard in a real Chromium: that it loads under its policy, fits, and can be worked with.

Where there is no Chromium these fail in CI and are left out elsewhere.
"""

import asyncio
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import select, update

from connector.ledger import schema
from connector.ledger.alarms import change_alarms
from connector.ledger.ledger import Ledger
from connector.ledger.minutes import note_minute
from connector.ledger.reviews import open_review
from connector.model.alerts import Alert
from tests.rows import Rows
from tests.web.browser import DESKTOP, PHONE, Browser, find_chromium, open_browser
from tests.web.conftest import Dashboard

pytestmark = pytest.mark.anyio
PATHS = ("/", "/dead-letters", "/reviews", "/runs", "/alerts", "/contacts/wc_ana", "/messages/1")
EVIL = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"


@pytest.fixture
def browser() -> Iterator[Browser]:
    program = find_chromium()
    if program is None:
        assert not os.environ.get("CI"), "CI needs a Chromium: apt-get install chromium"
        pytest.skip("there is no Chromium here")
    with open_browser(program) as opened:
        yield opened


@pytest.fixture
def letter(sqlite_ledger: Ledger, rows: Rows) -> int:
    """Fill every page with something; return the id of a dead letter."""
    now = datetime.now(UTC)
    rows.deliver("contact", "parked", error_code="ambiguous")
    parked = rows.deliver(
        "message", "parked", error_code="rejected.422", error_detail=EVIL, error_status=422
    )
    with sqlite_ledger.engine.begin() as connection:
        connection.execute(update(schema.contact).values(profile_name=EVIL))
        open_review(
            connection,
            kind="ambiguous",
            destination="hubspot",
            contact_id=rows.contact,
            candidates=[{"crm_id": "11"}, {"crm_id": "12"}],
            now=now,
        )
        alert = Alert("ParkedGrowing", "2 records wait for a person", "look", destination="hubspot")
        change_alarms(connection, [alert], now=now, telling=False)
        for ago in range(180, 0, -1):
            at = now - timedelta(minutes=ago)
            note_minute(connection, now=at, destinations=["hubspot"], oldest={"hubspot": at})
    rows.add(
        schema.run,
        job="reconcile",
        destination="hubspot",
        actor="schedule",
        state="done",
        started_at=now,
        finished_at=now,
        counts={"checked": 120, "found": {"changed": 2}, "calls": 4},
    )
    return parked


def state(ledger: Ledger, delivery: int) -> str:
    found: str = ledger.query(
        lambda connection: connection.execute(
            select(schema.delivery.c.state).where(schema.delivery.c.id == delivery)
        ).scalar_one()
    )
    return found


@pytest.mark.usefixtures("letter")
async def test_every_page_loads_fits_and_is_styled_on_a_desk_and_on_a_phone(
    dashboard: Dashboard, browser: Browser, tmp_path: Path
) -> None:
    def look() -> None:
        browser.call("Emulation.setScriptExecutionDisabled", value=True)
        for size in (DESKTOP, PHONE):
            browser.resize(*size)
            for path in PATHS:
                for language in ("en", "pt-BR"):
                    browser.open(f"{dashboard.url}{path}?lang={language}")
                    assert browser.ask("document.documentElement.lang") == language
                    assert browser.ask("document.styleSheets.length") == 1
                    assert browser.ask("document.querySelector('.brand img').naturalWidth") > 0
                    wide = browser.ask("document.scrollingElement.scrollWidth")
                    assert wide <= size[0], f"{path} is {wide} wide on {size[0]}"
                name = f"{path.strip('/').replace('/', '-') or 'overview'}-{size[0]}.png"
                assert browser.picture(tmp_path / name) > 10_000

    await asyncio.to_thread(look)

    assert browser.complaints == []


@pytest.mark.usefixtures("letter")
async def test_a_days_chart_is_drawn(dashboard: Dashboard, browser: Browser) -> None:
    def look() -> None:
        browser.open(f"{dashboard.url}/")
        widths = "[...document.querySelectorAll('path.line')].map(p => p.getBBox().width)"
        drawn = browser.ask(widths)
        assert len(drawn) == 3
        assert all(35 <= width <= 37 for width in drawn), drawn

    await asyncio.to_thread(look)


async def test_from_the_first_page_to_a_second_try_in_three_clicks(
    dashboard: Dashboard, browser: Browser, sqlite_ledger: Ledger, letter: int
) -> None:
    def work() -> None:
        browser.call("Emulation.setScriptExecutionDisabled", value=True)
        browser.open(f"{dashboard.url}/")
        browser.click("a[href='/dead-letters?destination=hubspot']")
        browser.click("a.button[href^='/messages/']")
        assert "The CRM refused this record" in browser.ask("document.body.innerText")
        browser.click(f"form[action='/dead-letters/retry']:has([value='{letter}']) button")
        assert "1 go again." in browser.ask("document.body.innerText")

    await asyncio.to_thread(work)

    assert state(sqlite_ledger, letter) == "pending"
    assert browser.complaints == []


async def test_a_dead_letter_is_given_up_and_a_review_decided_with_the_mouse(
    dashboard: Dashboard, browser: Browser, sqlite_ledger: Ledger, letter: int
) -> None:
    def work() -> None:
        browser.resize(*PHONE)
        browser.open(f"{dashboard.url}/dead-letters?code=rejected")
        browser.click(".give-up summary", leads=False)
        browser.type_in(".give-up input[name=reason]", "a test number")
        browser.click(".give-up button")
        assert "1 given up." in browser.ask("document.body.innerText")
        browser.open(f"{dashboard.url}/reviews")
        browser.click("input[value='use:12']", leads=False)
        browser.click(".review button")
        assert "Decided." in browser.ask("document.body.innerText")

    await asyncio.to_thread(work)

    assert state(sqlite_ledger, letter) == "skipped"
    resolution = sqlite_ledger.query(
        lambda connection: connection.execute(select(schema.review.c.resolution)).scalar_one()
    )
    assert resolution == "use:12"


@pytest.mark.usefixtures("letter")
async def test_a_phone_that_is_typed_leads_to_its_contact(
    dashboard: Dashboard, browser: Browser
) -> None:
    def work() -> None:
        browser.open(f"{dashboard.url}/?lang=pt-BR")
        browser.type_in("input[name=given]", "(11) 98765-4321")
        browser.click(".search button")
        assert browser.ask("location.href") == f"{dashboard.url}/contacts/wc_ana?lang=pt-BR"
        assert "Onde está o contato".upper() in browser.ask("document.body.innerText").upper()

    await asyncio.to_thread(work)


@pytest.mark.usefixtures("letter")
async def test_what_a_person_calls_themselves_is_shown_and_not_run(
    dashboard: Dashboard, browser: Browser
) -> None:
    def look() -> None:
        browser.open(f"{dashboard.url}/contacts/wc_ana")
        assert browser.ask("document.querySelector('h1').innerText") == EVIL
        assert browser.ask("document.querySelectorAll('script, img:not(.brand img)').length") == 0
        assert browser.ask("typeof window.hacked") == "undefined"

    await asyncio.to_thread(look)


async def test_another_site_can_not_work_with_the_dashboard_through_a_browser(
    dashboard: Dashboard, browser: Browser, sqlite_ledger: Ledger, letter: int
) -> None:
    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(
                f"<form action='{dashboard.url}/dead-letters/retry' method='post'>"
                f"<input name='form' value='{token}'><input name='id' value='{letter}'>"
                f"<button>free kittens</button></form><iframe src='{dashboard.url}/'></iframe>"
                "".encode()
            )

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    def attack() -> None:
        for host in ("localhost", "127.0.0.1"):  # cross-site, then same-site
            browser.open(f"http://{host}:{server.server_address[1]}/")
            browser.click("button")
            assert "Nothing was changed" in browser.ask("document.body.innerText"), host

    page = await dashboard.page("/dead-letters")
    token = page.partition('action="/dead-letters/retry"')[2].partition('value="')[2][:64]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        await asyncio.to_thread(attack)
    finally:
        server.shutdown()
        server.server_close()

    assert state(sqlite_ledger, letter) == "parked"
    assert any("frame-ancestors" in complaint for complaint in browser.complaints)
