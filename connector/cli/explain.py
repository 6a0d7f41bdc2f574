"""``connector explain``."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click

from connector.cli.answers import add_row, print_json, say, table, words
from connector.cli.examples import ExampledCommand
from connector.cli.options import config_option, given, json_option
from connector.cli.session import ledger_of
from connector.runtime.explanation import explain, tell


@click.command(
    cls=ExampledCommand,
    short_help="Tell the story of one message, contact or CRM record.",
    examples=[
        'connector explain "+55 11 98765-4321"',
        "connector explain wamid.HBgNNTUx...",
    ],
)
@click.argument("id_", metavar="ID")
@config_option
@json_option
@click.pass_context
def command(context: click.Context, id_: str) -> int:
    """Tell the story of one message, contact or CRM record, and what happens to it next.

    ID is a message id (wamid...), a phone, a user id, one of our keys, or the id of a record in a
    CRM. Exit status 1 if nobody knows it.
    """
    with ledger_of(context) as (config, ledger):
        found = explain(ledger, id_, config=config)
    if given(context).as_json:
        print_json(found)
    else:
        _tell(found)
    return 0 if found["found"] else 1


def _tell(found: Mapping[str, Any]) -> None:
    if not found["found"]:
        say(
            words("Nobody knows this id here.", "bold yellow"),
            "It may be misspelt, of another installation, or in a webhook that waits: see "
            "`connector status`.",
        )
        return
    _tell_contact(found["contact"])
    if found["message"]:
        _tell_message(found["message"])
    say("", words("Where it is", "bold"), *tell(found, now=datetime.now(UTC)), "")
    events = table("What happened", "at", "event", "")
    for event in found["story"]:
        add_row(events, event["at"], event["event"], event["detail"])
    say(events)


def _tell_contact(contact: Mapping[str, Any]) -> None:
    known = [contact["name"], contact["phone"], *contact["user_ids"]]
    say(words(f"Contact {' · '.join(filter(None, known))}", "bold"), f"  our key {contact['key']}")
    if contact["merged_into"]:
        say(f"  is one with {contact['merged_into']} by now")
    if contact["erased_at"]:
        say(f"  was erased at {contact['erased_at']}")


def _tell_message(message: Mapping[str, Any]) -> None:
    way = "to" if message["direction"] == "in" else "from"
    status = f", {message['status']}" if message["status"] else ""
    say(
        words(f"Message {message['id'] or '(erased)'}", "bold"),
        f"  {message['type']} {way} {message['number']} at {message['sent_at']}{status}",
        f"  {message['text']}",
    )
