"""Checks of the way from Meta to our receiver: the handshake here, and the app's subscription."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx

from connector.config.models import Config
from connector.runtime.finding import Finding
from connector.runtime.posting import listener_url

NEEDED: Final = ("messages",)
"""Fields without which nothing arrives."""
USEFUL: Final = (
    "smb_message_echoes",
    "smb_app_state_sync",
    "history",
    "account_update",
    "phone_number_quality_update",
    "user_id_update",
)
"""Fields without which we know less: answers from the phone's app, its address book, warnings."""
_TIMEOUT: Final = 5.0


async def check_receiver(
    config: Config, *, transport: httpx.AsyncBaseTransport | None = None
) -> Finding:
    """Shake hands with the receiver that runs on this machine, as Meta would."""
    name = "whatsapp.receiver"
    url = listener_url(config)
    challenge = secrets.token_hex(8)
    params = {
        "hub.mode": "subscribe",
        "hub.challenge": challenge,
        "hub.verify_token": config.whatsapp.verify_token.reveal(),
    }
    try:
        async with httpx.AsyncClient(
            trust_env=False, timeout=_TIMEOUT, transport=transport
        ) as client:
            answer = await client.get(url, params=params)
    except httpx.HTTPError:
        detail = f"nobody answers at {url}: the receiver does not run on this machine"
        return Finding(name, "skipped", detail, "start it with `connector run`, then check again")
    if answer.status_code == httpx.codes.OK and answer.text == challenge:
        return Finding(name, "ok", f"answers Meta's handshake at {url}")
    if answer.status_code == httpx.codes.FORBIDDEN:
        return Finding(
            name,
            "fail",
            "the receiver runs with another verify token than this configuration has",
            "restart it; the token in Meta's dashboard must be this one too",
        )
    return Finding(
        name,
        "fail",
        f"what listens at {url} answers {answer.status_code}: it is not our receiver",
        "see [webhook] host, port and path, and what else listens there",
    )


def judge_subscriptions(answer: Mapping[str, Any]) -> list[Finding]:
    """Judge an app's own subscriptions: ``GET /<app>/subscriptions``."""
    name = "whatsapp.fields"
    listed = answer.get("data")
    found = [each for each in listed or () if isinstance(each, Mapping)]
    ours = [each for each in found if each.get("object") == "whatsapp_business_account"]
    active = [each for each in ours if each.get("active", True)]
    if not active:
        return [
            Finding(
                name,
                "fail",
                "the app has no callback for WhatsApp Business accounts: nothing will arrive",
                "Meta dashboard, WhatsApp, Configuration: give the callback URL and verify token",
            )
        ]
    fields = {_field(each) for entry in active for each in _listed(entry.get("fields"))}
    where = str(active[0].get("callback_url") or "an unknown address")
    callback = Finding("whatsapp.callback", "ok", f"Meta posts to {where}")
    lacking = [each for each in NEEDED if each not in fields]
    if lacking:
        detail = f"the app is not subscribed to {', '.join(lacking)}: no message will arrive"
        return [callback, Finding(name, "fail", detail, _SUBSCRIBE)]
    missed = [each for each in USEFUL if each not in fields]
    if missed:
        detail = f"subscribed to messages, but not to {', '.join(missed)}"
        return [callback, Finding(name, "warn", detail, _SUBSCRIBE)]
    return [callback, Finding(name, "ok", "the app is subscribed to every field we read")]


_SUBSCRIBE: Final = "Meta dashboard, WhatsApp, Configuration, Webhook fields: subscribe them"


def _listed(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _field(value: object) -> str:
    """Return a field's name, which comes alone or with its version."""
    return str(value.get("name") if isinstance(value, Mapping) else value)
