"""``connector reconcile``."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import click

from connector.cli.answers import add_row, print_json, say, table, words
from connector.cli.examples import ExampledCommand
from connector.cli.options import config_option, given, json_option
from connector.cli.progress import progress
from connector.cli.session import ledger_of, require_destination
from connector.cli.values import Length
from connector.ledger.runs import Run
from connector.runtime.reconciliation import is_well, reconcile
from connector.runtime.times import span

_SHOWN = 20


@click.command(
    cls=ExampledCommand,
    short_help="Read a CRM back, and put right what differs.",
    examples=[
        "connector reconcile",
        "connector reconcile --destination hubspot --window 7d",
        "connector reconcile --no-repair --json",
    ],
)
@click.option("--destination", metavar="NAME", help="Only this one.")
@click.option("--window", type=Length(), help="What was written or changed within: 24h, 7d.")
@click.option(
    "--repair/--no-repair",
    default=None,
    help="Put values back whatever the configuration says, or change nothing at all.",
)
@config_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    *,
    destination: str | None,
    window: timedelta | None,
    repair: bool | None,
) -> int:
    """Read the CRM back and say what differs from what was written into it.

    What the mapping owns is put right, as [reconcile] in the configuration says. A record that
    somebody deleted stays deleted unless told otherwise, and people are never merged or deleted.
    If too much would change, nothing is. Live messages go first; the command waits.

    The running daemon does the work; where none runs, this command does, and delivers meanwhile
    what is due. Exit status 1 where something is left that differs, or a sweep did not finish.
    """
    with ledger_of(context) as (config, ledger), progress("Reading back") as show:
        if destination is not None:
            require_destination(config, destination)

        def on_progress(runs: Mapping[str, Run]) -> None:
            counts = [run.counts for run in runs.values()]
            show(
                sum(each.get("checked", 0) for each in counts),
                sum(each.get("known", 0) for each in counts),
            )

        outcome = asyncio.run(
            reconcile(
                config,
                ledger,
                [destination] if destination else list(config.destinations),
                window=window,
                repair=repair,
                on_progress=on_progress,
            )
        )
    if given(context).as_json:
        print_json(outcome)
    else:
        _tell(outcome)
    return 0 if is_well(outcome) else 1


def _tell(outcome: Mapping[str, Any]) -> None:
    for name, part in outcome["destinations"].items():
        _tell_destination(name, part)
    for number, count in outcome["missed_webhooks"].items():
        if count:
            say(
                words(
                    f"{number}: {count} messages are spoken of that never came. Meta repeats a "
                    "webhook for a day and a half at most; see how long the receiver was away.",
                    "yellow",
                )
            )


def _tell_destination(name: str, part: Mapping[str, Any]) -> None:
    shown = table(name, "", "found", "repaired", numbers=["found", "repaired"])
    for kind, count in part["found"].items():
        add_row(shown, kind, count, part["repaired"][kind])
    say(shown)
    calls = f"{part['calls']} calls, {span(part['seconds'])}"
    say(f"{part['checked']} records were read back with {calls}.")
    if part["state"] == "braked":
        say(words(f"Stopped, and nothing was changed: {part['reason']}.", "red"))
        say(
            "Look at the CRM first. If all of this is meant, raise [reconcile] brake and try again."
        )
    elif part["state"] != "done":
        say(words(f"Did not finish: {part['reason']}.", "red"))
    elif part["left"]:
        say(words(f"{part['left']} records still differ.", "yellow"))
    else:
        say(words("Nothing is left that differs.", "green"))
    _tell_items(part["items"])


def _tell_items(items: list[Mapping[str, Any]]) -> None:
    if not items:
        return
    shown = table("", "what", "record", "key", "in the CRM", "fields", "done")
    for item in items[:_SHOWN]:
        add_row(
            shown,
            item["class"],
            item["record"],
            item["key"],
            ", ".join(item["crm_ids"]),
            ", ".join(item["fields"]),
            item["action"],
        )
    say(shown)
    if len(items) > _SHOWN:
        say(f"... and {len(items) - _SHOWN} more; --json has them.")
