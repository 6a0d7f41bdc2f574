"""Checks of the way from Meta to our receiver: the handshake, here and where Meta posts to."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import httpx

from connector.config.addresses import check_url
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
_CALLBACK: Final = "whatsapp.callback"


class Subscriptions(NamedTuple):
    """What an app's own subscriptions come to."""

    finding: Finding
    callback_url: str | None
    """Where Meta posts to, unless an account or a number says otherwise."""


async def check_receiver(config: Config) -> Finding:
    """Shake hands with the receiver that runs on this machine, as Meta would."""
    name = "whatsapp.receiver"
    url = listener_url(config)
    met = await _shake_hands(url, config)
    if isinstance(met, str):
        detail = f"nobody answers at {url}: the receiver does not run on this machine"
        return Finding(name, "skipped", detail, "start it with `connector run`, then check again")
    if met.agreed:
        return Finding(name, "ok", f"answers Meta's handshake at {url}")
    if met.status == httpx.codes.FORBIDDEN:
        return Finding(
            name,
            "fail",
            "the receiver runs with another verify token than this configuration has",
            "restart it; the token in Meta's dashboard must be this one too",
        )
    return Finding(
        name,
        "fail",
        f"what listens at {url} answers {met.status}: it is not our receiver",
        "see [webhook] host, port and path, and what else listens there",
    )


async def check_callback(url: str, whose: str, config: Config) -> Finding:
    """Shake hands at the address that Meta posts to, with our verify token, as Meta does.

    That shows a wrong address, a proxy that leads elsewhere, and another verify token. From inside
    a network its own public address may be out of reach: then only the path is compared.
    """
    said = f"Meta posts to {url}{whose}"
    try:
        check_url(url, with_query=True)
    except ValueError:
        remedy = f"{_DASHBOARD}: give an https address"
        return Finding(_CALLBACK, "fail", f"{said}, which is no https address", remedy)
    path, ours = urlsplit(url).path or "/", config.webhook.path
    differs = "" if path == ours else f"; its path is not {ours}, as [webhook] path says"
    met = await _shake_hands(url, config)
    if isinstance(met, str):
        detail = f"{said}, where nobody answers from here ({met}){differs}"
        remedy = (
            "see that the address leads to this receiver: name, certificate, proxy, firewall. From "
            "inside your own network it may be out of reach and right nevertheless"
        )
        return Finding(_CALLBACK, "warn", detail, remedy)
    if met.agreed:
        return Finding(_CALLBACK, "ok", f"{said}, which answers with our verify token")
    if met.status == httpx.codes.FORBIDDEN:
        return Finding(
            _CALLBACK,
            "fail",
            f"{said}, which does not take our verify token{differs}",
            "what runs there has another verify_token, or is another receiver; "
            f"{_DASHBOARD}: give the address and verify token of this one",
        )
    return Finding(
        _CALLBACK,
        "fail",
        f"{said}, which answers {met.status}: it is not our receiver{differs}",
        f"{_DASHBOARD}: give the address that leads to {ours} of this receiver",
    )


class _Met(NamedTuple):
    status: int
    agreed: bool


async def _shake_hands(url: str, config: Config) -> _Met | str:
    """Return what a receiver answers to the handshake, or why there was none."""
    challenge = secrets.token_hex(8)
    params = {
        "hub.mode": "subscribe",
        "hub.challenge": challenge,
        "hub.verify_token": config.whatsapp.verify_token.reveal(),
    }
    address, body = httpx.URL(url).copy_merge_params(params), b""
    try:
        async with (
            httpx.AsyncClient(trust_env=False, timeout=_TIMEOUT) as client,
            client.stream("GET", address, headers={"Accept-Encoding": "identity"}) as answer,
        ):
            async for part in answer.aiter_raw():
                body += part
                if len(body) > len(challenge):  # it is none of ours, and may have no end
                    break
    except httpx.HTTPError as error:
        return type(error).__name__
    agreed = answer.status_code == httpx.codes.OK and body == challenge.encode()
    return _Met(answer.status_code, agreed)


def judge_subscriptions(answer: Mapping[str, Any]) -> Subscriptions:
    """Judge an app's own subscriptions: ``GET /<app>/subscriptions``."""
    name = "whatsapp.fields"
    listed = answer.get("data")
    found = [each for each in listed or () if isinstance(each, Mapping)]
    ours = [each for each in found if each.get("object") == "whatsapp_business_account"]
    active = [each for each in ours if each.get("active", True)]
    if not active:
        finding = Finding(
            name,
            "fail",
            "the app has no callback for WhatsApp Business accounts: nothing will arrive",
            f"{_DASHBOARD}: give the callback URL and verify token",
        )
        return Subscriptions(finding, None)
    fields = {_field(each) for entry in active for each in _listed(entry.get("fields"))}
    callback_url = active[0].get("callback_url")
    where = str(callback_url) if callback_url else None
    lacking = [each for each in NEEDED if each not in fields]
    missed = [each for each in USEFUL if each not in fields]
    if lacking:
        detail = f"the app is not subscribed to {', '.join(lacking)}: no message will arrive"
        finding = Finding(name, "fail", detail, _SUBSCRIBE)
    elif missed:
        detail = f"subscribed to messages, but not to {', '.join(missed)}"
        finding = Finding(name, "warn", detail, _SUBSCRIBE)
    else:
        finding = Finding(name, "ok", "the app is subscribed to every field we read")
    return Subscriptions(finding, where)


_DASHBOARD: Final = "Meta dashboard, WhatsApp, Configuration"
_SUBSCRIBE: Final = f"{_DASHBOARD}, Webhook fields: subscribe them"


def _listed(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _field(value: object) -> str:
    """Return a field's name, which comes alone or with its version."""
    return str(value.get("name") if isinstance(value, Mapping) else value)
