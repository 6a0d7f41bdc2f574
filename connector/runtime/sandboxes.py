"""The kinds of CRM that there is a sandbox for, and how what they hold is counted."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from connector.sandbox.comparison import (
    Verdict,
    compare_hubspot,
    compare_pipedrive,
    compare_rest,
    read_speeches,
)
from connector.sandbox.traffic import ExpectedContact


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A kind of CRM there is a sandbox for, and where in its state to look."""

    called: str
    """As people call it."""
    contacts: str
    """Its word for records of people."""
    messages: str
    """Its word for records that hold messages."""
    compare: Callable[[Sequence[ExpectedContact], Mapping[str, Any]], Verdict]
    owners: Callable[[Mapping[str, Any]], Iterable[str]]
    """Gives for each message in its state the person, or persons, on whose timeline it is."""
    destination: Mapping[str, str] = field(default_factory=dict)
    """What its destination is told besides address and token."""


def _hubspot_owners(state: Mapping[str, Any]) -> Iterator[str]:
    for each in state["communications"]:
        yield from each["links"].get("contacts", ())


def _pipedrive_owners(state: Mapping[str, Any]) -> Iterator[str]:
    # An activity holds the messages of a whole day.
    for each in state["activities"]:
        for _ in read_speeches(each["note"] or ""):
            yield str(each["person_id"])


def _rest_owners(state: Mapping[str, Any]) -> Iterator[str]:
    for each in state["messages"]:
        yield str(each["contact_id"])


CRMS: Final[Mapping[str, Sandbox]] = {
    "hubspot": Sandbox("HubSpot", "contacts", "communications", compare_hubspot, _hubspot_owners),
    "pipedrive": Sandbox(
        "Pipedrive", "persons", "activities", compare_pipedrive, _pipedrive_owners
    ),
    "rest": Sandbox(
        "REST CRM",
        "contacts",
        "messages",
        compare_rest,
        _rest_owners,
        {"mapping": "rest/sandbox"},
    ),
}
