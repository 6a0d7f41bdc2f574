"""What the token is good for: which account, which scopes are missing, how many calls are left."""

from datetime import UTC, datetime
from typing import Final

from adapters.hubspot.calls import Calls, objects_in
from adapters.hubspot.errors import HubSpotRejectedError, Json
from adapters.hubspot.objects import API, API_ENDS, records_path
from adapters.hubspot.settings import BURST, MissingScopesError
from adapters.hubspot.values import read_time
from connector.crm import Account, Budgets, Clock, CrmAccessError, CrmClient

_DETAILS: Final = f"/account-info/{API}/details"
_USAGE: Final = f"/account-info/{API}/api-usage/daily/private-apps"


async def read_account(client: CrmClient, calls: Calls, *, contact: str, message: str) -> Account:
    """Return the account, the scopes that its token lacks, and what is left of today.

    Raises ``CrmAccessError`` where the token is not accepted at all.
    """
    details = await calls.get(_DETAILS, call="account.details")
    portal = str(details.get("portalId") or "")
    domain = str(details.get("uiDomain") or "app.hubspot.com")
    return Account(
        id=portal,
        name=" ".join(
            str(each) for each in (details.get("accountType"), "account", portal) if each
        ),
        missing_scopes=await _find_missing_scopes(client, contact, message),
        budgets_left=await _read_usage(calls, client.budgets, client.clock),
        api_version=API,
        api_version_ends_at=datetime.fromisoformat(API_ENDS).replace(tzinfo=UTC),
        url=f"https://{domain}/contacts/{portal}",
    )


async def _find_missing_scopes(client: CrmClient, contact: str, message: str) -> tuple[str, ...]:
    """Knock at what a sync needs. An update of nothing shows whether writing is allowed."""
    missing: list[str] = []
    kinds = dict.fromkeys((contact, message))
    for kind, writes in [(kind, writes) for kind in kinds for writes in (False, True)]:
        try:
            await client.request(
                "POST" if writes else "GET",
                records_path(kind, "batch/update" if writes else ""),
                call=f"{kind}.knock",
                params=None if writes else {"limit": "1"},
                json={"inputs": []} if writes else None,
                draws=BURST,
                writes=False,
            )
        except MissingScopesError as error:
            missing += error.scopes
    return tuple(dict.fromkeys(missing))


async def _read_usage(calls: Calls, budgets: Budgets, clock: Clock) -> dict[str, int]:
    """Return the calls left today. Nothing is known where the token is an OAuth app's."""
    try:
        answer = await calls.get(_USAGE, call="account.usage")
    except (CrmAccessError, HubSpotRejectedError):
        return {}
    for each in objects_in(answer.get("results")):
        limit, used = _count(each, "usageLimit"), _count(each, "currentUsage")
        if limit is not None and used is not None:
            resets_at = read_time(each.get("resetsAt"))
            budgets.lower(
                "daily",
                limit=limit,
                left=limit - used,
                resets_in=None if resets_at is None else resets_at - clock.now(),
            )
            return {"daily": max(limit - used, 0)}
    return {}


def _count(each: Json, name: str) -> int | None:
    value = each.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
