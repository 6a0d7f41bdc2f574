"""Checks of our numbers, as Meta shows them."""

from typing import Any, Final, NamedTuple

from connector.config.whatsapp import NumberSettings
from connector.runtime.finding import Finding
from connector.runtime.graph_calls import GraphCalls, GraphError

_FIELDS: Final = (
    "verified_name,quality_rating,platform_type,status,throughput,webhook_configuration"
)
_LIMIT: Final = "whatsapp_business_manager_messaging_limit"
"""Known from v24.0 on; older versions refuse a request for it."""
_LIMIT_SINCE: Final = (24, 0)
_WORKING: Final = frozenset({"CONNECTED", "FLAGGED", "RATE_LIMITED", "RESTRICTED"})
"""States in which a number still hears; in the last three it may not send as it likes."""
_MANAGER: Final = "see WhatsApp Manager, Phone numbers"
REMEDY: Final = (
    "see that phone_number_id is right, and that access_token is of a system user to whom the "
    "account is assigned, with whatsapp_business_management and whatsapp_business_messaging"
)


class NumberFacts(NamedTuple):
    """One number: how it is, and where its messages go instead of to its account's or app's."""

    finding: Finding
    override: str | None = None


async def check_number(meta: GraphCalls, number: NumberSettings, version: str) -> NumberFacts:
    """Ask how a number is."""
    name = f"whatsapp.numbers.{number.name}"
    fields = f"{_FIELDS},{_LIMIT}" if _knows_limit(version) else _FIELDS
    try:
        answer = await meta.get(f"/{number.phone_number_id}", fields=fields)
    except GraphError as error:
        return NumberFacts(Finding(name, "fail", str(error), REMEDY))
    places = answer.get("webhook_configuration")
    override = places.get("phone_number") if isinstance(places, dict) else None
    return NumberFacts(_judge(name, answer), str(override) if override else None)


async def check_membership(
    meta: GraphCalls, account: str, numbers: list[NumberSettings]
) -> list[Finding]:
    """Complain of numbers that are not in the account that the configuration says."""
    try:
        answer = await meta.get(f"/{account}/phone_numbers", fields="id", limit="100")
    except GraphError:
        return []  # the same refusal stands under the account's subscription already
    listed = answer.get("data")
    known = {str(each.get("id")) for each in listed or () if isinstance(each, dict)}
    if (answer.get("paging") or {}).get("next"):
        return []
    return [
        Finding(
            f"whatsapp.numbers.{each.name}",
            "fail",
            f"the number {each.phone_number_id} is not one of the account {account}",
            "mend phone_number_id or waba_id: both stand in Meta dashboard, WhatsApp, API Setup",
        )
        for each in numbers
        if each.phone_number_id not in known
    ]


def _judge(name: str, answer: dict[str, Any]) -> Finding:
    rating = str(answer.get("quality_rating") or "unknown")
    parts = [str(answer.get("verified_name") or "a number"), f"quality {rating.lower()}"]
    throughput = answer.get("throughput")
    if isinstance(throughput, dict) and throughput.get("level"):
        parts.append(f"throughput {str(throughput['level']).lower()}")
    if answer.get(_LIMIT):
        tier = str(answer[_LIMIT]).removeprefix("TIER_").lower()
        parts.append(f"may write to {tier} new people a day")
    platform = str(answer.get("platform_type") or "CLOUD_API")
    if platform != "CLOUD_API":
        parts.append(f"is on {platform.lower()} and not on the Cloud API")
    status = str(answer.get("status") or "CONNECTED")
    if status != "CONNECTED":
        parts.append(f"is {status.lower()}")
    detail = ", ".join(parts)
    if status not in _WORKING or platform != "CLOUD_API":
        remedy = f"{_MANAGER}: a number that is not connected hears nothing"
        return Finding(name, "fail", detail, remedy)
    if status != "CONNECTED" or rating in {"RED", "YELLOW"}:
        return Finding(name, "warn", detail, f"{_MANAGER}: people block or report it")
    return Finding(name, "ok", detail)


def _knows_limit(version: str) -> bool:
    return tuple(int(part) for part in version.removeprefix("v").split(".")) >= _LIMIT_SINCE
