"""What the account says of itself: details, calls made today, owners."""

from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from connector.sandbox.hubspot.portal import OWNERS, Portal
from connector.sandbox.hubspot.refusals import Answer, bad_request
from connector.sandbox.hubspot.values import iso


def show_account(portal: Portal) -> Answer:
    """Return the details of the account."""
    settings = portal.settings
    moment = datetime.fromtimestamp(portal.clock(), ZoneInfo(settings.time_zone))
    offset = moment.utcoffset()
    seconds = round(offset.total_seconds()) if offset else 0
    sign = "-" if seconds < 0 else "+"
    hours, minutes = divmod(abs(seconds) // 60, 60)
    return Answer(
        200,
        {
            "portalId": settings.portal_id,
            "accountType": settings.account_type,
            "timeZone": settings.time_zone,
            "companyCurrency": "BRL",
            "additionalCurrencies": [],
            "utcOffset": f"{sign}{hours:02d}:{minutes:02d}",
            "utcOffsetMilliseconds": seconds * 1000,
            "uiDomain": "app.hubspot.com",
            "dataHostingLocation": "na1",
        },
    )


def daily_usage(portal: Portal) -> Answer:
    """Return how many calls static tokens made today, and until when they count."""
    resets_at = portal.quota.resets_at().astimezone(UTC)
    return Answer(
        200,
        {
            "results": [
                {
                    "name": "private-apps-api-calls-daily",
                    "usageLimit": portal.settings.daily_limit,
                    "currentUsage": portal.quota.used_today,
                    "collectedAt": iso(portal.now()),
                    "fetchStatus": "CACHED",
                    "resetsAt": iso(round(resets_at.timestamp() * 1000)),
                }
            ]
        },
    )


def list_owners(query: Mapping[str, str]) -> Answer:
    """Return the people who can own a record, or the one with an e-mail."""
    limit = query.get("limit", "100")
    if not limit.isdigit() or not 1 <= int(limit) <= 500:
        raise bad_request("limit must be 1 to 500")
    email = query.get("email", "").lower()
    found = [dict(each) for each in OWNERS if not email or each["email"] == email]
    return Answer(200, {"results": found})
