"""The configuration and the ledger of one command."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from connector.cli.options import given
from connector.config.models import Config
from connector.ledger.ledger import Ledger
from connector.runtime.opening import open_config, opened_ledger


def config_of(context: click.Context) -> Config:
    """Read the configuration this command was given."""
    return open_config(given(context).config_file)


@contextmanager
def ledger_of(context: click.Context) -> Iterator[tuple[Config, Ledger]]:
    """Yield the configuration and the ledger, at this program's revision."""
    config = config_of(context)
    with opened_ledger(config) as ledger:
        yield config, ledger


def require_destination(config: Config, name: str) -> None:
    """Refuse a destination that is not configured, naming those that are."""
    if name not in config.destinations:
        known = ", ".join(sorted(config.destinations))
        raise click.BadParameter(f"{name!r} is no destination; there is {known}")
