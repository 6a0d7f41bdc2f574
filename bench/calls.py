"""Calls to the CRM for 1,000 messages of 100 people nobody has seen, beside what its API allows.

The floor is what writing alone would take if every call were full: nothing is looked up, nothing
is read, and each contact and each message or conversation is written once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import Final

from bench.figure import Figure
from bench.pipeline import store
from bench.processes import open_trial
from connector.sandbox.burst import burst

MESSAGES: Final = 1000
CONTACTS: Final = 100

_TIMELINE_DAY: Final = """
extends = "hubspot"
[message]
granularity = "conversation"
[message.fields]
hs_timestamp = "{{ conversation.started_at }}"
hs_communication_body = "{{ conversation.transcript_html }}"
"""
_ACTIVITY_EACH: Final = """
extends = "pipedrive"
[message]
granularity = "message"
[message.fields]
subject = "WhatsApp · {{ contact.display_name }}"
due_date = "{{ message.sent_at }}"
due_time = "{{ message.sent_at }}"
note = "{{ message.html }}"
"""
_REST_DAY: Final = """
extends = "rest/sandbox"
[message]
granularity = "conversation"
[message.fields]
direction = ""
status = ""
text = "{{ conversation.transcript_html }}"
sent_at = "{{ conversation.started_at }}"
"""


@dataclass(frozen=True, slots=True)
class _Case:
    adapter: str
    granularity: str
    per_call: int
    """Records that one call can write, by the API's documentation."""
    mapping: str | None = None
    reference: str | None = None

    @property
    def floor(self) -> int:
        carried = MESSAGES if self.granularity == "message" else CONTACTS
        return ceil(CONTACTS / self.per_call) + ceil(carried / self.per_call)


_CASES: Final = (
    _Case("hubspot", "message", 100),
    _Case("hubspot", "conversation", 100, mapping=_TIMELINE_DAY),
    _Case("pipedrive", "conversation", 1),
    _Case("pipedrive", "message", 1, mapping=_ACTIVITY_EACH),
    _Case("rest", "message", 1, reference="rest/sandbox"),
    _Case("rest", "conversation", 1, mapping=_REST_DAY),
)
_ROOMY: Final = {
    "hubspot": {"burst_limit": 100_000, "search_limit": 1000},
    "pipedrive": {"burst_limit": 100_000, "search_limit": 10_000, "daily_tokens": 10_000_000},
    "rest": {"rate_limit": 100_000},
}


def measure(runs: int) -> list[Figure]:
    """Count each case so many times; reads of the schema at the start are counted too."""
    figures = []
    for case in _CASES:
        counted = [_count(case, seed) for seed in range(runs)]
        name = f"calls per {MESSAGES:,}, {case.adapter}, one record a {case.granularity}"
        figures.append(Figure(name, "calls", counted, note=f"the API's floor is {case.floor}"))
        ratios = [count / case.floor for count in counted]
        figures.append(Figure(f"{name}, / floor", "x", ratios))
    return figures


def _count(case: _Case, seed: int) -> float:
    destination = {"batch_wait": "200ms", "rate": '{ requests = 10000, per = "1s" }'}
    if case.mapping is not None or case.reference is not None:
        destination["mapping"] = case.reference or "bench.toml"
    files = {"bench.toml": case.mapping} if case.mapping is not None else {}
    with open_trial(
        case.adapter, crm=_ROOMY[case.adapter], destination=destination, files=files
    ) as trial:
        store(trial, burst(CONTACTS, MESSAGES, base=datetime.now(UTC), seed=seed))
        before = _calls(trial.crm.state(objects="none"))
        trial.wait_until_ready(trial.start("--only", "record,deliver"))
        trial.wait_until_settled(seconds=300)
        return _calls(trial.crm.state(objects="none")) - before


def _calls(state: dict[str, dict[str, int]]) -> float:
    counts: Sequence[int] = list(state["calls"].values())
    return float(sum(counts))
