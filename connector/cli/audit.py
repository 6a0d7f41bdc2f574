"""``connector audit``."""

from collections.abc import Mapping
from typing import Any

import click

from connector.cli.answers import add_row, print_json, say, table, words
from connector.cli.examples import ExampledCommand
from connector.cli.options import config_option, given, json_option
from connector.cli.session import config_of, require_destination
from connector.ledger.audit import audit
from connector.runtime.opening import opened_ledger
from connector.runtime.wiring import audit_scopes, read_mappings


@click.command(
    cls=ExampledCommand,
    short_help="Prove that nothing is missing.",
    examples=["connector audit --destination hubspot"],
)
@click.option("--destination", metavar="NAME", help="Only this one.")
@config_option
@json_option
@click.pass_context
def command(context: click.Context, destination: str | None) -> int:
    """Prove that nothing is missing.

    Of the messages that each destination takes: received = synced + skipped + erased + parked +
    open. Exit status 1 if the two sides differ, which would be a mistake in the connector.
    """
    config = config_of(context)
    if destination is not None:
        require_destination(config, destination)
    scopes = audit_scopes(config, read_mappings(config))
    chosen = {name: scopes[name] for name in scopes if destination in (None, name)}
    with opened_ledger(config) as ledger:
        found = ledger.query(audit, chosen)
    if given(context).as_json:
        print_json(found)
    else:
        _tell(found)
    return 1 if any(each["difference"] for each in found["destinations"].values()) else 0


def _tell(found: Mapping[str, Any]) -> None:
    columns = ("received", "synced", "skipped", "erased", "parked", "open", "difference")
    shown = table("Messages", "destination", *columns, numbers=columns)
    for name, each in found["destinations"].items():
        add_row(
            shown,
            name,
            each["received"],
            each["synced"],
            _count(each["skipped"]),
            each["erased"],
            _count(each["parked"]),
            each["open"],
            words(each["difference"], "bold red" if each["difference"] else "green"),
        )
    say(shown)
    waiting, kept = found["webhooks"]["waiting"], found["kept_raw"]
    if waiting:
        say(f"{waiting} webhooks wait to be recorded; what is in them is not counted yet.")
    became_none = ", ".join(f"{count} {reason}" for reason, count in kept.items() if count)
    if became_none:
        say(f"Elements kept as they came, since they are no message: {became_none}.")
    if any(each["difference"] for each in found["destinations"].values()):
        say(words("Something is missing. Keep the ledger and the logs, and report it.", "bold red"))
    else:
        say(words("Nothing is missing.", "green"))


def _count(by_reason: Mapping[str, int]) -> str:
    total = sum(by_reason.values())
    if not total:
        return "0"
    return f"{total} ({', '.join(f'{reason} {n}' for reason, n in by_reason.items())})"
