"""One process of the connector within another: a worker, its destination and its lease."""

import random
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from connector.config.models import TuningSettings
from connector.crm.budget import Budgets
from connector.crm.client import CrmClient
from connector.crm.settings import AdapterSettings
from connector.deliver.destination import Destination, RenderSettings
from connector.deliver.standing import Gatekeeper
from connector.deliver.worker import Worker
from connector.ledger.keeper import HeldLease
from connector.ledger.leases import Lease
from connector.ledger.ledger import Ledger
from connector.mapping.load import load_mapping
from connector.mapping.models import Mapping
from connector.model.number import Number
from connector.model.record import CrmObject
from connector.record.routing import Route
from faults.memory import MemoryCrm
from faults.memory_adapter import MemoryAdapter

NAME: Final = "crm"
TUNING: Final = TuningSettings(
    request_timeout=2,
    send_gate=0.5,
    quiet_period=5,
    verify_gap=1,
    lease=10,
    backoff_min=0.1,
    backoff_max=1,
    breaker_min=0.3,
    breaker_max=1,
    probe=0.5,
)
_MAPPING: Final = """
[contact]
object = "contacts"
key = "wa_key"
match = ["phone"]
on_many = "oldest"
[contact.fields]
name = "{{{{ contact.display_name }}}}"
phone = {{ value = "{{{{ contact.phone.e164 }}}}", write = "if_empty" }}
[message]
object = "messages"
key = "wa_key"
[message.fields]
body = "{{{{ message.text }}}}"
at = "{{{{ message.sent_at }}}}"
note = "{edition} {{{{ message.direction }}}}"
"""


@dataclass(slots=True)
class Process:
    """One process of the connector, as far as delivery goes."""

    worker: Worker
    adapter: MemoryAdapter
    held: HeldLease
    client: CrmClient
    gatekeeper: Gatekeeper
    known: int = 0
    """The youngest delivery when its turn began: what is younger, it can not know of."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What kind of CRM it is: which records it knows by our key, and how many it takes at once."""

    by_key: frozenset[str]
    batch: int = 1
    concurrency: int = 1
    untraceable: bool = False
    """Whether nothing can be looked up by our key."""


SHAPES: Final = {
    "unique": Shape(frozenset({"contact", "message"}), batch=3),
    "mixed": Shape(frozenset({"contact"}), concurrency=3),
    "lookup": Shape(frozenset(), concurrency=3),
    "create": Shape(frozenset(), untraceable=True),
}
"""HubSpot; HubSpot without unique communications; Pipedrive; a CRM that can only create."""


def start_process(
    ledger: Ledger, crm: MemoryCrm, mapping: Mapping, shape: Shape, lease: Lease, *, since: float
) -> Process:
    """Start a process that has claimed a lease, counted from ``since`` on the boot clock."""
    adapter = MemoryAdapter(
        crm,
        batch=shape.batch,
        concurrency=shape.concurrency,
        untraceable=shape.untraceable,
        deadline=TUNING.request_timeout,
    )
    client = CrmClient(
        destination=NAME,
        settings=AdapterSettings.model_construct(allow_networks=[]),
        budgets=Budgets({}, clock=crm.clock),
        request_timeout=TUNING.request_timeout,
        clock=crm.clock,
    )
    destination = Destination(
        name=NAME,
        adapter=adapter,
        client=client,
        mapping=mapping,
        contact=CrmObject("contacts", "contact", key="wa_key"),
        message=CrmObject("messages", "message", key="wa_key"),
        numbers={"Vendas": Number("Vendas", country="BR")},
        render_settings=RenderSettings("pt-BR", ZoneInfo("America/Sao_Paulo")),
        batch_wait=timedelta(0),
        country="BR",
    )
    draw = random.Random(0)  # noqa: S311 - jitter, no secret
    worker = Worker(ledger, destination, tuning=TUNING, draw=draw)
    held = HeldLease(ledger, lease, life=TUNING.lease, since=since)
    return Process(worker, adapter, held, client, worker.gatekeeper(held))


def write_mapping(folder: Path, edition: int) -> Mapping:
    """Return the mapping as an admin edited it for the n-th time."""
    (folder / "memory.toml").write_text(_MAPPING.format(edition=edition))
    return load_mapping("memory.toml", folder=folder, adapter="hubspot")


def route(mapping: Mapping) -> Route:
    """Return what the recorder puts on this destination's lanes."""
    return Route(
        destination=NAME,
        numbers=None,
        granularity="message",
        contact_uses=mapping.uses("contact"),
        message_uses=mapping.uses("message"),
    )
