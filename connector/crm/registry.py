"""Adapters, found by entry point, and how one is put together with its client and budgets.

An adapter is a class that an installed package names in the group ``connector.adapters``. Its code
is imported when it is first asked for, so that a broken one spoils nothing but its own destination.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

import httpx

from connector.clock import Clock
from connector.config.models import DestinationSettings
from connector.config.section import nearest_name
from connector.crm.adapter import Adapter
from connector.crm.budget import Budgets
from connector.crm.client import CrmClient, OnResult
from connector.crm.oauth import OnRotated
from connector.crm.settings import AdapterSettings
from connector.errors import ConfigError, Problem
from connector.model.record import CrmObject

GROUP: Final = "connector.adapters"


@dataclass(frozen=True, slots=True)
class Connection:
    """An adapter bound to one destination, with what it spends and what it speaks through."""

    adapter: Adapter
    client: CrmClient
    budgets: Budgets
    settings: AdapterSettings

    async def aclose(self) -> None:
        """Close the connections to the CRM."""
        await self.client.aclose()


class _Adapters(Mapping[str, type[Adapter]]):
    """Adapter classes by name; looking one up imports it."""

    def __init__(self, found: Mapping[str, EntryPoint]) -> None:
        self._found = found

    def __getitem__(self, name: str) -> type[Adapter]:
        return _load(self._found[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __contains__(self, name: object) -> bool:
        return name in self._found


class _SettingsModels(Mapping[str, type[DestinationSettings]]):
    """The settings model of each adapter by the adapter's name; looking one up imports it."""

    def __init__(self, adapters: Mapping[str, type[Adapter]]) -> None:
        self._adapters = adapters

    def __getitem__(self, name: str) -> type[DestinationSettings]:
        return self._adapters[name].settings_model

    def __iter__(self) -> Iterator[str]:
        return iter(self._adapters)

    def __len__(self) -> int:
        return len(self._adapters)

    def __contains__(self, name: object) -> bool:
        return name in self._adapters


def find_adapters() -> Mapping[str, type[Adapter]]:
    """Return the adapter classes that are installed, by name, each imported when looked up.

    Looking up one that cannot be imported raises ``ConfigError``.
    """
    return _Adapters({entry.name: entry for entry in entry_points(group=GROUP)})


def settings_models() -> Mapping[str, type[DestinationSettings]]:
    """Return the settings model of each installed adapter, each imported when looked up."""
    return _SettingsModels(find_adapters())


def load_adapter(name: str) -> type[Adapter]:
    """Return one adapter class. Raises ``ConfigError`` naming the nearest if there is none."""
    adapters = find_adapters()
    if name not in adapters:
        raise ConfigError(
            [
                Problem(
                    "",
                    "adapter",
                    f"no adapter {name!r} is installed",
                    expected=f"one of {', '.join(sorted(adapters))}",
                    nearest=nearest_name(name, adapters),
                )
            ]
        )
    return adapters[name]


def build_adapter(
    settings: AdapterSettings,
    *,
    destination: str,
    contact: CrmObject,
    message: CrmObject,
    requests: Mapping[str, Any],
    request_timeout: float,
    clock: Clock,
    used: Mapping[str, float] | None = None,
    rotated: str | None = None,
    on_rotated: OnRotated | None = None,
    on_result: OnResult | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Connection:
    """Put together the adapter of a configured destination.

    ``requests`` is what the mapping leaves to the adapter, ``request_timeout`` the deadline of each
    request in seconds, ``used`` what was spent of today's budgets, ``rotated`` the refresh token
    that ``on_rotated`` was given last. Nothing is called yet.

    Raises ``ConfigError`` where the adapter cannot work by them; a problem with a ``path`` is one
    of the mapping file, any other one of the destination's settings.
    """
    settings = settings.complete(requests)
    budgets = settings.budgets(clock=clock, used=used)
    client = CrmClient(
        destination=destination,
        settings=settings,
        budgets=budgets,
        request_timeout=request_timeout,
        clock=clock,
        auth=settings.auth(clock=clock, rotated=rotated, on_rotated=on_rotated),
        transport=transport,
        on_result=on_result,
    )
    adapter = load_adapter(settings.adapter)(
        settings, client, contact=contact, message=message, requests=requests
    )
    return Connection(adapter, client, budgets, settings)


@cache
def _load(entry: EntryPoint) -> type[Adapter]:
    try:
        adapter: type[Adapter] = entry.load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            [Problem("", "adapter", f"{entry.name!r} ({entry.value}) cannot be imported: {error}")],
            remedy="install the adapter's package again",
        ) from error
    if not isinstance(getattr(adapter, "settings_model", None), type):
        raise ConfigError(
            [Problem("", "adapter", f"{entry.name!r} ({entry.value}) is not an adapter")]
        )
    return adapter
