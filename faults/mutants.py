"""Negative controls: take one safeguard away, and see that a test notices.

A test that passes proves little if it passes without what it tests. Each mutant is one edit of one
file, made in a copy of the project, and the test that must fail there.

``python -m faults.mutants [NAME ...] [--list] [--json]``; exit status 1 where a mutant survived.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
_PARTS: Final = (
    "adapters",
    "bench",
    "connector",
    "faults",
    "mappings",
    "migrations",
    "tests",
    "config.example.toml",
    "pyproject.toml",
    "README.md",
)
_SAFEGUARDS: Final = "tests/crash/test_safeguards.py::"
_FAILED: Final = 1
"""What pytest says where tests ran and one failed."""
_PATIENCE: Final = 300.0


@dataclass(frozen=True, slots=True)
class Mutant:
    """One safeguard, taken away."""

    name: str
    without: str
    """What is missing then."""
    file: str
    old: str
    new: str
    test: str
    """The test that must fail: a file, ``::`` and its name."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a mutant."""

    mutant: Mutant
    caught: bool
    seconds: float
    said: str
    """The last line of the test run."""


MUTANTS: Final = (
    Mutant(
        "intent",
        "the intent that is committed before a write",
        "connector/deliver/send.py",
        "begun = await self._ledger.write(self._begin, items)",
        "begun = {item.row.id for item in items}",
        _SAFEGUARDS + "test_a_write_whose_process_died_is_looked_up_before_it_goes_again",
    ),
    Mutant(
        "gate",
        "the age of the intent, asked at the first byte",
        "connector/crm/gate.py",
        "found[1].boot() > found[0]",
        "found[1].boot() > found[0] + 1e9",
        _SAFEGUARDS + "test_a_process_that_stood_still_before_its_write_does_not_write_any_more",
    ),
    Mutant(
        "quiet",
        "the quiet period before a doubtful write is looked up",
        "connector/deliver/patience.py",
        "seconds=tuning.send_gate + tuning.request_timeout + tuning.quiet_period",
        "seconds=0",
        _SAFEGUARDS + "test_a_write_that_the_crm_applies_late_is_not_repeated_before",
    ),
    Mutant(
        "clock",
        "quiet time measured by the clock that does not jump",
        "connector/deliver/patience.py",
        "passed = self.clocks.at_least_since(verify_at - wait, now)",
        "passed = now - (verify_at - wait)",
        _SAFEGUARDS + "test_setting_the_clock_ahead_does_not_make_a_write_old",
    ),
    Mutant(
        "look",
        "what looking up a doubtful write found",
        "connector/deliver/doubt.py",
        "    if hits:\n",
        "    if not hits and hits:\n",
        _SAFEGUARDS + "test_a_write_without_an_answer_is_looked_up_before_it_goes_again",
    ),
    Mutant(
        "strong read",
        "the list that shows every write at once, where a search lags",
        "adapters/pipedrive/people.py",
        "doubtful = [place for place, each in enumerate(lookups) if each.key and each.since]",
        "doubtful: list[int] = []",
        "tests/adapters/pipedrive/test_pipedrive_people.py::"
        "test_a_doubtful_create_is_found_although_no_search_sees_it",
    ),
    Mutant(
        "takeover",
        "doubt about what a dead process left in flight",
        "connector/ledger/succession.py",
        ".where(left, or_(delivery.c.record.in_(repeatable), delivery.c.crm_id.is_not(None)))",
        ".where(left)",
        _SAFEGUARDS + "test_a_write_whose_process_died_is_looked_up_before_it_goes_again",
    ),
    Mutant(
        "fence",
        "the lease's epoch, checked in every transaction",
        "connector/ledger/leases.py",
        '    if found is None:\n        raise LeaseLostError(f"the lease {held.name} was lost")\n',
        "    del found\n",
        _SAFEGUARDS + "test_a_process_that_lost_its_lease_settles_nothing",
    ),
    Mutant(
        "generation",
        "another write for what changed during the first",
        "connector/ledger/deliveries.py",
        "            delivery.c.generation > delivery.c.synced_generation,\n",
        "            delivery.c.generation > delivery.c.synced_generation + 99,\n",
        _SAFEGUARDS + "test_what_changed_while_it_was_being_written_is_written_again",
    ),
    Mutant(
        "held lanes",
        "a message's wait for the one before it",
        "connector/deliver/waves.py",
        " and row.lane_id not in self._held_lanes",
        "",
        _SAFEGUARDS + "test_a_message_waits_for_the_one_before_it_that_is_in_doubt",
    ),
    Mutant(
        "order",
        "the order of a lane by WhatsApp's own time",
        "connector/ledger/deliveries.py",
        "        rows.sort(key=lambda row: (row.position, row.id))",
        "        rows.sort(key=lambda row: -row.id)",
        _SAFEGUARDS + "test_messages_go_in_the_order_in_which_they_were_sent",
    ),
    Mutant(
        "lost contact",
        "a look for the contact of which the CRM says that it is gone",
        "connector/deliver/settlement.py",
        "    deliveries.suspect_contacts(connection, settlement.lost_contacts)\n",
        "",
        _SAFEGUARDS + "test_a_message_of_a_contact_that_is_gone_has_the_contact_looked_for",
    ),
    Mutant(
        "caution",
        "the mark on what is rendered after a death",
        "connector/deliver/worker.py",
        "                self._caution.begin()\n",
        "                self._caution.end()\n",
        "tests/crash/test_poison.py::"
        "test_a_message_of_whose_rendering_every_process_dies_is_parked_and_nothing_else",
    ),
    Mutant(
        "lane lock",
        "the lock of a lane whose deliveries are being changed",
        "connector/ledger/lanes.py",
        '    if connection.dialect.name == "postgresql" and lane_ids:\n',
        "    if connection.dialect.name is None and lane_ids:\n",
        _SAFEGUARDS + "test_what_is_put_on_a_lane_while_it_is_laid_to_rest_wakes_it",
    ),
    Mutant(
        "unique index",
        "the index that allows one delivery for each source",
        "migrations/versions/0001_first_tables.py",
        '            name=op.f("uq_delivery_destination_record_source_id"),\n',
        '            "id",\n            name=op.f("uq_delivery_destination_record_source_id"),\n',
        "tests/ledger/test_lanes.py::test_what_is_wanted_twice_stays_one_row",
    ),
    Mutant(
        "acknowledgement",
        "the commit before WhatsApp is told 200",
        "connector/receive/app.py",
        "        if not app.intake.offer(body, self._stored):\n",
        "        self._end(answers.STORED)\n"
        "        if not app.intake.offer(body, lambda error: None):\n",
        "tests/flow/test_receive.py::test_an_event_is_answered_only_after_its_commit",
    ),
    Mutant(
        "signature",
        "the signature, asked before a body is stored",
        "connector/receive/app.py",
        '        if judge_signature(self._signature, body, app.app_secrets) != "valid":\n',
        '        if judge_signature(self._signature, body, app.app_secrets) == "":\n',
        "tests/flow/test_receive.py::test_ten_thousand_forged_events_leave_nothing",
    ),
    Mutant(
        "escaping",
        "the escaping of what people write, in a field that shows HTML",
        "connector/template/html.py",
        'return str.replace(escape(clean_text(text)), "\\n", BREAK)',
        'return str.replace(clean_text(text), "\\n", BREAK)',
        "tests/unit/test_mapping_text.py::test_html_says_who_speaks_and_escapes_both",
    ),
    Mutant(
        "tombstone",
        "the hash by which a message is known after its words were dropped",
        "connector/ledger/retention.py",
        ".values(content=None, wamid=None, purged_at=now)",
        '.values(content=None, wamid=None, purged_at=now, wamid_hash="-" + message.c.wamid_hash)',
        "tests/ledger/test_retention.py::test_old_messages_lose_their_words_and_ids_but_not_the_hash",
    ),
)
"""Every safeguard that a test is known to notice the loss of."""


def run_mutants(mutants: Iterable[Mutant]) -> Iterator[Fate]:
    """Run each mutant's test where that safeguard is missing."""
    with copied_project() as folder:
        for mutant in mutants:
            yield _run(mutant, folder)


@contextmanager
def copied_project() -> Iterator[Path]:
    """Yield a copy of what the tests need, in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="connector-mutants-") as name:
        folder = Path(name)
        for part in _PARTS:
            if (ROOT / part).is_dir():
                ignored = shutil.ignore_patterns("__pycache__", ".*")
                shutil.copytree(ROOT / part, folder / part, ignore=ignored)
            else:
                shutil.copy(ROOT / part, folder / part)
        yield folder


def _run(mutant: Mutant, folder: Path) -> Fate:
    started = perf_counter()
    path = folder / mutant.file
    sound = path.read_text()
    if sound.count(mutant.old) != 1:
        return Fate(mutant, caught=False, seconds=0.0, said="its text is not there exactly once")
    path.write_text(sound.replace(mutant.old, mutant.new))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", mutant.test],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Fate(mutant, caught=False, seconds=_PATIENCE, said="its test does not end")
    finally:
        path.write_text(sound)
    last = (done.stdout.strip().splitlines() or ["nothing"])[-1]
    return Fate(mutant, done.returncode == _FAILED, perf_counter() - started, last)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the named mutants, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m faults.mutants", description=__doc__)
    parser.add_argument("name", nargs="*", help=", ".join(mutant.name for mutant in MUTANTS))
    parser.add_argument("--list", action="store_true", help="only say which there are")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    chosen = parser.parse_args(arguments)
    known = {mutant.name: mutant for mutant in MUTANTS}
    unknown = sorted(set(chosen.name) - set(known))
    if unknown:
        parser.error(f"no mutant is called {', '.join(unknown)}")
    mutants = [known[name] for name in chosen.name] or list(MUTANTS)
    if chosen.list:
        for mutant in mutants:
            sys.stdout.write(f"{mutant.name:16} {mutant.without}\n")
        return 0
    fates = []
    progress = sys.stderr if chosen.json else sys.stdout
    for fate in run_mutants(mutants):
        fates.append(fate)
        word = "caught" if fate.caught else "SURVIVED"
        note = "" if fate.caught else f"  {fate.said}"
        progress.write(
            f"{fate.mutant.name:16} {word:8} {fate.seconds:5.1f} s  "
            f"without {fate.mutant.without}{note}\n"
        )
        progress.flush()
    survived = [fate.mutant.name for fate in fates if not fate.caught]
    progress.write(f"{len(fates) - len(survived)} of {len(fates)} caught\n")
    if chosen.json:
        document = {
            "caught": [fate.mutant.name for fate in fates if fate.caught],
            "survived": survived,
        }
        sys.stdout.write(json.dumps(document) + "\n")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
