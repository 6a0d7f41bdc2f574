"""Definitions, tokens, limits and the account, against the field notes (sections 2, 3 and 5.1)."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from connector.sandbox.hubspot import Portal
from connector.sandbox.hubspot.store import Stored

PROPERTIES = "/crm/properties/2026-09"
TOKEN_PATH = "/oauth/2026-03/token"


def definition(**changes: Any) -> dict[str, Any]:
    """Return the body that creates a property."""
    return {
        "groupName": "information",
        "name": "wa_contact_key",
        "label": "WhatsApp key",
        "type": "string",
        "fieldType": "text",
        "hasUniqueValue": True,
        **changes,
    }


def test_a_property_is_made_in_a_group_that_exists(hubspot: Any) -> None:
    body = definition(groupName="whatsapp")

    hubspot.post(f"{PROPERTIES}/contacts", body, 400)
    hubspot.post(f"{PROPERTIES}/contacts/groups", {"name": "whatsapp", "label": "WhatsApp"}, 201)
    made = hubspot.post(f"{PROPERTIES}/contacts", body, 201)

    assert made["hasUniqueValue"]
    assert hubspot.get(f"{PROPERTIES}/contacts/wa_contact_key") == made
    names = [each["name"] for each in hubspot.get(f"{PROPERTIES}/contacts")["results"]]
    assert "wa_contact_key" in names
    hubspot.get(f"{PROPERTIES}/communications/wa_contact_key", 404)


def test_what_exists_already_is_a_conflict_with_its_own_category(hubspot: Any) -> None:
    group = {"name": "whatsapp", "label": "WhatsApp"}
    hubspot.post(f"{PROPERTIES}/contacts", definition(), 201)
    hubspot.post(f"{PROPERTIES}/contacts/groups", group, 201)

    error = hubspot.post(f"{PROPERTIES}/contacts", definition(), 409)
    hubspot.post(f"{PROPERTIES}/contacts/groups", group, 409)

    assert error["category"] == "OBJECT_ALREADY_EXISTS"
    assert error["subCategory"] == "Properties.PROPERTY_WITH_NAME_EXISTS"
    assert "already exists" in error["message"]


@pytest.mark.parametrize(
    "change",
    [
        {"type": "text"},
        {"fieldType": "number"},
        {"name": "Wa Key"},
        {"hasUniqueValue": "true"},
        {"unknown": 1},
        {"label": ""},
    ],
)
def test_a_definition_of_another_form_is_refused(hubspot: Any, change: dict[str, Any]) -> None:
    hubspot.post(f"{PROPERTIES}/contacts", definition(**change), 400)


def test_an_object_type_takes_ten_unique_properties(hubspot: Any) -> None:
    for place in range(10):
        hubspot.post(f"{PROPERTIES}/contacts", definition(name=f"key_{place}"), 201)

    hubspot.post(f"{PROPERTIES}/contacts", definition(name="key_10"), 400)
    hubspot.post(f"{PROPERTIES}/contacts", definition(name="plain", hasUniqueValue=False), 201)


def test_a_portal_may_refuse_unique_properties_on_communications(hubspot: Any) -> None:
    hubspot.portal.settings.refuse_unique_on = ("communications",)
    body = definition(name="wa_message_key")

    hubspot.post(f"{PROPERTIES}/communications", body, 400)
    plain = body | {"hasUniqueValue": False}
    hubspot.post(f"{PROPERTIES}/communications", plain, 201)
    one = {"id": "m1", "idProperty": "wa_message_key", "properties": {}}

    error = hubspot.upsert("communications", [one], 400)

    assert "non-unique 0-18 property" in error["message"]


def test_an_archived_property_is_unknown_until_its_name_is_used_again(hubspot: Any) -> None:
    path = f"{PROPERTIES}/contacts"
    hubspot.post(path, definition(hasUniqueValue=True), 201)
    assert hubspot.call("DELETE", f"{path}/wa_contact_key").status_code == 204
    hubspot.get(f"{path}/wa_contact_key", 404)
    body = {"properties": {"wa_contact_key": "k1"}, "associations": []}
    error = hubspot.post("contacts", body, 400)
    assert error["errors"][0]["code"] == "PROPERTY_DOESNT_EXIST"

    restored = hubspot.post(path, definition(hasUniqueValue=False, label="New"), 201)

    assert restored["hasUniqueValue"]
    assert restored["label"] == "WhatsApp key"


def test_a_property_of_every_portal_cannot_be_archived(hubspot: Any) -> None:
    assert hubspot.call("DELETE", f"{PROPERTIES}/contacts/firstname").status_code == 400


def test_the_flag_of_uniqueness_cannot_be_changed(hubspot: Any) -> None:
    path = f"{PROPERTIES}/contacts"
    hubspot.post(path, definition(hasUniqueValue=False), 201)

    answer = hubspot.call("PATCH", f"{path}/wa_contact_key", {"hasUniqueValue": True})

    assert answer.status_code == 400
    renamed = hubspot.call("PATCH", f"{path}/wa_contact_key", {"label": "Key"})
    assert renamed.json()["label"] == "Key"


def test_several_properties_can_be_made_at_once_or_none(hubspot: Any) -> None:
    path = f"{PROPERTIES}/contacts/batch/create"
    inputs = [definition(name="a"), definition(name="b", type="enumeration", fieldType="select")]

    hubspot.post(path, {"inputs": [*inputs, definition(name="firstname")]}, 400)
    made = hubspot.post(path, {"inputs": inputs}, 201)

    assert [each["name"] for each in made["results"]] == ["a", "b"]


def test_the_schema_tells_what_can_be_written(hubspot: Any) -> None:
    read = hubspot.get(f"{PROPERTIES}/contacts/createdate")
    written = hubspot.get(f"{PROPERTIES}/contacts/hs_whatsapp_phone_number")
    hubspot.call("PATCH", "/_sandbox/settings", {"whatsapp_phone_read_only": True})
    refused = hubspot.get(f"{PROPERTIES}/contacts/hs_whatsapp_phone_number")
    stages = hubspot.get(f"{PROPERTIES}/contacts/lifecyclestage")

    assert read["modificationMetadata"]["readOnlyValue"]
    assert not written["modificationMetadata"]["readOnlyValue"]
    assert refused["modificationMetadata"]["readOnlyValue"]
    assert "lead" in [each["value"] for each in stages["options"]]


def test_without_a_token_nobody_comes_in(hubspot: Any) -> None:
    for header in ("", "Bearer", "Bearer wrong", f"Basic {hubspot.token}"):
        answer = hubspot.call(
            "GET", "/account-info/2026-09/details", headers={"Authorization": header}
        )
        assert answer.status_code == 401
        assert answer.json()["category"] == "INVALID_AUTHENTICATION"


def test_a_token_is_refused_once_it_is_revoked_or_expired(hubspot: Any) -> None:
    hubspot.post("/_sandbox/tokens", {"token": "short", "expires_in": 60})
    hubspot.token = "short"
    hubspot.get("/account-info/2026-09/details")
    hubspot.clock.now += 60
    expired = hubspot.get("/account-info/2026-09/details", 401)
    hubspot.call("DELETE", "/_sandbox/tokens", {"token": "short"})
    revoked = hubspot.get("/account-info/2026-09/details", 401)

    assert expired["category"] == "EXPIRED_AUTHENTICATION"
    assert revoked["category"] == "INVALID_AUTHENTICATION"


def test_a_missing_scope_is_named(hubspot: Any) -> None:
    scopes = ["crm.objects.contacts.read"]
    hubspot.post("/_sandbox/tokens", {"token": "reader", "scopes": scopes})
    hubspot.token = "reader"
    body = {"properties": {"firstname": "Ana"}, "associations": []}

    hubspot.get("contacts")
    error = hubspot.post("contacts", body, 403)
    hubspot.get("/crm/owners/2026-09", 403)
    hubspot.post(f"{PROPERTIES}/contacts", definition(), 403)
    hubspot.get("/account-info/2026-09/details")

    assert error["category"] == "MISSING_SCOPES"
    assert error["errors"][0]["context"]["requiredGranularScopes"] == ["crm.objects.contacts.write"]


def install(hubspot: Any) -> dict[str, str]:
    """Install an OAuth app and return the form that refreshes its token."""
    app = {"client_id": "c", "client_secret": "s", "refresh_token": "r"}
    hubspot.post("/_sandbox/oauth", app)
    return {"grant_type": "refresh_token", **app}


def test_a_refresh_token_buys_access_for_half_an_hour(hubspot: Any) -> None:
    form = install(hubspot)

    answer = hubspot.call("POST", TOKEN_PATH, data=form)

    bought = answer.json()
    assert bought["expires_in"] == 1800
    assert bought["token_type"] == "bearer"
    assert bought["refresh_token"] == "r"
    hubspot.token = bought["access_token"]
    hubspot.get("contacts")
    hubspot.clock.now += 1800
    assert hubspot.get("contacts", 401)["category"] == "EXPIRED_AUTHENTICATION"


def test_access_tokens_can_be_expired_at_once(hubspot: Any) -> None:
    form = install(hubspot)
    hubspot.token = hubspot.call("POST", TOKEN_PATH, data=form).json()["access_token"]
    hubspot.get("contacts")

    hubspot.call("DELETE", "/_sandbox/tokens")

    assert hubspot.get("contacts", 401)["category"] == "EXPIRED_AUTHENTICATION"


def test_a_refresh_token_may_be_good_for_one_use(hubspot: Any) -> None:
    hubspot.portal.settings.rotate_refresh_tokens = True
    form = install(hubspot)

    new = hubspot.call("POST", TOKEN_PATH, data=form).json()["refresh_token"]
    old = hubspot.call("POST", TOKEN_PATH, data=form)

    assert old.status_code == 400
    assert old.json()["status"] == "BAD_REFRESH_TOKEN"
    assert hubspot.call("POST", TOKEN_PATH, data=form | {"refresh_token": new}).status_code == 200


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"refresh_token": "x"}, "BAD_REFRESH_TOKEN"),
        ({"client_secret": "x"}, "BAD_CLIENT_SECRET"),
        ({"grant_type": "password"}, "BAD_GRANT_TYPE"),
    ],
)
def test_a_wrong_refresh_is_refused(hubspot: Any, change: dict[str, str], status: str) -> None:
    answer = hubspot.call("POST", TOKEN_PATH, data=install(hubspot) | change)

    assert answer.status_code == 400
    assert answer.json()["status"] == status


def test_secrets_in_the_address_are_refused(hubspot: Any) -> None:
    form = install(hubspot)

    assert hubspot.call("POST", f"{TOKEN_PATH}?client_secret=s", data=form).status_code == 400


def details(hubspot: Any) -> Any:
    """Make the cheapest call."""
    return hubspot.call("GET", "/account-info/2026-09/details")


def test_ten_seconds_hold_so_many_calls_wherever_they_begin(hubspot: Any) -> None:
    hubspot.portal.settings.burst_limit = 3
    answers = []
    for seconds in (0, 4, 4, 1, 1.5):
        hubspot.clock.now += seconds
        answers.append(details(hubspot))

    assert [each.status_code for each in answers] == [200, 200, 200, 429, 200]
    assert answers[0].headers["X-HubSpot-RateLimit-Max"] == "3"
    assert answers[0].headers["X-HubSpot-RateLimit-Remaining"] == "2"
    assert answers[0].headers["X-HubSpot-RateLimit-Interval-Milliseconds"] == "10000"
    assert answers[0].headers["X-HubSpot-RateLimit-Daily"] == "250000"
    assert answers[0].headers["X-HubSpot-RateLimit-Daily-Remaining"] == "249999"
    error = answers[3].json()
    assert error["policyName"] == "TEN_SECONDLY_ROLLING"
    assert error["errorType"] == "RATE_LIMIT"
    assert "Retry-After" not in answers[3].headers


def test_searches_have_a_limit_of_their_own_and_show_none(hubspot: Any) -> None:
    body = {"filterGroups": [], "properties": [], "limit": 1, "after": "0", "sorts": []}
    path = "/crm/objects/2026-09/contacts/search"

    answers = [hubspot.call("POST", path, body) for _ in range(6)]

    assert [each.status_code for each in answers] == [200] * 5 + [429]
    assert answers[5].json()["policyName"] == "SECONDLY"
    assert not [name for name in answers[0].headers if "ratelimit" in name.lower()]
    assert details(hubspot).headers["X-HubSpot-RateLimit-Remaining"] == "99"
    hubspot.clock.now += 1
    assert hubspot.call("POST", path, body).status_code == 200


def test_the_day_ends_at_midnight_of_the_account(hubspot: Any) -> None:
    hubspot.portal.settings.daily_limit = 2
    usage = "/account-info/2026-09/api-usage/daily/private-apps"
    used = hubspot.get(usage)["results"][0]
    details(hubspot)

    refused = details(hubspot)

    assert refused.status_code == 429
    assert refused.json()["policyName"] == "DAILY"
    assert used["currentUsage"] == 1
    assert used["usageLimit"] == 2
    assert used["resetsAt"] == "2026-11-25T03:00:00.000Z"
    hubspot.clock.now += 16 * 3600 - 1
    assert details(hubspot).status_code == 429
    hubspot.clock.now += 1
    assert details(hubspot).status_code == 200


def test_oauth_apps_have_other_limits_and_see_no_daily_one(hubspot: Any) -> None:
    form = install(hubspot)
    hubspot.token = hubspot.call("POST", TOKEN_PATH, data=form).json()["access_token"]

    headers = details(hubspot).headers

    assert headers["X-HubSpot-RateLimit-Max"] == "110"
    assert "X-HubSpot-RateLimit-Daily" not in headers


def test_the_account_tells_who_it_is(hubspot: Any) -> None:
    told = details(hubspot).json()

    assert told["portalId"] == hubspot.portal.settings.portal_id
    assert told["timeZone"] == "America/Sao_Paulo"
    assert told["utcOffset"] == "-03:00"
    assert told["utcOffsetMilliseconds"] == -10_800_000


def test_owners_are_found_by_email_and_go_by_their_id(hubspot: Any) -> None:
    everyone = hubspot.get("/crm/owners/2026-09?limit=100")["results"]
    found = hubspot.get("/crm/owners/2026-09?email=vendas@example.com&limit=100")["results"]

    assert len(everyone) == 2
    assert [(each["id"], each["userId"]) for each in found] == [("77", 7)]
    hubspot.make_contact(hubspot_owner_id="77")


def test_a_call_that_breaks_off_leaves_nothing(hubspot: Any) -> None:
    store = hubspot.portal.store

    with pytest.raises(sqlite3.IntegrityError), store.transaction():
        store.insert([Stored(1, "contacts", {}, 0, 0), Stored(1, "contacts", {}, 0, 0)], 0)

    assert store.counts() == {}


def test_everything_is_still_there_after_a_restart(tmp_path: Path) -> None:
    path = str(tmp_path / "crm.db")
    first = Portal(path)
    first.access.grant("t")
    first.access.register("c", "s", "r")
    with first.store.transaction():
        first.definitions.create_group("contacts", "whatsapp", "WhatsApp")
    first.store.close()

    second = Portal(path)

    assert second.access.admit("Bearer t").app == "static:t"
    assert second.definitions.groups("contacts")["whatsapp"] == "WhatsApp"
    second.store.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
