"""The story of one record, by any id a person may have in hand, on both databases."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.config.load import load_config
from connector.config.models import Config
from connector.crm.registry import settings_models
from connector.ledger import destinations, schema
from connector.ledger.accounts import note_accounts
from connector.ledger.ledger import Ledger
from connector.model.codes import CODES
from connector.runtime.explanation import explain, tell
from connector.runtime.places import Places

WAMID = "wamid.HBgNNTUxMTk4NzY1NDMyMRUCABEYEg=="


def _of(config: Config, ledger: Ledger, given: str = WAMID) -> dict[str, Any]:
    return explain(ledger, given, config=config)


def _message_of(found: dict[str, Any]) -> dict[str, Any]:
    [row] = [each for each in found["deliveries"] if each["record"] == "message"]
    return dict(row)


def _words(found: dict[str, Any]) -> str:
    return "\n".join(tell(found, now=datetime.now(UTC)))


def test_an_id_that_nobody_knows_has_every_key(config: Config, ledger: Ledger) -> None:
    assert _of(config, ledger, "wamid.unknown") == {
        "id": "wamid.unknown",
        "found": False,
        "kind": None,
        "contact": None,
        "message": None,
        "deliveries": [],
        "story": [],
    }


def test_a_message_is_told_whole(config: Config, ledger: Ledger, rows: Any) -> None:
    rows.deliver("contact", "synced", crm_id="101")
    rows.deliver("message", "synced", crm_id="202", attempts=1, sent_at=datetime.now(UTC))
    found = _of(config, ledger)
    assert json.loads(json.dumps(found)) == found
    assert (found["found"], found["kind"]) == (True, "message")
    assert found["contact"] == {
        "key": "wc_ana",
        "name": "Ana Souza",
        "phone": "+5511987654321",
        "user_ids": ["BR.1502576394655843"],
        "merged_into": None,
        "erased_at": None,
    }
    assert found["message"] == {
        "id": WAMID,
        "number": "Vendas",
        "direction": "in",
        "type": "text",
        "text": "Oi!",
        "sent_at": "2026-11-24T15:00:00.000Z",
        "received_at": "2026-11-24T15:00:00.000Z",
        "status": None,
    }
    row = _message_of(found)
    assert (row["state"], row["crm_id"], row["key"]) == ("synced", "202", "wm_oi")
    assert row["next"].startswith("nothing")
    assert {"sent", "received", "queued", "synced"} <= {each["event"] for each in found["story"]}
    assert [each["at"] for each in found["story"]] == sorted(e["at"] for e in found["story"])


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (WAMID, "message"),
        ("+55 11 98765-4321", "contact"),
        ("551187654321", "contact"),
        ("BR.1502576394655843", "contact"),
        ("wc_ana", "contact"),
        ("202", "crm_record"),
        ("wm_oi", "crm_record"),
    ],
)
def test_any_id_finds_it(given: str, kind: str, config: Config, ledger: Ledger, rows: Any) -> None:
    rows.deliver("contact", "synced", crm_id="101")
    rows.deliver("message", "synced", crm_id="202")
    found = _of(config, ledger, given)
    assert found["found"]
    assert found["kind"] == kind
    assert found["contact"]["key"] == "wc_ana"


def test_a_parked_record_says_why_and_the_command_with_its_id(
    config: Config, ledger: Ledger, rows: Any
) -> None:
    id_ = rows.deliver(
        "message",
        "parked",
        error_code="rejected.422",
        error_status=422,
        error_detail="hs_timestamp is wrong",
        attempts=1,
    )
    row = _message_of(_of(config, ledger))
    assert row["cause"] == CODES["rejected"].cause
    assert f"connector dead-letters retry {id_}" in row["next"]
    assert row["last_answer"] == {"status": 422, "detail": "hs_timestamp is wrong"}
    assert "(422): hs_timestamp is wrong" in _words(_of(config, ledger))


def test_a_record_in_doubt_is_looked_up_at_a_time(
    config: Config, ledger: Ledger, rows: Any
) -> None:
    verify_at = datetime.now(UTC) + timedelta(minutes=2)
    rows.deliver("message", "in_flight", error_code="in_doubt", verify_at=verify_at)
    found = _of(config, ledger)
    row = _message_of(found)
    assert row["in_doubt"]
    assert abs(datetime.fromisoformat(row["next_at"]) - verify_at) < timedelta(seconds=1)
    assert "the answer was lost" in _words(found)
    assert re.search(
        r"next: the connector looks in the CRM .*, in (2 min|1 min 5\d s)", _words(found)
    )


def test_a_pending_record_of_a_paused_destination_waits_for_it(
    config: Config, ledger: Ledger, rows: Any
) -> None:
    rows.deliver("message", "pending")
    ledger.transact(destinations.pause, "hubspot", reason="auth", detail="token expired")
    row = _message_of(_of(config, ledger))
    assert "resumed" in row["next"]
    assert "token expired" in row["cause"]


def test_a_pending_record_waits_for_the_end_of_an_outage(
    config: Config, ledger: Ledger, rows: Any
) -> None:
    until = datetime.now(UTC) + timedelta(minutes=5)
    rows.deliver("message", "pending")
    ledger.transact(destinations.block, "hubspot", until=until, reason="throttled")
    row = _message_of(_of(config, ledger))
    assert "fewer calls" in row["cause"]
    assert abs(datetime.fromisoformat(row["next_at"]) - until) < timedelta(seconds=1)


def test_a_message_waits_for_its_parked_contact(config: Config, ledger: Ledger, rows: Any) -> None:
    rows.deliver("contact", "parked", error_code="ambiguous")
    rows.deliver("message", "pending")
    row = _message_of(_of(config, ledger))
    assert CODES["ambiguous"].cause in row["cause"]
    assert "connector reviews" in row["next"]


def test_a_skipped_record_says_why(config: Config, ledger: Ledger, rows: Any) -> None:
    rows.deliver("message", "skipped", error_code="blocked")
    found = _of(config, ledger)
    assert _message_of(found)["cause"] == CODES["blocked"].cause
    assert "was left out: blocked" in _words(found)


def test_a_message_known_by_its_status_alone_is_told_as_such(
    config: Config, ledger: Ledger, rows: Any
) -> None:
    with ledger.engine.begin() as connection:
        connection.execute(
            schema.message.update()
            .where(schema.message.c.id == rows.message)
            .values(kind="unseen", direction="out", status="read")
        )
    assert "Only a status of this message has come" in _words(_of(config, ledger))


def test_a_message_that_no_destination_takes_is_told_as_such(
    config: Config, ledger: Ledger, rows: Any
) -> None:
    assert rows.message
    assert "No destination takes it" in _words(_of(config, ledger))


def test_a_record_has_its_page_once_a_check_has_told_the_account(
    config: Config, ledger: Ledger, rows: Any
) -> None:
    rows.deliver("contact", "synced", crm_id="101")
    rows.deliver("message", "synced", crm_id="202")
    assert {each["crm_url"] for each in _of(config, ledger)["deliveries"]} == {None}
    for portal in (1, 480):
        url = f"https://app.hubspot.com/contacts/{portal}"
        ledger.transact(note_accounts, {"hubspot": url}, now=datetime.now(UTC))
    found = _of(config, ledger)
    assert {each["record"]: each["crm_url"] for each in found["deliveries"]} == {
        "contact": f"{url}/record/0-1/101",
        "message": f"{url}/record/0-1/101/?engagement=202",
    }
    assert f"see it: {url}/record/0-1/101" in _words(found)


PAGES = """
[whatsapp]
app_secrets = [{ env = "SECRET" }]
verify_token = { env = "SECRET" }
[[whatsapp.numbers]]
phone_number_id = "106540352242922"
name = "Vendas"
[destinations.company]
adapter = "pipedrive"
base_url = "https://oficina.pipedrive.com"
token = { env = "SECRET" }
[destinations.common]
adapter = "pipedrive"
token = { env = "SECRET" }
"""


def test_a_pipedrive_page_is_known_by_the_address_of_the_company(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(PAGES)
    config = load_config(file, settings_models=settings_models(), environ={"SECRET": "s" * 32})
    told = Places(config, {"common": "https://other.pipedrive.com"})
    assert told.url("company", "contact", "7") == "https://oficina.pipedrive.com/person/7"
    assert told.url("company", "conversation", "9", contact="7") == (
        "https://oficina.pipedrive.com/person/7"
    )
    assert told.url("common", "contact", "7") == "https://other.pipedrive.com/person/7"
    assert Places(config, {}).url("common", "contact", "7") is None
    assert told.url("company", "contact", None) is None
    assert told.url("gone", "contact", "7") is None
