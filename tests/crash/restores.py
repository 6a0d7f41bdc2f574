"""Restores an older ledger again and again while people write and a CRM listens."""

import contextlib
import random
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx

from connector.runtime.trial import Trial, wait_until
from connector.sandbox.comparison import Verdict
from connector.sandbox.conversations import NUMBERS
from connector.sandbox.envelopes import (
    Person,
    Said,
    make_text,
    make_wamid,
    make_webhook,
    messages_change,
    sign,
    write_message,
)
from connector.sandbox.traffic import ExpectedContact, ExpectedMessage
from faults.campaign import TUNING, prepare_kind
from faults.kinds import Kind
from tests.crash.vaults import Vault

SHORT: Final = {**TUNING, "quiet_period": 1.0}
"""The waits of these trials: no request is applied late here."""
_NEW_PERSON_EVERY: Final = 6
_PAUSE: Final = 0.02
"""Seconds between two messages."""
_NUMBER: Final = NUMBERS[0]


@dataclass(slots=True)
class Correspondence:
    """People who write to us, ever more of them: every third shows no phone.

    Each message is posted until it is answered 200, as Meta does.
    """

    url: str
    secret: str
    chance: random.Random
    people: list[tuple[ExpectedContact, Person]] = field(default_factory=list)
    told: dict[int, list[ExpectedMessage]] = field(default_factory=lambda: defaultdict(list))
    bodies: dict[str, bytes] = field(default_factory=dict)
    answered: list[str] = field(default_factory=list)
    """The ids of the messages that were acknowledged, in order."""
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Write, in the background, until ``stop``."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop writing; the message that is under way is given up unless it was answered."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(15)

    def send_again(self, wamids: list[str]) -> None:
        """Post messages that were answered before once more, in any order."""
        self.chance.shuffle(wamids)
        with httpx.Client(trust_env=False, timeout=5) as client:
            for wamid in wamids:
                self._post(client, self.bodies[wamid])

    @property
    def expected(self) -> tuple[ExpectedContact, ...]:
        """Everybody who wrote, with what was acknowledged."""
        answered = set(self.answered)
        return tuple(
            replace(person, messages=kept)
            for place, (person, _) in enumerate(self.people)
            if (kept := tuple(each for each in self.told[place] if each.wamid in answered))
        )

    def _write(self) -> None:
        with httpx.Client(trust_env=False, timeout=5) as client:
            while not self._stop.is_set():
                wamid, body = self._next()
                if self._post(client, body):
                    self.answered.append(wamid)
                self._stop.wait(_PAUSE)

    def _post(self, client: httpx.Client, body: bytes) -> bool:
        headers = {"X-Hub-Signature-256": sign(self.secret, body)}
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if client.post(self.url, content=body, headers=headers).status_code == 200:
                    return True
            if self._stop.wait(0.1):
                return False

    def _next(self) -> tuple[str, bytes]:
        serial = len(self.bodies)
        if serial % _NEW_PERSON_EVERY == 0:
            self.people.append(_person(len(self.people)))
        place = self.chance.randrange(max(0, len(self.people) - 6), len(self.people))
        _, person = self.people[place]
        text = f"[{serial:05d}] {self.chance.choice(('bom dia', 'pedido', 'obrigado'))}"
        sent_at = datetime.now(UTC).replace(microsecond=0)
        wamid = make_wamid(person, serial)
        said = write_message(person, Said(wamid, sent_at, "text", make_text(text)))
        body = make_webhook(_NUMBER, messages_change(_NUMBER, [person], [said]))
        self.told[place].append(ExpectedMessage(wamid, _NUMBER.name, "in", "text", text, sent_at))
        self.bodies[wamid] = body
        return wamid, body


def _person(place: int) -> tuple[ExpectedContact, Person]:
    digits = f"55119{80_000_000 + place}"
    hidden = place % 3 == 2
    wa_id = None if hidden else digits
    person = Person(f"Pessoa {place:03d} Silva", wa_id, f"BR.{place:014d}")
    phone = None if hidden else f"+{digits}"
    return ExpectedContact(str(person.name), phone, wa_id, person.user_id, None, ()), person


@dataclass(slots=True)
class Restores:
    """What was done, and what became of the messages."""

    restores: int = 0
    acknowledged: int = 0
    unknown: int = 0
    """Acknowledged after a backup that was restored, and so in no ledger."""
    sent_again: int = 0
    in_doubt: int = 0
    verdict: Verdict = field(default_factory=Verdict)
    lost: set[str] = field(default_factory=set)
    """Missing in the CRM though the sender sent them after the last backup, or again."""
    wiped: set[str] = field(default_factory=set)
    """Missing in the CRM though it held them once."""
    audit: dict[str, Any] = field(default_factory=dict)

    def line(self) -> str:
        """Say it in one line."""
        return (
            f"{self.restores} restores, {self.acknowledged} messages of people who wrote,"
            f" {self.unknown} after a backup ({self.sent_again} sent again), {self.in_doubt} put"
            f" in doubt: {len(self.lost)} lost, {len(self.wiped)} wiped out,"
            f" {len(self.verdict.doubled)} messages and"
            f" {len(self.verdict.doubled_contacts)} contacts doubled"
        )


def restore_again_and_again(
    kind: Kind, folder: Path, vault: Vault, *, restores: int, seed: int
) -> Restores:
    """Back up and kill at random moments, restore, recover, go on; then look at the CRM."""
    chance = random.Random(seed)  # noqa: S311 - when what happens, no secret
    trial = _prepare(kind, folder, vault)
    writing = Correspondence(trial.webhook_url, trial.secret, chance)
    done = Restores()
    hidden: set[str] = set()
    held: set[str] = set()
    try:
        process = trial.start()
        trial.wait_until_ready(process, seconds=120)
        for _ in range(restores):
            writing.start()
            time.sleep(chance.uniform(0.3, 3.0))
            known = len(writing.answered)
            vault.back_up(trial)
            time.sleep(chance.uniform(0.3, 4.0))
            process.kill()
            process.wait(10)
            window = writing.answered[known:]
            writing.stop()
            window += [each for each in writing.answered[known:] if each not in window]
            held |= _held(kind, trial, writing)
            vault.restore(trial)
            recovered = trial.command("recover", "--restored", "--yes")
            done.in_doubt += sum(recovered["in_doubt"].values())
            process = trial.start()
            trial.wait_until_ready(process, seconds=120)
            again = [each for each in window if chance.random() < 0.5]
            writing.send_again(list(again))
            hidden |= set(window) - set(again)
            done.restores += 1
            done.unknown += len(window)
            done.sent_again += len(again)
        trial.wait_until_settled(seconds=180)
        wait_until(
            lambda: trial.crm.state(objects="none")["late"] == 0,
            seconds=30,
            what="the CRM has applied what it was late with",
        )
        done.audit = trial.command("audit")
        done.acknowledged = len(writing.answered)
        done.verdict = kind.compare(writing.expected, trial.crm.state())
        missing = {each.wamid for each in done.verdict.missing}
        missing |= {m.wamid for each in done.verdict.missing_contacts for m in each.messages}
        done.lost = missing - hidden
        done.wiped = missing & held
    finally:
        writing.stop()
        trial.stop()
    return done


def _held(kind: Kind, trial: Trial, writing: Correspondence) -> set[str]:
    """Return the messages that the CRM holds now."""
    everything = tuple(
        replace(person, messages=tuple(writing.told[place]))
        for place, (person, _) in enumerate(writing.people)
    )
    verdict = kind.compare(everything, trial.crm.state())
    lacking = {m.wamid for each in verdict.missing_contacts for m in each.messages}
    lacking |= {each.wamid for each in verdict.missing}
    return {each.wamid for person in everything for each in person.messages} - lacking


def _prepare(kind: Kind, folder: Path, vault: Vault) -> Trial:
    trial = prepare_kind(kind, folder, ledger_url=vault.url, tuning=SHORT)
    for what in ("reset_after", "error_after"):
        trial.crm.order("faults", {"kind": what, "share": 0.03})
    return trial
