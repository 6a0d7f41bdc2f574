"""What became of one record of a write. Errors inside a batch are values, not exceptions."""

import dataclasses
from dataclasses import dataclass

from connector.errors import CrmError


@dataclass(frozen=True, slots=True)
class Written:
    """The CRM holds the record under ``crm_id``, which may differ from the one asked: a merge."""

    crm_id: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """The CRM refused this record for what it says; the same again would be refused again."""

    code: str
    detail: str
    field: str | None = None
    """The field complained of, if the CRM named one."""
    status: int | None = None
    """The HTTP status of the answer, where the record had one of its own."""
    said: str | None = dataclasses.field(default=None, repr=False)
    """The CRM's own sentence, which may repeat what people typed: never to be shown as it is."""


@dataclass(frozen=True, slots=True)
class Vanished:
    """The record that was to be updated is not there any more."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Not written, for a passing reason about this record alone: it is locked or busy."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class InDoubt:
    """The CRM may or may not have written it."""

    detail: str
    cause: CrmError | None = None


@dataclass(frozen=True, slots=True)
class NotSent:
    """Not written, for a reason that is the whole destination's: throttled, away, paused."""

    cause: CrmError


Outcome = Written | Rejected | Vanished | Failed | InDoubt | NotSent
