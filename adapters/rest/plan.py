"""What a mapping file says of an API, read whole: every mistake at once, before any request."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from adapters.rest.auth import AuthPlan, read_auth
from adapters.rest.limits import Pace, read_limits
from adapters.rest.names import vocabulary
from adapters.rest.pointers import Pointer
from adapters.rest.reading import Path, Reader
from adapters.rest.requests import Request, read_request
from adapters.rest.rules import Rule, read_rules
from adapters.rest.sections import Section, read_section
from connector.crm import AdapterSettings, ConfigError

_TABLES: Final = ("auth", "limits", "ping", "setup", "errors", "contact", "message")


@dataclass(frozen=True, slots=True)
class Ping:
    """A cheap question that only good credentials get answered."""

    request: Request
    id: Pointer | None
    name: Pointer | None


@dataclass(frozen=True, slots=True)
class Preparation:
    """One thing that has to be in the CRM, and the request that makes it; safe to repeat."""

    what: str
    ask: Request
    make: Request


@dataclass(frozen=True, slots=True)
class Plan:
    """An API as its mapping describes it."""

    auth: AuthPlan
    pace: Pace
    rules: tuple[Rule, ...]
    ping: Ping | None
    setup: tuple[Preparation, ...]
    contact: Section
    message: Section


def read_plan(tables: Mapping[str, Any], settings: AdapterSettings) -> Plan:
    """Read what a mapping leaves to this adapter. Raises ``ConfigError`` with every problem."""
    reader = Reader()
    read = reader.table((), dict(tables), _TABLES)
    auth = read_auth(reader, read.get("auth"), settings)
    pace = read_limits(reader, read.get("limits"))
    rules = read_rules(reader, read.get("errors"))
    ping = _read_ping(reader, read.get("ping"))
    setup = tuple(
        _read_preparation(reader, path, raw)
        for path, raw in reader.tables(("setup",), read.get("setup"))
    )
    contact = read_section(reader, "contact", read.get("contact", {}))
    message = read_section(reader, "message", read.get("message", {}))
    if contact and message and contact.object == message.object:
        reader.complain(
            ("message", "object"), "is that of contacts, too", expected="a name of its own"
        )
    if reader.problems or contact is None or message is None:
        raise ConfigError(reader.problems)
    return Plan(auth, pace, rules, ping, setup, contact, message)


def _read_ping(reader: Reader, raw: object) -> Ping | None:
    if raw is None:
        return None
    path: Path = ("ping",)
    names = vocabulary(None, "ping")
    request, table = read_request(
        reader, path, raw, verb="ping", names=names, others=("id", "name")
    )
    return Ping(request, reader.pointer(path, table, "id"), reader.pointer(path, table, "name"))


def _read_preparation(reader: Reader, path: Path, raw: object) -> Preparation:
    names = vocabulary(None, "setup")
    make, table = read_request(reader, path, raw, verb="setup", names=names, others=("what", "ask"))
    what = reader.text(path, table, "what", required=True, expected="what it makes, in words")
    ask = {"path": table.get("ask", table.get("path"))}
    asking, _ = read_request(reader, path, ask, verb="ping", names=vocabulary(None, "ping"))
    return Preparation(what or "", asking, make)
