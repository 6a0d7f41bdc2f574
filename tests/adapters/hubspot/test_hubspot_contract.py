"""The adapter's contract, against portals of every kind that the adapter tells apart."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import pytest

from connector.crm.contract import AdapterContract, SandboxCrm


class HubSpotContract(AdapterContract):
    portal: ClassVar[Mapping[str, Any]] = {}

    @pytest.fixture
    def crm(self, start_portal: Any) -> Iterator[SandboxCrm]:
        with start_portal(**self.portal) as sandbox:
            yield sandbox


class TestAPortalThatTakesUniqueMessages(HubSpotContract):
    """Messages are upserted by key, then linked."""


class TestAPortalThatAnswersOtherwise(HubSpotContract):
    """Each documented alternative in which HubSpot's answers may differ."""

    portal: ClassVar[Mapping[str, Any]] = {
        "unique_clash_status": 400,
        "nested_errors": True,
        "merge_keeps_primary_id": True,
        "association_page": 2,
    }


class TestAPortalThatRefusesUniqueMessages(HubSpotContract):
    """Messages are created with their links, and looked up by a property when in doubt."""

    portal: ClassVar[Mapping[str, Any]] = {"refuse_unique_on": ("communications",)}


class TestNotesWithoutAProperty(HubSpotContract):
    """Messages are notes that carry our key in their text."""

    portal: ClassVar[Mapping[str, Any]] = {"messages": "notes", "message_key": None}
