"""``connector status``."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from connector.cli.answers import add_row, print_json, say, table, words
from connector.cli.examples import ExampledCommand
from connector.cli.options import config_option, given, json_option
from connector.cli.session import ledger_of
from connector.runtime.status import advise, read_status
from connector.runtime.times import ago, parse_rfc3339, span


@click.command(
    cls=ExampledCommand,
    short_help="Show what waits and how each CRM is.",
    examples=["connector status", "connector status --json | jq .destinations.hubspot.state"],
)
@config_option
@json_option
@click.pass_context
def command(context: click.Context) -> None:
    """Show what waits and how each CRM is.

    By number: when it last heard something. By destination: what is open, in doubt or parked, how
    long the oldest has waited, and what to do about it. It is cheap at any size.
    """
    with ledger_of(context) as (config, ledger):
        status = read_status(ledger, config)
    if given(context).as_json:
        print_json(status)
    else:
        _tell(status)


def _tell(status: Mapping[str, Any]) -> None:
    now = parse_rfc3339(status["at"])
    if status["ready"]:
        say(words("Running.", "bold green"))
    for reason in status["reasons"]:
        say(words(f"Not ready: {reason}", "bold yellow"))
    webhooks = status["webhooks"]
    kept = f", {webhooks['failed']} with something not understood" if webhooks["failed"] else ""
    last = ago(_moment(webhooks["last_at"]), now=now)
    say(f"Webhooks: last {last}, {webhooks['waiting']} waiting to be recorded{kept}.")
    for place, count in webhooks["kept_raw"].items():
        if "/" in place:
            say(f"  {count} at {place}")
    _tell_notices(status["notices"], now=now)
    _tell_ledger(status["ledger"])
    _tell_numbers(status["numbers"], now=now)
    _tell_destinations(status["destinations"], now=now)


def _tell_notices(notices: Sequence[Mapping[str, Any]], *, now: datetime) -> None:
    for notice in notices:
        color = "bold red" if notice["level"] == "danger" else "yellow"
        when = ago(_moment(notice["at"]), now=now)
        about = f" of {notice['subject']}" if notice["subject"] else ""
        say(words(f"WhatsApp says {notice['field']}{about}: {notice['word']}", color), f" {when}")


def _tell_ledger(ledger: Mapping[str, Any]) -> None:
    free = ledger["free_bytes"]
    room = "" if free is None else f", {free / 2**30:.1f} GiB free on its disk"
    say(f"Ledger: {ledger['kind']}, revision {ledger['revision']}{room}.")


def _tell_numbers(numbers: Mapping[str, Any], *, now: datetime) -> None:
    shown = table("Numbers", "name", "phone number id", "last event", "")
    for name, number in numbers.items():
        silent = words("silent", "yellow") if number["silent"] else ""
        last = ago(_moment(number["last_event_at"]), now=now)
        add_row(shown, name, number["phone_number_id"], last, silent)
    say(shown)


def _tell_destinations(destinations: Mapping[str, Any], *, now: datetime) -> None:
    counts = ("open", "in doubt", "parked", "reviews")
    columns = ("name", "state", *counts, "oldest", "last synced", "calls left", "compared")
    shown = table("Destinations", *columns, numbers=counts)
    advices = {name: advise(name, each) for name, each in destinations.items()}
    for name, each in destinations.items():
        oldest, compared = each["oldest_open_seconds"], each["last_reconcile"]
        add_row(
            shown,
            name,
            words(each["state"], "green" if advices[name].words == "open" else "bold yellow"),
            each["open"],
            each["in_doubt"],
            each["parked"],
            each["reviews"],
            "" if oldest is None else span(oldest),
            ago(_moment(each["last_synced_at"]), now=now),
            _budgets(each["budgets"]),
            "" if compared is None else ago(_moment(compared["at"]), now=now),
        )
    say(shown)
    for name, advice in advices.items():
        if advice.next:
            say("", words(f"{name} is {advice.words}", "yellow"), f"  next: {advice.next}")


def _budgets(budgets: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{each['left']} {name}" for name, each in budgets.items() if each["left"] is not None
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else parse_rfc3339(text)
