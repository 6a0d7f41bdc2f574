"""What every adapter must do, as tests: an adapter's own tests subclass ``AdapterContract``.

    class TestMyCrm(AdapterContract):
        @pytest.fixture
        def crm(self) -> Iterator[SandboxCrm]:
            with start_my_sandbox() as sandbox:
                yield sandbox

The cases speak to a running sandbox of the CRM over HTTP and ask the sandbox, never the adapter,
what came of it. A case that cannot apply to a CRM is named in ``cannot``, with the reason.
"""

from collections.abc import Mapping
from typing import ClassVar

import pytest

from connector.crm.contract.finding import FindingCases
from connector.crm.contract.reading import ReadingCases
from connector.crm.contract.sandbox import (
    Harm,
    SandboxCrm,
    SeenContact,
    SeenMessage,
    Verb,
)
from connector.crm.contract.setting_up import SettingUpCases
from connector.crm.contract.trouble import TroubleCases
from connector.crm.contract.writing import WritingCases

__all__ = ["AdapterContract", "Harm", "SandboxCrm", "SeenContact", "SeenMessage", "Verb"]


class AdapterContract(WritingCases, ReadingCases, FindingCases, TroubleCases, SettingUpCases):
    """The cases. A subclass gives the fixture ``crm``: a fresh ``SandboxCrm``."""

    cannot: ClassVar[Mapping[str, str]] = {}
    """Why a case cannot apply to this CRM, by the name of the case."""

    @pytest.fixture(autouse=True)
    def _skip_what_cannot_apply(self, request: pytest.FixtureRequest) -> None:
        reason = self.cannot.get(request.node.originalname)
        if reason is not None:
            pytest.skip(reason)
