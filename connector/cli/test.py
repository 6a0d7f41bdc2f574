"""``connector test``."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import click
from rich.console import Console

from connector.cli.answers import add_row, print_json, say, table, words
from connector.cli.check import add_findings
from connector.cli.examples import ExampledCommand
from connector.cli.options import config_option, given, json_option
from connector.cli.session import ledger_of, require_destination
from connector.cli.values import Length
from connector.runtime.reading_back import Compared
from connector.runtime.rehearsal import Rehearsal, Wishes, rehearse

_WIDE = 80


@click.command(
    cls=ExampledCommand,
    short_help="Send a test message the whole way, and look at it in the CRM.",
    examples=[
        "connector test hubspot",
        "connector test pipedrive --all --keep",
        "connector test hubspot --url https://example.com/webhooks/whatsapp",
    ],
)
@click.argument("destination")
@click.option("--all", "everything", is_flag=True, help="Also a picture, an edit and a status.")
@click.option("--keep", is_flag=True, help="Leave it in the CRM.")
@click.option("--url", metavar="URL", help="Where to post, instead of at our own listener.")
@click.option("--wait", type=Length(), help="The longest wait for each part: 2m.")
@config_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    destination: str,
    *,
    everything: bool,
    keep: bool,
    url: str | None,
    wait: timedelta | None,
) -> int:
    """Send a test message the whole way, and look at it in the CRM.

    It comes from somebody who does not exist, signed as Meta would, through the running receiver.
    No other destination gets it. What the CRM then holds is compared with the mapping, field by
    field, and removed. Exit status 1 where anything is not as it should be.
    """
    patience = None if wait is None else wait.total_seconds()
    wishes = Wishes(everything=everything, keep=keep, url=url, patience=patience)
    as_json = given(context).as_json
    with ledger_of(context) as (config, ledger), _steps() as tell:
        require_destination(config, destination)
        result = rehearse(config, ledger, destination, wishes, tell)
    if as_json:
        print_json(result.as_json())
    else:
        _tell(result)
    return 0 if result.ok else 1


@contextmanager
def _steps() -> Iterator[Callable[[str], None]]:
    """Show on stderr what is being waited for, where that is a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status("") as status:
        yield lambda step: status.update(words(f"{step} ..."))


def _tell(result: Rehearsal) -> None:
    for record in result.records:
        _tell_record(record)
    shown = table("", "", "step", "")
    add_findings(shown, result.findings)
    say(shown, "")
    took = f"in {result.seconds:.1f} s"
    if not result.ok:
        say(words(f"{result.destination} did not get it as it should, {took}.", "bold red"))
    else:
        said = f"{result.destination} got everything as the mapping makes it, {took}."
        say(words(said, "bold green"))
    if result.removed:
        say("It was removed again.")
    elif result.ok:
        say("It was left in the CRM.")


def _tell_record(record: Compared) -> None:
    shown = table(f"{record.record} {record.crm_id}", "", "field", "expected", "found")
    for each in record.fields:
        sign = words("ok", "green") if each.same else words("FAIL", "bold red")
        add_row(shown, sign, each.field, _spell(each.expected), _spell(each.found))
    say(shown)


def _spell(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _WIDE else f"{text[: _WIDE - 1]}…"
