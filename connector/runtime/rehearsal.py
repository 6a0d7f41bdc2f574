"""``connector test``: a message of nobody goes the whole way, and is looked at in the CRM.

It is posted, signed, at the public listener like any other; whoever runs there records and delivers
it. No other destination takes it. What the CRM then holds is read back, compared field by field
with what the mapping makes, and removed.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import Connection

from connector.config.models import Config
from connector.deliver.destination import Destination
from connector.errors import ConfigError, CrmError
from connector.ledger.destinations import Standing, load_standing, register_destinations
from connector.ledger.ledger import Ledger
from connector.ledger.rehearsals import Carried, carried, introduce, retire, said
from connector.ledger.runs import note_command
from connector.model.codes import explain_code
from connector.model.identity import Alias
from connector.model.message import Message
from connector.runtime.actor import actor
from connector.runtime.building import build_destination
from connector.runtime.crm_checks import check_destination
from connector.runtime.finding import Finding
from connector.runtime.posting import listener_url, post_webhook
from connector.runtime.reading_back import Compared, compare_record
from connector.runtime.status import advise
from connector.runtime.stranger import Stranger

_POLL: Final = 0.2
_LONELY: Final = 15.0
"""Seconds after which a stored message that nobody has recorded means that nobody will."""
_FINAL: Final = frozenset({"parked", "skipped", "erased"})

Tell = Callable[[str], None]
"""Is told what is being waited for."""


@dataclass(slots=True)
class Rehearsal:
    """What a test came to."""

    destination: str
    findings: list[Finding] = field(default_factory=list)
    records: list[Compared] = field(default_factory=list)
    removed: bool | None = None
    """``None`` where it was to be kept, or there was nothing to remove."""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether everything arrived as the mapping makes it."""
        return not any(each.state == "fail" for each in self.findings)

    def as_json(self) -> dict[str, Any]:
        """Return the shape of ``test --json``."""
        return {
            "ok": self.ok,
            "destination": self.destination,
            "seconds": round(self.seconds, 3),
            "checks": [each.as_json() for each in self.findings],
            "records": [each.as_json() for each in self.records],
            "removed": self.removed,
        }


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a test is to be done."""

    everything: bool = False
    keep: bool = False
    url: str | None = None
    """Where to post; without it at our own listener."""
    patience: float | None = None
    """Seconds for each part of the way; without it by the destination's ``batch_wait``."""


def rehearse(config: Config, ledger: Ledger, name: str, wishes: Wishes, tell: Tell) -> Rehearsal:
    """Send a test message to one destination, and say how it went."""
    started = time.perf_counter()
    result = Rehearsal(name)
    asyncio.run(_rehearse(config, ledger, wishes, tell, result))
    result.seconds = time.perf_counter() - started
    return result


async def _rehearse(
    config: Config, ledger: Ledger, wishes: Wishes, tell: Tell, result: Rehearsal
) -> None:
    name = result.destination
    tell(f"Asking {name} whether it would take it")
    looked_at = await check_destination(config, ledger, name)
    # Where nobody could look, since no call is left now, a warning says why.
    stops = {"fail"} if looked_at.promise is not None else {"fail", "warn"}
    result.findings += [
        replace(each, state="fail") for each in looked_at.findings if each.state in stops
    ]
    if not result.ok:
        return
    result.findings.append(
        Finding(f"{name}.check", "ok", "account, permissions, key fields and mapping", None, name)
    )
    destination = build_destination(config, ledger, name)
    try:
        await destination.learn_schema()
        way = _Way(config, ledger, destination, wishes=wishes, tell=tell, result=result)
        try:
            await way.go()
        finally:
            await way.leave()
    except (CrmError, ConfigError) as error:
        result.findings.append(Finding(f"{name}.crm", "fail", str(error), error.remedy, name))
    finally:
        await destination.client.aclose()


class _Way:
    """One test under way."""

    def __init__(
        self,
        config: Config,
        ledger: Ledger,
        destination: Destination,
        *,
        wishes: Wishes,
        tell: Tell,
        result: Rehearsal,
    ) -> None:
        self._config = config
        self._ledger = ledger
        self._destination = destination
        self._wishes = wishes
        self._tell = tell
        self._result = result
        taken = config.destinations[destination.name].numbers
        number = next(
            each for each in config.whatsapp.numbers if taken is None or each.name in taken
        )
        self._stranger = Stranger(number, config.whatsapp.language)
        self._contact_id = 0
        wait = destination.batch_wait.total_seconds()
        self._patience = wishes.patience or 60 + 4 * wait

    async def go(self) -> None:
        """Send everything, wait for it, and compare."""
        name = Alias(self._config.whatsapp.portfolio, "user_id", self._stranger.user_id)
        elsewhere = set(self._config.destinations) - {self._destination.name}
        # Outside the transaction: the first hash reads the installation's key.
        key = "wc_" + self._ledger.keyed_hash(f"contact|{name.scope}|{name.kind}|{name.value}")
        self._contact_id = await self._ledger.write(self._introduce, name, key, elsewhere)
        wamid, body = self._stranger.text()
        arrived = await self._post(body) and await self._arrives(
            "the message", lambda messages: len(messages) == 1
        )
        if arrived and self._wishes.everything:
            _, answer, body = self._stranger.more(wamid)
            arrived = await self._post(body) and await self._arrives(
                "the picture, the edit, the answer and its status",
                lambda messages: _has_all(messages, answer),
            )
        if arrived:
            await self._compare()

    def _introduce(self, connection: Connection, name: Alias, key: str, elsewhere: set[str]) -> int:
        now = self._ledger.now(connection)
        adapters = {each: its.adapter for each, its in self._config.destinations.items()}
        register_destinations(connection, adapters)
        note_command(connection, "test", actor=actor(), now=now, destination=self._destination.name)
        return introduce(connection, name, key=key, elsewhere=elsewhere, now=now)

    async def _post(self, body: bytes) -> bool:
        self._tell("Posting it at the receiver")
        url = self._wishes.url or listener_url(self._config)
        finding = await post_webhook(self._config, url, body)
        if finding not in self._result.findings:
            self._result.findings.append(finding)
        return finding.state == "ok"

    async def _arrives(self, what: str, complete: Callable[[Sequence[Message]], bool]) -> bool:
        """Wait until the CRM has it all; say why not where it never will, or takes too long."""
        name = self._destination.name
        self._tell(f"Waiting until {what} is recorded")
        began = time.monotonic()
        recorded = False
        while True:
            messages, rows, standing = await self._ledger.read(self._look)
            if not recorded and complete(messages):
                recorded = True
                self._tell(f"Waiting until {name} has {what}")
            stuck = next((row for row in rows if row.state in _FINAL), None)
            if stuck is not None:
                self._result.findings.append(_stuck(name, stuck))
                return False
            if standing.paused_reason is not None:
                self._result.findings.append(_paused(name, standing))
                return False
            kinds = {row.record for row in rows if row.state == "synced"}
            if recorded and len(kinds) > 1 and all(row.state == "synced" for row in rows):
                took = time.monotonic() - began
                detail = f"{what} reached the CRM in {took:.1f} s"
                self._result.findings.append(Finding("test.delivery", "ok", detail, None, name))
                return True
            late = time.monotonic() - began
            if late > (self._patience if recorded else min(_LONELY, self._patience)):
                now = await self._ledger.read(self._ledger.now)
                state = standing.state(now)
                self._result.findings.append(_late(name, state, recorded=recorded, waited=late))
                return False
            await asyncio.sleep(_POLL)

    def _look(self, connection: Connection) -> tuple[Sequence[Message], list[Carried], Standing]:
        name = self._destination.name
        return (
            said(connection, self._contact_id),
            carried(connection, name, self._contact_id),
            load_standing(connection, name),
        )

    async def _compare(self) -> None:
        self._tell(f"Reading it back from {self._destination.name}")
        messages, rows, _ = await self._ledger.read(self._look)
        link = next((row.crm_id for row in rows if row.record == "contact"), None)
        for row in rows:
            record = await compare_record(
                self._ledger,
                self._destination,
                row,
                messages,
                self._contact_id,
                contact_crm_id=link,
            )
            self._result.records.append(record)
            self._result.findings.append(record.finding(self._destination.name))

    async def leave(self) -> None:
        """Take it out of the CRM and off the lanes; only off the others' where it is kept."""
        if not self._contact_id:
            return
        name = self._destination.name
        _, rows, _ = await self._ledger.read(self._look)
        held = [row for row in rows if row.crm_id is not None]
        keep = name if self._wishes.keep else None
        busy = await self._ledger.write(retire, self._contact_id, but=keep)
        if self._wishes.keep or not (held or busy):
            return
        self._tell(f"Removing it from {name}")
        try:
            for row in sorted(held, key=lambda each: each.record == "contact"):
                obj = self._destination.object_of(row.record)
                await self._destination.adapter.erase(obj, [row.crm_id or ""])
        except CrmError as error:
            self._result.removed = False
            ids = ", ".join(f"{row.record} {row.crm_id}" for row in held)
            detail = f"it could not be removed: {error}"
            remedy = f"delete it in the CRM: {ids}"
            self._result.findings.append(Finding("test.removal", "fail", detail, remedy, name))
            return
        self._result.removed = not busy
        if busy:
            detail = "a record was on its way when the test ended, and may be in the CRM"
            remedy = f"look for {self._stranger.word} in the CRM, and delete it"
            self._result.findings.append(Finding("test.removal", "warn", detail, remedy, name))


def _has_all(messages: Sequence[Message], answer: str) -> bool:
    return (
        len(messages) == 3
        and any(each.content.get("edited_at") for each in messages)
        and any(each.wamid == answer and each.status == "read" for each in messages)
    )


def _stuck(name: str, row: Carried) -> Finding:
    code = explain_code(row.code or "")
    words = f" The CRM said: {row.detail}" if row.detail else ""
    status = f" ({row.status})" if row.status else ""
    detail = f"the {row.record} was {row.state}, {row.code}{status}: {code.cause}{words}"
    remedy = "mend the mapping or the CRM, and test again"
    return Finding("test.delivery", "fail", detail, remedy, name)


def _paused(name: str, standing: Standing) -> Finding:
    advice = advise(
        name,
        {
            "configured": True,
            "state": "paused",
            "reason": standing.paused_reason,
            "detail": standing.paused_detail,
        },
    )
    return Finding("test.delivery", "fail", f"{name} is {advice.words}", advice.next, name)


def _late(name: str, state: str, *, recorded: bool, waited: float) -> Finding:
    if not recorded:
        return Finding(
            "test.recording",
            "fail",
            f"the message was stored and after {waited:.0f} s nobody has recorded it",
            "see that a daemon runs with the role `record` on this ledger: `connector status`",
            name,
        )
    why = "nobody delivers" if state == "open" else f"the CRM is {state}"
    return Finding(
        "test.delivery",
        "fail",
        f"after {waited:.0f} s it is not in the CRM: {why}",
        f"see `connector status`; a daemon must run with the role `deliver` for {name}",
        name,
    )
