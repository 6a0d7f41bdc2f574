"""What the token is good for, and what a company needs before anything is sent."""

from collections.abc import Sequence
from typing import Final

from adapters.pipedrive.calls import Calls
from adapters.pipedrive.fields import Fields, person_fields
from adapters.pipedrive.settings import TOKENS
from connector.crm import Account, Change, CrmAccessError, CrmClient, CrmRejectedError

_ACTIVITY_TYPE: Final = "WhatsApp"
_TYPE_KEY: Final = "whatsapp"
"""What Pipedrive makes of that name."""
_NEEDED: Final = ("contacts:full", "search:read")
_NEEDED_FOR: Final = {"activities": "activities:full"}
_REMEDY: Final = "connector setup DESTINATION --apply"


class MissingKeyError(CrmAccessError):
    """The field that carries our key is not there, or is not the only one of its name."""

    def __init__(self, text: str, *, remedy: str = _REMEDY) -> None:
        super().__init__(text, reason="setup", remedy=remedy)


async def read_account(client: CrmClient, calls: Calls, *, messages: str) -> Account:
    """Return the company, the scopes that an OAuth app lacks, and the tokens left if that is told.

    An API token has no scopes: it may what its user may.
    """
    me = await calls.me()
    granted = client.scopes
    needed = [*_NEEDED, *([_NEEDED_FOR[messages]] if messages in _NEEDED_FOR else [])]
    missing = () if granted is None else tuple(each for each in needed if each not in granted)
    left = client.budgets.left()[TOKENS].left
    domain = str(me.get("company_domain") or "")
    return Account(
        id=str(me.get("company_id") or me["id"]),
        name=" · ".join(str(me[name]) for name in ("company_name", "name") if me.get(name)),
        missing_scopes=missing,
        budgets_left={} if left is None else {TOKENS: int(left)},
        api_version="v2, and v1 for what has no v2",
        url=f"https://{domain}.pipedrive.com" if domain else None,
    )


def require_key(fields: Fields, key: str | None) -> str:
    """Return the code of the field that carries our key. Raises ``MissingKeyError``."""
    if key is None:
        raise MissingKeyError(
            "the mapping names no key for contacts, and a doubtful write could not be looked up",
            remedy="name the label of a text field as `key` of [contact]",
        )
    if fields.is_ambiguous(key):
        raise MissingKeyError(
            f"several person fields in Pipedrive are called {key}, so that none can be chosen",
            remedy="rename all but one in Pipedrive, or name another in the mapping",
        )
    field = fields.find(key)
    if field is None or not field.custom:
        raise MissingKeyError(f"Pipedrive has no person field {key}")
    if field.kind not in {"varchar", "varchar_auto", "text"}:
        raise MissingKeyError(
            f"the person field {key} in Pipedrive is not one for text",
            remedy="rename it in Pipedrive, or name another in the mapping",
        )
    return field.code


async def set_up(calls: Calls, *, key: str | None, messages: str, apply: bool) -> Sequence[Change]:
    """Say what a company lacks; with ``apply``, make it."""
    changes = [] if key is None else [await _set_up_key(calls, key, apply=apply)]
    if messages == "activities":
        changes.append(await _set_up_type(calls, apply=apply))
    return changes


async def _set_up_key(calls: Calls, key: str, *, apply: bool) -> Change:
    what = f"person field {key}"
    fields = person_fields(await calls.person_fields())
    if fields.find(key) is not None or fields.is_ambiguous(key):
        try:
            require_key(fields, key)
        except MissingKeyError as error:
            return Change(what, "refused", str(error))
        return Change(what, "present")
    if not apply:
        return Change(what, "wanted", "a text field that holds our key")
    try:
        await calls.create_person_field(key)
    except (CrmAccessError, CrmRejectedError) as error:
        return Change(what, "refused", str(error))
    return Change(what, "created")


async def _set_up_type(calls: Calls, *, apply: bool) -> Change:
    what = f"activity type {_ACTIVITY_TYPE}"
    if any(each.get("key_string") == _TYPE_KEY for each in await calls.activity_types()):
        return Change(what, "present")
    if not apply:
        return Change(what, "wanted", "only a mapping whose `type` is another can do without it")
    try:
        await calls.create_activity_type(_ACTIVITY_TYPE)
    except (CrmAccessError, CrmRejectedError) as error:
        return Change(what, "refused", str(error))
    return Change(what, "created")
