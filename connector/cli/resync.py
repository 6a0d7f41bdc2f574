"""``connector resync``."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click

from connector.cli.answers import add_row, print_json, say, table, words
from connector.cli.examples import ExampledCommand
from connector.cli.options import config_option, given, json_option
from connector.cli.progress import progress
from connector.cli.session import ledger_of, require_destination, require_known
from connector.cli.values import Moment
from connector.config.models import Config
from connector.ledger.ledger import Ledger
from connector.ledger.runs import Run
from connector.ledger.selections import Selection
from connector.ledger.stories import find_contact
from connector.runtime.resynchronisation import resync, try_resync
from connector.runtime.times import span

_LONGEST = 60


@click.command(
    cls=ExampledCommand,
    short_help="Write records anew after a mapping was changed.",
    examples=[
        "connector resync --dry-run",
        "connector resync --destination hubspot --since 30d",
        "connector resync --contact +5511912345678 --force",
    ],
)
@click.option("--since", type=Moment(), help="Of messages sent since: 2h, a date, or a time.")
@click.option("--until", type=Moment(), help="Of messages sent before.")
@click.option("--contact", metavar="ID", help="Of one person: our key, a phone or a user id.")
@click.option("--number", multiple=True, metavar="NAME", help="Of this number of ours.")
@click.option("--destination", metavar="NAME", help="In this destination only.")
@click.option("--dry-run", is_flag=True, help="Only say what would change, field by field.")
@click.option("--force", is_flag=True, help="Also write what did not change.")
@config_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    *,
    since: datetime | None,
    until: datetime | None,
    contact: str | None,
    number: tuple[str, ...],
    destination: str | None,
    dry_run: bool,
    force: bool,
) -> None:
    """Compare records with what the mapping makes of them now, and write those that differ.

    Unchanged records cost no call. Live messages go first. A message that a destination never got,
    because it was added later, is written as well; what somebody deleted in the CRM is not.

    The running daemon does the work, and this command waits for it; where none runs, this command
    does it. With --dry-run nothing is changed, and each record is shown as it is and would be.
    """
    if since is not None and until is not None and since >= until:
        raise click.UsageError("--since is not before --until: no message could be between them")
    with ledger_of(context) as (config, ledger):
        names = list(config.destinations)
        if destination is not None:
            require_destination(config, destination)
            names = [destination]
        selection = Selection(
            since=since,
            until=until,
            contact_id=None if contact is None else _contact(ledger, contact),
            numbers=_numbers(config, number),
        )
        work = try_resync if dry_run else resync
        with progress("Comparing" if dry_run else "Writing") as show:
            outcome = asyncio.run(
                work(
                    config,
                    ledger,
                    names,
                    selection,
                    force=force,
                    on_progress=lambda runs: show(*_progress(runs, dry_run=dry_run)),
                )
            )
    if given(context).as_json:
        print_json(outcome)
    elif dry_run:
        _tell_dry_run(outcome)
    else:
        _tell(outcome)


def _contact(ledger: Ledger, given_id: str) -> int:
    found = ledger.query(find_contact, given_id)
    if found is None:
        raise click.UsageError(
            f"nobody is known by {given_id!r}; --contact takes our key, a phone or a user id"
        )
    return found


def _numbers(config: Config, names: tuple[str, ...]) -> frozenset[str] | None:
    known = {number.name for number in config.whatsapp.numbers}
    for name in names:
        require_known(name, known, what="number")
    return frozenset(names) or None


def _progress(runs: Mapping[str, Run], *, dry_run: bool) -> tuple[int, int]:
    """Return how much is done, and of how much: records compared, then records written."""
    done = total = 0
    for run in runs.values():
        counts = run.counts
        done += counts.get("done", 0)
        total += counts.get("total", 0)
        if not dry_run and counts.get("left"):
            marked = counts.get("create", 0) + counts.get("update", 0)
            done += max(marked - counts["left"], 0)
            total += marked
    return done, total


def _tell(outcome: Mapping[str, Any]) -> None:
    changed = outcome["create"] + outcome["update"]
    say(
        f"{outcome['selected']} records were compared: {changed} were put to delivery, "
        f"{outcome['unchanged']} are as they should be."
    )
    _tell_unrenderable(outcome)
    if outcome["left"]:
        say(
            words(
                f"{outcome['left']} of them are not written yet: their contacts wait for a "
                "person, or the CRM does not answer. `connector status` says which.",
                "yellow",
            )
        )


def _tell_dry_run(outcome: Mapping[str, Any]) -> None:
    for item in outcome["items"]:
        head = f"{item['action']} {item['record']} {item['key']} in {item['destination']}"
        shown = table(head, "field", "is", "would be")
        for name, change in item["fields"].items():
            add_row(shown, name, _short(change["before"]), _short(change["after"]))
        if item["fields"]:
            say(shown)
        else:
            say(f"\n{head}: reads the same in the CRM already")
    say("")
    say(
        f"{outcome['selected']} records were compared: {outcome['create']} would be created, "
        f"{outcome['update']} updated, {outcome['unchanged']} are as they should be."
    )
    _tell_unrenderable(outcome)
    calls = ", ".join(f"{count} calls to {name}" for name, count in outcome["calls"].items())
    say(f"It would take about {calls}, {span(outcome['seconds'])} at the allowed rate.")


def _tell_unrenderable(outcome: Mapping[str, Any]) -> None:
    if outcome["unrenderable"]:
        say(
            words(
                f"The mapping fails for {outcome['unrenderable']} of them, which are left as they "
                "are. Try it with `connector mapping preview`.",
                "yellow",
            )
        )


def _short(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
