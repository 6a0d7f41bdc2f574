"""The page for people: contacts and their timelines."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from connector.sandbox.people import Entry, Person
from connector.sandbox.rest.account import Account
from connector.sandbox.rest.store import Stored


class Contacts:
    """The contacts of an account, as the page asks for them."""

    noun = "contact"
    fields = "Fields"

    def __init__(self, account: Account) -> None:
        self._account = account

    @property
    def title(self) -> str:
        """The name that the account was given."""
        return self._account.settings.name

    def about(self) -> Sequence[str]:
        """Return nothing: this CRM has no more to say of itself."""
        return []

    def counts(self) -> Mapping[str, int]:
        """Return how many records there are, by kind."""
        return self._account.store.counts()

    def people(self, after: int, limit: int) -> Sequence[Stored]:
        """Return contacts after an id."""
        found = self._account.store.live("contacts", "id > ?", (after,))
        return sorted(found, key=lambda each: each.id)[:limit]

    def show(self, person: Stored) -> Person:
        """Return a contact with its messages."""
        messages = self._account.store.live("messages", "contact = ?", (person.id,))
        return Person(
            id=person.id,
            name=person.fields.get("name", ""),
            phone=person.fields.get("phone", ""),
            fields=sorted(person.fields.items()),
            timeline=[self._entry(each) for each in messages],
            total=len(messages),
        )

    def _entry(self, message: Stored) -> Entry:
        try:
            moment = datetime.fromisoformat(str(message.fields.get("sent_at"))).timestamp()
        except ValueError:
            moment = message.created
        zone = ZoneInfo(self._account.settings.time_zone)
        return Entry(
            id=message.id,
            moment=moment,
            at=datetime.fromtimestamp(moment, zone).strftime("%d/%m/%Y %H:%M"),
            what=str(message.fields.get("direction", "")),
            body=str(message.fields.get("text", "")),
        )
