"""The configuration and the ledger of one command."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import click

from connector.cli.options import given
from connector.config.models import Config
from connector.config.section import nearest_name
from connector.ledger.destinations import load_standings
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
    require_known(name, config.destinations, what="destination")


def require_heard_of(config: Config, ledger: Ledger, name: str | None) -> None:
    """Refuse a destination that is not configured and never was: what is left of one is shown."""
    if name is not None and name not in config.destinations:
        known = {*config.destinations, *ledger.query(load_standings)}
        require_known(name, known, what="destination")


def require_known(name: str, known: Collection[str], *, what: str) -> None:
    """Refuse a name that is none of those known, with the nearest of them and all."""
    if name not in known:
        nearest = nearest_name(name, known)
        hint = "" if nearest is None else f"; did you mean {nearest!r}?"
        there = ", ".join(sorted(known)) or "none"
        raise click.UsageError(f"there is no {what} {name!r}, only {there}{hint}")
