"""Checks of our side of WhatsApp: the secrets, the token, who hears an account, and the numbers."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from connector.config.models import Config
from connector.config.whatsapp import NumberSettings
from connector.runtime.callback_checks import check_callback, judge_subscriptions
from connector.runtime.finding import Finding
from connector.runtime.graph_calls import GraphCalls, GraphError
from connector.runtime.graph_versions import judge_version
from connector.runtime.number_checks import REMEDY, check_membership, check_number
from connector.runtime.token_checks import TokenFacts, check_token

_LONG_ENOUGH: Final = 32
_SUBSCRIPTION: Final = "whatsapp.subscription"
_APP_SECRET: Final = "whatsapp.app_secret"  # noqa: S105 - the name of a check
_BASIC: Final = "Meta dashboard, App settings, Basic, App secret"


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
                f"copy it again: {_BASIC}",
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


@dataclass(slots=True)
class MetaAnswers:
    """What Meta said."""

    findings: list[Finding] = field(default_factory=list)
    token_ends_at: datetime | None = None


@dataclass(slots=True)
class _Account:
    """Who hears one account."""

    id: str
    apps: dict[str, str] = field(default_factory=dict)
    """The subscribed apps' names by their ids."""
    overrides: dict[str, str] = field(default_factory=dict)
    """Where messages go instead of to the app's own address, by the app's id."""


async def ask_meta(config: Config) -> MetaAnswers:
    """Ask Meta whether it would send us anything; needs ``access_token``."""
    token = config.whatsapp.access_token
    if token is None:
        remedy = "set access_token in [whatsapp] to have the subscription and the numbers checked"
        detail = "Meta is not asked, since there is no access_token"
        return MetaAnswers([Finding(_SUBSCRIPTION, "skipped", detail, remedy)])
    async with GraphCalls(config, token) as meta:
        facts = await check_token(meta, config)
        answers = MetaAnswers(facts.findings, facts.ends_at)
        if not facts.usable:
            detail = "not looked at, since the access token can not be used"
            answers.findings += [
                Finding(name, "skipped", detail) for name in (_SUBSCRIPTION, "whatsapp.numbers")
            ]
            return answers
        answers.findings += await _check_accounts(meta, config, facts)
        if meta.served not in {None, config.whatsapp.graph_version}:
            answers.findings.append(_served(config.whatsapp.graph_version, str(meta.served)))
    return answers


async def _check_accounts(meta: GraphCalls, config: Config, facts: TokenFacts) -> list[Finding]:
    """Look at the accounts, the apps that hear them, where those are called, and the numbers."""
    found: list[Finding] = []
    accounts: list[_Account] = []
    for account_id, numbers in _by_account(config).items():
        try:
            accounts.append(await _read_account(meta, account_id))
        except GraphError as error:
            detail = f"account {account_id}: {error}"
            found.append(Finding(_SUBSCRIPTION, "fail", detail, REMEDY))
        else:
            found += await check_membership(meta, account_id, numbers)
    found += _unknown_accounts(config)
    heard_by = [app for account in accounts for app in account.apps]
    candidates = list(dict.fromkeys([*heard_by, *([facts.app] if facts.app else [])]))
    apps, secrets = await _find_our_apps(meta, config, candidates)
    found += secrets
    found += [_judge_account(account, apps, facts) for account in accounts]
    addresses: dict[str, str] = {}
    for app, answer in apps.items():
        subscriptions = judge_subscriptions(answer)
        found.append(subscriptions.finding)
        if subscriptions.callback_url is not None:
            addresses.setdefault(subscriptions.callback_url, "")
        for account in accounts:
            if app in account.overrides:
                whose = f", as the account {account.id} overrides it"
                addresses.setdefault(account.overrides[app], whose)
    for number in config.whatsapp.numbers:
        finding, override = await check_number(meta, number, config.whatsapp.graph_version)
        found.append(finding)
        if override is not None:
            addresses.setdefault(override, f", as the number {number.name} overrides it")
    found += [await check_callback(url, whose, config) for url, whose in addresses.items()]
    return _one_each(found)


def _by_account(config: Config) -> dict[str, list[NumberSettings]]:
    accounts: dict[str, list[NumberSettings]] = {}
    for number in config.whatsapp.numbers:
        if number.waba_id:
            accounts.setdefault(number.waba_id, []).append(number)
    return accounts


def _unknown_accounts(config: Config) -> Iterator[Finding]:
    for number in config.whatsapp.numbers:
        if number.waba_id is None:
            yield Finding(
                _SUBSCRIPTION,
                "warn",
                f"{number.name} has no waba_id, so that nobody knows whether its account is heard",
                "give its waba_id: Meta dashboard, WhatsApp, API Setup",
            )


async def _read_account(meta: GraphCalls, account_id: str) -> _Account:
    answer = await meta.get(f"/{account_id}/subscribed_apps")
    account = _Account(account_id)
    for each in answer.get("data") or ():
        known = each.get("whatsapp_business_api_data") if isinstance(each, dict) else None
        if not isinstance(known, dict) or not str(known.get("id", "")).isdecimal():
            continue
        app = str(known["id"])
        account.apps[app] = str(known.get("name") or "an app")
        if each.get("override_callback_uri"):
            account.overrides[app] = str(each["override_callback_uri"])
    return account


async def _find_our_apps(
    meta: GraphCalls, config: Config, candidates: list[str]
) -> tuple[dict[str, Mapping[str, Any]], list[Finding]]:
    """Return the subscriptions of the apps that take one of our secrets: only those sign for us."""
    ours: dict[str, Mapping[str, Any]] = {}
    fitting: set[int] = set()
    refusal = ""
    for app in candidates:
        for place, secret in enumerate(config.whatsapp.app_secrets):
            try:
                ours[app] = await meta.get(f"/{app}/subscriptions", app=(app, secret))
            except GraphError as error:
                refusal = str(error)
                continue
            fitting.add(place)
    if not candidates:
        return ours, []
    if not ours:
        return ours, [
            Finding(
                _APP_SECRET,
                "fail",
                f"no app here takes our app secret ({refusal}): every webhook would be refused, "
                "since its signature would not be right",
                f"copy it again: {_BASIC}",
            )
        ]
    unfit = [place for place in range(len(config.whatsapp.app_secrets)) if place not in fitting]
    if unfit:
        places = ", ".join(f"app_secrets[{place}]" for place in unfit)
        detail = f"{places} is of none of the apps here"
        remedy = "right while a secret is being changed; else take it out, or copy it again"
        return ours, [Finding(_APP_SECRET, "warn", detail, remedy)]
    return ours, [Finding(_APP_SECRET, "ok", "is the one of the app that signs")]


def _judge_account(account: _Account, ours: Mapping[str, object], facts: TokenFacts) -> Finding:
    remedy = f"subscribe yours: POST /{account.id}/subscribed_apps with its token"
    if not account.apps:
        detail = (
            f"no app is subscribed to the WhatsApp Business account {account.id}: nothing will "
            "arrive"
        )
        return Finding(_SUBSCRIPTION, "fail", detail, remedy)
    names = ", ".join(account.apps.values())
    if ours and not ours.keys() & account.apps.keys():
        detail = (
            f"the WhatsApp Business account {account.id} is subscribed by {names}, but not by our "
            "app: nothing will arrive here"
        )
        return Finding(_SUBSCRIPTION, "fail", detail, remedy)
    if facts.app is not None and not ours and facts.app not in account.apps:
        detail = f"the account {account.id} is subscribed by {names}, not by our token's app"
        return Finding(_SUBSCRIPTION, "fail", detail, remedy)
    return Finding(_SUBSCRIPTION, "ok", f"the account {account.id} is subscribed by {names}")


def _served(asked: str, served: str) -> Finding:
    return Finding(
        "whatsapp.served_version",
        "fail",
        f"Meta answers {asked} as {served}: that version has ended",
        f'set graph_version = "{served}" or a newer one in [whatsapp]',
    )


def _one_each(found: list[Finding]) -> list[Finding]:
    """Leave out a number's own line where a worse one of it stands before."""
    failed = {each.name for each in found if each.state == "fail"}
    return [
        each
        for each in found
        if each.state == "fail"
        or not each.name.startswith("whatsapp.numbers.")
        or each.name not in failed
    ]
