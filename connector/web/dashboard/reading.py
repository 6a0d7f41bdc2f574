"""The pages that are only read."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from connector.ledger.dead_letters import Filter
from connector.ledger.runs import PAGE, Run
from connector.web.dashboard.chart import DAY, draw
from connector.web.dashboard.page import LARGEST_ID, Pages

_DROPPED: Final = frozenset({PAGE, "items", "ids", "complaints", "credentials"})
"""What a run counts one by one; a page shows how many."""


class Reading:
    """Answers requests for pages."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._desk = pages.desk

    async def overview(self, request: Request) -> Response:
        """Show the state of everything, and the last day."""
        status = await self._desk.status()
        now = datetime.fromisoformat(status["at"])
        minutes = await self._desk.minutes(now - DAY)
        limit = self._pages.settings.sync_lag
        traffic = draw({"received": minutes.received, "synced": minutes.synced}, until=now)
        return await self._pages.show(
            request,
            "overview.html",
            traffic=traffic,
            lag=draw({"lag": minutes.lag}, until=now, most=True, limit=limit),
            totals={
                "received": sum(minutes.received.values()),
                "synced": sum(minutes.synced.values()),
                "lag": max(minutes.lag.values(), default=None),
            },
            advice={
                name: self._desk.advise(name, each) for name, each in status["destinations"].items()
            },
            refresh=request.query_params.get("refresh") == "1",
        )

    async def letters(self, request: Request) -> Response:
        """Show dead letters, the oldest first."""
        asked = request.query_params
        destination, code = asked.get("destination") or None, asked.get("code") or None
        found = await self._desk.letters(Filter(destination=destination, code=code))
        return await self._pages.show(
            request,
            "letters.html",
            found=found,
            destination=destination,
            code=code,
            done=asked.get("done"),
        )

    async def reviews(self, request: Request) -> Response:
        """Show what a person has to decide."""
        return await self._pages.show(
            request,
            "reviews.html",
            found=await self._desk.reviews(),
            done=request.query_params.get("done"),
        )

    async def runs(self, request: Request) -> Response:
        """Show what was carried out, the newest first."""
        text = request.query_params.get("before", "")
        before = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
        found = await self._desk.runs(before=before)
        return await self._pages.show(
            request,
            "runs.html",
            runs=[(run, flatten(run)) for run in found],
            older=found[-1].id if found else None,
        )

    async def alerts(self, request: Request) -> Response:
        """Show what fires, and what has fired."""
        return await self._pages.show(request, "alerts.html", past=await self._desk.past_alarms())

    async def message(self, request: Request) -> Response:
        """Show one message's story."""
        message_id: int = request.path_params["id"]
        found = await self._desk.message(message_id) if message_id < LARGEST_ID else None
        return await self._story(request, found)

    async def contact(self, request: Request) -> Response:
        """Show one contact's story."""
        found = await self._desk.contact(request.path_params["key"])
        return await self._story(request, found)

    async def _story(self, request: Request, found: Mapping[str, Any] | None) -> Response:
        if found is None:
            return await self._pages.show(request, "unknown.html", status_code=404)
        return await self._pages.show(
            request, "story.html", found=found, done=request.query_params.get("done")
        )

    async def static(self, request: Request) -> Response:
        """Return the style or the icon."""
        return self._pages.static(request.path_params["name"])


def flatten(run: Run) -> Sequence[tuple[str, str]]:
    """Return what a run counted, as names and short texts; what is 0 is left out."""
    pairs = []
    for name, value in run.counts.items():
        if name in _DROPPED:
            continue
        match value:
            case bool() | None | 0:
                continue
            case int() | float():
                pairs.append((name, f"{value:g}"))
            case Mapping():
                inner = [f"{key} {count}" for key, count in value.items() if count]
                if inner:
                    pairs.append((name, ", ".join(inner)))
            case str():
                pairs.append((name, value[:80]))
            case _:
                pairs.append((name, str(len(value))))
    return pairs
