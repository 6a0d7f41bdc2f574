"""Checks of one destination: its account, our keys in it, and the mapping against its fields."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from connector.config.models import Config
from connector.deliver.destination import Destination
from connector.errors import ConfigError, CrmError, CrmThrottledError
from connector.ledger.ledger import Ledger
from connector.mapping.validate import validate_mapping
from connector.model.record import Account, Change
from connector.runtime.building import build_destination
from connector.runtime.finding import Finding, findings_of
from connector.runtime.probing import probe_destination
from connector.runtime.promise import promise
from connector.runtime.token_checks import judge_end, token_end

_WARNING: Final = timedelta(days=90)
"""How long before a CRM's API version ends there is a warning."""


@dataclass(slots=True)
class LookedAt:
    """What one destination came to."""

    findings: list[Finding] = field(default_factory=list)
    promise: str | None = None
    """``None`` where the CRM would have to be asked and can not be."""
    credential_ends_at: datetime | None = None
    url: str | None = None
    """Where people see the account."""


async def check_destination(
    config: Config, ledger: Ledger, name: str, *, probe: bool = False
) -> LookedAt:
    """Look at one destination; with ``probe``, also write a record of each kind and delete it."""
    try:
        destination = build_destination(config, ledger, name)
    except ConfigError as error:
        return LookedAt(
            findings_of(
                error.problems, name=f"{name}.mapping", destination=name, remedy="mend the mapping"
            )
        )
    well = f"{destination.mapping.file} is well formed"
    looked_at = LookedAt([Finding(f"{name}.mapping", "ok", well, destination=name)])
    found = looked_at.findings
    try:
        account = await destination.adapter.account()
    except (CrmError, ConfigError) as error:
        found += [_no_account(name, error), *_skipped(name)]
    else:
        looked_at.url = account.url
        looked_at.credential_ends_at = account.credential_ends_at or _token_end(config, name)
        found += _judge_account(name, account)
        found += judge_end(
            f"{name}.credential", looked_at.credential_ends_at, remedy=_RENEW, destination=name
        )
        found += await _check_keys(destination)
        found += await _check_schema(destination)
        looked_at.promise = promise(destination, quiet_period=config.tuning.quiet_period)
        if probe:
            found += await _probe(config, destination, found)
    finally:
        await destination.client.aclose()
    return looked_at


async def look_at_account(config: Config, ledger: Ledger, name: str) -> list[Finding]:
    """Say whether a CRM takes the credentials, and what they lack; fields are not looked at."""
    try:
        destination = build_destination(config, ledger, name)
    except ConfigError as error:
        return findings_of(
            error.problems, name=f"{name}.mapping", destination=name, remedy="answer differently"
        )
    try:
        account = await destination.adapter.account()
    except (CrmError, ConfigError) as error:
        return [_no_account(name, error)]
    finally:
        await destination.client.aclose()
    return list(_judge_account(name, account))


_RENEW: Final = "make a new token in the CRM and put it where the configuration says"


def _token_end(config: Config, name: str) -> datetime | None:
    """Return the end that a configured token itself tells; one that OAuth renews has none."""
    settings = config.destinations[name]
    if settings.token is None or settings.oauth is not None:
        return None
    return token_end(settings.token.reveal())


async def _probe(
    config: Config, destination: Destination, found: Sequence[Finding]
) -> list[Finding]:
    if any(each.state == "fail" for each in found):
        detail = "nothing was written, since something failed before"
        return [
            Finding(f"{destination.name}.probe", "skipped", detail, destination=destination.name)
        ]
    return await probe_destination(config, destination)


def _no_account(name: str, error: CrmError | ConfigError) -> Finding:
    """Say why an account could not be looked at. Used-up calls are no fault of its credentials."""
    if isinstance(error, CrmThrottledError):
        detail = f"no call is left for a look at the account: {error}"
        return Finding(f"{name}.quota", "warn", detail, _WAIT, name)
    return _refused(f"{name}.account", name, error)


_WAIT: Final = "wait until it returns, or find what else spends it; nothing is lost meanwhile"


def _refused(what: str, destination: str, error: CrmError | ConfigError) -> Finding:
    remedy = error.remedy or "see that base_url is right and that the CRM can be reached from here"
    return Finding(what, "fail", str(error), remedy, destination)


def _skipped(name: str) -> Iterator[Finding]:
    for what in ("keys", "schema"):
        detail = "not looked at, since the account can not be used"
        yield Finding(f"{name}.{what}", "skipped", detail, destination=name)


def _judge_account(name: str, account: Account) -> Iterator[Finding]:
    yield Finding(f"{name}.account", "ok", account.name, destination=name)
    if account.missing_scopes:
        yield Finding(
            f"{name}.permissions",
            "fail",
            f"the token lacks {', '.join(account.missing_scopes)}",
            "give it these permissions in the CRM; a new token may be needed",
            name,
        )
    else:
        yield Finding(f"{name}.permissions", "ok", "the token may do what is needed", None, name)
    for budget, left in sorted(account.budgets_left.items()):
        if left:
            yield Finding(f"{name}.quota", "ok", f"{left} of {budget} left", destination=name)
        else:
            yield Finding(
                f"{name}.quota",
                "warn",
                f"nothing of {budget} is left",
                _WAIT,
                name,
            )
    yield from _judge_version(name, account)


def _judge_version(name: str, account: Account) -> Iterator[Finding]:
    if account.api_version is None:
        return
    what, ends = f"{name}.api_version", account.api_version_ends_at
    if ends is None:
        yield Finding(what, "ok", account.api_version, destination=name)
        return
    left = ends - datetime.now(UTC)
    detail = f"{account.api_version}, served until {ends.date()}"
    if left <= timedelta(0):
        yield Finding(what, "fail", detail, "upgrade the connector", name)
    elif left <= _WARNING:
        yield Finding(what, "warn", detail, "upgrade the connector before then", name)
    else:
        yield Finding(what, "ok", detail, destination=name)


async def _check_keys(destination: Destination) -> list[Finding]:
    name = destination.name
    what = f"{name}.keys"
    try:
        changes = await destination.adapter.setup(apply=False)
    except (CrmError, ConfigError) as error:
        return [_refused(what, name, error)]
    return [_judge_key(what, name, change) for change in changes]


def _judge_key(what: str, name: str, change: Change) -> Finding:
    detail = f"{change.what}: {change.detail or change.state}"
    match change.state:
        case "present" | "created":
            return Finding(what, "ok", detail, destination=name)
        case "wanted":
            return Finding(what, "fail", f"lacks {detail}", f"connector setup {name} --apply", name)
        case "absent":
            return Finding(what, "warn", detail, "add it to the mapping, if the CRM can", name)
        case "refused":
            return Finding(what, "fail", detail, "see the mapping's `key`, and the CRM", name)


async def _check_schema(destination: Destination) -> list[Finding]:
    name = destination.name
    what = f"{name}.schema"
    try:
        contact_schema = await destination.adapter.describe(destination.contact)
        message_schema = await destination.adapter.describe(destination.message)
    except (CrmError, ConfigError) as error:
        return [_refused(what, name, error)]
    problems = validate_mapping(
        destination.mapping, contact_schema=contact_schema, message_schema=message_schema
    )
    if problems:
        return findings_of(
            problems,
            name=what,
            destination=name,
            remedy="mend the line, or add the field to the CRM; try it with `connector mapping "
            "preview`",
        )
    fields = len(destination.mapping.contact.fields) + len(destination.mapping.message.fields)
    return [Finding(what, "ok", f"the CRM takes all {fields} mapped fields", destination=name)]
