"""``connector resume``."""

import click

from connector.cli.answers import print_json, say
from connector.cli.examples import ExampledCommand
from connector.cli.options import config_option, given, json_option
from connector.cli.session import config_of, require_destination
from connector.runtime.opening import opened_ledger
from connector.runtime.resumption import resume_destination


@click.command(
    cls=ExampledCommand,
    short_help="End a destination's pause now.",
    examples=["connector resume hubspot"],
)
@click.argument("destination")
@config_option
@json_option
@click.pass_context
def command(context: click.Context, destination: str) -> None:
    """End a destination's pause now, instead of at the next probe.

    Mend the reason first, which `connector status` names: a pause begins again where it is still
    there. It also ends the wait after an outage.
    """
    config = config_of(context)
    require_destination(config, destination)
    with opened_ledger(config) as ledger:
        before = resume_destination(ledger, destination)
    if given(context).as_json:
        print_json({"destination": destination, "was": before, "state": "open"})
    elif before == "open":
        say(f"{destination} was open already.")
    else:
        say(f"{destination} was {before} and is open now.")
