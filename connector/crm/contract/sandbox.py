"""What the contract asks of a sandbox of a CRM: to be looked into, and to be harmed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from connector.crm.registry import Connection
from connector.model.record import CrmObject, FieldValue, JsonScalar

Harm = Literal["throttled", "unavailable", "lost_answer", "unauthorized"]
Verb = Literal["write", "read", "find"]


@dataclass(frozen=True, slots=True)
class SeenContact:
    """A contact as it stands in the sandbox."""

    crm_id: str
    key: str | None
    name: str
    phone: str | None


@dataclass(frozen=True, slots=True)
class SeenMessage:
    """A message as it stands in the sandbox; ``key`` wherever the CRM carries it."""

    crm_id: str
    key: str | None
    text: str
    contact_ids: frozenset[str]


class SandboxCrm(Protocol):
    """A sandbox of a CRM, running and set up, which a test may look into and harm."""

    contact: CrmObject
    message: CrmObject

    def connect(self, *, request_timeout: float = 10, credentials: str = "good") -> Connection:
        """Return the adapter; ``credentials`` are ``good``, ``wrong`` or ``lacking`` a right."""
        ...

    def connect_to_nobody(self) -> Connection:
        """Return the adapter of an address where nothing listens."""
        ...

    def contact_fields(self, name: str, phone: str | None = None) -> Mapping[str, FieldValue]:
        """Return what a mapping would render for a contact."""
        ...

    def bad_fields(self) -> tuple[Mapping[str, FieldValue], str]:
        """Return fields with which the CRM refuses a contact, and the name of the one at fault."""
        ...

    def message_fields(self, text: str, contact_crm_id: str) -> Mapping[str, FieldValue]:
        """Return what a mapping would render for a message."""
        ...

    def read_name(self, fields: Mapping[str, JsonScalar]) -> str:
        """Return the name that a contact's fields hold."""
        ...

    def add_contact(self, name: str, phone: str | None = None, *, key: str | None = None) -> str:
        """Make a contact as people do, or an earlier installation of ours (``key``)."""
        ...

    def contacts(self) -> Sequence[SeenContact]:
        """Return every contact."""
        ...

    def messages(self) -> Sequence[SeenMessage]:
        """Return every message."""
        ...

    def merge_contacts(self, winner: str, loser: str) -> str:
        """Merge two contacts as people do; return the id of the one that is left."""
        ...

    def delete_contact(self, crm_id: str) -> None:
        """Delete a contact as people do."""
        ...

    def harm(self, kind: Harm, verb: Verb, obj: CrmObject) -> None:
        """Let the next call of that kind go wrong: ``lost_answer`` applies it and says nothing."""
        ...

    def index(self) -> None:
        """Let searches see everything now."""
        ...

    def undo_setup(self) -> None:
        """Take away what ``setup`` makes."""
        ...
