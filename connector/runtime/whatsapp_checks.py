"""Checks of our side of WhatsApp: the secrets, the API's version, the subscription, the numbers."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import httpx

from connector.config.models import Config
from connector.config.whatsapp import NumberSettings
from connector.runtime.finding import Finding
from connector.runtime.graph_versions import judge_version
from connector.runtime.logs import masked

_LONG_ENOUGH: Final = 32
_FIELDS: Final = "display_phone_number,verified_name,quality_rating,platform_type"
_TIMEOUT: Final = 10.0


class _GraphError(Exception):
    """Meta refused, or can not be reached; the text is fit to be shown."""


def check_secrets(config: Config) -> Iterator[Finding]:
    """Look at the secrets' form; what they are stays here."""
    for place, secret in enumerate(config.whatsapp.app_secrets):
        text = secret.reveal()
        name = f"whatsapp.app_secrets[{place}]"
        if re.fullmatch(r"[0-9a-f]{32}", text):
            yield Finding(name, "ok", "there, and of the form that Meta's have")
        else:
            yield Finding(
                name,
                "warn",
                "there, but Meta's app secrets are 32 hex digits",
                "copy it again: Meta dashboard, App settings, Basic, App secret",
            )
    length = len(config.whatsapp.verify_token.reveal())
    if length >= _LONG_ENOUGH:
        yield Finding("whatsapp.verify_token", "ok", "there, and long enough")
    else:
        yield Finding(
            "whatsapp.verify_token",
            "warn",
            f"is only {length} long and could be guessed",
            f"choose {_LONG_ENOUGH} random ones or more, here and in Meta's dashboard",
        )
    yield judge_version(config.whatsapp.graph_version, today=datetime.now(UTC).date())


async def ask_meta(
    config: Config, *, transport: httpx.AsyncBaseTransport | None = None
) -> list[Finding]:
    """Ask Meta whether it would send us anything; needs ``access_token``."""
    token = config.whatsapp.access_token
    if token is None:
        return [
            Finding(
                "whatsapp.subscription",
                "skipped",
                "Meta is not asked, since there is no access_token",
                "set access_token in [whatsapp] to have the subscription and the numbers checked",
            )
        ]
    client = httpx.AsyncClient(
        base_url=f"{config.whatsapp.graph_url}/{config.whatsapp.graph_version}",
        headers={"Authorization": f"Bearer {token.reveal()}"},
        timeout=_TIMEOUT,
        trust_env=False,
        transport=transport,
    )
    async with client:
        accounts = dict.fromkeys(
            number.waba_id for number in config.whatsapp.numbers if number.waba_id
        )
        return [
            *[await _check_subscription(client, account) for account in accounts],
            *[await _check_number(client, number) for number in config.whatsapp.numbers],
        ]


async def _check_subscription(client: httpx.AsyncClient, account: str) -> Finding:
    name = "whatsapp.subscription"
    try:
        answer = await _get(client, f"/{account}/subscribed_apps")
    except _GraphError as error:
        return Finding(name, "fail", f"account {account}: {error}", _PERMISSIONS)
    apps = [
        str(app.get("whatsapp_business_api_data", {}).get("name") or "an app")
        for app in answer.get("data") or ()
        if isinstance(app, dict)
    ]
    if apps:
        return Finding(name, "ok", f"account {account} is subscribed by {', '.join(apps)}")
    return Finding(
        name,
        "fail",
        f"no app is subscribed to the WhatsApp Business account {account}: nothing will arrive",
        f"subscribe yours: POST /{account}/subscribed_apps with its token",
    )


async def _check_number(client: httpx.AsyncClient, number: NumberSettings) -> Finding:
    name = f"whatsapp.numbers.{number.name}"
    try:
        answer = await _get(client, f"/{number.phone_number_id}", fields=_FIELDS)
    except _GraphError as error:
        return Finding(name, "fail", str(error), _PERMISSIONS)
    rating = answer.get("quality_rating") or "unknown"
    detail = f"{answer.get('verified_name') or 'a number'}, quality {str(rating).lower()}"
    if rating in {"RED", "YELLOW"}:
        return Finding(name, "warn", detail, "see WhatsApp Manager: people block or report it")
    return Finding(name, "ok", detail)


_PERMISSIONS: Final = (
    "see that access_token is of a system user with the permissions whatsapp_business_management "
    "and whatsapp_business_messaging on this account, and that the ids are right"
)


async def _get(client: httpx.AsyncClient, path: str, **params: str) -> dict[str, Any]:
    try:
        response = await client.get(path, params=params)
        answer = response.json()
    except httpx.HTTPError as error:
        raise _GraphError(f"Meta can not be reached: {type(error).__name__}") from None
    except ValueError:
        raise _GraphError(f"Meta answered {response.status_code} and no JSON") from None
    if response.is_success and isinstance(answer, dict):
        return answer
    told = answer.get("error") if isinstance(answer, dict) else None
    words = masked(str(told.get("message") or "")) if isinstance(told, dict) else ""
    raise _GraphError(f"Meta answered {response.status_code}: {words or 'no words'}")
