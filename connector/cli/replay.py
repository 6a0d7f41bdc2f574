"""``connector replay``."""

import asyncio
from datetime import datetime

import click

from connector.cli.answers import print_json, say
from connector.cli.examples import ExampledCommand
from connector.cli.options import config_option, given, json_option
from connector.cli.progress import progress
from connector.cli.session import ledger_of
from connector.cli.values import Moment
from connector.runtime.repetition import replay


@click.command(
    cls=ExampledCommand,
    short_help="Process stored webhooks again; doubles nothing.",
    examples=[
        "connector replay",
        "connector replay --since 2h",
        "connector replay --since 2026-11-24",
    ],
)
@click.option("--since", type=Moment(), help="Only those received since: 2h, a date, or a time.")
@config_option
@json_option
@click.pass_context
def command(context: click.Context, since: datetime | None) -> None:
    """Process stored webhooks again, such as after an upgrade that understands more.

    Nothing is doubled: what is known is known. It waits until all are recorded, by the running
    daemon or, where none runs, by this command. What then goes to a CRM is sent by the daemon.
    """
    with ledger_of(context) as (config, ledger), progress("Recording") as on_progress:
        done = asyncio.run(replay(config, ledger, since=since, on_progress=on_progress))
    if given(context).as_json:
        print_json({"webhooks": done.webhooks, "by_daemon": done.by_daemon})
    else:
        say(f"{done.webhooks} webhooks were recorded again.")
