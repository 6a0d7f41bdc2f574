"""Owners: a mapping names people by e-mail, Pipedrive wants their ids."""

from collections.abc import Mapping
from typing import Final

from adapters.pipedrive.calls import Calls
from adapters.pipedrive.values import UnfitError
from connector.crm import Clock, FieldValue

_REMEMBERED_FOR: Final = 3600.0
"""Seconds for which the company's users are not asked for again: it costs 20 tokens."""


class Owners:
    """The users of one company by their e-mails."""

    def __init__(self, calls: Calls, clock: Clock) -> None:
        self._calls = calls
        self._clock = clock
        self._known: Mapping[str, int] = {}
        self._until = float("-inf")

    async def resolve(self, field: str, value: FieldValue) -> int:
        """Return the id of a user. Raises ``UnfitError`` if nobody has the e-mail."""
        name = str(value).strip().lower()
        if name.isascii() and name.isdigit():
            return int(name)
        if self._until <= self._clock.boot():
            users = await self._calls.users()
            self._known = {
                str(user.get("email")).lower(): number
                for user in users
                if isinstance(number := user.get("id"), int)
            }
            self._until = self._clock.boot() + _REMEMBERED_FOR
        if name not in self._known:
            raise UnfitError(field, "a user's id or e-mail, and nobody has this one")
        return self._known[name]
