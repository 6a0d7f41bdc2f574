"""Checks of the access token for Meta: whether it is good, for what, and for how long."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from connector.config.models import Config
from connector.runtime.finding import Finding
from connector.runtime.graph_calls import GraphCalls, GraphError

ENDING: Final = timedelta(days=7)
"""How long before a credential's end there is a warning."""
_JWT_PARTS: Final = 3
_NAME: Final = "whatsapp.token"
_MANAGEMENT: Final = "whatsapp_business_management"
_MESSAGING: Final = "whatsapp_business_messaging"
_NEEDED: Final = {
    _MANAGEMENT: "subscriptions and numbers can not be looked at",
    _MESSAGING: "media can not be fetched",
}
"""Permissions, and what is not possible without each."""
_RENEW: Final = (
    "make a new one: Meta Business settings, Users, System users, Generate new token, with "
    f"{_MANAGEMENT} and {_MESSAGING}; put it where [whatsapp] access_token says"
)


@dataclass(slots=True)
class TokenFacts:
    """What the rest of the checks has to know of the token."""

    usable: bool = False
    app: str | None = None
    """The id of the app it belongs to, if Meta told."""
    ends_at: datetime | None = None
    findings: list[Finding] = field(default_factory=list)


async def check_token(meta: GraphCalls, config: Config) -> TokenFacts:
    """Ask Meta what our access token is good for."""
    facts = TokenFacts()
    try:
        told = await meta.inspect_token()
    except GraphError as error:
        facts.findings.append(_refused(error))
        facts.usable = error.answered and not error.refuses_token
        return facts
    if not told.get("is_valid"):
        why = told.get("error")
        words = meta.shown(why.get("message") if isinstance(why, dict) else None)
        detail = f"Meta does not take the access token: {words}"
        facts.findings.append(Finding(_NAME, "fail", detail, _RENEW))
        return facts
    facts.usable = True
    facts.app = str(told["app_id"]) if told.get("app_id") else None
    facts.ends_at = _moment(told.get("expires_at"))
    owner = told.get("application") or "an app"
    facts.findings.append(Finding(_NAME, "ok", f"Meta takes it, as one of {owner}"))
    facts.findings += judge_end("whatsapp.credential", facts.ends_at, remedy=_RENEW)
    facts.findings.append(_judge_permissions(told, config))
    return facts


def token_end(token: str) -> datetime | None:
    """Return when a token ends that says so itself, as a JSON Web Token does (RFC 7519, ``exp``).

    It is read and not verified: the CRM does that.
    """
    parts = token.strip().split(".")
    if len(parts) != _JWT_PARTS:
        return None
    try:
        claims = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        ends = claims["exp"]
        return datetime.fromtimestamp(ends, UTC)
    except (ValueError, KeyError, TypeError, OverflowError, OSError):
        return None


def judge_end(
    name: str, ends_at: datetime | None, *, remedy: str, destination: str | None = None
) -> Iterator[Finding]:
    """Say how long a credential lasts; nothing where no end is known."""
    if ends_at is None:
        return
    left = ends_at - datetime.now(UTC)
    if left <= timedelta(0):
        yield Finding(name, "fail", f"the token ended on {ends_at.date()}", remedy, destination)
    elif left < ENDING:
        yield Finding(name, "warn", f"the token ends on {ends_at.date()}", remedy, destination)
    else:
        yield Finding(name, "ok", f"the token lasts until {ends_at.date()}", None, destination)


def _refused(error: GraphError) -> Finding:
    if error.refuses_token:
        detail = f"Meta does not take the access token. {error}"
        return Finding(_NAME, "fail", detail, _RENEW)
    if not error.answered:
        remedy = "see that graph_url is right and that Meta can be reached from here"
        return Finding(_NAME, "fail", str(error), remedy)
    return Finding(
        _NAME,
        "fail",
        f"what the token is good for is not known: {error}",
        "check again later; if it stays so, make a new token",
    )


def _judge_permissions(told: Mapping[str, Any], config: Config) -> Finding:
    name = "whatsapp.permissions"
    granted = {str(each) for each in _listed(told.get("scopes"))}
    lacking = {scope: loss for scope, loss in _NEEDED.items() if scope not in granted}
    if lacking:
        detail = "; ".join(f"the token lacks {scope}: {loss}" for scope, loss in lacking.items())
        matters = config.media.download or _MANAGEMENT in lacking
        return Finding(name, "fail" if matters else "warn", detail, _RENEW)
    accounts = {each.waba_id for each in config.whatsapp.numbers if each.waba_id}
    shut = sorted(accounts - _assigned(told, accounts))
    if shut:
        detail = f"the token was not given the WhatsApp Business account {', '.join(shut)}"
        remedy = (
            "Meta Business settings, Users, System users: assign the account to the token's user, "
            "or mend waba_id"
        )
        return Finding(name, "fail", detail, remedy)
    return Finding(name, "ok", f"the token has {' and '.join(_NEEDED)}")


def _assigned(told: Mapping[str, Any], accounts: set[str]) -> set[str]:
    """Return which of our accounts the token may manage; all where it is not held to some."""
    for each in _listed(told.get("granular_scopes")):
        if isinstance(each, dict) and each.get("scope") == _MANAGEMENT and "target_ids" in each:
            return accounts & {str(target) for target in _listed(each["target_ids"])}
    return accounts


def _listed(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _moment(seconds: object) -> datetime | None:
    """Return the end that Meta told; 0 is never."""
    return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int) and seconds else None
