"""Who is who on WhatsApp: user ids, phones, and the spellings of one subscriber."""

import re
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

AliasKind = Literal["user_id", "parent_user_id", "wa_id"]

USER_ID: Final = re.compile(r"[A-Z]{2}\.[A-Za-z0-9]{1,128}")
"""A business-scoped user id: country, dot, letters and digits. Kept verbatim, never made digits."""
PARENT_USER_ID: Final = re.compile(r"[A-Z]{2}\.ENT\.[A-Za-z0-9]{1,128}")


class Alias(NamedTuple):
    """One identifier of a contact. Sorting aliases gives the order in which they are locked."""

    scope: str
    """The business portfolio: the same user has another id in another portfolio."""
    kind: AliasKind
    value: str


@dataclass(frozen=True, slots=True)
class Identity:
    """What one event says about one person. Every part may be absent; absence says nothing."""

    user_id: str | None = None
    parent_user_id: str | None = None
    wa_id: str | None = None
    """Digits as WhatsApp sent them, without ``+``."""
    username: str | None = None
    profile_name: str | None = None

    @property
    def known(self) -> bool:
        """Whether anything here can identify a person. A parent id or username alone cannot."""
        return self.user_id is not None or self.wa_id is not None


def classify(value: object) -> tuple[AliasKind, str] | None:
    """Say what an identifier is by its form, wherever it stood; ``None`` if it is none.

    A value that looks like a user id is a user id even in ``from`` or ``wa_id``. Phones lose a
    leading ``+`` and any of `` -().``.
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value).strip()
    if PARENT_USER_ID.fullmatch(text):
        return "parent_user_id", text
    if USER_ID.fullmatch(text):
        return "user_id", text
    digits = re.sub(r"[\s\-().]", "", text.removeprefix("+"))
    if digits.isascii() and digits.isdigit() and 5 <= len(digits) <= 20:
        return "wa_id", digits
    return None


def subscriber_spellings(wa_id: str) -> tuple[str, ...]:
    """Return every ``wa_id`` of the same subscriber, the canonical E.164 digits first.

    Brazil: a mobile (local number starting 6 to 9) with and without the ninth digit. Mexico: 52 and
    521. These are one subscriber by the numbering plan; other countries have one spelling.
    """
    if wa_id.startswith("55"):
        area, local = wa_id[2:4], wa_id[4:]
        if len(local) == 8 and local[0] in "6789":
            return f"55{area}9{local}", wa_id
        if len(local) == 9 and local[0] == "9" and local[1] in "6789":
            return wa_id, f"55{area}{local[1:]}"
    elif wa_id.startswith("521") and len(wa_id) == 13:
        return f"52{wa_id[3:]}", wa_id
    elif wa_id.startswith("52") and len(wa_id) == 12:
        return wa_id, f"521{wa_id[2:]}"
    return (wa_id,)


def canonical_phone(wa_id: str) -> str:
    """Return the E.164 form, with ``+``: Brazil with its ninth digit, Mexico without the 1."""
    return f"+{subscriber_spellings(wa_id)[0]}"


def lookup_spellings(phone: str) -> tuple[str, ...]:
    """Return the E.164 digits under which a CRM may hold this phone, canonical first.

    Adds Argentina's 54 beside 549: good enough to find a candidate in a CRM, which is then
    verified, but never an alias, since 54 without the 9 may be somebody's landline.
    """
    digits = phone.removeprefix("+")
    spellings = subscriber_spellings(digits)
    if digits.startswith("549") and len(digits) == 13:
        spellings += (f"54{digits[3:]}",)
    return spellings
