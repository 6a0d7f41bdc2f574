"""A sandbox CRM over HTTP, as the contract of adapters uses one, by its side door."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, TypeVar

import httpx
from starlette.applications import Starlette

from connector.sandbox.server import serve_in_thread


class ServedSandbox:
    """A running sandbox. Kinds of CRMs add what their contract needs beyond the side door."""

    people: str
    """What the CRM calls the records of people."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, trust_env=False, timeout=30)

    def close(self) -> None:
        self.http.close()

    def order(self, method: str, path: str, body: object = None) -> Any:
        """Ask or order something at the side door."""
        answer = self.http.request(method, f"/_sandbox{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def records(self, kind: str) -> list[dict[str, Any]]:
        """Return every record of a kind, as the side door shows it."""
        return list(self.order("GET", f"/state?objects={kind}")[kind])

    def create(self, kind: str, **content: Any) -> str:
        """Make a record as people do; return its id."""
        return str(self.order("POST", "/create", {"type": kind, **content})["id"])

    def delete_contact(self, crm_id: str) -> None:
        self.order("POST", "/delete", {"type": self.people, "id": int(crm_id)})

    def index(self) -> None:
        self.order("POST", "/index")

    def undo_setup(self) -> None:
        self.order("POST", "/reset", {"schema": True})

    def calls(self) -> Sequence[Mapping[str, Any]]:
        """Return the calls of the API since they were last forgotten, in order."""
        return list(self.order("GET", "/calls")["calls"])

    def forget_calls(self) -> None:
        self.order("DELETE", "/calls")


Served = TypeVar("Served", bound=ServedSandbox)


@contextmanager
def served(app: Starlette, see: Callable[[str], Served]) -> Iterator[Served]:
    """Serve an application for the time of the block; ``see`` makes the sandbox of its address."""
    with serve_in_thread(app) as url, closing(see(url)) as sandbox:
        yield sandbox
