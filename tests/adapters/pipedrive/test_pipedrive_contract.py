"""The adapter's contract, against companies that answer in every undocumented way."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import pytest

from connector.crm.contract import AdapterContract, SandboxCrm


class PipedriveContract(AdapterContract):
    company: ClassVar[Mapping[str, Any]] = {}

    @pytest.fixture
    def crm(self, start_company: Any) -> Iterator[SandboxCrm]:
        with start_company(**self.company) as sandbox:
            yield sandbox


class TestActivities(PipedriveContract):
    """Messages are activities, with our mark in the subject."""


class TestNotes(PipedriveContract):
    """Messages are notes of v1, with our mark in the text."""

    company: ClassVar[Mapping[str, Any]] = {"messages": "notes"}


class TestACompanyThatAnswersOtherwise(PipedriveContract):
    """What is gone answers 410 or shows itself as deleted; no headers tell of limits."""

    company: ClassVar[Mapping[str, Any]] = {
        "deleted_person": "410",
        "merged_person": "flag",
        "daily_headers": False,
        "burst_headers": False,
    }
