"""``connector dead-letters``."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from connector.cli.answers import add_row, print_json, say, table, words
from connector.cli.examples import ExampledCommand, ExampledGroup
from connector.cli.options import F, config_option, given, json_option, limit_option
from connector.cli.session import ledger_of, require_heard_of
from connector.cli.values import Length
from connector.errors import ConnectorError
from connector.ledger.dead_letters import (
    Filter,
    count_dead_letters,
    discard_dead_letters,
    list_dead_letters,
    retry_dead_letters,
)
from connector.runtime.actor import actor
from connector.runtime.letters import Anew, letter_json, render_anew
from connector.runtime.times import ago, parse_rfc3339


@click.group(
    cls=ExampledGroup,
    short_help="See, retry or give up what waits for a person.",
    examples=[
        "connector dead-letters list",
        "connector dead-letters show 17",
        "connector dead-letters retry 17",
    ],
)
def command() -> None:
    """See, retry or give up what waits for a person.

    A dead letter is a record that was parked: the CRM refused it, or its outcome stayed unknown.
    Nothing of it is lost, and it delays nobody else.
    """


def _filter_options(function: F) -> F:
    for option in (
        click.option("--older-than", type=Length(), help="Parked before so long: 2h, 7d."),
        click.option("--code", metavar="CODE", help="With this code, or this family of codes."),
        click.option("--destination", metavar="NAME", help="Of this destination."),
    ):
        function = option(function)
    return function


@command.command(
    "list",
    cls=ExampledCommand,
    examples=[
        "connector dead-letters list",
        "connector dead-letters list --destination hubspot --code rejected --older-than 1h",
    ],
)
@_filter_options
@limit_option
@config_option
@json_option
@click.pass_context
def list_(
    context: click.Context,
    *,
    destination: str | None,
    code: str | None,
    older_than: timedelta | None,
    limit: int,
) -> None:
    """List dead letters, the oldest first."""
    which = _filter(destination, code, older_than)
    with ledger_of(context) as (config, ledger):
        require_heard_of(config, ledger, destination)
        total = ledger.query(count_dead_letters, which)
        letters = ledger.query(list_dead_letters, which, limit=limit)
    found = {"total": total, "items": [letter_json(letter) for letter in letters]}
    if given(context).as_json:
        print_json(found)
    else:
        _tell_list(found)


def _tell_list(found: Mapping[str, Any]) -> None:
    if not found["items"]:
        say(words("There are no dead letters.", "green"))
        return
    now = datetime.now(UTC)
    shown = table(
        "Dead letters",
        "id",
        "destination",
        "record",
        "contact",
        "code",
        "parked",
        "the CRM said",
        numbers=["id"],
    )
    for item in found["items"]:
        add_row(
            shown,
            item["id"],
            item["destination"],
            item["record"],
            item["contact"],
            item["code"],
            ago(parse_rfc3339(item["parked_at"]), now=now),
            _said(item),
        )
    say(shown)
    for code, cause, step in sorted({(i["code"], i["cause"], i["next"]) for i in _first(found)}):
        say("", words(code, "bold"), f"  {cause}", f"  {step}")
    if found["total"] > len(found["items"]):
        say("", f"{found['total']} in all; --limit shows more.")


def _first(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return one item of each code: their causes and next steps are the same."""
    return list({item["code"]: item for item in reversed(found["items"])}.values())


def _said(item: Mapping[str, Any]) -> str:
    status = f"{item['crm_status']} " if item["crm_status"] else ""
    return f"{status}{item['crm_detail'] or ''}"


@command.command(cls=ExampledCommand, examples=["connector dead-letters show 17"])
@click.argument("id_", metavar="ID", type=int)
@config_option
@json_option
@click.pass_context
def show(context: click.Context, id_: int) -> int:
    """Show one dead letter with its record, mapped anew.

    Exit status 1 if there is no such dead letter.
    """
    with ledger_of(context) as (config, ledger):
        letters = ledger.query(list_dead_letters, Filter(ids=(id_,)))
        anew = render_anew(config, ledger, letters[0]) if letters else Anew(None)
    if not letters:
        raise ConnectorError(
            f"there is no dead letter {id_}",
            remedy="`connector dead-letters list` shows those that there are",
        )
    found = letter_json(letters[0]) | {
        "key": letters[0].marker,
        "crm_id": letters[0].crm_id,
        "fields": anew.fields,
        "note": anew.note,
    }
    if given(context).as_json:
        print_json(found)
    else:
        _tell_one(found)
    return 0


def _tell_one(found: Mapping[str, Any]) -> None:
    say(
        words(f"{found['record']} of {found['contact']} to {found['destination']}", "bold"),
        f"  parked {found['parked_at']}, after {found['attempts']} attempts",
        f"  {found['code']}: {found['cause']}",
        f"  the CRM said: {_said(found) or 'nothing'}",
        f"  our key in the CRM: {found['key']}",
        f"  next: {found['next']}",
    )
    if found["note"]:
        say(words(f"  {found['note']}", "yellow"))
    if found["fields"] is not None:
        fields = table("Its record, mapped anew", "field", "value")
        for name, value in found["fields"].items():
            add_row(fields, name, value if isinstance(value, str) else json.dumps(value))
        say(fields)


@command.command(
    cls=ExampledCommand,
    examples=[
        "connector dead-letters retry 17 18",
        "connector dead-letters retry --all --destination hubspot --code rejected.422",
    ],
)
@click.argument("ids", metavar="[ID]...", nargs=-1, type=int)
@click.option("--all", "everything", is_flag=True, help="All that the filters leave.")
@_filter_options
@config_option
@json_option
@click.pass_context
def retry(
    context: click.Context,
    *,
    ids: tuple[int, ...],
    everything: bool,
    destination: str | None,
    code: str | None,
    older_than: timedelta | None,
) -> int:
    """Give dead letters another try; one in doubt is looked up in the CRM first."""
    which = _chosen(ids, _filter(destination, code, older_than), everything=everything)
    with ledger_of(context) as (config, ledger):
        require_heard_of(config, ledger, destination)
        count = ledger.transact(retry_dead_letters, which, actor=actor(), now=datetime.now(UTC))
    return _tell_change(context, "retried", count, ids)


@command.command(
    cls=ExampledCommand,
    examples=['connector dead-letters discard 17 --reason "a test number"'],
)
@click.argument("ids", metavar="ID...", nargs=-1, type=int, required=True)
@click.option("--reason", required=True, help="Why; it is kept.")
@config_option
@json_option
@click.pass_context
def discard(context: click.Context, ids: tuple[int, ...], reason: str) -> int:
    """Give dead letters up for good: they count as skipped from then on."""
    with ledger_of(context) as (_, ledger):
        count = ledger.transact(
            discard_dead_letters,
            Filter(ids=ids),
            reason=reason,
            actor=actor(),
            now=datetime.now(UTC),
        )
    return _tell_change(context, "discarded", count, ids)


def _filter(destination: str | None, code: str | None, older_than: timedelta | None) -> Filter:
    before = None if older_than is None else datetime.now(UTC) - older_than
    return Filter(destination=destination, code=code, parked_before=before)


def _chosen(ids: tuple[int, ...], which: Filter, *, everything: bool) -> Filter:
    if bool(ids) == everything:
        raise click.UsageError("name the dead letters by their ids, or all with --all")
    if ids and which != Filter():
        raise click.UsageError("filters choose among --all; ids need none")
    return Filter(ids=ids) if ids else which


def _tell_change(context: click.Context, verb: str, count: int, ids: tuple[int, ...]) -> int:
    """Print what was done; exit status 1 where some of the ids are no dead letters."""
    missing = max(len(set(ids)) - count, 0)
    if given(context).as_json:
        print_json({verb: count, "missing": missing})
    else:
        say(f"{count} dead letters {verb}.")
        if missing:
            say(words(f"{missing} of these ids are no dead letters.", "yellow"))
    return 1 if missing else 0
