"""Who an element of a webhook is about: its own ids, joined with the contact cards beside it."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from connector.model.identity import AliasKind, Identity, classify, subscriber_spellings
from connector.record.payload import block, items, some_words

_NOBODY = Identity()


class People:
    """The ``contacts`` of one change, found by user id, then by phone, never by position."""

    def __init__(self, cards: object) -> None:
        self._by_user_id: dict[str, Identity] = {}
        self._by_phone: dict[str, Identity] = {}
        for card in items(cards):
            if isinstance(card, dict):
                self._add(_read_card(card))

    def _add(self, person: Identity) -> None:
        if person.user_id is not None:
            self._by_user_id.setdefault(person.user_id, person)
        if person.wa_id is not None:
            self._by_phone.setdefault(subscriber_spellings(person.wa_id)[0], person)

    def identify(self, *values: object) -> Identity:
        """Return the person that ids found in an element name; what kind each is, its form says."""
        found: dict[AliasKind, str] = {}
        for value in values:
            kind_and_id = _classify(value)
            if kind_and_id is not None:
                found.setdefault(*kind_and_id)
        user_id, wa_id = found.get("user_id"), found.get("wa_id")
        card = self._find(user_id, wa_id)
        return Identity(
            user_id=user_id or card.user_id,
            parent_user_id=found.get("parent_user_id") or card.parent_user_id,
            wa_id=wa_id or card.wa_id,
            username=card.username,
            profile_name=card.profile_name,
        )

    def _find(self, user_id: str | None, wa_id: str | None) -> Identity:
        card = None
        if user_id is not None:
            card = self._by_user_id.get(user_id)
        if card is None and wa_id is not None:
            card = self._by_phone.get(subscriber_spellings(wa_id)[0])
            if card is not None and user_id is not None and card.user_id not in {None, user_id}:
                return _NOBODY  # the same phone on somebody else's card
        return card or _NOBODY

    @property
    def everybody(self) -> list[Identity]:
        """Return every card that names somebody."""
        return list(dict.fromkeys((*self._by_user_id.values(), *self._by_phone.values())))


def _read_card(card: Mapping[str, Any]) -> Identity:
    found: dict[AliasKind, str] = {}
    for name in ("user_id", "wa_id", "parent_user_id"):
        kind_and_id = _classify(card.get(name))
        if kind_and_id is not None:
            found.setdefault(*kind_and_id)
    profile = block(card.get("profile"))
    return Identity(
        user_id=found.get("user_id"),
        parent_user_id=found.get("parent_user_id"),
        wa_id=found.get("wa_id"),
        username=read_username(profile.get("username")),
        profile_name=some_words(profile.get("name")),
    )


def read_username(value: object) -> str | None:
    """Return a username without the ``@`` that some payloads put before it."""
    name = some_words(value)
    return (name.strip().removeprefix("@") or None) if name else None


def _classify(value: object) -> tuple[AliasKind, str] | None:
    return _classify_text(value) if isinstance(value, str) else classify(value)


@lru_cache(maxsize=8192)
def _classify_text(value: str) -> tuple[AliasKind, str] | None:
    return classify(value)
