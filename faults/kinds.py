"""The CRMs that are harmed, one for each way in which a doubtful write is made good."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from connector.sandbox.comparison import (
    Verdict,
    compare_hubspot,
    compare_pipedrive,
    compare_rest,
)
from connector.sandbox.traffic import ExpectedContact

Compare = Callable[[Sequence[ExpectedContact], Mapping[str, Any]], Verdict]

_FAST_RATE: Final = '{ requests = 10000, per = "1s" }'
_HUBSPOT: Final[Mapping[str, Any]] = {
    "burst_limit": 100_000,
    "search_limit": 1000,
    "index_lag": 0.5,
    "latency": 0.01,
}
_PIPEDRIVE: Final[Mapping[str, Any]] = {
    "burst_limit": 100_000,
    "search_limit": 1000,
    "daily_tokens": 1_000_000_000,
    "lockout_after": 0,
    "index_lag": 0.5,
    "latency": 0.01,
}


@dataclass(frozen=True, slots=True)
class Kind:
    """A CRM to harm: its sandbox, and how the connector is set up for it."""

    name: str
    promise: str
    """How a write of unknown outcome is made good."""
    crm: str
    compare: Compare
    sandbox: Mapping[str, Any]
    destination: Mapping[str, Any]
    mapping: str | None = None
    """A mapping file of its own."""
    looks_up: bool = True
    """Whether a doubtful create is looked up: a process frozen after the gate can double it."""
    creates_only: bool = False
    """Whether nothing tells if a message was made: what is in doubt waits for a person."""
    harm: Mapping[str, float] = field(default_factory=dict)
    """The share of calls that each kind of fault strikes, and what else."""


_HARM: Final[Mapping[str, float]] = {
    "reset_after": 0.03,
    "reset_before": 0.02,
    "error_after": 0.03,
    "error_before": 0.02,
    "half_answer": 0.02,
    "timeout_after": 0.01,
    "late_commit": 0.02,
    "throttle": 0.01,
    "unavailable": 0.01,
}
_HARM_ONE_BY_ONE: Final[Mapping[str, float]] = {
    kind: round(share / 2, 4) for kind, share in _HARM.items()
}
"""Where each message is a call of its own, half of it is as much for each message's way."""

KINDS: Final[Mapping[str, Kind]] = {
    kind.name: kind
    for kind in (
        Kind(
            "unique",
            "contacts and messages are written by our own unique key, so a write may be repeated",
            "hubspot",
            compare_hubspot,
            _HUBSPOT,
            {"batch_wait": "200ms", "rate": _FAST_RATE},
            looks_up=False,
            harm=_HARM,
        ),
        Kind(
            "lookup",
            "contacts by a unique key; messages are created, and looked up before they go again",
            "hubspot",
            compare_hubspot,
            {**_HUBSPOT, "refuse_unique_on": ["communications"]},
            {"batch_wait": "200ms", "rate": _FAST_RATE},
            harm=_HARM_ONE_BY_ONE,
        ),
        Kind(
            "pipedrive",
            "persons and activities are created, and looked up before they go again",
            "pipedrive",
            compare_pipedrive,
            _PIPEDRIVE,
            {"batch_wait": "200ms", "rate": _FAST_RATE, "daily_tokens": 1_000_000_000},
            mapping="""
extends = "pipedrive"
[message]
granularity = "message"
[message.fields]
subject = "WhatsApp"
due_date = "{{ message.sent_at }}"
due_time = "{{ message.sent_at }}"
note = "{{ message.html }}"
""",
            harm=_HARM_ONE_BY_ONE,
        ),
        Kind(
            "conversations",
            "as pipedrive, but a day's messages are one activity that is written again and again",
            "pipedrive",
            compare_pipedrive,
            _PIPEDRIVE,
            {"batch_wait": "200ms", "rate": _FAST_RATE, "daily_tokens": 1_000_000_000},
            harm=_HARM_ONE_BY_ONE,
        ),
        Kind(
            "create-only",
            "messages can only be created, so one in doubt is a dead letter and never goes again",
            "rest",
            compare_rest,
            {"rate_limit": 100_000, "index_lag": 0.5, "latency": 0.01},
            {"batch_wait": "200ms", "rate": _FAST_RATE},
            mapping="""
extends = "rest/sandbox"
[contact]
once = "lookup"
[contact.create]
path = "/v1/contacts"
body = "{{ fields }}"
id = "/data/id"
[message]
once = "none"
[message.create]
path = "/v1/messages"
body = "{{ fields }}"
id = "/data/id"
""",
            creates_only=True,
            harm=_HARM_ONE_BY_ONE,
        ),
    )
}
