"""Adapters are found by entry point, imported when asked for, and missed by their nearest name."""

from datetime import timedelta
from importlib.metadata import EntryPoint

import pytest

from adapters.hubspot import HubSpot, HubSpotSettings
from connector.clock import SystemClock
from connector.config.secret import Secret
from connector.config.units import Rate
from connector.crm import registry
from connector.crm.registry import (
    build_adapter,
    find_adapters,
    load_adapter,
    settings_models,
)
from connector.errors import ConfigError
from connector.model.record import CrmObject


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let three more adapters be installed, none of which works."""
    entries = [
        EntryPoint("hubspot", "adapters.hubspot:HubSpot", registry.GROUP),
        EntryPoint("absent", "no_such_package.adapter:Adapter", registry.GROUP),
        EntryPoint("renamed", "adapters.hubspot:OldName", registry.GROUP),
        EntryPoint("function", "json:dumps", registry.GROUP),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: entries if group else [])


def test_the_shipped_adapter_is_found_with_its_settings() -> None:
    assert find_adapters()["hubspot"] is HubSpot
    assert settings_models()["hubspot"] is HubSpotSettings
    assert "hubspot" in settings_models()
    assert load_adapter("hubspot") is HubSpot


def test_an_unknown_adapter_is_told_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError) as caught:
        load_adapter("hubsplot")
    [problem] = caught.value.problems
    assert problem.nearest == "hubspot"
    assert "hubspot" in str(problem.expected)


@pytest.mark.usefixtures("broken")
def test_a_broken_adapter_spoils_nothing_but_itself() -> None:
    assert set(find_adapters()) == {"hubspot", "absent", "renamed", "function"}
    assert len(settings_models()) == 4
    assert settings_models()["hubspot"] is HubSpotSettings
    for name in ("absent", "renamed", "function"):
        with pytest.raises(ConfigError, match=name):
            load_adapter(name)
        with pytest.raises(ConfigError, match=name):
            settings_models()[name]


def test_an_adapter_is_put_together_without_asking_anybody() -> None:
    settings = HubSpotSettings(
        adapter="hubspot",
        token=Secret(env="T", environ={"T": "pat"}),
        rate=Rate(requests=5, per=timedelta(seconds=1)),
        daily_tokens=100,
    )
    connection = build_adapter(
        settings,
        destination="hubspot",
        contact=CrmObject("contacts", "contact", "wa_contact_key"),
        message=CrmObject("communications", "message", "wa_message_key"),
        requests={},
        request_timeout=5,
        clock=SystemClock(),
        used={"daily": 40},
    )
    assert isinstance(connection.adapter, HubSpot)
    assert connection.budgets is connection.client.budgets
    left = connection.budgets.left()
    assert left["burst"].limit == 5
    assert (left["daily"].limit, left["daily"].left) == (100, 60)
    assert connection.adapter.limits.repeatable == {"contacts"}
