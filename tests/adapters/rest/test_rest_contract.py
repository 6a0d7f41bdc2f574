"""The adapter's contract, by every way in which a mapping keeps records single."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import pytest

from connector.crm.contract import AdapterContract, SandboxCrm

_NO_SCHEMA = "an API that only a mapping knows has no schema to ask for"
_NO_SCOPES = "what a token may do, an unknown API does not tell"
_NO_SETUP = "this CRM needs no setting up; Kinto, which does, is tested with its own server"

LOOKUP = """
extends = "rest/sandbox"
[contact]
once = "lookup"
[contact.create]
path = "/v1/contacts"
body = "{{ fields }}"
id = "/data/id"
[message]
once = "lookup"
[message.create]
path = "/v1/messages"
body = "{{ fields }}"
id = "/data/id"
[message.lookup]
query = { contact_id = "{{ contact.crm_id }}" }
"""

HEADER = """
extends = "rest/sandbox"
[contact]
once = "header"
key_ttl = "24h"
[contact.create]
path = "/v1/contacts"
headers = { Idempotency-Key = "{{ idempotency_key }}" }
body = "{{ fields }}"
id = "/data/id"
[message]
once = "header"
key_ttl = "24h"
[message.create]
path = "/v1/messages"
headers = { Idempotency-Key = "{{ idempotency_key }}" }
body = "{{ fields }}"
id = "/data/id"
"""

BATCHES = """
extends = "rest/sandbox"
[contact.put]
path = "/v1/contacts/batch"
body = { records = "{{ records }}" }
id = "/data/id"
batch = { max = 50, results = "/data", id = "/details/id", code = "/code", ok = "SUCCESS" }
[message.put]
path = "/v1/messages/batch"
body = { records = "{{ records }}" }
batch = { max = 50, results = "/data", id = "/details/id", code = "/code", ok = "SUCCESS" }
"""


class RestContract(AdapterContract):
    mapping: ClassVar[str | None] = None
    cannot: ClassVar[Mapping[str, str]] = {
        "test_the_schema_tells_types_options_and_what_is_read_only": _NO_SCHEMA,
        "test_a_missing_permission_is_named": _NO_SCOPES,
        "test_setup_tells_first_then_does_it_and_does_it_once": _NO_SETUP,
        "test_without_its_set_up_the_destination_pauses": _NO_SETUP,
    }

    @pytest.fixture
    def crm(self, start_rest: Any) -> Iterator[SandboxCrm]:
        with start_rest(self.mapping) as sandbox:
            yield sandbox


class TestPut(RestContract):
    """A record is put under our key."""


class TestLookup(RestContract):
    """A record is created, and looked for before it is created again."""

    mapping: ClassVar[str | None] = LOOKUP


class TestHeader(RestContract):
    """A record is created with an idempotency key."""

    mapping: ClassVar[str | None] = HEADER


class TestBatches(RestContract):
    """Records are put many at once, and answered one by one."""

    mapping: ClassVar[str | None] = BATCHES
    cannot: ClassVar[Mapping[str, str]] = {
        **RestContract.cannot,
        "test_a_message_to_a_contact_that_was_deleted_has_vanished": (
            "in a batch the CRM says by a code of its own that the contact is gone"
        ),
    }
