"""How fast: ``[limits]``, and what an answer's headers tell of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, get_args

import httpx

from adapters.rest.names import Verb
from adapters.rest.reading import Path, Reader, Table
from connector.crm import Budgets, Draws, Rate

_KEYS: Final = (
    "rate",
    "concurrency",
    "daily",
    "costs",
    "remaining_header",
    "daily_remaining_header",
)


@dataclass(frozen=True, slots=True)
class Pace:
    """The limits of an API as its mapping tells them."""

    rate: Rate | None = None
    concurrency: int = 1
    daily: int | None = None
    costs: Mapping[str, int] = field(default_factory=dict)
    remaining_header: str | None = None
    daily_remaining_header: str | None = None

    def draws(self, verb: Verb) -> Draws:
        """Return what a request costs: one of the rate, and so many of the day's tokens."""
        return {"burst": 1, "daily": self.costs.get(verb, 1)}

    def observe(self, response: httpx.Response, budgets: Budgets) -> None:
        """Lower the budgets by what the headers say is left."""
        for name, header in (
            ("burst", self.remaining_header),
            ("daily", self.daily_remaining_header),
        ):
            text = response.headers.get(header, "").strip() if header else ""
            if text.isascii() and text.isdigit():
                budgets.lower(name, left=int(text))


def read_limits(reader: Reader, raw: object) -> Pace:
    """Read ``[limits]``."""
    path: Path = ("limits",)
    table = reader.table(path, {} if raw is None else raw, _KEYS)
    return Pace(
        rate=_read_rate(reader, path, table),
        concurrency=reader.number(path, table, "concurrency") or 1,
        daily=reader.number(path, table, "daily"),
        costs=_read_costs(reader, path, table),
        remaining_header=reader.text(path, table, "remaining_header"),
        daily_remaining_header=reader.text(path, table, "daily_remaining_header"),
    )


def _read_rate(reader: Reader, path: Path, table: Table) -> Rate | None:
    if "rate" not in table:
        return None
    path = (*path, "rate")
    rate = reader.table(path, table["rate"], ("requests", "per"))
    requests = reader.number(path, rate, "requests")
    per = reader.duration(path, rate, "per", required=True)
    if requests is None:
        if "requests" not in rate:
            reader.complain((*path, "requests"), "is missing", expected="a number from 1")
        return None
    return None if per is None else Rate(requests=requests, per=per)


def _read_costs(reader: Reader, path: Path, table: Table) -> Mapping[str, int]:
    if "costs" not in table:
        return {}
    path = (*path, "costs")
    costs = reader.table(path, table["costs"], get_args(Verb))
    found = {name: reader.number(path, costs, name, least=0) for name in costs}
    return {name: cost for name, cost in found.items() if cost is not None}
