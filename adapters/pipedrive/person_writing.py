"""Writing persons: a create is never repeated without a look, an update keeps what people added."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from adapters.pipedrive.answers import Json, PipedriveRejectedError, records_of
from adapters.pipedrive.bodies import UnwritableError, reject, write_body
from adapters.pipedrive.calls import PERSONS, Calls, is_gone, number_of
from adapters.pipedrive.fields import Fields
from adapters.pipedrive.owners import Owners
from adapters.pipedrive.people import People
from adapters.pipedrive.person import read_person
from connector.crm import Outcome, Record, Vanished, Written, same_phone

_LISTS: Final = ("phones", "emails")
"""Fields that hold several values, of which ours is one; an update replaces the list whole."""


class PersonWriter:
    """Writes persons of one company. ``key`` is the mapping's name of the field of our key."""

    def __init__(
        self, calls: Calls, people: People, owners: Owners, *, fields: Fields, key: str
    ) -> None:
        self._calls = calls
        self._people = people
        self._owners = owners
        self._fields = fields
        self._key = key

    async def write(self, record: Record) -> Outcome:
        """Make a person, or change the one whose id is known."""
        try:
            if record.crm_id is None:
                return await self._create(record)
            return await self._update(record, number_of(record.crm_id))
        except UnwritableError as error:
            return error.outcome
        except PipedriveRejectedError as error:
            return reject(error, self._fields, record.fields)

    async def _create(self, record: Record) -> Outcome:
        body = await self._body({**record.fields, self._key: record.key})
        made = await self._calls.create(PERSONS, body)
        self._people.remember(made)
        return Written(str(made["id"]))

    async def _update(self, record: Record, number: int) -> Outcome:
        body = await self._body(record.fields)
        if await self._change(number, body):
            return Written(str(number))
        successor = await self._people.find_successor(
            number, key=record.key, phones=_whole_phones(body)
        )
        if successor is None:
            return Vanished()
        return await self._take_over(successor, record, body)

    async def _take_over(self, successor: int, record: Record, body: Json) -> Outcome:
        """Go on with the person that is left of a merge.

        It gets our key only if it has none: people may have merged two contacts of ours.
        """
        customs = {**body.get("custom_fields", {})}
        field = self._fields.find(self._key)
        there = await self._people.read([successor])
        if successor not in there or field is None:
            return Vanished()
        held = read_person(there[successor], field.code).key
        customs[field.code] = held or record.key
        changed = await self._change(successor, {**body, "custom_fields": customs})
        return Written(str(successor)) if changed else Vanished()

    async def _change(self, number: int, body: Json) -> bool:
        """Write what differs; false if the person is gone."""
        if not body:
            return True
        if any(body.get(name) for name in _LISTS):
            current = await self._calls.read(PERSONS, number)
            if current is None:
                return False
            body = _keep_entries(body, current)
            if not body:
                return True
        try:
            changed = await self._calls.update(PERSONS, number, body)
        except PipedriveRejectedError as error:
            if error.gone:
                return False
            raise
        if is_gone(changed):
            return False
        self._people.remember(changed)
        return True

    async def _body(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return await write_body(self._fields, values, self._owners)


def _keep_entries(body: Json, current: Json) -> dict[str, Any]:
    """Put our phones and e-mails beside those that are there instead of in their place."""
    kept = dict(body)
    for name in _LISTS:
        ours = kept.get(name)
        if not ours:
            continue
        theirs = records_of(current.get(name))
        new = [each for each in ours if not _is_among(each["value"], theirs)]
        if new:
            primary = not any(each.get("value") for each in theirs)
            kept[name] = [
                *theirs,
                *({**each, "primary": primary and place == 0} for place, each in enumerate(new)),
            ]
        else:
            del kept[name]
    return kept


def _is_among(value: str, entries: Sequence[Json]) -> bool:
    held = [str(each.get("value")) for each in entries]
    if any(each.casefold() == value.casefold() for each in held):
        return True
    digits = value.removeprefix("+")
    if not (value.startswith("+") and digits.isdigit()):
        return False
    return any(same_phone(each, (digits,), country=None) for each in held)


def _whole_phones(body: Json) -> list[str]:
    """Return the digits of the phones that a body writes with their country code."""
    values = (str(each.get("value")) for each in records_of(body.get("phones")))
    return [value[1:] for value in values if value.startswith("+") and value[1:].isdigit()]
