"""A real server whose CRM is spoken to by a preset, behind a wire that can do harm."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import httpx
import pytest

from adapters.rest import RestSettings
from connector.clock import SystemClock
from connector.crm.registry import Connection, build_adapter
from connector.mapping.load import load_mapping
from connector.model.record import CrmObject, FieldValue, JsonScalar
from connector.sandbox.server import serve_in_thread
from connector.sandbox.wire import Refusals, Wire
from tests.adapters.proxy import Proxy


class ServerBehindWire(ABC):
    """A server as the contract asks for one: what is the same whatever it is."""

    preset: ClassVar[str]

    def __init__(self, url: str, wire: Wire, api: httpx.Client) -> None:
        """``url`` leads through the wire; ``api`` past it, to the server itself."""
        self.url = url
        self.wire = wire
        self.mapping = load_mapping(self.preset, folder=Path(), adapter="rest")
        self.contact = CrmObject("contacts", "contact")
        self.message = CrmObject("messages", "message")
        self._api = api

    @abstractmethod
    def clear(self) -> None:
        """Begin with what the preset sets up, empty."""

    @abstractmethod
    def credentials(self, which: str) -> Mapping[str, Any]:
        """Return what stands in the configuration; only ``good`` is let in."""

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Call the server itself, and return what it answers."""
        answer = self._api.request(method, path, json=body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def close(self) -> None:
        self._api.close()

    def connect(
        self, *, request_timeout: float = 30, credentials: str = "good", **options: Any
    ) -> Connection:
        settings = RestSettings(
            **{
                "adapter": "rest",
                "mapping": self.preset,
                "base_url": self.url,
                **self.credentials(credentials),
                **options,
            }
        )
        return build_adapter(
            settings,
            destination=self.preset.rpartition("/")[2],
            contact=self.contact,
            message=self.message,
            requests=self.mapping.requests,
            request_timeout=request_timeout,
            clock=SystemClock(),
        )

    def connect_to_nobody(self) -> Connection:
        return self.connect(base_url="http://127.0.0.1:1")

    def contact_fields(self, name: str, phone: str | None = None) -> Mapping[str, FieldValue]:
        return {"name": name} if phone is None else {"name": name, "phone": phone}

    def read_name(self, fields: Mapping[str, JsonScalar]) -> str:
        return str(fields["name"])

    def merge_contacts(self, winner: str, loser: str) -> str:
        pytest.fail(f"{self.preset} can not join {loser} to {winner}: name the case in `cannot`")

    def index(self) -> None:  # noqa: B027 - there is nothing to do for the others to add to
        """Do nothing: such a server finds what it has just taken."""


Server = TypeVar("Server", bound=ServerBehindWire)


@contextmanager
def stand_before(
    target: str,
    make: Callable[[str, str, Wire], Server],
    *,
    name_call: Callable[[str], str],
    refusals: Refusals,
) -> Iterator[Server]:
    """Stand before a running server for the time of the block; ``make`` takes url, target, wire."""
    proxy = Proxy(target)
    wire = Wire(proxy, name_call=name_call, refusals=refusals)
    with serve_in_thread(wire) as url:
        server = make(url, target, wire)
        server.clear()
        try:
            yield server
        finally:
            server.close()
    proxy.close()
