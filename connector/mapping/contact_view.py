"""``contact`` in templates. A view computes nothing until a template asks."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import phonenumbers

from connector.mapping.content import word_or_none
from connector.mapping.lazy import Lazy
from connector.mapping.mask import mask_text
from connector.mapping.setting import Setting
from connector.mapping.words import words_of
from connector.model.contact import Contact
from connector.model.identity import USER_ID
from connector.template.clean import NAME_LENGTH, clean_text


class Phone:
    """``contact.phone`` in templates: the forms CRMs want; without a phone, all are nothing."""

    def __init__(self, e164: str | None) -> None:
        self.e164 = f"+{e164.removeprefix('+')}" if e164 else None

    @property
    def digits(self) -> str | None:
        """Country code, area code and local number."""
        return self.e164[1:] if self.e164 else None

    @property
    def national(self) -> str | None:
        """Area code and local number, digits only."""
        return _take_apart(self.e164).national if self.e164 else None

    @property
    def country(self) -> str | None:
        """The ISO 3166 code of the country."""
        return _take_apart(self.e164).country if self.e164 else None

    @property
    def shown(self) -> str | None:
        """As people write it for people of other countries."""
        return _take_apart(self.e164).shown if self.e164 else None


class _Parts(NamedTuple):
    national: str
    country: str | None
    shown: str


@lru_cache(maxsize=8192)
def _take_apart(e164: str) -> _Parts:
    """Ask the numbering plans of the world, which takes long the first time for each phone."""
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return _Parts(e164[1:], None, e164)
    return _Parts(
        phonenumbers.national_significant_number(number),
        _country_of(number),
        phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL),
    )


def _country_of(number: phonenumbers.PhoneNumber) -> str | None:
    region = phonenumbers.region_code_for_number(number)
    if region is None:  # a range the tables do not know yet: the country code still tells
        region = phonenumbers.region_code_for_country_code(number.country_code or 0)
    return region if region and region.isalpha() else None


class ContactView:
    """``contact`` in templates."""

    def __init__(
        self,
        contact: Contact,
        setting: Setting,
        *,
        crm_id: str | None,
        country: str | None,
    ) -> None:
        self._contact = contact
        self._setting = setting
        self._assumed_country = country
        self.key = contact.key
        self.crm_id = crm_id
        self.whatsapp_id = contact.wa_id
        self.user_id = contact.user_id
        self.username = (contact.username or "").removeprefix("@") or None
        self.labels = contact.labels
        self.first_seen_at = contact.first_seen_at

    @property
    def phone(self) -> Phone:
        """The phone, which WhatsApp may never have shown."""
        return Phone(self._contact.phone)

    @property
    def country(self) -> str | None:
        """From the phone, else the user id, else the country of the number that was written to."""
        if self._contact.phone and (country := self.phone.country):
            return country
        user_id = self._contact.user_id
        if user_id and USER_ID.fullmatch(user_id):
            return user_id[:2]
        return self._assumed_country

    @Lazy
    def profile_name(self) -> str | None:
        """Return the name a person gave to WhatsApp, on one line."""
        name = self._contact.profile_name
        if not name:
            return None
        line = " ".join(mask_text(clean_text(name), self._setting.mask).split())
        return line[:NAME_LENGTH] or None

    @Lazy
    def display_name(self) -> str:
        """Return the profile's name, the username, the phone, or a name of ours; never nothing."""
        contact = self._contact
        if name := self.profile_name:
            return name
        if self.username:
            return f"@{self.username}"
        if phone := self.phone.shown:
            return phone
        user = words_of(self._setting.language)["user"]
        known = contact.user_id or contact.wa_id
        return f"{user} {self.country or '??'}·{known[-4:]}" if known else user

    @property
    def first_name(self) -> str | None:
        """The first word of the profile's name that has a letter."""
        return _split_name(self.profile_name)[0]

    @property
    def last_name(self) -> str | None:
        """Whatever follows the first name."""
        return _split_name(self.profile_name)[1]

    @property
    def marketing_opt_out(self) -> bool:
        """Whether the person asked for no more marketing."""
        return self._contact.marketing_opt_out_at is not None

    @property
    def last_message_at(self) -> datetime | None:
        """When either side last wrote."""
        times = (self._contact.last_inbound_at, self._contact.last_outbound_at)
        return max((time for time in times if time is not None), default=None)

    @property
    def referral(self) -> "Referral":
        """The advertisement the person first came from."""
        return Referral(self._contact.referral)


def _split_name(name: str | None) -> tuple[str | None, str | None]:
    words = [word for word in (name or "").split() if any(char.isalnum() for char in word)]
    if not words:
        return None, None
    return words[0], " ".join(words[1:]) or None


class Referral:
    """``contact.referral`` in templates: WhatsApp may leave out any part."""

    def __init__(self, referral: Mapping[str, Any]) -> None:
        self.source_url = word_or_none(referral, "source_url")
        self.source_id = word_or_none(referral, "source_id")
        self.source_type = word_or_none(referral, "source_type")
        self.headline = word_or_none(referral, "headline")
        self.body = word_or_none(referral, "body")
        self.media_type = word_or_none(referral, "media_type")
        self.image_url = word_or_none(referral, "image_url")
        self.video_url = word_or_none(referral, "video_url")
        self.thumbnail_url = word_or_none(referral, "thumbnail_url")
        self.ctwa_clid = word_or_none(referral, "ctwa_clid")
        welcome = referral.get("welcome_message")
        self.welcome_message = (
            word_or_none(welcome, "text")
            if isinstance(welcome, Mapping)
            else word_or_none(referral, "welcome_message")
        )
