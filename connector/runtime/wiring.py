"""The composition root: a configuration becomes the parts that run.

Nothing here decides anything; it only hands each part what it needs.
"""

import dataclasses
import os
import socket
from collections.abc import Callable
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from connector.clock import SystemClock
from connector.config.lines import locate
from connector.config.models import Config, DestinationSettings
from connector.config.paths import resolve_labels_path
from connector.crm.registry import build_adapter
from connector.deliver.destination import Destination, RenderSettings
from connector.errors import ConfigError, Problem
from connector.ledger import destinations as ledger_destinations
from connector.ledger.audit import Scope
from connector.ledger.engine import open_engine
from connector.ledger.ledger import Ledger
from connector.mapping.labels import Labels, load_labels
from connector.mapping.load import load_mapping
from connector.mapping.models import Mapping
from connector.model.number import Number
from connector.model.record import CrmObject, RecordKind
from connector.record.media import MediaDownloader, MediaSettings
from connector.record.recorder import Recorder
from connector.record.routing import NumberConfig, Route


def open_ledger(config: Config, *, role: str = "cli") -> Ledger:
    """Open the configured ledger. Its schema is not looked at."""
    return Ledger(open_engine(config.ledger.url, role=role))


def read_mappings(config: Config) -> dict[str, Mapping]:
    """Load the mapping of every destination, by destination name."""
    return {
        name: load_mapping(settings.mapping, folder=config.file.parent, adapter=settings.adapter)
        for name, settings in config.destinations.items()
    }


def our_numbers(config: Config) -> dict[str, Number]:
    """Return our numbers by name."""
    return {
        number.name: Number(name=number.name, country=number.country)
        for number in config.whatsapp.numbers
    }


def read_labels(config: Config) -> Labels | None:
    """Load the label rules, if there are any."""
    reference = config.whatsapp.labels
    if reference is None:
        return None
    path = resolve_labels_path(reference, config.file.parent)
    return None if path is None else load_labels(path)


def routes(config: Config, mappings: MappingOf[str, Mapping]) -> list[Route]:
    """Return which numbers each destination takes, and what its mapping reads."""
    return [
        Route(
            destination=name,
            numbers=frozenset(settings.numbers) if settings.numbers is not None else None,
            granularity=mappings[name].message.granularity,
            contact_uses=mappings[name].uses("contact"),
            message_uses=mappings[name].uses("message") | mappings[name].uses("conversation"),
        )
        for name, settings in config.destinations.items()
    ]


def audit_scopes(config: Config, mappings: MappingOf[str, Mapping]) -> dict[str, Scope]:
    """Return what each destination is accountable for."""
    return {
        route.destination: Scope(numbers=route.numbers, record=route.granularity)
        for route in routes(config, mappings)
    }


def register_destinations(ledger: Ledger, config: Config) -> None:
    """Make sure that every configured destination has its row."""
    ledger.transact(
        ledger_destinations.register_destinations,
        {name: settings.adapter for name, settings in config.destinations.items()},
    )


@dataclass(slots=True)
class Build:
    """What destinations are built from."""

    config: Config
    ledger: Ledger
    mappings: MappingOf[str, Mapping]
    labels: Labels | None = None
    numbers: MappingOf[str, Number] = field(default_factory=dict)

    @classmethod
    def of(cls, config: Config, ledger: Ledger) -> "Build":
        """Read everything that destinations need besides the configuration itself."""
        return cls(
            config=config,
            ledger=ledger,
            mappings=read_mappings(config),
            labels=read_labels(config),
            numbers=our_numbers(config),
        )

    def destination(self, name: str, *, transport: Any = None) -> Destination:
        """Build one destination with its client and adapter. Nothing is asked of the CRM yet."""
        settings: Any = self.config.destinations[name]
        mapping = self.mappings[name]
        contact = CrmObject(name=mapping.contact.object, kind="contact", key=mapping.contact.key)
        message = CrmObject(name=mapping.message.object, kind="message", key=mapping.message.key)
        try:
            connection = build_adapter(
                settings,
                destination=name,
                contact=contact,
                message=message,
                requests=mapping.requests,
                request_timeout=self.config.tuning.request_timeout,
                clock=SystemClock(),
                used=self._used_today(name),
                rotated=self.ledger.query(ledger_destinations.load_refresh_token, name),
                on_rotated=lambda token: self.ledger.write(
                    ledger_destinations.save_refresh_token, name, token
                ),
                transport=transport,
            )
        except ConfigError as error:
            problems = [self._place(problem, name, mapping) for problem in error.problems]
            raise ConfigError(problems, remedy=error.remedy) from None
        return Destination(
            name=name,
            adapter=connection.adapter,
            client=connection.client,
            mapping=mapping,
            contact=contact,
            message=message,
            numbers=self.numbers,
            render_settings=RenderSettings(
                language=self.config.whatsapp.language,
                time_zone=self.config.schedule.timezone,
                mask=tuple(self.config.privacy.mask),
                labels=self.labels,
            ),
            batch_wait=settings.company_wait,
            country=self._country(settings),
            on_deleted=self._on_deleted(settings),
            repeat_in_doubt=self._repeat_in_doubt(mapping),
        )

    def _place(self, problem: Problem, name: str, mapping: Mapping) -> Problem:
        """Say in which file, and where in it, a problem is that an adapter found."""
        if problem.path:
            return mapping.problem(
                problem.path, problem.message, expected=problem.expected, nearest=problem.nearest
            )
        if problem.file:
            return problem
        file = self.config.file
        table = ("destinations", name)
        source = file.read_text(encoding="utf-8")
        line = locate(source, (*table, *problem.key.split("."))) or locate(source, table)
        key = ".".join((*table, problem.key))
        return dataclasses.replace(problem, file=str(file), key=key, line=line)

    @staticmethod
    def _repeat_in_doubt(mapping: Mapping) -> frozenset[RecordKind]:
        kinds: MappingOf[RecordKind, str | None] = {
            "contact": mapping.contact.on_doubt,
            mapping.message.granularity: mapping.message.on_doubt,
        }
        return frozenset(kind for kind, on_doubt in kinds.items() if on_doubt == "repeat")

    def _used_today(self, name: str) -> dict[str, float]:
        """Return what was spent of today's allowance before this process held the destination."""
        standing = self.ledger.query(ledger_destinations.load_standings).get(name)
        if standing is None or standing.day != SystemClock().now().date():
            return {}
        return dict.fromkeys(("daily", "tokens"), float(standing.day_used))

    def _country(self, settings: DestinationSettings) -> str | None:
        """Return the country of the numbers a destination takes, if they share one."""
        countries = {
            number.country
            for number in self.config.whatsapp.numbers
            if settings.numbers is None or number.name in settings.numbers
        }
        return countries.pop() if len(countries) == 1 else None

    def _on_deleted(self, settings: DestinationSettings) -> Any:
        own = settings.reconcile.on_deleted if settings.reconcile else None
        return own or self.config.reconcile.on_deleted


def build_recorder(
    build: Build, *, on_wanted: Callable[[frozenset[str]], None] | None = None
) -> Recorder:
    """Build the recorder; ``on_wanted`` is told which destinations have work now."""
    config = build.config
    return Recorder(
        build.ledger,
        portfolio=config.whatsapp.portfolio,
        numbers={
            number.phone_number_id: NumberConfig(number.name, number.country, number.waba_id)
            for number in config.whatsapp.numbers
        },
        routes=routes(config, build.mappings),
        time_zone=config.schedule.timezone,
        max_event_age=timedelta(seconds=config.tuning.max_event_age),
        block=config.privacy.block,
        fetch_media=fetches_media(config),
        on_wanted=on_wanted,
    )


def fetches_media(config: Config) -> bool:
    """Say whether copies of media are kept: wanted, and allowed by a token."""
    return config.media.download and config.whatsapp.access_token is not None


def build_downloader(build: Build) -> MediaDownloader | None:
    """Build what fetches media; ``None`` where none is to be fetched."""
    whatsapp, media = build.config.whatsapp, build.config.media
    token = whatsapp.access_token
    if token is None or not fetches_media(build.config):
        return None
    return MediaDownloader(
        build.ledger,
        MediaSettings(
            directory=media.directory,
            graph_url=whatsapp.graph_url,
            graph_version=whatsapp.graph_version,
            token=token.reveal,
            hosts=media.hosts,
        ),
    )


def process_name() -> str:
    """Return a name for this process that tells people where it runs."""
    return f"{socket.gethostname()}:{os.getpid()}"
