"""Checks of our side of WhatsApp: the secrets, the API's version, the subscription, the numbers."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import httpx

from connector.config.models import Config
from connector.config.whatsapp import NumberSettings
from connector.runtime.callback_checks import judge_subscriptions
from connector.runtime.finding import Finding
from connector.runtime.graph_versions import judge_version
from connector.runtime.logs import masked

_LONG_ENOUGH: Final = 32
_FIELDS: Final = "display_phone_number,verified_name,quality_rating,platform_type,status,throughput"
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
        subscribed = [await _check_subscription(client, account) for account in accounts]
        apps = dict.fromkeys(app for _, ids in subscribed for app in ids)
        return [
            *[finding for finding, _ in subscribed],
            *[each for app in apps for each in await _check_app(client, app, config)],
            *[await _check_number(client, number) for number in config.whatsapp.numbers],
        ]


async def _check_subscription(client: httpx.AsyncClient, account: str) -> tuple[Finding, list[str]]:
    """Look who is subscribed to an account; return the apps' ids as well."""
    name = "whatsapp.subscription"
    try:
        answer = await _get(client, f"/{account}/subscribed_apps")
    except _GraphError as error:
        return Finding(name, "fail", f"account {account}: {error}", _PERMISSIONS), []
    apps = [each for each in answer.get("data") or () if isinstance(each, dict)]
    known = [each.get("whatsapp_business_api_data") or {} for each in apps]
    ids = [str(each["id"]) for each in known if str(each.get("id", "")).isdecimal()]
    if apps:
        names = ", ".join(str(each.get("name") or "an app") for each in known)
        detail = f"account {account} is subscribed by {names}"
        elsewhere = [
            each["override_callback_uri"] for each in apps if "override_callback_uri" in each
        ]
        if elsewhere:
            detail += f", which sends its messages to {', '.join(map(str, elsewhere))}"
        return Finding(name, "ok", detail), ids
    return (
        Finding(
            name,
            "fail",
            f"no app is subscribed to the WhatsApp Business account {account}: nothing will arrive",
            f"subscribe yours: POST /{account}/subscribed_apps with its token",
        ),
        [],
    )


async def _check_app(client: httpx.AsyncClient, app: str, config: Config) -> list[Finding]:
    """Ask an app what it subscribes to, with our app secrets: only its own are taken."""
    refusal = ""
    for secret in config.whatsapp.app_secrets:
        try:
            answer = await _get(client, f"/{app}/subscriptions", token=f"{app}|{secret.reveal()}")
        except _GraphError as error:
            refusal = str(error)
            continue
        return judge_subscriptions(answer)
    return [
        Finding(
            "whatsapp.fields",
            "warn",
            f"the app {app} does not take our app secret: it is another's app, or the secret is "
            f"wrong ({refusal})",
            "compare app_secrets with Meta dashboard, App settings, Basic, App secret",
        )
    ]


async def _check_number(client: httpx.AsyncClient, number: NumberSettings) -> Finding:
    name = f"whatsapp.numbers.{number.name}"
    try:
        answer = await _get(client, f"/{number.phone_number_id}", fields=_FIELDS)
    except _GraphError as error:
        return Finding(name, "fail", str(error), _PERMISSIONS)
    rating = answer.get("quality_rating") or "unknown"
    detail = f"{answer.get('verified_name') or 'a number'}, quality {str(rating).lower()}"
    throughput = answer.get("throughput")
    if isinstance(throughput, dict) and throughput.get("level"):
        detail += f", throughput {str(throughput['level']).lower()}"
    status = str(answer.get("status") or "CONNECTED")
    if status != "CONNECTED":
        remedy = "see WhatsApp Manager, Phone numbers: a number that is not connected is silent"
        return Finding(name, "fail", f"{detail}: it is {status.lower()}", remedy)
    if rating in {"RED", "YELLOW"}:
        return Finding(name, "warn", detail, "see WhatsApp Manager: people block or report it")
    return Finding(name, "ok", detail)


_PERMISSIONS: Final = (
    "see that access_token is of a system user with the permissions whatsapp_business_management "
    "and whatsapp_business_messaging on this account, and that the ids are right"
)


async def _get(
    client: httpx.AsyncClient, path: str, *, token: str | None = None, **params: str
) -> dict[str, Any]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    try:
        response = await client.get(path, params=params, headers=headers)
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
