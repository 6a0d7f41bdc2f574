"""``connector reviews``."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click

from connector.cli.answers import add_row, print_json, say, table, words
from connector.cli.examples import ExampledCommand, ExampledGroup
from connector.cli.options import config_option, given, json_option, limit_option
from connector.cli.session import ledger_of, require_heard_of
from connector.ledger.reviews import count_open_reviews, open_reviews
from connector.runtime.actor import actor
from connector.runtime.places import Places
from connector.runtime.reviews import find_review, resolve_review, review_json, show_review
from connector.runtime.times import ago, parse_rfc3339


@click.group(
    cls=ExampledGroup,
    short_help="Decide who is who where that can not be known.",
    examples=["connector reviews list", "connector reviews show 3"],
)
def command() -> None:
    """Decide who is who where that can not be known.

    Several records of a CRM have one contact's phone, or one phone was seen with two people. What
    such a contact wrote waits, or stays apart, until a person decides.
    """


@command.command(
    "list",
    cls=ExampledCommand,
    examples=["connector reviews list", "connector reviews list --kind ambiguous --json"],
)
@click.option("--destination", metavar="NAME", help="Of this destination.")
@click.option("--kind", type=click.Choice(["ambiguous", "recycled_number"]), help="Of this kind.")
@limit_option
@config_option
@json_option
@click.pass_context
def list_(context: click.Context, *, destination: str | None, kind: str | None, limit: int) -> None:
    """List what waits for a decision, the oldest first."""
    with ledger_of(context) as (config, ledger):
        require_heard_of(config, ledger, destination)
        total = ledger.query(count_open_reviews, kind=kind, destination=destination)
        reviews = ledger.query(open_reviews, kind=kind, destination=destination, limit=limit)
        places = ledger.query(Places.of, config)
    found = {"total": total, "items": [review_json(each, places) for each in reviews]}
    if given(context).as_json:
        print_json(found)
    else:
        _tell_list(found)


def _tell_list(found: Mapping[str, Any]) -> None:
    if not found["items"]:
        say(words("Nothing waits for a decision.", "green"))
        return
    now = datetime.now(UTC)
    columns = ("id", "kind", "destination", "contact", "candidates", "waiting", "opened")
    shown = table("Reviews", *columns, numbers=["id", "waiting"])
    for item in found["items"]:
        add_row(
            shown,
            item["id"],
            item["kind"],
            item["destination"] or "-",
            item["contact"],
            ", ".join(each["crm_id"] or each["contact"] for each in item["candidates"]),
            item["waiting"],
            ago(parse_rfc3339(item["opened_at"]), now=now),
        )
    say(shown, "")
    for kind in sorted({item["kind"] for item in found["items"]}):
        first = next(item for item in found["items"] if item["kind"] == kind)
        say(words(kind, "bold"), f"  {first['next']}")
    if found["total"] > len(found["items"]):
        say("", f"{found['total']} in all; --limit shows more.")


@command.command(cls=ExampledCommand, examples=["connector reviews show 3"])
@click.argument("id_", metavar="ID", type=int)
@config_option
@json_option
@click.pass_context
def show(context: click.Context, id_: int) -> None:
    """Show one review: who it is about, and who each candidate is.

    Candidates are read in the CRM now. Exit status 1 if there is no such open review.
    """
    with ledger_of(context) as (config, ledger):
        found = show_review(config, ledger, find_review(ledger, id_))
    if given(context).as_json:
        print_json(found)
    else:
        _tell_one(found)


def _tell_one(found: Mapping[str, Any]) -> None:
    where = f" in {found['destination']}" if found["destination"] else ""
    say(
        words(f"Review {found['id']}: {found['kind']}{where}", "bold"),
        f"  opened {found['opened_at']}; {found['waiting']} messages wait for it",
    )
    if found["note"]:
        say(words(f"  {found['note']}", "yellow"))
    about = {"WhatsApp knows": found["about"] or {}}
    sides = about | {
        each["crm_id"] or each["contact"]: each["fields"] or {} for each in found["candidates"]
    }
    names = list(dict.fromkeys(name for fields in sides.values() for name in fields))
    shown = table("", "", *sides)
    for name in names:
        add_row(shown, name, *(_spell(fields.get(name)) for fields in sides.values()))
    say(shown, "", f"  next: {found['next']}")


def _spell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@command.command(
    cls=ExampledCommand,
    examples=[
        "connector reviews resolve 3 --use 40117",
        "connector reviews resolve 3 --create",
        "connector reviews resolve 4 --different",
    ],
)
@click.argument("id_", metavar="ID", type=int)
@click.option("--use", metavar="CRM_ID", help="The contact is this record of the CRM.")
@click.option("--create", is_flag=True, help="It is none of them: make a new record.")
@click.option("--skip", is_flag=True, help="Do not sync this contact.")
@click.option("--same", is_flag=True, help="One customer: join the contacts. It is not undone.")
@click.option("--different", is_flag=True, help="Two customers: leave them apart.")
@config_option
@json_option
@click.pass_context
def resolve(
    context: click.Context,
    id_: int,
    *,
    use: str | None,
    create: bool,
    skip: bool,
    same: bool,
    different: bool,
) -> None:
    """Decide a review; what waited for it goes on at once.

    Exit status 1 if there is no such open review, or the decision does not fit it.
    """
    flags = {"create": create, "skip": skip, "same": same, "different": different}
    chosen = [name for name, wanted in flags.items() if wanted]
    if use is not None:
        chosen.append(f"use:{use.strip()}")
    if len(chosen) != 1 or chosen[0] == "use:":
        raise click.UsageError("say one of --use CRM_ID, --create, --skip, --same, --different")
    with ledger_of(context) as (_, ledger):
        review = find_review(ledger, id_)
        resolve_review(ledger, review, chosen[0], by=actor())
    if given(context).as_json:
        print_json({"resolved": id_, "kind": review.kind, "resolution": chosen[0]})
    else:
        say(f"Review {id_} is resolved: {chosen[0]}.")
        if review.waiting:
            say(f"{review.waiting} messages go on now.")
