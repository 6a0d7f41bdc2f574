"""``connector setup``."""

from collections.abc import Sequence
from typing import Final

import click

from connector.cli.answers import add_row, print_json, say, table, words
from connector.cli.examples import ExampledCommand
from connector.cli.options import config_option, given, json_option
from connector.cli.session import config_of, require_destination
from connector.model.record import Change
from connector.runtime.preparation import prepare_crm

_STYLES: Final = {
    "present": "green",
    "created": "green",
    "wanted": "yellow",
    "absent": "yellow",
    "refused": "bold red",
}


@click.command(
    cls=ExampledCommand,
    short_help="Say what a CRM lacks, and create it.",
    examples=["connector setup hubspot", "connector setup hubspot --apply"],
)
@click.argument("destination")
@click.option("--apply", is_flag=True, help="Create what is missing.")
@config_option
@json_option
@click.pass_context
def command(context: click.Context, *, destination: str, apply: bool) -> int:
    """Say what a CRM lacks of what we need, such as the fields that carry our keys.

    Without --apply nothing is changed. It may be run again at any time. Exit status 1 where the
    CRM refused something.
    """
    config = config_of(context)
    require_destination(config, destination)
    changes = prepare_crm(config, destination, apply=apply)
    if given(context).as_json:
        items = [{"what": c.what, "state": c.state, "detail": c.detail} for c in changes]
        print_json({"destination": destination, "applied": apply, "changes": items})
    else:
        _tell(destination, changes, applied=apply)
    return 1 if any(change.state == "refused" for change in changes) else 0


def _tell(destination: str, changes: Sequence[Change], *, applied: bool) -> None:
    shown = table("", "what", "state", "")
    for change in changes:
        add_row(shown, change.what, words(change.state, _STYLES[change.state]), change.detail)
    say(shown)
    wanted = sum(change.state == "wanted" for change in changes)
    if wanted and not applied:
        say("", f"Nothing was changed. To create it: connector setup {destination} --apply")
    elif not wanted and not any(change.state == "refused" for change in changes):
        say("", words(f"{destination} has all that is needed.", "green"))
