"""The exception tree, grouped by what the caller does about it.

ConnectorError
├── ConfigError(problems)          the operator mends a file; exit status 2
├── SignatureError                 the request is refused
├── PayloadError                   the element is kept raw and counted
├── RenderError                    a template fails for one record: the record is parked
├── LedgerError                    the ledger cannot be used; exit status 3, 503 to Meta
│   ├── SchemaOutdatedError        run `connector db upgrade`
│   ├── LedgerBusyError            another daemon holds the SQLite file
│   ├── LedgerRefusedError         a value or a constraint: the same again would be refused again
│   └── LeaseLostError             another process took over; drop the result
└── CrmError                       what a CRM answered, by who has to wait
    ├── CrmAccessError             pause the destination: credentials, permission, setup
    ├── CrmThrottledError          gate the destination until its cooldown is over
    ├── CrmUnavailableError        gate the destination, doubling; nothing was written
    ├── CrmInDoubtError            the CRM may have applied the write: look first
    └── CrmRejectedError           the CRM refused the request and wrote nothing: halve, then park

Errors inside a batch are values (``connector.model.outcome``), not exceptions. No message may hold
a secret or a person: bodies, phones, names and message ids stay out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal


class ConnectorError(Exception):
    """Anything this program raises on purpose. ``remedy`` is the next thing to do, if known."""

    remedy: str | None = None

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        if remedy is not None:
            self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a file an admin wrote."""

    file: str
    key: str
    """The key's full path, such as ``destinations.hubspot.rate.per``."""
    message: str
    line: int | None = None
    expected: str | None = None
    nearest: str | None = None
    """The valid name closest to what was written."""
    path: tuple[str | int, ...] = ()
    """The key part by part, where whoever found the problem does not know the file or its lines."""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        text = f"{where}: {self.key}: {self.message}" if self.key else f"{where}: {self.message}"
        if self.expected:
            text += f"; expected {self.expected}"
        if self.nearest:
            text += f"; did you mean {self.nearest!r}?"
        return text


class ConfigError(ConnectorError):
    """The configuration or a mapping is wrong; ``problems`` lists all that was found."""

    def __init__(self, problems: Sequence[Problem], *, remedy: str | None = None) -> None:
        super().__init__("\n".join(str(p) for p in problems), remedy=remedy)
        self.problems = tuple(problems)


class SignatureError(ConnectorError):
    """A webhook's signature is missing or wrong."""


class PayloadError(ConnectorError):
    """A webhook element could not be understood. ``reason`` is ``unparsable`` or ``unknown``."""

    def __init__(self, message: str, *, reason: Literal["unparsable", "unknown"]) -> None:
        super().__init__(message)
        self.reason = reason


class RenderError(ConnectorError):
    """A mapping's template cannot be filled for this record. ``field`` is the mapping's field."""

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message, remedy="connector mapping preview FILE")
        self.field = field


class LedgerError(ConnectorError):
    """The ledger cannot be used now."""


class SchemaOutdatedError(LedgerError):
    """The ledger's schema is not the one this program was written for."""


class LedgerBusyError(LedgerError):
    """Another daemon holds this SQLite ledger."""


class LedgerRefusedError(LedgerError):
    """The database is well but refused what was to be written."""


class LeaseLostError(LedgerError):
    """Another process holds the lease now; whatever was done under it is not written."""


PauseReason = Literal["auth", "schema", "quota", "setup", "operator"]


class CrmError(ConnectorError):
    """What a CRM, or the way to it, answered; ``status`` is the HTTP status, if there was one."""

    def __init__(
        self, message: str, *, status: int | None = None, remedy: str | None = None
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.status = status


class CrmAccessError(CrmError):
    """The CRM will not serve this account as it is: the destination pauses. Nothing was written."""

    def __init__(
        self,
        message: str,
        *,
        reason: PauseReason = "auth",
        status: int | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(message, status=status, remedy=remedy)
        self.reason: PauseReason = reason


class CrmThrottledError(CrmError):
    """Too many requests. Nothing was written; nothing may be asked before ``cooldown`` is over."""

    def __init__(self, message: str, *, cooldown: timedelta, status: int | None = 429) -> None:
        super().__init__(message, status=status)
        self.cooldown = cooldown


class CrmUnavailableError(CrmError):
    """The CRM cannot be reached or failed on a read. Nothing was written.

    ``started`` is false where no byte of the request left: connection refused, no free connection,
    or the gate at the first byte.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        started: bool = True,
        cooldown: timedelta | None = None,
    ) -> None:
        super().__init__(message, status=status)
        self.started = started
        self.cooldown = cooldown


class CrmInDoubtError(CrmError):
    """A write was sent and its outcome is unknown: the CRM may have applied it."""


class CrmRejectedError(CrmError):
    """The CRM refused this request as a whole and wrote nothing.

    ``code`` is the CRM's own machine word where it has one, else the HTTP status as text; ``field``
    the property it complains of, if it names one; ``said`` its own sentence, which may repeat what
    people typed and so is no part of the message.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        status: int | None = None,
        field: str | None = None,
        said: str | None = None,
    ) -> None:
        super().__init__(message, status=status)
        self.code = code
        self.field = field
        self.said = said
