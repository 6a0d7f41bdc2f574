"""The adapter that the README shows, held to the contract as anybody's would be."""

import re
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest

from connector.clock import SystemClock
from connector.config.secret import Secret
from connector.config.units import Rate
from connector.crm.client import CrmClient
from connector.crm.contract import AdapterContract, SandboxCrm
from connector.crm.registry import Connection

README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
EXAMPLE = README.partition("### An adapter of your own")[2].partition("```python\n")[2]
EXAMPLE = EXAMPLE.partition("```")[0]
TOKENS = {"good": "good-token", "wrong": "another", "lacking": "read-only-token"}


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """Import the README's example as a module."""
    path = tmp_path_factory.mktemp("example") / "plain_example.py"
    path.write_text(EXAMPLE, encoding="utf-8")
    spec = spec_from_file_location("plain_example", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["plain_example"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["plain_example"]


def connect(example: ModuleType, crm: Any, *, base_url: str, token: str, timeout: float) -> Any:
    settings = example.PlainSettings(
        adapter="plain",
        base_url=base_url,
        token=Secret(env="T", environ={"T": token}),
        rate=Rate(requests=1000, per=timedelta(seconds=1)),
    )
    clock = SystemClock()
    budgets = settings.budgets(clock=clock)
    client = CrmClient(
        destination="plain",
        settings=settings,
        budgets=budgets,
        request_timeout=timeout,
        clock=clock,
        auth=settings.auth(clock=clock),
    )
    adapter = example.Plain(settings, client, contact=crm.contact, message=crm.message, requests={})
    return Connection(adapter, client, budgets, settings)


class TestTheAdapterInTheReadme(AdapterContract):
    """An adapter for the sandbox REST CRM, in Python."""

    cannot: ClassVar[Mapping[str, str]] = {
        "test_the_schema_tells_types_options_and_what_is_read_only": "this CRM tells no schema",
        "test_setup_tells_first_then_does_it_and_does_it_once": "there is nothing to set up",
        "test_without_its_set_up_the_destination_pauses": "there is nothing to set up",
    }

    @pytest.fixture
    def crm(self, start_rest: Any, example: ModuleType) -> Iterator[SandboxCrm]:
        with start_rest() as sandbox:

            def connected(*, request_timeout: float = 10, credentials: str = "good") -> Any:
                return connect(
                    example,
                    sandbox,
                    base_url=sandbox.url,
                    token=TOKENS[credentials],
                    timeout=request_timeout,
                )

            def nobody() -> Any:
                address = "http://127.0.0.1:1"
                return connect(example, sandbox, base_url=address, token="x", timeout=5)

            sandbox.connect, sandbox.connect_to_nobody = connected, nobody
            yield sandbox


def test_the_example_is_short_and_imports_the_protocol_alone() -> None:
    imported = set(re.findall(r"(?m)^(?:from|import) (connector[\w.]*|adapters[\w.]*)", EXAMPLE))

    assert imported == {"connector.crm"}
    assert EXAMPLE.count("\n") < 150
