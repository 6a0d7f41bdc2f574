"""A mapping whose API answers as a test says."""

import asyncio
from collections.abc import Callable
from typing import Any

from connector.crm.registry import Connection
from connector.model.record import CrmObject

Speak = Callable[..., Connection]
PEOPLE = CrmObject("people", "contact")

MAPPING = """
[auth]
kind = "none"
{rules}
[contact]
object = "people"
once = "lookup"
[contact.find]
path = "/people"
query = {{ phone = "{{{{ phone.e164 }}}}" }}
records = "/items"
id = "/id"
phones = ["/phone"]
{paging}
[contact.lookup]
path = "/people"
query = {{ ref = "{{{{ key }}}}" }}
records = "/items"
id = "/id"
marker = "/ref"
strong = true
[contact.create]
path = "/people"
body = "{{{{ fields }}}}"
id = "/id"
conflict_id = "/existing/0"
[contact.update]
path = "/people/{{{{ crm_id }}}}"
body = "{{{{ fields }}}}"
[contact.list]
path = "/people"
records = "/items"
id = "/id"
changed = "/at"
{paging}
[message]
object = "notes"
once = "put"
[message.put]
path = "/notes/{{{{ key }}}}"
body = "{{{{ fields }}}}"
id = "/id"
"""


def mapping(rules: str = "", paging: str = "") -> str:
    return MAPPING.format(rules=rules, paging=paging)


def run(connection: Connection, work: Callable[[Any], Any]) -> Any:
    async def go() -> Any:
        try:
            return await work(connection.adapter)
        finally:
            await connection.aclose()

    return asyncio.run(go())
