"""The side door, the page and the process."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from connector.sandbox.sanitise import sanitise


def test_the_state_holds_every_record_with_its_links(hubspot: Any) -> None:
    ana = hubspot.post("/_sandbox/create", {"type": "contacts", "properties": {"firstname": "Ana"}})
    deal = hubspot.post(
        "/_sandbox/create",
        {
            "type": "deals",
            "properties": {"dealname": "Vasos", "dealstage": "contractsent", "pipeline": "default"},
            "links": [["contacts", int(ana["id"])]],
        },
    )

    state = hubspot.get("/_sandbox/state")

    assert state["counts"] == {
        "contacts": 1,
        "communications": 0,
        "notes": 0,
        "deals": 1,
        "tickets": 0,
    }
    assert state["contacts"][0]["properties"]["firstname"] == "Ana"
    assert state["contacts"][0]["links"] == {"deals": [deal["id"]]}
    assert state["deals"][0]["links"] == {"contacts": [ana["id"]]}
    assert state["deals"][0]["properties"]["hs_is_closed"] == "false"


def test_the_state_can_leave_records_out(hubspot: Any) -> None:
    hubspot.make_contact()

    assert "contacts" not in hubspot.get("/_sandbox/state?objects=none")
    some = hubspot.get("/_sandbox/state?objects=contacts,deals")
    assert {"contacts", "deals"} <= some.keys()
    assert "communications" not in some


def test_people_edit_delete_and_merge_records(hubspot: Any) -> None:
    ana, bia = hubspot.make_contact(), hubspot.make_contact()
    change = {"type": "contacts", "id": int(ana), "properties": {"city": "Rio", "firstname": None}}

    hubspot.post("/_sandbox/edit", change)
    read = hubspot.get(f"contacts/{ana}?properties=city,firstname")["properties"]
    assert (read["city"], read["firstname"]) == ("Rio", None)

    merged = hubspot.post("/_sandbox/merge", {"primary": int(ana), "secondary": int(bia)})["id"]
    assert hubspot.get(f"contacts/{bia}")["id"] == merged

    hubspot.post("/_sandbox/delete", {"type": "contacts", "id": int(merged), "erase": True})
    hubspot.get(f"contacts/{merged}", 404)
    hubspot.post("/_sandbox/delete", {"type": "contacts", "id": int(merged)}, 404)


def test_settings_can_be_turned_while_it_runs(hubspot: Any) -> None:
    answer = hubspot.call("PATCH", "/_sandbox/settings", {"burst_limit": 1})

    assert answer.json()["burst_limit"] == 1
    assert hubspot.get("/_sandbox/settings")["burst_limit"] == 1
    hubspot.get("contacts")
    hubspot.get("contacts", 429)


@pytest.mark.parametrize("change", [{"no_such": 1}, {"burst_limit": "many"}, {"index_lag": -1}])
def test_a_setting_that_makes_no_sense_changes_none(hubspot: Any, change: dict[str, Any]) -> None:
    before = hubspot.get("/_sandbox/settings")

    assert hubspot.call("PATCH", "/_sandbox/settings", {"latency": 1, **change}).status_code == 400
    assert hubspot.get("/_sandbox/settings") == before


def test_a_reset_forgets_records_and_keeps_definitions_unless_told(keyed: Any) -> None:
    path = "/crm/properties/2026-09/contacts/wa_contact_key"
    first = keyed.make_contact(wa_contact_key="k1")

    keyed.post("/_sandbox/reset", {})
    assert keyed.get("/_sandbox/state")["counts"]["contacts"] == 0
    keyed.get(path)
    assert keyed.make_contact(wa_contact_key="k1") != first
    keyed.post("/_sandbox/reset", {"schema": True})
    keyed.get(path, 404)


def test_a_slip_at_the_side_door_is_told(hubspot: Any) -> None:
    hubspot.post("/_sandbox/create", {"type": "unicorns"}, 400)
    hubspot.post("/_sandbox/create", {"type": "contacts", "properties": {"fistname": "x"}}, 400)
    hubspot.post("/_sandbox/edit", {"type": "contacts", "id": 1, "properties": {}}, 404)
    hubspot.post("/_sandbox/merge", {}, 400)


def test_the_page_shows_contacts_and_their_timelines(hubspot: Any) -> None:
    ana = hubspot.make_contact(firstname="Ana", lastname="<i>Souza</i>", phone="+5511987654321")
    hubspot.post(
        "communications",
        {
            "properties": {
                "hs_timestamp": "2026-11-24T10:00:00.000Z",
                "hs_communication_channel_type": "WHATS_APP",
                "hs_communication_logged_from": "CRM",
                "hs_communication_body": "<p><b>Ana</b>: Olá<script>alert(1)</script></p>",
            },
            "associations": [
                {
                    "to": {"id": ana},
                    "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 81}],
                }
            ],
        },
        201,
    )

    page = hubspot.call("GET", "/")

    assert page.status_code == 200
    assert "Ana &lt;i&gt;Souza&lt;/i&gt;" in page.text
    assert "+5511987654321" in page.text
    assert "<p><b>Ana</b>: Olá</p>" in page.text
    assert "24/11/2026 07:00:00" in page.text
    assert "<script" not in page.text
    assert 'name="viewport"' in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert hubspot.call("GET", "/page.css").headers["content-type"].startswith("text/css")


def test_the_page_goes_on_where_there_are_many_contacts(hubspot: Any) -> None:
    for place in range(51):
        hubspot.make_contact(firstname=f"Contact {place}")

    first = hubspot.call("GET", "/").text
    follow = re.search(r'href="(/\?after=\d+)"', first)

    assert first.count('class="contact"') == 50
    assert follow is not None
    assert hubspot.call("GET", follow.group(1)).text.count('class="contact"') == 1


def test_the_page_takes_any_cursor(hubspot: Any) -> None:
    for after in ("x", "-1", "٣", "9" * 40):
        assert hubspot.call("GET", "/", params={"after": after}).status_code == 200


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        ("<p>a<br>b</p>", "<p>a<br>b</p>"),
        ("<b>a", "<b>a</b>"),
        ("<b><i>a</b>c", "<b><i>a</i></b>c"),
        ("a</p>", "a"),
        ("<script>x</script>y", "y"),
        ("<style>x</style>y", "y"),
        ("<svg onload=x>a</svg>", "a"),
        ("<img src=x onerror=y>", ""),
        ("<b onclick=x>a</b>", "<b>a</b>"),
        ("1 < 2 &amp; 3", "1 &lt; 2 &amp; 3"),
        ("&lt;script&gt;x", "&lt;script&gt;x"),
        ("<a href='javascript:x'>a</a>", "<a>a</a>"),
        (
            "<a href='https://e.com/?a=1&b=\"'>a</a>",
            '<a href="https://e.com/?a=1&amp;b=&quot;" rel="noopener noreferrer nofollow">a</a>',
        ),
        ("<ul><li>a</ul>", "<ul><li>a</li></ul>"),
        ("<!-- x -->a<?php x ?>", "a"),
    ],
)
def test_a_body_keeps_harmless_formatting_only(html: str, shown: str) -> None:
    assert sanitise(html) == shown


def test_it_runs_as_a_process_until_it_is_told_to_end(tmp_path: Path) -> None:
    token_file, data = tmp_path / "token", tmp_path / "crm.db"
    command = [sys.executable, "-m", "connector.sandbox", "hubspot", "--port", "0"]
    command += ["--data", str(data), "--token-file", str(token_file)]
    command += ["--set", '{"burst_limit": 7}']

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        headers = {"Authorization": f"Bearer {token_file.read_text().strip()}"}
        answer = httpx.get(f"{url}/account-info/2026-09/details", headers=headers)
        httpx.post(f"{url}/_sandbox/faults", json={"kind": "reset_after"})
        with pytest.raises(httpx.ReadError):
            httpx.get(f"{url}/account-info/2026-09/details", headers=headers)
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()

    assert answer.headers["X-HubSpot-RateLimit-Max"] == "7"
    assert process.returncode == 0
    assert rest == ""
    assert token_file.stat().st_mode & 0o777 == 0o600
    assert data.exists()
