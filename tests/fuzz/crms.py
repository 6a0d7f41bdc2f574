"""The three adapters against their sandboxes in this process, with harm between them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx

from adapters.hubspot import HubSpotSettings
from adapters.pipedrive import PipedriveSettings
from adapters.rest import RestSettings
from connector.clock import SystemClock
from connector.config.secret import Secret
from connector.config.units import Rate
from connector.crm.registry import Connection, build_adapter
from connector.errors import ConnectorError
from connector.mapping.load import load_mapping
from connector.model.outcome import Outcome
from connector.model.record import CrmObject, FieldValue, Lookup, Record
from connector.sandbox import hubspot, pipedrive, rest
from tests.fuzz.harm import Harm
from tests.fuzz.searched import SEARCHED, serve_searched

TOKEN: Final = "a-good-token-of-the-fuzzers"
_FAST: Final = Rate(requests=100_000, per=timedelta(seconds=1))
_MANY: Final = 10**9
_ASKED_OF_ONE: Final = 25
"""Questions to one adapter."""
_SINCE: Final = datetime(2026, 1, 1, tzinfo=UTC)
NAMES: Final = ("hubspot", "pipedrive", "rest", "searched")
Work = Callable[[Any, "Crm"], Awaitable[Any]]


@dataclass
class Crm:
    """One kind of CRM, ready to be asked."""

    name: str
    build: Callable[[Harm], Connection]
    harm: Harm
    contact: CrmObject
    message: CrmObject
    contact_fields: dict[str, FieldValue]
    message_fields: dict[str, FieldValue]
    _at: Connection | None = None
    _asked: int = 0

    def record(self, key: str, crm_id: str | None = None) -> Record:
        """Return a contact to write."""
        return Record(key, self.contact_fields, crm_id)

    async def ask(self, work: "Work", seeds: Sequence[int]) -> Any:
        """Do one thing with the adapter, the answers harmed from the first; errors are returned.

        Only what the connector raises on purpose is; anything else is a finding.
        """
        adapter = await self._described()
        self.harm.seeds = list(seeds)
        try:
            async with asyncio.timeout(20):
                return await work(adapter, self)
        except ConnectorError as error:
            return error
        finally:
            self.harm.seeds.clear()
            if work is describe:
                self._asked = 0  # what it knows of the schema may be harmed

    async def _described(self) -> Any:
        """Return an adapter that knows the schema; a new one now and then."""
        if self._asked % _ASKED_OF_ONE == 0:
            await self.close()
            self._at = self.build(self.harm)
            for obj in (self.contact, self.message):
                await self._at.adapter.describe(obj)
        self._asked += 1
        assert self._at is not None
        return self._at.adapter

    async def close(self) -> None:
        """Close the connections."""
        if self._at is not None:
            await self._at.client.aclose()


async def describe(adapter: Any, crm: Crm) -> Any:
    """Read the schema."""
    found = await adapter.describe(crm.contact)
    assert all(name and info.type for name, info in found.items())
    return found


async def find(adapter: Any, crm: Crm) -> Any:
    """Look for somebody by phone and by key."""
    lookups = [Lookup(key="wc_1", phones=("5511987654321",), country="BR"), Lookup(key="wc_2")]
    found = await adapter.find(crm.contact, lookups)
    assert len(found) == 2
    assert all(isinstance(each, str) and each for ids in found for each in ids)
    return found


async def create(adapter: Any, crm: Crm) -> Any:
    """Write contacts that have no record."""
    most = min(3, adapter.limits.upsert[crm.contact.name])
    records = [crm.record(f"wc_new_{at}") for at in range(most)]
    return _outcomes(await adapter.upsert(crm.contact, records), records)


async def create_messages(adapter: Any, crm: Crm) -> Any:
    """Write messages that have no record."""
    most = min(3, adapter.limits.upsert[crm.message.name])
    links = {"contact": "1"}
    records = [Record(f"wm_{at}", crm.message_fields, linked_crm_ids=links) for at in range(most)]
    return _outcomes(await adapter.upsert(crm.message, records), records)


async def update(adapter: Any, crm: Crm) -> Any:
    """Write contacts that have one."""
    records = [crm.record("wc_1", "1")]
    return _outcomes(await adapter.upsert(crm.contact, records), records)


async def read(adapter: Any, crm: Crm) -> Any:
    """Read contacts back."""
    found = await adapter.read(crm.contact, ["1", "2"], list(crm.contact_fields))
    assert set(found) <= {"1", "2"}
    return found


async def erase(adapter: Any, crm: Crm) -> Any:
    """Delete."""
    return await adapter.erase(crm.contact, ["77"])


async def account(adapter: Any, _crm: Crm) -> Any:
    """Ask who we are."""
    return await adapter.account()


async def look_at_setup(adapter: Any, _crm: Crm) -> Any:
    """Ask what is lacking."""
    return await adapter.setup(apply=False)


async def walk(adapter: Any, crm: Crm) -> Any:
    """List what changed, a few pages of it."""
    cursor: str | None = None
    pages = []
    for _ in range(3):
        page = await adapter.list(crm.contact, _SINCE, cursor)
        pages.append(page)
        cursor = page.cursor
        if cursor is None:
            break
    return pages


WORKS: Final[Sequence[Work]] = (
    describe,
    find,
    create,
    create_messages,
    update,
    read,
    erase,
    account,
    look_at_setup,
    walk,
)


def _outcomes(found: Sequence[Outcome], records: Sequence[Record]) -> Sequence[Outcome]:
    assert len(found) == len(records)
    assert all(isinstance(each, Outcome) for each in found)
    return found


def _secret() -> Secret:
    return Secret(env="T", environ={"T": TOKEN})


def make_crm(name: str, folder: Path) -> Crm:
    """Return one of ``NAMES``, set up and with a contact in it."""
    make = {"hubspot": _hubspot, "pipedrive": _pipedrive, "rest": _rest, "searched": _searched}
    crm = make[name](folder)
    asyncio.run(_fill(crm))
    return crm


async def _fill(crm: Crm) -> None:
    at = crm.build(crm.harm)
    await at.adapter.setup(apply=True)
    await at.adapter.describe(crm.contact)
    await at.adapter.describe(crm.message)
    await at.adapter.upsert(crm.contact, [crm.record("wc_1")])
    await at.client.aclose()


def _hubspot(_folder: Path) -> Crm:
    portal = hubspot.Portal(
        settings=hubspot.Settings(
            burst_limit=_MANY, daily_limit=_MANY, search_limit=_MANY, index_lag=0
        )
    )
    portal.access.grant(TOKEN)
    return _crm(
        "hubspot",
        hubspot.build_app(portal),
        HubSpotSettings(
            adapter="hubspot", base_url="http://localhost:1", token=_secret(), rate=_FAST
        ),
        contact=CrmObject("contacts", "contact", "wa_contact_key"),
        message=CrmObject("communications", "message", "wa_message_key"),
        contact_fields={"firstname": "Ana", "phone": "+5511987654321"},
        message_fields={
            "hs_timestamp": datetime.now(UTC),
            "hs_communication_body": "<p>Olá</p>",
            "hs_communication_channel_type": "WHATS_APP",
            "hs_communication_logged_from": "CRM",
        },
    )


def _pipedrive(_folder: Path) -> Crm:
    company = pipedrive.Company(
        settings=pipedrive.Settings(
            burst_limit=_MANY, daily_tokens=_MANY, search_limit=_MANY, index_lag=0
        )
    )
    company.access.grant(TOKEN)
    return _crm(
        "pipedrive",
        pipedrive.build_app(company),
        PipedriveSettings(
            adapter="pipedrive", base_url="http://localhost:1", token=_secret(), rate=_FAST
        ),
        contact=CrmObject("persons", "contact", "WhatsApp key"),
        message=CrmObject("activities", "message"),
        contact_fields={"name": "Ana", "phones": "+5511987654321"},
        message_fields={"subject": "WhatsApp · Ana", "note": "<p>Olá</p>"},
    )


def _rest(folder: Path) -> Crm:
    mapping = load_mapping("rest/sandbox", folder=folder, adapter="rest")
    own = rest.Account(settings=rest.Settings(rate_limit=_MANY))
    own.access.grant(TOKEN)
    return _crm(
        "rest",
        rest.build_app(own),
        RestSettings(
            adapter="rest",
            mapping="rest/sandbox",
            base_url="http://localhost:1",
            token=_secret(),
            rate=_FAST,
        ),
        contact=CrmObject(mapping.contact.object, "contact", mapping.contact.key),
        message=CrmObject(mapping.message.object, "message", mapping.message.key),
        contact_fields={"name": "Ana", "phone": "+5511987654321"},
        message_fields={"text": "Olá", "contact_id": 1},
        requests=mapping.requests,
    )


def _searched(folder: Path) -> Crm:
    (folder / "searched.toml").write_text(SEARCHED, encoding="utf-8")
    mapping = load_mapping("searched.toml", folder=folder, adapter="rest")
    return _crm(
        "searched",
        None,
        RestSettings(adapter="rest", mapping="rest/sandbox", base_url="http://localhost:1"),
        contact=CrmObject(mapping.contact.object, "contact", mapping.contact.key),
        message=CrmObject(mapping.message.object, "message", mapping.message.key),
        contact_fields={"name": "Ana"},
        message_fields={"text": "Olá [wm_0]"},
        requests=mapping.requests,
        inner=httpx.MockTransport(serve_searched),
    )


def _crm(
    name: str,
    app: Any,
    settings: Any,
    *,
    contact: CrmObject,
    message: CrmObject,
    contact_fields: dict[str, FieldValue],
    message_fields: dict[str, FieldValue],
    requests: Any = None,
    inner: httpx.AsyncBaseTransport | None = None,
) -> Crm:

    def build(harm: Harm) -> Connection:
        return build_adapter(
            settings,
            destination=name,
            contact=contact,
            message=message,
            requests=requests or {},
            request_timeout=5,
            clock=SystemClock(),
            transport=harm,
        )

    return Crm(
        name,
        build,
        Harm(inner or httpx.ASGITransport(app=app)),
        contact,
        message,
        contact_fields,
        message_fields,
    )
