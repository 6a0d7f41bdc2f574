"""Which alerts have reason to fire. Pure: facts in, alerts out.

Where a figure moves around its limit, an alert that fires is over only once the figure is well on
the right side, so that it is told once.
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from connector.config.models import Config
from connector.crm.budget import BudgetState
from connector.ledger.destinations import Standing
from connector.ledger.overview import Overview
from connector.ledger.runs import Run
from connector.model.alerts import Alert
from connector.runtime.graph_versions import judge_version
from connector.runtime.last_check import LastCheck, read_check
from connector.runtime.status import advise
from connector.runtime.times import span

_QUOTA_LOW: Final = 0.1
_QUOTA_WELL: Final = 0.2
_DAILY: Final = ("daily", "tokens")
"""The budgets that return once a day; the others return within seconds."""
_ROOM_LOW: Final = 2.0
_ROOM_WELL: Final = 2.5
"""Times ``min_free``, below which webhooks are answered 503."""
_OLD_NOTICE: Final = timedelta(days=30)
"""WhatsApp does not take everything back that it said; nobody waits for that for ever."""
_API_VERSION: Final = ".api_version"
_CREDENTIAL: Final = ".credential"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the conditions are judged by."""

    view: Overview
    oldest_due: Mapping[str, datetime] = field(default_factory=dict)
    """When the oldest live work was queued, by destination."""
    resumed_at: Mapping[str, datetime] = field(default_factory=dict)
    """When a destination's last pause was over: the backlog before is nobody's fault."""
    silent: AbstractSet[str] = frozenset()
    """Numbers that are quiet when they are not usually."""
    sweeps: Sequence[Run] = ()
    """The last finished reconciliation of each destination."""
    check: Run | None = None
    """The last ``connector check`` that the schedule ran."""
    budgets: Mapping[str, Mapping[str, BudgetState]] = field(default_factory=dict)
    free_bytes: int | None = None


def judge(config: Config, facts: Facts, firing: AbstractSet[tuple[str, str]]) -> list[Alert]:
    """Return what should fire now; ``firing`` holds what each alert that does is about."""
    alerts: list[Alert] = []
    for name in config.destinations:
        standing = facts.view.standings.get(name)
        if standing is not None:
            alerts += _judge_destination(config, facts, standing, firing)
    for number in sorted(facts.silent):
        alerts.append(_silent(config, number))
    for sweep in facts.sweeps:
        if sweep.destination in config.destinations:
            alerts += _judge_sweep(sweep)
    alerts += _judge_whatsapp(config, facts)
    alerts += _judge_check(read_check(facts.check))
    alerts += _judge_disk(config, facts, firing)
    return list({alert.about: alert for alert in alerts}.values())


def _judge_destination(
    config: Config, facts: Facts, standing: Standing, firing: AbstractSet[tuple[str, str]]
) -> Iterator[Alert]:
    name, now = standing.name, facts.view.at
    if standing.paused_reason:
        told = advise(
            name,
            {
                "configured": True,
                "state": "paused",
                "reason": standing.paused_reason,
                "detail": standing.paused_detail,
            },
        )
        yield Alert("DestinationPaused", told.words, told.next, destination=name)
    elif name in facts.oldest_due:
        oldest = facts.oldest_due[name]
        resumed_at = facts.resumed_at.get(name, oldest)
        if ("DestinationPaused", name) in firing:
            resumed_at = now
        waited = now - max(oldest, resumed_at)
        limit = config.alerts.sync_lag
        if waited > (limit / 2 if ("Undelivered", name) in firing else limit):
            yield _undelivered(standing, facts, waited)
    load = facts.view.loads.get(name)
    parked = sum(load.parked.values()) if load else 0
    if parked >= config.alerts.dead_letters:
        noun = "record waits" if parked == 1 else "records wait"
        yield Alert(
            "ParkedGrowing",
            f"{parked} {noun} for a person",
            f"connector dead-letters list --destination {name}",
            destination=name,
        )
    limit_of_quota = _QUOTA_WELL if ("QuotaLow", name) in firing else _QUOTA_LOW
    for budget in _DAILY:
        state = facts.budgets.get(name, {}).get(budget)
        if state is None or not state.limit or state.left is None:
            continue
        if state.left / state.limit < limit_of_quota:
            yield Alert(
                "QuotaLow",
                f"less than {limit_of_quota:.0%} of today's {int(state.limit)} calls is left",
                "nothing, what is left over goes on tomorrow; find what else spends the account's "
                "calls, or buy more",
                destination=name,
            )


def _undelivered(standing: Standing, facts: Facts, waited: timedelta) -> Alert:
    name = standing.name
    minutes = span(waited // timedelta(minutes=1) * 60.0) if waited >= timedelta(minutes=1) else ""
    detail = f"the oldest record has waited {minutes or span(waited.total_seconds())}"
    state = standing.state(facts.view.at)
    if state in {"broken", "half_open"}:
        remedy = "nothing, it tries again by itself; do not restart"
        return Alert("Undelivered", f"{detail}: the CRM does not answer", remedy, destination=name)
    if state == "throttled":
        remedy = "nothing, it goes on by itself"
        return Alert(
            "Undelivered", f"{detail}: the CRM asked for fewer calls", remedy, destination=name
        )
    if facts.view.holders.get(f"deliver/{name}") is None:
        return Alert("Undelivered", f"{detail}: nobody delivers", "connector run", destination=name)
    return Alert("Undelivered", detail, f"connector check {name}", destination=name)


def _silent(config: Config, number: str) -> Alert:
    return Alert(
        "IntakeSilent",
        f"nothing for {span(config.alerts.silence.total_seconds())}, which is unusual at this "
        "time of the week",
        "connector check: see whether the app is still subscribed to the WhatsApp Business account",
        number=number,
    )


def _judge_sweep(sweep: Run) -> Iterator[Alert]:
    name, counts = sweep.destination, sweep.counts
    if sweep.state == "braked":
        yield Alert(
            "SweepBraked",
            sweep.error or "a sweep would have changed too much",
            f"connector reconcile --destination {name} --no-repair",
            destination=name,
        )
        return
    found: Mapping[str, int] = counts.get("found") or {}
    repaired: Mapping[str, int] = counts.get("repaired") or {}
    copies = found.get("duplicate", 0)
    if copies:
        healed = repaired.get("duplicate", 0)
        yield Alert(
            "DuplicatesFound",
            f"{copies} twice in the CRM, {healed} of them healed",
            f"connector reconcile --destination {name}",
            destination=name,
        )
    others = {kind: count for kind, count in found.items() if count and kind != "duplicate"}
    if others:
        words = ", ".join(f"{count} {kind}" for kind, count in sorted(others.items()))
        mended = sum(count for kind, count in repaired.items() if kind != "duplicate")
        yield Alert(
            "DriftFound",
            f"{words}; {mended} repaired",
            "nothing where all is repaired; else see who changes what the mapping owns: "
            f"connector reconcile --destination {name} --no-repair",
            destination=name,
        )


def _judge_whatsapp(config: Config, facts: Facts) -> Iterator[Alert]:
    version = judge_version(config.whatsapp.graph_version, today=facts.view.at.date())
    if version.state in {"warn", "fail"}:
        yield Alert("ApiVersionEnding", version.detail, version.remedy or "connector check")
    for notice in facts.view.notices:
        if notice.level == "danger" and facts.view.at - notice.at < _OLD_NOTICE:
            yield Alert(
                "AccountRestricted",
                f"WhatsApp says {notice.field}: {notice.word}",
                "open the account in Meta's Business Support Home; appeal there if it is wrong",
                number=notice.subject or None,
            )


def _judge_check(check: LastCheck) -> Iterator[Alert]:
    """Judge what ``connector check`` complained of; an outage of a CRM is told elsewhere."""
    for destination, difference in check.unaccounted.items():
        if difference:
            yield Alert(
                "ConservationBroken",
                f"{abs(difference)} messages of what was received are not accounted for",
                f"connector audit --destination {destination}; report it with the log",
                destination=destination,
            )
    for each in check.complaints:
        name, destination = each["name"], each["destination"]
        if name.endswith(_API_VERSION):
            yield Alert(
                "ApiVersionEnding",
                each["detail"],
                each["remedy"] or "connector check",
                destination=destination,
            )
        elif name.endswith(_CREDENTIAL):
            yield Alert(
                "CredentialExpiring",
                f"{name.removesuffix(_CREDENTIAL)}: {each['detail']}",
                each["remedy"] or "connector check",
                destination=destination,
            )
        elif each["state"] == "fail" and not name.endswith((".account", "graph_version")):
            yield Alert(
                "CheckFailed",
                f"{name}: {each['detail']}",
                each["remedy"] or f"connector check {destination or ''}".strip(),
                destination=destination,
            )


def _judge_disk(
    config: Config, facts: Facts, firing: AbstractSet[tuple[str, str]]
) -> Iterator[Alert]:
    if facts.free_bytes is None:
        return
    least = config.ledger.min_free * (_ROOM_WELL if ("DiskLow", "") in firing else _ROOM_LOW)
    if facts.free_bytes < least:
        yield Alert(
            "DiskLow",
            f"less than {least / 2**20:.0f} MiB is free; with less than "
            f"{config.ledger.min_free / 2**20:.0f} MiB webhooks are answered 503",
            "free some space; intake goes on by itself, and Meta sends again what it was refused",
        )
