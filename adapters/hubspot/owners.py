"""Owners: a mapping names people by e-mail, HubSpot wants their ids."""

from collections.abc import Iterable, Mapping
from typing import Final

from adapters.hubspot.calls import Calls, objects_in
from adapters.hubspot.objects import API
from connector.crm import Clock

OWNER: Final = "hubspot_owner_id"
"""The property that holds an owner's id."""
_REMEMBERED_FOR: Final = 600.0
"""Seconds for which an owner, or that there is none, is not asked about again."""


class Owners:
    """Looks owners up, each of them once in a while."""

    def __init__(self, calls: Calls, clock: Clock) -> None:
        self._calls = calls
        self._clock = clock
        self._known: dict[str, tuple[str | None, float]] = {}

    async def resolve(self, names: Iterable[str]) -> Mapping[str, str | None]:
        """Return the owner id of each name that is an e-mail; ``None`` if nobody has it."""
        found: dict[str, str | None] = {}
        for name in dict.fromkeys(names):
            if "@" not in name:
                found[name] = name
                continue
            known, until = self._known.get(name, (None, 0.0))
            if until <= self._clock.boot():
                known = await self._look_up(name)
                self._known[name] = known, self._clock.boot() + _REMEMBERED_FOR
            found[name] = known
        return found

    async def _look_up(self, email: str) -> str | None:
        answer = await self._calls.get(
            f"/crm/owners/{API}", call="owners.list", params={"email": email, "limit": "100"}
        )
        for owner in objects_in(answer.get("results")):
            if str(owner.get("email")).lower() == email.lower():
                return str(owner.get("id"))
        return None
